/* wait.c - waits for several futures, each told once. */
#include "daemon/broker/wait.h"

#include "daemon/broker/broker.h"
#include "daemon/broker/core.h"
#include "daemon/broker/future.h"

#include <stddef.h>
#include <stdlib.h>

/* One place in the list of one wait. A future that is named twice has two. */
struct wait_item {
	struct wait *wait;
	struct id id;
	struct future *future;          /* valid while it is linked */
	struct wait_item *next, *prev;  /* of the same future, while it is live */
	bool linked;
};

struct wait {
	struct broker *broker;
	struct wait *next, *prev;       /* among all waits */
	struct wait *next_ready;
	enum wait_mode mode;
	wait_cb done;
	void *arg;
	struct sched_entry timer;
	size_t open;                    /* items whose future is live */
	bool decided;                   /* the condition held from the start */
	bool ready, timed_out, dropped;
	size_t count;
	struct wait_item items[];
};

static void item_link(struct wait_item *item)
{
	struct future *future = item->future;

	item->next = future->waits;
	item->prev = NULL;
	if (item->next)
		item->next->prev = item;
	future->waits = item;
	item->linked = true;
}

static void item_unlink(struct wait_item *item)
{
	if (!item->linked)
		return;
	if (item->prev)
		item->prev->next = item->next;
	else
		item->future->waits = item->next;
	if (item->next)
		item->next->prev = item->prev;
	item->linked = false;
}

static void make_ready(struct wait *wait, bool timed_out)
{
	struct broker *broker = wait->broker;

	if (wait->ready)
		return;
	wait->ready = true;
	wait->timed_out = timed_out;
	sched_cancel(&broker->wait_timers, &wait->timer);
	wait->next_ready = NULL;
	if (broker->ready_last)
		broker->ready_last->next_ready = wait;
	else
		broker->ready_first = wait;
	broker->ready_last = wait;
}

/* Does this future's end fulfil the condition by itself? */
static bool decides(enum wait_mode mode, const struct future *future)
{
	return mode == WAIT_FIRST_COMPLETED ||
	    (mode == WAIT_FIRST_EXCEPTION && future->durable_state == STORE_FAILED);
}

static int fill_items(struct wait *wait, const struct caller *caller, const struct id *ids, struct error *error)
{
	bool decided = false;

	for (size_t i = 0; i < wait->count; i++) {
		struct wait_item *item = &wait->items[i];
		int r = core_find(wait->broker, caller, &ids[i], false, &item->future, error);

		if (r < 0) {
			if (wait->count > 1)
				error_wrap(error, "ids[%zu]", i);
			return r;
		}
		item->wait = wait;
		item->id = ids[i];
		if (future_state_terminal(item->future->durable_state))
			decided = decided || decides(wait->mode, item->future);
		else
			wait->open++;
	}
	wait->decided = decided;
	return 0;
}

int wait_new(struct broker *broker, const struct caller *caller, const struct id *ids, size_t count,
    enum wait_mode mode, uint64_t timeout_usec, wait_cb done, void *arg, struct wait **ret,
    struct error *error)
{
	struct wait *wait = calloc(1, sizeof *wait + count * sizeof wait->items[0]);
	uint64_t now = core_now_usec(broker);
	int r = 0;

	if (!wait)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a wait");
	wait->broker = broker;
	wait->mode = mode;
	wait->done = done;
	wait->arg = arg;
	wait->count = count;
	wait->next = broker->waits;
	sched_entry_init(&wait->timer);
	r = fill_items(wait, caller, ids, error);
	if (r < 0)
		goto fail;
	if (wait->open > 0 && !wait->decided && timeout_usec > 0 && timeout_usec < UINT64_MAX - now &&
	    sched_set(&broker->wait_timers, &wait->timer, now + timeout_usec) < 0) {
		r = error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a wait");
		goto fail;
	}
	if (wait->next)
		wait->next->prev = wait;
	broker->waits = wait;
	broker->stats.waits++;
	for (size_t i = 0; i < count; i++) {
		if (!future_state_terminal(wait->items[i].future->durable_state))
			item_link(&wait->items[i]);
	}
	if (wait->open == 0 || wait->decided)
		make_ready(wait, false);
	else if (timeout_usec == 0)
		make_ready(wait, true);
	*ret = wait;
	return 0;
fail:
	free(wait);
	return r;
}

static void destroy(struct wait *wait)
{
	struct broker *broker = wait->broker;

	for (size_t i = 0; i < wait->count; i++)
		item_unlink(&wait->items[i]);
	sched_cancel(&broker->wait_timers, &wait->timer);
	if (wait->prev)
		wait->prev->next = wait->next;
	else
		broker->waits = wait->next;
	if (wait->next)
		wait->next->prev = wait->prev;
	broker->stats.waits--;
	free(wait);
}

struct wait *wait_free(struct wait *wait)
{
	if (!wait)
		return NULL;
	if (wait->ready)
		wait->dropped = true;   /* it is in the ready list, which frees it */
	else
		destroy(wait);
	return NULL;
}

void wait_drop_all(struct broker *broker)
{
	broker->ready_first = broker->ready_last = NULL;
	while (broker->waits)
		destroy(broker->waits);
}

size_t wait_count(const struct wait *wait)
{
	return wait->count;
}

const struct id *wait_id(const struct wait *wait, size_t i)
{
	return &wait->items[i].id;
}

const struct future *wait_future(const struct wait *wait, size_t i)
{
	/* A terminal future is not linked any more: it may be gone since. */
	return index_find(&wait->broker->index, &wait->items[i].id);
}

/* One item's future is over. */
static void item_ended(struct wait_item *item, bool decided)
{
	struct wait *wait = item->wait;

	item_unlink(item);
	wait->open--;
	if (decided || wait->open == 0)
		make_ready(wait, false);
}

void wait_ended(struct future *future)
{
	struct wait_item *item = future->waits, *before;

	/* The list has the newest first; they are told in the order of their registration. */
	while (item && item->next)
		item = item->next;
	for (; item; item = before) {
		before = item->prev;
		item_ended(item, decides(item->wait->mode, future));
	}
}

int wait_run(struct broker *broker, uint64_t now_usec)
{
	struct sched_entry *entry;
	int ran = 0;

	while ((entry = sched_pop(&broker->wait_timers, now_usec)))
		make_ready((struct wait *)((char *)entry - offsetof(struct wait, timer)), true);
	while (broker->ready_first) {
		struct wait *wait = broker->ready_first;

		broker->ready_first = wait->next_ready;
		if (!broker->ready_first)
			broker->ready_last = NULL;
		if (!wait->dropped)
			wait->done(wait->arg, wait, wait->timed_out);
		destroy(wait);
		ran++;
	}
	return ran;
}
