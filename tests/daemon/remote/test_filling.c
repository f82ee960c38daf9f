/* test_filling.c - templates in rules and captures. */
#include "tests/daemon/remote/judge_fixture.h"

#include <stdlib.h>
#include <string.h>

START_TEST(a_pointer_has_a_value_in_it)
{
	use_rules("[{\"when\": {\"body\": {\"/{prompt_id}/status\": \"done\"}}, \"then\": \"success\","
	    " \"result\": \"/{prompt_id}/outputs\"}, {\"when\": {\"body\": {\"/{prompt_id}\": {\"exists\": false}}},"
	    " \"then\": \"pending\", \"progress\": \"/queue\"}]");
	old = json_loads("{\"prompt_id\": \"a/b~c\"}", 0, NULL);
	judge_poll(200, "{\"a/b~c\": {\"status\": \"done\", \"outputs\": [ 1 ]}}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_SUCCESS);
	ck_slice_eq(judgement.verdict.result, "[ 1 ]");
	judge_poll(200, "{\"a\": {\"b~c\": 1}, \"queue\": 5}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	ck_slice_eq(judgement.verdict.progress, "5");
}
END_TEST

START_TEST(a_single_template_keeps_its_type)
{
	use_rules("[{\"when\": {\"body\": {\"/n\": \"{n}\"}}, \"then\": \"lost\"},"
	    " {\"when\": {\"body\": {\"/n\": \"{n}-{n}\"}}, \"then\": \"cancelled\"},"
	    " {\"when\": {\"body\": {\"/m\": {\"gt\": \"{n}\", \"in\": [\"{n}\", 9]}}}, \"then\": \"failure\"},"
	    " {\"when\": {\"header\": {\"X-N\": {\"prefix\": \"{n}\"}}}, \"then\": \"success\"}]");
	params = json_loads("{\"n\": 5}", 0, NULL);
	ck_assert_int_eq(judge_poll(200, "{\"n\": 5.0}")->outcome, OUTCOME_LOST);
	ck_assert_int_eq(judge_poll(200, "{\"n\": \"5\"}")->outcome, OUTCOME_PENDING);
	ck_assert_int_eq(judge_poll(200, "{\"n\": \"5-5\"}")->outcome, OUTCOME_CANCELLED);
	ck_assert_int_eq(judge_poll(200, "{\"m\": 9}")->outcome, OUTCOME_FAILURE);
	ck_assert_int_eq(judge_poll(200, "{\"m\": 5}")->outcome, OUTCOME_PENDING);
	add_header("X-N", "57");
	ck_assert_int_eq(judge_poll(200, "{}")->outcome, OUTCOME_SUCCESS);
}
END_TEST

START_TEST(captured_values_come_first_and_the_id_is_known)
{
	use_rules("[{\"when\": {\"body\": {\"/a\": \"{v}\", \"/id\": \"{id}\"}}, \"then\": \"lost\"}]");
	params = json_loads("{\"v\": 1}", 0, NULL);
	old = json_loads("{\"v\": 2}", 0, NULL);
	ck_assert_int_eq(judge_poll(200, "{\"a\": 2, \"id\": \"future-1\"}")->outcome, OUTCOME_LOST);
	ck_assert_int_eq(judge_poll(200, "{\"a\": 1, \"id\": \"future-1\"}")->outcome, OUTCOME_PENDING);
	judge_in.id = NULL;
	ck_assert_int_eq(judge_poll(200, "{\"a\": 2, \"id\": \"future-1\"}")->outcome, OUTCOME_PENDING);
}
END_TEST

START_TEST(a_rule_without_a_value_does_not_hold)
{
	use_rules("[{\"when\": {\"not\": {\"body\": {\"/a\": \"{gone}\"}}}, \"then\": \"lost\"},"
	    " {\"then\": \"success\", \"result\": \"/{gone}\"}, {\"when\": {\"body\": {\"/a\": {\"gt\": \"{word}\"}}}, "
	    "\"then\": \"lost\"}, {\"when\": {\"body\": {\"/a\": \"{many}\"}}, \"then\": \"lost\"},"
	    " {\"then\": \"cancelled\", \"error\": {\"message\": \"stopped by {word}\"}}]");
	params = json_loads("{\"word\": \"me\", \"many\": [1]}", 0, NULL);
	judge_poll(200, "{\"a\": 1}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_CANCELLED);
	ck_slice_eq(judgement.verdict.failure.message, "stopped by me");
}
END_TEST

START_TEST(braces_are_written_twice)
{
	use_rules("[{\"when\": {\"body\": {\"/{{a}}\": \"{{b}}\"}}, \"then\": \"failure\", \"error\": \"{{c}}\"}]");
	judge_poll(200, "{\"{a}\": \"{b}\"}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_slice_eq(judgement.verdict.failure.message, "{c}");
}
END_TEST

START_TEST(a_value_is_no_template)
{
	use_rules("[{\"when\": {\"body\": {\"/a\": \"{v}\"}}, \"then\": \"lost\"}]");
	params = json_loads("{\"v\": \"{w}\", \"w\": 1}", 0, NULL);
	ck_assert_int_eq(judge_poll(200, "{\"a\": \"{w}\"}")->outcome, OUTCOME_LOST);
	ck_assert_int_eq(judge_poll(200, "{\"a\": 1}")->outcome, OUTCOME_PENDING);
}
END_TEST

/* Values of 64 KiB in each of many places would be a long text. */
START_TEST(what_is_filled_in_is_bounded)
{
	char text[16384] = "[{\"when\": {\"any\": [", *value = malloc(60001);

	for (int i = 0; i < 200; i++)
		strcat(text, "{\"body\": {\"/a\": \"{v}.\"}}, ");
	strcat(text, "{\"status\": 200}]}, \"then\": \"lost\"}]");
	use_rules(text);
	memset(value, 'x', 60000);
	value[60000] = '\0';
	params = json_pack("{s:s}", "v", value);
	free(value);
	ck_assert_int_eq(judge_poll(200, "{}")->outcome, OUTCOME_PENDING);
	json_object_set_new(params, "v", json_string("x"));
	ck_assert_int_eq(judge_poll(200, "{}")->outcome, OUTCOME_LOST);
}
END_TEST

START_TEST(captures_have_templates)
{
	use_captures("{\"url\": {\"body\": \"/{job}/url\"}, \"part\": {\"body\": \"/all\", \"after\": \"{job}=\", "
	    "\"before\": \";\"}, \"none\": {\"body\": \"/{gone}\"}}");
	params = json_loads("{\"job\": \"j1\", \"none\": 0}", 0, NULL);
	judge_step(STEP_SUBMIT, 201, "{\"j1\": {\"url\": \"/x\"}, \"all\": \"j0=a;j1=b;j2=c\"}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	ck_assert_str_eq(judgement.verdict.captured, "{\"url\":\"/x\",\"part\":\"b\"}");
}
END_TEST

/* --- what is refused at creation -------------------------------------------------------------------------- */

static const struct {
	const char *rules;
	const char *message;
} BAD[] = {
	{ "[{\"then\": \"lost\", \"when\": {\"body\": {\"/a\": \"{credential}\"}}}]",
	  "poll.rules[0].when.body[\"/a\"]: {credential} is for requests, not for what is made of their answers" },
	{ "[{\"then\": \"lost\", \"when\": {\"body\": {\"/a\": \"{b\"}}}]",
	  "poll.rules[0].when.body[\"/a\"]: a brace that is not part of a template is written twice" },
	{ "[{\"then\": \"lost\", \"when\": {\"body\": {\"{a}\": 1}}}]",
	  "poll.rules[0].when.body: \"{a}\" is not a JSON Pointer (it must be empty or start with \"/\")" },
	{ "[{\"then\": \"success\", \"result\": \"{a}\"}]",
	  "poll.rules[0].result: \"{a}\" is not a JSON Pointer (it must be empty or start with \"/\")" },
	{ "[{\"then\": \"lost\", \"when\": {\"body\": {\"/a\": {\"exists\": \"{x}\"}}}}]",
	  "poll.rules[0].when.body[\"/a\"].exists: must be true or false" },
	{ "[{\"then\": \"lost\", \"when\": {\"status\": \"{x}\"}}]",
	  "poll.rules[0].when.status: must be a status from 100 to 599, \"2xx\", or a list of these" },
	{ "[{\"then\": \"pending\", \"set\": {\"id\": 1}}]", "poll.rules[0].set.id: \"id\" is a built-in value" },
	{ "[{\"then\": \"pending\", \"set\": {\"a b\": 1}}]", "poll.rules[0].set[\"a b\"]: is not a name for a value" },
	{ "[{\"then\": \"pending\", \"set\": {\"a\": null}}]", "poll.rules[0].set.a: null is no value" },
	{ "[{\"then\": \"lost\", \"set\": {\"a\": 1}}]",
	  "poll.rules[0]: \"set\" is for \"then\": \"pending\", \"retry\" or \"fetch\"" },
	{ "[{\"then\": \"retry\", \"budget\": {\"times\": 0}}]",
	  "poll.rules[0].budget.times: must be a whole number from 1 to 1000000" },
	{ "[{\"then\": \"retry\", \"budget\": {\"seconds\": 0}}]",
	  "poll.rules[0].budget.seconds: must be at least 0.001 seconds" },
	{ "[{\"then\": \"retry\", \"budget\": {\"times\": 1, \"then\": \"refresh_credential\"}}]",
	  "poll.rules[0].budget.then: \"refresh_credential\" is not for a budget that is used up" },
	{ "[{\"then\": \"retry\", \"delay\": {}}]", "poll.rules[0].delay: must have one of \"body\" and \"header\"" },
	{ "[{\"then\": \"retry\", \"delay\": {\"body\": \"/a\", \"unit\": \"min\"}}]",
	  "poll.rules[0].delay.unit: must be \"s\" or \"ms\"" },
	{ "[{\"then\": \"lost\", \"when\": {\"body\": {\"/a\": {\"type\": \"integer\"}}}}]",
	  "poll.rules[0].when.body[\"/a\"].type: unknown type \"integer\"" },
	{ "[{\"then\": \"lost\", \"when\": {\"body\": {\"/a\": {\"not\": {\"prefx\": 1}}}}}]",
	  "poll.rules[0].when.body[\"/a\"].not: unknown matcher \"prefx\" (did you mean \"prefix\"?)" },
};

START_TEST(bad_rules)
{
	const struct place poll = { .key = "poll" }, place = { .up = &poll, .key = "rules" };
	json_t *json = json_loads(BAD[_i].rules, 0, NULL);
	struct rules *rules;
	struct error error = { 0 };

	ck_assert_msg(rules_read(json, NULL, &rules, &place, &error) < 0, "%s was taken", BAD[_i].rules);
	ck_assert_str_eq(error.message, BAD[_i].message);
	json_decref(json);
}
END_TEST

START_TEST(names_are_collected)
{
	json_t *json = json_loads("[{\"when\": {\"header\": {\"X\": \"{a}\"}, \"text\": {\"contains\": \"{b}\"}, \"any\": "
	    "[{\"body\": {\"/{c}\": {\"any\": {\"/{d}\": {\"not\": \"{e}\"}}}}}]}, \"then\": \"success\", "
	    "\"result\": \"/{f}\"}, {\"then\": \"retry\", \"error\": {\"code\": \"{g}\"}, \"delay\": {\"body\": \"/{h}\"}, "
	    "\"progress\": \"/{i}\"}]", 0, NULL);
	const struct place poll = { .key = "poll" }, place = { .up = &poll, .key = "rules" };
	json_t *names = json_object();
	struct rules *rules;
	struct error error = { 0 };

	ck_assert_int_eq(rules_read(json, names, &rules, &place, &error), 0);
	for (const char *name = "a\0b\0c\0d\0e\0f\0g\0h\0i\0"; *name; name += 2)
		ck_assert_msg(json_object_get(names, name) != NULL, "%s", name);
	ck_assert_uint_eq(json_object_size(names), 9);
	ck_assert_str_eq(json_string_value(json_object_get(names, "g")), "poll.rules[1].error.code");
	ck_assert(rules->templates);
	rules_free(rules);
	json_decref(names);
	json_decref(json);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("filling");

	tcase_add_test(tcase, a_pointer_has_a_value_in_it);
	tcase_add_test(tcase, a_single_template_keeps_its_type);
	tcase_add_test(tcase, captured_values_come_first_and_the_id_is_known);
	tcase_add_test(tcase, a_rule_without_a_value_does_not_hold);
	tcase_add_test(tcase, braces_are_written_twice);
	tcase_add_test(tcase, a_value_is_no_template);
	tcase_add_test(tcase, what_is_filled_in_is_bounded);
	tcase_add_test(tcase, captures_have_templates);
	tcase_add_loop_test(tcase, bad_rules, 0, sizeof(BAD) / sizeof(BAD[0]));
	tcase_add_test(tcase, names_are_collected);
	return judge_run("filling", tcase);
}
