/* ruling.c - what the rule that holds makes of an answer. */
#include "daemon/remote/ruling.h"
#include "daemon/remote/budget.h"
#include "daemon/remote/failure.h"
#include "daemon/remote/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int apply_success(struct case_file *file, const struct rule *rule)
{
	struct verdict *verdict = &file->out->verdict;
	const struct rule_text *result = &rule->result;

	if (!result->text) {
		verdict->result = answer_body(&file->answer);
		return 0;
	}
	if (rule_text_is_json(result) && !answer_is_json(&file->answer))
		return case_set_unreadable(file);
	verdict->result = rule_text_find(rule, result, &file->answer);
	if (!verdict->result.data)
		return case_set_failure(file, "invalid_response", "the result is not there: %s\"%s\"",
		    result->from == RULE_TEXT_HEADER ? "header " : "", result->text);
	verdict->content_type = slice_from_str(
	    result->from == RULE_TEXT_HEADER ? "text/plain" : "application/json");
	return 0;
}

/* The parts that the rule names; where it names no message, what the response says. */
static int apply_failure(struct case_file *file, const struct rule *rule, enum outcome outcome)
{
	struct verdict *verdict = &file->out->verdict;
	struct failure_parts parts = { 0 };
	char words[REMOTE_MESSAGE_MAX];
	int r = failure_read(rule, &file->answer, &parts);

	if (r < 0)
		return r;
	failure_describe(file->input->response, words, sizeof(words));
	r = case_set_failure(file, outcome == OUTCOME_LOST ? "lost" : "remote", "%s%s",
	    parts.message ? parts.message : outcome == OUTCOME_LOST ? "the service no longer knows it: "
	    : outcome == OUTCOME_CANCELLED ? "cancelled at the service: " : "",
	    parts.message ? "" : words);
	verdict->outcome = outcome;
	verdict->failure.code = slice_from_str(parts.code);
	verdict->failure.details = parts.details.data ? parts.details : case_details(file);
	file->out->code = parts.code;
	parts.code = NULL;
	failure_parts_done(&parts);
	return r;
}

static int apply_retry(struct case_file *file, const struct rule *rule)
{
	struct failure_parts parts = { 0 };
	char words[sizeof(file->out->verdict.reason)];
	int r = failure_read(rule, &file->answer, &parts);

	if (r < 0)
		return r;
	failure_describe(file->input->response, words, sizeof(words));
	case_set_reason(file, OUTCOME_RETRY, "%s", parts.message ? parts.message : words);
	failure_parts_done(&parts);
	return 0;
}

/* Progress that is too long, or a header that is not text, says nothing. */
static int apply_progress(struct case_file *file, const struct rule *rule)
{
	struct slice found = rule_text_find(rule, &rule->progress, &file->answer);
	json_t *text;

	if (!found.data || found.len > REMOTE_PROGRESS_MAX)
		return 0;
	if (rule_text_is_json(&rule->progress)) {
		file->out->verdict.progress = found;
		return 0;
	}
	text = json_stringn(found.data, found.len);
	if (!text)
		return 0;
	file->out->progress = json_dumps(text, JSON_ENCODE_ANY);
	json_decref(text);
	if (!file->out->progress)
		return -ENOMEM;
	file->out->verdict.progress = slice_from_str(file->out->progress);
	return 0;
}

/* A number that is all there is in a text, a JSON number or a JSON string. */
static bool read_number(struct slice found, double *ret)
{
	char text[64], *end;
	double number;

	if (found.len >= 2 && found.data[0] == '"')
		found = (struct slice){ found.data + 1, found.len - 2 };
	if (!found.data || found.len == 0 || found.len >= sizeof(text))
		return false;
	memcpy(text, found.data, found.len);
	text[found.len] = '\0';
	if (strspn(text, "0123456789.eE+-") < found.len)
		return false;
	number = strtod(text, &end);
	if (*end != '\0')
		return false;
	*ret = number;
	return true;
}

/* A delay that is not usable leaves the time to the ladder. */
static void apply_delay(struct case_file *file, const struct rule *rule)
{
	struct verdict *verdict = &file->out->verdict;
	const struct rule_delay *delay = &rule->delay;
	const uint64_t max = file->input->retry_after_max_usec;
	double number;

	if (!delay->at.text) {
		verdict->has_delay = delay->given;
		verdict->delay_usec = delay->usec;
		return;
	}
	if (!read_number(rule_text_find(rule, &delay->at, &file->answer), &number) || number < 0)
		return;
	number *= delay->milliseconds ? 1e3 : 1e6;
	verdict->has_delay = true;
	verdict->delay_usec = number < (double)max ? (uint64_t)number : max;
}

int ruling_apply(struct case_file *file, const struct rule *rule)
{
	enum outcome outcome = rule->outcome;
	bool used_up = false;
	int r = 0;

	if (rule->budget.given)
		r = budget_spend(file->budgets, file->rules, (size_t)(rule - file->rules->items), file->input->now_ms,
		    &used_up);
	if (r == 0)
		r = apply_progress(file, rule);
	if (r < 0)
		return r;
	if (used_up)
		outcome = rule->budget.then;
	file->out->refresh_credential = rule->refresh_credential && !used_up;
	file->out->verdict.outcome = outcome;
	apply_delay(file, rule);
	switch (outcome) {
	case OUTCOME_PENDING:
	case OUTCOME_FETCH:
	case OUTCOME_CONTINUE:
		return 0;
	case OUTCOME_SUCCESS:
		return apply_success(file, rule);
	case OUTCOME_RETRY:
		return apply_retry(file, rule);
	default:
		return apply_failure(file, rule, outcome);
	}
}
