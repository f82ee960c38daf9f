/* test_language.c - what real services answer, described: each thing that a language for them has to be able to say. */
#include "daemon/remote/reach.h"
#include "tests/daemon/remote/judge_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rules as a profile of the service would have them. */
static const char KUBERNETES_JOB[] =
    "[{\"when\": {\"status\": 200, \"body\": {\"/status/conditions\": {\"any\": {\"/type\": \"Complete\", \"/status\": "
    "\"True\"}}}}, \"then\": \"success\"},"
    " {\"when\": {\"status\": 200, \"body\": {\"/status/conditions\": {\"any\": {\"/type\": \"Failed\", \"/status\": "
    "\"True\"}}}}, \"then\": \"failure\"},"
    " {\"when\": {\"status\": 404}, \"then\": \"lost\"}, {\"when\": {\"status\": 410}, \"then\": \"lost\"}]";
static const char GITHUB_RUN[] =
    "[{\"when\": {\"body\": {\"/status\": \"completed\", \"/conclusion\": [\"success\", \"neutral\", \"skipped\"]}}, \"then\": "
    "\"success\"},"
    " {\"when\": {\"body\": {\"/status\": \"completed\", \"/conclusion\": \"cancelled\"}}, \"then\": \"cancelled\"},"
    " {\"when\": {\"body\": {\"/status\": \"completed\"}}, \"then\": \"failure\", \"error\": {\"code\": \"/conclusion\"}}]";
static const char AZURE[] =
    "[{\"when\": {\"status\": \"2xx\", \"body\": {\"/status\": {\"equals\": \"succeeded\", \"ignore_case\": true}}}, \"then\": "
    "\"fetch\"},"
    " {\"when\": {\"status\": \"2xx\", \"body\": {\"/status\": {\"in\": [\"failed\", \"canceled\"], \"ignore_case\": true}}}, "
    "\"then\": \"failure\", \"error\": \"/error\"},"
    " {\"when\": {\"status\": [200, 201], \"body\": {\"/status\": {\"exists\": false}}}, \"then\": \"success\"},"
    " {\"when\": {\"status\": 204, \"empty\": true}, \"then\": \"success\"}]";
static const char TINKER[] =
    "[{\"when\": {\"status\": 401}, \"then\": \"refresh_credential\", \"budget\": {\"times\": 1}},"
    " {\"when\": {\"status\": 402}, \"then\": \"retry\", \"budget\": {\"seconds\": 3600}},"
    " {\"when\": {\"status\": 400}, \"then\": \"retry\", \"budget\": {\"times\": 3}},"
    " {\"when\": {\"header\": {\"Content-Type\": {\"prefix\": \"application/x-protobuf\"}}, \"status\": 200}, \"then\": "
    "\"success\"},"
    " {\"when\": {\"body\": {\"/type\": \"try_again\"}}, \"then\": \"pending\", \"progress\": \"/queue_state\", "
    "\"delay\": {\"body\": "
    "\"/poll_after_ms\", \"unit\": \"ms\"}},"
    " {\"when\": {\"body\": {\"/status\": \"complete_metadata\"}}, \"then\": \"pending\", \"delay\": 0, \"set\": "
    "{\"allow_metadata_only\": false}},"
    " {\"when\": {\"body\": {\"/category\": {\"exists\": true}}}, \"then\": \"failure\", \"error\": {\"code\": \"/category\", "
    "\"message\": \"/error\"}},"
    " {\"when\": {\"status\": 200}, \"then\": \"success\"}, {\"when\": {\"status\": 410}, \"then\": \"lost\"}]";
static const char OPENAI_BATCH[] =
    "[{\"when\": {\"body\": {\"/status\": [\"completed\", \"expired\", \"cancelled\"], \"/output_file_id\": {\"type\": "
    "\"string\"}}}, \"then\": \"fetch\"},"
    " {\"when\": {\"body\": {\"/status\": [\"completed\", \"failed\", \"expired\"]}}, \"then\": \"failure\", "
    "\"error\": {\"message\": "
    "\"/errors/data/0/message\", \"code\": \"/errors/data/0/code\"}},"
    " {\"when\": {\"body\": {\"/status\": \"cancelled\"}}, \"then\": \"cancelled\"},"
    " {\"when\": {\"status\": 200}, \"then\": \"pending\", \"progress\": \"/request_counts\"}]";
static const char FHIR[] =
    "[{\"when\": {\"status\": 202}, \"then\": \"pending\", \"progress\": {\"header\": \"X-Progress\"}},"
    " {\"when\": {\"body\": {\"/resourceType\": \"OperationOutcome\", \"/issue\": {\"all\": {\"/code\": "
    "\"transient\"}}}}, \"then\": "
    "\"retry\"},"
    " {\"when\": {\"status\": 200}, \"then\": \"success\"}, {\"when\": {\"status\": 404}, \"then\": \"lost\"}]";
static const char COMFY_UI[] =
    "[{\"when\": {\"body\": {\"/{prompt_id}/status/completed\": true}}, \"then\": \"success\", \"result\": "
    "\"/{prompt_id}/outputs\"}, {\"when\": {\"body\": {\"/{prompt_id}/status/status_str\": \"error\"}}, \"then\": \"failure\"}]";
static const char XML_OR_TEXT[] =
    "[{\"when\": {\"text\": {\"contains\": \"<state>done</state>\"}}, \"then\": \"success\"},"
    " {\"when\": {\"text\": [\"FAILED\", \"ABORTED\"]}, \"then\": \"failure\"}]";
static const char TASKS[] =
    "[{\"when\": {\"body\": {\"/tasks\": {\"any\": {\"/state\": {\"not\": [\"ok\", \"running\"]}}}}}, \"then\": \"failure\"},"
    " {\"when\": {\"body\": {\"/tasks\": {\"all\": {\"/state\": \"ok\"}}}}, \"then\": \"success\"},"
    " {\"when\": {\"any\": [{\"body\": {\"/percent\": {\"gt\": 99}}}, {\"body\": {\"/flags\": {\"contains\": "
    "\"final\"}}}]}, \"then\": "
    "\"success\"}]";

#define NO_TYPE NULL

static const struct {
	const char *row;           /* of the list of what such a language needs */
	const char *rules;
	int status;
	const char *type;          /* Content-Type */
	const char *body;
	enum outcome outcome;
	const char *says;          /* result, progress, code of the failure; NULL: nothing to look at */
} ANSWERS[] = {
	{ "3 the first rule that matches wins", google_rules, 200, NO_TYPE, "{\"done\": true, \"error\": {\"code\": 1}}",
	  OUTCOME_CANCELLED, "1" },
	{ "3 an explicit default", google_rules, 200, NO_TYPE, "{}", OUTCOME_PENDING, NULL },
	{ "3 2xx is pending by default", KUBERNETES_JOB, 200, NO_TYPE, "{}", OUTCOME_PENDING, NULL },
	{ "3 an unknown state is pending", GITHUB_RUN, 200, NO_TYPE, "{\"status\": \"haunted\"}", OUTCOME_PENDING, NULL },
	{ "3 retry or failure on others", GITHUB_RUN, 502, NO_TYPE, "", OUTCOME_RETRY, NULL },
	{ "3 retry or failure on others", GITHUB_RUN, 403, NO_TYPE, "", OUTCOME_FAILURE, NULL },
	{ "4 status: exact, list, class", AZURE, 201, NO_TYPE, "{\"id\": 1}", OUTCOME_SUCCESS, "{\"id\": 1}" },
	{ "4 header: equals, contains, exists", TINKER, 200, "application/x-protobuf; v=1", "\x08\x01", OUTCOME_SUCCESS,
	  "\x08\x01" },
	{ "4 pointer: equals, in, exists, absent, null, type", OPENAI_BATCH, 200, NO_TYPE,
	  "{\"status\": \"completed\", \"output_file_id\": null}", OUTCOME_FAILURE, NULL },
	{ "4 case-insensitive", AZURE, 200, NO_TYPE, "{\"status\": \"SuccEeded\"}", OUTCOME_FETCH, NULL },
	{ "4 an empty body", AZURE, 204, NO_TYPE, "", OUTCOME_SUCCESS, "" },
	{ "4 an absent boolean is false", google_rules, 200, NO_TYPE, "{\"name\": \"x\"}", OUTCOME_PENDING, NULL },
	{ "4 some element", KUBERNETES_JOB, 200, NO_TYPE,
	  "{\"status\": {\"conditions\": [{\"type\": \"Failed\", \"status\": \"False\"}, {\"type\": \"Complete\", \"status\": "
	  "\"True\"}]}}", OUTCOME_SUCCESS, NULL },
	{ "4 some element", KUBERNETES_JOB, 200, NO_TYPE,
	  "{\"status\": {\"conditions\": [{\"type\": \"Complete\", \"status\": \"False\"}, {\"type\": \"X\", "
	  "\"status\": \"True\"}]}}",
	  OUTCOME_PENDING, NULL },
	{ "4 every element", TASKS, 200, NO_TYPE, "{\"tasks\": [{\"state\": \"ok\"}, {\"state\": \"ok\"}]}", OUTCOME_SUCCESS,
	  NULL },
	{ "4 every element", TASKS, 200, NO_TYPE, "{\"tasks\": [{\"state\": \"ok\"}, {\"state\": \"running\"}]}",
	  OUTCOME_PENDING, NULL },
	{ "4 what must not be", TASKS, 200, NO_TYPE, "{\"tasks\": [{\"state\": \"ok\"}, {}]}", OUTCOME_FAILURE, NULL },
	{ "4 or", TASKS, 200, NO_TYPE, "{\"flags\": [\"seen\", \"final\"]}", OUTCOME_SUCCESS, NULL },
	{ "4 two-field states", GITHUB_RUN, 200, NO_TYPE, "{\"status\": \"completed\", \"conclusion\": \"skipped\"}",
	  OUTCOME_SUCCESS, NULL },
	{ "4 two-field states", GITHUB_RUN, 200, NO_TYPE, "{\"status\": \"completed\", \"conclusion\": \"timed_out\"}",
	  OUTCOME_FAILURE, "timed_out" },
	{ "4 by content type", TINKER, 200, "application/json", "{\"category\": \"user\", \"error\": \"bad\"}",
	  OUTCOME_FAILURE, "user" },
	{ "4 text that is not JSON", XML_OR_TEXT, 200, "text/xml", "<job><state>done</state></job>", OUTCOME_SUCCESS, NULL },
	{ "4 text that is not JSON", XML_OR_TEXT, 200, "text/plain", "ABORTED\n", OUTCOME_FAILURE, NULL },
	{ "4 a name that only the answer to the submit told", COMFY_UI, 200, NO_TYPE,
	  "{\"p/1\": {\"status\": {\"completed\": true}, \"outputs\": {\"9\": []}}}", OUTCOME_SUCCESS, "{\"9\": []}" },
	{ "4 a name that only the answer to the submit told", COMFY_UI, 200, NO_TYPE, "{}", OUTCOME_PENDING, NULL },
	{ "5 lost", TINKER, 410, NO_TYPE, "", OUTCOME_LOST, NULL },
	{ "5 partial", OPENAI_BATCH, 200, NO_TYPE, "{\"status\": \"expired\", \"output_file_id\": \"f1\"}", OUTCOME_FETCH,
	  NULL },
	{ "5 partial", OPENAI_BATCH, 200, NO_TYPE,
	  "{\"status\": \"expired\", \"errors\": {\"data\": [{\"code\": \"late\", \"message\": \"24 h\"}]}}", OUTCOME_FAILURE,
	  "late" },
	{ "5 not reading the status is not failing", FHIR, 500, NO_TYPE,
	  "{\"resourceType\": \"OperationOutcome\", \"issue\": [{\"code\": \"transient\"}]}", OUTCOME_RETRY, NULL },
	{ "5 a fresh credential", TINKER, 401, NO_TYPE, "", OUTCOME_RETRY, NULL },
	{ "6 the exact bytes", google_rules, 200, NO_TYPE, "{\"done\": true, \"response\": { \"n\": 1.00 }}",
	  OUTCOME_SUCCESS, "{ \"n\": 1.00 }" },
	{ "6 progress", OPENAI_BATCH, 200, NO_TYPE, "{\"status\": \"x\", \"request_counts\": [1]}", OUTCOME_PENDING, "[1]" },
	{ "6 progress in a header", FHIR, 202, NO_TYPE, "", OUTCOME_PENDING, "\"half way\"" },
	{ "7 a delay in the body", TINKER, 200, NO_TYPE, "{\"type\": \"try_again\", \"queue_state\": \"paused\", "
	  "\"poll_after_ms\": 2500}", OUTCOME_PENDING, "\"paused\"" },
	{ "8 a budget for each class of errors", TINKER, 402, NO_TYPE, "", OUTCOME_RETRY, NULL },
	{ "8 a budget for each class of errors", TINKER, 400, NO_TYPE, "", OUTCOME_RETRY, NULL },
};

START_TEST(answers)
{
	const struct verdict *verdict;
	struct slice says;

	use_rules(ANSWERS[_i].rules);
	old = json_loads("{\"prompt_id\": \"p/1\"}", 0, NULL);
	add_header("X-Progress", "half way");
	if (ANSWERS[_i].type)
		add_header("Content-Type", ANSWERS[_i].type);
	verdict = judge_poll(ANSWERS[_i].status, ANSWERS[_i].body);
	ck_assert_msg(verdict->outcome == ANSWERS[_i].outcome, "%s: %d: %s %.*s", ANSWERS[_i].row, verdict->outcome,
	    verdict->reason, (int)verdict->failure.message.len, verdict->failure.message.data);
	says = verdict->outcome == OUTCOME_SUCCESS ? verdict->result
	    : verdict->outcome == OUTCOME_PENDING ? verdict->progress : verdict->failure.code;
	if (ANSWERS[_i].says)
		ck_slice_eq(says, ANSWERS[_i].says);
}
END_TEST

START_TEST(hints_are_taken)
{
	use_rules(TINKER);
	judge_poll(200, "{\"type\": \"try_again\", \"poll_after_ms\": 2500}");
	ck_assert_uint_eq(judgement.verdict.delay_usec, 2500000);
	judge_poll(200, "{\"status\": \"complete_metadata\"}");
	ck_assert(judgement.verdict.has_delay && judgement.verdict.delay_usec == 0);
	ck_assert_str_eq(judgement.verdict.captured, "{\"allow_metadata_only\":false}");
	judge_poll(401, "");
	ck_assert(judgement.refresh_credential);
}
END_TEST

START_TEST(a_rule_has_captures_of_its_own)
{
	use_captures("{\"at\": [{\"header\": \"Operation-Location\"}, {\"header\": \"Location\"}, {\"body\": \"/url\"}]}");
	use_rules("[{\"when\": {\"status\": 409}, \"then\": \"pending\", \"capture\": {\"at\": {\"body\": \"/existing\"}}},"
	    " {\"when\": {\"status\": 403}, \"then\": \"retry\", \"capture\": {\"session\": {\"header\": \"X-Session\"}}},"
	    " {\"when\": {\"status\": 404}, \"then\": \"lost\"}]");
	add_header("Location", "/second");
	add_header("X-Session", "s1");
	judge_step(STEP_SUBMIT, 201, "{\"url\": \"/third\"}");
	ck_assert_str_eq(judgement.verdict.captured, "{\"at\":\"/second\"}");
	/* It comes over the request's, and a status that is no success gives it when a rule says so. */
	judge_step(STEP_SUBMIT, 409, "{\"existing\": \"/first\"}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	ck_assert_str_eq(judgement.verdict.captured, "{\"at\":\"/first\"}");
	judge_step(STEP_SUBMIT, 403, "");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_RETRY);
	ck_assert_ptr_nonnull(strstr(judgement.verdict.captured, "\"session\":\"s1\""));
	/* What is lost gives nothing, and what says nothing new changes nothing. */
	judge_step(STEP_POLL, 404, "");
	ck_assert_ptr_null(judgement.verdict.captured);
	old = json_pack("{s:s}", "at", "/second");
	judge_step(STEP_POLL, 200, "{}");
	ck_assert_ptr_null(judgement.verdict.captured);
}
END_TEST

START_TEST(what_a_rule_sets_may_have_templates)
{
	use_rules("[{\"when\": {\"status\": 409}, \"then\": \"pending\", \"set\": {\"request_id\": \"{idempotency}\", "
	    "\"tag\": [\"{n}\", \"x{n}\"]}}]");
	judge_in.idempotency = "key-7";
	params = json_pack("{s:i}", "n", 5);
	judge_step(STEP_SUBMIT, 409, "");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_PENDING);
	ck_assert_str_eq(judgement.verdict.captured, "{\"request_id\":\"key-7\",\"tag\":[5,\"x5\"]}");
}
END_TEST

static const char CONDITIONS[] = "{\"status\": {\"conditions\": [{\"type\": \"FailureTarget\", \"status\": \"True\", "
    "\"reason\": \"no\"}, {\"type\": \"Failed\", \"status\": \"True\", \"reason\": \"DeadlineExceeded\", \"message\": "
    "\"too \\u00e4ctive\"}, {\"type\": \"Failed\", \"status\": \"True\", \"reason\": \"later\"}]}}";

START_TEST(an_error_is_in_the_element_that_was_found)
{
	static const char *const errors[] = { "\"@\"",
		"{\"code\": \"@/reason\", \"message\": \"@/message\", \"details\": \"@\"}" };
	char text[512];

	snprintf(text, sizeof(text), "[{\"when\": {\"status\": 200, \"all\": [{\"body\": {\"/status/conditions\": {\"any\": "
	    "{\"/type\": \"Failed\", \"/status\": \"True\"}}}}]}, \"then\": \"failure\", \"error\": %s}]", errors[_i]);
	use_rules(text);
	judge_poll(200, CONDITIONS);
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	if (_i)
		ck_assert(slice_equals(judgement.verdict.failure.code, "DeadlineExceeded"));
	ck_assert(slice_equals(judgement.verdict.failure.message, "too \xc3\xa4" "ctive"));
	ck_assert(strncmp(judgement.verdict.failure.details.data, "{\"type\": \"Failed\"", 17) == 0);
}
END_TEST

START_TEST(an_element_that_nothing_finds_is_refused)
{
	json_t *json = json_loads("[{\"when\": {\"status\": 200}, \"then\": \"failure\", \"error\": \"@/x\"}]", 0, NULL);
	struct rules *rules;
	struct error error = { 0 };

	ck_assert_int_lt(rules_read(json, NULL, &rules, NULL, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.message, "\"any\" of this rule's \"when\" finds, and there is none"));
	json_decref(json);
}
END_TEST

/* None of them has a rule that is refused. */
START_TEST(all_are_reachable)
{
	const struct place poll = { .key = "poll" }, place = { .up = &poll, .key = "rules" };
	json_t *json = json_loads(ANSWERS[_i].rules, 0, NULL);
	struct rules *rules;
	struct error error = { 0 };

	ck_assert_int_eq(rules_read(json, NULL, &rules, &place, &error), 0);
	ck_assert_msg(reach_check(rules, &place, &error) == 0, "%s", error.message);
	rules_free(rules);
	json_decref(json);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("language");

	tcase_add_loop_test(tcase, answers, 0, sizeof(ANSWERS) / sizeof(ANSWERS[0]));
	tcase_add_test(tcase, hints_are_taken);
	tcase_add_test(tcase, a_rule_has_captures_of_its_own);
	tcase_add_test(tcase, what_a_rule_sets_may_have_templates);
	tcase_add_loop_test(tcase, an_error_is_in_the_element_that_was_found, 0, 2);
	tcase_add_test(tcase, an_element_that_nothing_finds_is_refused);
	tcase_add_loop_test(tcase, all_are_reachable, 0, sizeof(ANSWERS) / sizeof(ANSWERS[0]));
	return judge_run("language", tcase);
}
