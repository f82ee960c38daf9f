/* loopback.c - a poller, and an HTTP service in the same event loop for it to talk to. */
#include "tests/daemon/remote/loopback.h"

#include "daemon/remote/credentials.h"

#include <event2/keyvalq_struct.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct event_base *base;
struct poller *poller;
struct remote remote;
struct id id = { .bytes = { 0x01, 0x97, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1 } };
int port;
unsigned requests;
char lines[256][512], authorization[128], sent[1024];
void (*on_request)(struct evhttp_request *request);

static struct http *http;
static struct credentials *credentials;
static struct evhttp *server;
static char root[256];

static void handle(struct evhttp_request *request, void *arg)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(request);
	const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), "Authorization");

	ck_assert_uint_lt(requests, sizeof(lines) / sizeof(*lines));
	snprintf(lines[requests++], sizeof(*lines), "%s %s",
	    evhttp_request_get_command(request) == EVHTTP_REQ_POST ? "POST" : "GET", evhttp_request_get_uri(request));
	snprintf(authorization, sizeof(authorization), "%s", value ? value : "");
	snprintf(sent, sizeof(sent), "%.*s", (int)evbuffer_get_length(input), (const char *)evbuffer_pullup(input, -1));
	on_request(request);
}

void reply_header(struct evhttp_request *request, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(request), name, value);
}

void reply(struct evhttp_request *request, int status, const char *body)
{
	struct evbuffer *output = evbuffer_new();

	reply_header(request, "Content-Type", "application/json");
	evbuffer_add(output, body, strlen(body));
	evhttp_send_reply(request, status, "Fine", output);
	evbuffer_free(output);
}

static int64_t wall_ms(void *self)
{
	return 1700000000000;
}

void loopback_setup(void)
{
	static const char *const dirs[] = { NULL };
	const struct http_config config = { .body_max = LOOPBACK_BODY_MAX, .user_agent = "futured-test" };
	const struct credentials_config credentials_config = { .directory = root, .wall_ms = wall_ms };
	struct poller_config poller_config = { .profile_dirs = dirs, .streams_max = LOOPBACK_STREAMS_MAX,
		.body_max = LOOPBACK_BODY_MAX, .wall_ms = wall_ms };
	struct evhttp_bound_socket *bound;
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	requests = 0;
	on_request = NULL;
	unsetenv("CREDENTIALS_DIRECTORY");
	snprintf(root, sizeof(root), "%s/loopback.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(root));
	base = event_base_new();
	server = evhttp_new(base);
	evhttp_set_gencb(server, handle, NULL);
	bound = evhttp_bind_socket_with_handle(server, "127.0.0.1", 0);
	ck_assert_ptr_nonnull(bound);
	getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &len);
	port = ntohs(address.sin_port);
	http = http_new(base, &config);
	credentials = credentials_new(base, http, &credentials_config);
	poller_config.credentials = credentials;
	poller = poller_new(http, &poller_config);
	ck_assert(http && credentials && poller);
	poller_remote(poller, &remote);
}

void loopback_teardown(void)
{
	char command[300];

	poller_free(poller);
	credentials_free(credentials);
	http_free(http);
	evhttp_free(server);
	event_base_free(base);
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	ck_assert_int_eq(system(command), 0);
}

void write_credential(const char *name, const char *value)
{
	char path[400];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, value, strlen(value)), (ssize_t)strlen(value));
	close(fd);
}

struct plan *make_plan(const char *spec, const char *params)
{
	struct error error = { 0 };
	struct plan *plan;
	char text[1024];

	snprintf(text, sizeof(text), "{\"base\": \"http://127.0.0.1:%d\"%s%s}", port, *params ? ", " : "", params);
	ck_assert_msg(remote.compile(remote.self, spec, text, &plan, &error) == 0, "%s", error.message);
	return plan;
}

struct step_input input_of(enum step step)
{
	return (struct step_input){ .step = step, .id = &id, .attempt = 1, .timeout_usec = UINT64_MAX };
}

static void on_limit(evutil_socket_t fd, short what, void *arg)
{
	ck_abort_msg("nothing happened for three seconds");
}

struct event *loopback_limit(void)
{
	static const struct timeval three_seconds = { .tv_sec = 3 };
	struct event *limit = event_new(base, -1, 0, on_limit, NULL);

	event_add(limit, &three_seconds);
	return limit;
}

void run_a_little(void)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}
