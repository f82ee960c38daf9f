/* judge.c - what a response means for its future: rules first, then the defaults. Pure. */
#include "daemon/remote/judge.h"
#include "daemon/remote/budget.h"
#include "daemon/remote/case_file.h"
#include "daemon/remote/failure.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/ruling.h"
#include "proto/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An errand does not decide about the future: it was run, or is run once more. */
static bool is_errand(enum step step)
{
	return step == STEP_ACK || step == STEP_KEEPALIVE;
}

/* Does the operation go on well, or is it over well? */
static bool is_good(enum outcome outcome)
{
	return outcome == OUTCOME_PENDING || outcome == OUTCOME_SUCCESS || outcome == OUTCOME_FETCH ||
	    outcome == OUTCOME_CONTINUE;
}

/* A long poll that brought nothing: ask again at once. */
static void set_not_yet(struct case_file *file, const char *reason)
{
	case_set_reason(file, OUTCOME_PENDING, "%s", reason);
	file->out->verdict.has_delay = true;
	file->out->verdict.delay_usec = 0;
}

static int apply_default(struct case_file *file)
{
	const struct judge_input *input = file->input;
	const int status = input->response->status;
	char words[REMOTE_MESSAGE_MAX];
	int r;

	if (answer_is_2xx(&file->answer)) {
		file->out->verdict.outcome = input->step == STEP_FETCH ? OUTCOME_SUCCESS : OUTCOME_PENDING;
		if (input->step == STEP_FETCH)
			file->out->verdict.result = answer_body(&file->answer);
		return 0;
	}
	failure_describe(input->response, words, sizeof(words));
	if (input->long_poll && status == 408) {
		set_not_yet(file, words);
		return 0;
	}
	if (status_set_has(input->retry_on, status)) {
		case_set_reason(file, OUTCOME_RETRY, "%s", words);
		return 0;
	}
	if (input->step == STEP_CANCEL || is_errand(input->step)) {
		case_set_reason(file, OUTCOME_PENDING, "%s%s",
		    input->step == STEP_CANCEL ? "the service would not cancel: " : "", words);
		return 0;
	}
	r = case_set_failure(file, "remote", "%s", words);
	file->out->verdict.failure.details = case_details(file);
	return r;
}

/* No response that could be judged. */
static int judge_none(struct case_file *file)
{
	const struct judge_input *input = file->input;
	const struct http_response *response = input->response;

	if (response->too_large && (input->step == STEP_CANCEL || is_errand(input->step))) {
		case_set_reason(file, OUTCOME_PENDING, "the answer to the %s request was too long",
		    input->step == STEP_CANCEL ? "cancel" : input->step == STEP_ACK ? "ack" : "keepalive");
		return 0;
	}
	if (response->too_large)
		return case_set_failure(file, "invalid_response", "the response is longer than %zu bytes",
		    input->body_max);
	if (response->timed_out && input->long_poll) {
		set_not_yet(file, "no news in time");
		return 0;
	}
	file->out->verdict.unreachable = true;
	case_set_reason(file, OUTCOME_RETRY, "%s", response->error[0] ? response->error : "no response");
	return 0;
}

/* The first value that the next request needs and that will not be there, or NULL. */
static const char *find_missing(const struct case_file *file, const json_t *captured)
{
	const struct judge_input *input = file->input;
	const enum outcome outcome = file->out->verdict.outcome;
	const struct values values = { .captured = captured, .params = input->params };
	const json_t *names = NULL;
	const char *name;
	json_t *where;

	if (outcome == OUTCOME_FETCH)
		names = input->fetch_names;
	else if (outcome == OUTCOME_PENDING && input->step == STEP_SUBMIT)
		names = input->poll_names;
	json_object_foreach((json_t *)names, name, where)
		if (!template_is_builtin(name) && !values_find(&values, name))
			return name;
	return NULL;
}

/* Take what some captures find over the values so far. captures may be NULL. */
static int take_some(struct case_file *file, const struct captures *captures, json_t **values)
{
	const struct values with = { file->values.builtin, *values, file->values.params };
	json_t *taken;
	int r = captures ? captures_take(captures, file->input->response, &with, &taken) : 0;

	if (!captures || r < 0)
		return r;
	json_decref(*values);
	*values = taken;
	return 0;
}

/* The captures of the request, those of the rule, and over them what the rule sets. An answer that says nothing of the
 * operation gives only what a rule takes from just that answer. 0, -EMSGSIZE or -ENOMEM. */
static int gather(struct case_file *file, const struct rule *rule, json_t **values)
{
	int r = is_good(file->out->verdict.outcome) ? take_some(file, file->input->captures, values) : 0;

	if (r == 0 && rule)
		r = take_some(file, rule->captures, values);
	if (r == 0 && rule && rule->set && json_object_update(*values, (json_t *)rule->set) < 0)
		r = -ENOMEM;
	return r == 0 && values_size(*values) > REMOTE_CAPTURED_MAX ? -EMSGSIZE : r;
}

/* A value that the next request needs is not there. */
static int set_missing(struct case_file *file, const char *missing)
{
	const enum step step = file->input->step;

	if (!answer_is_json(&file->answer) && file->input->repeatable)
		return case_set_unreadable(file);
	return case_set_failure(file, "invalid_response",
	    "the answer to the %s has no value for \"%s\", which later requests need",
	    step == STEP_SUBMIT ? "submit" : step == STEP_FETCH ? "fetch" : "poll", missing);
}

/* It goes on with another operation, for which this one's values are of no use. What the rule says must make sense with
 * them. */
static int go_on(struct case_file *file, const struct rule *rule, const json_t *captured)
{
	const struct values values = { file->values.builtin, captured, file->values.params };
	struct onward *onward = &file->out->onward;
	struct verdict *verdict = &file->out->verdict;
	struct error why = { 0 };

	if (onward_fill(rule->with, &values, onward, &why) < 0) {
		if (why.code == ERROR_OUT_OF_MEMORY)
			return -ENOMEM;
		return case_set_failure(file, "invalid_response", "it cannot go on: with: %s", why.message);
	}
	verdict->source = onward->source;
	return 0;
}

/* What later templates find. */
static int take_values(struct case_file *file, const struct rule *rule)
{
	const struct judge_input *input = file->input;
	struct verdict *verdict = &file->out->verdict;
	const char *missing;
	json_t *values;
	int r;

	if (!(is_good(verdict->outcome) && (rule || answer_is_2xx(&file->answer))) &&
	    !(verdict->outcome == OUTCOME_RETRY && rule))
		return 0;
	values = input->captured ? json_copy((json_t *)input->captured) : json_object();
	if (!values)
		return -ENOMEM;
	r = gather(file, rule, &values);
	missing = r == 0 ? find_missing(file, values) : NULL;
	if (r == -EMSGSIZE) {
		r = case_set_failure(file, "invalid_response", "the captured values are longer than %d bytes",
		    REMOTE_CAPTURED_MAX);
	} else if (missing) {
		r = set_missing(file, missing);
	} else if (r == 0 && verdict->outcome == OUTCOME_CONTINUE) {
		r = go_on(file, rule, values);
	} else if (r == 0 && json_object_size(values) > 0 && !json_equal(values, input->captured)) {
		file->out->captured = json_dumps(values, JSON_COMPACT);
		r = file->out->captured ? 0 : -ENOMEM;
	}
	json_decref(values);
	verdict->captured = file->out->captured;
	return r;
}

/* What the response says of when to come back. */
static void read_retry_after(struct case_file *file)
{
	const struct judge_input *input = file->input;
	struct verdict *verdict = &file->out->verdict;
	int status = input->response->status;
	uint64_t delay;

	if (!http_retry_after(input->response, input->now_ms, &delay))
		return;
	verdict->has_retry_after = true;
	verdict->retry_after_usec = delay < input->retry_after_max_usec ? delay : input->retry_after_max_usec;
	verdict->throttled = status == 429 || status == 503 || status == 402;
}

/* Absent where there is none, or one that is no text or longer than anybody means. */
static struct slice content_type_of(const struct http_response *response)
{
	struct slice type = slice_from_str(http_header_find(response->headers, response->n_headers, "content-type"));

	if (type.len > REMOTE_CONTENT_TYPE_MAX || utf8_valid_len(type.data, type.len) < type.len)
		return (struct slice){ 0 };
	return type;
}

/* *ret_rule: the one that decided, or NULL. */
static int judge_response(struct case_file *file, const struct rule **ret_rule)
{
	const struct judge_input *input = file->input;
	const struct rule *rule = NULL;
	bool unreadable = false;
	int r = 0;

	if (input->response->status == 0 || input->response->too_large)
		return judge_none(file);
	file->out->verdict.content_type = content_type_of(input->response);
	read_retry_after(file);
	if (file->rules)
		r = rules_find(file->rules, &file->answer, &rule, &unreadable);
	if (r < 0)
		return r;
	if (unreadable && answer_is_2xx(&file->answer) && !is_errand(input->step))
		return case_set_unreadable(file);
	*ret_rule = rule;
	r = rule ? ruling_apply(file, rule) : apply_default(file);
	return r < 0 ? r : take_values(file, rule);
}

/* Say what is used up now, if that has changed. */
static int keep_budgets(struct case_file *file, const struct rule *rule)
{
	const struct judge_input *input = file->input;
	struct verdict *verdict = &file->out->verdict;
	bool polls = input->step == STEP_SUBMIT || input->step == STEP_POLL || input->step == STEP_FETCH;

	if (is_good(verdict->outcome))
		budget_give_back(file->budgets, input->rules, !polls,
		    rule && rule->budget.given ? (size_t)(rule - file->rules->items) : SIZE_MAX);
	if (json_object_size(file->budgets) == 0) {
		verdict->budgets = json_object_size(input->budgets) > 0 ? "" : NULL;
		return 0;
	}
	if (json_equal(file->budgets, input->budgets))
		return 0;
	file->out->budgets = json_dumps(file->budgets, JSON_COMPACT);
	verdict->budgets = file->out->budgets;
	return file->out->budgets ? 0 : -ENOMEM;
}

/* Of an errand only this counts: is it run once more, and when? */
static void settle_errand(struct verdict *verdict)
{
	if (verdict->outcome != OUTCOME_RETRY)
		verdict->outcome = OUTCOME_PENDING;
	verdict->failure = (struct failure){ 0 };
	verdict->result = verdict->progress = (struct slice){ 0 };
	verdict->captured = NULL;
}

/* Rules and captures see these values. */
static int fill_templates(struct case_file *file)
{
	const struct judge_input *input = file->input;
	bool templates = (input->rules && input->rules->templates) || captures_need_values(input->captures);

	file->values = (struct values){ .captured = input->captured, .params = input->params };
	file->rules = input->rules;
	file->budgets = input->budgets ? json_copy((json_t *)input->budgets) : json_object();
	if (!file->budgets)
		return -ENOMEM;
	if (!templates)
		return 0;
	file->values.builtin = json_pack("{s:s*,s:s*}", "id", input->id, "idempotency", input->idempotency);
	if (!file->values.builtin)
		return -ENOMEM;
	if (input->rules && input->rules->templates) {
		int r = rules_fill(input->rules, &file->values, &file->out->filled);

		file->rules = file->out->filled;
		return r;
	}
	return 0;
}

static int decide(struct case_file *file)
{
	const struct rule *rule = NULL;
	int r = fill_templates(file);

	if (r < 0)
		return r;
	answer_init(&file->answer, file->input->response, file->rules ? &file->rules->pointers : NULL);
	r = judge_response(file, &rule);
	return r < 0 ? r : keep_budgets(file, rule);
}

void judge(const struct judge_input *input, struct judgement *ret)
{
	const struct http_response *response = input->response;
	struct case_file file = { .input = input, .out = ret };

	*ret = (struct judgement){
		.verdict = {
			.step = input->step,
			.sent = response->sent,
			.extra_requests = response->resends,
			.http_status = response->status,
		},
	};
	if (decide(&file) < 0) {
		case_set_reason(&file, OUTCOME_RETRY, "no memory to read the response");
		ret->refresh_credential = false;
		ret->verdict.captured = ret->verdict.budgets = NULL;
	}
	if (is_errand(input->step))
		settle_errand(&ret->verdict);
	json_decref((json_t *)file.values.builtin);
	json_decref(file.budgets);
}

void judgement_done(struct judgement *judgement)
{
	free(judgement->code);
	free(judgement->message);
	free(judgement->captured);
	free(judgement->budgets);
	free(judgement->progress);
	onward_done(&judgement->onward);
	rules_free(judgement->filled);
	*judgement = (struct judgement){ 0 };
}
