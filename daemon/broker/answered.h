/* answered.h - what an answer tells about the service, whoever asked. */
#ifndef BROKER_ANSWERED_H
#define BROKER_ANSWERED_H

#include "daemon/broker/future.h"

/* A request was answered for which slot was granted: the limit of its bucket follows. */
void answered_limit(struct broker *broker, const struct bucket_slot *slot, const struct verdict *verdict);

/* The same for a request that no single future sent: it is counted, and the bucket pauses if the service asks for it.
 * member is one of those it was for, and has joined the bucket; NULL: nobody is left. */
void answered_group(struct broker *broker, struct future *member, const struct bucket_slot *slot,
    const struct verdict *verdict);

#endif
