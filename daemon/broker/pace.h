/* pace.h - how long until the next request, when rules and services have a say in it beside the ladders. */
#ifndef BROKER_PACE_H
#define BROKER_PACE_H

#include "daemon/broker/future.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A rule or a service may ask to be asked again at once: that is how a request which the service holds goes on, how
 * a result is fetched over several hops, how events lead to a look. It is taken at its word as long as no hot loop
 * comes of it. Where the exchange itself took at least the foot of the ladder, or the delay is as long as that, it
 * always is; quicker ones are good for two polls, or three retries, in a row. From then on the ladder decides, until
 * one took its time again.
 */

/* Not done yet: the delay that the verdict asks for, or the polling ladder's. */
uint64_t pace_pending(struct future *future, struct future_rec *draft, const struct verdict *verdict);

/* To the place where the result is: at once, if the verdict does not ask for a delay. hop: from there to another one,
 * which may go on without end. */
uint64_t pace_fetch(struct future *future, struct future_rec *draft, const struct verdict *verdict, bool hop);

/* It could not be asked: the delay of the rule or the retry ladder's, and no less than the service's Retry-After. */
uint64_t pace_retry(struct future *future, struct future_rec *draft, const struct verdict *verdict);

/* Its stream of events says that there is news. */
uint64_t pace_wake(struct future *future);

/* Its service asked for a pause: all of its bucket wait so long from now, and wait on after a restart. */
void pace_pause(struct future *future, uint64_t pause_usec);

#endif
