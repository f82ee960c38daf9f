/* credentials_fixture.c - a token endpoint, a directory and a clock; what askers are told. */
#include "config.h"

#include "tests/daemon/remote/credentials_fixture.h"

#include "daemon/remote/credential.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct evhttp *endpoint;
char token_url[100], directory[128];
unsigned requests;
char body[1000];
struct evhttp_request *held;
bool hold;
int answer_status;
char answer[400];
const char *retry_after;
int64_t clock_ms;
struct credentials *credentials;
struct credential_source source;
struct credentials_config config;

static int64_t get_clock(void *self)
{
	return clock_ms;
}

void send_answer(struct evhttp_request *request)
{
	const char *number = strchr(answer, '#');
	struct evbuffer *out = evbuffer_new();

	evbuffer_add(out, answer, number ? (size_t)(number - answer) : strlen(answer));
	if (number)
		evbuffer_add_printf(out, "%u%s", requests, number + 1);
	if (retry_after)
		evhttp_add_header(evhttp_request_get_output_headers(request), "Retry-After", retry_after);
	evhttp_send_reply(request, answer_status, "x", out);
	evbuffer_free(out);
}

static void on_token_request(struct evhttp_request *request, void *arg)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(request);
	size_t len = evbuffer_get_length(in);

	requests++;
	ck_assert_uint_lt(len, sizeof(body));
	evbuffer_copyout(in, body, len);
	body[len] = '\0';
	ck_assert_str_eq(evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Type"),
	    "application/x-www-form-urlencoded");
	if (hold)
		held = request;
	else
		send_answer(request);
}

void put(const char *name, const char *text)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, name[0] == '#' ? 0700 : 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

void make(void)
{
	config = (struct credentials_config){
		.directory = directory, .sources = &source, .count = 1, .commands = true, .wall_ms = get_clock,
	};
	credentials = credentials_new(base, http, &config);
	ck_assert_ptr_nonnull(credentials);
}

void make_oauth2(void)
{
	source = (struct credential_source){
		.name = "cloud", .type = CREDENTIAL_OAUTH2, .token_url = token_url, .refresh_token = "cloud.refresh",
		.client_id = "me & you", .client_secret = "cloud.secret", .scope = "read write",
	};
	put("cloud.refresh", "r0/+s3cret\n");
	put("cloud.secret", "c1=s3cret\n");
	make();
}

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");
	struct sockaddr_in address;
	socklen_t len = sizeof(address);
	struct evhttp_bound_socket *bound;

	fixture_setup();
	unsetenv("CREDENTIALS_DIRECTORY");
	snprintf(directory, sizeof(directory), "%s/credentials.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	endpoint = evhttp_new(base);
	bound = evhttp_bind_socket_with_handle(endpoint, "127.0.0.1", 0);
	ck_assert_ptr_nonnull(bound);
	ck_assert_int_eq(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &len), 0);
	evhttp_set_gencb(endpoint, on_token_request, NULL);
	snprintf(token_url, sizeof(token_url), "http://127.0.0.1:%d/token?key=s3cret", ntohs(address.sin_port));
	clock_ms = START_MS;
	answer_status = 200;
	strcpy(answer, "{\"access_token\":\"token-#\",\"expires_in\":3600}");
}

static void teardown(void)
{
	char command[300];

	credentials = credentials_free(credentials);
	http = http_free(http);
	evhttp_free(endpoint);
	fixture_teardown();
	snprintf(command, sizeof(command), "rm -rf '%s' '%s.managed'", directory, directory);
	ck_assert_int_eq(system(command), 0);
}

static void on_told(void *arg, const char *value, const struct error *error);

int ask(const char *name, const char *rejected, struct told *told)
{
	struct error error = { 0 };
	char *value = NULL;
	int r = credentials_get(credentials, name, rejected, on_told, told, &value, &told->wait, &error);

	if (r == 1) {
		snprintf(told->value, sizeof(told->value), "%s", value);
		credential_free(value);
	} else if (r < 0) {
		snprintf(told->message, sizeof(told->message), "%s", error.message);
		ck_assert_ptr_null(strstr(error.message, "s3cret"));
	}
	return r;
}

static void on_told(void *arg, const char *value, const struct error *error)
{
	struct told *told = arg;

	told->calls++;
	told->wait = NULL;
	if (value) {
		snprintf(told->value, sizeof(told->value), "%s", value);
	} else {
		snprintf(told->message, sizeof(told->message), "%s", error->message);
		ck_assert_ptr_null(strstr(error->message, "s3cret"));
	}
	if (told->victim) {
		credentials_cancel(told->victim->wait);
		told->victim->wait = NULL;
	}
	if (told->again)
		ck_assert_int_ge(ask(told->again, told->value, told->next), 0);
}

int get(const char *name, const char *rejected, struct told *told)
{
	int r;

	memset(told, 0, sizeof(*told));
	r = ask(name, rejected, told);
	if (r != 0)
		return r;
	fixture_wait_count(&told->calls, 1);
	return told->message[0] ? -1 : 1;
}

void expect(const char *name, const char *rejected, const char *value)
{
	struct told told;

	ck_assert_msg(get(name, rejected, &told) == 1, "%s", told.message);
	ck_assert_str_eq(told.value, value);
}

void expect_failure(const char *name, const char *rejected, const char *words)
{
	struct told told;

	ck_assert_int_lt(get(name, rejected, &told), 0);
	ck_assert_msg(strstr(told.message, words) != NULL, "%s", told.message);
	ck_assert_ptr_nonnull(strstr(told.message, "credential cloud: "));
}

void expect_file(const char *name, const char *text)
{
	char *value = NULL;
	struct stat st;
	char path[300];

	ck_assert_int_eq(credential_read_own(name, directory, &value, NULL), 0);
	ck_assert_str_eq(value, text);
	credential_free(value);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
}

int credentials_run(const char *name, const TTest *const *tests, size_t n_tests, const TTest *loop, int n_loop)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	for (size_t i = 0; i < n_tests; i++)
		tcase_add_test(tcase, tests[i]);
	if (loop)
		tcase_add_loop_test(tcase, loop, 0, n_loop);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
