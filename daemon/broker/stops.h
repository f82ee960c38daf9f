/* stops.h - the origins that users asked to send nothing to. */
#ifndef BROKER_STOPS_H
#define BROKER_STOPS_H

#include "daemon/broker/siphash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Of one user. */
#define STOPS_MAX 256

struct stopper;

struct stops {
	struct stopper *table;
	uint8_t hash_key[SIPHASH_KEY_BYTES];
};

void stops_init(struct stops *stops, const uint8_t hash_key[SIPHASH_KEY_BYTES]);
void stops_done(struct stops *stops);

/* origin NULL, one that is not known, is never stopped. */
bool stops_have(const struct stops *stops, uid_t uid, const char *origin);

/* Nothing to do when it is there already. -ENOMEM; -ENOSPC: the user has STOPS_MAX. */
int stops_add(struct stops *stops, uid_t uid, const char *origin);
void stops_remove(struct stops *stops, uid_t uid, const char *origin);

/* The place-th stop of uid, in no order that means anything; NULL: there are no more. */
const char *stops_at(const struct stops *stops, uid_t uid, size_t place);

#endif
