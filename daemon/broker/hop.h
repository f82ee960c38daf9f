/* hop.h - a future goes on with another operation: a tail call. */
#ifndef BROKER_HOP_H
#define BROKER_HOP_H

#include "daemon/broker/future.h"

/*
 * A verdict says CONTINUE: prepare what it names, make that durable in the place of the operation that is over, and
 * drive it on from its beginning. The draft may hold changes that go with it, and is used up. A future that is to be
 * cancelled is, and what cannot be prepared fails it.
 */
void hop_apply(struct future *future, struct future_rec *draft, const struct verdict *verdict);

#endif
