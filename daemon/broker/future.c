/* future.c - one future in memory: its record, and what hangs on it. */
#include "daemon/broker/future.h"

#include "daemon/broker/broker.h"
#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct future *future_new(struct broker *broker)
{
	struct future *future = calloc(1, sizeof *future);

	if (!future)
		return NULL;
	future->broker = broker;
	future->rec.result_size = -1;
	future->deadline_usec = SCHED_NEVER;
	future->promise.lease_usec = SCHED_NEVER;
	future->slot.granted = drive_granted;
	sched_entry_init(&future->timer);
	sched_entry_init(&future->ended);
	return future;
}

struct future *future_from_rec(struct broker *broker, struct future_rec *rec)
{
	struct future *future = future_new(broker);

	if (!future)
		return NULL;
	future->rec = *rec;
	memset(rec, 0, sizeof *rec);
	memcpy(future->id.bytes, future->rec.id, ID_BYTES);
	future->durable_state = future->rec.state;
	future->durable_seq = future->rec.seq;
	future->durable = true;
	return future;
}

struct future *future_free(struct future *future)
{
	if (!future)
		return NULL;
	assert(!future->exchange && !future->watching.watch && !future->waits && !future->hold.on &&
	    !future->dependents && !sched_waiting(&future->timer) && !sched_waiting(&future->ended));
	future->broker->remote.plan_free(future->broker->remote.self, future->plan);
	future_rec_done(&future->rec);
	free(future->key.bytes);
	free(future->watching.progress);
	free(future);
	return NULL;
}

struct future *future_pin(struct future *future)
{
	future->pins++;
	return future;
}

void future_unpin(struct future *future)
{
	assert(future->pins > 0);
	if (--future->pins == 0 && future->removed)
		future_free(future);
}

/* Its plan is gone when it is over, and its origin may not be known. */
static bool origin_stopped(const struct future *future)
{
	return future->plan && stops_have(&future->broker->stops, future->rec.uid, future->plan->origin);
}

int future_join_slot(const struct future *future, struct bucket_slot *slot)
{
	const struct plan *plan = future->plan;
	int r = bucket_join(future->broker->buckets, future->rec.uid, plan->bucket, plan->bucket_limit, slot);

	if (r == 0)
		bucket_hold(slot->bucket, origin_stopped(future));
	return r;
}

int future_join_bucket(struct future *future)
{
	return future->slot.bucket ? 0 : future_join_slot(future, &future->slot);
}

bool future_paused(const struct future *future)
{
	return future->rec.paused || origin_stopped(future);
}

bool future_state_terminal(enum store_state state)
{
	return state == STORE_SUCCEEDED || state == STORE_FAILED || state == STORE_CANCELLED;
}

bool future_at_rest(const struct future_rec *rec)
{
	return future_state_terminal(rec->state) && rec->phase != STORE_PHASE_ACK;
}

const char *future_state_name(enum store_state state)
{
	static const char *const names[] = {
		[STORE_PENDING] = "pending",
		[STORE_RUNNING] = "running",
		[STORE_SUCCEEDED] = "succeeded",
		[STORE_FAILED] = "failed",
		[STORE_CANCELLED] = "cancelled",
	};

	assert((size_t)state < sizeof names / sizeof *names);
	return names[state];
}

const char *future_kind_name(enum store_kind kind)
{
	static const char *const names[] = {
		[STORE_KIND_HTTP] = "http",
		[STORE_KIND_PROMISE] = "promise",
		[STORE_KIND_TIMER] = "timer",
		[STORE_KIND_GROUP] = "group",
	};

	assert((size_t)kind < sizeof names / sizeof *names);
	return names[kind];
}

void future_view(const struct future *future, struct future_view *ret)
{
	const struct future_rec *rec = &future->rec;

	*ret = (struct future_view){
		.id = future->id,
		.rec = rec,
		.state = future->durable_state,
		.seq = future->durable_seq,
		.terminal = future_state_terminal(future->durable_state),
		.claimed = rec->kind == STORE_KIND_PROMISE && future->durable_state == STORE_RUNNING,
	};
	if (!ret->terminal && rec->held) {
		ret->condition = "waiting";
		ret->condition_since_ms = rec->created_at_ms;
	} else if (!ret->terminal && future_paused(future)) {
		ret->condition = "paused";
	} else if (ret->state == STORE_RUNNING && rec->attempts > 0) {
		ret->condition = future->throttled ? "throttled" : "unreachable";
		ret->condition_since_ms = rec->unreachable_since_ms;
	}
}
