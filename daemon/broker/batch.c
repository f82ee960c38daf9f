/* batch.c - who is asked about together, and when the next turn is. */
#include "daemon/broker/batch_core.h"

#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"

#include <assert.h>
#include <stdlib.h>

/* A batch that nobody is left in is kept for so long at most. */
#define FADING_USEC 60000000u

void batches_init(struct batches *batches, const uint8_t hash_key[16])
{
	groups_init(&batches->groups, hash_key);
	sched_init(&batches->timers);
	sched_init(&batches->fading);
}

void batches_done(struct batches *batches)
{
	assert(!batches->groups.table);
	sched_done(&batches->timers);
	sched_done(&batches->fading);
}

uint64_t batches_next(const struct broker *broker)
{
	return sched_next(&broker->batches.timers);
}

uint64_t batches_fade(const struct broker *broker)
{
	return sched_next(&broker->batches.fading);
}

void batch_append(struct batch *batch, struct future *future)
{
	future->batch.prev = batch->last;
	future->batch.next = NULL;
	if (batch->last)
		batch->last->batch.next = future;
	else
		batch->first = future;
	batch->last = future;
}

void batch_take_out(struct batch *batch, struct future *future)
{
	if (future->batch.prev)
		future->batch.prev->batch.next = future->batch.next;
	else
		batch->first = future->batch.next;
	if (future->batch.next)
		future->batch.next->batch.prev = future->batch.prev;
	else
		batch->last = future->batch.prev;
}

void batch_rest(struct future *member)
{
	member->next_usec = SCHED_NEVER;
	drive_arm(member);
}

/* A turn is under way: its slot is waited for, or held, or its next one is asked for. */
static bool in_turn(const struct batch *batch)
{
	return batch->slot.state != SLOT_IDLE;
}

void batch_arm(struct batch *batch)
{
	int r;

	if (in_turn(batch) || batch->broker->stopping)
		return;
	r = sched_set(&batch->broker->batches.timers, &batch->timer, batch->next_usec);
	assert(r == 0);  /* batch_new() made room */
	(void)r;
}

void batch_take_policies(struct batch *batch, const struct plan *plan)
{
	bool keener = plan->polling.maximum_usec < batch->polling.maximum_usec ||
	    (plan->polling.maximum_usec == batch->polling.maximum_usec &&
	    plan->polling.initial_usec < batch->polling.initial_usec);

	if (batch->eager && !keener)
		return;
	batch->polling = plan->polling;
	batch->retry = plan->retry;
	batch->eager = true;
}

static void on_granted(struct bucket_slot *slot)
{
	batch_turn_ask((struct batch *)(void *)((char *)slot - offsetof(struct batch, slot)));
}

/* NULL: no memory. */
static struct batch *batch_new(struct future *future)
{
	struct broker *broker = future->broker;
	const struct plan *plan = future->plan;
	struct batch *batch = calloc(1, sizeof *batch);

	if (!batch)
		return NULL;
	batch->broker = broker;
	batch->next_usec = SCHED_NEVER;
	batch->slot.granted = on_granted;
	sched_entry_init(&batch->timer);
	if (future_join_slot(future, &batch->slot) < 0)
		goto fail;
	if (sched_reserve(&broker->batches.timers, HASH_COUNT(broker->batches.groups.table) + 1) < 0 ||
	    sched_reserve(&broker->batches.fading, HASH_COUNT(broker->batches.groups.table) + 1) < 0 ||
	    group_add(&broker->batches.groups, future->rec.uid, plan->bucket, plan->batch, &batch->group) < 0)
		goto fail;
	return batch;
fail:
	bucket_leave(broker->buckets, &batch->slot);
	free(batch);
	return NULL;
}

static struct sched *timers_of(const struct batch *batch)
{
	return batch->fading ? &batch->broker->batches.fading : &batch->broker->batches.timers;
}

/* What is under way is of no use to anybody. */
static void drop_request(struct batch *batch)
{
	struct broker *broker = batch->broker;

	if (batch->exchange)
		broker->remote.abort(broker->remote.self, batch->exchange);
	batch->exchange = NULL;
	bucket_release(broker->buckets, &batch->slot);
	free(batch->asked);
	batch->asked = NULL;
	batch->n_asked = 0;
}

void batch_free(struct batch *batch)
{
	struct broker *broker = batch->broker;

	drop_request(batch);
	sched_cancel(timers_of(batch), &batch->timer);
	bucket_leave(broker->buckets, &batch->slot);
	group_remove(&broker->batches.groups, &batch->group);
	free(batch);
}

static uint64_t foot_of(const struct batch *batch)
{
	return batch->turn > 0 ? batch->sent_usec + batch->polling.initial_usec : 0;
}

void batch_empty(struct batch *batch)
{
	struct broker *broker = batch->broker;
	uint64_t now = core_now_usec(broker);
	uint64_t until = core_earlier(foot_of(batch), now + FADING_USEC);
	int r;

	if (broker->stopping || until <= now) {
		batch_free(batch);
		return;
	}
	drop_request(batch);
	batch->next_usec = SCHED_NEVER;
	batch->polling_rung = batch->retry_rung = 0;
	batch->eager = false;
	batch->keeper = NULL;
	sched_cancel(timers_of(batch), &batch->timer);
	batch->fading = true;
	r = sched_set(timers_of(batch), &batch->timer, until);
	assert(r == 0);  /* batch_new() made room */
	(void)r;
}

/* The batch that it belongs to, made if need be. NULL: no memory. */
static struct batch *batch_of(struct future *future)
{
	struct group *group;

	if (future_join_bucket(future) < 0 || group_find(&future->broker->batches.groups, future->rec.uid,
	    future->plan->bucket, future->plan->batch, &group) < 0)
		return NULL;
	return group ? (struct batch *)(void *)group : batch_new(future);
}

/* Whether it can be asked about with a list. */
static bool may_join(const struct future *future)
{
	const struct broker *broker = future->broker;

	if (future->rec.cancel_requested && !future->cancel_sent && future->plan && future->plan->has_cancel)
		return false;
	return future->plan && future->plan->batch && broker->remote.start_batch && !broker->stopping &&
	    future->rec.phase == STORE_PHASE_POLL && !future_state_terminal(future->rec.state) && !future->rec.paused &&
	    !future->rec.held && future->slot.state == SLOT_IDLE;
}

/*
 * Its own next time is the latest for the next turn, but where there are others it is no reason for turns that follow
 * each other faster than at the foot of the ladder. A batch that is being put together again after a restart goes on
 * where the ladder was; a newcomer leads it back to where that one is.
 */
static void welcome(struct batch *batch, const struct future *future, bool newcomer)
{
	bool first = batch->turn == 0 || batch->count == 1;
	uint64_t foot = newcomer || batch->count > 1 ? foot_of(batch) : 0;
	uint64_t rung = future->rec.polling_delay_usec;

	batch_take_policies(batch, future->plan);
	if (first) {
		batch->polling_rung = core_later(batch->polling_rung, rung);
		batch->retry_rung = core_later(batch->retry_rung, future->rec.retry_delay_usec);
	} else {
		batch->polling_rung = core_earlier(batch->polling_rung, rung);
	}
	batch->next_usec = core_earlier(batch->next_usec, core_later(future->next_usec, foot));
	batch_arm(batch);
}

static void join(struct future *future, struct batch *batch, bool newcomer)
{
	if (batch->fading)
		sched_cancel(timers_of(batch), &batch->timer);
	batch->fading = false;
	future->batch.group = batch;
	future->batch.asked = false;
	future->batch.turn = batch->turn;
	batch_append(batch, future);
	batch->count++;
	future->batch.not_before_usec = future->batch.wished ? future->next_usec : 0;
	welcome(batch, future, newcomer);
}

void batch_join(struct future *future)
{
	struct batch *batch;

	if (!may_join(future) || future->next_usec <= core_now_usec(future->broker))
		return;
	if (!future->batch.group) {
		batch = batch_of(future);
		if (!batch)
			return;
		join(future, batch, false);
	}
	batch_rest(future);
}

void batch_enter(struct future *future)
{
	struct batch *batch = may_join(future) ? batch_of(future) : NULL;
	uint64_t now = core_now_usec(future->broker);

	if (!batch)
		return;
	join(future, batch, true);
	if (batch->next_usec != SCHED_NEVER && batch->next_usec > now)
		future->rec.next_at_ms = core_wall_ms(future->broker) + (int64_t)((batch->next_usec - now + 999) / 1000);
	batch_rest(future);
}

/* It is not part of the request under way any more. */
static void drop_asked(struct batch *batch, struct future *future)
{
	struct broker *broker = batch->broker;

	if (!future->batch.asked)
		return;
	future->batch.asked = false;
	batch->asked[future->batch.place] = NULL;
	broker->remote.drop_member(broker->remote.self, batch->exchange, future->batch.place);
}

void batch_leave(struct future *future)
{
	struct batch *batch = future->batch.group;

	if (!batch)
		return;
	drop_asked(batch, future);
	batch_take_out(batch, future);
	future->batch.group = NULL;
	batch->count--;
	if (future->batch.turn != batch->turn)
		batch->todo--;
	if (batch->keeper == future)
		batch->keeper = NULL;
	if (batch->count == 0 && !batch->judging)
		batch_empty(batch);
}
