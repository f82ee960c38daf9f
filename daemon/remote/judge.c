/* judge.c - what a response means for its future: rules first, then the defaults. Pure. */
#include "daemon/remote/judge.h"
#include "daemon/remote/failure.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One judgement being made. */
struct case_file {
	const struct judge_input *input;
	struct answer answer;
	struct judgement *out;
};

static void set_reason(struct case_file *file, enum outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void set_reason(struct case_file *file, enum outcome outcome, const char *format, ...)
{
	char line[sizeof(file->out->verdict.reason) * 2];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	file->out->verdict.outcome = outcome;
	text_line(line, file->out->verdict.reason, sizeof(file->out->verdict.reason));
}

/* A failure in our own words. */
static int set_failure(struct case_file *file, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int set_failure(struct case_file *file, const char *kind, const char *format, ...)
{
	struct judgement *out = file->out;
	char line[REMOTE_MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	free(out->message);
	out->message = strdup(line);
	if (!out->message)
		return -ENOMEM;
	out->verdict.outcome = OUTCOME_FAILURE;
	out->verdict.failure = (struct failure){
		.kind = kind,
		.message = slice_from_str(out->message),
		.http_status = out->verdict.http_status,
	};
	return 0;
}

/* The body, where it is short enough to be kept with a failure. */
static struct slice body_details(const struct case_file *file)
{
	struct slice body = answer_body(&file->answer);

	return body.len > 0 && body.len <= REMOTE_DETAILS_MAX ? body : (struct slice){ 0 };
}

/* The body cannot be read, and what it says matters. */
static int judge_unreadable(struct case_file *file)
{
	const struct json_fault *fault = &file->answer.fault;

	answer_is_json(&file->answer);
	if (file->input->step == STEP_SUBMIT && !file->input->repeatable)
		return set_failure(file, "invalid_response",
		    "the submit may have been accepted, but its answer is not JSON: %s at byte %zu", fault->what,
		    fault->at);
	set_reason(file, OUTCOME_RETRY, "response is not JSON: %s at byte %zu", fault->what, fault->at);
	return 0;
}

static int apply_success(struct case_file *file, const struct rule *rule)
{
	struct verdict *verdict = &file->out->verdict;

	if (!rule->result.text) {
		verdict->result = answer_body(&file->answer);
		return 0;
	}
	if (!answer_is_json(&file->answer))
		return judge_unreadable(file);
	verdict->result = answer_found(&file->answer)[rule->result.pointer];
	if (!verdict->result.data)
		return set_failure(file, "invalid_response", "the result is not there: \"%s\"", rule->result.text);
	verdict->content_type = slice_from_str("application/json");
	return 0;
}

/* The parts that the rule names; where it names no message, what the response says. */
static int apply_failure(struct case_file *file, const struct rule *rule)
{
	struct verdict *verdict = &file->out->verdict;
	struct failure_parts parts = { 0 };
	char words[REMOTE_MESSAGE_MAX];
	int r = failure_read(&rule->error, &file->answer, &parts);

	if (r < 0)
		return r;
	failure_describe(file->input->response, words, sizeof(words));
	r = set_failure(file, rule->outcome == OUTCOME_LOST ? "lost" : "remote", "%s%s",
	    parts.message ? parts.message : rule->outcome == OUTCOME_LOST ? "the service no longer knows it: "
	    : rule->outcome == OUTCOME_CANCELLED ? "cancelled at the service: " : "",
	    parts.message ? "" : words);
	verdict->outcome = rule->outcome;
	verdict->failure.code = slice_from_str(parts.code);
	verdict->failure.details = parts.details.data ? parts.details : body_details(file);
	file->out->code = parts.code;
	parts.code = NULL;
	failure_parts_done(&parts);
	return r;
}

static int apply_retry(struct case_file *file, const struct rule *rule)
{
	struct failure_parts parts = { 0 };
	char words[sizeof(file->out->verdict.reason)];
	int r = failure_read(&rule->error, &file->answer, &parts);

	if (r < 0)
		return r;
	failure_describe(file->input->response, words, sizeof(words));
	set_reason(file, OUTCOME_RETRY, "%s", parts.message ? parts.message : words);
	failure_parts_done(&parts);
	return 0;
}

static int apply_rule(struct case_file *file, const struct rule *rule)
{
	struct verdict *verdict = &file->out->verdict;
	struct slice progress = { 0 };

	verdict->outcome = rule->outcome;
	verdict->has_delay = rule->has_delay;
	verdict->delay_usec = rule->delay_usec;
	if (rule->progress.text)
		progress = answer_found(&file->answer)[rule->progress.pointer];
	if (progress.len <= REMOTE_PROGRESS_MAX)
		verdict->progress = progress;
	switch (rule->outcome) {
	case OUTCOME_PENDING:
		return 0;
	case OUTCOME_SUCCESS:
		return apply_success(file, rule);
	case OUTCOME_RETRY:
		return apply_retry(file, rule);
	default:
		return apply_failure(file, rule);
	}
}

static int apply_default(struct case_file *file)
{
	const struct judge_input *input = file->input;
	char words[REMOTE_MESSAGE_MAX];
	int r;

	if (answer_is_2xx(&file->answer)) {
		file->out->verdict.outcome = OUTCOME_PENDING;
		return 0;
	}
	failure_describe(input->response, words, sizeof(words));
	if (status_set_has(input->retry_on, input->response->status)) {
		set_reason(file, OUTCOME_RETRY, "%s", words);
		return 0;
	}
	if (input->step == STEP_CANCEL) {
		set_reason(file, OUTCOME_PENDING, "the service would not cancel: %s", words);
		return 0;
	}
	r = set_failure(file, "remote", "%s", words);
	file->out->verdict.failure.details = body_details(file);
	return r;
}

/* No response that could be judged. */
static int judge_none(struct case_file *file)
{
	const struct http_response *response = file->input->response;

	if (response->too_large && file->input->step == STEP_CANCEL) {
		set_reason(file, OUTCOME_PENDING, "the answer to the cancel request was too long");
		return 0;
	}
	if (response->too_large)
		return set_failure(file, "invalid_response", "the response is longer than %zu bytes",
		    file->input->body_max);
	file->out->verdict.unreachable = true;
	set_reason(file, OUTCOME_RETRY, "%s", response->error[0] ? response->error : "no response");
	return 0;
}

static int take_captures(struct case_file *file)
{
	const struct judge_input *input = file->input;
	const enum outcome outcome = file->out->verdict.outcome;
	const char *missing;
	json_t *captured;
	int r;

	if (!input->captures || (outcome != OUTCOME_PENDING && outcome != OUTCOME_SUCCESS) ||
	    !answer_is_2xx(&file->answer))
		return 0;
	r = captures_take(input->captures, input->response, input->captured, &captured, &missing);
	if (r == -EMSGSIZE)
		return set_failure(file, "invalid_response", "the captured values are longer than %d bytes",
		    REMOTE_CAPTURED_MAX);
	if (r < 0)
		return r;
	if (missing && input->step == STEP_SUBMIT && outcome == OUTCOME_PENDING &&
	    !json_object_get(input->params, missing)) {
		json_decref(captured);
		if (!answer_is_json(&file->answer) && input->repeatable)
			return judge_unreadable(file);
		return set_failure(file, "invalid_response",
		    "the answer to the submit has no value for \"%s\", which later requests need", missing);
	}
	file->out->captured = json_dumps(captured, JSON_COMPACT);
	json_decref(captured);
	if (!file->out->captured)
		return -ENOMEM;
	file->out->verdict.captured = file->out->captured;
	return 0;
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

static int judge_response(struct case_file *file)
{
	const struct judge_input *input = file->input;
	const struct rule *rule = NULL;
	bool unreadable = false;
	int r = 0;

	if (input->response->status == 0 || input->response->too_large)
		return judge_none(file);
	file->out->verdict.content_type = slice_from_str(http_header_find(input->response->headers,
	    input->response->n_headers, "content-type"));
	read_retry_after(file);
	if (input->rules)
		r = rules_find(input->rules, &file->answer, &rule, &unreadable);
	if (r < 0)
		return r;
	if (unreadable && answer_is_2xx(&file->answer))
		return judge_unreadable(file);
	r = rule ? apply_rule(file, rule) : apply_default(file);
	return r < 0 ? r : take_captures(file);
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
	answer_init(&file.answer, response, input->rules ? &input->rules->pointers : NULL);
	if (judge_response(&file) < 0)
		set_reason(&file, OUTCOME_RETRY, "no memory to read the response");
}

void judgement_done(struct judgement *judgement)
{
	free(judgement->code);
	free(judgement->message);
	free(judgement->captured);
	*judgement = (struct judgement){ 0 };
}
