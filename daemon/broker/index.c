/* index.c - finds futures by id, by owner and key, and in order; counts them by owner. */
/* A table that cannot grow is an error for one client, not the end of the daemon. */
#define HASH_NONFATAL_OOM 1

#include "daemon/broker/index.h"

#include "daemon/broker/future.h"
#include "daemon/broker/siphash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct owner {
	uid_t uid;
	uint64_t count;
	UT_hash_handle hh;
};

void index_init(struct index *index, const uint8_t hash_key[16])
{
	*index = (struct index){ 0 };
	memcpy(index->hash_key, hash_key, sizeof index->hash_key);
}

void index_done(struct index *index)
{
	struct owner *owner, *next;

	HASH_CLEAR(by_key, index->by_key);
	HASH_CLEAR(by_id, index->by_id);
	HASH_ITER(hh, index->owners, owner, next) {
		HASH_DEL(index->owners, owner);
		free(owner);
	}
}

static unsigned hash_of(const struct index *index, const void *bytes, size_t len)
{
	return (unsigned)siphash(bytes, len, index->hash_key);
}

static struct owner *owner_find(const struct index *index, uid_t uid)
{
	unsigned hash = hash_of(index, &uid, sizeof uid);
	struct owner *owner;

	HASH_FIND_BYHASHVALUE(hh, index->owners, &uid, sizeof uid, hash, owner);
	return owner;
}

static int owner_add(struct index *index, uid_t uid)
{
	struct owner *owner = owner_find(index, uid);
	unsigned hash = hash_of(index, &uid, sizeof uid);

	if (!owner) {
		owner = calloc(1, sizeof *owner);
		if (!owner)
			return -ENOMEM;
		owner->uid = uid;
		HASH_ADD_BYHASHVALUE(hh, index->owners, uid, sizeof owner->uid, hash, owner);
		if (!owner->hh.tbl) {
			free(owner);
			return -ENOMEM;
		}
	}
	owner->count++;
	return 0;
}

static void owner_remove(struct index *index, uid_t uid)
{
	struct owner *owner = owner_find(index, uid);

	if (owner && --owner->count == 0) {
		HASH_DEL(index->owners, owner);
		free(owner);
	}
}

/* Owner and name as one run of bytes: "uid NUL-free name". NULL: no memory. */
static char *key_bytes(uid_t uid, struct slice key, size_t *ret_len)
{
	char *bytes = malloc(sizeof uid + key.len);

	if (!bytes)
		return NULL;
	memcpy(bytes, &uid, sizeof uid);
	memcpy(bytes + sizeof uid, key.data, key.len);
	*ret_len = sizeof uid + key.len;
	return bytes;
}

static int key_add(struct index *index, struct future *future)
{
	unsigned hash;

	future->key.bytes = key_bytes(future->rec.uid, slice_from_str(future->rec.key), &future->key.len);
	if (!future->key.bytes)
		return -ENOMEM;
	hash = hash_of(index, future->key.bytes, future->key.len);
	HASH_ADD_KEYPTR_BYHASHVALUE(by_key, index->by_key, future->key.bytes, future->key.len, hash, future);
	if (future->by_key.tbl)
		return 0;
	free(future->key.bytes);
	future->key.bytes = NULL;
	return -ENOMEM;
}

static void key_remove(struct index *index, struct future *future)
{
	if (!future->key.bytes)
		return;
	HASH_DELETE(by_key, index->by_key, future);
	free(future->key.bytes);
	future->key.bytes = NULL;
}

int index_add(struct index *index, struct future *future)
{
	unsigned hash = hash_of(index, &future->id, sizeof future->id);

	if (owner_add(index, future->rec.uid) < 0)
		return -ENOMEM;
	if (future->rec.key && key_add(index, future) < 0)
		goto fail;
	HASH_ADD_BYHASHVALUE(by_id, index->by_id, id, sizeof future->id, hash, future);
	if (!future->by_id.tbl)
		goto fail;
	index->count++;
	return 0;
fail:
	key_remove(index, future);
	owner_remove(index, future->rec.uid);
	return -ENOMEM;
}

void index_remove(struct index *index, struct future *future)
{
	HASH_DELETE(by_id, index->by_id, future);
	key_remove(index, future);
	owner_remove(index, future->rec.uid);
	index->count--;
}

struct future *index_find(const struct index *index, const struct id *id)
{
	unsigned hash = hash_of(index, id, sizeof *id);
	struct future *future;

	HASH_FIND_BYHASHVALUE(by_id, index->by_id, id, sizeof *id, hash, future);
	return future;
}

struct future *index_find_key(const struct index *index, uid_t uid, struct slice key)
{
	struct future *future = NULL;
	char bytes[sizeof uid + PROTO_KEY_MAX];
	unsigned hash;

	if (key.len > PROTO_KEY_MAX)
		return NULL;
	memcpy(bytes, &uid, sizeof uid);
	memcpy(bytes + sizeof uid, key.data, key.len);
	hash = hash_of(index, bytes, sizeof uid + key.len);
	HASH_FIND_BYHASHVALUE(by_key, index->by_key, bytes, sizeof uid + key.len, hash, future);
	return future;
}

struct future *index_first(const struct index *index, const struct id *after)
{
	struct future *future = index->by_id;

	if (!after)
		return future;
	future = index_find(index, after);
	if (future)
		return index_next(future);
	/* It was forgotten: look for its place. */
	for (future = index->by_id; future && id_compare(&future->id, after) <= 0; future = index_next(future))
		;
	return future;
}

struct future *index_next(const struct future *future)
{
	return future->by_id.next;
}

uint64_t index_owned(const struct index *index, uid_t uid)
{
	const struct owner *owner = owner_find(index, uid);

	return owner ? owner->count : 0;
}
