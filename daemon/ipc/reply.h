/* reply.h - what clients are told of a future: snapshots, events and failures. */
#ifndef IPC_REPLY_H
#define IPC_REPLY_H

#include "daemon/broker/broker.h"
#include "proto/message.h"
#include "proto/pack.h"

/* Pack what future.get answers. */
void reply_snapshot(struct pack *pack, const struct future *future);

/* Pack what future.create and future.retry answer. */
void reply_created(struct pack *pack, const struct future *future, bool created);

/* Pack one event of the subscription of that number. */
void reply_event(struct pack *pack, uint64_t subscription, const struct broker_event *event);

/* The failure of a future that ended badly, without its details; borrows from view. false: it has none. */
bool reply_failure(const struct future_view *view, struct failure_wire *ret);

#endif
