/* script_server.h - a TCP or unix server that answers each request with the next step of a script, byte by byte. */
#ifndef TESTS_SCRIPT_SERVER_H
#define TESTS_SCRIPT_SERVER_H

#include <stddef.h>

struct event_base;
struct script_server;

enum script_then {
	SCRIPT_KEEP,                   /* wait for the next request on the connection */
	SCRIPT_CLOSE,
	SCRIPT_RESET,                  /* with a TCP reset */
	SCRIPT_REPEAT                  /* the bytes again and again, until the peer closes */
};

struct script_step {
	const char *bytes;             /* "": say nothing */
	size_t len;                    /* 0: strlen(bytes) */
	enum script_then then;
	const char *repeat;            /* for SCRIPT_REPEAT: what follows bytes, over and over */
};

/* On 127.0.0.1, or on the unix socket path when that is not NULL. steps are borrowed; after the last one
 * every request is left without an answer. Fails the test when it cannot start. */
struct script_server *script_server_new(struct event_base *base, const char *path,
    const struct script_step *steps, size_t n_steps);
void script_server_free(struct script_server *server);

int script_server_port(const struct script_server *server);
unsigned script_server_connections(const struct script_server *server);
unsigned script_server_requests(const struct script_server *server);
/* The request that came last, head and body, NUL-terminated; borrowed until the next one. */
const char *script_server_last(const struct script_server *server);
/* Called for each complete request, before it is answered. */
void script_server_on_request(struct script_server *server, void (*call)(void *arg), void *arg);

#endif
