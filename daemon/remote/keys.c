/* keys.c - reads a JSON object by a table of its keys. */
#include "daemon/remote/keys.h"

#include <string.h>

enum { NAMES_MAX = 48 };

int keys_unknown(const char *what, const char *word, const char *const *names, const struct place *place,
    struct error *error)
{
	const char *nearest = error_nearest(word, strlen(word), names);

	if (nearest)
		return place_fail(place, error, "unknown %s \"%.64s\" (did you mean \"%s\"?)", what, word, nearest);
	return place_fail(place, error, "unknown %s \"%.64s\"", what, word);
}

static int unknown_key(const struct key *table, const char *key, const struct place *place,
    struct error *error)
{
	const char *names[NAMES_MAX + 1] = { NULL };

	for (size_t i = 0; i < NAMES_MAX && table[i].name; i++)
		names[i] = table[i].name;
	return keys_unknown("key", key, names, place, error);
}

static const struct key *find(const struct key *table, const char *name)
{
	for (; table->name; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

/* One member of an object. all: a key that the table does not have is refused. */
static int read_member(const struct key *table, const char *name, const json_t *value, bool all, void *target,
    const struct place *place, struct error *error)
{
	const struct place here = { .up = place, .key = name };
	const struct key *key = find(table, name);

	if (!key)
		return all ? unknown_key(table, name, place, error) : 0;
	if (key->flags & KEY_ELSEWHERE)
		return 0;
	return key->read(value, (char *)target + key->offset, &here, error);
}

static int read_members(const struct key *table, const json_t *object, bool all, void *target,
    const struct place *place, struct error *error)
{
	const char *name;
	json_t *value;
	int first = 0;

	if (!json_is_object(object))
		return place_fail(place, error, "must be an object");
	json_object_foreach((json_t *)object, name, value)
		if (place_ends(place, read_member(table, name, value, all, target, place, error), &first))
			return first;
	for (const struct key *key = table; key->name; key++) {
		if (!(key->flags & KEY_REQUIRED) || json_object_get(object, key->name))
			continue;
		if (place_ends(place, place_fail(place, error, "\"%s\" is missing", key->name), &first))
			return first;
	}
	return first;
}

int keys_read(const struct key *table, const json_t *object, void *target, const struct place *place,
    struct error *error)
{
	return read_members(table, object, true, target, place, error);
}

int keys_read_known(const struct key *table, const json_t *object, void *target, const struct place *place,
    struct error *error)
{
	return read_members(table, object, false, target, place, error);
}

int key_string(const json_t *json, void *field, const struct place *place, struct error *error)
{
	if (!json_is_string(json))
		return place_fail(place, error, "must be a string");
	*(const char **)field = json_string_value(json);
	return 0;
}

int key_bool(const json_t *json, void *field, const struct place *place, struct error *error)
{
	if (!json_is_boolean(json))
		return place_fail(place, error, "must be true or false");
	*(bool *)field = json_is_true(json);
	return 0;
}

int key_any(const json_t *json, void *field, const struct place *place, struct error *error)
{
	*(const json_t **)field = json;
	return 0;
}

int key_seconds(const json_t *json, void *field, const struct place *place, struct error *error)
{
	double seconds = json_number_value(json);

	if (!json_is_number(json))
		return place_fail(place, error, "must be a number of seconds");
	if (!(seconds >= 0 && seconds <= PROTO_TIMEOUT_MAX))
		return place_fail(place, error, "must be from 0 to %.0f seconds", PROTO_TIMEOUT_MAX);
	*(uint64_t *)field = (uint64_t)(seconds * 1e6 + 0.5);
	return 0;
}

int key_seconds_or_null(const json_t *json, void *field, const struct place *place, struct error *error)
{
	if (json_is_null(json)) {
		*(uint64_t *)field = UINT64_MAX;
		return 0;
	}
	if (!json_is_number(json))
		return place_fail(place, error, "must be a number of seconds or null");
	return key_seconds(json, field, place, error);
}
