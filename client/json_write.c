/* json_write.c - msgpack to JSON text. */
#include "client/json.h"
#include "proto/fields.h"
#include "proto/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A growing text; the first failure sticks. */
struct json_writer {
	char *data;
	size_t len;
	size_t size;
	int error;
};

static void json_put(struct json_writer *out, const char *bytes, size_t len)
{
	size_t size = out->size;
	char *data;

	if (out->error)
		return;
	if (len > JSON_TEXT_MAX - out->len) {
		out->error = -EMSGSIZE;
		return;
	}
	while (size < out->len + len + 1)
		size = size ? size * 2 : 256;
	if (size > out->size) {
		data = realloc(out->data, size);
		if (!data) {
			out->error = -ENOMEM;
			return;
		}
		out->data = data;
		out->size = size;
	}
	memcpy(out->data + out->len, bytes, len);
	out->len += len;
	out->data[out->len] = '\0';
}

static void json_write_word(struct json_writer *out, const char *word)
{
	json_put(out, word, strlen(word));
}

/* A string of valid UTF-8, in quotes. */
static void json_write_string(struct json_writer *out, struct slice text)
{
	static const char names[] = "\"\\bfnrt", values[] = "\"\\\b\f\n\r\t";
	size_t from = 0;

	json_put(out, "\"", 1);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		const char *found = c ? strchr(values, c) : NULL;
		char escape[8];

		if (!found && c >= 0x20)
			continue;
		json_put(out, text.data + from, i - from);
		from = i + 1;
		if (found)
			snprintf(escape, sizeof(escape), "\\%c", names[found - values]);
		else
			snprintf(escape, sizeof(escape), "\\u%04x", c);
		json_write_word(out, escape);
	}
	json_put(out, text.data + from, text.len - from);
	json_put(out, "\"", 1);
}

static void json_write_base64(struct json_writer *out, struct slice bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *data = (const unsigned char *)bytes.data;

	json_write_word(out, "{\"base64\":\"");
	for (size_t i = 0; i < bytes.len; i += 3) {
		size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
		uint32_t second = n > 1 ? data[i + 1] : 0, third = n > 2 ? data[i + 2] : 0;
		uint32_t group = (uint32_t)data[i] << 16 | second << 8 | third;
		char quad[4] = {
			digits[group >> 18], digits[group >> 12 & 63],
			n > 1 ? digits[group >> 6 & 63] : '=', n > 2 ? digits[group & 63] : '=',
		};

		json_put(out, quad, sizeof(quad));
	}
	json_write_word(out, "\"}");
}

static void json_write_bytes(struct json_writer *out, struct slice bytes)
{
	if (utf8_valid_len(bytes.data, bytes.len) == bytes.len)
		json_write_string(out, bytes);
	else
		json_write_base64(out, bytes);
}

/* The shortest of 15 or 17 digits that reads back the same, with a point whatever the program's locale writes. */
static void json_write_double(struct json_writer *out, double value)
{
	char text[40], *point;
	size_t skip;

	if (!isfinite(value)) {
		json_write_word(out, "null");
		return;
	}
	snprintf(text, sizeof(text), "%.15g", value);
	if (strtod(text, NULL) != value)
		snprintf(text, sizeof(text), "%.17g", value);
	point = text + strspn(text, "-0123456789");
	skip = strcspn(point, "e0123456789");
	if (*point && *point != 'e') {
		*point = '.';
		memmove(point + 1, point + skip, strlen(point + skip) + 1);
	}
	json_write_word(out, text);
}

static void json_write_value(struct json_writer *out, const msgpack_object *object);

/* JSON has only strings for keys; what is none there is written as the string that shows it. */
static void json_write_key(struct json_writer *out, const msgpack_object *key)
{
	struct slice bytes;
	char *text = NULL;

	if (fields_bytes(key, &bytes) && utf8_valid_len(bytes.data, bytes.len) == bytes.len) {
		json_write_string(out, bytes);
		return;
	}
	if (!out->error)
		out->error = json_write_text(key, &text);
	if (out->error)
		return;
	json_write_string(out, slice_from_str(text));
	free(text);
}

static void json_write_map(struct json_writer *out, const msgpack_object_map *map)
{
	json_put(out, "{", 1);
	for (uint32_t i = 0; i < map->size; i++) {
		if (i > 0)
			json_put(out, ",", 1);
		json_write_key(out, &map->ptr[i].key);
		json_put(out, ":", 1);
		json_write_value(out, &map->ptr[i].val);
	}
	json_put(out, "}", 1);
}

static void json_write_array(struct json_writer *out, const msgpack_object_array *array)
{
	json_put(out, "[", 1);
	for (uint32_t i = 0; i < array->size; i++) {
		if (i > 0)
			json_put(out, ",", 1);
		json_write_value(out, &array->ptr[i]);
	}
	json_put(out, "]", 1);
}

/* The scanner has bounded the depth of what is recursed into here. */
static void json_write_value(struct json_writer *out, const msgpack_object *object)
{
	struct slice bytes;
	char number[32];

	if (fields_bytes(object, &bytes)) {
		json_write_bytes(out, bytes);
		return;
	}
	switch (object->type) {
	case MSGPACK_OBJECT_BOOLEAN:
		json_write_word(out, object->via.boolean ? "true" : "false");
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		snprintf(number, sizeof(number), "%" PRIu64, object->via.u64);
		json_write_word(out, number);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		snprintf(number, sizeof(number), "%" PRId64, object->via.i64);
		json_write_word(out, number);
		break;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		json_write_double(out, object->via.f64);
		break;
	case MSGPACK_OBJECT_ARRAY:
		json_write_array(out, &object->via.array);
		break;
	case MSGPACK_OBJECT_MAP:
		json_write_map(out, &object->via.map);
		break;
	default:
		json_write_word(out, "null");
		break;
	}
}

int json_write_text(const msgpack_object *object, char **ret)
{
	struct json_writer out = { 0 };

	json_write_value(&out, object);
	if (out.error) {
		free(out.data);
		return out.error;
	}
	*ret = out.data;
	return 0;
}
