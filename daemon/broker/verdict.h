/* verdict.h - what the answer to a request means for its future. */
#ifndef BROKER_VERDICT_H
#define BROKER_VERDICT_H

#include "daemon/broker/future.h"

/* Apply the outcome of an exchange that is over and whose slot is given back: the future ends, or its
 * next request is planned; either way the record is written. */
void verdict_apply(struct future *future, const struct verdict *verdict);

#endif
