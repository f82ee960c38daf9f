/* test_capture.c - values that are taken out of responses. */
#include "tests/daemon/remote/judge_fixture.h"

#include <stdlib.h>
#include <string.h>

START_TEST(captures_keep_types_and_merge)
{
	old = json_loads("{\"keep\": 1, \"name\": \"old\"}", 0, NULL);
	add_header("Operation-Location", "https://x/y?z=1");
	use_captures("{\"name\": {\"body\": \"/name\"}, \"n\": {\"body\": \"/n\"}, \"big\": {\"body\": \"/big\"},"
	             " \"o\": {\"body\": \"/o\"}, \"url\": {\"header\": \"operation-location\"}, \"null\": "
	             "{\"body\": \"/null\"}}");
	judge_step(STEP_SUBMIT, 200, "{\"name\": \"new\", \"n\": 5, \"big\": 18446744073709551616, \"o\": {\"a\": "
	    "[1]}}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_slice_eq(judgement.verdict.failure.message,
	    "the answer to the submit has no value for \"null\", which later requests need");
	params = json_loads("{\"null\": 1}", 0, NULL);
	judge_step(STEP_SUBMIT, 200, "{\"name\": \"new\", \"n\": 5, \"big\": 18446744073709551616, \"o\": {\"a\": "
	    "[1]}}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	ck_assert_str_eq(judgement.verdict.captured,
	    "{\"keep\":1,\"name\":\"new\",\"n\":5,\"big\":\"18446744073709551616\",\"o\":{\"a\":[1]},"
	    "\"url\":\"https://x/y?z=1\"}");
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
	TCase *tcase = tcase_create("capture");

	tcase_add_test(tcase, captures_keep_types_and_merge);
	tcase_add_test(tcase, captures_of_a_whole_body);
	tcase_add_test(tcase, captured_values_are_bounded);
	return judge_run("capture", tcase);
}
