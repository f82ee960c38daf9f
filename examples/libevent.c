/* libevent.c - futures in a loop of libevent: takes ids from its input, one a line, and prints each as its future ends.
 *
 *   cc libevent.c $(pkg-config --cflags --libs libfutured libevent_core) -o libevent
 *   futurectl list --json | jq -r .id | ./libevent
 */
#include <futured-libevent.h>

#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct program {
	struct event_base *base;
	struct event *input;
	struct evbuffer *lines;
	futured *connection;
	futured_libevent *attached;
	unsigned n_live;         /* futures that have not ended, and one for the input */
};

static void one_less(struct program *program)
{
	if (--program->n_live == 0)
		event_base_loopbreak(program->base);
}

static void on_done(futured_future *future, void *userdata)
{
	const struct futured_error *error = futured_future_error(future);

	printf("%s %s\n", futured_future_id(future), error ? error->message : "succeeded");
	fflush(stdout);
	futured_future_unref(future);
	one_less(userdata);
}

/* Work that begins outside the library's callbacks: the attached connection notices by itself. */
static void on_input(evutil_socket_t fd, short what, void *userdata)
{
	struct program *program = userdata;
	int n = evbuffer_read(program->lines, fd, -1), r;
	futured_future *future;
	char *line;

	while ((line = evbuffer_readln(program->lines, NULL, EVBUFFER_EOL_LF))) {
		r = futured_attach(program->connection, line, 0, on_done, program, &future);
		if (r == 0)
			program->n_live++;
		else
			fprintf(stderr, "%s: %s\n", line, strerror(-r));
		free(line);
	}
	if (n <= 0) {
		event_del(program->input);
		one_less(program);
	}
}

int main(void)
{
	struct program program = { .n_live = 1 };
	int r;

	program.base = event_base_new();
	program.lines = evbuffer_new();
	if (!program.base || !program.lines)
		return EXIT_FAILURE;
	program.input = event_new(program.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, &program);
	r = futured_open(NULL, NULL, &program.connection);
	if (r == 0)
		r = futured_libevent_new(program.base, program.connection, &program.attached);
	if (r == 0 && (!program.input || event_add(program.input, NULL) < 0 || event_base_dispatch(program.base) < 0))
		r = -EIO;
	futured_libevent_free(program.attached);
	futured_unref(program.connection);
	if (program.input)
		event_free(program.input);
	evbuffer_free(program.lines);
	event_base_free(program.base);
	if (r < 0)
		fprintf(stderr, "%s\n", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
