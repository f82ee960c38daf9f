/* boot.c - takes over what the store had: compiles, schedules, settles what was interrupted (see broker.h). */
#include "daemon/broker/ack.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/future.h"
#include "daemon/broker/hold.h"
#include "daemon/broker/promise.h"
#include "daemon/broker/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Futures that became due while the daemon was down are spread over so much time for each of them, but over no
 * more than their longest polling interval. */
#define SPREAD_USEC 50000u
/* A pause that seems to last longer is cut to this: the clock may have been set back. */
#define PAUSE_MAX_USEC UINT64_C(86400000000)

/* One future as it was stored; texts only of those that are not at rest, which are compiled again. */
struct loaded {
	struct loaded *next;
	struct future_rec rec;
	char *spec;
	char *params;
};

struct broker_loader {
	struct loaded *first;
	struct loaded **last;
};

struct broker_loader *broker_loader_new(void)
{
	struct broker_loader *loader = calloc(1, sizeof *loader);

	if (loader)
		loader->last = &loader->first;
	return loader;
}

static void loaded_free(struct loaded *loaded)
{
	future_rec_done(&loaded->rec);
	free(loaded->spec);
	free(loaded->params);
	free(loaded);
}

struct broker_loader *broker_loader_free(struct broker_loader *loader)
{
	struct loaded *next;

	if (!loader)
		return NULL;
	for (struct loaded *loaded = loader->first; loaded; loaded = next) {
		next = loaded->next;
		loaded_free(loaded);
	}
	free(loader);
	return NULL;
}

int broker_load_one(struct future_rec *rec, const struct store_texts *texts, void *arg)
{
	struct broker_loader *loader = arg;
	struct loaded *loaded = calloc(1, sizeof *loaded);

	if (!loaded)
		return -ENOMEM;
	if (!future_at_rest(rec)) {
		loaded->spec = strdup(texts->spec);
		loaded->params = strdup(texts->params);
		if (!loaded->spec || !loaded->params) {
			loaded_free(loaded);
			return -ENOMEM;
		}
	}
	loaded->rec = *rec;
	memset(rec, 0, sizeof *rec);
	*loader->last = loaded;
	loader->last = &loaded->next;
	return 0;
}

static uint64_t usec_until(const struct broker *broker, int64_t at_ms)
{
	int64_t now_ms = core_wall_ms(broker);

	return at_ms > now_ms ? (uint64_t)(at_ms - now_ms) * 1000 : 0;
}

static void set_deadline(struct future *future)
{
	if (future->rec.deadline_at_ms)
		future->deadline_usec = core_now_usec(future->broker) + usec_until(future->broker, future->rec.deadline_at_ms);
}

/* When a future goes on that is not at rest. A time far ahead is not believed: the clock may have been set back. */
static void schedule(struct future *future, uint64_t overdue)
{
	struct broker *broker = future->broker;
	const struct plan *plan = future->plan;
	uint64_t now = core_now_usec(broker);
	uint64_t longest = plan->polling.maximum_usec > plan->retry.maximum_usec ? plan->polling.maximum_usec :
	    plan->retry.maximum_usec;
	uint64_t delay = usec_until(broker, future->rec.next_at_ms);
	uint64_t spread = overdue * SPREAD_USEC;

	if (longest < plan->retry_after_max_usec)
		longest = plan->retry_after_max_usec;
	if (delay > longest)
		delay = longest;
	if (spread > plan->polling.maximum_usec)
		spread = plan->polling.maximum_usec;
	if (delay == 0 && spread > 0)
		delay = core_random(broker) % spread;
	future->next_usec = now + delay;
	future->batch.wished = future->rec.next_at_ms > core_wall_ms(broker);
	if (future->rec.phase == STORE_PHASE_ACK)
		ack_resume(future);
	else
		set_deadline(future);
}

/* The same for one that asks no service. */
static void schedule_local(struct future *future)
{
	future->next_usec = SCHED_NEVER;
	set_deadline(future);
	promise_resume(future, usec_until(future->broker, future->rec.lease_until_ms));
}

/* A spec that a newer language no longer takes must not be lost in silence. */
static void fail_uncompiled(struct future *future, const struct error *error)
{
	struct future_rec draft;
	char message[sizeof error->message + 64];

	if (future->rec.phase == STORE_PHASE_ACK) {
		ack_end(future);
		return;
	}
	snprintf(message, sizeof message, "its stored spec does not compile any more: %s", error->message);
	record_draft(future, &draft);
	drive_fail(future, &draft, "invalid_spec", message, 0);
}

/* List one future. Takes loaded's contents over. */
static int adopt_one(struct broker *broker, struct loaded *loaded, uint64_t overdue)
{
	struct error error = { 0 };
	struct future *future = future_from_rec(broker, &loaded->rec);
	int r;

	if (!future)
		return -ENOMEM;
	if (drive_reserve(broker) < 0 || index_add(&broker->index, future) < 0) {
		future_free(future);
		return -ENOMEM;
	}
	id_source_seen(&broker->ids, &future->id);
	broker->stats.futures[future->durable_state]++;
	if (future_at_rest(&future->rec)) {
		drive_arm(future);
		return 0;
	}
	r = broker->remote.compile(broker->remote.self, loaded->spec, loaded->params, &future->plan, &error);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		fail_uncompiled(future, &error);
		return 0;
	}
	if (future->rec.held) {
		future->next_usec = SCHED_NEVER;
		set_deadline(future);
		return 0;
	}
	if (future->rec.kind != STORE_KIND_HTTP) {
		schedule_local(future);
		drive_arm(future);
		return 0;
	}
	schedule(future, overdue);
	drive_arm(future);
	batch_join(future);
	if (future->rec.state == STORE_RUNNING)
		keepalive_join(future);
	return 0;
}

/* How many futures should have been looked at while the daemon was down. */
static uint64_t count_overdue(const struct broker *broker, const struct broker_loader *loader)
{
	int64_t now_ms = core_wall_ms(broker);
	uint64_t overdue = 0;

	for (const struct loaded *loaded = loader->first; loaded; loaded = loaded->next) {
		if (loaded->rec.kind == STORE_KIND_HTTP && !future_at_rest(&loaded->rec) && !loaded->rec.held &&
		    loaded->rec.next_at_ms <= now_ms)
			overdue++;
	}
	return overdue;
}

/* All are listed: find out what those that are held wait for. Some of it may have come, or gone, in the meantime. */
static int adopt_holds(struct broker *broker)
{
	for (struct future *future = index_first(&broker->index, NULL); future; future = index_next(future)) {
		if (future_state_terminal(future->rec.state))
			continue;
		if (hold_begin(future) < 0)
			return -ENOMEM;
		hold_look(future);
	}
	return 0;
}

/* A service asked for a pause that is not over. */
static int restore_pause(void *arg, uint32_t uid, const char *bucket, int64_t until_ms)
{
	struct broker *broker = arg;
	uint64_t left = usec_until(broker, until_ms);

	if (left > PAUSE_MAX_USEC)
		left = PAUSE_MAX_USEC;
	return bucket_restore_pause(broker->buckets, uid, bucket, core_now_usec(broker) + left);
}

int broker_adopt(struct broker *broker, struct broker_loader *loader, struct error *error)
{
	uint64_t overdue = count_overdue(broker, loader);
	int r;

	broker->seq = broker->durable_seq = store_last_seq(broker->store);
	r = store_each_pause(broker->store, core_wall_ms(broker), restore_pause, broker);
	for (struct loaded *loaded = loader->first; loaded && r == 0; loaded = loaded->next)
		r = adopt_one(broker, loaded, overdue);
	if (r == 0)
		r = adopt_holds(broker);
	broker_loader_free(loader);
	if (r < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for the stored futures");
	return 0;
}
