/* capture.c - takes values out of responses, to be used by later templates. */
#include "daemon/remote/capture.h"
#include "daemon/remote/answer.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/template.h"
#include "proto/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct capture {
	const char *name;
	const char *header;            /* NULL: from the body */
	const char *body;
	size_t pointer;
};

struct captures {
	struct pointer_set pointers;
	size_t count;
	struct capture *items;
};

static const struct key CAPTURE_KEYS[] = {
	{ "body", key_string, offsetof(struct capture, body), KEY_PLAIN },
	{ "header", key_string, offsetof(struct capture, header), KEY_PLAIN },
	{ 0 }
};

static int read_one(struct captures *captures, const char *name, const json_t *json, const struct place *place,
    struct error *error)
{
	struct capture *capture = &captures->items[captures->count++];
	int r;

	capture->name = name;
	if (!template_name_valid(name))
		return place_fail(place, error, "is not a name for a value");
	for (size_t i = 0; template_builtins[i]; i++)
		if (strcmp(name, template_builtins[i]) == 0)
			return place_fail(place, error, "\"%s\" is a built-in value", name);
	r = keys_read(CAPTURE_KEYS, json, capture, place, error);
	if (r < 0)
		return r;
	if (!capture->body == !capture->header)
		return place_fail(place, error, "must have one of \"body\" and \"header\"");
	if (!capture->body)
		return 0;
	return pointer_set_read(&captures->pointers, capture->body, &capture->pointer, place, error);
}

int captures_read(const json_t *json, struct captures **ret, const struct place *place, struct error *error)
{
	struct captures *captures;
	const char *name;
	json_t *value;
	int r = 0;

	if (!json_is_object(json))
		return place_fail(place, error, "must be an object of names");
	if (json_object_size(json) > REMOTE_CAPTURES_MAX)
		return place_fail(place, error, "more than %d captures", REMOTE_CAPTURES_MAX);
	captures = calloc(1, sizeof(*captures));
	if (!captures)
		return place_no_memory(error);
	captures->items = calloc(json_object_size(json) + 1, sizeof(*captures->items));
	if (!captures->items)
		r = place_no_memory(error);
	json_object_foreach((json_t *)json, name, value) {
		const struct place here = { .up = place, .key = name };

		if (r == 0)
			r = read_one(captures, name, value, &here, error);
	}
	if (r < 0) {
		captures_free(captures);
		return r;
	}
	*ret = captures;
	return 0;
}

struct captures *captures_free(struct captures *captures)
{
	if (!captures)
		return NULL;
	pointer_set_done(&captures->pointers);
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

/* The value of a slice of JSON. 0 with *ret NULL: null, or text that is not UTF-8. */
static int decode(struct slice value, json_t **ret)
{
	char *text;
	size_t len;
	int r;

	*ret = NULL;
	if (value.data[0] == '"') {
		r = json_string_decode(value, &text, &len);
		if (r < 0)
			return r;
		*ret = json_stringn_nocheck(text, len);
		free(text);
		return *ret ? 0 : -ENOMEM;
	}
	r = json_value_decode(value, ret);
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

/* A whole body that is not JSON, or a header, as text; NULL in *ret when it is none. */
static int plain_text(struct slice text, json_t **ret)
{
	*ret = NULL;
	while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
		text.len--;
	if (!text.data || text.len == 0 || utf8_valid_len(text.data, text.len) < text.len)
		return 0;
	*ret = json_stringn_nocheck(text.data, text.len);
	return *ret ? 0 : -ENOMEM;
}

static int take_one(const struct capture *capture, struct answer *answer, json_t **ret)
{
	const struct http_response *response = answer->response;
	struct slice value;

	*ret = NULL;
	if (capture->header)
		return plain_text(slice_from_str(http_header_find(response->headers, response->n_headers,
		    capture->header)), ret);
	if (!answer_is_json(answer) && *capture->body == '\0')
		value = answer_body(answer);
	else
		value = answer_found(answer)[capture->pointer];
	if (!value.data)
		return 0;
	if (value.len > REMOTE_CAPTURED_MAX)
		return -EMSGSIZE;
	return answer_is_json(answer) ? decode(value, ret) : plain_text(value, ret);
}

int captures_take(const struct captures *captures, const struct http_response *response, const json_t *old,
    json_t **ret, const char **ret_missing)
{
	json_t *all = old ? json_copy((json_t *)old) : json_object(), *value;
	const char *missing = NULL;
	struct answer answer;
	int r = all ? 0 : -ENOMEM;

	answer_init(&answer, response, &captures->pointers);
	for (size_t i = 0; r == 0 && i < captures->count; i++) {
		const struct capture *capture = &captures->items[i];

		r = take_one(capture, &answer, &value);
		if (r == 0 && value && json_object_set_new(all, capture->name, value) < 0)
			r = -ENOMEM;
		if (r == 0 && !value && !missing && !json_object_get(all, capture->name))
			missing = capture->name;
	}
	if (r == 0 && json_dumpb(all, NULL, 0, JSON_COMPACT) > REMOTE_CAPTURED_MAX)
		r = -EMSGSIZE;
	if (r < 0) {
		json_decref(all);
		return r;
	}
	*ret = all;
	*ret_missing = missing;
	return 0;
}
