/* batch_turn.c - one turn of a batch: its requests, what they come to, and when the next one is. */
#include "daemon/broker/batch_core.h"

#include "daemon/broker/answered.h"
#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/keepalive.h"
#include "daemon/broker/record.h"
#include "daemon/broker/verdict.h"
#include "daemon/broker/watching.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* When the next turn is, as far as its members have a say in it: what the least patient asks for. */
static uint64_t next_delay(struct batch *batch)
{
	uint64_t delay = UINT64_MAX;

	if (batch->ladder || batch->wish_usec == UINT64_MAX)
		delay = policy_next(&batch->polling, &batch->polling_rung, core_random(batch->broker));
	if (batch->wish_usec < delay)
		delay = core_later(batch->wish_usec, batch->polling.initial_usec);
	return delay;
}

/* Members show when they are asked about next, and where on the ladders they are should they leave. One of them has
 * that on the disk: after a restart the batch goes on from there. */
static void tell_members(struct batch *batch)
{
	uint64_t now = core_now_usec(batch->broker);
	int64_t next_at_ms = core_wall_ms(batch->broker) + (int64_t)((batch->next_usec - now + 999) / 1000);
	struct future *keeper = batch->keeper ? batch->keeper : batch->first;
	struct future_rec draft;

	for (struct future *member = batch->first; member; member = member->batch.next) {
		member->rec.polling_delay_usec = batch->polling_rung;
		if (member->rec.attempts > 0)
			member->rec.retry_delay_usec = batch->retry_rung;
		member->rec.next_at_ms = next_at_ms;
	}
	if (!keeper || (batch->keeper && batch->kept_polling == batch->polling_rung &&
	    batch->kept_retry == batch->retry_rung))
		return;
	record_draft(keeper, &draft);
	batch->keeper = record_write(keeper, &draft, NULL) < 0 ? NULL : keeper;
	batch->kept_polling = batch->polling_rung;
	batch->kept_retry = batch->retry_rung;
}

/* The turn is over, and its slot given back: the next one is due after delay_usec at the latest. */
static void end_turn(struct batch *batch, uint64_t delay_usec)
{
	uint64_t now = core_now_usec(batch->broker);
	uint64_t foot = batch->sent_usec + batch->polling.initial_usec;

	free(batch->asked);
	batch->asked = NULL;
	batch->n_asked = 0;
	if (batch->later_usec != UINT64_MAX)
		batch->next_usec = core_earlier(batch->next_usec, core_later(batch->later_usec, foot));
	if (delay_usec != UINT64_MAX)
		batch->next_usec = core_earlier(batch->next_usec, now + delay_usec);
	batch->next_usec = core_later(batch->next_usec, now);
	batch_arm(batch);
	tell_members(batch);
}

/* How much time the retry policy leaves a member; POLICY_NO_TIMEOUT: any. */
static uint64_t time_left(const struct future *member)
{
	uint64_t timeout = member->plan->retry.timeout_usec;
	int64_t spent_ms = core_wall_ms(member->broker) - member->rec.retry_since_ms;

	if (timeout == POLICY_NO_TIMEOUT || spent_ms <= 0)
		return timeout;
	return timeout - core_earlier(timeout, (uint64_t)spent_ms * 1000);
}

/* A member could not be asked about. The first time that is written down, and again when it is the end; else the number
 * of attempts is for those who look. */
static void note_failure(struct batch *batch, struct future *member, const struct verdict *verdict)
{
	struct verdict copy = *verdict;

	if (member->rec.attempts > 0 && time_left(member) > 0) {
		member->rec.attempts++;
		member->throttled = verdict->throttled;
		return;
	}
	copy.step = STEP_POLL;
	copy.shared = true;
	copy.throttled = false;         /* the bucket was told already */
	verdict_apply(member, &copy);
	if (member->batch.group != batch)
		return;
	member->throttled = verdict->throttled;
	batch_rest(member);
}

/* The list could not be had: up the retry ladder, all together. The delay until the next turn. */
static uint64_t apply_failure(struct batch *batch, const struct verdict *verdict)
{
	struct broker *broker = batch->broker;
	uint64_t left = POLICY_NO_TIMEOUT, retries = broker->stats.retries, delay;
	bool last;

	for (size_t i = 0; i < batch->n_asked; i++) {
		struct future *future = batch->asked[i];

		if (!future)
			continue;
		batch->asked[i] = NULL;
		future->batch.asked = false;
		note_failure(batch, future, verdict);
		/* None is left to one whose end found no memory: it is tried again at the next turn. */
		if (future->batch.group == batch && time_left(future) > 0)
			left = core_earlier(left, time_left(future));
	}
	broker->stats.retries = retries + 1;     /* one request, however many heard of it */
	delay = policy_next(&batch->retry, &batch->retry_rung, core_random(broker));
	if (verdict->has_delay)
		delay = core_later(verdict->delay_usec, batch->retry.initial_usec);
	if (verdict->has_retry_after && verdict->retry_after_usec > delay)
		delay = verdict->retry_after_usec;
	return policy_fit(delay, left, &last);
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

/* The slot is given back, and the request was counted. */
static void finish_request(struct batch *batch, const struct verdict *verdict)
{
	uint64_t delay;

	if (verdict->outcome == OUTCOME_RETRY) {
		end_turn(batch, apply_failure(batch, verdict));
		return;
	}
	batch->retry_rung = 0;
	if (batch->todo > 0 && !batch->broker->stopping) {
		bucket_request(batch->broker->buckets, &batch->slot);
		return;
	}
	delay = next_delay(batch);
	if (verdict->has_retry_after)
		delay = core_later(delay, verdict->retry_after_usec);
	end_turn(batch, delay);
}

/* Whether a pending answer leaves everything as it is. */
static bool nothing_new(const struct future_rec *rec, const struct verdict *verdict)
{
	const char *budgets = rec->budgets ? rec->budgets : "";

	return rec->attempts == 0 && !rec->last_error &&
	    (!verdict->progress.data || (rec->progress && slice_equals(verdict->progress, rec->progress))) &&
	    (!verdict->captured || (rec->captured && strcmp(verdict->captured, rec->captured) == 0)) &&
	    (!verdict->budgets || strcmp(verdict->budgets, budgets) == 0);
}

/* Not done yet. */
static void apply_pending(struct batch *batch, struct future *future, const struct verdict *verdict)
{
	bool progress = verdict->progress.data &&
	    !(future->rec.progress && slice_equals(verdict->progress, future->rec.progress));
	uint64_t wish = UINT64_MAX;

	if (verdict->has_delay)
		wish = verdict->delay_usec;
	else if (verdict->has_retry_after)
		wish = verdict->retry_after_usec;
	else
		batch->ladder = true;
	batch->wish_usec = core_earlier(batch->wish_usec, wish);
	future->batch.not_before_usec = wish == UINT64_MAX ? 0 : core_now_usec(batch->broker) + wish;
	if (progress && future->plan->reset_on_progress)
		batch->polling_rung = 0;
	if (nothing_new(&future->rec, verdict)) {
		watching_open(future);
		return;
	}
	verdict_apply(future, verdict);
	if (future->batch.group == batch)
		batch_rest(future);
	if (verdict->captured)
		keepalive_renew(future);
}

/* What the list says of one member. */
static void judge(struct batch *batch, struct future *future, const struct verdict *verdict)
{
	struct verdict copy = *verdict;

	copy.step = STEP_POLL;
	copy.shared = true;             /* the request is counted once, when it is over */
	if (future->next_usec != SCHED_NEVER && (verdict->outcome == OUTCOME_PENDING ||
	    verdict->outcome == OUTCOME_MISSING)) {
		batch_leave(future);    /* it is to be asked about alone: this answer may be older than that wish */
		return;
	}
	switch (verdict->outcome) {
	case OUTCOME_PENDING:
		apply_pending(batch, future, &copy);
		break;
	case OUTCOME_MISSING:
		batch_leave(future);
		drive_now(future);
		break;
	default:
		batch_leave(future);
		verdict_apply(future, &copy);
		break;
	}
}

static void on_answer(void *arg, size_t member, const struct verdict *verdict)
{
	struct batch *batch = arg;
	struct future *future;

	batch->judging = true;
	if (member < batch->n_asked) {
		future = batch->asked[member];
		batch->asked[member] = NULL;
		if (future) {
			future->batch.asked = false;
			judge(batch, future, verdict);
		}
		batch->judging = false;
		return;
	}
	batch->exchange = NULL;
	bucket_release(batch->broker->buckets, &batch->slot);
	answered_group(batch->broker, batch->first, &batch->slot, verdict);
	if (batch->first)
		finish_request(batch, verdict);
	batch->judging = false;
	if (batch->count == 0)
		batch_empty(batch);
}

/* It is asked about for the first time. False: memory is short. */
static bool begin(struct future *future)
{
	struct future_rec draft;

	if (future->rec.state != STORE_PENDING)
		return true;
	record_draft(future, &draft);
	record_move(future, &draft, STORE_RUNNING);
	if (record_write(future, &draft, NULL) < 0)
		return false;
	keepalive_join(future);
	return true;
}

/* Choose the members for the next request: as many of the rest as it takes, but none before its time. */
static void choose(struct batch *batch, size_t most)
{
	uint64_t now = core_now_usec(batch->broker);

	while (batch->todo > 0 && batch->n_asked < most) {
		struct future *future = batch->first;

		batch_take_out(batch, future);
		batch_append(batch, future);
		future->batch.turn = batch->turn;
		batch->todo--;
		if (future->batch.not_before_usec > now) {
			batch->later_usec = core_earlier(batch->later_usec, future->batch.not_before_usec);
			continue;
		}
		if (!begin(future)) {
			batch->later_usec = core_earlier(batch->later_usec, now + SHORTAGE_USEC);
			continue;
		}
		batch_take_policies(batch, future->plan);
		future->batch.asked = true;
		future->batch.place = batch->n_asked;
		batch->asked[batch->n_asked++] = future;
	}
}

/* Start the request for those that were chosen. Other errors than -ENOMEM are a failure to ask. */
static int start(struct batch *batch, struct verdict *failure)
{
	struct broker *broker = batch->broker;
	struct batch_member *members = calloc(batch->n_asked, sizeof *members);
	struct error error = { 0 };
	int r;

	if (!members)
		return -ENOMEM;
	for (size_t i = 0; i < batch->n_asked; i++) {
		members[i].plan = batch->asked[i]->plan;
		drive_input(batch->asked[i], STEP_POLL, &members[i].input);
	}
	batch->sent_usec = core_now_usec(broker);
	r = broker->remote.start_batch(broker->remote.self, members, batch->n_asked, on_answer, batch,
	    &batch->exchange, &error);
	free(members);
	if (r < 0)
		memcpy(failure->reason, error.message, sizeof failure->reason - 1);
	return r;
}

/* Nothing could be sent: the members are none of a request any more. */
static void forget_asked(struct batch *batch)
{
	for (size_t i = 0; i < batch->n_asked; i++)
		batch->asked[i]->batch.asked = false;
	batch->n_asked = 0;
}

void batch_turn_ask(struct batch *batch)
{
	size_t max = batch->first->plan->batch_max;
	size_t most = max && max < batch->todo ? max : batch->todo;
	struct verdict failure = { .step = STEP_LIST, .outcome = OUTCOME_RETRY };
	int r = -ENOMEM;

	free(batch->asked);
	batch->n_asked = 0;
	batch->asked = calloc(most ? most : 1, sizeof *batch->asked);
	if (batch->asked) {
		choose(batch, most);
		r = batch->n_asked > 0 ? start(batch, &failure) : 0;
		if (r == 0 && batch->n_asked > 0)
			return;
	}
	bucket_release(batch->broker->buckets, &batch->slot);
	if (r == -ENOMEM) {
		forget_asked(batch);
		end_turn(batch, SHORTAGE_USEC);
	} else if (r < 0) {
		batch->judging = true;
		finish_request(batch, &failure);
		batch->judging = false;
		if (batch->count == 0)
			batch_empty(batch);
	} else {
		end_turn(batch, batch->later_usec == UINT64_MAX ? next_delay(batch) : UINT64_MAX);
	}
}

static struct batch *pop(struct sched *sched, uint64_t now_usec)
{
	struct sched_entry *entry = sched_pop(sched, now_usec);

	return entry ? (struct batch *)(void *)((char *)entry - offsetof(struct batch, timer)) : NULL;
}

void batches_due(struct broker *broker, uint64_t now_usec)
{
	struct batch *batch;

	while ((batch = pop(&broker->batches.fading, now_usec)))
		batch_free(batch);
	while ((batch = pop(&broker->batches.timers, now_usec))) {
		batch->next_usec = SCHED_NEVER;
		batch->turn++;
		batch->todo = batch->count;
		if (batch->count == 1) {
			batch->sent_usec = now_usec;
			drive_now(batch->first);        /* a list is more than one needs */
			continue;
		}
		batch->eager = batch->ladder = false;
		batch->wish_usec = batch->later_usec = UINT64_MAX;
		bucket_request(broker->buckets, &batch->slot);
	}
}

void batches_stop(struct broker *broker)
{
	struct group *group, *next;

	HASH_ITER(hh, broker->batches.groups.table, group, next) {
		struct batch *batch = (struct batch *)(void *)group;

		if (batch->count == 0) {        /* it was kept for what comes next */
			batch_free(batch);
			continue;
		}
		if (batch->exchange) {
			broker->remote.abort(broker->remote.self, batch->exchange);
			batch->exchange = NULL;
		}
		for (size_t i = 0; i < batch->n_asked; i++) {
			if (batch->asked[i])
				batch->asked[i]->batch.asked = false;
		}
		batch->n_asked = 0;
		bucket_release(broker->buckets, &batch->slot);
		sched_cancel(&broker->batches.timers, &batch->timer);
	}
}
