/* judge_fixture.c - one response, judged by given rules and captures. */
#include "tests/daemon/remote/judge_fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

const char google_rules[] =
    "[{\"when\": {\"status\": 200, \"body\": {\"/done\": true, \"/error/code\": 1}}, \"then\": \"cancelled\","
    "  \"error\": \"/error\"},"
    " {\"when\": {\"status\": 200, \"body\": {\"/done\": true, \"/error\": {\"exists\": true}}}, \"then\": \"failure\","
    "  \"error\": {\"code\": \"/error/code\", \"message\": \"/error/message\", \"details\": \"/error/details\"}},"
    " {\"when\": {\"status\": 200, \"body\": {\"/done\": true, \"/response\": {\"exists\": true}}}, "
    "  \"then\": \"success\", \"result\": \"/response\"},"
    " {\"when\": {\"status\": 200, \"body\": {\"/done\": true}}, \"then\": \"failure\","
    "  \"error\": {\"message\": \"neither response nor error\"}},"
    " {\"when\": {\"status\": 200}, \"then\": \"pending\", \"progress\": \"/metadata\"},"
    " {\"when\": {\"status\": 404}, \"then\": \"lost\"}]";

struct judgement judgement;
struct http_header headers[8];
size_t n_headers;
json_t *params, *old, *budgets;

struct judge_input judge_in;

static const struct place POLL_PLACE = { .key = "poll" };
static const struct place RULES_PLACE = { .up = &POLL_PLACE, .key = "rules" };
static struct rules *rules;
static struct captures *captures;
static json_t *source, *capture_source, *poll_names;

void judge_setup(void)
{
	rules = NULL;
	captures = NULL;
	source = capture_source = poll_names = params = old = budgets = NULL;
	judge_in = (struct judge_input){
		.id = "future-1",
		.retry_on = &status_retry_default,
		.retry_after_max_usec = 3600000000,
		.body_max = 1000,
		.now_ms = 1700000000000,
	};
	n_headers = 0;
	memset(&judgement, 0, sizeof(judgement));
}

void judge_teardown(void)
{
	judgement_done(&judgement);
	rules_free(rules);
	captures_free(captures);
	json_decref(source);
	json_decref(capture_source);
	json_decref(poll_names);
	json_decref(params);
	json_decref(old);
	json_decref(budgets);
}

void use_rules(const char *text)
{
	struct error error = { 0 };

	source = json_loads(text, 0, NULL);
	ck_assert_msg(source != NULL, "%s", text);
	ck_assert_msg(rules_read(source, NULL, &rules, &RULES_PLACE, &error) == 0, "%s: %s", text, error.message);
}

void use_captures(const char *text)
{
	struct error error = { 0 };

	capture_source = json_loads(text, 0, NULL);
	ck_assert_msg(captures_read(capture_source, NULL, &captures, NULL, &error) == 0, "%s: %s", text, error.message);
	/* The poll needs all of them. */
	poll_names = json_deep_copy(capture_source);
}

void add_header(const char *name, const char *value)
{
	headers[n_headers++] = (struct http_header){ name, value };
}

const struct verdict *judge_step(enum step step, int status, const char *body)
{
	const struct http_response response = {
		.status = status,
		.headers = headers,
		.n_headers = n_headers,
		.body = body,
		.body_len = strlen(body),
		.sent = true,
	};
	judge_in.step = step;
	judge_in.response = &response;
	judge_in.rules = rules;
	judge_in.captures = captures;
	judge_in.captured = old;
	judge_in.budgets = budgets;
	judge_in.poll_names = poll_names;
	judge_in.params = params;
	judge_in.repeatable = step != STEP_SUBMIT;
	judgement_done(&judgement);
	judge(&judge_in, &judgement);
	return &judgement.verdict;
}

const struct verdict *judge_next(int64_t later_ms, int status, const char *body)
{
	const char *text = judgement.verdict.budgets;

	if (text) {
		json_decref(budgets);
		budgets = *text ? json_loads(text, 0, NULL) : NULL;
	}
	judge_in.now_ms += later_ms;
	return judge_step(STEP_POLL, status, body);
}

const struct verdict *judge_poll(int status, const char *body)
{
	return judge_step(STEP_POLL, status, body);
}

int judge_run(const char *name, TCase *tcase)
{
	Suite *suite = suite_create(name);
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, judge_setup, judge_teardown);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
