/* test_judge.c - what a response means when no rule says it, or when it cannot be read. */
#include "daemon/remote/limits.h"
#include "tests/daemon/remote/judge_fixture.h"

#include <string.h>

/* --- bodies that cannot be read ----------------------------------------------------------------- */

START_TEST(a_2xx_body_that_is_not_json_is_retried)
{
	use_rules(google_rules);
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
	use_rules(google_rules);
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
	add_header("content-type", "application/octet-stream");
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

static void judge_type(const char *content_type)
{
	add_header("content-type", content_type);
	judge_poll(200, "{}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_SUCCESS);
}

START_TEST(a_content_type_that_cannot_be_shown)
{
	char longest[REMOTE_CONTENT_TYPE_MAX + 2];

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	use_rules("[{\"when\": {\"status\": 200}, \"then\": \"success\"}]");
	if (_i == 0) {
		judge_type("text/caf\xe9");
		ck_assert_ptr_null(judgement.verdict.content_type.data);
	} else if (_i == 1) {
		judge_type(longest);
		ck_assert_ptr_null(judgement.verdict.content_type.data);
	} else {
		judge_type(longest + 1);
		ck_slice_eq(judgement.verdict.content_type, longest + 1);
	}
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
	{ STEP_POLL, 403, "{\"error\": {\"message\": \"no\", \"code\": 7}}", OUTCOME_FAILURE,
	  "HTTP 403 Forbidden: no" },
	{ STEP_POLL, 400, "{\"error\": \"bad\"}", OUTCOME_FAILURE, "HTTP 400 Bad Request: bad" },
	{ STEP_POLL, 400, "{\"error\": 5}", OUTCOME_FAILURE, "HTTP 400 Bad Request" },
	{ STEP_POLL, 400, "<html>", OUTCOME_FAILURE, "HTTP 400 Bad Request" },
	{ STEP_SUBMIT, 404, "", OUTCOME_FAILURE, "HTTP 404 Not Found" },
	{ STEP_CANCEL, 200, "{}", OUTCOME_PENDING, "" },
	{ STEP_FETCH, 200, "{}", OUTCOME_SUCCESS, "" },
	{ STEP_FETCH, 204, "", OUTCOME_SUCCESS, "" },
	{ STEP_FETCH, 503, "", OUTCOME_RETRY, "HTTP 503 Service Unavailable" },
	{ STEP_FETCH, 404, "", OUTCOME_FAILURE, "HTTP 404 Not Found" },
	{ STEP_ACK, 200, "{}", OUTCOME_PENDING, "" },
	{ STEP_ACK, 404, "", OUTCOME_PENDING, "HTTP 404 Not Found" },
	{ STEP_ACK, 429, "", OUTCOME_RETRY, "HTTP 429 Too Many Requests" },
	{ STEP_KEEPALIVE, 204, "", OUTCOME_PENDING, "" },
	{ STEP_KEEPALIVE, 410, "", OUTCOME_PENDING, "HTTP 410 Gone" },
	{ STEP_KEEPALIVE, 502, "", OUTCOME_RETRY, "HTTP 502 Bad Gateway" },
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
	add_header("Content-Type", "text/plain; charset=utf-8");
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
	add_header("Retry-After", "7");
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

/* --- the steps ------------------------------------------------------------------------------------- */

START_TEST(a_fetch_brings_the_result)
{
	add_header("Content-Type", "text/csv");
	judge_step(STEP_FETCH, 200, "a,b\n");
	ck_slice_eq(judgement.verdict.result, "a,b\n");
	ck_slice_eq(judgement.verdict.content_type, "text/csv");
	use_rules("[{\"when\": {\"status\": 202}, \"then\": \"pending\"},"
	    " {\"when\": {\"status\": 200, \"header\": {\"Content-Type\": \"application/json\"}, \"body\": {\"/url\": "
	    "{\"exists\": true}}}, \"then\": \"fetch\", \"budget\": {\"times\": 1}}]");
	use_captures("{\"url\": {\"body\": \"/url\"}}");
	ck_assert_int_eq(judge_step(STEP_FETCH, 202, "")->outcome, OUTCOME_PENDING);
	/* a body that is not JSON is a result like any other */
	ck_assert_int_eq(judge_step(STEP_FETCH, 200, "a,b\n")->outcome, OUTCOME_SUCCESS);
	headers[0].value = "application/json";
	ck_assert_int_eq(judge_step(STEP_FETCH, 200, "{\"url\": \"/next\"}")->outcome, OUTCOME_FETCH);
	ck_assert_str_eq(judgement.verdict.captured, "{\"url\":\"/next\"}");
	ck_assert_str_eq(judgement.verdict.budgets, "{\"poll.1\":[1,1700000000000]}");
	budgets = json_loads(judgement.verdict.budgets, 0, NULL);
	ck_assert_int_eq(judge_step(STEP_FETCH, 200, "{\"url\": \"/next\"}")->outcome, OUTCOME_FAILURE);
	/* a 204 without a body is a result as well */
	ck_assert_int_eq(judge_step(STEP_FETCH, 204, "")->outcome, OUTCOME_SUCCESS);
	ck_assert_ptr_nonnull(judgement.verdict.result.data);
}
END_TEST

START_TEST(an_ack_is_done_or_is_tried_again)
{
	use_rules("[{\"when\": {\"status\": 409}, \"then\": \"retry\", \"delay\": 5},"
	    " {\"when\": {\"status\": 401}, \"then\": \"refresh_credential\"},"
	    " {\"when\": {\"status\": 403}, \"then\": \"failure\", \"error\": \"no\"},"
	    " {\"when\": {\"body\": {\"/done\": true}}, \"then\": \"success\"}]");
	ck_assert_int_eq(judge_step(STEP_ACK, 409, "")->outcome, OUTCOME_RETRY);
	ck_assert_uint_eq(judgement.verdict.delay_usec, 5000000);
	ck_assert_int_eq(judge_step(STEP_KEEPALIVE, 401, "")->outcome, OUTCOME_RETRY);
	ck_assert(judgement.refresh_credential);
	judge_step(STEP_ACK, 403, "");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	ck_assert_ptr_null(judgement.verdict.failure.kind);
	judge_step(STEP_ACK, 200, "{\"done\": true}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	ck_assert_ptr_null(judgement.verdict.result.data);
	/* an answer that cannot be read is an answer */
	ck_assert_int_eq(judge_step(STEP_ACK, 200, "bye")->outcome, OUTCOME_PENDING);
}
END_TEST

START_TEST(a_long_poll_that_brings_nothing)
{
	struct http_response response = { .sent = true, .timed_out = true, .error = "no answer within 30 s" };

	judge_in.step = STEP_POLL;
	judge_in.response = &response;
	judge(&judge_in, &judgement);
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_RETRY);
	ck_assert(judgement.verdict.unreachable);
	judgement_done(&judgement);
	judge_in.long_poll = true;
	judge(&judge_in, &judgement);
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	ck_assert(judgement.verdict.has_delay && judgement.verdict.delay_usec == 0 && !judgement.verdict.unreachable);
	judgement_done(&judgement);
	/* a connection that broke is something else */
	response.timed_out = false;
	judge(&judge_in, &judgement);
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_RETRY);
	judge_poll(408, "");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	ck_assert(judgement.verdict.has_delay && judgement.verdict.delay_usec == 0);
	use_rules("[{\"when\": {\"status\": 408}, \"then\": \"lost\"}]");
	ck_assert_int_eq(judge_poll(408, "")->outcome, OUTCOME_LOST);
}
END_TEST

START_TEST(a_submit_that_is_there_already)
{
	use_rules("[{\"when\": {\"status\": 409}, \"then\": \"pending\"}]");
	use_captures("{\"name\": {\"body\": \"/existing/name\"}}");
	judge_step(STEP_SUBMIT, 409, "{\"existing\": {\"name\": \"op7\"}}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	ck_assert_str_eq(judgement.verdict.captured, "{\"name\":\"op7\"}");
}
END_TEST

START_TEST(an_answer_that_leads_to_the_fetch_has_what_it_needs)
{
	use_rules("[{\"when\": {\"body\": {\"/done\": true}}, \"then\": \"fetch\", \"progress\": \"/p\"}]");
	use_captures("{\"url\": {\"body\": \"/url\"}, \"log\": {\"body\": \"/log\"}}");
	judge_in.fetch_names = json_loads("{\"url\": \"fetch.url\"}", 0, NULL);
	judge_poll(200, "{\"done\": true, \"url\": \"/r\", \"p\": 99}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FETCH);
	ck_assert_str_eq(judgement.verdict.captured, "{\"url\":\"/r\"}");
	ck_slice_eq(judgement.verdict.progress, "99");
	judge_poll(200, "{\"done\": true, \"log\": \"/r\"}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_slice_eq(judgement.verdict.failure.message,
	    "the answer to the poll has no value for \"url\", which later requests need");
	old = json_loads("{\"url\": \"/before\"}", 0, NULL);
	ck_assert_int_eq(judge_poll(200, "{\"done\": true, \"log\": \"/r\"}")->outcome, OUTCOME_FETCH);
	json_decref((json_t *)judge_in.fetch_names);
}
END_TEST

/* One item of a list, as the reader of lists hands it out. */
START_TEST(an_item_of_a_list_is_judged_as_a_poll)
{
	static const char list[] = "{\"data\": [{\"id\": 1, \"done\": false}, {\"id\": 2, \"done\": true, \"response\": [7]}]}";
	const char *item = strstr(list, "{\"id\": 2");
	struct http_response response = { .status = 200, .body = item, .body_len = strlen(item) - 2, .sent = true };

	use_rules(google_rules);
	judge_poll(200, "{}");
	judgement_done(&judgement);
	judge_in.response = &response;
	judge(&judge_in, &judgement);
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_SUCCESS);
	ck_slice_eq(judgement.verdict.result, "[7]");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("judge");

	tcase_add_test(tcase, a_2xx_body_that_is_not_json_is_retried);
	tcase_add_test(tcase, a_rule_may_ask_for_an_empty_body);
	tcase_add_test(tcase, an_unreadable_answer_to_a_submit_is_not_sent_again);
	tcase_add_test(tcase, a_result_that_is_not_there);
	tcase_add_test(tcase, the_whole_body_is_the_default_result);
	tcase_add_loop_test(tcase, a_content_type_that_cannot_be_shown, 0, 3);
	tcase_add_loop_test(tcase, defaults, 0, sizeof(DEFAULTS) / sizeof(DEFAULTS[0]));
	tcase_add_test(tcase, a_plain_text_error_is_shown);
	tcase_add_test(tcase, no_response_is_unreachable);
	tcase_add_test(tcase, the_services_delay_is_taken_and_clamped);
	tcase_add_test(tcase, a_fetch_brings_the_result);
	tcase_add_test(tcase, an_ack_is_done_or_is_tried_again);
	tcase_add_test(tcase, a_long_poll_that_brings_nothing);
	tcase_add_test(tcase, a_submit_that_is_there_already);
	tcase_add_test(tcase, an_answer_that_leads_to_the_fetch_has_what_it_needs);
	tcase_add_test(tcase, an_item_of_a_list_is_judged_as_a_poll);
	return judge_run("judge", tcase);
}
