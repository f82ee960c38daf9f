/* test_onward.c - what a rule that continues goes on with: every value in its place, and nothing more than a value. */
#include "tests/daemon/remote/judge_fixture.h"

#include <stdio.h>
#include <string.h>

#define CONTINUE(with) "[{\"when\": {\"status\": 200}, \"then\": \"continue\", \"with\": {" with "}}]"

START_TEST(it_is_filled_with_what_is_known)
{
	const struct verdict *verdict;

	use_rules("[{\"when\": {\"body\": {\"/state\": \"done\"}}, \"then\": \"continue\","
	          " \"capture\": {\"out\": {\"body\": \"/out\"}, \"job\": {\"body\": \"/job\"}},"
	          " \"with\": {\"profile\": \"{kind}-report\","
	          " \"params\": {\"input\": \"{out}\", \"note\": \"{job} of {id}\", \"n\": 7},"
	          " \"polling\": {\"initial\": \"{pace}\"}, \"retry\": {\"timeout\": null}}}]");
	params = json_loads("{\"kind\": \"daily\", \"pace\": 2.5, \"job\": \"old\"}", 0, NULL);
	old = json_loads("{\"job\": \"older\"}", 0, NULL);
	verdict = judge_poll(200, "{\"state\": \"done\", \"out\": {\"rows\": [1, 2]}, \"job\": \"j/1\"}");
	ck_assert_int_eq(verdict->outcome, OUTCOME_CONTINUE);
	ck_slice_eq(verdict->source.profile, "daily-report");
	ck_slice_eq(verdict->source.params, "{\"input\":{\"rows\":[1,2]},\"note\":\"j/1 of future-1\",\"n\":7}");
	ck_slice_eq(verdict->source.polling, "{\"initial\":2.5}");
	ck_slice_eq(verdict->source.retry, "{\"timeout\":null}");
	ck_assert_ptr_null(verdict->source.spec.data);
	ck_assert_uint_eq(verdict->source.n_after, 0);
	/* the values of the operation that is over are of no use to the next one */
	ck_assert_ptr_null(verdict->captured);
}
END_TEST

/* Values from an answer, and what is made of them in a spec, and in a param. */
static const struct { const char *template, *a, *b, *spec, *params; } TEXTS[] = {
	{ "{a}", "\"x\"", "1", "\"x\"", "\"x\"" },
	{ "{a}", "12.5", "1", "12.5", "12.5" },
	{ "{{a}}", "\"x\"", "1", "\"{a}\"", "\"{a}\"" },
	{ "/v1/{a}?{b}", "\"x y\"", "true", "\"/v1/x y?true\"", "\"/v1/x y?true\"" },
	/* what a service says is no template, however it is put together */
	{ "{a}", "\"{credential}\"", "1", "\"{{credential}}\"", "\"{credential}\"" },
	{ "x{a}", "\"{credential}\"", "1", "\"x{{credential}}\"", "\"x{credential}\"" },
	{ "{a}{b}", "\"{\"", "\"credential}\"", "\"{{credential}}\"", "\"{credential}\"" },
	{ "{{{{{a}}}}}", "\"credential\"", "1", "\"{{credential}}\"", "\"{{credential}}\"" },
	{ "{a}", "\"}{\"", "1", "\"}}{{\"", "\"}{\"" },
	{ "{a}", "[\"{x}\", {\"{k}\": \"{y}\"}]", "1", "[\"{{x}}\",{\"{k}\":\"{{y}}\"}]", "[\"{x}\",{\"{k}\":\"{y}\"}]" },
	/* neither is it a reference to another future's result */
	{ "{a}", "\"{result:0}\"", "1", "\"{{result:0}}\"", "\"{{result:0}}\"" },
	{ "{a}{b}", "\"{res\"", "\"ult:0}\"", "\"{{result:0}}\"", "\"{{result:0}}\"" },
	{ "{a}", "{\"k\": [\"{result:0}\"]}", "1", "{\"k\":[\"{{result:0}}\"]}", "{\"k\":[\"{{result:0}}\"]}" },
	/* unless it was written as one */
	{ "{{result:{a}/x}}", "\"0-1\"", "1", "\"{result:0-1/x}\"", "\"{result:0-1/x}\"" },
	/* and the value stays where it was put: it leads to no other place in a result */
	{ "{{result:{a}/x/{b}}}", "\"0-1/y\"", "\"/~z\"", "\"{result:0-1~1y/x/~1~0z}\"", "\"{result:0-1~1y/x/~1~0z}\"" },
	{ "{a} {{result:{b}/x}} {a}", "\"a/b\"", "0", "\"a/b {result:0/x} a/b\"", "\"a/b {result:0/x} a/b\"" },
	{ "{{result:{a}}}", "\"0}{credential\"", "1", "\"{result:0}}{{credential}\"", "\"{result:0}}{{credential}\"" },
};

START_TEST(a_value_is_no_more_than_a_value)
{
	char rules[512], body[256], expected[256];
	const struct verdict *verdict;

	snprintf(rules, sizeof(rules),
	    "[{\"then\": \"continue\", \"capture\": {\"a\": {\"body\": \"/a\"}, \"b\": {\"body\": \"/b\"}},"
	    " \"with\": {\"spec\": {\"x\": \"%s\"}, \"params\": {\"x\": \"%s\"}}}]", TEXTS[_i].template, TEXTS[_i].template);
	snprintf(body, sizeof(body), "{\"a\": %s, \"b\": %s}", TEXTS[_i].a, TEXTS[_i].b);
	use_rules(rules);
	verdict = judge_poll(200, body);
	ck_assert_int_eq(verdict->outcome, OUTCOME_CONTINUE);
	snprintf(expected, sizeof(expected), "{\"x\":%s}", TEXTS[_i].spec);
	ck_slice_eq(verdict->source.spec, expected);
	snprintf(expected, sizeof(expected), "{\"x\":%s}", TEXTS[_i].params);
	ck_slice_eq(verdict->source.params, expected);
}
END_TEST

/* Braces in a param are only braces where nothing refers to a result, and no value makes it refer to one. */
static const struct { const char *template, *a, *params; } BRACES[] = {
	{ "{{{a}}}", "\"x\"", "\"{x}\"" },
	{ "{{{a}}}", "\"result:0\"", "\"{{result:0}}\"" },
	{ "{{resul{a}}}", "\"t:0\"", "\"{{result:0}}\"" },
	{ "{{b}} {a}", "\"{result:0}\"", "\"{{b}} {{result:0}}\"" },
};

START_TEST(a_value_makes_no_reference)
{
	char rules[512], body[256], expected[256];
	const struct verdict *verdict;

	snprintf(rules, sizeof(rules), "[{\"then\": \"continue\", \"capture\": {\"a\": {\"body\": \"/a\"}},"
	    " \"with\": {\"profile\": \"p\", \"params\": {\"x\": \"%s\"}}}]", BRACES[_i].template);
	snprintf(body, sizeof(body), "{\"a\": %s}", BRACES[_i].a);
	use_rules(rules);
	verdict = judge_poll(200, body);
	ck_assert_int_eq(verdict->outcome, OUTCOME_CONTINUE);
	snprintf(expected, sizeof(expected), "{\"x\":%s}", BRACES[_i].params);
	ck_slice_eq(verdict->source.params, expected);
}
END_TEST

START_TEST(ids_to_wait_for)
{
	static const char list[] = "[\"01902f6e-0000-7000-8000-00000000000a\", \"01902F6E-0000-7000-8000-00000000000B\"]";
	char body[256], text[ID_TEXT_LEN + 1];
	const struct verdict *verdict;

	use_rules("[{\"then\": \"continue\", \"capture\": {\"ids\": {\"body\": \"/ids\"}},"
	          " \"with\": {\"profile\": \"x\", \"after\": \"{ids}\"}}]");
	snprintf(body, sizeof(body), "{\"ids\": %s}", list);
	verdict = judge_poll(200, body);
	ck_assert_uint_eq(verdict->source.n_after, 2);
	id_format(&verdict->source.after[1], text);
	ck_assert_str_eq(text, "01902f6e-0000-7000-8000-00000000000b");
}
END_TEST

/* Answers that do not fill it. */
static const struct { const char *with, *body, *message; } MISSING[] = {
	{ "\"profile\": \"{a}\"", "{}", "it cannot go on: with: profile: {a} has no value" },
	{ "\"profile\": \"{a}\"", "{\"a\": {}}", "it cannot go on: with: profile: it is not a text" },
	{ "\"profile\": \"p{a}\"", "{\"a\": []}",
	  "it cannot go on: with: profile: the value of {a} is an array, which has no text form" },
	{ "\"profile\": \"x\", \"params\": {\"v\": [\"{b}\"]}", "{\"a\": 1}", "it cannot go on: with: params: {b} has no value" },
	{ "\"profile\": \"x\", \"after\": \"{a}\"", "{\"a\": 1}",
	  "it cannot go on: with: after: it is not a list of at most 4096 ids" },
	{ "\"profile\": \"x\", \"after\": [\"{a}\"]", "{\"a\": \"1\"}", "it cannot go on: with: after: number 0 is not an id" },
};

START_TEST(a_value_that_is_not_there)
{
	char rules[512];
	const struct verdict *verdict;

	snprintf(rules, sizeof(rules), "[{\"then\": \"continue\", \"capture\": {\"a\": {\"body\": \"/a\"}}, \"with\": {%s}}]",
	    MISSING[_i].with);
	use_rules(rules);
	verdict = judge_poll(200, MISSING[_i].body);
	ck_assert_int_eq(verdict->outcome, OUTCOME_FAILURE);
	ck_assert_str_eq(verdict->failure.kind, "invalid_response");
	ck_slice_eq(verdict->failure.message, MISSING[_i].message);
	ck_assert_ptr_null(verdict->source.profile.data);
}
END_TEST

START_TEST(it_has_a_length)
{
	char rules[65536] = "[{\"then\": \"continue\", \"capture\": {\"a\": {\"body\": \"/a\"}}, \"with\": {\"profile\": \"x\", "
	                    "\"params\": {\"v\": [\"\"";
	char body[30000] = "{\"a\": \"";

	for (int i = 0; i < 20; i++)
		strcat(rules, ", \"{a}\"");
	strcat(rules, "]}}}]");
	memset(body + strlen(body), 'x', 25000);
	strcat(body, "\"}");
	use_rules(rules);
	ck_assert_int_eq(judge_poll(200, body)->outcome, OUTCOME_FAILURE);
	ck_slice_eq(judgement.verdict.failure.message,
	    "it cannot go on: with: params: it is longer than 262144 bytes when filled in");
}
END_TEST

START_TEST(a_budget_may_lead_on)
{
	use_rules("[{\"when\": {\"status\": 200}, \"then\": \"pending\", \"budget\": {\"times\": 1, \"then\": \"continue\"},"
	          " \"with\": {\"profile\": \"slow\"}, \"progress\": \"/p\"}]");
	ck_assert_int_eq(judge_poll(200, "{\"p\": 1}")->outcome, OUTCOME_PENDING);
	ck_assert_ptr_null(judgement.verdict.source.profile.data);
	ck_assert_int_eq(judge_next(1000, 200, "{\"p\": 2}")->outcome, OUTCOME_CONTINUE);
	ck_slice_eq(judgement.verdict.source.profile, "slow");
	ck_slice_eq(judgement.verdict.progress, "2");
}
END_TEST

START_TEST(each_step_may_lead_on)
{
	static const enum step steps[] = { STEP_SUBMIT, STEP_POLL, STEP_FETCH };

	use_rules(CONTINUE("\"profile\": \"x\""));
	ck_assert_int_eq(judge_step(steps[_i], 200, "{}")->outcome, OUTCOME_CONTINUE);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("onward");

	tcase_add_test(tcase, it_is_filled_with_what_is_known);
	tcase_add_loop_test(tcase, a_value_is_no_more_than_a_value, 0, sizeof(TEXTS) / sizeof(TEXTS[0]));
	tcase_add_loop_test(tcase, a_value_makes_no_reference, 0, sizeof(BRACES) / sizeof(BRACES[0]));
	tcase_add_test(tcase, ids_to_wait_for);
	tcase_add_loop_test(tcase, a_value_that_is_not_there, 0, sizeof(MISSING) / sizeof(MISSING[0]));
	tcase_add_test(tcase, it_has_a_length);
	tcase_add_test(tcase, a_budget_may_lead_on);
	tcase_add_loop_test(tcase, each_step_may_lead_on, 0, 3);
	return judge_run("onward", tcase);
}
