/* fields.c - reads and writes a msgpack map through a const table of its keys. */
#include "proto/fields.h"

#include "proto/utf8.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USEC_PER_SEC 1000000

/* How much of a peer's own text an error repeats, in bytes. */
#define QUOTE_MAX 64

/* --- names of types ------------------------------------------------------------------------- */

static const char *const type_phrases[] = {
	[MSGPACK_OBJECT_NIL] = "nil",
	[MSGPACK_OBJECT_BOOLEAN] = "a boolean",
	[MSGPACK_OBJECT_POSITIVE_INTEGER] = "an integer",
	[MSGPACK_OBJECT_NEGATIVE_INTEGER] = "an integer",
	[MSGPACK_OBJECT_FLOAT64] = "a float",
	[MSGPACK_OBJECT_FLOAT32] = "a float",
	[MSGPACK_OBJECT_STR] = "a string",
	[MSGPACK_OBJECT_BIN] = "a binary",
	[MSGPACK_OBJECT_ARRAY] = "an array",
	[MSGPACK_OBJECT_MAP] = "a map",
	[MSGPACK_OBJECT_EXT] = "an extension",
};

const char *fields_type_phrase(const msgpack_object *object)
{
	unsigned type = (unsigned)object->type;

	if (type >= sizeof(type_phrases) / sizeof(type_phrases[0]) || !type_phrases[type])
		return "something unknown";
	return type_phrases[type];
}

/* --- reading one value ----------------------------------------------------------------------
 * Each reader puts the value of the key name at member, which is zero before, or returns the errno
 * of error, whose message starts with that name. */

static int refuse_type(const char *name, struct error *error, const char *expected, const msgpack_object *came)
{
	return error_set(error, ERROR_INVALID_ARGUMENT, "%s: expected %s, got %s", name, expected,
	    fields_type_phrase(came));
}

bool fields_bytes(const msgpack_object *object, struct slice *ret)
{
	const char *data;
	size_t len;

	if (object->type == MSGPACK_OBJECT_STR) {
		data = object->via.str.ptr;
		len = object->via.str.size;
	} else if (object->type == MSGPACK_OBJECT_BIN) {
		data = object->via.bin.ptr;
		len = object->via.bin.size;
	} else {
		return false;
	}
	*ret = (struct slice){ .data = data ? data : "", .len = len };
	return true;
}

static int read_text(const char *name, const msgpack_object *object, void *member, struct error *error)
{
	struct slice text;
	const char *nul;
	size_t valid;

	if (!fields_bytes(object, &text))
		return refuse_type(name, error, "a string", object);
	valid = utf8_valid_len(text.data, text.len);
	if (valid < text.len)
		return error_set(error, ERROR_INVALID_ARGUMENT, "%s: not valid UTF-8 at byte %zu", name, valid);
	nul = memchr(text.data, '\0', text.len);
	if (nul)
		return error_set(error, ERROR_INVALID_ARGUMENT, "%s: a NUL at byte %zu", name,
		    (size_t)(nul - text.data));
	*(struct slice *)member = text;
	return 0;
}

static int read_bytes(const char *name, const msgpack_object *object, void *member, struct error *error)
{
	return fields_bytes(object, member) ? 0 : refuse_type(name, error, "a binary or a string", object);
}

static int read_u64(const char *name, const msgpack_object *object, void *member, struct error *error)
{
	if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
		return error_set(error, ERROR_INVALID_ARGUMENT, "%s: expected an integer of at least 0, got %" PRId64,
		    name, object->via.i64);
	if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return refuse_type(name, error, "an integer", object);
	*(struct maybe_u64 *)member = (struct maybe_u64){ .set = true, .value = object->via.u64 };
	return 0;
}

static int read_i64(const char *name, const msgpack_object *object, void *member, struct error *error)
{
	uint64_t value;

	if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
		value = (uint64_t)object->via.i64;
	else if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
		value = object->via.u64;
	else
		return refuse_type(name, error, "an integer", object);
	if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && value > INT64_MAX)
		return error_set(error, ERROR_INVALID_ARGUMENT, "%s: expected an integer of at most %" PRId64 ", got %" PRIu64,
		    name, INT64_MAX, value);
	*(struct maybe_u64 *)member = (struct maybe_u64){ .set = true, .value = value };
	return 0;
}

static int read_bool(const char *name, const msgpack_object *object, void *member, struct error *error)
{
	if (object->type != MSGPACK_OBJECT_BOOLEAN)
		return refuse_type(name, error, "true or false", object);
	*(bool *)member = object->via.boolean;
	return 0;
}

static int read_span(const char *name, const msgpack_object *object, void *member, struct error *error)
{
	struct span *span = member;
	double seconds;

	switch (object->type) {
	case MSGPACK_OBJECT_NIL:
		span->kind = SPAN_NULL;
		return 0;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		seconds = (double)object->via.u64;
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		seconds = (double)object->via.i64;
		break;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		seconds = object->via.f64;
		break;
	default:
		return refuse_type(name, error, "seconds (a number or nil)", object);
	}
	/* Written so that a NaN, which compares false with everything, is refused too. */
	if (!(seconds >= 0 && seconds <= PROTO_TIMEOUT_MAX))
		return error_set(error, ERROR_INVALID_ARGUMENT, "%s: expected seconds from 0 to %.0f, got %.15g", name,
		    PROTO_TIMEOUT_MAX, seconds);
	span->kind = SPAN_SET;
	span->usec = (uint64_t)(seconds * USEC_PER_SEC + 0.5);
	if (span->usec == 0 && seconds > 0)
		span->usec = 1; /* 0 has a meaning of its own: do not wait at all */
	return 0;
}

static int read_id(const char *name, const msgpack_object *object, void *member, struct error *error)
{
	struct slice text;
	struct id *id = member;

	if (object->type == MSGPACK_OBJECT_BIN && object->via.bin.size == ID_BYTES) {
		memcpy(id->bytes, object->via.bin.ptr, ID_BYTES);
		return 0;
	}
	if (!fields_bytes(object, &text))
		return refuse_type(name, error, "an id (36 characters)", object);
	if (id_parse(text.data, text.len, id) < 0)
		return error_set(error, ERROR_INVALID_ARGUMENT, "%s: expected an id (36 characters), got \"%.*s\"", name,
		    (int)(text.len < QUOTE_MAX ? text.len : QUOTE_MAX), text.data);
	return 0;
}

static int read_ids(const char *name, const msgpack_object *object, void *member, struct error *error)
{
	struct id_list *list = member;
	const msgpack_object_array *array = &object->via.array;
	struct id *ids;

	if (object->type != MSGPACK_OBJECT_ARRAY)
		return refuse_type(name, error, "an array of ids", object);
	if (array->size > PROTO_WAIT_IDS_MAX)
		return error_set(error, ERROR_INVALID_ARGUMENT, "%s: expected at most %d ids, got %" PRIu32, name,
		    PROTO_WAIT_IDS_MAX, array->size);
	ids = calloc(array->size ? array->size : 1, sizeof(*ids));
	if (!ids)
		return error_set(error, ERROR_OUT_OF_MEMORY, "%s: no memory for %" PRIu32 " ids", name, array->size);
	for (uint32_t i = 0; i < array->size; i++) {
		char element[QUOTE_MAX];
		int r;

		snprintf(element, sizeof(element), "%s[%" PRIu32 "]", name, i);
		r = read_id(element, &array->ptr[i], &ids[i], error);
		if (r < 0) {
			free(ids);
			return r;
		}
	}
	*list = (struct id_list){ .ids = ids, .count = array->size };
	return 0;
}

static int read_any(const char *name, const msgpack_object *object, void *member, struct error *error)
{
	*(const msgpack_object **)member = object;
	return 0;
}

/* --- the types ------------------------------------------------------------------------------ */

struct type {
	size_t size;
	int (*read)(const char *name, const msgpack_object *object, void *member, struct error *error);
};

static const struct type types[] = {
	[FIELD_TEXT] = { sizeof(struct slice), read_text },
	[FIELD_BYTES] = { sizeof(struct slice), read_bytes },
	[FIELD_U64] = { sizeof(struct maybe_u64), read_u64 },
	[FIELD_I64] = { sizeof(struct maybe_u64), read_i64 },
	[FIELD_BOOL] = { sizeof(bool), read_bool },
	[FIELD_SPAN] = { sizeof(struct span), read_span },
	[FIELD_ID] = { sizeof(struct id), read_id },
	[FIELD_IDS] = { sizeof(struct id_list), read_ids },
	[FIELD_ANY] = { sizeof(const msgpack_object *), read_any },
};

static void *member_of(void *structure, const struct field *field)
{
	return (char *)structure + field->offset;
}

static const void *member_of_const(const void *structure, const struct field *field)
{
	return (const char *)structure + field->offset;
}

/* --- reading a map -------------------------------------------------------------------------- */

static int refuse_unknown(struct error *error, const struct field *table, struct slice key)
{
	const char *names[FIELDS_MAX + 1], *nearest;
	int shown = (int)(key.len < QUOTE_MAX ? key.len : QUOTE_MAX);
	size_t n = 0;

	for (const struct field *field = table; field->name; field++) {
		assert(n < FIELDS_MAX);
		names[n++] = field->name;
	}
	names[n] = NULL;
	nearest = error_nearest(key.data, key.len, names);
	if (nearest)
		return error_set(error, ERROR_INVALID_ARGUMENT, "unknown key \"%.*s\" (did you mean \"%s\"?)",
		    shown, key.data, nearest);
	return error_set(error, ERROR_INVALID_ARGUMENT, "unknown key \"%.*s\"", shown, key.data);
}

/* The row for key, or NULL. */
static const struct field *field_find(const struct field *table, struct slice key)
{
	for (; table->name; table++)
		if (slice_equals(key, table->name))
			return table;
	return NULL;
}

/* A bit for each row of the table. */
struct rows {
	uint64_t seen;       /* the key came */
	uint64_t given;      /* with a value */
};

static int read_pair(const msgpack_object_kv *pair, const struct field *table, enum fields_unknown unknown,
    struct rows *rows, void *ret, struct error *error)
{
	const struct field *field;
	struct slice key;
	uint64_t bit;

	if (!fields_bytes(&pair->key, &key))
		return refuse_type("key", error, "a string", &pair->key);
	field = field_find(table, key);
	if (!field)
		return unknown == FIELDS_IGNORE_UNKNOWN ? 0 : refuse_unknown(error, table, key);
	assert(field - table < FIELDS_MAX);
	bit = UINT64_C(1) << (field - table);
	if (rows->seen & bit)
		return error_set(error, ERROR_INVALID_ARGUMENT, "%s: given twice", field->name);
	rows->seen |= bit;
	if (pair->val.type == MSGPACK_OBJECT_NIL && field->type != FIELD_SPAN)
		return 0;
	rows->given |= bit;
	return types[field->type].read(field->name, &pair->val, member_of(ret, field), error);
}

/* Every required row must have a value. */
static int check_required(const struct field *table, const struct rows *rows, struct error *error)
{
	for (const struct field *field = table; field->name; field++)
		if ((field->flags & FIELD_REQUIRED) && !(rows->given & UINT64_C(1) << (field - table)))
			return error_set(error, ERROR_INVALID_ARGUMENT, "%s: required", field->name);
	return 0;
}

static void zero_members(const struct field *table, void *structure)
{
	for (; table->name; table++)
		memset(member_of(structure, table), 0, types[table->type].size);
}

int fields_read(const msgpack_object *map, const struct field *table, enum fields_unknown unknown,
    void *ret, struct error *error)
{
	struct rows rows = { 0 };
	int r = 0;

	zero_members(table, ret);
	if (map && map->type != MSGPACK_OBJECT_MAP)
		return error_set(error, ERROR_INVALID_ARGUMENT, "expected a map, got %s", fields_type_phrase(map));
	for (uint32_t i = 0; map && r == 0 && i < map->via.map.size; i++)
		r = read_pair(&map->via.map.ptr[i], table, unknown, &rows, ret, error);
	if (r == 0)
		r = check_required(table, &rows, error);
	if (r < 0)
		fields_done(table, ret);
	return r;
}

void fields_done(const struct field *table, void *structure)
{
	for (const struct field *field = table; field->name; field++)
		if (field->type == FIELD_IDS)
			free(((struct id_list *)member_of(structure, field))->ids);
	zero_members(table, structure);
}

/* --- writing a map -------------------------------------------------------------------------- */

static bool is_written(const struct field *field, const void *member)
{
	switch (field->type) {
	case FIELD_TEXT:
	case FIELD_BYTES:
		return ((const struct slice *)member)->data != NULL;
	case FIELD_U64:
	case FIELD_I64:
		return ((const struct maybe_u64 *)member)->set;
	case FIELD_BOOL:
		return *(const bool *)member || (field->flags & FIELD_ALWAYS);
	case FIELD_SPAN:
		return ((const struct span *)member)->kind != SPAN_ABSENT;
	case FIELD_ID:
		return true;
	case FIELD_IDS:
		return ((const struct id_list *)member)->ids != NULL;
	case FIELD_ANY:
		break;
	}
	return false;
}

/* Whole seconds as an integer, others as a float. */
static void write_span(struct pack *pack, const struct span *span)
{
	if (span->kind == SPAN_NULL)
		pack_nil(pack);
	else if (span->usec % USEC_PER_SEC == 0)
		pack_u64(pack, span->usec / USEC_PER_SEC);
	else
		pack_double(pack, (double)span->usec / USEC_PER_SEC);
}

static void write_ids(struct pack *pack, const struct id_list *list)
{
	pack_array(pack, (uint32_t)list->count);
	for (size_t i = 0; i < list->count; i++)
		pack_id(pack, &list->ids[i]);
}

static void write_value(struct pack *pack, enum field_type type, const void *member)
{
	switch (type) {
	case FIELD_TEXT:
		pack_slice(pack, *(const struct slice *)member);
		break;
	case FIELD_BYTES:
		pack_bin(pack, *(const struct slice *)member);
		break;
	case FIELD_U64:
		pack_u64(pack, ((const struct maybe_u64 *)member)->value);
		break;
	case FIELD_I64:
		pack_i64(pack, (int64_t)((const struct maybe_u64 *)member)->value);
		break;
	case FIELD_BOOL:
		pack_bool(pack, *(const bool *)member);
		break;
	case FIELD_SPAN:
		write_span(pack, member);
		break;
	case FIELD_ID:
		pack_id(pack, member);
		break;
	case FIELD_IDS:
		write_ids(pack, member);
		break;
	case FIELD_ANY:
		break;
	}
}

void fields_write(struct pack *pack, const struct field *table, const void *structure)
{
	fields_write_with(pack, table, structure, 0);
}

void fields_write_with(struct pack *pack, const struct field *table, const void *structure,
    uint32_t extra_pairs)
{
	uint32_t pairs = extra_pairs;

	for (const struct field *field = table; field->name; field++)
		if (is_written(field, member_of_const(structure, field)))
			pairs++;
	pack_map(pack, pairs);
	for (const struct field *field = table; field->name; field++) {
		const void *member = member_of_const(structure, field);

		if (!is_written(field, member))
			continue;
		pack_str(pack, field->name);
		write_value(pack, field->type, member);
	}
}
