/* rule.c - one rule: when it holds, what an answer means. */
#include "config.h"

#include "daemon/remote/rule.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/onward.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMES_MAX = 1000000 };

/* What is filled while one rule is read. */
struct reading {
	struct pointer_set *pointers;
	struct filling *filling;
	struct rule *rule;
	const char *element;           /* a key with "@"; NULL: there is none */
};

/* The words of `then`. */
static const struct {
	const char *name;
	enum outcome outcome;
	bool refresh_credential;
} THEN[] = {
	{ "pending", OUTCOME_PENDING, false },
	{ "success", OUTCOME_SUCCESS, false },
	{ "failure", OUTCOME_FAILURE, false },
	{ "cancelled", OUTCOME_CANCELLED, false },
	{ "lost", OUTCOME_LOST, false },
	{ "retry", OUTCOME_RETRY, false },
	{ "fetch", OUTCOME_FETCH, false },
	{ "continue", OUTCOME_CONTINUE, false },
	{ "refresh_credential", OUTCOME_RETRY, true },
};
enum { THEN_COUNT = sizeof(THEN) / sizeof(THEN[0]) };

static int read_when(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;
	const struct matcher_scope scope = { .pointers = reading->pointers, .filling = reading->filling };

	reading->rule->when = calloc(1, sizeof(*reading->rule->when));
	if (!reading->rule->when)
		return place_no_memory(error);
	return condition_read(json, &scope, reading->rule->when, place, error);
}

static int read_outcome(const json_t *json, enum outcome *ret, bool *ret_refresh, const struct place *place,
    struct error *error)
{
	const char *word, *names[THEN_COUNT + 1] = { NULL };
	int r = key_string(json, &word, place, error);

	if (r < 0)
		return r;
	for (size_t i = 0; i < THEN_COUNT; i++) {
		names[i] = THEN[i].name;
		if (strcmp(word, THEN[i].name) != 0)
			continue;
		*ret = THEN[i].outcome;
		*ret_refresh = THEN[i].refresh_credential;
		return 0;
	}
	return keys_unknown("outcome", word, names, place, error);
}

static int read_then(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	return read_outcome(json, &reading->rule->outcome, &reading->rule->refresh_credential, place, error);
}

/* --- where something is ---------------------------------------------------------------------------- */

/* "@", or "@/reason": within the element that was found. */
static bool is_element(const char *text)
{
	return text[0] == '@' && (text[1] == '\0' || text[1] == '/');
}

static int read_pointer(struct reading *reading, const json_t *json, struct rule_text *ret,
    const struct place *place, struct error *error)
{
	struct pointer_set own = { 0 };
	const char *text;
	bool open = false;
	int r = key_string(json, &text, place, error);

	if (r == 0)
		r = filling_text(reading->filling, text, TEMPLATE_POINTER, &ret->text, &open, place, error);
	if (r < 0)
		return r;
	reading->rule->open |= open;
	ret->from = is_element(ret->text) ? RULE_TEXT_ELEMENT : RULE_TEXT_POINTER;
	if (ret->from == RULE_TEXT_POINTER)
		return pointer_set_read(reading->pointers, ret->text, &ret->pointer, place, error);
	reading->element = place->key;
	r = pointer_set_read(&own, ret->text + 1, &ret->pointer, place, error);
	pointer_set_done(&own);
	return r;
}

static int read_header_name(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct rule_text *text = field;
	int r = key_string(json, &text->text, place, error);

	text->from = RULE_TEXT_HEADER;
	return r == 0 && *text->text == '\0' ? place_fail(place, error, "must be a header name") : r;
}

static const struct key HEADER_KEYS[] = {
	{ "header", read_header_name, 0, KEY_REQUIRED },
	{ 0 }
};

/* A pointer, or {"header": "NAME"}. */
static int read_source(struct reading *reading, const json_t *json, struct rule_text *ret, const struct place *place,
    struct error *error)
{
	if (json_is_object(json))
		return keys_read(HEADER_KEYS, json, ret, place, error);
	return read_pointer(reading, json, ret, place, error);
}

/* The same, or a text: a string that is empty or starts with "/" or "@/" is a pointer, any other is the text itself. */
static int read_text(struct reading *reading, const json_t *json, struct rule_text *ret,
    const struct place *place, struct error *error)
{
	const char *text = json_string_value(json);
	bool open = false;
	int r;

	if (!text || *text == '\0' || *text == '/' || is_element(text))
		return read_source(reading, json, ret, place, error);
	ret->from = RULE_TEXT_ITSELF;
	r = filling_text(reading->filling, text, TEMPLATE_PLAIN, &ret->text, &open, place, error);
	reading->rule->open |= open;
	return r;
}

static int read_result(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	return read_source(reading, json, &reading->rule->result, place, error);
}

static int read_progress(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	return read_source(reading, json, &reading->rule->progress, place, error);
}

/* --- error ------------------------------------------------------------------------------------------ */

/* The member of the object that an error pointer leads to. */
static int read_member(struct reading *reading, const char *object, const char *member, struct rule_text *ret,
    const struct place *place, struct error *error)
{
	json_t *made;
	char *text;
	int r;

	if (is_element(object)) {
		made = json_sprintf("%s/%s", object, member);
		ret->text = json_string_value(made);
		ret->from = RULE_TEXT_ELEMENT;
		return filling_keep(reading->filling, made, error);
	}
	if (asprintf(&text, "%s/%s", object, member) < 0)
		return place_no_memory(error);
	r = pointer_set_read(reading->pointers, text, &ret->pointer, place, error);
	free(text);
	ret->text = member;
	ret->from = RULE_TEXT_POINTER;
	return r;
}

static int read_part_code(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	return read_text(reading, json, &reading->rule->error.code, place, error);
}

static int read_part_message(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	return read_text(reading, json, &reading->rule->error.message, place, error);
}

static int read_part_details(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	return read_text(reading, json, &reading->rule->error.details, place, error);
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
	struct rule_error *from = &reading->rule->error;
	struct rule_text whole = { 0 };
	int r;

	if (json_is_object(json))
		return keys_read(ERROR_KEYS, json, reading, place, error);
	if (!json_is_string(json))
		return place_fail(place, error, "must be a pointer, a text, or an object of code, message and details");
	r = read_text(reading, json, &whole, place, error);
	if (r < 0)
		return r;
	if (whole.from == RULE_TEXT_ITSELF) {
		from->message = whole;
		return 0;
	}
	from->object = whole;
	from->details = whole;
	r = read_member(reading, whole.text, "code", &from->code, place, error);
	return r < 0 ? r : read_member(reading, whole.text, "message", &from->message, place, error);
}

/* --- delay, set, budget ----------------------------------------------------------------------------- */

static int read_unit(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;
	const char *unit;
	int r = key_string(json, &unit, place, error);

	if (r < 0)
		return r;
	if (strcmp(unit, "s") != 0 && strcmp(unit, "ms") != 0)
		return place_fail(place, error, "must be \"s\" or \"ms\"");
	reading->rule->delay.milliseconds = strcmp(unit, "ms") == 0;
	return 0;
}

static int read_delay_body(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	return read_pointer(reading, json, &reading->rule->delay.at, place, error);
}

static int read_delay_header(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	return read_header_name(json, &reading->rule->delay.at, place, error);
}

static const struct key DELAY_KEYS[] = {
	{ "body", read_delay_body, 0, KEY_PLAIN },
	{ "header", read_delay_header, 0, KEY_PLAIN },
	{ "unit", read_unit, 0, KEY_PLAIN },
	{ 0 }
};

static int read_delay(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;
	struct rule_delay *delay = &reading->rule->delay;
	int r;

	delay->given = true;
	if (!json_is_object(json))
		return key_seconds(json, &delay->usec, place, error);
	r = keys_read(DELAY_KEYS, json, reading, place, error);
	if (r == 0 && !json_object_get(json, "body") == !json_object_get(json, "header"))
		return place_fail(place, error, "must have one of \"body\" and \"header\"");
	return r;
}

static int read_set(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;
	const char *name;
	bool open = false;
	json_t *value;
	int r;

	if (!json_is_object(json))
		return place_fail(place, error, "must be an object of names");
	if (json_object_size(json) > REMOTE_CAPTURES_MAX)
		return place_fail(place, error, "more than %d names", REMOTE_CAPTURES_MAX);
	json_object_foreach((json_t *)json, name, value) {
		const struct place here = { .up = place, .key = name };

		r = template_check_name(name, &here, error);
		if (r < 0)
			return r;
		if (json_is_null(value))
			return place_fail(&here, error, "null is no value");
	}
	r = filling_json(reading->filling, json, &reading->rule->set, &open, place, error);
	reading->rule->open |= open;
	return r;
}

static int read_capture(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;
	int r = captures_read(json, reading->filling->names, &reading->rule->captures, place, error);

	/* Their own templates are filled when they are taken; but that needs the values. */
	if (r == 0)
		reading->filling->templates |= captures_need_values(reading->rule->captures);
	return r;
}

static int read_with(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;

	reading->rule->with = json;
	return onward_read(json, reading->filling, place, error);
}

static int read_times(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct rule_budget *budget = field;

	if (!json_is_integer(json) || json_integer_value(json) < 1 || json_integer_value(json) > TIMES_MAX)
		return place_fail(place, error, "must be a whole number from 1 to %d", TIMES_MAX);
	budget->times = (unsigned)json_integer_value(json);
	return 0;
}

static int read_seconds(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct rule_budget *budget = field;
	int r = key_seconds(json, &budget->usec, place, error);

	return r == 0 && budget->usec < 1000 ? place_fail(place, error, "must be at least 0.001 seconds") : r;
}

static int read_budget_then(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct rule_budget *budget = field;
	bool refresh = false;
	int r = read_outcome(json, &budget->then, &refresh, place, error);

	return r == 0 && refresh ? place_fail(place, error, "\"refresh_credential\" is not for a budget that is used up") : r;
}

static const struct key BUDGET_KEYS[] = {
	{ "times", read_times, 0, KEY_PLAIN },
	{ "seconds", read_seconds, 0, KEY_PLAIN },
	{ "then", read_budget_then, 0, KEY_PLAIN },
	{ 0 }
};

static int read_budget(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct reading *reading = field;
	struct rule_budget *budget = &reading->rule->budget;
	int r;

	*budget = (struct rule_budget){ .given = true, .then = OUTCOME_FAILURE };
	r = keys_read(BUDGET_KEYS, json, budget, place, error);
	if (r == 0 && !budget->times && !budget->usec)
		return place_fail(place, error, "must have \"times\", \"seconds\" or both");
	return r;
}

/* --- the whole ---------------------------------------------------------------------------------------- */

static const struct key RULE_KEYS[] = {
	{ "when", read_when, 0, KEY_PLAIN },
	{ "then", read_then, 0, KEY_REQUIRED },
	{ "result", read_result, 0, KEY_PLAIN },
	{ "error", read_error, 0, KEY_PLAIN },
	{ "progress", read_progress, 0, KEY_PLAIN },
	{ "delay", read_delay, 0, KEY_PLAIN },
	{ "set", read_set, 0, KEY_PLAIN },
	{ "capture", read_capture, 0, KEY_PLAIN },
	{ "with", read_with, 0, KEY_PLAIN },
	{ "budget", read_budget, 0, KEY_PLAIN },
	{ 0 }
};

bool rule_may_say(const struct rule *rule, enum outcome outcome)
{
	return rule->outcome == outcome || (rule->budget.given && rule->budget.then == outcome);
}

/* A key that its outcome has no use for is a mistake of the one who wrote it. */
static int check_use(const struct rule *rule, const struct place *place, struct error *error)
{
	bool fails = rule->budget.given || rule->outcome == OUTCOME_FAILURE || rule->outcome == OUTCOME_CANCELLED ||
	    rule->outcome == OUTCOME_LOST || rule->outcome == OUTCOME_RETRY;
	bool goes_on = rule_may_say(rule, OUTCOME_PENDING) || rule_may_say(rule, OUTCOME_RETRY) ||
	    rule_may_say(rule, OUTCOME_FETCH);
	bool continues = rule_may_say(rule, OUTCOME_CONTINUE);

	if (rule->result.text && !rule_may_say(rule, OUTCOME_SUCCESS))
		return place_fail(place, error, "\"result\" is for \"then\": \"success\"");
	if ((rule->error.message.text || rule->error.code.text || rule->error.details.text) && !fails)
		return place_fail(place, error, "\"error\" is for outcomes other than pending, success, fetch and continue");
	if (rule->delay.given && !goes_on && !continues)
		return place_fail(place, error,
		    "\"delay\" is for \"then\": \"pending\", \"retry\", \"fetch\" or \"continue\"");
	if (rule->set && !goes_on)
		return place_fail(place, error, "\"set\" is for \"then\": \"pending\", \"retry\" or \"fetch\"");
	if (rule->captures && !goes_on && !continues && !rule_may_say(rule, OUTCOME_SUCCESS))
		return place_fail(place, error,
		    "\"capture\" is for \"then\": \"pending\", \"retry\", \"fetch\", \"continue\" or \"success\"");
	if (continues && !rule->with)
		return place_fail(place, error, "\"with\" is missing: what \"then\": \"continue\" goes on with");
	if (rule->with && !continues)
		return place_fail(place, error, "\"with\" is for \"then\": \"continue\"");
	return 0;
}

int rule_read(const json_t *json, struct pointer_set *pointers, struct filling *filling, struct rule *ret,
    const struct place *place, struct error *error)
{
	struct reading reading = { .pointers = pointers, .filling = filling, .rule = ret };
	int r;

	*ret = (struct rule){ 0 };
	r = keys_read(RULE_KEYS, json, &reading, place, error);
	if (r == 0 && reading.element && !(ret->when && condition_has_element(ret->when)))
		return place_fail(place, error,
		    "\"@\" in \"%s\" is the element that an \"any\" of this rule's \"when\" finds, and there is none",
		    reading.element);
	return r < 0 ? r : check_use(ret, place, error);
}

void rule_done(struct rule *rule)
{
	if (rule->when)
		condition_done(rule->when);
	free(rule->when);
	captures_free(rule->captures);
	free(rule->unfilled);
	*rule = (struct rule){ 0 };
}

bool rule_text_is_json(const struct rule_text *text)
{
	return text->from == RULE_TEXT_POINTER || text->from == RULE_TEXT_ELEMENT;
}

static struct slice find_in_element(const struct rule *rule, const char *pointer, struct answer *answer)
{
	struct pointer_set set = { 0 };
	struct slice element = { 0 }, found = { 0 };
	struct json_fault fault;
	size_t index;

	if (condition_element(rule->when, answer, &element) > 0 && pointer_set_add(&set, pointer, &index) == 0 &&
	    json_scan(element, &set, &found, &fault) < 0)
		found = (struct slice){ 0 };
	pointer_set_done(&set);
	return found;
}

struct slice rule_text_find(const struct rule *rule, const struct rule_text *text, struct answer *answer)
{
	const struct http_response *response = answer->response;

	if (!text->text)
		return (struct slice){ 0 };
	if (text->from == RULE_TEXT_POINTER)
		return answer_found(answer)[text->pointer];
	if (text->from == RULE_TEXT_ELEMENT)
		return find_in_element(rule, text->text + 1, answer);
	if (text->from == RULE_TEXT_HEADER)
		return slice_from_str(http_header_find(response->headers, response->n_headers, text->text));
	return slice_from_str(text->text);
}
