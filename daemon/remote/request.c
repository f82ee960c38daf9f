/* request.c - one request of a spec: submit, poll or cancel. */
#include "daemon/remote/request.h"
#include "daemon/remote/base64.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"
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
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_headers(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct request *request = field;

	request->headers = json;
	return request_read_headers(json, request->names, place, error);
}

/* An object of scalars and arrays of scalars: a query, or a form. */
static int check_fields(const json_t *json, const struct place *place, struct error *error)
{
	const char *name;
	json_t *value, *item;
	size_t i;

	if (!json_is_object(json))
		return place_fail(place, error, "must be an object");
	if (json_object_size(json) > REMOTE_LIST_MAX)
		return place_fail(place, error, "more than %d members", REMOTE_LIST_MAX);
	json_object_foreach((json_t *)json, name, value) {
		const struct place here = { .up = place, .key = name };

		if (json_is_object(value) || json_is_null(value))
			return place_fail(&here, error, "must be a string, number, true, false or a list of these");
		json_array_foreach(value, i, item) {
			const struct place element = { .up = &here, .index = i };

			if (json_is_object(item) || json_is_array(item) || json_is_null(item))
				return place_fail(&element, error, "must be a string, number, true or false");
		}
	}
	return 0;
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
	char name[REMOTE_NAME_MAX + 1];
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

static int read_rules(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct request *request = field;

	if (json_is_string(json) && strcmp(json_string_value(json), "poll") == 0) {
		request->rules_of_poll = true;
		return 0;
	}
	return rules_read(json, request->answer_names, &request->rules, place, error);
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
	{ "rules", read_rules, 0, KEY_PLAIN },
	{ "capture", read_capture, 0, KEY_PLAIN },
	{ "idempotency", read_idempotency, 0, KEY_PLAIN },
	{ 0 }
};

int request_read(const json_t *json, enum step step, struct request *ret, const struct place *place,
    struct error *error)
{
	const struct place rules = { .up = place, .key = "rules" };
	const struct place idempotency = { .up = place, .key = "idempotency" };
	int r;

	*ret = (struct request){ .given = true, .method = step == STEP_POLL ? "GET" : "POST" };
	ret->names = json_object();
	ret->answer_names = json_object();
	if (!ret->names || !ret->answer_names)
		return place_no_memory(error);
	r = keys_read(REQUEST_KEYS, json, ret, place, error);
	if (r < 0)
		return r;
	if (ret->rules_of_poll && step != STEP_SUBMIT)
		return place_fail(&rules, error, "only a submit can have the rules of poll");
	if (ret->idempotency && step != STEP_SUBMIT)
		return place_fail(&idempotency, error, "is for submit only");
	return 0;
}

void request_done(struct request *request)
{
	rules_free(request->rules);
	captures_free(request->captures);
	json_decref(request->names);
	json_decref(request->answer_names);
	*request = (struct request){ 0 };
}
