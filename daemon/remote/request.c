/* request.c - one request of a spec: submit, poll, fetch and the others. */
#include "daemon/remote/request.h"
#include "daemon/remote/base64.h"
#include "daemon/remote/events.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/list.h"
#include "daemon/remote/template.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *request_step_name(enum step step)
{
	static const char *const NAMES[STEPS] = {
		[STEP_SUBMIT] = "submit",
		[STEP_POLL] = "poll",
		[STEP_FETCH] = "fetch",
		[STEP_CANCEL] = "cancel",
		[STEP_ACK] = "ack",
		[STEP_KEEPALIVE] = "keepalive",
		[STEP_EVENTS] = "events",
		[STEP_LIST] = "polling.batch",
	};

	return NAMES[step];
}

/* A token of RFC 9110: what methods and header names are made of. */
static bool is_token(const char *text)
{
	if (*text == '\0' || strlen(text) > REMOTE_LIST_MAX)
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("!#$%&'*+-.^_`|~", *text))
			return false;
	return true;
}

static int check_header_name(const char *name, const struct place *place, struct error *error)
{
	static const char *const OURS[] = { "Content-Length", "Transfer-Encoding", "Connection", NULL };

	if (!is_token(name))
		return place_fail(place, error, "is not a header name");
	for (size_t i = 0; OURS[i]; i++)
		if (strcasecmp(name, OURS[i]) == 0)
			return place_fail(place, error, "is set by the daemon itself");
	return 0;
}

int request_read_headers(const json_t *json, json_t *names, const struct place *place, struct error *error)
{
	const char *name;
	json_t *value;
	int first = 0;

	if (!json_is_object(json))
		return place_fail(place, error, "must be an object of header names");
	if (json_object_size(json) > REMOTE_HEADERS_MAX)
		return place_fail(place, error, "more than %d headers", REMOTE_HEADERS_MAX);
	json_object_foreach((json_t *)json, name, value) {
		const struct place here = { .up = place, .key = name };
		int r = check_header_name(name, &here, error);

		if (r == 0 && !json_is_string(value))
			r = place_fail(&here, error, "must be a string");
		if (r == 0)
			r = template_names(json_string_value(value), names, &here, error);
		if (place_ends(place, r, &first))
			break;
	}
	return first;
}

static int read_headers(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct request *request = field;

	request->headers = json;
	return request_read_headers(json, request->names, place, error);
}

/* A scalar, or an array of scalars. */
static int check_field(const json_t *json, const struct place *place, struct error *error)
{
	json_t *item;
	size_t i;

	if (json_is_object(json) || json_is_null(json))
		return place_fail(place, error, "must be a string, number, true, false or a list of these");
	json_array_foreach((json_t *)json, i, item) {
		const struct place element = { .up = place, .index = i };

		if (json_is_object(item) || json_is_array(item) || json_is_null(item))
			return place_fail(&element, error, "must be a string, number, true or false");
	}
	return 0;
}

/* An object of scalars and arrays of scalars: a query, or a form. */
static int check_fields(const json_t *json, const struct place *place, struct error *error)
{
	const char *name;
	json_t *value;
	int first = 0;

	if (!json_is_object(json))
		return place_fail(place, error, "must be an object");
	if (json_object_size(json) > REMOTE_LIST_MAX)
		return place_fail(place, error, "more than %d members", REMOTE_LIST_MAX);
	json_object_foreach((json_t *)json, name, value) {
		const struct place here = { .up = place, .key = name };

		if (place_ends(place, check_field(value, &here, error), &first))
			break;
	}
	return first;
}

static int read_query(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct request *request = field;
	int r = check_fields(json, place, error);

	request->query = json;
	return r < 0 ? r : template_names_json(json, request->names, place, error);
}

static int set_body(struct request *request, enum request_body kind, const json_t *json,
    const struct place *place, struct error *error)
{
	if (request->body_kind != REQUEST_BODY_NONE)
		return place_fail(place, error, "a request has only one of \"json\", \"form\", \"text\" and \"bytes\"");
	request->body_kind = kind;
	request->body = json;
	return template_names_json(json, request->names, place, error);
}

static int read_json(const json_t *json, void *field, const struct place *place, struct error *error)
{
	return set_body(field, REQUEST_BODY_JSON, json, place, error);
}

static int read_form(const json_t *json, void *field, const struct place *place, struct error *error)
{
	int r = check_fields(json, place, error);

	return r < 0 ? r : set_body(field, REQUEST_BODY_FORM, json, place, error);
}

static int read_text(const json_t *json, void *field, const struct place *place, struct error *error)
{
	if (!json_is_string(json))
		return place_fail(place, error, "must be a string");
	return set_body(field, REQUEST_BODY_TEXT, json, place, error);
}

static int read_bytes(const json_t *json, void *field, const struct place *place, struct error *error)
{
	char name[TEMPLATE_NAME_MAX + 1];
	void *data;
	size_t len;
	int r;

	if (!json_is_string(json))
		return place_fail(place, error, "must be a string of base64");
	if (!template_single(json_string_value(json), name, NULL)) {
		r = base64_decode(json_string_value(json), json_string_length(json), &data, &len);
		if (r == -ENOMEM)
			return place_no_memory(error);
		if (r < 0)
			return place_fail(place, error, "is not base64");
		free(data);
	}
	return set_body(field, REQUEST_BODY_BYTES, json, place, error);
}

static int read_method(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct request *request = field;
	int r = key_string(json, &request->method, place, error);

	if (r < 0)
		return r;
	if (!is_token(request->method) || strlen(request->method) > 32)
		return place_fail(place, error, "\"%.64s\" is not an HTTP method", request->method);
	if (strcmp(request->method, "CONNECT") == 0)
		return place_fail(place, error, "CONNECT is not a request to a service");
	return 0;
}

static int read_url(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct request *request = field;
	int r = key_string(json, &request->url, place, error);

	return r < 0 ? r : template_names(request->url, request->names, place, error);
}

static int read_unix_socket(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct request *request = field;
	int r = key_string(json, &request->unix_socket, place, error);

	return r < 0 ? r : template_names(request->unix_socket, request->names, place, error);
}

static int read_timeout(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct request *request = field;
	int r = key_seconds(json, &request->timeout_usec, place, error);

	if (r == 0 && request->timeout_usec < 1000)
		return place_fail(place, error, "must be at least 0.001 seconds");
	return r;
}

/* The names that one rule sets. What is wrong with them rules_read() has said. */
static int add_sets(const json_t *rule, json_t *sets, const struct place *place, struct error *error)
{
	const struct place set = { .up = place, .key = "set" };
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(rule, "set"), name, value) {
		const struct place here = { .up = &set, .key = name };
		char where[256];

		place_format(&here, where, sizeof(where));
		if (!json_object_get(sets, name) && json_object_set_new(sets, name, json_string(where)) < 0)
			return place_no_memory(error);
	}
	return 0;
}

static int read_rules(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct request *request = field;
	json_t *rule;
	size_t i;
	int r;

	if (json_is_string(json) && strcmp(json_string_value(json), "poll") == 0) {
		request->rules_of_poll = true;
		return 0;
	}
	r = rules_read(json, request->answer_names, &request->rules, place, error);
	json_array_foreach((json_t *)json, i, rule) {
		const struct place here = { .up = place, .index = i };

		if (r == 0)
			r = add_sets(rule, request->sets, &here, error);
	}
	return r;
}

static int read_capture(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct request *request = field;

	return captures_read(json, request->answer_names, &request->captures, place, error);
}

static int read_idempotency(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct request *request = field;
	int r = key_string(json, &request->idempotency, place, error);

	return r < 0 ? r : check_header_name(request->idempotency, place, error);
}

static int read_redirects(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct request *request = field;
	json_int_t value = json_integer_value(json);

	if (!json_is_integer(json) || value < 0 || value > REMOTE_REDIRECTS_MAX)
		return place_fail(place, error, "must be a whole number from 0 to %d", REMOTE_REDIRECTS_MAX);
	request->redirects = (unsigned)value;
	return 0;
}

static int read_every(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct request *request = field;
	int r = key_seconds(json, &request->every_usec, place, error);

	if (r == 0 && request->every_usec < 1000000)
		return place_fail(place, error, "must be at least 1 second");
	return r;
}

/* The ends that a service can be told it was heard of. */
static const struct {
	const char *name;
	enum outcome outcome;
} ENDS[] = {
	{ "success", OUTCOME_SUCCESS },
	{ "failure", OUTCOME_FAILURE },
	{ "cancelled", OUTCOME_CANCELLED },
};
enum { ENDS_COUNT = sizeof(ENDS) / sizeof(ENDS[0]) };

static int read_end(const json_t *json, unsigned *ends, const struct place *place, struct error *error)
{
	const char *word, *names[ENDS_COUNT + 1] = { NULL };
	int r = key_string(json, &word, place, error);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ENDS_COUNT; i++) {
		names[i] = ENDS[i].name;
		if (strcmp(word, ENDS[i].name) == 0) {
			*ends |= 1u << ENDS[i].outcome;
			return 0;
		}
	}
	return keys_unknown("end", word, names, place, error);
}

static int read_on(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct request *request = field;
	json_t *item;
	size_t i;
	int first = 0;

	if (!json_is_array(json) || json_array_size(json) == 0)
		return place_fail(place, error, "must be a list of \"success\", \"failure\" and \"cancelled\"");
	request->ack_on = 0;
	json_array_foreach((json_t *)json, i, item) {
		const struct place here = { .up = place, .index = i };

		if (place_ends(place, read_end(item, &request->ack_on, &here, error), &first))
			break;
	}
	return first;
}

static const struct key REQUEST_KEYS[] = {
	{ "method", read_method, 0, KEY_PLAIN },
	{ "url", read_url, 0, KEY_REQUIRED },
	{ "query", read_query, 0, KEY_PLAIN },
	{ "headers", read_headers, 0, KEY_PLAIN },
	{ "unix_socket", read_unix_socket, 0, KEY_PLAIN },
	{ "json", read_json, 0, KEY_PLAIN },
	{ "form", read_form, 0, KEY_PLAIN },
	{ "text", read_text, 0, KEY_PLAIN },
	{ "bytes", read_bytes, 0, KEY_PLAIN },
	{ "timeout", read_timeout, 0, KEY_PLAIN },
	{ "redirects", read_redirects, 0, KEY_PLAIN },
	{ "rules", read_rules, 0, KEY_PLAIN },
	{ "capture", read_capture, 0, KEY_PLAIN },
	{ "idempotency", read_idempotency, 0, KEY_PLAIN },
	{ "long_poll", key_bool, offsetof(struct request, long_poll), KEY_PLAIN },
	{ "every", read_every, 0, KEY_PLAIN },
	{ "on", read_on, 0, KEY_PLAIN },
	/* events.c */
	{ "wake", NULL, 0, KEY_ELSEWHERE },
	{ "progress", NULL, 0, KEY_ELSEWHERE },
	{ "idle", NULL, 0, KEY_ELSEWHERE },
	/* list.c */
	{ "items", NULL, 0, KEY_ELSEWHERE },
	{ "id", NULL, 0, KEY_ELSEWHERE },
	{ "is", NULL, 0, KEY_ELSEWHERE },
	{ "max", NULL, 0, KEY_ELSEWHERE },
	{ "join", NULL, 0, KEY_ELSEWHERE },
	{ "next", NULL, 0, KEY_ELSEWHERE },
	{ "more", NULL, 0, KEY_ELSEWHERE },
	{ "missing", NULL, 0, KEY_ELSEWHERE },
	{ 0 }
};

#define IN(step) (1u << STEP_##step)
#define ALL ((1u << STEPS) - 1)

/* Keys that not every request has, with the requests that have them. */
static const struct {
	const char *key;
	unsigned steps;
	const char *words;
} ONLY[] = {
	{ "timeout", ALL & ~IN(EVENTS), "is not for events: a stream has no end, \"idle\" says how long it may be silent" },
	{ "redirects", ALL & ~IN(EVENTS), "is not for events" },
	{ "rules", ALL & ~IN(EVENTS), "is not for events: \"wake\" says which of them mean something" },
	{ "capture", IN(SUBMIT) | IN(POLL) | IN(FETCH), "is for submit, poll and fetch only" },
	{ "idempotency", IN(SUBMIT), "is for submit only" },
	{ "long_poll", IN(POLL), "is for poll only" },
	{ "every", IN(KEEPALIVE), "is for keepalive only" },
	{ "on", IN(ACK), "is for ack only" },
	{ "wake", IN(EVENTS), "is for events only" },
	{ "progress", IN(EVENTS), "is for events and for rules" },
	{ "idle", IN(EVENTS), "is for events only" },
	{ "items", IN(LIST), "is for polling.batch only" },
	{ "id", IN(LIST), "is for polling.batch only" },
	{ "is", IN(LIST), "is for polling.batch only" },
	{ "max", IN(LIST), "is for polling.batch only" },
	{ "join", IN(LIST), "is for polling.batch only" },
	{ "next", IN(LIST), "is for polling.batch only" },
	{ "more", IN(LIST), "is for polling.batch only" },
	{ "missing", IN(LIST), "is for polling.batch only" },
};

static int check_keys(const json_t *json, enum step step, const struct place *place, struct error *error)
{
	int first = 0;

	for (size_t i = 0; i < sizeof(ONLY) / sizeof(ONLY[0]); i++) {
		const struct place here = { .up = place, .key = ONLY[i].key };

		if (!json_object_get(json, ONLY[i].key) || (ONLY[i].steps & (1u << step)))
			continue;
		if (place_ends(place, place_fail(&here, error, "%s", ONLY[i].words), &first))
			break;
	}
	return first;
}

/* What a list request says of {page} and {ids} must fit its other keys: else it would never get to its end. */
static int check_list(const struct request *request, const struct place *place, struct error *error)
{
	const struct place next = { .up = place, .key = "next" };
	const char *page = json_string_value(json_object_get(request->names, "page"));
	const char *ids = json_string_value(json_object_get(request->names, "ids"));

	if (page && !captures_have(request->list->next, "page"))
		return place_fail_at(place, page, error, "{page} is used, but \"next\" has no \"page\"");
	if (!page && captures_have(request->list->next, "page"))
		return place_fail(&next, error, "\"page\" is taken, but no template uses {page}");
	if (ids && request->list->max == 0)
		return place_fail_at(place, ids, error, "{ids} is used, but \"max\" does not say how many");
	if (!ids && request->list->max > 0)
		return place_fail(place, error, "\"max\" is for requests with {ids}");
	return 0;
}

static int read_list(const json_t *json, struct request *request, const struct place *place, struct error *error)
{
	int r = list_read(json, request->answer_names, &request->list, place, error);

	if (r < 0)
		return r;
	/* They judge its items, not its answer. */
	request->list->rules = request->rules;
	request->rules = NULL;
	return 0;
}

/* What of a request's keys is for one step only. */
static int read_rest(const json_t *json, enum step step, struct request *request, const struct place *place,
    struct error *error)
{
	const struct place rules = { .up = place, .key = "rules" };

	if (request->rules_of_poll && step != STEP_SUBMIT)
		return place_fail(&rules, error, "only a submit can have the rules of poll");
	if (step == STEP_KEEPALIVE && !json_object_get(json, "every"))
		return place_fail(place, error, "\"every\" is missing");
	if (step == STEP_EVENTS)
		return events_read(json, &request->events, place, error);
	if (step == STEP_LIST)
		return read_list(json, request, place, error);
	return 0;
}

static const char *default_method(enum step step)
{
	switch (step) {
	case STEP_SUBMIT:
	case STEP_CANCEL:
	case STEP_KEEPALIVE:
		return "POST";
	case STEP_ACK:
		return "DELETE";
	default:
		return "GET";
	}
}

int request_read(const json_t *json, enum step step, struct request *ret, const struct place *place,
    struct error *error)
{
	int first = 0;

	*ret = (struct request){ .given = true, .method = default_method(step) };
	ret->names = json_object();
	ret->answer_names = json_object();
	ret->sets = json_object();
	if (!ret->names || !ret->answer_names || !ret->sets)
		return place_no_memory(error);
	for (size_t i = 0; step == STEP_ACK && i < ENDS_COUNT; i++)
		ret->ack_on |= 1u << ENDS[i].outcome;
	if (place_ends(place, check_keys(json, step, place, error), &first) ||
	    place_ends(place, keys_read(REQUEST_KEYS, json, ret, place, error), &first) || !json_is_object(json) ||
	    place_ends(place, read_rest(json, step, ret, place, error), &first))
		return first;
	return first == 0 && step == STEP_LIST ? check_list(ret, place, error) : first;
}

void request_done(struct request *request)
{
	list_free(request->list);
	events_free(request->events);
	rules_free(request->rules);
	captures_free(request->captures);
	json_decref(request->names);
	json_decref(request->answer_names);
	json_decref(request->sets);
	*request = (struct request){ 0 };
}
