/* fuzz_spec.c - fuzz target: a spec, its params and what its service answers, compiled, built and judged. */
#include "config.h"

#include "daemon/remote/build.h"
#include "daemon/remote/events.h"
#include "daemon/remote/examine.h"
#include "daemon/remote/explain.h"
#include "daemon/remote/judge.h"
#include "daemon/remote/list.h"
#include "daemon/remote/plan.h"
#include "daemon/remote/prepare.h"
#include "tests/proto/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* An input is sections with a line "---" between them: spec, params, then answers, "STATUS BODY" each. */
static const char SEPARATOR[] = "\n---\n";

static bool next_section(const char **at, const char *end, struct slice *ret)
{
	const char *found;

	if (!*at)
		return false;
	found = memmem(*at, (size_t)(end - *at), SEPARATOR, strlen(SEPARATOR));
	*ret = (struct slice){ *at, (size_t)((found ? found : end) - *at) };
	*at = found ? found + strlen(SEPARATOR) : NULL;
	return true;
}

/* What jansson takes, the scanner takes, but for what is nested too deeply, and a NUL after a number. */
static void check_scan(struct slice body)
{
	struct json_fault fault = { 0 };
	int r = json_scan(body, NULL, NULL, &fault);
	json_t *json = json_loadb(body.data, body.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	FUZZ_CHECK(r == 0 || fault.what);
	FUZZ_CHECK(r == 0 || fault.at <= body.len);
	FUZZ_CHECK(!json || r == 0 || strcmp(fault.what, "nested too deeply") == 0 ||
	    memchr(body.data, '\0', body.len));
	json_decref(json);
}

static bool within(struct slice slice, struct slice body)
{
	return slice.len == 0 || (slice.data >= body.data && slice.data + slice.len <= body.data + body.len);
}

static const struct http_header HEADERS[] = { { "Location", "/op/1" }, { "X-State", "Done" } };

static bool is_header(struct slice slice)
{
	return slice.data == HEADERS[0].value || slice.data == HEADERS[1].value;
}

static void check_object(const char *text)
{
	json_t *json = text ? json_loads(text, 0, NULL) : NULL;

	FUZZ_CHECK(!text || json_is_object(json));
	json_decref(json);
}

/* What must hold of every verdict. */
static void check_verdict(const struct verdict *verdict, struct slice body)
{
	if (verdict->outcome == OUTCOME_SUCCESS) {
		FUZZ_CHECK(verdict->result.data && (within(verdict->result, body) || is_header(verdict->result)));
	} else if (verdict->outcome == OUTCOME_RETRY) {
		FUZZ_CHECK(verdict->reason[0] != '\0' && !strchr(verdict->reason, '\n'));
	} else if (verdict->outcome != OUTCOME_PENDING && verdict->outcome != OUTCOME_FETCH) {
		FUZZ_CHECK(verdict->failure.kind && verdict->failure.message.data);
		FUZZ_CHECK(verdict->failure.message.len <= REMOTE_MESSAGE_MAX);
	}
	FUZZ_CHECK(!verdict->progress.data || within(verdict->progress, body) || verdict->progress.data[0] == '"');
	check_object(verdict->captured);
	if (verdict->budgets && verdict->budgets[0])
		check_object(verdict->budgets);
}

/* Rules are told of in their order, and the one that decides is the last. */
static void on_rule(void *arg, size_t rule, bool holds, const char *why)
{
	size_t *told = arg;

	FUZZ_CHECK(rule == (*told)++);
	FUZZ_CHECK(holds == (why[0] == '\0') && !strchr(why, '\n'));
}

/* The same answer once more, with what the first one left. */
static void judge_again(const struct judge_input *first, const struct judgement *before, struct slice body)
{
	struct judge_input input = *first;
	struct judgement again;

	if (before->verdict.captured)
		input.captured = json_loads(before->verdict.captured, 0, NULL);
	if (before->verdict.budgets && before->verdict.budgets[0])
		input.budgets = json_loads(before->verdict.budgets, 0, NULL);
	input.now_ms += 60000;
	judge(&input, &again);
	check_verdict(&again.verdict, body);
	judgement_done(&again);
	if (input.captured != first->captured)
		json_decref((json_t *)input.captured);
	json_decref((json_t *)input.budgets);
}

static void judge_answer(const struct remote_plan *plan, enum step step, struct slice answer)
{
	struct http_response response = { .sent = true, .headers = HEADERS, .n_headers = 2 };
	struct judge_input input = {
		.step = step, .response = &response, .rules = spec_rules(plan->spec, step),
		.captures = plan->spec->requests[step].captures, .params = plan->params, .retry_on = &plan->retry_on,
		.retry_after_max_usec = 1000, .body_max = 1000, .repeatable = step != STEP_SUBMIT,
		.id = "x", .long_poll = step == STEP_POLL, .fetch_names = plan->spec->requests[STEP_FETCH].names,
	};
	const struct values values = { .params = plan->params };
	size_t told = 0;
	struct slice body = { answer.data + 4, answer.len - 4 };
	struct judgement first, second;

	for (size_t i = 0; i < 3; i++)
		response.status = response.status * 10 + (answer.data[i] & 7);
	response.body = body.data;
	response.body_len = body.len;
	judge(&input, &first);
	check_verdict(&first.verdict, body);
	judge(&input, &second);
	FUZZ_CHECK(first.verdict.outcome == second.verdict.outcome);
	if (input.rules)
		FUZZ_CHECK(explain_rules(input.rules, &values, &response, on_rule, &told) == (int)told);
	judge_again(&input, &first, body);
	judgement_done(&first);
	judgement_done(&second);
}

static int see_item(void *arg, const char *id, struct slice item)
{
	const struct slice *body = arg;

	FUZZ_CHECK(id && item.len > 0 && within(item, *body));
	return 0;
}

/* What an answer means to a list request and to a stream of events. */
static void read_others(const struct remote_plan *plan, struct slice body)
{
	const struct list *list = plan->spec->requests[STEP_LIST].list;
	const struct events *events = plan->spec->requests[STEP_EVENTS].events;
	const struct http_response response = { .status = 200, .body = body.data, .body_len = body.len };
	struct list_next next = { 0 };
	struct json_fault fault = { 0 };
	struct slice progress;
	bool wake;

	if (list && list_walk(list, &response, see_item, &body, &next, &fault) < 0)
		FUZZ_CHECK(fault.what);
	FUZZ_CHECK(!next.page || next.page[0] != '\0');
	free(next.page);
	free(next.url);
	if (events) {
		FUZZ_CHECK(events_judge(events, body, &wake, &progress) == 0);
		FUZZ_CHECK(!progress.data || within(progress, body));
	}
}

static void build_steps(const struct remote_plan *plan)
{
	json_t *builtin = json_pack("{s:s,s:i,s:s,s:s}", "id", "x", "attempt", 1, "credential", "c", "idempotency",
	    "i");

	for (enum step step = STEP_SUBMIT; step < STEPS; step++) {
		const struct build_input input = { .spec = plan->spec, .step = step, .idempotency = "i",
			.values = { .builtin = builtin, .params = plan->params }, .timeout_max_usec = UINT64_MAX };
		struct built_request built;
		struct error error = { 0 };
		char *origin;

		if (!plan->spec->requests[step].given)
			continue;
		if (build_request(&input, &built, &error) < 0) {
			FUZZ_CHECK(error.message[0] != '\0');
			continue;
		}
		FUZZ_CHECK(http_origin(built.http.url, &origin, NULL) == 0);
		free(origin);
		for (size_t i = 0; i < built.n_headers; i++)
			FUZZ_CHECK(!strpbrk(built.headers[i].value, "\r\n"));
		built_request_done(&built);
	}
	json_decref(builtin);
}

/* Texts that were taken at creation are taken when they are read back. Were they taken? */
static bool use_texts(struct spec_cache *cache, const struct plan_texts *texts, const char *at, const char *end)
{
	struct remote_plan *plan, *again;
	struct error error = { 0 };
	struct slice answer;

	if (plan_new(cache, texts->spec, texts->params, true, &plan, &error) < 0) {
		FUZZ_CHECK(error.code == ERROR_INVALID_SPEC && error.message[0] != '\0');
		return false;
	}
	FUZZ_CHECK(plan_new(cache, texts->spec, texts->params, false, &again, &error) == 0);
	FUZZ_CHECK(plan->spec == again->spec);
	plan_free(again);
	build_steps(plan);
	while (next_section(&at, end, &answer)) {
		if (answer.len < 4)
			continue;
		for (enum step step = STEP_SUBMIT; step < STEPS; step++)
			judge_answer(plan, step, answer);
		read_others(plan, (struct slice){ answer.data + 4, answer.len - 4 });
		check_scan((struct slice){ answer.data + 4, answer.len - 4 });
	}
	plan_free(plan);
	return true;
}

/* What creation takes has no problems; and without parameters, what has none it takes. */
static void examine_texts(struct profiles *profiles, const struct plan_source *texts, bool taken)
{
	const struct profile_source source = { .text = texts->spec, .params = texts->params };
	struct examined examined;
	struct error error = { 0 };

	if (examine(profiles, &source, &examined, &error) < 0) {
		FUZZ_CHECK(!taken && error.code == ERROR_INVALID_SPEC);
		return;
	}
	FUZZ_CHECK(!taken || examined.problems.count == 0);
	FUZZ_CHECK(examined.problems.count <= PROBLEMS_MAX && (examined.spec || examined.problems.count > 0));
	if (examined.spec && !json_object_get(examined.spec->root, "parameters"))
		FUZZ_CHECK(taken || examined.problems.count > 0);
	examined_done(&examined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const no_dirs[] = { NULL };
	struct profiles *profiles = profiles_new(no_dirs);
	struct spec_cache *cache = spec_cache_new();
	const char *at = (const char *)data, *end = at + size;
	struct plan_source source = { 0 };
	struct plan_texts texts;
	struct error error = { 0 };
	bool taken = false;

	FUZZ_CHECK(profiles && cache);
	if (next_section(&at, end, &source.spec) && next_section(&at, end, &source.params)) {
		check_scan(source.spec);
		if (prepare_texts(profiles, &source, &texts, &error) < 0) {
			FUZZ_CHECK(error.code == ERROR_INVALID_SPEC && error.message[0] != '\0');
		} else {
			taken = use_texts(cache, &texts, at, end);
			free(texts.spec);
			free(texts.params);
			free(texts.request);
		}
		examine_texts(profiles, &source, taken);
	}
	spec_cache_free(cache);
	profiles_free(profiles);
	return 0;
}
