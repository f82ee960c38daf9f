/* subscription.h - who hears of changes: the inside that the rest of this folder needs (see broker.h). */
#ifndef BROKER_SUBSCRIPTION_H
#define BROKER_SUBSCRIPTION_H

#include "daemon/broker/future.h"

struct broker;

/* A request that failed and will be tried again, as it was: when its event is durable the next one may have been
 * answered. */
struct trouble {
	const char *message;
	unsigned attempts;              /* that failed in a row */
};

/* Tell all that listen of an event that is durable. A forgotten future is still needed here, for its labels.
 * trouble: NULL for another event. */
void subscription_publish(struct broker *broker, const struct event_rec *event, const struct future *future,
    const struct trouble *trouble);

#endif
