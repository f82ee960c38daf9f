/* stops.c - the origins that users asked to send nothing to. */
/* A table that cannot grow is an error for one client, not the end of the daemon. */
#define HASH_NONFATAL_OOM 1

#include "daemon/broker/stops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* One user's: few, so they are looked through. */
struct stopper {
	UT_hash_handle hh;
	uid_t uid;
	size_t count;
	char *origins[STOPS_MAX];
};

void stops_init(struct stops *stops, const uint8_t hash_key[SIPHASH_KEY_BYTES])
{
	stops->table = NULL;
	memcpy(stops->hash_key, hash_key, sizeof stops->hash_key);
}

static void drop(struct stops *stops, struct stopper *stopper)
{
	while (stopper->count > 0)
		free(stopper->origins[--stopper->count]);
	HASH_DEL(stops->table, stopper);
	free(stopper);
}

void stops_done(struct stops *stops)
{
	struct stopper *stopper, *next;

	HASH_ITER(hh, stops->table, stopper, next)
		drop(stops, stopper);
}

static unsigned hash_of(const struct stops *stops, uid_t uid)
{
	return (unsigned)siphash(&uid, sizeof uid, stops->hash_key);
}

static struct stopper *find(const struct stops *stops, uid_t uid)
{
	struct stopper *stopper;

	HASH_FIND_BYHASHVALUE(hh, stops->table, &uid, sizeof uid, hash_of(stops, uid), stopper);
	return stopper;
}

/* Where origin is; count when it is not there. */
static size_t place_of(const struct stopper *stopper, const char *origin)
{
	size_t i = 0;

	while (i < stopper->count && strcmp(stopper->origins[i], origin) != 0)
		i++;
	return i;
}

bool stops_have(const struct stops *stops, uid_t uid, const char *origin)
{
	const struct stopper *stopper = origin && stops->table ? find(stops, uid) : NULL;

	return stopper && place_of(stopper, origin) < stopper->count;
}

/* NULL: no memory. */
static struct stopper *find_or_add(struct stops *stops, uid_t uid)
{
	struct stopper *stopper = find(stops, uid);

	if (stopper)
		return stopper;
	stopper = calloc(1, sizeof *stopper);
	if (!stopper)
		return NULL;
	stopper->uid = uid;
	HASH_ADD_BYHASHVALUE(hh, stops->table, uid, sizeof stopper->uid, hash_of(stops, uid), stopper);
	if (stopper->hh.tbl)
		return stopper;
	free(stopper);
	return NULL;
}

int stops_add(struct stops *stops, uid_t uid, const char *origin)
{
	struct stopper *stopper = find_or_add(stops, uid);
	char *copy;

	if (!stopper)
		return -ENOMEM;
	if (place_of(stopper, origin) < stopper->count)
		return 0;
	if (stopper->count == STOPS_MAX)
		return -ENOSPC;
	copy = strdup(origin);
	if (copy)
		stopper->origins[stopper->count++] = copy;
	else if (stopper->count == 0)
		drop(stops, stopper);
	return copy ? 0 : -ENOMEM;
}

void stops_remove(struct stops *stops, uid_t uid, const char *origin)
{
	struct stopper *stopper = find(stops, uid);
	size_t i = stopper ? place_of(stopper, origin) : 0;

	if (!stopper || i == stopper->count)
		return;
	free(stopper->origins[i]);
	stopper->origins[i] = stopper->origins[--stopper->count];
	if (stopper->count == 0)
		drop(stops, stopper);
}

const char *stops_at(const struct stops *stops, uid_t uid, size_t place)
{
	const struct stopper *stopper = find(stops, uid);

	return stopper && place < stopper->count ? stopper->origins[place] : NULL;
}
