/* keepalive.h - tells services that somebody is there: one heartbeat for all futures of a session. */
#ifndef BROKER_KEEPALIVE_H
#define BROKER_KEEPALIVE_H

#include "daemon/broker/future.h"
#include "daemon/broker/group.h"
#include "daemon/broker/sched.h"

#include <stdint.h>

/*
 * Live futures of one owner whose keep-alive requests are equal are one session. It has a heartbeat of its own from
 * the moment the first of them knows all values of that request until the last of them is over. The first beat is
 * sent at once, also after a restart: the session has been silent. What it is answered moves no future.
 */
struct keepalives {
	struct groups sessions;
	struct sched timers;
};

void keepalives_init(struct keepalives *keepalives, const uint8_t hash_key[16]);
/* Every future must have left. */
void keepalives_done(struct keepalives *keepalives);

/* Be part of the heartbeat of its session, if it can be known by now which that is. Costs nothing when that was found
 * out before. Where memory is short it is tried again at the next call. */
void keepalive_join(struct future *future);
/* Its values have changed: it may be of another session, or know only now which. */
void keepalive_renew(struct future *future);
/* It is over. Also when it never joined. */
void keepalive_leave(struct future *future);

/* Ask for a slot for each heartbeat whose time has come. */
void keepalives_due(struct broker *broker, uint64_t now_usec);
/* When the next one is due; SCHED_NEVER: none. */
uint64_t keepalives_next(const struct broker *broker);
/* No more of them, not even those under way. */
void keepalives_stop(struct broker *broker);

#endif
