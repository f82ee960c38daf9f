/* labels.c - the labels of a request as the store wants them. */
#include "daemon/ipc/labels.h"

#include "proto/fields.h"
#include "proto/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One side of a pair, as a text of its own. */
static int copy_text(const msgpack_object *object, const char *side, char **ret, struct error *error)
{
	struct slice text;

	if (!fields_bytes(object, &text))
		return error_set(error, ERROR_INVALID_ARGUMENT, "labels: a %s is %s, not a string", side,
		    fields_type_phrase(object));
	if (text.len > PROTO_LABEL_MAX)
		return error_set(error, ERROR_INVALID_ARGUMENT, "labels: a %s of %zu bytes (at most %d)", side,
		    text.len, PROTO_LABEL_MAX);
	if (utf8_valid_len(text.data, text.len) < text.len || memchr(text.data, '\0', text.len))
		return error_set(error, ERROR_INVALID_ARGUMENT, "labels: a %s is not text", side);
	*ret = strndup(text.data, text.len);
	return *ret ? 0 : error_set(error, ERROR_OUT_OF_MEMORY, "no memory for labels");
}

static int copy_pair(const msgpack_object_kv *pair, struct labels *labels, struct error *error)
{
	struct store_label *label = &labels->items[labels->count++];
	int r;

	r = copy_text(&pair->key, "name", &label->name, error);
	if (r == 0)
		r = copy_text(&pair->val, "value", &label->value, error);
	if (r == 0 && label->name[0] == '\0')
		r = error_set(error, ERROR_INVALID_ARGUMENT, "labels: an empty name");
	for (size_t i = 0; r == 0 && i + 1 < labels->count; i++) {
		if (strcmp(labels->items[i].name, label->name) == 0)
			r = error_set(error, ERROR_INVALID_ARGUMENT, "labels: %s: given twice", label->name);
	}
	return r;
}

int labels_read(const msgpack_object *map, struct labels *ret, struct error *error)
{
	struct labels labels = { 0 };
	uint32_t count;
	int r = 0;

	if (map && map->type != MSGPACK_OBJECT_MAP)
		return error_set(error, ERROR_INVALID_ARGUMENT, "labels: expected a map, got %s",
		    fields_type_phrase(map));
	count = map ? map->via.map.size : 0;
	if (count > PROTO_LABELS_MAX)
		return error_set(error, ERROR_INVALID_ARGUMENT, "labels: %u of them (at most %d)", count,
		    PROTO_LABELS_MAX);
	if (count > 0) {
		labels.items = calloc(count, sizeof(*labels.items));
		if (!labels.items)
			return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for labels");
	}
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = copy_pair(&map->via.map.ptr[i], &labels, error);
	if (r < 0) {
		labels_done(&labels);
		return r;
	}
	*ret = labels;
	return 0;
}

void labels_done(struct labels *labels)
{
	for (size_t i = 0; i < labels->count; i++) {
		free(labels->items[i].name);
		free(labels->items[i].value);
	}
	free(labels->items);
	*labels = (struct labels){ 0 };
}
