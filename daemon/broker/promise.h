/* promise.h - futures that a local process completes: claims, and how they end. */
#ifndef BROKER_PROMISE_H
#define BROKER_PROMISE_H

#include "daemon/broker/future.h"

#include <stdint.h>

/*
 * A promise is running while it is claimed, and pending otherwise. Its claim is in its record, and a lease with an end is
 * there, too: so it outlives the daemon. One that holds as long as a connection cannot; what is on the disk of it is a
 * promise that is abandoned when the daemon is back. Nothing is ever sent for a promise: it has no bucket, and its timer
 * is for its deadline and for the end of its claim.
 */

/* At boot: what became of its claim. left_usec: of its lease. No-op on other kinds. */
void promise_resume(struct future *future, uint64_t left_usec);

/* Its timer went off. */
void promise_due(struct future *future);

/* It is over, or gone: its producer has it no more. Also when none ever had. */
void promise_leave(struct future *future);

#endif
