/* test_explain.c - why rules hold for an answer or not. */
#include "daemon/remote/explain.h"
#include "tests/daemon/remote/judge_fixture.h"

#include <stdio.h>
#include <string.h>

/* What was told, a line each: "0 no WHY". */
static char told[4096];

static void on_rule(void *arg, size_t rule, bool holds, const char *why)
{
	size_t len = strlen(told);

	snprintf(told + len, sizeof(told) - len, "%zu %s%s%s\n", rule, holds ? "yes" : "no", *why ? " " : "", why);
}

/* Tell of rules and an answer; the number told of. */
static int explain(const char *text, int status, const char *body)
{
	const struct http_response response = { .status = status, .headers = headers, .n_headers = n_headers, .body = body,
		.body_len = strlen(body) };
	json_t *json = json_loads(text, 0, NULL);
	const struct values values = { .params = params };
	struct rules *rules;
	struct error error = { 0 };
	int r;

	ck_assert_msg(rules_read(json, NULL, &rules, NULL, &error) == 0, "%s", error.message);
	told[0] = '\0';
	r = explain_rules(rules, &values, &response, on_rule, NULL);
	rules_free(rules);
	json_decref(json);
	return r;
}

START_TEST(up_to_the_one_that_decides)
{
	ck_assert_int_eq(explain(google_rules, 200, "{\"done\": false, \"metadata\": {}}"), 5);
	ck_assert_str_eq(told,
	    "0 no body[\"/done\"] is false, not true\n"
	    "1 no body[\"/done\"] is false, not true\n"
	    "2 no body[\"/done\"] is false, not true\n"
	    "3 no body[\"/done\"] is false, not true\n"
	    "4 yes\n");
	ck_assert_int_eq(explain(google_rules, 500, "oops"), 6);
	ck_assert_str_eq(told,
	    "0 no status is 500, not 200\n"
	    "1 no status is 500, not 200\n"
	    "2 no status is 500, not 200\n"
	    "3 no status is 500, not 200\n"
	    "4 no status is 500, not 200\n"
	    "5 no status is 500, not 404\n");
}
END_TEST

static const struct {
	const char *when;
	const char *body;
	const char *why;           /* "": it holds */
} WHYS[] = {
	{ "{\"status\": [\"2xx\", 404]}", "", "" },
	{ "{\"status\": [\"4xx\", 500]}", "", "status is 200, not [\"4xx\",500]" },
	{ "{\"empty\": true}", "x", "the body is not empty" },
	{ "{\"empty\": false}", "", "the body is empty" },
	{ "{\"body\": {\"/a\": 1}}", "<html>", "the body is not JSON (a value was expected at byte 0)" },
	{ "{\"body\": {\"/a\": 1}}", "{}", "body[\"/a\"] is not there, not 1" },
	{ "{\"body\": {\"/a\": {\"exists\": true}}}", "{}", "body[\"/a\"] is not there" },
	{ "{\"body\": {\"/a\": {\"exists\": true}}}", "{\"a\": null}", "body[\"/a\"] is null, and \"exists\" is true" },
	{ "{\"body\": {\"/a\": {\"exists\": false}}}", "{\"a\": 1}", "body[\"/a\"] is 1, and \"exists\" is false" },
	{ "{\"body\": {\"/a\": [\"x\", \"y\"]}}", "{\"a\": \"z\"}", "body[\"/a\"] is \"z\", none of [\"x\",\"y\"]" },
	{ "{\"body\": {\"/a\": {\"prefix\": \"run\"}}}", "{\"a\": \"done\"}",
	  "body[\"/a\"] is \"done\", which does not start with \"run\"" },
	{ "{\"body\": {\"/a\": {\"contains\": \"x\"}}}", "{\"a\": [1]}",
	  "body[\"/a\"] is [1], which does not contain \"x\"" },
	{ "{\"body\": {\"/a\": {\"gt\": 1, \"lt\": 5}}}", "{\"a\": 7}", "body[\"/a\"] is 7, not less than 5" },
	{ "{\"body\": {\"/a\": {\"type\": \"string\"}}}", "{\"a\": 7}", "body[\"/a\"] is 7, not of type \"string\"" },
	{ "{\"body\": {\"/a\": {\"not\": [7, 8]}}}", "{\"a\": 7}", "body[\"/a\"] is 7, which is ruled out by [7,8]" },
	{ "{\"body\": {\"/a\": {\"any\": {\"/x\": 1}}}}", "{\"a\": []}",
	  "body[\"/a\"] is [], with no element that fulfils {\"/x\":1}" },
	{ "{\"body\": {\"/a\": {\"all\": {\"\": 1}}}}", "{\"a\": [1, 2]}",
	  "body[\"/a\"] is [1, 2], where not every element fulfils {\"\":1}" },
	{ "{\"header\": {\"X-State\": \"done\"}}", "", "header X-State is \"run\", not \"done\"" },
	{ "{\"header\": {\"X-Gone\": \"done\"}}", "", "header X-Gone is not there, not \"done\"" },
	{ "{\"text\": \"done\"}", " run\n", "the text of the body is \"run\", not \"done\"" },
	{ "{\"all\": [{\"status\": 200}, {\"status\": 404}]}", "", "status is 200, not 404" },
	{ "{\"any\": [{\"status\": 404}, {\"text\": \"x\"}]}", "y",
	  "nothing of \"any\" holds: status is 200, not 404; the text of the body is \"y\", not \"x\"" },
	{ "{\"any\": [{\"status\": 404}, {\"text\": \"y\"}]}", "y", "" },
	{ "{\"any\": [{\"status\": 404}, {\"text\": \"y\"}], \"empty\": false, \"body\": {\"/a\": 1}}", "y",
	  "the body is not JSON (a value was expected at byte 0)" },
	{ "{\"not\": {\"status\": 200}}", "", "what \"not\" rules out holds: {\"status\":200}" },
	{ "{\"not\": {\"status\": 404}}", "", "" },
	{ "{\"body\": {\"/a\": \"{x}\"}}", "{\"a\": 2}", "body[\"/a\"] is 2, not 5" },
	{ "{\"body\": {\"/{x}\": true}}", "{}", "body[\"/5\"] is not there, not true" },
	{ "{\"body\": {\"/a\": \"{gone}\"}}", "{\"a\": 2}", "when.body[\"/a\"]: {gone} has no value" },
};

START_TEST(whys)
{
	char text[512], expected[512];

	params = json_loads("{\"x\": 5}", 0, NULL);
	add_header("x-state", "run");
	snprintf(text, sizeof(text), "[{\"then\": \"lost\", \"when\": %s}]", WHYS[_i].when);
	snprintf(expected, sizeof(expected), "0 %s%s%s\n", *WHYS[_i].why ? "no" : "yes", *WHYS[_i].why ? " " : "",
	    WHYS[_i].why);
	ck_assert_int_eq(explain(text, 200, WHYS[_i].body), 1);
	ck_assert_str_eq(told, expected);
}
END_TEST

START_TEST(what_is_told_is_short_and_one_line)
{
	char body[4096] = "{\"a\": \"";

	memset(body + strlen(body), 'x', 3000);
	strcat(body, "\"}");
	explain("[{\"then\": \"lost\", \"when\": {\"body\": {\"/a\": \"y\"}}}]", 200, body);
	ck_assert_uint_lt(strlen(told), 200);
	ck_assert_ptr_nonnull(strstr(told, "xxx..., not \"y\""));
	explain("[{\"then\": \"lost\", \"when\": {\"text\": \"y\"}}]", 200, "a\nb\xff");
	ck_assert_str_eq(told, "0 no the text of the body is \"a?b?\", not \"y\"\n");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("explain");

	tcase_add_test(tcase, up_to_the_one_that_decides);
	tcase_add_loop_test(tcase, whys, 0, sizeof(WHYS) / sizeof(WHYS[0]));
	tcase_add_test(tcase, what_is_told_is_short_and_one_line);
	return judge_run("explain", tcase);
}
