/* python_server.c - a server written in Python beside the test, as a process of its own that is spoken to in lines. */
#include "config.h"

#include "tests/daemon/remote/python_server.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(const char *path, const char *argument, int in, int out)
{
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	execlp("python3", "python3", "-B", path, argument, (char *)NULL);
	_exit(127);
}

void python_server_start(const char *script, const char *argument, struct python_server *ret)
{
	const char *source = getenv("srcdir");
	char path[512], line[256];
	int in[2], out[2];

	snprintf(path, sizeof(path), "%s/tests/daemon/remote/%s", source ? source : ".", script);
	ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	ret->pid = fork();
	ck_assert_int_ge(ret->pid, 0);
	if (ret->pid == 0)
		run(path, argument, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	ret->to = fdopen(in[1], "w");
	ret->from = fdopen(out[0], "r");
	ck_assert(ret->to && ret->from);
	ck_assert_msg(fgets(line, sizeof(line), ret->from) != NULL, "%s does not start", path);
	memset(ret->rest, 0, sizeof(ret->rest));
	ck_assert_int_ge(sscanf(line, "%d %199s", &ret->port, ret->rest), 1);
}

void python_server_ask(struct python_server *server, const char *line, char *ret, size_t size)
{
	ck_assert_int_gt(fprintf(server->to, "%s\n", line), 0);
	ck_assert_int_eq(fflush(server->to), 0);
	ck_assert_ptr_nonnull(fgets(ret, (int)size, server->from));
	ret[strcspn(ret, "\n")] = '\0';
}

void python_server_stop(struct python_server *server)
{
	fclose(server->to);
	fclose(server->from);
	ck_assert_int_eq(waitpid(server->pid, NULL, 0), server->pid);
}
