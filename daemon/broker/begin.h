/* begin.h - where an operation begins: its first request, and the value that a repeated submit is known by. */
#ifndef BROKER_BEGIN_H
#define BROKER_BEGIN_H

#include "daemon/broker/remote.h"
#include "db/store.h"

struct broker;

/* With a submit, or with polling an operation that exists. *ret_idempotency: the caller's to free, or NULL where the
 * plan has no use for it. -ENOMEM. */
int begin_plan(struct broker *broker, const struct plan *plan, enum store_phase *ret_phase, char **ret_idempotency);

#endif
