/* test_rules.c - which rule decides, and what it takes out of a response. */
#include "tests/daemon/remote/judge_fixture.h"

#include <stdio.h>
#include <stdlib.h>

START_TEST(the_first_rule_that_holds_decides)
{
	use_rules("[{\"when\": {\"status\": 201}, \"then\": \"lost\"}, {\"then\": \"pending\", \"delay\": 2.5}, "
	    "{\"then\": \"failure\"}]");
	ck_assert_int_eq(judge_poll(200, "")->outcome, OUTCOME_PENDING);
	ck_assert(judgement.verdict.has_delay);
	ck_assert_uint_eq(judgement.verdict.delay_usec, 2500000);
	ck_assert_int_eq(judge_poll(201, "")->outcome, OUTCOME_LOST);
}
END_TEST

/* --- google ------------------------------------------------------------------------------------- */

START_TEST(google_success_has_the_exact_bytes)
{
	use_rules(google_rules);
	judge_poll(200, "{\"done\":true,\"response\": {\"v\" : 1.10, \"n\":18446744073709551616000 } ,\"x\":1}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_SUCCESS);
	ck_slice_eq(judgement.verdict.result, "{\"v\" : 1.10, \"n\":18446744073709551616000 }");
	ck_slice_eq(judgement.verdict.content_type, "application/json");
}
END_TEST

START_TEST(google_failure_has_code_message_and_details)
{
	use_rules(google_rules);
	judge_poll(200, "{\"done\":true,\"error\":{\"code\":13,\"message\":\"no \\\"disk\\\"\","
	    "\"details\":[{\"a\":1}]}}");
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
	use_rules(google_rules);
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
	{ "\"\"", "{\"code\": true, \"message\": {\"a\": 1}}", "true", "{\"a\": 1}",
	  "{\"code\": true, \"message\": {\"a\": 1}}" },
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

/* --- set, headers, delays -------------------------------------------------------------------------- */

START_TEST(a_rule_sets_values)
{
	use_rules("[{\"when\": {\"status\": 400}, \"then\": \"retry\", \"set\": {\"allow\": false, \"o\": {\"{a}\": 1}}},"
	    " {\"when\": {\"status\": 200}, \"then\": \"pending\", \"set\": {\"cursor\": \"mine\"}}]");
	use_captures("{\"cursor\": {\"body\": \"/cursor\"}, \"n\": {\"body\": \"/n\"}}");
	old = json_loads("{\"allow\": true, \"n\": 1}", 0, NULL);
	judge_poll(400, "{\"n\": 2}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_RETRY);
	ck_assert_str_eq(judgement.verdict.captured, "{\"allow\":false,\"n\":1,\"o\":{\"{a}\":1}}");
	/* over what the answer itself has */
	judge_poll(200, "{\"n\": 2, \"cursor\": \"theirs\"}");
	ck_assert_str_eq(judgement.verdict.captured, "{\"allow\":true,\"n\":2,\"cursor\":\"mine\"}");
	judge_poll(204, "");
	ck_assert_ptr_null(judgement.verdict.captured);
}
END_TEST

START_TEST(parts_of_an_answer_may_be_headers)
{
	use_rules("[{\"when\": {\"status\": 200}, \"then\": \"success\", \"result\": {\"header\": \"X-Result\"}},"
	    " {\"when\": {\"status\": 202}, \"then\": \"pending\", \"progress\": {\"header\": \"X-Progress\"}},"
	    " {\"when\": {\"status\": 500}, \"then\": \"failure\", \"error\": {\"code\": {\"header\": \"X-Code\"}, "
	    "\"message\": {\"header\": \"X-Why\"}}}]");
	ck_assert_int_eq(judge_poll(200, "")->outcome, OUTCOME_FAILURE);
	ck_slice_eq(judgement.verdict.failure.message, "the result is not there: header \"X-Result\"");
	ck_assert_ptr_null(judge_poll(202, "")->progress.data);
	add_header("X-Result", "42");
	add_header("X-Progress", "in \"progress\", 31%");
	add_header("X-Code", "E7");
	add_header("X-Why", "it \xc3\xa9xploded");
	judge_poll(200, "<html>");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_SUCCESS);
	ck_slice_eq(judgement.verdict.result, "42");
	ck_slice_eq(judgement.verdict.content_type, "text/plain");
	ck_slice_eq(judge_poll(202, "")->progress, "\"in \\\"progress\\\", 31%\"");
	judge_poll(500, "");
	ck_slice_eq(judgement.verdict.failure.code, "E7");
	ck_slice_eq(judgement.verdict.failure.message, "it \xc3\xa9xploded");
}
END_TEST

START_TEST(headers_that_are_not_text)
{
	use_rules("[{\"when\": {\"status\": 202}, \"then\": \"pending\", \"progress\": {\"header\": \"X-Odd\"}},"
	    " {\"then\": \"failure\", \"error\": {\"code\": {\"header\": \"X-Odd\"}, \"message\": {\"header\": \"X-Odd\"}}}]");
	add_header("X-Odd", "caf\xe9");
	ck_assert_ptr_null(judge_poll(202, "")->progress.data);
	judge_poll(500, "");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_assert_ptr_null(judgement.verdict.failure.code.data);
	ck_slice_eq(judgement.verdict.failure.message, "HTTP 500 Internal Server Error");
}
END_TEST

static const struct {
	const char *delay;
	const char *body;
	bool given;
	uint64_t usec;
} DELAYS[] = {
	{ "0", "{}", true, 0 },
	{ "{\"body\": \"/ms\", \"unit\": \"ms\"}", "{\"ms\": 1500}", true, 1500000 },
	{ "{\"body\": \"/ms\", \"unit\": \"ms\"}", "{\"ms\": \"1500\"}", true, 1500000 },
	{ "{\"body\": \"/s\"}", "{\"s\": 0.25}", true, 250000 },
	{ "{\"body\": \"/s\"}", "{\"s\": 1e3}", true, 1000000000 },
	{ "{\"body\": \"/s\"}", "{\"s\": 1e999}", true, 3600000000 },
	{ "{\"body\": \"/s\"}", "{\"s\": 86400}", true, 3600000000 },
	{ "{\"header\": \"X-Poll-After\", \"unit\": \"s\"}", "", true, 7000000 },
	{ "{\"header\": \"X-Gone\"}", "", false, 0 },
	{ "{\"body\": \"/s\"}", "{\"s\": -1}", false, 0 },
	{ "{\"body\": \"/s\"}", "{\"s\": \"soon\"}", false, 0 },
	{ "{\"body\": \"/s\"}", "{\"s\": \"nan\"}", false, 0 },
	{ "{\"body\": \"/s\"}", "{\"s\": [1]}", false, 0 },
	{ "{\"body\": \"/s\"}", "{}", false, 0 },
	{ "{\"body\": \"/s\"}", "1", false, 0 },
};

START_TEST(delays)
{
	char text[256];

	snprintf(text, sizeof(text), "[{\"then\": \"pending\", \"delay\": %s}]", DELAYS[_i].delay);
	use_rules(text);
	add_header("x-poll-after", "7");
	judge_poll(200, DELAYS[_i].body);
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	ck_assert_int_eq(judgement.verdict.has_delay, DELAYS[_i].given);
	ck_assert_uint_eq(judgement.verdict.delay_usec, DELAYS[_i].usec);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("rules");

	tcase_add_test(tcase, the_first_rule_that_holds_decides);
	tcase_add_test(tcase, google_success_has_the_exact_bytes);
	tcase_add_test(tcase, google_failure_has_code_message_and_details);
	tcase_add_test(tcase, google_cancelled_pending_lost_and_neither);
	tcase_add_loop_test(tcase, errors, 0, sizeof(ERRORS) / sizeof(ERRORS[0]));
	tcase_add_test(tcase, a_long_message_is_cut_between_characters);
	tcase_add_test(tcase, a_rule_can_retry_with_a_reason);
	tcase_add_test(tcase, a_rule_sets_values);
	tcase_add_test(tcase, parts_of_an_answer_may_be_headers);
	tcase_add_test(tcase, headers_that_are_not_text);
	tcase_add_loop_test(tcase, delays, 0, sizeof(DELAYS) / sizeof(DELAYS[0]));
	return judge_run("rules", tcase);
}
