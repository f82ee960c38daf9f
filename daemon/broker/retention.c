/* retention.c - how many futures of a user that are over are kept, and how much of their results. */
/* A table that cannot grow means that one future more is kept, not the end of the daemon. */
#define HASH_NONFATAL_OOM 1

#include "daemon/broker/retention.h"

#include "daemon/broker/core.h"
#include "daemon/broker/future.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* So many are forgotten at a time: the store has other work, too. */
#define UNDER_WAY_MAX 256

/* What one user keeps. */
struct keeper {
	UT_hash_handle hh;
	uid_t uid;
	struct sched ends;              /* by the wall time of the end, in microseconds */
	uint64_t bytes;                 /* of the results of those in ends */
};

void retention_init(struct retention *retention, const uint8_t hash_key[SIPHASH_KEY_BYTES])
{
	*retention = (struct retention){ 0 };
	memcpy(retention->hash_key, hash_key, sizeof retention->hash_key);
}

void retention_done(struct retention *retention)
{
	assert(!retention->table);
	(void)retention;
}

static unsigned hash_of(const struct retention *retention, uid_t uid)
{
	return (unsigned)siphash(&uid, sizeof uid, retention->hash_key);
}

static struct keeper *find(const struct retention *retention, uid_t uid)
{
	struct keeper *keeper;

	HASH_FIND_BYHASHVALUE(hh, retention->table, &uid, sizeof uid, hash_of(retention, uid), keeper);
	return keeper;
}

/* NULL: no memory. */
static struct keeper *find_or_add(struct retention *retention, uid_t uid)
{
	struct keeper *keeper = find(retention, uid);

	if (keeper)
		return keeper;
	keeper = calloc(1, sizeof *keeper);
	if (!keeper)
		return NULL;
	keeper->uid = uid;
	sched_init(&keeper->ends);
	HASH_ADD_BYHASHVALUE(hh, retention->table, uid, sizeof keeper->uid, hash_of(retention, uid), keeper);
	if (keeper->hh.tbl)
		return keeper;
	free(keeper);
	return NULL;
}

static void drop_if_empty(struct retention *retention, struct keeper *keeper)
{
	if (keeper->ends.count > 0)
		return;
	HASH_DEL(retention->table, keeper);
	sched_done(&keeper->ends);
	free(keeper);
}

static uint64_t bytes_of(const struct future *future)
{
	return future->rec.result_size > 0 ? (uint64_t)future->rec.result_size : 0;
}

/* Whether it may go when there is no room. */
static bool expendable(const struct future *future)
{
	return future_at_rest(&future->rec) && future_state_terminal(future->durable_state) && !future->forgetting &&
	    !future->rec.pinned && !future->rec.keep_until_delivered && future->kept_for == 0 &&
	    future->reads == 0;
}

static bool is_above(const struct broker *broker, const struct keeper *keeper)
{
	return keeper->ends.count > 1 && (keeper->ends.count > broker->config.finished_per_uid ||
	    keeper->bytes > broker->config.results_per_uid);
}

static void enter(struct future *future)
{
	struct retention *retention = &future->broker->retention;
	struct keeper *keeper = find_or_add(retention, future->rec.uid);
	uint64_t ended = future->rec.finished_at_ms > 0 ? (uint64_t)future->rec.finished_at_ms * 1000 : 0;

	if (!keeper)
		return;
	if (sched_set(&keeper->ends, &future->ended, ended) < 0) {
		drop_if_empty(retention, keeper);
		return;
	}
	keeper->bytes += bytes_of(future);
	retention->due = retention->due || is_above(future->broker, keeper);
}

void retention_leave(struct future *future)
{
	struct retention *retention = &future->broker->retention;
	struct keeper *keeper = sched_waiting(&future->ended) ? find(retention, future->rec.uid) : NULL;

	if (!keeper)
		return;
	sched_cancel(&keeper->ends, &future->ended);
	keeper->bytes -= bytes_of(future);
	drop_if_empty(retention, keeper);
}

void retention_update(struct future *future)
{
	bool wanted = expendable(future);

	if (wanted == sched_waiting(&future->ended))
		return;
	if (wanted)
		enter(future);
	else
		retention_leave(future);
}

static void on_forgotten(void *arg, int status)
{
	struct broker *broker = arg;

	/* One that was refused is back where it was. */
	(void)status;
	broker->retention.under_way--;
	broker->retention.due = true;
}

static struct future *first_of(const struct keeper *keeper)
{
	return (struct future *)(void *)((char *)sched_first(&keeper->ends) - offsetof(struct future, ended));
}

/* The oldest go, as many as may at a time. False: no more now. */
static bool trim(struct broker *broker, const struct keeper *keeper)
{
	/* What is being forgotten is not counted any more. */
	while (is_above(broker, keeper)) {
		struct future *oldest = first_of(keeper);

		if (broker->retention.under_way >= UNDER_WAY_MAX ||
		    core_forget(broker, oldest, on_forgotten, broker) < 0)
			return false;
		broker->retention.under_way++;
	}
	return true;
}

void retention_run(struct broker *broker)
{
	struct keeper *keeper, *next;
	bool going = broker->retention.due && !broker->stopping;

	if (!going)
		return;
	HASH_ITER(hh, broker->retention.table, keeper, next) {
		if (going)
			going = trim(broker, keeper);
	}
	/* What could not be asked of the store is, at the next occasion. */
	broker->retention.due = !going;
}
