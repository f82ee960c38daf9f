/* capture.c - takes values out of responses, to be used by later templates. */
#include "config.h"

#include "daemon/remote/capture.h"
#include "daemon/remote/answer.h"
#include "daemon/remote/filling.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"
#include "proto/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct capture {
	const char *name;
	const char *header;            /* NULL: from the body */
	const char *body;
	size_t pointer;
	const char *after;             /* NULL: from the start */
	const char *before;            /* NULL: the end */
	bool unfilled;                 /* a template has no value: there is nothing to take */
};

struct captures {
	struct pointer_set pointers;
	size_t count;
	struct capture *items;
	const json_t *json;
	json_t *kept;                  /* owned: texts that were filled, or NULL */
	bool templates;
};

static const struct key CAPTURE_KEYS[] = {
	{ "body", key_string, offsetof(struct capture, body), KEY_PLAIN },
	{ "header", key_string, offsetof(struct capture, header), KEY_PLAIN },
	{ "after", key_string, offsetof(struct capture, after), KEY_PLAIN },
	{ "before", key_string, offsetof(struct capture, before), KEY_PLAIN },
	{ 0 }
};

/* Check or fill a text that may not be given. */
static int fill_text(struct filling *filling, const char **text, const char *key, enum template_form form,
    const struct place *place, struct error *error)
{
	const struct place here = { .up = place, .key = key };
	bool open;

	return *text ? filling_text(filling, *text, form, text, &open, &here, error) : 0;
}

static int read_one(struct captures *captures, struct filling *filling, const char *name, const json_t *json,
    const struct place *place, struct error *error)
{
	struct capture *capture = &captures->items[captures->count - 1];
	int r = template_check_name(name, place, error);

	if (r == 0)
		r = keys_read(CAPTURE_KEYS, json, capture, place, error);
	if (r == 0 && !capture->body == !capture->header)
		r = place_fail(place, error, "must have one of \"body\" and \"header\"");
	if (r == 0)
		r = fill_text(filling, &capture->body, "body", TEMPLATE_POINTER, place, error);
	if (r == 0)
		r = fill_text(filling, &capture->after, "after", TEMPLATE_PLAIN, place, error);
	if (r == 0)
		r = fill_text(filling, &capture->before, "before", TEMPLATE_PLAIN, place, error);
	if (r < 0 || !capture->body)
		return r;
	return pointer_set_read(&captures->pointers, capture->body, &capture->pointer, place, error);
}

/* Compile one source of a name. With values, one that lacks a value is left out, and only memory can fail. */
static int add_source(struct captures *captures, struct filling *filling, const char *name, const json_t *json,
    const struct place *place, struct error *error)
{
	int r;

	if (captures->count == REMOTE_CAPTURES_MAX)
		return place_fail(place, error, "more than %d captures", REMOTE_CAPTURES_MAX);
	captures->items[captures->count++] = (struct capture){ .name = name };
	r = read_one(captures, filling, name, json, place, error);
	if (r < 0 && r != -ENOMEM && filling->values) {
		captures->items[captures->count - 1].unfilled = true;
		r = 0;
	}
	return r;
}

/* A source, or a list of them in the order they are looked at. */
static int add_sources(struct captures *captures, struct filling *filling, const char *name, const json_t *json,
    const struct place *place, struct error *error)
{
	json_t *source;
	size_t i;
	int r = 0;

	if (!json_is_array(json))
		return add_source(captures, filling, name, json, place, error);
	if (json_array_size(json) == 0)
		return place_fail(place, error, "must have a source");
	json_array_foreach((json_t *)json, i, source) {
		const struct place here = { .up = place, .index = i };

		if (r == 0)
			r = add_source(captures, filling, name, source, &here, error);
	}
	return r;
}

/* Compile the captures of json. */
static int compile(const json_t *json, struct filling *filling, struct captures **ret, const struct place *place,
    struct error *error)
{
	struct captures *captures = calloc(1, sizeof(*captures));
	const char *name;
	json_t *value;
	int r = 0, first = 0;

	if (!captures)
		return place_no_memory(error);
	captures->json = json;
	captures->items = calloc(REMOTE_CAPTURES_MAX, sizeof(*captures->items));
	if (!captures->items)
		r = place_no_memory(error);
	json_object_foreach((json_t *)json, name, value) {
		const struct place here = { .up = place, .key = name };

		if (place_ends(place, r < 0 ? r : add_sources(captures, filling, name, value, &here, error), &first))
			break;
	}
	r = r < 0 ? r : first;
	captures->kept = filling->kept;
	captures->templates = filling->templates;
	if (r < 0) {
		captures_free(captures);
		return r;
	}
	*ret = captures;
	return 0;
}

int captures_read(const json_t *json, json_t *names, struct captures **ret, const struct place *place,
    struct error *error)
{
	struct filling filling = { .names = names };

	if (!json_is_object(json))
		return place_fail(place, error, "must be an object of names");
	return compile(json, &filling, ret, place, error);
}

struct captures *captures_free(struct captures *captures)
{
	if (!captures)
		return NULL;
	pointer_set_done(&captures->pointers);
	json_decref(captures->kept);
	free(captures->items);
	free(captures);
	return NULL;
}

const char *captures_name(const struct captures *captures, size_t i)
{
	return captures && i < captures->count ? captures->items[i].name : NULL;
}

bool captures_have(const struct captures *captures, const char *name)
{
	const char *other;

	for (size_t i = 0; (other = captures_name(captures, i)); i++)
		if (strcmp(other, name) == 0)
			return true;
	return false;
}

bool captures_need_values(const struct captures *captures)
{
	return captures && captures->templates;
}

static int take_string(struct slice value, json_t **ret)
{
	char *text;
	size_t len;
	int r = json_string_decode(value, &text, &len);

	if (r < 0)
		return r;
	*ret = json_stringn_nocheck(text, len);
	free(text);
	return *ret ? 0 : -ENOMEM;
}

static int take_part(struct slice value, json_t **ret);

static int take_member(json_t *object, struct slice key, struct slice value)
{
	json_t *member;
	char *text;
	size_t len;
	int r = json_string_decode(key, &text, &len);

	if (r == 0)
		r = take_part(value, &member);
	else
		text = NULL;
	/* No name of a member has a NUL in jansson. */
	if (r == 0 && strlen(text) < len) {
		json_decref(member);
		r = -ERANGE;
	}
	if (r == 0 && json_object_set_new_nocheck(object, text, member) < 0)
		r = -ENOMEM;
	free(text);
	return r;
}

/* A value in which something is more than jansson can hold: a number like that is its text, the rest is as it is. */
static int take_part(struct slice value, json_t **ret)
{
	bool array = value.data[0] == '[';
	json_t *whole, *element;
	struct slice key, part;
	size_t at = 0;
	int r;

	if (value.data[0] == '"')
		return take_string(value, ret);
	if (!array && value.data[0] != '{') {
		r = json_value_decode(value, ret);
		if (r == -ERANGE && (*ret = json_stringn(value.data, value.len)))
			r = 0;
		return r == -ERANGE ? -ENOMEM : r;
	}
	whole = array ? json_array() : json_object();
	r = whole ? 0 : -ENOMEM;
	while (r == 0 && array && json_array_next(value, &at, &part)) {
		r = take_part(part, &element);
		if (r == 0 && json_array_append_new(whole, element) < 0)
			r = -ENOMEM;
	}
	while (r == 0 && !array && json_object_next(value, &at, &key, &part))
		r = take_member(whole, key, part);
	if (r < 0)
		json_decref(whole);
	else
		*ret = whole;
	return r;
}

int capture_json(struct slice value, json_t **ret)
{
	int r;

	*ret = NULL;
	r = value.data[0] == '"' ? take_string(value, ret) : json_value_decode(value, ret);
	if (r == -ERANGE)
		r = take_part(value, ret);
	if (r == -ERANGE) {
		*ret = json_stringn(value.data, value.len);
		return *ret ? 0 : -ENOMEM;
	}
	if (r == 0 && json_is_null(*ret)) {
		json_decref(*ret);
		*ret = NULL;
	}
	return r;
}

int capture_text(struct slice text, size_t max, json_t **ret)
{
	*ret = NULL;
	while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
		text.len--;
	if (text.len > max)
		return -EMSGSIZE;
	if (!text.data || text.len == 0 || utf8_valid_len(text.data, text.len) < text.len)
		return 0;
	*ret = json_stringn_nocheck(text.data, text.len);
	return *ret ? 0 : -ENOMEM;
}

/* The part of a text that a capture is about; absent when there is no `after` in it, or no `before` behind that. */
static struct slice part(const struct capture *capture, struct slice text)
{
	const char *end = text.data + text.len, *found;

	if (capture->after) {
		found = memmem(text.data, text.len, capture->after, strlen(capture->after));
		if (!found)
			return (struct slice){ 0 };
		text.data = found + strlen(capture->after);
		text.len = (size_t)(end - text.data);
	}
	if (capture->before) {
		found = memmem(text.data, text.len, capture->before, strlen(capture->before));
		if (!found)
			return (struct slice){ 0 };
		text.len = (size_t)(found - text.data);
	}
	return text;
}

/* A part of a JSON value: of a string's text, of any other value as it was received. */
static int take_json_part(const struct capture *capture, struct slice value, json_t **ret)
{
	char *text;
	size_t len;
	int r = json_string_decode(value, &text, &len);

	if (r == -EINVAL)
		return capture_text(part(capture, value), REMOTE_CAPTURED_MAX, ret);
	if (r < 0)
		return r;
	r = capture_text(part(capture, (struct slice){ text, len }), REMOTE_CAPTURED_MAX, ret);
	free(text);
	return r;
}

static int take_one(const struct capture *capture, struct answer *answer, json_t **ret)
{
	const struct http_response *response = answer->response;
	bool json;
	struct slice value;

	*ret = NULL;
	if (capture->unfilled)
		return 0;
	json = !capture->header && answer_is_json(answer);
	if (capture->header)
		value = slice_from_str(http_header_find(response->headers, response->n_headers, capture->header));
	else if (!json && *capture->body == '\0')
		value = answer_body(answer);
	else
		value = answer_found(answer)[capture->pointer];
	if (!value.data)
		return 0;
	if (!json)
		return capture_text(part(capture, value), REMOTE_CAPTURED_MAX, ret);
	if (capture->after || capture->before)
		return take_json_part(capture, value, ret);
	return value.len > REMOTE_CAPTURED_MAX ? -EMSGSIZE : capture_json(value, ret);
}

/* Take what is there into fresh: of each name, from its first source that has something. */
static int take_all(const struct captures *captures, const struct http_response *response, json_t *fresh)
{
	struct answer answer;

	answer_init(&answer, response, &captures->pointers);
	for (size_t i = 0; i < captures->count; i++) {
		const struct capture *capture = &captures->items[i];
		json_t *value;
		int r;

		if (json_object_get(fresh, capture->name))
			continue;
		r = take_one(capture, &answer, &value);
		if (r < 0)
			return r;
		if (value && json_object_set_new(fresh, capture->name, value) < 0)
			return -ENOMEM;
	}
	return 0;
}

int captures_take(const struct captures *captures, const struct http_response *response,
    const struct values *values, json_t **ret)
{
	const json_t *old = values ? values->captured : NULL;
	static const struct values nothing = { 0 };
	struct filling filling = { .values = values ? values : &nothing };
	struct captures *filled = NULL;
	struct error error;
	json_t *all = old ? json_copy((json_t *)old) : json_object(), *fresh = json_object();
	int r = all && fresh ? 0 : -ENOMEM;

	if (r == 0 && captures->templates)
		r = compile(captures->json, &filling, &filled, NULL, &error) < 0 ? -ENOMEM : 0;
	if (r == 0)
		r = take_all(filled ? filled : captures, response, fresh);
	if (r == 0 && json_object_update(all, fresh) < 0)
		r = -ENOMEM;
	if (r == 0 && values_size(all) > REMOTE_CAPTURED_MAX)
		r = -EMSGSIZE;
	captures_free(filled);
	json_decref(fresh);
	if (r < 0) {
		json_decref(all);
		return r;
	}
	*ret = all;
	return 0;
}
