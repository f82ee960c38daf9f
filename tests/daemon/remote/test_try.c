/* test_try.c - one poll that is tried: what is sent, what comes back, and what the report says of it. */
#include "daemon/remote/try.h"
#include "tests/daemon/remote/loopback.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES \
	"\"rules\": [{\"when\": {\"status\": 404}, \"then\": \"lost\"}, " \
	"{\"when\": {\"status\": 200, \"body\": {\"/state\": \"failed\"}}, \"then\": \"failure\", \"error\": \"/error\"}, " \
	"{\"when\": {\"status\": 200, \"body\": {\"/state\": \"done\"}}, \"then\": \"success\", \"result\": \"/out\"}, " \
	"{\"when\": {\"status\": 200, \"body\": {\"/state\": \"slow\"}}, \"then\": \"pending\", \"delay\": 7}, " \
	"{\"when\": {\"status\": 200, \"body\": {\"/state\": \"on\"}}, \"then\": \"pending\", \"progress\": \"/at\"}, " \
	"{\"when\": {\"status\": 401}, \"then\": \"refresh_credential\"}]"
#define PROFILE \
	"{\"parameters\": {\"base\": {\"example\": \"http://h\"}, \"job\": {\"help\": \"its id\", \"example\": 7}, " \
	"\"title\": {\"help\": \"for the submit alone\", \"example\": \"x\"}}, \"base\": \"{base}\", \"credential\": \"key\", " \
	"\"headers\": {\"Authorization\": \"Bearer {credential}\"}, \"submit\": {\"url\": \"/s\", \"json\": \"{title}\", " \
	"\"capture\": {\"made\": {\"body\": \"/made\"}}}, \"polling\": {\"initial\": 3, \"maximum\": 9}, " \
	"\"retry\": {\"initial\": 2}, \"poll\": {\"url\": \"/jobs/{job}\", \"query\": {\"k\": \"{credential}\"}, " \
	"\"redirects\": 2, \"capture\": {\"etag\": {\"header\": \"ETag\"}}, " RULES "}}"

static struct {
	unsigned calls;
	json_t *report;
	struct error error;
} told;

static int status;
static const char *body, *etag;
static struct evhttp_request *held[9];
static size_t n_held;

static void answer(struct evhttp_request *request)
{
	if (etag)
		reply_header(request, "ETag", etag);
	reply(request, status, body);
}

static void setup(void)
{
	loopback_setup();
	on_request = answer;
	status = 200;
	body = "{}";
	etag = NULL;
	n_held = 0;
	memset(&told, 0, sizeof(told));
	write_credential("key", "s3cret");
}

static void teardown(void)
{
	json_decref(told.report);
	while (n_held > 0)
		reply(held[--n_held], 200, "");
	loopback_teardown();
}

static void on_report(void *arg, const char *report, const struct error *error)
{
	ck_assert_ptr_eq(arg, &told);
	told.calls++;
	json_decref(told.report);
	told.report = report ? json_loads(report, 0, NULL) : NULL;
	if (error)
		told.error = *error;
	ck_assert(!report == !told.report);
	ck_assert(!report || !strstr(report, "s3cret"));
}

static int start(const char *text, const char *params, struct trial **ret, struct error *error)
{
	struct profile_source source = { .text = slice_from_str(text) };
	char given[512];

	snprintf(given, sizeof(given), "{\"base\": \"http://127.0.0.1:%d\"%s%s}", port, *params ? ", " : "", params);
	source.params = slice_from_str(given);
	return poller_try(poller, &source, on_report, &told, ret, error);
}

/* The whole report on a try. */
static const json_t *try_it(const char *text, const char *params)
{
	struct error error = { 0 };
	struct trial *trial;

	told.calls = 0;
	ck_assert_msg(start(text, params, &trial, &error) == 0, "%s", error.message);
	ck_assert_uint_eq(told.calls, 0);
	run_until(told.calls > 0);
	run_a_little();
	ck_assert_uint_eq(told.calls, 1);
	ck_assert_ptr_nonnull(told.report);
	return told.report;
}

/* "a.b.0.c" */
static const json_t *at(const json_t *json, const char *path)
{
	char copy[128], *rest = copy, *part;

	snprintf(copy, sizeof(copy), "%s", path);
	while (json && (part = strsep(&rest, ".")))
		json = json_is_array(json) ? json_array_get(json, strtoul(part, NULL, 10)) : json_object_get(json, part);
	return json;
}

static const char *text_at(const json_t *json, const char *path)
{
	const char *text = json_string_value(at(json, path));

	ck_assert_msg(text, "no text at %s of %s", path, json_dumps(json, 0));
	return text;
}

START_TEST(what_is_sent_and_what_comes_back)
{
	const json_t *report;

	body = "{\"state\": \"on\", \"at\": {\"n\": 5}}";
	etag = "e1";
	report = try_it(PROFILE, "\"job\": 12");
	ck_assert_uint_eq(requests, 1);
	ck_assert_str_eq(lines[0], "GET /jobs/12?k=s3cret");
	ck_assert_str_eq(authorization, "Bearer s3cret");
	ck_assert_uint_eq(json_array_size(at(report, "requests")), 1);
	ck_assert_str_eq(text_at(report, "requests.0.method"), "GET");
	ck_assert_ptr_nonnull(strstr(text_at(report, "requests.0.url"), "/jobs/12?k=..."));
	ck_assert_str_eq(text_at(report, "requests.0.headers.0.value"), "Bearer ...");
	ck_assert_int_eq(json_integer_value(at(report, "response.status")), 200);
	ck_assert_str_eq(text_at(report, "response.body.text"), body);
	ck_assert_str_eq(text_at(report, "response.headers.0.name"), "ETag");
	/* each rule up to the one that decides */
	ck_assert_uint_eq(json_array_size(at(report, "rules")), 5);
	ck_assert_str_eq(text_at(report, "rules.0.then"), "lost");
	ck_assert_str_eq(text_at(report, "rules.0.why"), "status is 200, not 404");
	ck_assert_str_eq(text_at(report, "rules.3.why"), "body[\"/state\"] is \"on\", not \"slow\"");
	ck_assert(json_is_true(at(report, "rules.4.holds")));
	ck_assert_ptr_null(at(report, "rules.4.why"));
	/* and what it would mean */
	ck_assert_str_eq(text_at(report, "verdict.outcome"), "pending");
	ck_assert_str_eq(text_at(report, "verdict.progress"), "{\"n\": 5}");
	ck_assert_str_eq(text_at(report, "verdict.captured"), "{\"etag\":\"e1\"}");
	ck_assert(json_number_value(at(report, "verdict.next.seconds")) == 3);
	ck_assert_str_eq(text_at(report, "verdict.next.by"), "polling");
	ck_assert_ptr_null(at(report, "verdict.error"));
}
END_TEST

START_TEST(what_it_means)
{
	const json_t *report;

	body = "{\"state\": \"done\", \"out\": [1, 2]}";
	report = try_it(PROFILE, "\"job\": 1");
	ck_assert_str_eq(text_at(report, "verdict.outcome"), "success");
	ck_assert_str_eq(text_at(report, "verdict.result.text"), "[1, 2]");
	ck_assert_int_eq(json_integer_value(at(report, "verdict.result.offset")), 25);
	ck_assert_ptr_null(at(report, "verdict.next"));
	body = "{\"state\": \"failed\", \"error\": {\"code\": 3, \"message\": \"no\"}}";
	report = try_it(PROFILE, "\"job\": 1");
	ck_assert_str_eq(text_at(report, "verdict.error.kind"), "remote");
	ck_assert_str_eq(text_at(report, "verdict.error.code"), "3");
	ck_assert_str_eq(text_at(report, "verdict.error.message"), "no");
	body = "{\"state\": \"slow\"}";
	report = try_it(PROFILE, "\"job\": 1");
	ck_assert(json_number_value(at(report, "verdict.next.seconds")) == 7);
	ck_assert_str_eq(text_at(report, "verdict.next.by"), "rule");
	/* no rule holds */
	status = 503;
	report = try_it(PROFILE, "\"job\": 1");
	ck_assert_uint_eq(json_array_size(at(report, "rules")), 6);
	ck_assert(json_is_false(at(report, "rules.5.holds")));
	ck_assert_str_eq(text_at(report, "verdict.outcome"), "retry");
	ck_assert(json_number_value(at(report, "verdict.next.seconds")) == 2);
	ck_assert_str_eq(text_at(report, "verdict.next.by"), "retry");
}
END_TEST

static void repeat(struct evhttp_request *request)
{
	char text[256];

	reply_header(request, "X-Echo", authorization);
	snprintf(text, sizeof(text), "{\"state\": \"%s\", \"s\": \"s3cret czNjcmV0\"}", authorization);
	reply(request, 200, text);
}

START_TEST(a_secret_that_the_service_repeats)
{
	const json_t *report;

	on_request = repeat;
	report = try_it(PROFILE, "\"job\": 1");
	ck_assert_str_eq(text_at(report, "response.body.text"), "{\"state\": \"Bearer ...\", \"s\": \"... ...\"}");
	ck_assert_str_eq(text_at(report, "response.headers.0.value"), "Bearer ...");
	ck_assert_str_eq(text_at(report, "rules.1.why"), "body[\"/state\"] is \"Bearer ...\", not \"failed\"");
	/* with characters that JSON escapes */
	write_credential("key", "a\"s3cret\\");
	body = "[\"a\\\"s3cret\\\\\", {\"x\": \"a\\\"s3cret\\\\\"}]";
	on_request = answer;
	report = try_it(PROFILE, "\"job\": 1");
	ck_assert_str_eq(text_at(report, "response.body.text"), "[\"...\", {\"x\": \"...\"}]");
}
END_TEST

static void refuse_first(struct evhttp_request *request)
{
	write_credential("key", "s3cret-2");
	reply(request, strcmp(authorization, "Bearer s3cret-2") == 0 ? 200 : 401, "{\"state\": \"on\"}");
}

START_TEST(a_credential_that_is_refused)
{
	const json_t *report;

	on_request = refuse_first;
	report = try_it(PROFILE, "\"job\": 1");
	ck_assert_uint_eq(requests, 2);
	ck_assert_uint_eq(json_array_size(at(report, "requests")), 2);
	ck_assert_str_eq(text_at(report, "verdict.outcome"), "pending");
	/* no other value is to be had */
	on_request = answer;
	status = 401;
	report = try_it(PROFILE, "\"job\": 1");
	ck_assert_str_eq(text_at(report, "verdict.outcome"), "retry");
	ck_assert(json_is_true(at(report, "verdict.refresh_credential")));
}
END_TEST

static void redirect(struct evhttp_request *request)
{
	if (requests == 1)
		reply_header(request, "Location", "/elsewhere");
	reply(request, requests == 1 ? 302 : 200, "{\"state\": \"on\"}");
}

START_TEST(redirects_are_shown)
{
	const json_t *report;

	on_request = redirect;
	report = try_it(PROFILE, "\"job\": 1");
	ck_assert_uint_eq(json_array_size(at(report, "requests")), 2);
	ck_assert_ptr_nonnull(strstr(text_at(report, "requests.1.url"), "/elsewhere"));
	ck_assert_int_eq(json_integer_value(at(report, "response.status")), 200);
}
END_TEST

static void reply_bytes(struct evhttp_request *request)
{
	struct evbuffer *output = evbuffer_new();

	evbuffer_add(output, "\x00\xff\x01", 3);
	evhttp_send_reply(request, 200, "Fine", output);
	evbuffer_free(output);
}

static void reply_much(struct evhttp_request *request)
{
	struct evbuffer *output = evbuffer_new();

	for (int i = 0; i < 40000; i++)
		evbuffer_add(output, "\xe2\x82\xac", 3);
	evhttp_send_reply(request, 200, "Fine", output);
	evbuffer_free(output);
}

START_TEST(bodies_that_are_not_shown)
{
	const json_t *report;

	on_request = reply_bytes;
	report = try_it(PROFILE, "\"job\": 1");
	ck_assert_int_eq(json_integer_value(at(report, "response.body.size")), 3);
	ck_assert_ptr_null(at(report, "response.body.text"));
	on_request = reply_much;
	report = try_it(PROFILE, "\"job\": 1");
	ck_assert_int_eq(json_integer_value(at(report, "response.body.size")), 120000);
	ck_assert_uint_eq(json_string_length(at(report, "response.body.text")), 65535);
}
END_TEST

START_TEST(no_answer)
{
	struct profile_source source = { .text = slice_from_str("{\"poll\": {\"url\": \"http://127.0.0.1:1/\"}}") };
	struct trial *trial;

	ck_assert_int_eq(poller_try(poller, &source, on_report, &told, &trial, NULL), 0);
	run_until(told.calls > 0);
	ck_assert_ptr_nonnull(strstr(text_at(told.report, "error"), "127.0.0.1:1"));
	ck_assert_str_eq(text_at(told.report, "verdict.outcome"), "retry");
	ck_assert_ptr_null(at(told.report, "response"));
	ck_assert_ptr_null(at(told.report, "rules"));
}
END_TEST

static const struct { const char *text, *params, *words; } REFUSED[] = {
	{ PROFILE, "", "params: \"job\" is missing: its id, for example 7" },
	{ PROFILE, "\"jbo\": 1", "params: unknown parameter \"jbo\" (did you mean \"job\"?)" },
	{ "{\"poll\": {\"url\": \"{base}\", \"urll\": 1}, \"x\": 1}", "", "poll: unknown key \"urll\"" },
	{ "{", "", "'}' expected" },
	{ "{\"poll\": {\"url\": \"http://h/{gone}\"}}", "", "{gone} has no value" },
	{ "{\"credential\": \"none\", \"poll\": {\"url\": \"http://h/{credential}\"}}", "", "none" },
};

START_TEST(what_is_not_tried)
{
	struct error error = { 0 };
	struct trial *trial;

	ck_assert_int_lt(start(REFUSED[_i].text, REFUSED[_i].params, &trial, &error), 0);
	ck_assert_msg(strstr(error.message, REFUSED[_i].words), "%s", error.message);
	ck_assert_uint_eq(requests, 0);
	run_a_little();
	ck_assert_uint_eq(told.calls, 0);
}
END_TEST

START_TEST(values_for_what_a_submit_would_give)
{
	body = "{\"done\": 1}";
	try_it("{\"base\": \"{base}\", \"submit\": {\"url\": \"/s\", \"capture\": {\"op\": {\"body\": \"/op\"}}}, \"poll\": "
	    "{\"url\": \"/{op}\", \"rules\": [{\"when\": {\"body\": {\"/{op}\": 1}}, \"then\": \"success\"}]}}",
	    "\"op\": \"done\"");
	ck_assert_str_eq(lines[0], "GET /done");
	ck_assert_str_eq(text_at(told.report, "verdict.outcome"), "success");
}
END_TEST

static void hold(struct evhttp_request *request)
{
	ck_assert_uint_lt(n_held, sizeof(held) / sizeof(*held));
	evhttp_request_own(request);
	held[n_held++] = request;
}

START_TEST(given_up)
{
	struct trial *trials[9], *one_more;
	struct error error;

	on_request = hold;
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(start(PROFILE, "\"job\": 1", &trials[i], NULL), 0);
	ck_assert_int_lt(start(PROFILE, "\"job\": 1", &one_more, &error), 0);
	ck_assert_int_eq(error.code, ERROR_LIMIT);
	ck_assert_ptr_null(trial_abort(trials[0]));
	ck_assert_int_eq(start(PROFILE, "\"job\": 2", &trials[8], NULL), 0);
	run_until(requests >= 2);
	for (int i = 1; i < 8; i++)
		trial_abort(trials[i]);
	ck_assert_ptr_null(trial_abort(NULL));
	run_a_little();
	ck_assert_uint_eq(told.calls, 0);
	/* the last one goes with the poller */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("try");
	TCase *tcase = tcase_create("try");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_is_sent_and_what_comes_back);
	tcase_add_test(tcase, what_it_means);
	tcase_add_test(tcase, a_secret_that_the_service_repeats);
	tcase_add_test(tcase, a_credential_that_is_refused);
	tcase_add_test(tcase, redirects_are_shown);
	tcase_add_test(tcase, bodies_that_are_not_shown);
	tcase_add_test(tcase, no_answer);
	tcase_add_loop_test(tcase, what_is_not_tried, 0, sizeof(REFUSED) / sizeof(REFUSED[0]));
	tcase_add_test(tcase, values_for_what_a_submit_would_give);
	tcase_add_test(tcase, given_up);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
