/* test_batch.c - list requests over loopback: what is asked, page by page, and what each member is told. */
#include "tests/daemon/remote/batch_fixture.h"

#include "daemon/remote/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(each_is_told_of_its_own_item)
{
	add_numbers(SPEC(PAGED), 4);
	add(SPEC(PAGED), "\"2\"");                  /* an id is compared as text, and may be of several */
	answer(200, "{\"data\": [{\"id\": 1, \"state\": \"done\", \"out\": {\"v\":1.50}}, {\"id\": 99, \"state\": \"done\"},"
	    " {\"id\": \"2\", \"state\": \"bad\", \"why\": \"oil\"}], \"last\": \"t/2\", \"more\": true}");
	answer(200, "{\"data\": [{\"id\": 3, \"state\": \"run\", \"rev\": 8}, {\"id\": 1, \"state\": \"bad\"}], "
	    "\"last\": \"x\", \"more\": false}");
	members[2].input.captured = "{\"old\": 1}";
	run();
	ck_assert_uint_eq(requests, 2);
	ck_assert_str_eq(lines[0], "GET /list?n=2");
	ck_assert_str_eq(lines[1], "GET /list?n=2&after=t%2F2");
	ck_assert_uint_eq(calls, 6);
	ck_assert_int_eq(told[0].verdict.outcome, OUTCOME_SUCCESS);
	ck_assert_str_eq(told[0].result, "{\"v\":1.50}");
	ck_assert_int_eq(told[1].verdict.outcome, OUTCOME_FAILURE);
	ck_assert_str_eq(told[1].message, "oil");
	ck_assert_int_eq(told[4].verdict.outcome, OUTCOME_FAILURE);
	ck_assert_int_eq(told[2].verdict.outcome, OUTCOME_PENDING);
	ck_assert_str_eq(told[2].captured, "{\"old\":1,\"rev\":8}");
	ck_assert_int_eq(told[3].verdict.outcome, OUTCOME_MISSING);
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(told[i].verdict.step, STEP_POLL);
		ck_assert(told[i].verdict.shared && told[i].verdict.extra_requests == 0);
	}
	ck_assert_int_eq(told[count].verdict.step, STEP_LIST);
	ck_assert_int_eq(told[count].verdict.outcome, OUTCOME_PENDING);
	ck_assert_int_eq(told[count].verdict.http_status, 200);
	ck_assert(told[count].verdict.sent && !told[count].verdict.shared);
	ck_assert_uint_eq(told[count].verdict.extra_requests, 1);
}
END_TEST

START_TEST(no_page_is_asked_for_in_vain)
{
	add_numbers(SPEC(PAGED), 2);
	answer(200, "{\"data\": [{\"id\": 2}, {\"id\": 1}], \"last\": \"t\", \"more\": true}");
	run();
	ck_assert_uint_eq(requests, 1);
	check_all(OUTCOME_PENDING);
	/* nor when those who wait for it have gone */
	answers[0].body = "{\"data\": [{\"id\": 2}], \"last\": \"t\", \"more\": true}";
	start();
	remote.drop_member(remote.self, exchange, 0);
	finish();
	ck_assert_uint_eq(requests, 1);
	ck_assert_uint_eq(told[0].calls, 0);
	ck_assert_uint_eq(told[1].calls, 1);
}
END_TEST

START_TEST(what_the_list_does_not_have)
{
	static const struct {
		const char *spec;
		enum outcome outcome;
	} rows[] = {
		{ SPEC(PAGED), OUTCOME_MISSING },
		{ SPEC(PAGED ", \"missing\": \"poll\""), OUTCOME_MISSING },
		{ SPEC(PAGED ", \"missing\": \"pending\""), OUTCOME_PENDING },
		{ SPEC(PAGED ", \"missing\": \"lost\""), OUTCOME_LOST },
	};

	answer(200, "{\"data\": [{\"id\": 9}], \"last\": \"t\", \"more\": false}");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		add_numbers(rows[i].spec, 1);
	run();
	for (size_t i = 0; i < count; i++) {
		ck_assert_uint_eq(told[i].calls, 1);
		ck_assert_int_eq(told[i].verdict.outcome, rows[i].outcome);
	}
	ck_assert_str_eq(told[3].kind, "lost");
	ck_assert_str_eq(told[3].message, "the service no longer knows it: its list does not have it");
	ck_assert_int_eq(told[count].verdict.outcome, OUTCOME_PENDING);
	/* a service that leads in a circle has not shown all of its list: nothing is lost yet */
	n_answers = 0;
	answer(200, "{\"data\": [], \"last\": \"t\", \"more\": true}");
	run();
	ck_assert_uint_eq(requests, 2);
	check_all(OUTCOME_MISSING);
}
END_TEST

static void endless(struct evhttp_request *request)
{
	char body[64];

	snprintf(body, sizeof(body), "{\"data\": [], \"last\": %u, \"more\": true}", requests);
	reply(request, 200, body);
}

START_TEST(a_list_without_end)
{
	add_numbers(SPEC(PAGED ", \"missing\": \"lost\""), 1);
	on_request = endless;
	run();
	ck_assert_uint_eq(requests, REMOTE_PAGES_MAX);
	ck_assert_str_eq(lines[99], "GET /list?n=2&after=99");
	check_all(OUTCOME_MISSING);
	ck_assert_uint_eq(told[count].verdict.extra_requests, REMOTE_PAGES_MAX - 1);
}
END_TEST

START_TEST(ids_that_are_sent)
{
	add(SPEC("\"url\": \"/list\", \"query\": {\"id\": \"{ids}\"}, \"max\": 9, \"join\": \",\", \"items\": \"/data\""),
	    "\"b\"");
	ck_assert_uint_eq(plans[0]->batch_max, 9);
	add(SPEC("\"url\": \"/\", \"id\": \"/id\""), "\"c d\"");
	add(SPEC("\"url\": \"/\", \"id\": \"/id\""), "\"b\"");
	add(SPEC("\"url\": \"/\", \"id\": \"/id\""), "7");
	/* the names of an object are ids too */
	answer(200, "{\"data\": {\"b\": {\"state\": \"done\", \"out\": 1}, \"7\": {}, \"c d\": {\"state\": \"bad\"}}}");
	run();
	ck_assert_uint_eq(requests, 1);
	ck_assert_str_eq(lines[0], "GET /list?id=7%2Cb%2Cc%20d");
	ck_assert_int_eq(told[0].verdict.outcome, OUTCOME_SUCCESS);
	ck_assert_int_eq(told[1].verdict.outcome, OUTCOME_FAILURE);
	ck_assert_int_eq(told[2].verdict.outcome, OUTCOME_SUCCESS);
	ck_assert_int_eq(told[3].verdict.outcome, OUTCOME_PENDING);
}
END_TEST

START_TEST(ids_that_are_sent_as_a_list)
{
	add(SPEC("\"method\": \"POST\", \"url\": \"/list\", \"query\": {\"id\": \"{ids}\"}, \"json\": {\"all\": \"{ids}\"},"
	    " \"max\": 9, \"id\": \"/id\""), "12");
	add(SPEC("\"url\": \"/\", \"id\": \"/id\""), "\"x\"");
	answer(200, "[{\"id\": 12}, {\"id\": \"x\"}]");
	run();
	ck_assert_str_eq(lines[0], "POST /list?id=12&id=x");
	ck_assert_str_eq(sent, "{\"all\":[12,\"x\"]}");
	check_all(OUTCOME_PENDING);
}
END_TEST

START_TEST(pages_by_url)
{
	char body[128];

	add_numbers(SPEC("\"url\": \"/v1/list\", \"query\": {\"n\": 1}, \"id\": \"/id\", \"items\": \"/data\","
	    " \"next\": {\"url\": {\"body\": \"/next\"}}"), 4);
	answer(200, "{\"data\": [{\"id\": 1}], \"next\": \"more/list?page=2\"}");
	answer(200, "{\"data\": [{\"id\": 2}], \"next\": \"list?page=3\"}");
	snprintf(body, sizeof(body), "{\"data\": [{\"id\": 3}], \"next\": \"http://127.0.0.1:%d/last\"}", port);
	answer(200, body);
	answer(200, "{\"data\": [{\"id\": 4}], \"next\": null}");
	run();
	ck_assert_uint_eq(requests, 4);
	ck_assert_str_eq(lines[0], "GET /v1/list?n=1");
	ck_assert_str_eq(lines[1], "GET /v1/more/list?page=2");
	ck_assert_str_eq(lines[2], "GET /v1/more/list?page=3");
	ck_assert_str_eq(lines[3], "GET /last");
	check_all(OUTCOME_PENDING);
}
END_TEST

START_TEST(a_list_that_is_none_is_tried_again)
{
	static const struct {
		int status;
		const char *body, *reason;
	} rows[] = {
		{ 500, "", "HTTP 500 Internal Server Error" },
		{ 503, "", "HTTP 503" },
		{ 200, "<html>", "the list cannot be read: a value was expected at byte 0" },
		{ 200, "{\"data\": 7}", "the list cannot be read: \"items\" leads to no array at byte 0" },
		{ 418, "", "HTTP 418" },
	};
	add_numbers(SPEC(PAGED), 2);
	n_answers = 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		answers[0].status = rows[i].status;
		answers[0].body = rows[i].body;
		run();
		ck_assert_uint_eq(calls, 1);
		ck_assert_int_eq(told[count].verdict.outcome, OUTCOME_RETRY);
		ck_assert_int_eq(told[count].verdict.http_status, rows[i].status);
		ck_assert_msg(strncmp(told[count].verdict.reason, rows[i].reason, strlen(rows[i].reason)) == 0, "\"%s\"",
		    told[count].verdict.reason);
		ck_assert(!told[count].verdict.throttled && !told[count].verdict.unreachable);
	}
	/* the rule for 418 has a delay */
	ck_assert(told[count].verdict.has_delay);
	ck_assert_uint_eq(told[count].verdict.delay_usec, 7000000);
	answers[0].status = 429;
	answers[0].name = "Retry-After";
	answers[0].value = "12";
	run();
	ck_assert_uint_eq(calls, 1);
	ck_assert_int_eq(told[count].verdict.outcome, OUTCOME_RETRY);
	ck_assert(told[count].verdict.throttled && told[count].verdict.has_retry_after);
	ck_assert_uint_eq(told[count].verdict.retry_after_usec, 12000000);
}
END_TEST

START_TEST(a_service_that_is_not_there)
{
	port = 1;
	add_numbers(SPEC(PAGED), 2);
	run();
	ck_assert_uint_eq(calls, 1);
	ck_assert_int_eq(told[count].verdict.outcome, OUTCOME_RETRY);
	ck_assert(told[count].verdict.unreachable && !told[count].verdict.sent);
	ck_assert_ptr_nonnull(strstr(told[count].verdict.reason, "127.0.0.1:1"));
}
END_TEST

START_TEST(another_status_leaves_each_to_itself)
{
	/* what rules make of these statuses is about one operation, not about the list */
	static const int statuses[] = { 403, 404, 409, 301 };

	add_numbers(SPEC(PAGED ", \"missing\": \"lost\""), 2);
	n_answers = 1;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		answers[0].status = statuses[i];
		answers[0].body = "";
		run();
		check_all(OUTCOME_MISSING);
		ck_assert_int_eq(told[count].verdict.outcome, OUTCOME_PENDING);
		ck_assert_int_eq(told[count].verdict.http_status, statuses[i]);
	}
}
END_TEST

START_TEST(a_page_that_is_too_long_leaves_each_to_itself)
{
	char *body = malloc(LOOPBACK_BODY_MAX + 2);

	memset(body, ' ', LOOPBACK_BODY_MAX + 1);
	body[LOOPBACK_BODY_MAX + 1] = '\0';
	add_numbers(SPEC(PAGED), 2);
	answer(200, body);
	run();
	check_all(OUTCOME_MISSING);
	ck_assert_int_eq(told[count].verdict.outcome, OUTCOME_PENDING);
	free(body);
}
END_TEST

START_TEST(what_pages_told_stands_when_a_later_one_fails)
{
	add_numbers(SPEC(PAGED), 2);
	answer(200, "{\"data\": [{\"id\": 1, \"state\": \"done\", \"out\": 1}], \"last\": \"t\", \"more\": true}");
	answer(503, "");
	run();
	ck_assert_uint_eq(calls, 2);
	ck_assert_int_eq(told[0].verdict.outcome, OUTCOME_SUCCESS);
	ck_assert_uint_eq(told[1].calls, 0);
	ck_assert_int_eq(told[count].verdict.outcome, OUTCOME_RETRY);
	ck_assert_uint_eq(told[count].verdict.extra_requests, 1);
}
END_TEST

START_TEST(items_may_have_rules_of_their_own)
{
	add_numbers(SPEC(PAGED ", \"rules\": [{\"when\": {\"body\": {\"/s\": \"{job}\"}}, \"then\": \"success\"}]"), 1);
	answer(200, "{\"data\": [{\"id\": 1, \"state\": \"bad\", \"s\": 1}]}");
	run();
	ck_assert_int_eq(told[0].verdict.outcome, OUTCOME_SUCCESS);
	ck_assert_str_eq(told[0].result, "{\"id\": 1, \"state\": \"bad\", \"s\": 1}");
}
END_TEST

START_TEST(a_member_whose_id_is_not_known_yet)
{
	/* its first poll, alone, will capture it */
	static const char spec[] = "{\"base\": \"{base}\", \"poll\": {\"url\": \"/jobs\", \"capture\": {\"job\": {\"body\": "
	    "\"/job\"}}}, \"polling\": {\"batch\": {\"is\": \"{job}\", \"missing\": \"lost\", " PAGED "}}}";

	add(spec, NULL);
	add(spec, NULL);
	answer(200, "{\"data\": [], \"last\": 2, \"more\": true}");
	answer(200, "{\"data\": [{\"id\": 5}]}");
	members[1].input.captured = "{\"job\": 5}";
	run();
	ck_assert_uint_eq(requests, 2);
	ck_assert_int_eq(told[0].verdict.outcome, OUTCOME_MISSING);
	ck_assert_int_eq(told[1].verdict.outcome, OUTCOME_PENDING);
	/* that it goes is nothing to the others */
	start();
	remote.drop_member(remote.self, exchange, 0);
	finish();
	ck_assert_uint_eq(requests, 2);
	ck_assert_int_eq(told[1].verdict.outcome, OUTCOME_PENDING);
	/* nobody's is known */
	members[1].input.captured = NULL;
	run();
	check_all(OUTCOME_MISSING);
}
END_TEST

#define SECRET_SPEC \
	"{\"base\": \"{base}\", \"credential\": \"key\", \"headers\": {\"Authorization\": \"Bearer {credential}\"}, \"poll\": " \
	"{\"url\": \"/jobs/{job}\", \"rules\": " RULES "}, \"polling\": {\"batch\": {\"is\": \"{job}\", " PAGED "}}}"

static void refuse_the_old_one(struct evhttp_request *request)
{
	if (strcmp(authorization, "Bearer new") == 0) {
		respond(request);
		return;
	}
	write_credential("key", "new");
	reply(request, 401, "");
}

static void refuse_all(struct evhttp_request *request)
{
	write_credential("key", requests % 2 ? "odd" : "even");
	reply(request, 401, "");
}

START_TEST(a_refused_credential_is_read_again_once)
{
	write_credential("key", "old");
	add_numbers(SECRET_SPEC, 1);
	answer(200, "{\"data\": [{\"id\": 1}]}");
	on_request = refuse_the_old_one;
	run();
	ck_assert_uint_eq(requests, 2);
	check_all(OUTCOME_PENDING);
	ck_assert_uint_eq(told[count].verdict.extra_requests, 1);
	on_request = refuse_all;
	run();
	ck_assert_uint_eq(requests, 2);
	ck_assert_uint_eq(calls, 1);
	ck_assert_int_eq(told[count].verdict.outcome, OUTCOME_RETRY);
	ck_assert_uint_eq(told[count].verdict.extra_requests, 1);
}
END_TEST

START_TEST(a_request_that_cannot_be_built)
{
	struct error error = { 0 };

	add_numbers(SECRET_SPEC, 1);
	ck_assert_int_lt(try_start(&error), 0);
	ck_assert_ptr_nonnull(strstr(error.message, "key"));
	run_a_little();
	ck_assert_uint_eq(calls, 0);
}
END_TEST

/* The plan of a member that is dropped goes at once. */
static void drop(size_t i)
{
	remote.drop_member(remote.self, exchange, i);
	remote.plan_free(remote.self, plans[i]);
	plans[i] = NULL;
}

START_TEST(members_that_are_dropped_on_the_way)
{
	add_numbers(SPEC(PAGED), 3);
	answer(200, "{\"data\": [{\"id\": 1}, {\"id\": 3}], \"last\": \"t\", \"more\": true}");
	answer(200, "{\"data\": [{\"id\": 2}]}");
	start();
	/* the first one's plan made the request, which goes on for the others: the second page too */
	drop(0);
	finish();
	ck_assert_uint_eq(requests, 2);
	ck_assert_uint_eq(told[0].calls, 0);
	ck_assert_int_eq(told[1].verdict.outcome, OUTCOME_PENDING);
	ck_assert_int_eq(told[2].verdict.outcome, OUTCOME_PENDING);
}
END_TEST

static void drop_another(size_t member)
{
	if (member < count && plans[2 - member])
		drop(2 - member);
}

START_TEST(members_that_are_dropped_while_others_are_told)
{
	add_numbers(SPEC(PAGED), 3);
	on_told = drop_another;
	answer(200, "{\"data\": [{\"id\": 1}, {\"id\": 3}]}");
	run();
	ck_assert_uint_eq(told[0].calls, 1);
	ck_assert_uint_eq(told[2].calls, 0);
}
END_TEST

START_TEST(all_are_dropped)
{
	add_numbers(SPEC(PAGED), 3);
	answer(200, "{\"data\": [{\"id\": 1}], \"last\": \"t\", \"more\": true}");
	start();
	for (size_t i = 0; i < 3; i++)
		drop(i);
	finish();
	ck_assert_uint_eq(requests, 1);
	ck_assert_uint_eq(calls, 1);
	ck_assert_int_eq(told[count].verdict.outcome, OUTCOME_PENDING);
}
END_TEST

static void abort_it(size_t member)
{
	remote.abort(remote.self, exchange);
	for (size_t i = 0; i < count; i++) {
		remote.plan_free(remote.self, plans[i]);
		plans[i] = NULL;
	}
}

START_TEST(an_aborted_batch_is_never_told)
{
	add_numbers(SPEC(PAGED), 3);
	answer(200, "{\"data\": [{\"id\": 1}]}");
	start();
	run_until(requests == 1);
	abort_it(0);
	run_a_little();
	ck_assert_uint_eq(calls, 0);
}
END_TEST

START_TEST(aborted_while_a_member_is_told)
{
	static const char *const bodies[] = {
		"{\"data\": [{\"id\": 2}, {\"id\": 1}], \"last\": \"t\", \"more\": true}", "{\"data\": []}"
	};

	on_told = abort_it;
	n_answers = 1;
	answers[0].status = 200;
	for (size_t i = 0; i < 2; i++) {
		count = 0;
		add_numbers(SPEC(PAGED), 3);
		answers[0].body = bodies[i];
		start();
		run_until(calls > 0);
		run_a_little();
		ck_assert_uint_eq(calls, 1);
		ck_assert_uint_eq(requests, 1);
	}
}
END_TEST

START_TEST(what_is_under_way_is_left_to_poller_free)
{
	add_numbers(SPEC(PAGED), 1);
	answer(200, "{}");
	start();
	run_until(requests == 1);
	remote.plan_free(remote.self, plans[0]);
	plans[0] = NULL;
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("batch");
	Suite *suite = suite_create("batch");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, batch_setup, batch_teardown);
	tcase_add_test(tcase, each_is_told_of_its_own_item);
	tcase_add_test(tcase, no_page_is_asked_for_in_vain);
	tcase_add_test(tcase, what_the_list_does_not_have);
	tcase_add_test(tcase, a_list_without_end);
	tcase_add_test(tcase, ids_that_are_sent);
	tcase_add_test(tcase, ids_that_are_sent_as_a_list);
	tcase_add_test(tcase, pages_by_url);
	tcase_add_test(tcase, a_list_that_is_none_is_tried_again);
	tcase_add_test(tcase, a_service_that_is_not_there);
	tcase_add_test(tcase, another_status_leaves_each_to_itself);
	tcase_add_test(tcase, a_page_that_is_too_long_leaves_each_to_itself);
	tcase_add_test(tcase, what_pages_told_stands_when_a_later_one_fails);
	tcase_add_test(tcase, items_may_have_rules_of_their_own);
	tcase_add_test(tcase, a_member_whose_id_is_not_known_yet);
	tcase_add_test(tcase, a_refused_credential_is_read_again_once);
	tcase_add_test(tcase, a_request_that_cannot_be_built);
	tcase_add_test(tcase, members_that_are_dropped_on_the_way);
	tcase_add_test(tcase, members_that_are_dropped_while_others_are_told);
	tcase_add_test(tcase, all_are_dropped);
	tcase_add_test(tcase, an_aborted_batch_is_never_told);
	tcase_add_test(tcase, aborted_while_a_member_is_told);
	tcase_add_test(tcase, what_is_under_way_is_left_to_poller_free);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
