/* subscription.c - who hears of changes: live while they keep up, from the event log when they do not. */
#include "daemon/broker/subscription.h"

#include "daemon/broker/access.h"
#include "daemon/broker/broker.h"
#include "daemon/broker/core.h"
#include "daemon/broker/labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Events read from the log at a time. */
#define PAGE_EVENTS 256

/*
 * The event log is the queue of a slow reader. While LIVE, events are handed over as they become durable. When
 * the sink refuses one, the subscription is BLOCKED and holds nothing but a number; resumed, it is READING
 * pages of the log until it has caught up, and then LIVE again. When a page could not be read for want of
 * memory it is STARVED, and the next event is the occasion to try again. When the log does not have what comes
 * next any more it is LOST: nothing can be handed over without a gap that nobody would hear of.
 */
enum mode { LIVE, BLOCKED, READING, STARVED, LOST };

struct subscription {
	struct broker *broker;
	struct subscription *next, *prev;
	struct caller caller;           /* groups are a copy */
	struct id *ids;                 /* sorted; NULL: all */
	size_t n_ids;
	struct store_label *labels;
	size_t n_labels;
	struct subscription_sink sink;
	enum mode mode;
	uint64_t seq;                   /* everything up to here was handed over or did not match */
	bool reading;                   /* a page is on its way */
	bool resumed;                   /* while that page was on its way */
	bool truncated;                 /* it was told that the log does not reach back to seq; no page came yet */
	bool dead;
};

static void read_page(struct subscription *sub);

static int compare_ids(const void *a, const void *b)
{
	return id_compare(a, b);
}

static void destroy(struct subscription *sub)
{
	labels_free(sub->labels, sub->n_labels);
	free(sub->ids);
	free((gid_t *)(uintptr_t)sub->caller.groups);
	free(sub);
}

static bool matches(const struct subscription *sub, const struct event_rec *event, const struct future *future)
{
	struct id id;

	memcpy(id.bytes, event->id, sizeof id.bytes);
	if (!access_may_read(&sub->caller, event->uid, event->gid, event->mode))
		return false;
	if (sub->ids && !bsearch(&id, sub->ids, sub->n_ids, sizeof id, compare_ids))
		return false;
	/* The labels of a future that is gone are gone with it. */
	return sub->n_labels == 0 ||
	    (future && labels_match(future->rec.labels, future->rec.n_labels, sub->labels, sub->n_labels));
}

/* Hand one event over. False when the sink is backed up. */
static bool deliver(struct subscription *sub, const struct event_rec *rec, const struct future *future,
    const struct trouble *trouble)
{
	struct broker_event event = {
		.seq = rec->seq,
		.at_ms = rec->at_ms,
		.event = rec->event,
		.state = rec->state,
		.future = future,
		.message = trouble ? trouble->message : NULL,
		.attempts = trouble ? trouble->attempts : 0,
	};

	memcpy(event.id.bytes, rec->id, sizeof event.id.bytes);
	return sub->sink.event(sub->sink.arg, &event);
}

void subscription_publish(struct broker *broker, const struct event_rec *event, const struct future *future,
    const struct trouble *trouble)
{
	const struct future *shown = event->event == STORE_EVENT_FORGOTTEN ? NULL : future;

	for (struct subscription *sub = broker->subscriptions; sub; sub = sub->next) {
		if (sub->mode == STARVED)
			read_page(sub);
		if (sub->mode != LIVE)
			continue;
		if (matches(sub, event, future) && !deliver(sub, event, shown, trouble))
			sub->mode = BLOCKED;
		else
			sub->seq = event->seq;
	}
}

/* Is this progress, or trouble, made stale by a later event of the same future, which is to come? */
static bool superseded(const struct event_rec *event, const struct future *future)
{
	return (event->event == STORE_EVENT_PROGRESS || event->event == STORE_EVENT_TROUBLE) &&
	    (!future || event->seq < future->rec.seq);
}

/* An event out of the log. The log does not have what went wrong: if it goes on, the future has. */
static bool replay(struct subscription *sub, const struct event_rec *event, const struct future *future)
{
	struct trouble trouble;

	if (event->event != STORE_EVENT_TROUBLE || future->rec.attempts == 0)
		return deliver(sub, event, future, NULL);
	trouble = (struct trouble){ future->rec.last_error, future->rec.attempts };
	return deliver(sub, event, future, &trouble);
}

/* Did the log drop what follows before it was read? Its extent is as new as the page, or newer. */
static bool missed(const struct subscription *sub, const struct event_rec *events, size_t count)
{
	return sub->seq + 1 < store_oldest_seq(sub->broker->store) && (count == 0 || events[0].seq > sub->seq + 1);
}

static void on_page(void *arg, int status, const struct event_rec *events, size_t count)
{
	struct subscription *sub = arg;

	sub->reading = false;
	if (sub->dead) {
		destroy(sub);
		return;
	}
	if (status < 0) {
		sub->mode = STARVED;
		return;
	}
	if (sub->truncated && count > 0)
		sub->seq = events[0].seq - 1;
	sub->truncated = false;
	if (missed(sub, events, count)) {
		sub->mode = LOST;
		sub->sink.lost(sub->sink.arg);
		return;
	}
	for (size_t i = 0; i < count && sub->mode == READING; i++) {
		struct id id;
		struct future *future;

		memcpy(id.bytes, events[i].id, sizeof id.bytes);
		future = index_find(&sub->broker->index, &id);
		if (!superseded(&events[i], future) && matches(sub, &events[i], future) &&
		    !replay(sub, &events[i], future))
			sub->mode = BLOCKED;
		else
			sub->seq = events[i].seq;
	}
	/* All that was queued before this read has been published by now: a short page means caught up. */
	if (sub->mode == READING && count < PAGE_EVENTS)
		sub->mode = LIVE;
	else if (sub->mode == READING || sub->resumed)
		read_page(sub);
}

static void read_page(struct subscription *sub)
{
	sub->mode = READING;
	sub->resumed = false;
	sub->reading = store_read_events(sub->broker->store, sub->seq, PAGE_EVENTS, on_page, sub) == 0;
	if (!sub->reading)
		sub->mode = STARVED;
}

void subscription_resume(struct subscription *sub)
{
	if (sub->mode != BLOCKED)
		return;
	if (sub->reading)
		sub->resumed = true;
	else
		read_page(sub);
}

static int copy_filter(struct subscription *sub, const struct caller *caller, const struct subscribe_filter *filter)
{
	if (caller->n_groups > 0) {
		gid_t *groups = malloc(caller->n_groups * sizeof *groups);

		if (!groups)
			return -ENOMEM;
		memcpy(groups, caller->groups, caller->n_groups * sizeof *groups);
		sub->caller.groups = groups;
	}
	if (filter->n_ids > 0) {
		sub->ids = malloc(filter->n_ids * sizeof *sub->ids);
		if (!sub->ids)
			return -ENOMEM;
		memcpy(sub->ids, filter->ids, filter->n_ids * sizeof *sub->ids);
		qsort(sub->ids, filter->n_ids, sizeof *sub->ids, compare_ids);
		sub->n_ids = filter->n_ids;
	}
	if (filter->n_labels > 0) {
		sub->labels = labels_copy(filter->labels, filter->n_labels);
		if (!sub->labels)
			return -ENOMEM;
		sub->n_labels = filter->n_labels;
	}
	return 0;
}

/* Without a replay, an id that one may not see is a mistake. With one, it may be of a future that is gone. */
static int check_ids(struct broker *broker, const struct caller *caller, const struct subscribe_filter *filter,
    struct error *error)
{
	struct future *future;

	for (size_t i = 0; i < filter->n_ids; i++) {
		int r = core_find(broker, caller, &filter->ids[i], false, &future, error);

		if (r < 0) {
			error_wrap(error, "ids[%zu]", i);
			return r;
		}
	}
	return 0;
}

int broker_subscribe(struct broker *broker, const struct caller *caller, const struct subscribe_filter *filter,
    bool has_since, uint64_t since, const struct subscription_sink *sink, struct subscription **ret,
    uint64_t *ret_seq, bool *ret_truncated, struct error *error)
{
	struct subscription *sub;
	int r;

	if (!has_since) {
		r = check_ids(broker, caller, filter, error);
		if (r < 0)
			return r;
	} else if (since > broker->seq) {
		return error_set(error, ERROR_INVALID_ARGUMENT, "since: %llu is ahead of the last event, %llu",
		    (unsigned long long)since, (unsigned long long)broker->durable_seq);
	}
	sub = calloc(1, sizeof *sub);
	if (!sub)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a subscription");
	sub->broker = broker;
	sub->caller = *caller;
	sub->caller.groups = NULL;
	sub->sink = *sink;
	sub->seq = has_since ? since : broker->durable_seq;
	if (copy_filter(sub, caller, filter) < 0) {
		destroy(sub);
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a subscription");
	}
	if (has_since && since < broker->durable_seq) {
		read_page(sub);
		if (!sub->reading) {
			destroy(sub);
			return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a replay");
		}
	}
	sub->next = broker->subscriptions;
	if (sub->next)
		sub->next->prev = sub;
	broker->subscriptions = sub;
	broker->stats.subscriptions++;
	sub->truncated = has_since && since + 1 < store_oldest_seq(broker->store);
	*ret_truncated = sub->truncated;
	*ret_seq = broker->durable_seq;
	*ret = sub;
	return 0;
}

struct subscription *subscription_free(struct subscription *sub)
{
	if (!sub)
		return NULL;
	if (sub->prev)
		sub->prev->next = sub->next;
	else
		sub->broker->subscriptions = sub->next;
	if (sub->next)
		sub->next->prev = sub->prev;
	sub->broker->stats.subscriptions--;
	sub->dead = true;
	if (!sub->reading)
		destroy(sub);
	return NULL;
}
