/* local.c - specs of the kinds that ask no service: a table of keys for each. */
#include "daemon/remote/local.h"

#include <stdlib.h>
#include <string.h>

/* The words of `kind`. */
static const struct {
	const char *name;
	enum store_kind kind;
} KINDS[] = {
	{ "http", STORE_KIND_HTTP },
	{ "promise", STORE_KIND_PROMISE },
	{ "timer", STORE_KIND_TIMER },
	{ "group", STORE_KIND_GROUP },
};
enum { KINDS_COUNT = sizeof(KINDS) / sizeof(KINDS[0]) };

int local_read_kind(const json_t *root, enum store_kind *ret, const struct place *place, struct error *error)
{
	const struct place here = { .up = place, .key = "kind" };
	const json_t *json = json_object_get(root, "kind");
	const char *word, *names[KINDS_COUNT + 1] = { NULL };
	int r;

	if (!json)
		return 0;
	r = key_string(json, &word, &here, error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < KINDS_COUNT; i++) {
		names[i] = KINDS[i].name;
		if (strcmp(word, KINDS[i].name) != 0)
			continue;
		*ret = KINDS[i].kind;
		return 0;
	}
	return keys_unknown("kind", word, names, &here, error);
}

/* --- promises --------------------------------------------------------------------------------------- */

static int read_on_abandon(const json_t *json, void *field, const struct place *place, struct error *error)
{
	const char *word;
	int r = key_string(json, &word, place, error);

	if (r < 0)
		return r;
	if (strcmp(word, "fail") != 0 && strcmp(word, "release") != 0)
		return place_fail(place, error, "must be \"fail\" or \"release\"");
	*(bool *)field = strcmp(word, "release") == 0;
	return 0;
}

static const struct key PROMISE_KEYS[] = {
	{ "kind", NULL, 0, KEY_ELSEWHERE },
	{ "params", NULL, 0, KEY_ELSEWHERE },
	{ "parameters", NULL, 0, KEY_ELSEWHERE },
	{ "help", NULL, 0, KEY_ELSEWHERE },
	{ "on_abandon", read_on_abandon, offsetof(struct spec, release), KEY_PLAIN },
	{ "ttl", spec_read_setting, 0, KEY_PLAIN },
	{ "keep_until_delivered", spec_read_setting, 0, KEY_PLAIN },
	{ 0 }
};

/* --- timers ------------------------------------------------------------------------------------------ */

static int read_delay(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct spec *spec = field;

	spec->local.has_delay = true;
	return key_seconds(json, &spec->local.delay_usec, place, error);
}

static const struct key TIMER_KEYS[] = {
	{ "kind", NULL, 0, KEY_ELSEWHERE },
	{ "params", NULL, 0, KEY_ELSEWHERE },
	{ "parameters", NULL, 0, KEY_ELSEWHERE },
	{ "help", NULL, 0, KEY_ELSEWHERE },
	{ "delay", read_delay, 0, KEY_PLAIN },
	{ "ttl", spec_read_setting, 0, KEY_PLAIN },
	{ "keep_until_delivered", spec_read_setting, 0, KEY_PLAIN },
	{ 0 }
};

/* --- groups ------------------------------------------------------------------------------------------ */

static int read_member(const json_t *json, struct id *ret, const struct place *place, struct error *error)
{
	const char *text;
	int r = key_string(json, &text, place, error);

	if (r == 0 && id_parse(text, strlen(text), ret) < 0)
		return place_fail(place, error, "must be the id of a future, got \"%.64s\"", text);
	return r;
}

static int read_of(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct spec *spec = field;
	size_t count = json_array_size(json);
	int first = 0;

	if (!json_is_array(json))
		return place_fail(place, error, "must be an array of ids");
	if (count > PROTO_AFTER_MAX)
		return place_fail(place, error, "%zu ids, at most %d", count, PROTO_AFTER_MAX);
	spec->local.of = calloc(count + 1, sizeof(*spec->local.of));
	if (!spec->local.of)
		return place_no_memory(error);
	spec->local.n_of = count;
	for (size_t i = 0; i < count; i++) {
		const struct place here = { .up = place, .index = i };

		if (place_ends(place, read_member(json_array_get(json, i), &spec->local.of[i], &here, error), &first))
			break;
	}
	return first;
}

static int read_until(const json_t *json, void *field, const struct place *place, struct error *error)
{
	static const char *const names[] = {
		[GROUP_ALL] = "all", [GROUP_ANY] = "any", [GROUP_FIRST_EXCEPTION] = "first_exception", NULL,
	};
	const char *word;
	int r = key_string(json, &word, place, error);

	if (r < 0)
		return r;
	for (int i = GROUP_ALL; names[i]; i++) {
		if (strcmp(word, names[i]) != 0)
			continue;
		*(enum group_until *)field = (enum group_until)i;
		return 0;
	}
	return keys_unknown("word", word, names, place, error);
}

static const struct key GROUP_KEYS[] = {
	{ "kind", NULL, 0, KEY_ELSEWHERE },
	{ "params", NULL, 0, KEY_ELSEWHERE },
	{ "parameters", NULL, 0, KEY_ELSEWHERE },
	{ "help", NULL, 0, KEY_ELSEWHERE },
	{ "of", read_of, 0, KEY_REQUIRED },
	{ "until", read_until, offsetof(struct spec, local.until), KEY_PLAIN },
	{ "ttl", spec_read_setting, 0, KEY_PLAIN },
	{ "keep_until_delivered", spec_read_setting, 0, KEY_PLAIN },
	{ 0 }
};

const struct key *local_keys(enum store_kind kind)
{
	switch (kind) {
	case STORE_KIND_PROMISE:
		return PROMISE_KEYS;
	case STORE_KIND_TIMER:
		return TIMER_KEYS;
	case STORE_KIND_GROUP:
		return GROUP_KEYS;
	case STORE_KIND_HTTP:
		break;
	}
	return NULL;
}
