/* subscription.h - who hears of changes: the inside that the rest of this folder needs (see broker.h). */
#ifndef BROKER_SUBSCRIPTION_H
#define BROKER_SUBSCRIPTION_H

#include "daemon/broker/future.h"

struct broker;

/* Tell all that listen of an event that is durable. A forgotten future is still needed here, for its labels. */
void subscription_publish(struct broker *broker, const struct event_rec *event, const struct future *future);

#endif
