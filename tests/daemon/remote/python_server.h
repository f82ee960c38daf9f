/* python_server.h - a server written in Python beside the test, as a process of its own that is spoken to in lines. */
#ifndef TESTS_PYTHON_SERVER_H
#define TESTS_PYTHON_SERVER_H

#include <stdio.h>
#include <sys/types.h>

struct python_server {
	pid_t pid;
	FILE *to, *from;               /* its standard input and output */
	int port;
	char rest[200];                /* of the line that it opens with, after the port */
};

/* Start tests/daemon/remote/SCRIPT with one argument (NULL: none). It prints its port first, and ends when its
 * standard input does. */
void python_server_start(const char *script, const char *argument, struct python_server *ret);

/* Write a line and read one, without its end, into ret. */
void python_server_ask(struct python_server *server, const char *line, char *ret, size_t size);

void python_server_stop(struct python_server *server);

#endif
