/* retention.h - how many futures of a user that are over are kept, and how much of their results. */
#ifndef BROKER_RETENTION_H
#define BROKER_RETENTION_H

#include "daemon/broker/siphash.h"

#include <stdbool.h>
#include <stdint.h>

struct broker;
struct future;
struct keeper;

/*
 * Of each user those futures are counted that may be forgotten: they are at rest, not pinned, not waited for by another
 * one, not being read, and need not be delivered first. Above a limit the oldest end is forgotten first; the last one
 * that is left always stays.
 */
struct retention {
	struct keeper *table;
	uint8_t hash_key[SIPHASH_KEY_BYTES];
	bool due;                       /* somebody may be above a limit */
	unsigned under_way;             /* futures that are being forgotten because of one */
};

void retention_init(struct retention *retention, const uint8_t hash_key[SIPHASH_KEY_BYTES]);
/* Every future must have left. */
void retention_done(struct retention *retention);

/* Something changed that decides whether it may be forgotten, or whether it exists. Without memory it is not counted until
 * its next change. */
void retention_update(struct future *future);
void retention_leave(struct future *future);

/* Forget what is above the limits. */
void retention_run(struct broker *broker);

#endif
