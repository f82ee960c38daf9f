/* http_fixture.c - a base, a transport and a scripted server; outcomes kept for the test to look at. */
#include "config.h"

#include "tests/daemon/remote/http_fixture.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct event_base *base;
struct http *http;
struct script_server *server;
char url[128];

void fixture_setup(void)
{
	static const struct http_config config = { .body_max = BODY_MAX, .user_agent = "futured-test" };

	signal(SIGPIPE, SIG_IGN);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	http = http_new(base, &config);
	ck_assert_ptr_nonnull(http);
}

void fixture_teardown(void)
{
	http = http_free(http);
	script_server_free(server);
	server = NULL;
	event_base_free(base);
	base = NULL;
}

void fixture_serve(const struct script_step *steps, size_t n_steps)
{
	server = script_server_new(base, NULL, steps, n_steps);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/path?token=s3cret", script_server_port(server));
}

struct http_request fixture_request(const char *method)
{
	return (struct http_request){
		.method = method, .url = url, .timeout_usec = 5000000, .safe_to_resend = true,
	};
}

void fixture_done(void *arg, const struct http_response *response)
{
	struct outcome *outcome = arg;
	size_t i;

	outcome->calls++;
	outcome->transfer = NULL;
	outcome->status = response->status;
	outcome->sent = response->sent;
	outcome->too_large = response->too_large;
	outcome->timed_out = response->timed_out;
	outcome->resends = response->resends;
	snprintf(outcome->error, sizeof(outcome->error), "%s", response->error);
	for (i = 0; i < response->n_headers && i < 64; i++) {
		outcome->headers[i].name = strdup(response->headers[i].name);
		outcome->headers[i].value = strdup(response->headers[i].value);
	}
	outcome->n_headers = i;
	outcome->body_len = response->body_len;
	outcome->body = calloc(1, response->body_len + 1);
	ck_assert_ptr_nonnull(outcome->body);
	if (response->body_len)
		memcpy(outcome->body, response->body, response->body_len);
}

void fixture_start(const struct http_request *request, struct outcome *outcome)
{
	struct error error = { 0 };
	int r;

	memset(outcome, 0, sizeof(*outcome));
	r = http_start(http, request, fixture_done, outcome, &outcome->transfer, &error);
	ck_assert_msg(r == 0, "%d: %s", r, error.message);
	ck_assert_uint_eq(outcome->calls, 0);
}

void fixture_wait_count(const unsigned *count, unsigned target)
{
	while (*count < target)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
}

void fixture_wait(struct outcome *outcome)
{
	fixture_wait_count(&outcome->calls, 1);
	ck_assert_uint_eq(outcome->calls, 1);
}

void fixture_exchange(const struct http_request *request, struct outcome *outcome)
{
	fixture_start(request, outcome);
	fixture_wait(outcome);
}

void outcome_clear(struct outcome *outcome)
{
	size_t i;

	for (i = 0; i < outcome->n_headers; i++) {
		free((char *)outcome->headers[i].name);
		free((char *)outcome->headers[i].value);
	}
	free(outcome->body);
	memset(outcome, 0, sizeof(*outcome));
}

int fixture_run(const char *name, const TTest *const *tests, size_t n_tests)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	size_t i;
	int failed;

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 60);
	for (i = 0; i < n_tests; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
