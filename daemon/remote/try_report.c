/* try_report.c - the report on one poll that was tried, as JSON: what of it may be shown, and how much. */
#include "config.h"

#include "daemon/remote/try_report.h"
#include "daemon/remote/base64.h"
#include "daemon/remote/explain.h"
#include "daemon/remote/status.h"
#include "daemon/remote/text.h"
#include "proto/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	BODY_SHOWN_MAX = 65536,        /* bytes; all together has to fit into one message */
	VALUE_SHOWN_MAX = 4096,
	HEADERS_SHOWN_MAX = 100
};

#define HIDDEN "..."

/* --- pieces ------------------------------------------------------------------------------------------------------- */

/* Text from elsewhere as a string: at most max bytes of it, and one line when it is no text. NULL: no memory. */
static json_t *shown(const char *data, size_t len, size_t max)
{
	size_t cut = text_cut(data, len, max);
	char line[1024];
	char *copy;
	json_t *string;

	if (!memchr(data, '\0', cut) && utf8_valid_len(data, cut) == cut)
		return json_stringn_nocheck(data, cut);
	copy = strndup(data, cut);
	if (!copy)
		return NULL;
	text_line(copy, line, sizeof(line));
	string = json_string(line);
	free(copy);
	return string;
}

static json_t *shown_text(const char *text)
{
	return shown(text, strlen(text), VALUE_SHOWN_MAX);
}

/* Add what a slice has, if it has anything. */
static int add(json_t *object, const char *key, struct slice text, size_t max)
{
	return text.data ? json_object_set_new(object, key, shown(text.data, text.len, max)) : 0;
}

/* {size, text}: without text when it is none. */
static json_t *body_json(const void *data, size_t len)
{
	json_t *body = json_pack("{s:I}", "size", (json_int_t)len);
	const char *text = data;

	if (!body || (len > 0 && (memchr(text, '\0', len) || utf8_valid_len(text, len) < len)))
		return body;
	if (len > 0 && json_object_set_new(body, "text", shown(text, len, BODY_SHOWN_MAX)) < 0) {
		json_decref(body);
		return NULL;
	}
	return body;
}

static json_t *headers_json(const struct http_header *headers, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count && i < HEADERS_SHOWN_MAX; i++) {
		json_t *one = json_pack("{s:o,s:o}", "name", shown_text(headers[i].name), "value",
		    shown_text(headers[i].value));

		if (json_array_append_new(list, one) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

json_t *try_report_request(const struct http_request *request)
{
	json_t *shown_request = json_pack("{s:s,s:o,s:o}", "method", request->method, "url", shown_text(request->url),
	    "headers", headers_json(request->headers, request->n_headers));

	if (!shown_request)
		return NULL;
	if ((request->body && json_object_set_new(shown_request, "body",
	    body_json(request->body, request->body_len)) < 0) || (request->unix_socket &&
	    json_object_set_new(shown_request, "unix_socket", shown_text(request->unix_socket)) < 0)) {
		json_decref(shown_request);
		return NULL;
	}
	return shown_request;
}

static json_t *response_json(const struct http_response *response)
{
	return json_pack("{s:i,s:s,s:o,s:o}", "status", response->status, "reason", status_name(response->status),
	    "headers", headers_json(response->headers, response->n_headers), "body",
	    body_json(response->body, response->body_len));
}

/* --- rules ---------------------------------------------------------------------------------------------------------- */

/* What is told of the rules. */
struct told {
	json_t *list;
	const json_t *rules;           /* as they are in the spec */
	bool failed;
};

static void on_rule(void *arg, size_t rule, bool holds, const char *why)
{
	struct told *told = arg;
	const char *then = json_string_value(json_object_get(json_array_get(told->rules, rule), "then"));
	json_t *one = json_pack("{s:I,s:s,s:b}", "rule", (json_int_t)rule, "then", then ? then : "?", "holds", holds);

	if (one && !holds && json_object_set_new(one, "why", json_string(why)) < 0)
		told->failed = true;
	if (json_array_append_new(told->list, one) < 0)
		told->failed = true;
}

/* NULL: no memory. */
static json_t *rules_json(const struct rules *rules, const struct values *values, const struct http_response *response)
{
	struct told told = { .list = json_array(), .rules = rules ? rules->json : NULL };

	if (told.list && rules && explain_rules(rules, values, response, on_rule, &told) < 0)
		told.failed = true;
	if (told.failed) {
		json_decref(told.list);
		return NULL;
	}
	return told.list;
}

/* --- the verdict ------------------------------------------------------------------------------------------------------ */

static const char *outcome_name(enum outcome outcome)
{
	static const char *const NAMES[] = {
		[OUTCOME_PENDING] = "pending",
		[OUTCOME_SUCCESS] = "success",
		[OUTCOME_FAILURE] = "failure",
		[OUTCOME_CANCELLED] = "cancelled",
		[OUTCOME_LOST] = "lost",
		[OUTCOME_RETRY] = "retry",
		[OUTCOME_FETCH] = "fetch",
		[OUTCOME_CONTINUE] = "continue",
		[OUTCOME_MISSING] = "missing",
	};

	return NAMES[outcome];
}

static int add_failure(json_t *verdict, const struct failure *failure)
{
	json_t *error;

	if (!failure->kind)
		return 0;
	error = json_pack("{s:s}", "kind", failure->kind);
	if (!error || add(error, "message", failure->message, VALUE_SHOWN_MAX) < 0 ||
	    add(error, "code", failure->code, VALUE_SHOWN_MAX) < 0 ||
	    add(error, "details", failure->details, VALUE_SHOWN_MAX) < 0) {
		json_decref(error);
		return -ENOMEM;
	}
	return json_object_set_new(verdict, "error", error);
}

/* Where in the body the result is. */
static int add_result(json_t *verdict, const struct verdict *from, const struct http_response *response)
{
	const char *body = response->body;
	json_t *result;

	if (from->outcome != OUTCOME_SUCCESS || !from->result.data)
		return 0;
	result = body_json(from->result.data, from->result.len);
	if (!result || add(result, "content_type", from->content_type, VALUE_SHOWN_MAX) < 0 || (body &&
	    from->result.data >= body && from->result.data <= body + response->body_len &&
	    json_object_set_new(result, "offset", json_integer(from->result.data - body)) < 0)) {
		json_decref(result);
		return -ENOMEM;
	}
	return json_object_set_new(verdict, "result", result);
}

/* When the next request would be sent, at the latest, and who says so. The ladder begins: nothing was asked before. */
static int add_next(json_t *verdict, const struct verdict *from, const struct plan *plan)
{
	bool retry = from->outcome == OUTCOME_RETRY;
	uint64_t after = retry ? plan->retry.initial_usec : plan->polling.initial_usec;
	const char *by = retry ? "retry" : "polling";

	if (!retry && from->outcome != OUTCOME_PENDING && from->outcome != OUTCOME_FETCH)
		return 0;
	if (from->outcome == OUTCOME_FETCH) {
		after = 0;
		by = "fetch";
	}
	if (from->has_delay) {
		after = from->delay_usec;
		by = "rule";
	}
	if (from->has_retry_after && from->retry_after_usec > after) {
		after = from->retry_after_usec;
		by = "service";
	}
	return json_object_set_new(verdict, "next", json_pack("{s:f,s:s}", "seconds", (double)after / 1e6, "by", by));
}

/* What it would go on with, as JSON texts where a creation has some. */
static int add_onward(json_t *verdict, const struct verdict *from)
{
	const struct plan_source *source = &from->source;
	json_t *onward, *after;

	if (from->outcome != OUTCOME_CONTINUE)
		return 0;
	onward = json_object();
	after = json_array();
	for (size_t i = 0; i < source->n_after; i++) {
		char id[ID_TEXT_LEN + 1];

		id_format(&source->after[i], id);
		(void)json_array_append_new(after, json_string(id));
	}
	if (!onward || !after || json_array_size(after) != source->n_after ||
	    add(onward, "profile", source->profile, VALUE_SHOWN_MAX) < 0 ||
	    add(onward, "params", source->params, BODY_SHOWN_MAX) < 0 ||
	    add(onward, "spec", source->spec, BODY_SHOWN_MAX) < 0 ||
	    add(onward, "polling", source->polling, VALUE_SHOWN_MAX) < 0 ||
	    add(onward, "retry", source->retry, VALUE_SHOWN_MAX) < 0 ||
	    (source->n_after > 0 && json_object_set(onward, "after", after) < 0)) {
		json_decref(onward);
		json_decref(after);
		return -ENOMEM;
	}
	json_decref(after);
	return json_object_set_new(verdict, "with", onward);
}

static json_t *verdict_json(const struct remote_plan *plan, const struct judgement *judgement,
    const struct http_response *response)
{
	const struct verdict *from = &judgement->verdict;
	json_t *verdict = json_pack("{s:s}", "outcome", outcome_name(from->outcome));

	if (!verdict)
		return NULL;
	if ((from->reason[0] && json_object_set_new(verdict, "reason", shown_text(from->reason)) < 0) ||
	    (judgement->refresh_credential && json_object_set_new(verdict, "refresh_credential", json_true()) < 0) ||
	    add_onward(verdict, from) < 0 || add_failure(verdict, &from->failure) < 0 ||
	    add_result(verdict, from, response) < 0 ||
	    add(verdict, "progress", from->progress, REMOTE_PROGRESS_MAX) < 0 ||
	    add(verdict, "captured", slice_from_str(from->captured), REMOTE_CAPTURED_MAX) < 0 ||
	    add(verdict, "budgets", slice_from_str(from->budgets), VALUE_SHOWN_MAX) < 0 ||
	    add_next(verdict, from, &plan->plan) < 0) {
		json_decref(verdict);
		return NULL;
	}
	return verdict;
}

/* --- secrets ---------------------------------------------------------------------------------------------------------- */

/* Put HIDDEN in the place of a secret within a string. */
static int hide_in(json_t *string, const char *secret)
{
	struct text text = { .max = json_string_length(string) * strlen(HIDDEN) };
	const char *at = json_string_value(string), *found;
	int r = 0;

	if (!strstr(at, secret))
		return 0;
	while (r == 0 && (found = strstr(at, secret))) {
		r = text_append(&text, at, (size_t)(found - at));
		if (r == 0)
			r = text_append_str(&text, HIDDEN);
		at = found + strlen(secret);
	}
	if (r == 0)
		r = text_append_str(&text, at);
	if (r == 0 && json_string_setn_nocheck(string, text.data, text.len) < 0)
		r = -ENOMEM;
	text_done(&text);
	return r;
}

/* The same in every string within json. Keys are ours. */
static int hide(json_t *json, const char *secret)
{
	const char *key;
	json_t *value;
	size_t i;
	int r = json_is_string(json) ? hide_in(json, secret) : 0;

	json_array_foreach(json, i, value)
		if (r == 0)
			r = hide(value, secret);
	json_object_foreach(json, key, value)
		if (r == 0)
			r = hide(value, secret);
	return r;
}

/* What a service repeats of a credential is hidden, too: as it is, as JSON writes it, and in base64. */
static int hide_secret(json_t *report, const char *secret)
{
	json_t *string = json_string(secret);
	char *quoted = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
	char *base64 = base64_encode(secret, strlen(secret));
	int r = quoted && base64 ? hide(report, secret) : -ENOMEM;

	if (r == 0)
		r = hide(report, base64);
	if (base64)
		explicit_bzero(base64, strlen(base64));
	free(base64);

	if (r == 0) {
		quoted[strlen(quoted) - 1] = '\0';
		r = hide(report, quoted + 1);
	}
	if (quoted)
		explicit_bzero(quoted, strlen(quoted));
	free(quoted);
	json_decref(string);
	return r;
}

/* --- the whole -------------------------------------------------------------------------------------------------------- */

static int fill_report(json_t *report, const struct remote_plan *plan, const struct ask_answer *answer,
    const struct judgement *judgement, const struct values *values)
{
	const struct http_response *response = answer->response;
	const struct rules *rules = spec_rules(plan->spec, STEP_POLL);

	if (!response)
		return json_object_set_new(report, "error", shown_text(answer->reason));
	if (response->status == 0)
		return json_object_set_new(report, "error", shown_text(response->error)) < 0 ||
		    json_object_set_new(report, "verdict", verdict_json(plan, judgement, response)) < 0 ? -ENOMEM : 0;
	return json_object_set_new(report, "response", response_json(response)) < 0 ||
	    json_object_set_new(report, "rules", rules_json(rules, values, response)) < 0 ||
	    json_object_set_new(report, "verdict", verdict_json(plan, judgement, response)) < 0 ? -ENOMEM : 0;
}

char *try_report(const struct remote_plan *plan, json_t *requests, const struct ask_answer *answer,
    const struct judgement *judgement, const struct values *values, const char *secret)
{
	json_t *report = json_pack("{s:O}", "requests", requests);
	char *text = NULL;

	if (report && fill_report(report, plan, answer, judgement, values) == 0 &&
	    (!secret || *secret == '\0' || hide_secret(report, secret) == 0))
		text = json_dumps(report, JSON_COMPACT);
	json_decref(report);
	return text;
}
