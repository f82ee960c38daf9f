/* core.h - the inside of struct broker, for the files of this folder only. */
#ifndef BROKER_CORE_H
#define BROKER_CORE_H

#include "daemon/broker/assembly.h"
#include "daemon/broker/batch.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/bucket.h"
#include "daemon/broker/index.h"
#include "daemon/broker/keepalive.h"
#include "daemon/broker/retention.h"
#include "daemon/broker/sched.h"
#include "daemon/broker/stops.h"
#include "daemon/broker/subscription.h"

/* The time until something is tried again that memory was too short for. */
#define SHORTAGE_USEC 1000000u

struct broker {
	struct broker_config config;
	struct broker_host host;
	struct remote remote;
	struct store *store;
	struct id_source ids;
	uint64_t seq;                   /* of the newest event, durable or not */
	uint64_t durable_seq;           /* of the newest event that everyone was told of */
	bool stopping;
	bool lost;                      /* the store refused an update: memory is ahead of the disk */

	struct index index;             /* every future */
	uint64_t naming;                /* creations that named dependencies */
	struct sched timers;            /* of live futures: requests and deadlines */
	struct sched expiries;          /* of those that are over */
	struct buckets *buckets;
	struct stops stops;
	struct retention retention;
	struct keepalives keepalives;
	struct batches batches;
	struct assemblies assemblies;

	struct wait *waits;             /* all of them */
	struct wait *ready_first, *ready_last;  /* their condition holds or their time is over */
	struct sched wait_timers;
	struct subscription *subscriptions;

	struct broker_stats stats;      /* the counters of it; gauges are filled in on request */
};

static inline uint64_t core_now_usec(const struct broker *broker)
{
	return broker->host.monotonic_usec(broker->host.self);
}

static inline int64_t core_wall_ms(const struct broker *broker)
{
	return broker->host.wall_ms(broker->host.self);
}

static inline uint64_t core_random(const struct broker *broker)
{
	uint64_t random;

	broker->host.random(broker->host.self, &random, sizeof random);
	return random;
}

/* Of two times, or spans. */
static inline uint64_t core_earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t core_later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The future behind an id that the caller may read (and, with write, change): else ERROR_NOT_FOUND or
 * ERROR_PERMISSION_DENIED. */
int core_find(struct broker *broker, const struct caller *caller, const struct id *id, bool write,
    struct future **ret, struct error *error);

/* An event about a future became durable: count its state, tell subscribers, and waiters when it is over.
 * trouble: NULL for another event. */
void core_durable(struct broker *broker, struct future *future, const struct event_rec *event,
    const struct trouble *trouble);

/* Forget a terminal future: out of the store, then out of memory; then (may be NULL) runs when that is
 * durable or was refused. -ENOMEM. */
int core_forget(struct broker *broker, struct future *future, void (*then)(void *arg, int status), void *arg);

/* Take a future out of every table and free it as soon as no callback needs it any more. */
void core_remove(struct broker *broker, struct future *future);

/* The error of a store operation that was refused, for the client. */
void core_store_error(int status, struct error *ret);

#endif
