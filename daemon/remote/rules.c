/* rules.c - an ordered list of rules: the first whose condition holds says what a response means. */
#include "config.h"

#include "daemon/remote/rules.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is filled while one rule is read. */
struct reading {
	struct pointer_set *pointers;
	struct rule rule;
};

/* The words of `then`. */
static const struct {
	const char *name;
	enum outcome outcome;
	enum key_flags flags;
} THEN[] = {
	{ "pending", OUTCOME_PENDING, KEY_PLAIN },
	{ "success", OUTCOME_SUCCESS, KEY_PLAIN },
	{ "failure", OUTCOME_FAILURE, KEY_PLAIN },
	{ "cancelled", OUTCOME_CANCELLED, KEY_PLAIN },
	{ "lost", OUTCOME_LOST, KEY_PLAIN },
	{ "retry", OUTCOME_RETRY, KEY_PLAIN },
	{ "fetch", OUTCOME_FETCH, KEY_PLAIN },
	{ "refresh_credential", OUTCOME_PENDING, KEY_LATER },
	{ "continue", OUTCOME_PENDING, KEY_LATER },
};
enum { THEN_COUNT = sizeof(THEN) / sizeof(THEN[0]) };

static int read_when(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	reading->rule.when = calloc(1, sizeof(*reading->rule.when));
	if (!reading->rule.when)
		return place_no_memory(error);
	return condition_read(json, reading->pointers, reading->rule.when, place, error);
}

static int read_then(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;
	const char *word, *names[THEN_COUNT + 1] = { NULL };
	int r = key_string(json, &word, place, error);

	if (r < 0)
		return r;
	for (size_t i = 0; i < THEN_COUNT; i++) {
		names[i] = THEN[i].name;
		if (strcmp(word, THEN[i].name) != 0)
			continue;
		if (THEN[i].flags & KEY_LATER)
			return place_fail(place, error, "\"%s\" is not supported by this version", word);
		reading->rule.outcome = THEN[i].outcome;
		return 0;
	}
	return keys_unknown("outcome", word, names, place, error);
}

static int read_pointer(struct reading *reading, const json_t *json, struct rule_text *ret,
    const struct place *place, struct error *error)
{
	int r = key_string(json, &ret->text, place, error);

	ret->is_pointer = true;
	return r < 0 ? r : pointer_set_read(reading->pointers, ret->text, &ret->pointer, place, error);
}

static int read_result(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	return read_pointer(reading, json, &reading->rule.result, place, error);
}

static int read_progress(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	return read_pointer(reading, json, &reading->rule.progress, place, error);
}

/* A string that is empty or starts with "/" is a pointer, any other is the text itself. */
static int read_text(struct reading *reading, const json_t *json, struct rule_text *ret,
    const struct place *place, struct error *error)
{
	const char *text;
	int r = key_string(json, &text, place, error);

	if (r < 0)
		return r;
	if (*text == '\0' || *text == '/')
		return read_pointer(reading, json, ret, place, error);
	ret->text = text;
	return 0;
}

/* The member of the object that an error pointer leads to. */
static int read_member(struct reading *reading, const char *object, const char *member, struct rule_text *ret,
    const struct place *place, struct error *error)
{
	char *text;
	int r;

	if (asprintf(&text, "%s/%s", object, member) < 0)
		return place_no_memory(error);
	r = pointer_set_read(reading->pointers, text, &ret->pointer, place, error);
	free(text);
	ret->text = member;
	ret->is_pointer = true;
	return r;
}

/* What the map form of `error` is read into: the same struct, seen part by part. */
static int read_part_code(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	return read_text(reading, json, &reading->rule.error.code, place, error);
}

static int read_part_message(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	return read_text(reading, json, &reading->rule.error.message, place, error);
}

static int read_part_details(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	return read_text(reading, json, &reading->rule.error.details, place, error);
}

static const struct key ERROR_KEYS[] = {
	{ "code", read_part_code, 0, KEY_PLAIN },
	{ "message", read_part_message, 0, KEY_PLAIN },
	{ "details", read_part_details, 0, KEY_PLAIN },
	{ 0 }
};

static int read_error(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;
	struct rule_error *from = &reading->rule.error;
	struct rule_text whole = { 0 };
	int r;

	if (json_is_object(json))
		return keys_read(ERROR_KEYS, json, reading, place, error);
	if (!json_is_string(json))
		return place_fail(place, error, "must be a pointer, a text, or an object of code, message and details");
	r = read_text(reading, json, &whole, place, error);
	if (r < 0)
		return r;
	if (!whole.is_pointer) {
		from->message = whole;
		return 0;
	}
	from->object = whole;
	from->details = whole;
	r = read_member(reading, whole.text, "code", &from->code, place, error);
	return r < 0 ? r : read_member(reading, whole.text, "message", &from->message, place, error);
}

static int read_delay(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	reading->rule.has_delay = true;
	return key_seconds(json, &reading->rule.delay_usec, place, error);
}

static const struct key RULE_KEYS[] = {
	{ "when", read_when, 0, KEY_PLAIN },
	{ "then", read_then, 0, KEY_REQUIRED },
	{ "result", read_result, 0, KEY_PLAIN },
	{ "error", read_error, 0, KEY_PLAIN },
	{ "progress", read_progress, 0, KEY_PLAIN },
	{ "delay", read_delay, 0, KEY_PLAIN },
	{ "set", NULL, 0, KEY_ELSEWHERE },
	{ "budget", NULL, 0, KEY_LATER },
	{ 0 }
};

/* A key that its outcome has no use for is a mistake of the one who wrote it. */
static int check_use(const struct rule *rule, const struct place *place, struct error *error)
{
	bool fails = rule->outcome == OUTCOME_FAILURE || rule->outcome == OUTCOME_CANCELLED ||
	    rule->outcome == OUTCOME_LOST || rule->outcome == OUTCOME_RETRY;
	bool goes_on = rule->outcome == OUTCOME_PENDING || rule->outcome == OUTCOME_RETRY;

	if (rule->result.text && rule->outcome != OUTCOME_SUCCESS)
		return place_fail(place, error, "\"result\" is for \"then\": \"success\"");
	if ((rule->error.message.text || rule->error.code.text || rule->error.details.text) && !fails)
		return place_fail(place, error, "\"error\" is for outcomes other than pending and success");
	if (rule->has_delay && !goes_on)
		return place_fail(place, error, "\"delay\" is for \"then\": \"pending\" or \"retry\"");
	return 0;
}

struct rules *rules_free(struct rules *rules)
{
	if (!rules)
		return NULL;
	for (size_t i = 0; i < rules->count; i++) {
		if (rules->items[i].when)
			condition_done(rules->items[i].when);
		free(rules->items[i].when);
	}
	free(rules->items);
	pointer_set_done(&rules->pointers);
	free(rules);
	return NULL;
}

int rules_read(const json_t *json, struct rules **ret, const struct place *place, struct error *error)
{
	struct rules *rules;
	json_t *item;
	size_t i;
	int r;

	if (!json_is_array(json))
		return place_fail(place, error, "must be a list of rules");
	if (json_array_size(json) > REMOTE_RULES_MAX)
		return place_fail(place, error, "more than %d rules", REMOTE_RULES_MAX);
	rules = calloc(1, sizeof(*rules));
	if (!rules)
		return place_no_memory(error);
	rules->items = calloc(json_array_size(json) + 1, sizeof(*rules->items));
	r = rules->items ? 0 : place_no_memory(error);
	json_array_foreach((json_t *)json, i, item) {
		const struct place here = { .up = place, .index = i };
		struct reading reading = { .pointers = &rules->pointers };

		if (r == 0) {
			r = keys_read(RULE_KEYS, item, &reading, &here, error);
			rules->items[rules->count++] = reading.rule;
		}
		if (r == 0)
			r = check_use(&reading.rule, &here, error);
		if (r < 0)
			break;
	}
	if (r < 0) {
		rules_free(rules);
		return r;
	}
	*ret = rules;
	return 0;
}

bool rules_can(const struct rules *rules, enum outcome outcome)
{
	for (size_t i = 0; rules && i < rules->count; i++)
		if (rules->items[i].outcome == outcome)
			return true;
	return false;
}

int rules_find(const struct rules *rules, struct answer *answer, const struct rule **ret_rule,
    bool *ret_unreadable)
{
	bool unreadable = false;

	*ret_rule = NULL;
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->items[i];
		int r = rule->when ? condition_holds(rule->when, answer, &unreadable) : 1;

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		*ret_rule = rule;
		if (rule->when && rule->when->asks_empty && answer->response->body_len == 0)
			unreadable = false;
		break;
	}
	*ret_unreadable = unreadable;
	return 0;
}
