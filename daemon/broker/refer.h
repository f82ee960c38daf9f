/* refer.h - takes values out of the results of others for a future that refers to them. */
#ifndef BROKER_REFER_H
#define BROKER_REFER_H

#include "daemon/broker/future.h"

/*
 * All that it waited for has come: read the results that its plan refers to, one after the other, have the values
 * taken out of them, and let it go with these as the first that are captured. It stays held until that is durable; a
 * restart begins anew. What is missing there fails it. No-op while that is under way.
 */
void refer_begin(struct future *future);

/* Give that up. Also when it never began. */
void refer_leave(struct future *future);

#endif
