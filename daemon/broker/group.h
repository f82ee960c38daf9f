/* group.h - a table of what futures share: found by their owner, their bucket and a text. */
#ifndef BROKER_GROUP_H
#define BROKER_GROUP_H

#include "daemon/broker/siphash.h"

#include <stdint.h>
#include <sys/types.h>
#include <uthash.h>

/* The first member of whatever is shared. Zeroed before it is added. */
struct group {
	UT_hash_handle hh;
	char *key;
};

struct groups {
	struct group *table;
	uint8_t hash_key[SIPHASH_KEY_BYTES];
};

/* hash_key: random bytes, copied, because texts come from peers. There is nothing to give back while it is empty. */
void groups_init(struct groups *groups, const uint8_t hash_key[SIPHASH_KEY_BYTES]);

/* 0 with *ret NULL when there is none; -ENOMEM. */
int group_find(const struct groups *groups, uid_t uid, const char *bucket, const char *text, struct group **ret);

/* Add one that is not there yet. -ENOMEM: it is not added. */
int group_add(struct groups *groups, uid_t uid, const char *bucket, const char *text, struct group *group);
void group_remove(struct groups *groups, struct group *group);

#endif
