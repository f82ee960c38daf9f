/* test_poller.c - whole steps over loopback: what is sent, what comes back, what is told. */
#include "daemon/remote/credentials.h"
#include "daemon/remote/poller.h"

#include <check.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct event_base *base;
static struct evhttp *server;
static struct http *http;
static struct credentials *credentials;
static struct poller *poller;
static struct remote remote;
static char root[256], params[128];
static const struct id id = { .bytes = { 0x01, 0x97, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1 } };

/* What the service answers next, and what it was asked last. */
static struct {
	int status;
	const char *body;
	const char *header, *value;
	bool silent;
	unsigned requests;
	char line[256], authorization[128], key[128], type[128], sent[256];
} service;

/* What the broker was told, copied. */
static struct {
	unsigned calls;
	struct verdict verdict;
	char result[256], progress[256], captured[256], message[256], code[64], kind[32];
} told;

static void copy_slice(char *ret, size_t size, struct slice slice)
{
	snprintf(ret, size, "%.*s", (int)slice.len, slice.data ? slice.data : "");
}

static void copy_header(char *ret, size_t size, struct evhttp_request *request, const char *name)
{
	const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), name);

	snprintf(ret, size, "%s", value ? value : "");
}

static void on_request(struct evhttp_request *request, void *arg)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(request), *output = evbuffer_new();
	static const char *const methods[] = { [EVHTTP_REQ_GET] = "GET", [EVHTTP_REQ_POST] = "POST" };

	service.requests++;
	snprintf(service.line, sizeof(service.line), "%s %s", methods[evhttp_request_get_command(request)],
	    evhttp_request_get_uri(request));
	copy_header(service.authorization, sizeof(service.authorization), request, "Authorization");
	copy_header(service.key, sizeof(service.key), request, "X-Request-Id");
	copy_header(service.type, sizeof(service.type), request, "Content-Type");
	snprintf(service.sent, sizeof(service.sent), "%.*s", (int)evbuffer_get_length(input),
	    (const char *)evbuffer_pullup(input, -1));
	if (service.silent) {
		evbuffer_free(output);
		event_base_loopbreak(base);
		return;
	}
	if (service.header)
		evhttp_add_header(evhttp_request_get_output_headers(request), service.header, service.value);
	evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "application/json");
	evbuffer_add(output, service.body, strlen(service.body));
	evhttp_send_reply(request, service.status, "Fine", output);
	evbuffer_free(output);
}

static void answer(int status, const char *body)
{
	service.status = status;
	service.body = body;
}

static int64_t wall_ms(void *self)
{
	return 1700000000000;
}

static void write_credential(const char *value)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/google", root);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, value, strlen(value)), (ssize_t)strlen(value));
	close(fd);
}

static void setup(void)
{
	static const char *const dirs[] = { SHIPPED_PROFILES, NULL };
	const struct http_config config = { .body_max = 1000, .user_agent = "futured-test" };
	const struct credentials_config credentials_config = { .directory = root, .wall_ms = wall_ms };
	struct poller_config poller_config = { .profile_dirs = dirs, .body_max = 1000, .wall_ms = wall_ms };
	struct evhttp_bound_socket *bound;
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	memset(&service, 0, sizeof(service));
	memset(&told, 0, sizeof(told));
	unsetenv("CREDENTIALS_DIRECTORY");
	snprintf(root, sizeof(root), "%s/poller.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(root));
	base = event_base_new();
	server = evhttp_new(base);
	evhttp_set_gencb(server, on_request, NULL);
	bound = evhttp_bind_socket_with_handle(server, "127.0.0.1", 0);
	ck_assert_ptr_nonnull(bound);
	getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &len);
	snprintf(params, sizeof(params), "{\"name\": \"operations/a b\", \"base\": \"http://127.0.0.1:%d\"}",
	    ntohs(address.sin_port));
	http = http_new(base, &config);
	credentials = credentials_new(base, http, &credentials_config);
	ck_assert_ptr_nonnull(credentials);
	poller_config.credentials = credentials;
	poller = poller_new(http, &poller_config);
	ck_assert(http && poller);
	poller_remote(poller, &remote);
}

static void teardown(void)
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

static void done(void *arg, const struct verdict *verdict)
{
	if (arg)
		*(struct verdict *)arg = *verdict;
	told.calls++;
	told.verdict = *verdict;
	copy_slice(told.result, sizeof(told.result), verdict->result);
	copy_slice(told.progress, sizeof(told.progress), verdict->progress);
	copy_slice(told.message, sizeof(told.message), verdict->failure.message);
	copy_slice(told.code, sizeof(told.code), verdict->failure.code);
	snprintf(told.captured, sizeof(told.captured), "%s", verdict->captured ? verdict->captured : "");
	snprintf(told.kind, sizeof(told.kind), "%s", verdict->failure.kind ? verdict->failure.kind : "");
}

static struct plan *prepare(const char *spec)
{
	const struct plan_source source = { .profile = slice_from_str("google-lro"), .params = slice_from_str(params),
		.spec = slice_from_str(spec) };
	struct error error = { 0 };
	struct plan_texts texts;
	struct plan *plan;

	ck_assert_msg(remote.prepare(remote.self, &source, &texts, &plan, &error) == 0, "%s", error.message);
	free(texts.spec);
	free(texts.params);
	free(texts.request);
	return plan;
}

static struct step_input input_of(enum step step)
{
	return (struct step_input){ .step = step, .id = &id, .attempt = 1, .timeout_usec = 10000000 };
}

/* Take a step to its end. */
static void take(const struct plan *plan, const struct step_input *input)
{
	unsigned calls = told.calls;
	struct exchange *exchange;
	struct error error = { 0 };

	ck_assert_msg(remote.start(remote.self, plan, input, done, NULL, &exchange, &error) == 0, "%s", error.message);
	ck_assert_uint_eq(told.calls, calls);
	while (told.calls == calls)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(told.calls, calls + 1);
}

START_TEST(a_poll_that_goes_on_and_one_that_ends)
{
	const struct step_input input = input_of(STEP_POLL);
	struct plan *plan = prepare(NULL);

	answer(200, "{\"name\": \"x\", \"metadata\": {\"percent\": 10}}");
	take(plan, &input);
	ck_assert_str_eq(service.line, "GET /v1/operations/a%20b");
	ck_assert_str_eq(service.authorization, "");
	ck_assert_int_eq(told.verdict.outcome, OUTCOME_PENDING);
	ck_assert_str_eq(told.progress, "{\"percent\": 10}");
	ck_assert(told.verdict.sent);
	answer(200, "{\"done\": true, \"response\": {\"value\":1.50}}");
	take(plan, &input);
	ck_assert_int_eq(told.verdict.outcome, OUTCOME_SUCCESS);
	ck_assert_str_eq(told.result, "{\"value\":1.50}");
	answer(200, "{\"done\": true, \"error\": {\"code\": 3, \"message\": \"bad\"}}");
	take(plan, &input);
	ck_assert_int_eq(told.verdict.outcome, OUTCOME_FAILURE);
	ck_assert_str_eq(told.message, "bad");
	ck_assert_str_eq(told.code, "3");
	answer(404, "");
	take(plan, &input);
	ck_assert_int_eq(told.verdict.outcome, OUTCOME_LOST);
	ck_assert_str_eq(told.kind, "lost");
	remote.plan_free(remote.self, plan);
}
END_TEST

START_TEST(a_cancel)
{
	const struct step_input input = input_of(STEP_CANCEL);
	struct plan *plan = prepare(NULL);

	answer(501, "");
	take(plan, &input);
	ck_assert_str_eq(service.line, "POST /v1/operations/a%20b:cancel");
	ck_assert_str_eq(service.sent, "{}");
	ck_assert_str_eq(service.type, "application/json");
	ck_assert_int_eq(told.verdict.outcome, OUTCOME_PENDING);
	ck_assert_int_eq(told.verdict.step, STEP_CANCEL);
	answer(200, "{}");
	take(plan, &input);
	ck_assert_int_eq(told.verdict.outcome, OUTCOME_PENDING);
	remote.plan_free(remote.self, plan);
}
END_TEST

START_TEST(a_submit_captures_and_the_poll_uses_it)
{
	struct step_input input = input_of(STEP_SUBMIT);
	struct plan *plan = prepare("{\"submit\": {\"url\": \"/v1/things:train\", \"json\": {\"of\": \"{id}\", "
	    "\"try\": \"{attempt}\"},"
	    " \"capture\": {\"name\": {\"body\": \"/name\"}}, \"rules\": \"poll\", \"idempotency\": "
	    "\"X-Request-Id\"}}");
	char captured[256];

	ck_assert(plan->has_idempotency);
	input.idempotency = "only-once";
	input.captured = "{\"other\":1}";
	input.attempt = 2;
	answer(200, "{\"name\": \"operations/7\"}");
	take(plan, &input);
	ck_assert_str_eq(service.line, "POST /v1/things:train");
	ck_assert_str_eq(service.sent, "{\"of\":\"01970000-0000-7000-8000-000000000001\",\"try\":2}");
	ck_assert_str_eq(service.key, "only-once");
	ck_assert_int_eq(told.verdict.outcome, OUTCOME_PENDING);
	ck_assert_str_eq(told.captured, "{\"other\":1,\"name\":\"operations/7\"}");
	snprintf(captured, sizeof(captured), "%s", told.captured);
	input = input_of(STEP_POLL);
	input.captured = captured;
	take(plan, &input);
	ck_assert_str_eq(service.line, "GET /v1/operations/7");
	ck_assert_str_eq(service.key, "");
	/* done in the answer to the submit */
	input = input_of(STEP_SUBMIT);
	input.idempotency = "only-once";
	answer(200, "{\"done\": true, \"response\": 5}");
	take(plan, &input);
	ck_assert_int_eq(told.verdict.outcome, OUTCOME_SUCCESS);
	ck_assert_str_eq(told.result, "5");
	remote.plan_free(remote.self, plan);
}
END_TEST

START_TEST(the_credential_is_read_for_each_request)
{
	const struct step_input input = input_of(STEP_POLL);
	struct plan *plan = prepare("{\"credential\": \"google\", \"headers\": {\"Authorization\": \"Bearer "
	    "{credential}\"}}");
	struct exchange *exchange;
	struct error error = { 0 };

	ck_assert_int_lt(remote.start(remote.self, plan, &input, done, NULL, &exchange, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.message, "google"));
	answer(200, "{}");
	write_credential("s3cret\n");
	take(plan, &input);
	ck_assert_str_eq(service.authorization, "Bearer s3cret");
	write_credential("changed");
	take(plan, &input);
	ck_assert_str_eq(service.authorization, "Bearer changed");
	remote.plan_free(remote.self, plan);
}
END_TEST

START_TEST(a_service_that_throttles_or_says_too_much)
{
	const struct step_input input = input_of(STEP_POLL);
	struct plan *plan = prepare(NULL);
	char longer[1200];

	answer(429, "{\"error\": {\"message\": \"slow down\"}}");
	service.header = "Retry-After";
	service.value = "30";
	take(plan, &input);
	ck_assert_int_eq(told.verdict.outcome, OUTCOME_RETRY);
	ck_assert(told.verdict.throttled && !told.verdict.unreachable);
	ck_assert_uint_eq(told.verdict.retry_after_usec, 30000000);
	ck_assert_str_eq(told.verdict.reason, "HTTP 429 Too Many Requests: slow down");
	service.header = NULL;
	memset(longer, ' ', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	answer(200, longer);
	take(plan, &input);
	ck_assert_int_eq(told.verdict.outcome, OUTCOME_FAILURE);
	ck_assert_str_eq(told.kind, "invalid_response");
	ck_assert_str_eq(told.message, "the response is longer than 1000 bytes");
	remote.plan_free(remote.self, plan);
}
END_TEST

START_TEST(a_service_that_is_not_there_or_silent)
{
	struct step_input input = input_of(STEP_POLL);
	struct plan *plan = prepare(NULL);

	service.silent = true;
	input.timeout_usec = 50000;
	take(plan, &input);
	ck_assert_int_eq(told.verdict.outcome, OUTCOME_RETRY);
	ck_assert(told.verdict.unreachable && told.verdict.sent);
	ck_assert_int_eq(told.verdict.http_status, 0);
	remote.plan_free(remote.self, plan);
	snprintf(params, sizeof(params), "{\"name\": \"operations/1\", \"base\": \"http://127.0.0.1:1\"}");
	plan = prepare(NULL);
	take(plan, &input);
	ck_assert_int_eq(told.verdict.outcome, OUTCOME_RETRY);
	ck_assert(told.verdict.unreachable && !told.verdict.sent);
	ck_assert_ptr_nonnull(strstr(told.verdict.reason, "127.0.0.1:1"));
	remote.plan_free(remote.self, plan);
}
END_TEST

START_TEST(an_aborted_exchange_is_never_told)
{
	const struct step_input input = input_of(STEP_POLL);
	struct plan *plan = prepare(NULL);
	struct exchange *exchange, *left;

	service.silent = true;
	ck_assert_int_eq(remote.start(remote.self, plan, &input, done, NULL, &exchange, NULL), 0);
	ck_assert_int_eq(remote.start(remote.self, plan, &input, done, NULL, &left, NULL), 0);
	while (service.requests == 0)
		event_base_loop(base, EVLOOP_ONCE);
	remote.abort(remote.self, exchange);
	event_base_loop(base, EVLOOP_NONBLOCK);
	/* the other one is left to poller_free */
	remote.plan_free(remote.self, plan);
	ck_assert_uint_eq(told.calls, 0);
}
END_TEST

START_TEST(equal_polls_are_one_request)
{
	const struct step_input input = input_of(STEP_POLL);
	struct plan *plan = prepare(NULL);
	struct verdict verdicts[3] = { 0 };
	struct exchange *exchange;

	answer(200, "{\"done\": true, \"response\": 5}");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(remote.start(remote.self, plan, &input, done, &verdicts[i], &exchange, NULL), 0);
	while (told.calls < 3)
		event_base_loop(base, EVLOOP_ONCE);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(verdicts[i].outcome, OUTCOME_SUCCESS);
		ck_assert(verdicts[i].sent && verdicts[i].shared == (i > 0));
		ck_assert_uint_eq(verdicts[i].extra_requests, 0);
	}
	ck_assert_uint_eq(service.requests, 1);
	remote.plan_free(remote.self, plan);
}
END_TEST

START_TEST(a_template_without_a_value_is_not_sent)
{
	struct step_input input = input_of(STEP_POLL);
	struct plan *plan;
	struct exchange *exchange;
	struct error error = { 0 };
	char spec[] = "{\"base\":\"http://127.0.0.1:1\",\"poll\":{\"url\":\"/{gone}\"}}";

	ck_assert_int_eq(remote.compile(remote.self, spec, "{}", &plan, &error), 0);
	ck_assert_int_lt(remote.start(remote.self, plan, &input, done, NULL, &exchange, &error), 0);
	ck_assert_str_eq(error.message, "poll.url: {gone} has no value");
	remote.plan_free(remote.self, plan);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("poller");
	TCase *tcase = tcase_create("poller");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_poll_that_goes_on_and_one_that_ends);
	tcase_add_test(tcase, a_cancel);
	tcase_add_test(tcase, a_submit_captures_and_the_poll_uses_it);
	tcase_add_test(tcase, the_credential_is_read_for_each_request);
	tcase_add_test(tcase, a_service_that_throttles_or_says_too_much);
	tcase_add_test(tcase, a_service_that_is_not_there_or_silent);
	tcase_add_test(tcase, an_aborted_exchange_is_never_told);
	tcase_add_test(tcase, equal_polls_are_one_request);
	tcase_add_test(tcase, a_template_without_a_value_is_not_sent);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
