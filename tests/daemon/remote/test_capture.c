/* test_capture.c - values that are taken out of responses. */
#include "tests/daemon/remote/judge_fixture.h"

#include <stdio.h>
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

START_TEST(what_a_large_number_is_in_stays_what_it_is)
{
	params = json_loads("{\"v\": 1}", 0, NULL);
	use_captures("{\"v\": {\"body\": \"/v\"}}");
	judge_step(STEP_SUBMIT, 200, "{\"v\": {\"a\": [18446744073709551616, 1e400, {\"n\": 7, \"s\": \"x\"}], \"z\": null}}");
	ck_assert_str_eq(judgement.verdict.captured,
	    "{\"v\":{\"a\":[\"18446744073709551616\",\"1e400\",{\"n\":7,\"s\":\"x\"}],\"z\":null}}");
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
	ck_assert_ptr_null(judgement.verdict.captured);
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

static const struct {
	const char *capture;
	const char *body;
	const char *captured;
} PARTS[] = {
	{ "{\"header\": \"Location\", \"after\": \"/jobs/\", \"before\": \"/\"}", "", "{\"x\":\"17\"}" },
	{ "{\"header\": \"Location\", \"after\": \"/jobs/\"}", "", "{\"x\":\"17/status?a=/jobs/2\"}" },
	{ "{\"header\": \"Location\", \"before\": \"/jobs/\"}", "", "{\"x\":\"https://h\"}" },
	{ "{\"header\": \"Location\", \"after\": \"a=\", \"before\": \"&\"}", "", NULL },
	{ "{\"header\": \"Location\", \"after\": \"/status\", \"before\": \"/jobs/1\"}", "", NULL },
	{ "{\"header\": \"Location\", \"after\": \"/tasks/\"}", "", NULL },
	{ "{\"header\": \"Location\", \"after\": \"/jobs/2\"}", "", NULL },
	{ "{\"body\": \"\", \"after\": \"<id>\", \"before\": \"</id>\"}", "<job><id>j-1</id><id>2</id></job>",
	  "{\"x\":\"j-1\"}" },
	{ "{\"body\": \"\", \"after\": \"<id>\"}", "<job/>", NULL },
	{ "{\"body\": \"/url\", \"after\": \"/v1/\"}", "{\"url\": "
	  "\"http:\\/\\/h\\/v1\\/ops\\u00e9\"}", "{\"x\":\"ops\xc3\xa9\"}" },
	{ "{\"body\": \"/n\", \"after\": \"1\"}", "{\"n\": 12}", "{\"x\":\"2\"}" },
	{ "{\"body\": \"\", \"before\": \"\\n\"}", "first\nsecond\n", "{\"x\":\"first\"}" },
};

START_TEST(parts_of_texts)
{
	char text[256];

	snprintf(text, sizeof(text), "{\"x\": %s}", PARTS[_i].capture);
	use_captures(text);
	add_header("location", "https://h/jobs/17/status?a=/jobs/2");
	judge_poll(200, PARTS[_i].body);
	ck_assert_pstr_eq(judgement.verdict.captured, PARTS[_i].captured);
}
END_TEST

/* A short part of a long body is taken. */
START_TEST(a_part_of_a_long_text)
{
	char *body = malloc(200020);

	use_captures("{\"x\": {\"body\": \"\", \"after\": \"<id>\", \"before\": \"<\"}}");
	memset(body, ' ', 200000);
	strcpy(body + 200000, "<id>7</id>");
	judge_poll(200, body);
	ck_assert_str_eq(judgement.verdict.captured, "{\"x\":\"7\"}");
	free(body);
}
END_TEST

START_TEST(bad_captures)
{
	static const struct { const char *text, *message; } BAD[] = {
		{ "{\"x\": {\"after\": \"a\"}}", "x: must have one of \"body\" and \"header\"" },
		{ "{\"x\": {\"header\": \"L\", \"after\": \"{credential}\"}}",
		  "x.after: {credential} is for requests, not for what is made of their answers" },
		{ "{\"id\": {\"body\": \"\"}}", "id: \"id\" is a built-in value" },
		{ "{\"x\": {\"body\": \"\", \"befor\": \"a\"}}", "x: unknown key \"befor\" (did you mean \"before\"?)" },
	};

	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		json_t *json = json_loads(BAD[i].text, 0, NULL);
		struct captures *captures;
		struct error error = { 0 };

		ck_assert_int_lt(captures_read(json, NULL, &captures, NULL, &error), 0);
		ck_assert_str_eq(error.message, BAD[i].message);
		json_decref(json);
	}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("capture");

	tcase_add_test(tcase, captures_keep_types_and_merge);
	tcase_add_test(tcase, what_a_large_number_is_in_stays_what_it_is);
	tcase_add_test(tcase, captures_of_a_whole_body);
	tcase_add_test(tcase, captured_values_are_bounded);
	tcase_add_loop_test(tcase, parts_of_texts, 0, sizeof(PARTS) / sizeof(PARTS[0]));
	tcase_add_test(tcase, a_part_of_a_long_text);
	tcase_add_test(tcase, bad_captures);
	return judge_run("capture", tcase);
}
