/* broker.c - the core as a whole: its life, its turn, lookups and numbers. */
#include "daemon/broker/broker.h"

#include "daemon/broker/core.h"
#include "daemon/broker/dependents.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/future.h"
#include "daemon/broker/hold.h"
#include "daemon/broker/labels.h"
#include "daemon/broker/record.h"
#include "daemon/broker/subscription.h"
#include "daemon/broker/wait.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static struct bucket_limits limits_of(const struct broker_config *config)
{
	return (struct bucket_limits){
		.total = config->requests_total,
		.each = config->requests_bucket,
		.long_total = config->long_polls_total,
		.long_each = config->long_polls_bucket,
	};
}

struct broker *broker_new(const struct broker_config *config, const struct broker_host *host,
    const struct remote *remote, struct store *store)
{
	struct broker *broker = calloc(1, sizeof *broker);
	struct bucket_limits limits;
	uint8_t key[16];

	if (!broker)
		return NULL;
	broker->host = *host;
	broker->remote = *remote;
	broker->store = store;
	broker->config = *config;
	sched_init(&broker->timers);
	sched_init(&broker->expiries);
	sched_init(&broker->wait_timers);
	host->random(host->self, key, sizeof key);
	index_init(&broker->index, key);
	keepalives_init(&broker->keepalives, key);
	batches_init(&broker->batches, key);
	stops_init(&broker->stops, key);
	retention_init(&broker->retention, key);
	limits = limits_of(config);
	broker->buckets = buckets_new(&limits, key);
	if (!broker->buckets) {
		free(broker);
		return NULL;
	}
	return broker;
}

struct broker *broker_free(struct broker *broker)
{
	struct future *future;

	if (!broker)
		return NULL;
	wait_drop_all(broker);
	while (broker->subscriptions)
		(void)subscription_free(broker->subscriptions);
	broker->stopping = true;         /* of those that go one by one, none speaks for the rest any more */
	keepalives_stop(broker);
	batches_stop(broker);
	while ((future = index_first(&broker->index, NULL)))
		core_remove(broker, future);
	index_done(&broker->index);
	keepalives_done(&broker->keepalives);
	batches_done(&broker->batches);
	buckets_free(broker->buckets);
	stops_done(&broker->stops);
	retention_done(&broker->retention);
	sched_done(&broker->timers);
	sched_done(&broker->expiries);
	sched_done(&broker->wait_timers);
	free(broker);
	return NULL;
}

void broker_configure(struct broker *broker, const struct broker_config *config)
{
	const struct bucket_limits limits = limits_of(config);

	broker->config = *config;
	buckets_configure(broker->buckets, &limits);
	broker->retention.due = true;
}

static struct future *pop_due(struct sched *sched, uint64_t now_usec)
{
	struct sched_entry *entry = sched_pop(sched, now_usec);

	return entry ? (struct future *)((char *)entry - offsetof(struct future, timer)) : NULL;
}

/* The time is over of a terminal future: forget it, unless it has to be delivered first, is waited for, or is being
 * read. Without memory that is tried again in a second, for which its timer has left room. */
static void expire(struct future *future, uint64_t now_usec)
{
	if (future->rec.keep_until_delivered || future->forgetting || future->kept_for > 0 || future->reads > 0)
		return;
	if (core_forget(future->broker, future, NULL, NULL) < 0)
		(void)sched_set(&future->broker->expiries, &future->timer, now_usec + SHORTAGE_USEC);
}

/* When the next request is due, or a deadline. */
static uint64_t next_request(const struct broker *broker)
{
	return core_earlier(sched_next(&broker->timers), core_earlier(keepalives_next(broker), batches_next(broker)));
}

uint64_t broker_run(struct broker *broker)
{
	struct future *future;
	uint64_t now, next;

	do {
		now = core_now_usec(broker);
		while ((future = pop_due(&broker->timers, now)))
			drive_due(future);
		keepalives_due(broker, now);
		batches_due(broker, now);
		assemblies_due(broker);
		drive_grant(broker);
	} while (wait_run(broker, now) > 0);  /* those called back may have asked for more */
	/* However short its time, and however little room: those who waited for its end are answered first. */
	while ((future = pop_due(&broker->expiries, now)))
		expire(future, now);
	retention_run(broker);
	next = core_earlier(next_request(broker), core_earlier(sched_next(&broker->expiries),
	    core_earlier(sched_next(&broker->wait_timers), core_earlier(batches_fade(broker), assemblies_next(broker, now)))));
	return broker->stopping ? next : core_earlier(next, buckets_next(broker->buckets, now));
}

void broker_clock_set(struct broker *broker)
{
	for (struct future *future = index_first(&broker->index, NULL); future; future = index_next(future))
		hold_look(future);
}

void broker_stop(struct broker *broker)
{
	broker->stopping = true;
	keepalives_stop(broker);
	batches_stop(broker);
	for (struct future *future = index_first(&broker->index, NULL); future; future = index_next(future))
		drive_stop(future);
}

bool broker_stopped(const struct broker *broker)
{
	for (struct future *future = index_first(&broker->index, NULL); future; future = index_next(future)) {
		if (future->exchange || future->intent_pending)
			return false;
	}
	return true;
}

bool broker_lost(const struct broker *broker)
{
	return broker->lost;
}

int core_find(struct broker *broker, const struct caller *caller, const struct id *id, bool write,
    struct future **ret, struct error *error)
{
	struct future *future = index_find(&broker->index, id);
	char text[ID_TEXT_LEN + 1];

	id_format(id, text);
	if (!future || !future->durable || future->forgetting ||
	    !access_may_read(caller, future->rec.uid, future->rec.gid, future->rec.mode))
		return error_set(error, ERROR_NOT_FOUND, "no such future %s", text);
	if (write && !access_may_write(caller, future->rec.uid, future->rec.gid, future->rec.mode))
		return error_set(error, ERROR_PERMISSION_DENIED, "future %s is not yours to change", text);
	*ret = future;
	return 0;
}

int broker_find(struct broker *broker, const struct caller *caller, const struct id *id,
    const struct future **ret, struct error *error)
{
	struct future *future;
	int r = core_find(broker, caller, id, false, &future, error);

	if (r == 0)
		*ret = future;
	return r;
}

void core_durable(struct broker *broker, struct future *future, const struct event_rec *event,
    const struct trouble *trouble)
{
	if (event->event != STORE_EVENT_CREATED)
		broker->stats.futures[future->durable_state]--;
	broker->durable_seq = event->seq;
	if (event->event == STORE_EVENT_FORGOTTEN) {
		subscription_publish(broker, event, future, NULL);
		return;
	}
	broker->stats.futures[event->state]++;
	future->durable_state = event->state;
	future->durable_seq = event->seq;
	subscription_publish(broker, event, future, trouble);
	if (future_state_terminal(event->state) && event->event == STORE_EVENT_CHANGED) {
		broker->stats.completed++;
		wait_ended(future);
		dependents_ended(future);
		drive_arm(future);
	}
}

/* A removal under way. */
struct removal {
	struct future *future;
	struct event_rec event;
	void (*then)(void *arg, int status);
	void *arg;
};

static void on_forgotten(void *arg, int status)
{
	struct removal *removal = arg;
	struct future *future = removal->future;

	if (status == 0) {
		core_durable(future->broker, future, &removal->event, NULL);
		core_remove(future->broker, future);
	} else {
		future->forgetting = false;
		drive_arm(future);
	}
	if (removal->then)
		removal->then(removal->arg, status);
	free(removal);
	future_unpin(future);
}

int core_forget(struct broker *broker, struct future *future, void (*then)(void *arg, int status), void *arg)
{
	struct removal *removal = calloc(1, sizeof *removal);
	int r;

	if (!removal)
		return -ENOMEM;
	removal->future = future;
	removal->then = then;
	removal->arg = arg;
	record_event(future, STORE_EVENT_FORGOTTEN, &removal->event);
	r = store_forget(broker->store, future->id.bytes, &removal->event, on_forgotten, removal);
	if (r < 0) {
		free(removal);
		return r;
	}
	future->forgetting = true;
	future_pin(future);
	drive_arm(future);
	return 0;
}

void core_remove(struct broker *broker, struct future *future)
{
	drive_end(future);
	dependents_gone(future);
	retention_leave(future);
	index_remove(&broker->index, future);
	future->removed = true;
	if (future->pins == 0)
		future_free(future);
}

void core_store_error(int status, struct error *ret)
{
	switch (status) {
	case -ENOSPC:
		error_set(ret, ERROR_DISK_FULL,
		    "the disk of the daemon's state is full; new futures are refused for now");
		break;
	case -ENOMEM:
		error_set(ret, ERROR_OUT_OF_MEMORY, "the store has no memory for it");
		break;
	case -ENOENT:
		error_set(ret, ERROR_NOT_FOUND, "it was forgotten meanwhile");
		break;
	default:
		error_set(ret, ERROR_INTERNAL, "store: %s", strerror(-status));
	}
}

static bool list_matches(const struct future *future, const struct list_filter *filter)
{
	char text[ID_TEXT_LEN + 1];

	if (filter->has_state && future->durable_state != filter->state)
		return false;
	if (filter->profile.data && !(future->rec.profile && slice_equals(filter->profile, future->rec.profile)))
		return false;
	if (filter->prefix.data) {
		id_format(&future->id, text);
		if (filter->prefix.len > ID_TEXT_LEN || memcmp(text, filter->prefix.data, filter->prefix.len) != 0)
			return false;
	}
	return labels_match(future->rec.labels, future->rec.n_labels, filter->labels, filter->n_labels);
}

void broker_list(struct broker *broker, const struct caller *caller, const struct list_filter *filter,
    const struct id *after, broker_each_cb each, void *arg)
{
	for (struct future *future = index_first(&broker->index, after); future; future = index_next(future)) {
		if (!future->durable || future->forgetting ||
		    !access_may_read(caller, future->rec.uid, future->rec.gid, future->rec.mode) ||
		    !list_matches(future, filter))
			continue;
		if (!each(arg, future))
			return;
	}
}

void broker_stats(const struct broker *broker, struct broker_stats *ret)
{
	struct buckets_stats buckets;
	uint64_t now = core_now_usec(broker);
	uint64_t next = next_request(broker);

	buckets_stats(broker->buckets, now, &buckets);
	*ret = broker->stats;
	ret->buckets = buckets.buckets;
	ret->in_flight = buckets.in_flight;
	ret->queued = buckets.waiting;
	ret->paused = buckets.paused;
	ret->long_polls = buckets.long_polls;
	ret->reduced = buckets.reduced;
	ret->seq = broker->durable_seq;
	ret->next_due_in_usec = next == SCHED_NEVER ? UINT64_MAX : next > now ? next - now : 0;
}
