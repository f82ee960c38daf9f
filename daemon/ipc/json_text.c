/* json_text.c - a document of a request as JSON text: the form in which it is stored and compiled. */
#include "daemon/ipc/json_text.h"

#include "proto/document.h"
#include "proto/fields.h"
#include "proto/limits.h"
#include "proto/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLACE_MAX 200           /* bytes of a place in an error message */

/* Where in the document the writer is: a list from the inside out, on the stack. */
struct place {
	const struct place *outer;
	struct slice key;            /* absent: an element of an array, or the document */
	uint32_t index;
};

struct writer {
	char *data;
	size_t len, size;
	const char *name;
	enum error_code refusal;     /* of what has no JSON form */
	struct error *error;
};

/* --- errors with a place --------------------------------------------------------------------------------- */

static size_t format_place(const struct writer *writer, const struct place *place, char *buffer)
{
	size_t len;

	if (!place->outer)
		return (size_t)snprintf(buffer, PLACE_MAX, "%.100s", writer->name);
	len = format_place(writer, place->outer, buffer);
	if (len >= PLACE_MAX - 1)
		return len;
	if (place->key.data)
		len += (size_t)snprintf(buffer + len, PLACE_MAX - len, ".%.*s",
		    (int)(place->key.len < PLACE_MAX ? place->key.len : PLACE_MAX), place->key.data);
	else
		len += (size_t)snprintf(buffer + len, PLACE_MAX - len, "[%" PRIu32 "]", place->index);
	return len < PLACE_MAX ? len : PLACE_MAX - 1;
}

static int refuse(const struct writer *writer, const struct place *place, const char *what)
{
	char where[PLACE_MAX];

	format_place(writer, place, where);
	return error_set(writer->error, writer->refusal, "%s: %s", where, what);
}

/* --- writing --------------------------------------------------------------------------------------------- */

static int put(struct writer *writer, const char *bytes, size_t len)
{
	size_t size = writer->size ? writer->size : 512;
	char *data;

	if (len > PROTO_SPEC_MAX - writer->len)
		return error_set(writer->error, ERROR_TOO_LARGE, "%s: more than %d bytes of JSON", writer->name,
		    PROTO_SPEC_MAX);
	while (size < writer->len + len + 1)
		size *= 2;
	if (size > writer->size) {
		data = realloc(writer->data, size);
		if (!data)
			return error_set(writer->error, ERROR_OUT_OF_MEMORY, "%s: no memory", writer->name);
		writer->data = data;
		writer->size = size;
	}
	memcpy(writer->data + writer->len, bytes, len);
	writer->len += len;
	writer->data[writer->len] = '\0';
	return 0;
}

static int put_text(struct writer *writer, const char *text)
{
	return put(writer, text, strlen(text));
}

static int put_escape(struct writer *writer, unsigned char c)
{
	static const char shorts[][2] = { { '"', '"' }, { '\\', '\\' }, { '\b', 'b' }, { '\f', 'f' }, { '\n', 'n' },
		{ '\r', 'r' }, { '\t', 't' } };
	char escape[8];

	for (size_t i = 0; i < sizeof(shorts) / sizeof(shorts[0]); i++) {
		if (shorts[i][0] == (char)c)
			return put(writer, (char[]){ '\\', shorts[i][1] }, 2);
	}
	snprintf(escape, sizeof(escape), "\\u%04x", c);
	return put_text(writer, escape);
}

/* A JSON string, escaped where it must be and nowhere else. */
static int put_string(struct writer *writer, const struct place *place, struct slice text)
{
	size_t start = 0;
	int r;

	if (utf8_valid_len(text.data, text.len) < text.len)
		return refuse(writer, place, "not valid UTF-8");
	if (memchr(text.data, '\0', text.len))
		return refuse(writer, place, "a NUL byte");
	r = put(writer, "\"", 1);
	for (size_t i = 0; r == 0 && i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		r = put(writer, text.data + start, i - start);
		if (r == 0)
			r = put_escape(writer, c);
		start = i + 1;
	}
	if (r == 0)
		r = put(writer, text.data + start, text.len - start);
	return r < 0 ? r : put(writer, "\"", 1);
}

/* The shortest of three precisions that reads back as the same number; with a point or an exponent, so that it
 * stays a float. */
static int put_float(struct writer *writer, const struct place *place, double value)
{
	char text[40];

	if (!isfinite(value))
		return refuse(writer, place, "JSON has no NaN and no infinity");
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	if (!strpbrk(text, ".e"))
		strcat(text, ".0");
	return put_text(writer, text);
}

static int put_value(struct writer *writer, const struct place *place, const msgpack_object *object);

static int put_map(struct writer *writer, const struct place *place, const msgpack_object_map *map)
{
	int r = put(writer, "{", 1);

	for (uint32_t i = 0; r == 0 && i < map->size; i++) {
		struct place inner = { .outer = place };

		if (!fields_bytes(&map->ptr[i].key, &inner.key))
			return refuse(writer, place, "a key that is not a string");
		if (i > 0)
			r = put(writer, ",", 1);
		if (r == 0)
			r = put_string(writer, &inner, inner.key);
		if (r == 0)
			r = put(writer, ":", 1);
		if (r == 0)
			r = put_value(writer, &inner, &map->ptr[i].val);
	}
	return r < 0 ? r : put(writer, "}", 1);
}

static int put_array(struct writer *writer, const struct place *place, const msgpack_object_array *array)
{
	int r = put(writer, "[", 1);

	for (uint32_t i = 0; r == 0 && i < array->size; i++) {
		struct place inner = { .outer = place, .index = i };

		if (i > 0)
			r = put(writer, ",", 1);
		if (r == 0)
			r = put_value(writer, &inner, &array->ptr[i]);
	}
	return r < 0 ? r : put(writer, "]", 1);
}

/* The depth is bounded by that of a message. */
static int put_value(struct writer *writer, const struct place *place, const msgpack_object *object)
{
	struct slice text;
	char number[32];

	switch (object->type) {
	case MSGPACK_OBJECT_NIL:
		return put_text(writer, "null");
	case MSGPACK_OBJECT_BOOLEAN:
		return put_text(writer, object->via.boolean ? "true" : "false");
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		snprintf(number, sizeof(number), "%" PRIu64, object->via.u64);
		return put_text(writer, number);
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		snprintf(number, sizeof(number), "%" PRId64, object->via.i64);
		return put_text(writer, number);
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return put_float(writer, place, object->via.f64);
	case MSGPACK_OBJECT_STR:
	case MSGPACK_OBJECT_BIN:
		fields_bytes(object, &text);
		return put_string(writer, place, text);
	case MSGPACK_OBJECT_ARRAY:
		return put_array(writer, place, &object->via.array);
	case MSGPACK_OBJECT_MAP:
		return put_map(writer, place, &object->via.map);
	case MSGPACK_OBJECT_EXT:
		break;
	}
	return refuse(writer, place, "an extension type has no JSON form");
}

/* Text that is JSON already, as its author says. */
static int put_given(struct writer *writer, const struct place *document, struct slice text)
{
	if (utf8_valid_len(text.data, text.len) < text.len)
		return refuse(writer, document, "not valid UTF-8");
	if (memchr(text.data, '\0', text.len))
		return refuse(writer, document, "a NUL byte");
	return put(writer, text.data, text.len);
}

/* What was written, or r and nothing. */
static int finish(struct writer *writer, int r, struct slice *ret)
{
	if (r < 0) {
		free(writer->data);
		return r;
	}
	*ret = (struct slice){ .data = writer->data, .len = writer->len };
	return 0;
}

int json_text_from(const msgpack_object *object, const char *name, struct slice *ret, struct error *error)
{
	struct writer writer = { .name = name, .refusal = ERROR_INVALID_SPEC, .error = error };
	struct place document = { 0 };
	struct slice text;
	int r;

	if (!object) {
		*ret = (struct slice){ 0 };
		return 0;
	}
	if (object->type == MSGPACK_OBJECT_MAP)
		r = put_map(&writer, &document, &object->via.map);
	else if (fields_bytes(object, &text))
		r = put_given(&writer, &document, text);
	else
		r = error_set(error, ERROR_INVALID_ARGUMENT, "%s: expected a map or JSON text, got %s", name,
		    fields_type_phrase(object));
	return finish(&writer, r, ret);
}

/* Whether the text is one JSON value. */
static int check_value(const struct writer *writer)
{
	struct pack unused;
	int r;

	pack_init(&unused, PROTO_MESSAGE_MAX);
	r = document_pack_value(&unused, writer->data);
	pack_done(&unused);
	if (r == -ENOMEM)
		return error_set(writer->error, ERROR_OUT_OF_MEMORY, "%s: no memory", writer->name);
	if (r < 0)
		return error_set(writer->error, writer->refusal,
		    "%s: text must be JSON (a JSON string has quotes of its own)", writer->name);
	return 0;
}

int json_text_value(const msgpack_object *object, const char *name, struct slice *ret, struct error *error)
{
	struct writer writer = { .name = name, .refusal = ERROR_INVALID_ARGUMENT, .error = error };
	struct place document = { 0 };
	struct slice text;
	int r;

	if (!fields_bytes(object, &text)) {
		r = put_value(&writer, &document, object);
	} else {
		r = put_given(&writer, &document, text);
		if (r == 0)
			r = check_value(&writer);
	}
	return finish(&writer, r, ret);
}
