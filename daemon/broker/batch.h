/* batch.h - asks about many futures of one bucket with one request. */
#ifndef BROKER_BATCH_H
#define BROKER_BATCH_H

#include "daemon/broker/future.h"
#include "daemon/broker/group.h"
#include "daemon/broker/sched.h"

#include <stdint.h>

/*
 * Futures that are polled, share a bucket and name the same list request are a batch: it has one polling ladder, and
 * its turns take the place of their regular polls. A member's own next_usec is SCHED_NEVER meanwhile; whoever sets it
 * (a refresh, a cancellation, an event) has the future asked about alone, and so does its deadline. It is back in the
 * batch when that came out pending. The only member of a batch is asked about alone, too. A turn of which nothing is
 * new writes nothing but the batch's place on its ladder, into the record of one member, and that only when it has
 * changed.
 */
struct batches {
	struct groups groups;
	struct sched timers;
	struct sched fading;            /* of those that nobody is left in */
};

void batches_init(struct batches *batches, const uint8_t hash_key[16]);
/* Every future must have left. */
void batches_done(struct batches *batches);

/* Its next_usec is set for a regular poll: let the batch do that, if it can. Where it cannot (nothing to share, memory
 * is short, it is to be asked about at once) the future stays alone. */
void batch_join(struct future *future);
/* Its operation was never asked about: let the batch do that, if it can, at its next turn. One that is on its own, or
 * the first after a while, is asked about at once; those who come after it wait for the foot of the ladder. */
void batch_enter(struct future *future);
/* It is asked about alone now, or over. Also when it never joined. */
void batch_leave(struct future *future);

/* Ask for a slot for each batch whose turn has come. */
void batches_due(struct broker *broker, uint64_t now_usec);
/* When the next one is due; SCHED_NEVER: none. */
uint64_t batches_next(const struct broker *broker);
/* When there is something to tidy up; SCHED_NEVER: not at all. */
uint64_t batches_fade(const struct broker *broker);
/* No more requests, not even those under way. */
void batches_stop(struct broker *broker);

#endif
