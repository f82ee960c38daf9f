/* group.c - a table of what futures share: found by their owner, their bucket and a text. */
/* A table that cannot grow is no group for one future, not the end of the daemon. */
#define HASH_NONFATAL_OOM 1

#include "daemon/broker/group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void groups_init(struct groups *groups, const uint8_t hash_key[SIPHASH_KEY_BYTES])
{
	groups->table = NULL;
	memcpy(groups->hash_key, hash_key, sizeof groups->hash_key);
}

/* The uid's bytes, the bucket's name with its NUL, the text. NULL: no memory. */
static char *key_new(uid_t uid, const char *bucket, const char *text, unsigned *ret_len)
{
	size_t bucket_len = strlen(bucket) + 1, text_len = strlen(text);
	char *key;

	if (bucket_len > UINT32_MAX / 2 || text_len > UINT32_MAX / 4)
		return NULL;
	key = malloc(sizeof uid + bucket_len + text_len);
	if (!key)
		return NULL;
	memcpy(key, &uid, sizeof uid);
	memcpy(key + sizeof uid, bucket, bucket_len);
	memcpy(key + sizeof uid + bucket_len, text, text_len);
	*ret_len = (unsigned)(sizeof uid + bucket_len + text_len);
	return key;
}

int group_find(const struct groups *groups, uid_t uid, const char *bucket, const char *text, struct group **ret)
{
	unsigned len, hash;
	char *key = key_new(uid, bucket, text, &len);

	if (!key)
		return -ENOMEM;
	hash = (unsigned)siphash(key, len, groups->hash_key);
	HASH_FIND_BYHASHVALUE(hh, groups->table, key, len, hash, *ret);
	free(key);
	return 0;
}

int group_add(struct groups *groups, uid_t uid, const char *bucket, const char *text, struct group *group)
{
	unsigned len, hash;

	group->key = key_new(uid, bucket, text, &len);
	if (!group->key)
		return -ENOMEM;
	hash = (unsigned)siphash(group->key, len, groups->hash_key);
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, groups->table, group->key, len, hash, group);
	if (group->hh.tbl)
		return 0;
	free(group->key);
	group->key = NULL;
	return -ENOMEM;
}

void group_remove(struct groups *groups, struct group *group)
{
	HASH_DEL(groups->table, group);
	free(group->key);
}
