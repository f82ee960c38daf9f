/* libuv.c - futures in a loop of libuv: takes ids from its input, a pipe, one a line, and prints each as its future ends.
 *
 *   cc libuv.c $(pkg-config --cflags --libs libfutured libuv) -o libuv
 *   futurectl list --json | jq -r .id | ./libuv
 */
#include <futured-libuv.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct program {
	uv_pipe_t input;
	futured *connection;
	futured_libuv *attached;
	unsigned n_live;         /* futures that have not ended, and one for the input */
	char line[256];          /* of the input, as far as it has come */
	size_t len;
};

/* When nothing is left to wait for, the loop ends. */
static void one_less(struct program *program)
{
	if (--program->n_live > 0)
		return;
	futured_libuv_free(program->attached);
	program->attached = NULL;
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
static void take_id(struct program *program, const char *id)
{
	futured_future *future;
	int r;

	r = futured_attach(program->connection, id, 0, on_done, program, &future);
	if (r == 0)
		program->n_live++;
	else
		fprintf(stderr, "%s: %s\n", id, strerror(-r));
}

/* Where the next bytes go. A line without end is no id. */
static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
	struct program *program = handle->data;

	if (program->len == sizeof(program->line))
		program->len = 0;
	*room = uv_buf_init(program->line + program->len, (unsigned)(sizeof(program->line) - program->len));
}

static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
	struct program *program = stream->data;
	char *newline;

	if (n < 0) {
		uv_close((uv_handle_t *)stream, NULL);
		one_less(program);
		return;
	}
	program->len += (size_t)n;
	while ((newline = memchr(program->line, '\n', program->len))) {
		*newline = '\0';
		take_id(program, program->line);
		program->len -= (size_t)(newline + 1 - program->line);
		memmove(program->line, newline + 1, program->len);
	}
}

int main(void)
{
	struct program program = { .n_live = 1 };
	uv_loop_t *loop = uv_default_loop();
	int r;

	r = futured_open(NULL, NULL, &program.connection);
	if (r == 0)
		r = futured_libuv_new(loop, program.connection, &program.attached);
	if (r == 0)
		r = uv_pipe_init(loop, &program.input, 0);
	program.input.data = &program;
	if (r == 0)
		r = uv_pipe_open(&program.input, STDIN_FILENO);
	if (r == 0)
		r = uv_read_start((uv_stream_t *)&program.input, on_room, on_input);
	if (r < 0)
		futured_libuv_free(program.attached);
	if (r == 0)
		uv_run(loop, UV_RUN_DEFAULT);
	futured_unref(program.connection);
	uv_loop_close(loop);
	/* libuv's numbers are negative errnos, too. */
	if (r < 0)
		fprintf(stderr, "%s\n", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
