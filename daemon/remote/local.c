/* local.c - specs of the kinds that ask no service: a table of keys for each. */
#include "daemon/remote/local.h"

#include <string.h>

/* The words of `kind`. */
static const struct {
	const char *name;
	enum store_kind kind;
	enum key_flags flags;
} KINDS[] = {
	{ "http", STORE_KIND_HTTP, KEY_PLAIN },
	{ "promise", STORE_KIND_PROMISE, KEY_PLAIN },
	{ "timer", STORE_KIND_TIMER, KEY_LATER },
	{ "group", STORE_KIND_GROUP, KEY_LATER },
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
		if (KINDS[i].flags & KEY_LATER)
			return place_fail(&here, error, "\"%s\" is not supported by this version", word);
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

const struct key *local_keys(enum store_kind kind)
{
	switch (kind) {
	case STORE_KIND_PROMISE:
		return PROMISE_KEYS;
	case STORE_KIND_HTTP:
	case STORE_KIND_TIMER:
	case STORE_KIND_GROUP:
		break;
	}
	return NULL;
}
