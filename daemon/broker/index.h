/* index.h - finds futures by id, by owner and key, and in order; counts them by owner. */
#ifndef BROKER_INDEX_H
#define BROKER_INDEX_H

#include "proto/id.h"
#include "proto/slice.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct future;
struct owner;

struct index {
	struct future *by_id;           /* in order of id, which is the order of insertion */
	struct future *by_key;
	struct owner *owners;
	size_t count;
	uint8_t hash_key[16];           /* keys are chosen by peers: their hash is keyed */
};

void index_init(struct index *index, const uint8_t hash_key[16]);
/* Forgets all; the futures must be gone. */
void index_done(struct index *index);

/* Add a future under its id and, where its record has one, its key; ids must come in ascending order.
 * 0 or -ENOMEM with nothing changed. */
int index_add(struct index *index, struct future *future);
void index_remove(struct index *index, struct future *future);

/* NULL when there is none. */
struct future *index_find(const struct index *index, const struct id *id);
struct future *index_find_key(const struct index *index, uid_t uid, struct slice key);

/* The first one in order of id; with after, the first one behind that id. NULL: none. */
struct future *index_first(const struct index *index, const struct id *after);
struct future *index_next(const struct future *future);

/* How many futures uid owns. */
uint64_t index_owned(const struct index *index, uid_t uid);

#endif
