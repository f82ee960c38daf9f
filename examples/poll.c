/* poll.c - futures in a bare poll() loop, beside another descriptor: takes ids from its input, one a line, and prints each
 * as its future ends, and what is heard of it before.
 *
 *   cc poll.c $(pkg-config --cflags --libs libfutured) -o poll
 *   futurectl list --json | jq -r .id | ./poll
 */
#include <futured.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct program {
	futured *connection;
	unsigned n_live;         /* futures that have not ended */
	bool input_over;
	char line[256];          /* of the input, as far as it has come */
	size_t len;
};

static void on_done(futured_future *future, void *userdata)
{
	struct program *program = userdata;
	const struct futured_error *error = futured_future_error(future);

	printf("%s %s\n", futured_future_id(future), error ? error->message : "succeeded");
	fflush(stdout);
	futured_future_unref(future);
	program->n_live--;
}

static void on_progress(futured_future *future, void *userdata)
{
	printf("%s progress %s\n", futured_future_id(future), futured_future_progress(future));
	fflush(stdout);
}

static void on_trouble(futured_future *future, void *userdata)
{
	printf("%s trouble %s (%llu in a row)\n", futured_future_id(future), futured_future_trouble(future),
	    (unsigned long long)futured_future_attempts(future));
	fflush(stdout);
}

static void take_id(struct program *program, const char *id)
{
	futured_future *future;
	int r;

	r = futured_attach(program->connection, id, 0, on_done, program, &future);
	if (r == 0) {
		program->n_live++;
		r = futured_future_on_progress(future, on_progress, program);
		if (r == 0)
			r = futured_future_on_trouble(future, on_trouble, program);
	}
	if (r < 0)
		fprintf(stderr, "%s: %s\n", id, strerror(-r));
}

/* Read once, and take the lines that are whole. */
static void take_input(struct program *program)
{
	char *newline;
	ssize_t n;

	n = read(STDIN_FILENO, program->line + program->len, sizeof(program->line) - program->len);
	if (n <= 0) {
		program->input_over = n == 0 || errno != EINTR;
		return;
	}
	program->len += (size_t)n;
	while ((newline = memchr(program->line, '\n', program->len))) {
		*newline = '\0';
		take_id(program, program->line);
		program->len -= (size_t)(newline + 1 - program->line);
		memmove(program->line, newline + 1, program->len);
	}
	/* A line of this length is no id. */
	if (program->len == sizeof(program->line))
		program->len = 0;
}

/* Milliseconds until a deadline of the library's, for poll(): upwards, so that it has passed. */
static int until(uint64_t deadline_usec)
{
	uint64_t now = futured_now(), ms;

	if (deadline_usec == FUTURED_TIME_NONE)
		return -1;
	if (deadline_usec <= now)
		return 0;
	ms = (deadline_usec - now + 999) / 1000;
	return ms < 60000 ? (int)ms : 60000;
}

static int run(struct program *program)
{
	struct pollfd fds[2];
	uint64_t deadline;
	int r;

	while (!program->input_over || program->n_live > 0) {
		r = futured_get_timeout(program->connection, &deadline);
		if (r < 0)
			return r;
		/* A negative descriptor is ignored: while there is no connection, only the deadline counts. */
		fds[0] = (struct pollfd){ .fd = futured_get_fd(program->connection),
		    .events = (short)futured_get_events(program->connection) };
		fds[1] = (struct pollfd){ .fd = program->input_over ? -1 : STDIN_FILENO, .events = POLLIN };
		if (poll(fds, 2, until(deadline)) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents)
			take_input(program);
		r = futured_process(program->connection);
		if (r < 0)
			return r;
	}
	return 0;
}

int main(void)
{
	struct program program = { 0 };
	int r;

	r = futured_open(NULL, NULL, &program.connection);
	if (r == 0)
		r = run(&program);
	futured_unref(program.connection);
	if (r < 0)
		fprintf(stderr, "%s\n", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
