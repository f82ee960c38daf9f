/* test_rules.c - what a response means: rules, matchers, defaults, failures, captures. */
#include "daemon/remote/judge.h"
#include "daemon/remote/spec.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The rules of google.longrunning. */
static const char GOOGLE[] =
    "[{\"when\": {\"status\": 200, \"body\": {\"/done\": true, \"/error/code\": 1}}, \"then\": \"cancelled\", \"error\": \"/error\"},"
    " {\"when\": {\"status\": 200, \"body\": {\"/done\": true, \"/error\": {\"exists\": true}}}, \"then\": \"failure\","
    "  \"error\": {\"code\": \"/error/code\", \"message\": \"/error/message\", \"details\": \"/error/details\"}},"
    " {\"when\": {\"status\": 200, \"body\": {\"/done\": true, \"/response\": {\"exists\": true}}}, \"then\": \"success\","
    "  \"result\": \"/response\"},"
    " {\"when\": {\"status\": 200, \"body\": {\"/done\": true}}, \"then\": \"failure\","
    "  \"error\": {\"message\": \"neither response nor error\"}},"
    " {\"when\": {\"status\": 200}, \"then\": \"pending\", \"progress\": \"/metadata\"},"
    " {\"when\": {\"status\": 404}, \"then\": \"lost\"}]";

/* One judgement under test. */
static struct rules *rules;
static struct captures *captures;
static json_t *source, *capture_source, *params, *old;
static struct judgement judgement;
static struct http_header headers[8];
static size_t n_headers;

static void setup(void)
{
	rules = NULL;
	captures = NULL;
	source = capture_source = params = old = NULL;
	n_headers = 0;
	memset(&judgement, 0, sizeof(judgement));
}

static void teardown(void)
{
	judgement_done(&judgement);
	rules_free(rules);
	captures_free(captures);
	json_decref(source);
	json_decref(capture_source);
	json_decref(params);
	json_decref(old);
}

static void use_rules(const char *text)
{
	struct error error = { 0 };

	source = json_loads(text, 0, NULL);
	ck_assert_msg(source != NULL, "%s", text);
	ck_assert_msg(rules_read(source, &rules, NULL, &error) == 0, "%s: %s", text, error.message);
}

static void use_captures(const char *text)
{
	struct error error = { 0 };

	capture_source = json_loads(text, 0, NULL);
	ck_assert_msg(captures_read(capture_source, &captures, NULL, &error) == 0, "%s: %s", text, error.message);
}

static void header(const char *name, const char *value)
{
	headers[n_headers++] = (struct http_header){ name, value };
}

static const struct verdict *judge_step(enum step step, int status, const char *body)
{
	const struct http_response response = {
		.status = status,
		.headers = headers,
		.n_headers = n_headers,
		.body = body,
		.body_len = strlen(body),
		.sent = true,
	};
	const struct judge_input input = {
		.step = step,
		.response = &response,
		.rules = rules,
		.captures = captures,
		.captured = old,
		.params = params,
		.retry_on = &status_retry_default,
		.retry_after_max_usec = 3600000000,
		.repeatable = step != STEP_SUBMIT,
		.body_max = 1000,
		.now_ms = 1700000000000,
	};

	judgement_done(&judgement);
	judge(&input, &judgement);
	return &judgement.verdict;
}

static const struct verdict *judge_poll(int status, const char *body)
{
	return judge_step(STEP_POLL, status, body);
}

#define ck_slice_eq(slice, text) \
	ck_assert_msg(slice_equals((slice), (text)), "\"%.*s\" is not \"%s\"", (int)(slice).len, (slice).data, (text))

/* --- conditions --------------------------------------------------------------------------------- */

static const struct {
	const char *when;
	int status;
	const char *body;
	bool holds;
} CONDITIONS[] = {
	/* status */
	{ "{}", 200, "", true },
	{ "{\"status\": 200}", 200, "", true },
	{ "{\"status\": 200}", 201, "", false },
	{ "{\"status\": [200, 410]}", 410, "", true },
	{ "{\"status\": \"4xx\"}", 410, "", true },
	{ "{\"status\": \"4xx\"}", 399, "", false },
	{ "{\"status\": \"4XX\"}", 499, "", true },
	{ "{\"status\": [\"2xx\", 404]}", 204, "", true },
	{ "{\"status\": [\"2xx\", 404]}", 404, "", true },
	{ "{\"status\": [\"2xx\", 404]}", 403, "", false },
	{ "{\"status\": []}", 200, "", false },
	/* empty */
	{ "{\"empty\": true}", 200, "", true },
	{ "{\"empty\": true}", 200, " ", false },
	{ "{\"empty\": false}", 200, " ", true },
	{ "{\"empty\": false}", 200, "", false },
	/* header */
	{ "{\"header\": {\"X-State\": \"done\"}}", 200, "", true },
	{ "{\"header\": {\"x-state\": \"done\"}}", 200, "", true },
	{ "{\"header\": {\"X-State\": \"Done\"}}", 200, "", false },
	{ "{\"header\": {\"X-State\": {\"equals\": \"Done\", \"ignore_case\": true}}}", 200, "", true },
	{ "{\"header\": {\"X-Count\": 12}}", 200, "", true },
	{ "{\"header\": {\"X-Count\": 13}}", 200, "", false },
	{ "{\"header\": {\"X-Count\": {\"gt\": 9}}}", 200, "", true },
	{ "{\"header\": {\"X-Count\": {\"lt\": 9}}}", 200, "", false },
	{ "{\"header\": {\"X-State\": {\"gt\": 0}}}", 200, "", false },
	{ "{\"header\": {\"X-State\": {\"exists\": true}}}", 200, "", true },
	{ "{\"header\": {\"X-Gone\": {\"exists\": false}}}", 200, "", true },
	{ "{\"header\": {\"X-Gone\": {\"exists\": true}}}", 200, "", false },
	{ "{\"header\": {\"X-State\": {\"prefix\": \"do\"}}}", 200, "", true },
	{ "{\"header\": {\"X-State\": [\"a\", \"done\"]}}", 200, "", true },
	{ "{\"header\": {\"X-State\": \"done\", \"X-Count\": 13}}", 200, "", false },
	/* body: scalars and their types */
	{ "{\"body\": {\"/a\": 1}}", 200, "{\"a\": 1}", true },
	{ "{\"body\": {\"/a\": 1}}", 200, "{\"a\": 1.0}", true },
	{ "{\"body\": {\"/a\": 1.5}}", 200, "{\"a\": 15e-1}", true },
	{ "{\"body\": {\"/a\": 1}}", 200, "{\"a\": \"1\"}", false },
	{ "{\"body\": {\"/a\": 1}}", 200, "{\"a\": true}", false },
	{ "{\"body\": {\"/a\": true}}", 200, "{\"a\": true}", true },
	{ "{\"body\": {\"/a\": true}}", 200, "{\"a\": \"true\"}", false },
	{ "{\"body\": {\"/a\": true}}", 200, "{}", false },
	{ "{\"body\": {\"/a\": null}}", 200, "{\"a\": null}", true },
	{ "{\"body\": {\"/a\": null}}", 200, "{}", false },
	{ "{\"body\": {\"/a\": \"x\"}}", 200, "{\"a\": \"\\u0078\"}", true },
	{ "{\"body\": {\"/a\": \"x\"}}", 200, "{\"a\": [\"x\"]}", false },
	{ "{\"body\": {\"\": \"x\"}}", 200, " \"x\" ", true },
	{ "{\"body\": {\"/a\": 9007199254740993}}", 200, "{\"a\": 9007199254740993}", true },
	{ "{\"body\": {\"/a\": 9007199254740993}}", 200, "{\"a\": 9007199254740992}", false },
	{ "{\"body\": {\"/a\": \"18446744073709551616\"}}", 200, "{\"a\": 18446744073709551616}", true },
	{ "{\"body\": {\"/a\": 1, \"/b\": 2}}", 200, "{\"a\": 1, \"b\": 2}", true },
	{ "{\"body\": {\"/a\": 1, \"/b\": 2}}", 200, "{\"a\": 1, \"b\": 3}", false },
	/* in */
	{ "{\"body\": {\"/a\": [\"x\", \"y\"]}}", 200, "{\"a\": \"y\"}", true },
	{ "{\"body\": {\"/a\": {\"in\": [\"x\", 2]}}}", 200, "{\"a\": 2}", true },
	{ "{\"body\": {\"/a\": {\"in\": [\"x\", 2]}}}", 200, "{\"a\": 3}", false },
	{ "{\"body\": {\"/a\": []}}", 200, "{\"a\": 3}", false },
	/* exists */
	{ "{\"body\": {\"/a\": {\"exists\": true}}}", 200, "{\"a\": false}", true },
	{ "{\"body\": {\"/a\": {\"exists\": true}}}", 200, "{\"a\": {}}", true },
	{ "{\"body\": {\"/a\": {\"exists\": true}}}", 200, "{\"a\": 1e999}", true },
	{ "{\"body\": {\"/a\": {\"exists\": true}}}", 200, "{\"a\": null}", false },
	{ "{\"body\": {\"/a\": {\"exists\": true}}}", 200, "{\"b\": 1}", false },
	{ "{\"body\": {\"/a\": {\"exists\": false}}}", 200, "{\"b\": 1}", true },
	{ "{\"body\": {\"/a\": {\"exists\": false}}}", 200, "{\"a\": null}", true },
	{ "{\"body\": {\"/a\": {\"exists\": false}}}", 200, "{\"a\": 0}", false },
	/* strings */
	{ "{\"body\": {\"/a\": {\"equals\": \"DONE\", \"ignore_case\": true}}}", 200, "{\"a\": \"done\"}", true },
	{ "{\"body\": {\"/a\": {\"in\": [\"X\", \"DONE\"], \"ignore_case\": true}}}", 200, "{\"a\": \"Done\"}", true },
	{ "{\"body\": {\"/a\": {\"prefix\": \"run\"}}}", 200, "{\"a\": \"running\"}", true },
	{ "{\"body\": {\"/a\": {\"prefix\": \"run\"}}}", 200, "{\"a\": \"ru\"}", false },
	{ "{\"body\": {\"/a\": {\"prefix\": \"RUN\", \"ignore_case\": true}}}", 200, "{\"a\": \"running\"}", true },
	{ "{\"body\": {\"/a\": {\"prefix\": \"1\"}}}", 200, "{\"a\": 12}", false },
	{ "{\"body\": {\"/a\": {\"contains\": \"nni\"}}}", 200, "{\"a\": \"running\"}", true },
	{ "{\"body\": {\"/a\": {\"contains\": \"NNI\"}}}", 200, "{\"a\": \"running\"}", false },
	{ "{\"body\": {\"/a\": {\"contains\": \"NING\", \"ignore_case\": true}}}", 200, "{\"a\": \"running\"}", true },
	{ "{\"body\": {\"/a\": {\"contains\": \"x\"}}}", 200, "{\"a\": [\"x\"]}", false },
	/* numbers */
	{ "{\"body\": {\"/a\": {\"gt\": 3}}}", 200, "{\"a\": 4}", true },
	{ "{\"body\": {\"/a\": {\"gt\": 3}}}", 200, "{\"a\": 3}", false },
	{ "{\"body\": {\"/a\": {\"gt\": 3, \"lt\": 5}}}", 200, "{\"a\": 4.5}", true },
	{ "{\"body\": {\"/a\": {\"gt\": 3, \"lt\": 5}}}", 200, "{\"a\": 5}", false },
	{ "{\"body\": {\"/a\": {\"gt\": 3}}}", 200, "{\"a\": \"4\"}", false },
	{ "{\"body\": {\"/a\": {\"gt\": 3}}}", 200, "{\"a\": 1e400}", true },
	{ "{\"body\": {\"/a\": {\"lt\": 3}}}", 200, "{\"a\": -99999999999999999999999}", true },
	{ "{\"body\": {\"/a\": {\"gt\": 9007199254740992}}}", 200, "{\"a\": 9007199254740993}", true },
	{ "{\"body\": {\"/a\": {\"lt\": 3}}}", 200, "{}", false },
	/* any element */
	{ "{\"body\": {\"/c\": {\"any\": {\"/type\": \"Complete\", \"/status\": \"True\"}}}}", 200,
	  "{\"c\": [{\"type\": \"Failed\", \"status\": \"True\"}, {\"type\": \"Complete\", \"status\": \"True\"}]}", true },
	{ "{\"body\": {\"/c\": {\"any\": {\"/type\": \"Complete\", \"/status\": \"True\"}}}}", 200,
	  "{\"c\": [{\"type\": \"Failed\", \"status\": \"True\"}, {\"type\": \"Complete\", \"status\": \"False\"}]}", false },
	{ "{\"body\": {\"/c\": {\"any\": {\"\": 3}}}}", 200, "{\"c\": [1, 2, 3]}", true },
	{ "{\"body\": {\"/c\": {\"any\": {\"\": 3}}}}", 200, "{\"c\": {\"0\": 3}}", false },
	{ "{\"body\": {\"/c\": {\"any\": {\"\": 3}}}}", 200, "{\"c\": []}", false },
	{ "{\"body\": {\"\": {\"any\": {\"/x\": {\"any\": {\"\": 2}}}}}}", 200, "[{\"x\": [1]}, {\"x\": [1, 2]}]", true },
	/* any, all, not */
	{ "{\"any\": [{\"status\": 500}, {\"empty\": true}]}", 200, "", true },
	{ "{\"any\": [{\"status\": 500}, {\"empty\": true}]}", 200, "x", false },
	{ "{\"any\": []}", 200, "", false },
	{ "{\"all\": [{\"status\": 200}, {\"empty\": true}]}", 200, "", true },
	{ "{\"all\": [{\"status\": 200}, {\"empty\": true}]}", 201, "", false },
	{ "{\"all\": []}", 200, "", true },
	{ "{\"not\": {\"status\": 200}}", 201, "", true },
	{ "{\"not\": {\"status\": 200}}", 200, "", false },
	{ "{\"not\": {\"body\": {\"/a\": null}}}", 200, "{\"a\": 1}", true },
	{ "{\"status\": 200, \"not\": {\"any\": [{\"body\": {\"/a\": 1}}, {\"body\": {\"/a\": 2}}]}}", 200, "{\"a\": 3}", true },
	{ "{\"status\": 200, \"not\": {\"any\": [{\"body\": {\"/a\": 1}}, {\"body\": {\"/a\": 2}}]}}", 200, "{\"a\": 2}", false },
};

START_TEST(conditions)
{
	char text[1024];

	snprintf(text, sizeof(text), "[{\"when\": %s, \"then\": \"lost\"}]", CONDITIONS[_i].when);
	use_rules(text);
	header("X-State", "done");
	header("X-Count", "12");
	ck_assert_msg((judge_poll(CONDITIONS[_i].status, CONDITIONS[_i].body)->outcome == OUTCOME_LOST) ==
	    CONDITIONS[_i].holds, "%s of %d %s", CONDITIONS[_i].when, CONDITIONS[_i].status, CONDITIONS[_i].body);
}
END_TEST

START_TEST(the_first_rule_that_holds_decides)
{
	use_rules("[{\"when\": {\"status\": 201}, \"then\": \"lost\"}, {\"then\": \"pending\", \"delay\": 2.5}, {\"then\": \"failure\"}]");
	ck_assert_int_eq(judge_poll(200, "")->outcome, OUTCOME_PENDING);
	ck_assert(judgement.verdict.has_delay);
	ck_assert_uint_eq(judgement.verdict.delay_usec, 2500000);
	ck_assert_int_eq(judge_poll(201, "")->outcome, OUTCOME_LOST);
}
END_TEST

/* --- google ------------------------------------------------------------------------------------- */

START_TEST(google_success_has_the_exact_bytes)
{
	use_rules(GOOGLE);
	judge_poll(200, "{\"done\":true,\"response\": {\"v\" : 1.10, \"n\":18446744073709551616000 } ,\"x\":1}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_SUCCESS);
	ck_slice_eq(judgement.verdict.result, "{\"v\" : 1.10, \"n\":18446744073709551616000 }");
	ck_slice_eq(judgement.verdict.content_type, "application/json");
}
END_TEST

START_TEST(google_failure_has_code_message_and_details)
{
	use_rules(GOOGLE);
	judge_poll(200, "{\"done\":true,\"error\":{\"code\":13,\"message\":\"no \\\"disk\\\"\",\"details\":[{\"a\":1}]}}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_assert_str_eq(judgement.verdict.failure.kind, "remote");
	ck_slice_eq(judgement.verdict.failure.code, "13");
	ck_slice_eq(judgement.verdict.failure.message, "no \"disk\"");
	ck_slice_eq(judgement.verdict.failure.details, "[{\"a\":1}]");
	ck_assert_int_eq(judgement.verdict.failure.http_status, 200);
}
END_TEST

START_TEST(google_cancelled_pending_lost_and_neither)
{
	use_rules(GOOGLE);
	judge_poll(200, "{\"done\":true,\"error\":{\"code\":1,\"message\":\"gone\"}}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_CANCELLED);
	ck_slice_eq(judgement.verdict.failure.code, "1");
	ck_slice_eq(judgement.verdict.failure.message, "gone");
	ck_slice_eq(judgement.verdict.failure.details, "{\"code\":1,\"message\":\"gone\"}");
	judge_poll(200, "{\"name\":\"x\",\"metadata\":{\"percent\": 30 }}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	ck_slice_eq(judgement.verdict.progress, "{\"percent\": 30 }");
	judge_poll(200, "{\"name\":\"x\"}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	ck_assert_ptr_null(judgement.verdict.progress.data);
	judge_poll(200, "{\"done\":true}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_slice_eq(judgement.verdict.failure.message, "neither response nor error");
	judge_poll(404, "{\"error\":{\"code\":404,\"message\":\"not here\"}}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_LOST);
	ck_assert_str_eq(judgement.verdict.failure.kind, "lost");
	ck_slice_eq(judgement.verdict.failure.message, "the service no longer knows it: HTTP 404 Not Found: not here");
}
END_TEST

/* --- bodies that cannot be read ----------------------------------------------------------------- */

START_TEST(a_2xx_body_that_is_not_json_is_retried)
{
	use_rules(GOOGLE);
	judge_poll(200, "{\"done\": tr");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_RETRY);
	ck_assert_str_eq(judgement.verdict.reason, "response is not JSON: a value was expected at byte 9");
	ck_assert(!judgement.verdict.unreachable);
	judge_poll(200, "<html>");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_RETRY);
	judge_poll(200, "");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_RETRY);
	/* where no rule looks at the body, its form does not matter */
	judge_poll(202, "accepted");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	judge_poll(404, "<html>");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_LOST);
}
END_TEST

START_TEST(a_rule_may_ask_for_an_empty_body)
{
	use_rules("[{\"when\": {\"body\": {\"/done\": true}}, \"then\": \"success\"},"
	          " {\"when\": {\"empty\": true}, \"then\": \"pending\"}, {\"then\": \"pending\"}]");
	ck_assert_int_eq(judge_poll(200, "")->outcome, OUTCOME_PENDING);
	ck_assert_int_eq(judge_poll(200, "x")->outcome, OUTCOME_RETRY);
	ck_assert_int_eq(judge_poll(200, "{}")->outcome, OUTCOME_PENDING);
}
END_TEST

START_TEST(an_unreadable_answer_to_a_submit_is_not_sent_again)
{
	use_rules(GOOGLE);
	judge_step(STEP_SUBMIT, 200, "{\"done\": tr");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_assert_str_eq(judgement.verdict.failure.kind, "invalid_response");
}
END_TEST

START_TEST(a_result_that_is_not_there)
{
	use_rules("[{\"then\": \"success\", \"result\": \"/output\"}]");
	judge_poll(200, "{\"outpu\": 1}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_assert_str_eq(judgement.verdict.failure.kind, "invalid_response");
	ck_slice_eq(judgement.verdict.failure.message, "the result is not there: \"/output\"");
	ck_assert_int_eq(judge_poll(200, "{\"output\"")->outcome, OUTCOME_RETRY);
}
END_TEST

START_TEST(the_whole_body_is_the_default_result)
{
	header("content-type", "application/octet-stream");
	use_rules("[{\"when\": {\"status\": 200}, \"then\": \"success\"}]");
	judge_poll(200, "\x01\xff raw");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_SUCCESS);
	ck_slice_eq(judgement.verdict.result, "\x01\xff raw");
	ck_slice_eq(judgement.verdict.content_type, "application/octet-stream");
	judge_poll(200, "");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_SUCCESS);
	ck_assert_ptr_nonnull(judgement.verdict.result.data);
	ck_assert_uint_eq(judgement.verdict.result.len, 0);
}
END_TEST

/* --- without a rule ------------------------------------------------------------------------------ */

static const struct {
	enum step step;
	int status;
	const char *body;
	enum outcome outcome;
	const char *message;       /* of the failure, or the reason */
} DEFAULTS[] = {
	{ STEP_POLL, 200, "", OUTCOME_PENDING, "" },
	{ STEP_POLL, 299, "x", OUTCOME_PENDING, "" },
	{ STEP_SUBMIT, 201, "", OUTCOME_PENDING, "" },
	{ STEP_POLL, 408, "", OUTCOME_RETRY, "HTTP 408 Request Timeout" },
	{ STEP_POLL, 429, "{\"message\": \"slow\\ndown\"}", OUTCOME_RETRY, "HTTP 429 Too Many Requests: slow?down" },
	{ STEP_SUBMIT, 503, "{\"detail\": \"busy\"}", OUTCOME_RETRY, "HTTP 503 Service Unavailable: busy" },
	{ STEP_CANCEL, 503, "", OUTCOME_RETRY, "HTTP 503 Service Unavailable" },
	{ STEP_POLL, 501, "", OUTCOME_FAILURE, "HTTP 501 Not Implemented" },
	{ STEP_POLL, 302, "", OUTCOME_FAILURE, "HTTP 302 Found" },
	{ STEP_POLL, 499, "", OUTCOME_FAILURE, "HTTP 499" },
	{ STEP_POLL, 403, "{\"error\": {\"message\": \"no\", \"code\": 7}}", OUTCOME_FAILURE, "HTTP 403 Forbidden: no" },
	{ STEP_POLL, 400, "{\"error\": \"bad\"}", OUTCOME_FAILURE, "HTTP 400 Bad Request: bad" },
	{ STEP_POLL, 400, "{\"error\": 5}", OUTCOME_FAILURE, "HTTP 400 Bad Request" },
	{ STEP_POLL, 400, "<html>", OUTCOME_FAILURE, "HTTP 400 Bad Request" },
	{ STEP_SUBMIT, 404, "", OUTCOME_FAILURE, "HTTP 404 Not Found" },
	{ STEP_CANCEL, 200, "{}", OUTCOME_PENDING, "" },
	{ STEP_CANCEL, 404, "", OUTCOME_PENDING, "the service would not cancel: HTTP 404 Not Found" },
	{ STEP_CANCEL, 501, "", OUTCOME_PENDING, "the service would not cancel: HTTP 501 Not Implemented" },
};

START_TEST(defaults)
{
	const struct verdict *verdict = judge_step(DEFAULTS[_i].step, DEFAULTS[_i].status, DEFAULTS[_i].body);

	ck_assert_int_eq(verdict->step, DEFAULTS[_i].step);
	ck_assert_int_eq(verdict->outcome, DEFAULTS[_i].outcome);
	ck_assert_int_eq(verdict->http_status, DEFAULTS[_i].status);
	ck_assert(verdict->sent && !verdict->unreachable);
	if (verdict->outcome != OUTCOME_FAILURE) {
		ck_assert_str_eq(verdict->reason, DEFAULTS[_i].message);
		return;
	}
	ck_assert_str_eq(verdict->failure.kind, "remote");
	ck_slice_eq(verdict->failure.message, DEFAULTS[_i].message);
	ck_assert_int_eq(verdict->failure.http_status, DEFAULTS[_i].status);
	if (DEFAULTS[_i].body[0])
		ck_slice_eq(verdict->failure.details, DEFAULTS[_i].body);
}
END_TEST

START_TEST(a_plain_text_error_is_shown)
{
	header("Content-Type", "text/plain; charset=utf-8");
	judge_poll(404, "request not found\n");
	ck_slice_eq(judgement.verdict.failure.message, "HTTP 404 Not Found: request not found");
}
END_TEST

START_TEST(no_response_is_unreachable)
{
	struct http_response response = { .error = "connect to 127.0.0.1:1: connection refused", .resends = 2 };
	struct judge_input input = { .step = STEP_POLL, .response = &response, .retry_on = &status_retry_default,
		.body_max = 1000 };

	judge(&input, &judgement);
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_RETRY);
	ck_assert(judgement.verdict.unreachable && !judgement.verdict.sent);
	ck_assert_uint_eq(judgement.verdict.extra_requests, 2);
	ck_assert_str_eq(judgement.verdict.reason, "connect to 127.0.0.1:1: connection refused");
	judgement_done(&judgement);
	response.too_large = true;
	judge(&input, &judgement);
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_assert_str_eq(judgement.verdict.failure.kind, "invalid_response");
	ck_slice_eq(judgement.verdict.failure.message, "the response is longer than 1000 bytes");
	judgement_done(&judgement);
	input.step = STEP_CANCEL;
	judge(&input, &judgement);
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
}
END_TEST

START_TEST(the_services_delay_is_taken_and_clamped)
{
	header("Retry-After", "7");
	judge_poll(429, "");
	ck_assert(judgement.verdict.throttled && judgement.verdict.has_retry_after);
	ck_assert_uint_eq(judgement.verdict.retry_after_usec, 7000000);
	judge_poll(200, "");
	ck_assert(!judgement.verdict.throttled && judgement.verdict.has_retry_after);
	headers[0].value = "86400";
	judge_poll(503, "");
	ck_assert_uint_eq(judgement.verdict.retry_after_usec, 3600000000);
	n_headers = 0;
	judge_poll(429, "");
	ck_assert(!judgement.verdict.throttled && !judgement.verdict.has_retry_after);
}
END_TEST

/* --- errors -------------------------------------------------------------------------------------- */

static const struct {
	const char *error;         /* of the rule */
	const char *body;
	const char *code, *message, *details;    /* NULL: absent */
} ERRORS[] = {
	{ "\"/e\"", "{\"e\": {\"code\": \"X1\", \"message\": \"m\", \"more\": 2}}", "X1", "m",
	  "{\"code\": \"X1\", \"message\": \"m\", \"more\": 2}" },
	{ "\"/e\"", "{\"e\": {\"code\": 5}}", "5", "HTTP 200 OK", "{\"code\": 5}" },
	{ "\"/e\"", "{\"e\": \"text\"}", NULL, "text", "\"text\"" },
	{ "\"/e\"", "{\"e\": [1, 2]}", NULL, "[1, 2]", "[1, 2]" },
	{ "\"\"", "{\"code\": true, \"message\": {\"a\": 1}}", "true", "{\"a\": 1}", "{\"code\": true, \"message\": {\"a\": 1}}" },
	{ "\"/gone\"", "{\"error\": {\"message\": \"fallback\"}}", NULL, "HTTP 200 OK: fallback",
	  "{\"error\": {\"message\": \"fallback\"}}" },
	{ "\"it broke\"", "{}", NULL, "it broke", "{}" },
	{ "{\"code\": \"E\", \"message\": \"/m\"}", "{\"m\": \"why\"}", "E", "why", "{\"m\": \"why\"}" },
	{ "{\"message\": \"/m\", \"details\": \"/d\"}", "{\"m\": null, \"d\": [ 1 ]}", NULL, "HTTP 200 OK", "[ 1 ]" },
	{ "{\"details\": \"none given\"}", "{}", NULL, "HTTP 200 OK", "none given" },
	{ "{\"message\": \"/m\"}", "{\"m\": \"a\\u0000b\"}", NULL, "a?b", "{\"m\": \"a\\u0000b\"}" },
};

START_TEST(errors)
{
	char text[512];

	snprintf(text, sizeof(text), "[{\"then\": \"failure\", \"error\": %s}]", ERRORS[_i].error);
	use_rules(text);
	judge_poll(200, ERRORS[_i].body);
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	if (ERRORS[_i].code)
		ck_slice_eq(judgement.verdict.failure.code, ERRORS[_i].code);
	else
		ck_assert_ptr_null(judgement.verdict.failure.code.data);
	ck_slice_eq(judgement.verdict.failure.message, ERRORS[_i].message);
	ck_slice_eq(judgement.verdict.failure.details, ERRORS[_i].details);
}
END_TEST

START_TEST(a_long_message_is_cut_between_characters)
{
	char *body = malloc(20000), *at = body;

	use_rules("[{\"then\": \"failure\", \"error\": \"/m\"}]");
	at += sprintf(at, "{\"m\": \"x");
	for (int i = 0; i < 5000; i++)
		at += sprintf(at, "\xc3\xa9");
	sprintf(at, "\"}");
	judge_poll(200, body);
	ck_assert_uint_gt(judgement.verdict.failure.message.len, 4000);
	ck_assert_uint_le(judgement.verdict.failure.message.len, 4096);
	ck_assert_uint_eq(judgement.verdict.failure.message.len % 2, 1);
	free(body);
}
END_TEST

START_TEST(a_rule_can_retry_with_a_reason)
{
	use_rules("[{\"when\": {\"status\": 400}, \"then\": \"retry\", \"error\": \"/why\", \"delay\": 3}]");
	judge_poll(400, "{\"why\": \"warming up\"}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_RETRY);
	ck_assert_str_eq(judgement.verdict.reason, "warming up");
	ck_assert_uint_eq(judgement.verdict.delay_usec, 3000000);
	judge_poll(400, "");
	ck_assert_str_eq(judgement.verdict.reason, "HTTP 400 Bad Request");
}
END_TEST

/* --- captures ------------------------------------------------------------------------------------ */

START_TEST(captures_keep_types_and_merge)
{
	old = json_loads("{\"keep\": 1, \"name\": \"old\"}", 0, NULL);
	header("Operation-Location", "https://x/y?z=1");
	use_captures("{\"name\": {\"body\": \"/name\"}, \"n\": {\"body\": \"/n\"}, \"big\": {\"body\": \"/big\"},"
	             " \"o\": {\"body\": \"/o\"}, \"url\": {\"header\": \"operation-location\"}, \"null\": {\"body\": \"/null\"}}");
	judge_step(STEP_SUBMIT, 200, "{\"name\": \"new\", \"n\": 5, \"big\": 18446744073709551616, \"o\": {\"a\": [1]}}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_slice_eq(judgement.verdict.failure.message,
	    "the answer to the submit has no value for \"null\", which later requests need");
	params = json_loads("{\"null\": 1}", 0, NULL);
	judge_step(STEP_SUBMIT, 200, "{\"name\": \"new\", \"n\": 5, \"big\": 18446744073709551616, \"o\": {\"a\": [1]}}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	ck_assert_str_eq(judgement.verdict.captured,
	    "{\"keep\":1,\"name\":\"new\",\"n\":5,\"big\":\"18446744073709551616\",\"o\":{\"a\":[1]},\"url\":\"https://x/y?z=1\"}");
}
END_TEST

START_TEST(captures_of_a_whole_body)
{
	use_captures("{\"task\": {\"body\": \"\"}}");
	judge_step(STEP_SUBMIT, 200, "\"abc\"");
	ck_assert_str_eq(judgement.verdict.captured, "{\"task\":\"abc\"}");
	judge_step(STEP_SUBMIT, 200, "0af-12\r\n");
	ck_assert_str_eq(judgement.verdict.captured, "{\"task\":\"0af-12\"}");
	judge_step(STEP_SUBMIT, 200, "");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_assert_ptr_null(judgement.verdict.captured);
	judge_step(STEP_SUBMIT, 200, "\xff\xfe");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	/* a refused submit captures nothing, a poll without the value keeps the old one */
	judge_step(STEP_SUBMIT, 403, "\"abc\"");
	ck_assert_ptr_null(judgement.verdict.captured);
	old = json_loads("{\"task\": \"first\"}", 0, NULL);
	judge_poll(200, "");
	ck_assert_str_eq(judgement.verdict.captured, "{\"task\":\"first\"}");
}
END_TEST

START_TEST(captured_values_are_bounded)
{
	char *body = malloc(70010);

	use_captures("{\"task\": {\"body\": \"\"}}");
	memset(body, 'x', 70000);
	body[70000] = '\0';
	judge_step(STEP_SUBMIT, 200, body);
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_assert_str_eq(judgement.verdict.failure.kind, "invalid_response");
	free(body);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rules");
	TCase *tcase = tcase_create("rules");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, conditions, 0, sizeof(CONDITIONS) / sizeof(CONDITIONS[0]));
	tcase_add_test(tcase, the_first_rule_that_holds_decides);
	tcase_add_test(tcase, google_success_has_the_exact_bytes);
	tcase_add_test(tcase, google_failure_has_code_message_and_details);
	tcase_add_test(tcase, google_cancelled_pending_lost_and_neither);
	tcase_add_test(tcase, a_2xx_body_that_is_not_json_is_retried);
	tcase_add_test(tcase, a_rule_may_ask_for_an_empty_body);
	tcase_add_test(tcase, an_unreadable_answer_to_a_submit_is_not_sent_again);
	tcase_add_test(tcase, a_result_that_is_not_there);
	tcase_add_test(tcase, the_whole_body_is_the_default_result);
	tcase_add_loop_test(tcase, defaults, 0, sizeof(DEFAULTS) / sizeof(DEFAULTS[0]));
	tcase_add_test(tcase, a_plain_text_error_is_shown);
	tcase_add_test(tcase, no_response_is_unreachable);
	tcase_add_test(tcase, the_services_delay_is_taken_and_clamped);
	tcase_add_loop_test(tcase, errors, 0, sizeof(ERRORS) / sizeof(ERRORS[0]));
	tcase_add_test(tcase, a_long_message_is_cut_between_characters);
	tcase_add_test(tcase, a_rule_can_retry_with_a_reason);
	tcase_add_test(tcase, captures_keep_types_and_merge);
	tcase_add_test(tcase, captures_of_a_whole_body);
	tcase_add_test(tcase, captured_values_are_bounded);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
