/* explain.c - why rules hold for an answer or not, for the one who writes them. */
#include "daemon/remote/explain.h"
#include "daemon/remote/matcher_test.h"
#include "daemon/remote/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LINE_MAX_BYTES = 400,
	VALUE_MAX_BYTES = 80           /* of a value that is shown */
};

/* The line that is being written; what does not fit is cut. */
struct line {
	char text[LINE_MAX_BYTES];
	size_t len;
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *line, const char *format, ...)
{
	size_t room = sizeof(line->text) - line->len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line->text + line->len, room, format, args);
	va_end(args);
	if (len > 0)
		line->len += (size_t)len < room ? (size_t)len : room - 1;
}

/* A value as it was received, not too much of it. */
static void put_value(struct line *line, struct slice value, bool quote)
{
	size_t len = text_cut(value.data, value.len, VALUE_MAX_BYTES);
	const char *mark = quote ? "\"" : "";

	put(line, "%s%.*s%s%s", mark, (int)len, value.data, len < value.len ? "..." : "", mark);
}

static int put_operand(struct line *line, const json_t *operand)
{
	char *text = json_dumps(operand, JSON_ENCODE_ANY | JSON_COMPACT);

	if (!text)
		return -ENOMEM;
	put_value(line, slice_from_str(text), false);
	free(text);
	return 0;
}

/* Why a matcher does not hold. what: "status", `body["/done"]`. 1 when it holds, 0, or -ENOMEM. */
static int tell_matcher(struct line *line, const char *what, const struct matcher *matcher,
    const struct subject *subject)
{
	const struct matcher_test *failed = NULL;
	int r = matcher_holds(matcher, subject, &failed);

	if (r != 0)
		return r;
	put(line, "%s is ", what);
	if (subject->raw.data)
		put_value(line, subject->raw, subject->is_text);
	else
		put(line, "not there");
	if (subject->raw.data || failed->kind != MATCHER_EXISTS) {
		put(line, ", %s ", matcher_kind_words(failed->kind));
		r = put_operand(line, failed->operand);
	}
	return r;
}

static int tell_text(struct line *line, const char *what, const struct matcher *matcher, struct slice text)
{
	const struct subject subject = { .raw = text, .is_text = true };

	return tell_matcher(line, what, matcher, &subject);
}

static int tell_headers(struct line *line, const struct condition *condition, const struct http_response *response)
{
	int r = 1;

	for (size_t i = 0; r > 0 && i < condition->n_headers; i++) {
		const struct condition_header *header = &condition->headers[i];
		char what[96];

		snprintf(what, sizeof(what), "header %.64s", header->name);
		r = tell_text(line, what, &header->matcher, condition_header_text(header, response));
	}
	return r;
}

static int tell_body(struct line *line, const struct condition *condition, struct answer *answer)
{
	int r = 1;

	if (condition->body.count > 0 && !answer_is_json(answer)) {
		put(line, "the body is not JSON (%s at byte %zu)", answer->fault.what, answer->fault.at);
		return 0;
	}
	for (size_t i = 0; r > 0 && i < condition->body.count; i++) {
		const struct matcher_item *item = &condition->body.items[i];
		struct subject subject;
		char what[128];

		snprintf(what, sizeof(what), "body[\"%.100s\"]", item->text);
		r = subject_read(answer_found(answer)[item->pointer], &subject);
		if (r < 0)
			return r;
		r = tell_matcher(line, what, &item->matcher, &subject);
		subject_done(&subject);
	}
	return r;
}

static int tell(struct line *line, const struct condition *condition, struct answer *answer);

/* 1 when some condition of `any` holds; else why none does. */
static int tell_any(struct line *line, const struct condition_list *any, struct answer *answer)
{
	const size_t start = line->len;

	put(line, "nothing of \"any\" holds: ");
	for (size_t i = 0; i < any->count; i++) {
		int r;

		if (i > 0)
			put(line, "; ");
		r = tell(line, &any->items[i], answer);
		if (r > 0)
			line->text[line->len = start] = '\0';
		if (r != 0)
			return r;
	}
	return 0;
}

/* 1 when what must not hold does not; else that it does. */
static int tell_none(struct line *line, const struct condition *condition, struct answer *answer)
{
	struct line unused = { .len = 0 };
	int r = 0;

	for (size_t i = 0; i < condition->none.count; i++) {
		r = tell(&unused, &condition->none.items[i], answer);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		put(line, "what \"not\" rules out holds: ");
		return put_operand(line, condition->none.items[i].json);
	}
	return 1;
}

/* Why a condition does not hold, in the order in which it is looked at. 1 when it holds, 0, or -ENOMEM. */
static int tell(struct line *line, const struct condition *condition, struct answer *answer)
{
	const struct http_response *response = answer->response;
	int r = 1;

	if (condition->status && !status_set_has(condition->status, response->status)) {
		put(line, "status is %d, not ", response->status);
		return put_operand(line, json_object_get(condition->json, "status"));
	}
	if (condition->empty && *condition->empty != (response->body_len == 0)) {
		put(line, "the body is %s", *condition->empty ? "not empty" : "empty");
		return 0;
	}
	r = tell_headers(line, condition, response);
	for (size_t i = 0; r > 0 && i < condition->all.count; i++)
		r = tell(line, &condition->all.items[i], answer);
	if (r > 0 && condition->any.given)
		r = tell_any(line, &condition->any, answer);
	if (r > 0)
		r = tell_none(line, condition, answer);
	if (r > 0 && condition->text)
		r = tell_text(line, "the text of the body", condition->text, answer_text(answer));
	return r > 0 ? tell_body(line, condition, answer) : r;
}

/* Tell of one rule. 1 when it holds, 0, or -ENOMEM. */
static int tell_rule(const struct rule *rule, size_t number, struct answer *answer, explain_cb each, void *arg)
{
	char shown[LINE_MAX_BYTES];
	struct line line = { .len = 0 };
	int r = rule->unfilled ? 0 : 1;

	if (rule->unfilled)
		put(&line, "%s", rule->unfilled);
	if (rule->when)
		r = tell(&line, rule->when, answer);
	if (r < 0)
		return r;
	text_line(line.text, shown, sizeof(shown));
	each(arg, number, r > 0, r > 0 ? "" : shown);
	return r;
}

int explain_rules(const struct rules *rules, const struct values *values, const struct http_response *response,
    explain_cb each, void *arg)
{
	static const struct values nothing = { 0 };
	struct rules *filled = NULL;
	struct answer answer;
	size_t told = 0;
	int r = 0;

	if (rules->templates) {
		r = rules_fill(rules, values ? values : &nothing, &filled);
		if (r < 0)
			return r;
		rules = filled;
	}
	answer_init(&answer, response, &rules->pointers);
	while (r == 0 && told < rules->count) {
		r = tell_rule(&rules->items[told], told, &answer, each, arg);
		told++;
	}
	rules_free(filled);
	return r < 0 ? r : (int)told;
}
