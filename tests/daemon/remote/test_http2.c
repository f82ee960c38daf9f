/* test_http2.c - many requests on one connection, and what becomes of them when it ends badly. */
#include "config.h"

#include "tests/daemon/remote/http_fixture.h"
#include "tests/daemon/remote/python_server.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MANY 50

static struct python_server peer;
static struct outcome outcomes[MANY];

static bool allowed;

static bool vet_as_told(void *arg, const struct sockaddr *address)
{
	(void)arg;
	(void)address;
	return allowed;
}

static void serve(const char *words)
{
	char ca_file[256];
	struct http_config config = { .body_max = BODY_MAX, .user_agent = "futured-test", .ca_file = ca_file,
		.vet = vet_as_told };

	allowed = true;

	python_server_start("h2_server.py", words, &peer);
	snprintf(ca_file, sizeof(ca_file), "%s", peer.rest);
	http_configure(http, &config);
	/* all is copied */
	memset(ca_file, 0, sizeof(ca_file));
	snprintf(url, sizeof(url), "https://localhost:%d/path?token=s3cret", peer.port);
}

static void get_counts(unsigned *ret_requests, unsigned *ret_connections)
{
	char line[64];

	python_server_ask(&peer, "", line, sizeof(line));
	ck_assert_int_eq(sscanf(line, "%u %u", ret_requests, ret_connections), 2);
}

static struct http_request http2_request(bool submit)
{
	struct http_request request = fixture_request(submit ? "POST" : "GET");

	request.http2 = true;
	request.safe_to_resend = !submit;
	if (submit) {
		request.body = "x";
		request.body_len = 1;
	}
	return request;
}

/* Start many at once. All are answered. */
static void run_polls(unsigned count)
{
	struct http_request request = http2_request(false);
	unsigned i;

	for (i = 0; i < count; i++)
		fixture_start(&request, &outcomes[i]);
	for (i = 0; i < count; i++) {
		fixture_wait(&outcomes[i]);
		ck_assert_msg(outcomes[i].status == 200, "%u: %s", i, outcomes[i].error);
		ck_assert_str_eq(outcomes[i].body, "ok");
		outcome_clear(&outcomes[i]);
	}
}

static const struct {
	const char *words;
	unsigned requests, connections;
} deaths[] = {
	{ "ok", MANY, 1 },
	{ "drop:50,ok", 2 * MANY, 2 },
	{ "half:50,ok", 2 * MANY, 2 },
	{ "goaway:50,ok", 2 * MANY, 2 },
};

/* All that were on the connection meet on the next one, and none fails. */
START_TEST(test_deaths)
{
	unsigned requests, connections;

	serve(deaths[_i].words);
	run_polls(MANY);
	get_counts(&requests, &connections);
	ck_assert_uint_eq(requests, deaths[_i].requests);
	ck_assert_uint_eq(connections, deaths[_i].connections);
}
END_TEST

/* Each takes the connection out of use; how many are on it by then is chance. */
START_TEST(test_refused_streams)
{
	unsigned requests, connections;

	serve("refuse:3,refuse:1,ok");
	run_polls(MANY);
	get_counts(&requests, &connections);
	ck_assert_uint_gt(requests, MANY);
	ck_assert_uint_ge(connections, 2);
	ck_assert_uint_le(connections, 4);
}
END_TEST

/* On a connection that is busy there is no other occasion to ask than each request. */
START_TEST(test_not_allowed_any_more)
{
	struct http_request request = http2_request(false);
	unsigned requests, connections;

	serve("ok");
	run_polls(MANY);
	allowed = false;
	for (unsigned i = 0; i < MANY; i++)
		fixture_start(&request, &outcomes[i]);
	for (unsigned i = 0; i < MANY; i++) {
		fixture_wait(&outcomes[i]);
		ck_assert_msg(strstr(outcomes[i].error, "is not allowed") != NULL, "%s", outcomes[i].error);
		ck_assert(!outcomes[i].sent);
		outcome_clear(&outcomes[i]);
	}
	get_counts(&requests, &connections);
	ck_assert_uint_eq(requests, MANY);
	ck_assert_uint_eq(connections, 1);
	allowed = true;
	run_polls(MANY);
}
END_TEST

/* A service that breaks off every connection is not asked for ever. */
START_TEST(test_hopeless)
{
	struct http_request request = http2_request(false);
	unsigned requests, connections, i;

	serve("drop:1");
	for (i = 0; i < 10; i++)
		fixture_start(&request, &outcomes[i]);
	for (i = 0; i < 10; i++) {
		fixture_wait(&outcomes[i]);
		ck_assert_int_eq(outcomes[i].status, 0);
		ck_assert_msg(!strstr(outcomes[i].error, "timed out"), "%s", outcomes[i].error);
		outcome_clear(&outcomes[i]);
	}
	/* one that is behind another on its connection may never be looked at */
	get_counts(&requests, &connections);
	ck_assert_uint_ge(requests, 2);
	ck_assert_uint_le(requests, 10 * 16);
}
END_TEST

static const struct {
	const char *words;
	int status;
	bool sent;
	unsigned requests;
} submits[] = {
	{ "ok", 200, true, 1 },
	{ "drop:1,ok", 0, true, 1 },
	{ "half:1,ok", 0, true, 1 },
	/* it says so too, but libcurl does not tell */
	{ "goaway:1,ok", 0, true, 1 },
	{ "refuse:1,ok", 200, true, 2 },
	{ "refuse:1", 0, false, 6 },
};

/* What must not arrive twice goes out again only where the service said that it has not looked at it. */
START_TEST(test_submits)
{
	struct http_request request = http2_request(true);
	unsigned requests, connections;
	struct outcome outcome;

	serve(submits[_i].words);
	fixture_exchange(&request, &outcome);
	ck_assert_msg(outcome.status == submits[_i].status, "%d %s", outcome.status, outcome.error);
	ck_assert_msg(outcome.sent == submits[_i].sent, "%s", outcome.error);
	outcome_clear(&outcome);
	get_counts(&requests, &connections);
	ck_assert_uint_eq(requests, submits[_i].requests);
}
END_TEST

/* A poll that joined its connection would make libcurl believe that the connection was an old one. */
START_TEST(test_submit_is_alone)
{
	struct http_request request = http2_request(true);
	struct outcome submit, outcome;
	unsigned requests = 0, connections;

	serve("drop:2,ok");
	fixture_start(&request, &submit);
	while (requests < 1) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		get_counts(&requests, &connections);
	}
	request = http2_request(false);
	fixture_exchange(&request, &outcome);
	ck_assert_msg(outcome.status == 200, "%s", outcome.error);
	outcome_clear(&outcome);
	get_counts(&requests, &connections);
	ck_assert_uint_eq(requests, 2);
	ck_assert_uint_eq(connections, 2);
	ck_assert_uint_eq(submit.calls, 0);
	http_abort(submit.transfer);
}
END_TEST

/* HTTP/2 only where it is asked for: this server has nothing else to offer. */
START_TEST(test_not_asked_for)
{
	struct http_request request = http2_request(false);
	struct outcome outcome;

	serve("ok");
	request.http2 = false;
	fixture_exchange(&request, &outcome);
	ck_assert_int_eq(outcome.status, 0);
	outcome_clear(&outcome);
}
END_TEST

static void teardown(void)
{
	fixture_teardown();
	python_server_stop(&peer);
}

int main(void)
{
	Suite *suite = suite_create("http2");
	TCase *tcase = tcase_create("http2");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, fixture_setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_deaths, 0, COUNT(deaths));
	tcase_add_test(tcase, test_not_allowed_any_more);
	tcase_add_test(tcase, test_refused_streams);
	tcase_add_test(tcase, test_hopeless);
	tcase_add_loop_test(tcase, test_submits, 0, COUNT(submits));
	tcase_add_test(tcase, test_submit_is_alone);
	tcase_add_test(tcase, test_not_asked_for);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
