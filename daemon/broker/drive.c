/* drive.c - moves one live future on: when its next request is sent, and how it ends. */
#include "daemon/broker/drive.h"

#include "daemon/broker/ack.h"
#include "daemon/broker/core.h"
#include "daemon/broker/hold.h"
#include "daemon/broker/pace.h"
#include "daemon/broker/promise.h"
#include "daemon/broker/record.h"
#include "daemon/broker/verdict.h"
#include "daemon/broker/watching.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

/* How long after its deadline the answer to a last request is waited for. */
#define DEADLINE_GRACE_USEC 5000000u

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

int drive_reserve(struct broker *broker)
{
	int r = sched_reserve(&broker->timers, broker->index.count + 1);

	return r < 0 ? r : sched_reserve(&broker->expiries, broker->index.count + 1);
}

static struct sched *timers_of(const struct future *future)
{
	return future->resting ? &future->broker->expiries : &future->broker->timers;
}

/* Stop listening for the answer to the request under way, if there is one. */
static void drop_exchange(struct future *future)
{
	struct broker *broker = future->broker;

	if (future->exchange)
		broker->remote.abort(broker->remote.self, future->exchange);
	future->exchange = NULL;
}

void drive_end(struct future *future)
{
	struct broker *broker = future->broker;

	drop_exchange(future);
	watching_close(future);
	keepalive_leave(future);
	batch_leave(future);
	hold_leave(future);
	promise_leave(future);
	bucket_leave(broker->buckets, &future->slot);
	sched_cancel(timers_of(future), &future->timer);
}

/* The last moment at which an answer still counts. */
static uint64_t deadline_end(const struct future *future)
{
	return saturating_add(future->deadline_usec, DEADLINE_GRACE_USEC);
}

/* Monotonic: when a terminal future is forgotten. */
static uint64_t expiry(const struct future *future)
{
	int64_t left_ms = future->rec.expires_at_ms - core_wall_ms(future->broker);

	if (future->rec.expires_at_ms == 0 || future->rec.pinned || future->forgetting)
		return SCHED_NEVER;
	return saturating_add(core_now_usec(future->broker), left_ms > 0 ? (uint64_t)left_ms * 1000 : 0);
}

/* Nothing is sent for it. What others have to do with it, the end of its hold or of a claim, goes on. */
static bool is_still(const struct future *future)
{
	return future->rec.paused && future->rec.kind == STORE_KIND_HTTP && !future->rec.held;
}

/* Whether it is asked about as long as the service likes, in the place of a cancel request that is to be sent again. */
static bool is_held_look(const struct future *future)
{
	return future->exchange && future->slot.long_poll && drive_wants_cancel(future, &future->rec);
}

/* Monotonic: when there is something to do for a future that is not at rest. */
static uint64_t next_move(const struct future *future)
{
	if (future->broker->stopping || future->forgetting)
		return SCHED_NEVER;
	if (future->last_attempt)
		return deadline_end(future);
	if (is_still(future) || (future->slot.state != SLOT_IDLE && !is_held_look(future)) ||
	    future->deadline_usec < future->next_usec)
		return future->deadline_usec;
	return future->next_usec;
}

void drive_arm(struct future *future)
{
	bool over = future_at_rest(&future->rec);
	uint64_t due = over ? expiry(future) : next_move(future);
	int r = 0;

	retention_update(future);
	if (over != future->resting) {
		sched_cancel(timers_of(future), &future->timer);
		future->resting = over;
	}
	if (due == SCHED_NEVER)
		sched_cancel(timers_of(future), &future->timer);
	else
		r = sched_set(timers_of(future), &future->timer, due);
	assert(r == 0);  /* drive_reserve() made room at creation */
	(void)r;
}

void drive_wait(struct future *future, struct future_rec *draft, uint64_t delay_usec)
{
	uint64_t now = core_now_usec(future->broker);
	uint64_t left = POLICY_NO_TIMEOUT;
	bool last;

	if (future->woken) {
		uint64_t news = pace_wake(future);

		delay_usec = news < delay_usec ? news : delay_usec;
	}
	if (future->again)
		delay_usec = 0;
	future->again = future->woken = false;
	if (future->deadline_usec != SCHED_NEVER)
		left = future->deadline_usec > now ? future->deadline_usec - now : 0;
	delay_usec = policy_fit(delay_usec, left, &last);
	future->next_usec = saturating_add(now, delay_usec);
	draft->next_at_ms = core_wall_ms(future->broker) + (int64_t)((delay_usec + 999) / 1000);
}

/* The operation is known to the service, and its end is not known here. */
static bool may_be_asked_about(const struct future *future)
{
	return future->rec.phase == STORE_PHASE_POLL || future->rec.phase == STORE_PHASE_FETCH;
}

bool drive_wants_cancel(const struct future *future, const struct future_rec *draft)
{
	return draft->phase == STORE_PHASE_POLL && draft->cancel_requested && !future->cancel_sent &&
	    future->plan->has_cancel;
}

static enum step next_step(const struct future *future)
{
	switch (future->rec.phase) {
	case STORE_PHASE_SUBMIT:
	case STORE_PHASE_SUBMITTING:
		return STEP_SUBMIT;
	case STORE_PHASE_POLL:
		return drive_wants_cancel(future, &future->rec) && !future->look_first ? STEP_CANCEL : STEP_POLL;
	case STORE_PHASE_FETCH:
		return STEP_FETCH;
	case STORE_PHASE_ACK:
	case STORE_PHASE_ACKED:         /* at rest, so nobody asks */
		break;
	}
	return STEP_ACK;
}

void drive_ask(struct future *future)
{
	if (future->rec.paused)
		return;
	batch_leave(future);
	if (future->slot.state == SLOT_IDLE)
		future->slot.long_poll = future->plan->long_poll && next_step(future) == STEP_POLL;
	bucket_request(future->broker->buckets, &future->slot);
}

void drive_now(struct future *future)
{
	/* The answer that is on its way may have been given before the question. */
	future->again = future->exchange != NULL;
	if (future->slot.state != SLOT_IDLE)
		return;
	future->next_usec = core_now_usec(future->broker);
	drive_arm(future);
}

void drive_cancel(struct future *future)
{
	future->look_first = false;
	/* A poll can be sent again later. */
	if (future->slot.long_poll && drive_wants_cancel(future, &future->rec)) {
		drop_exchange(future);
		bucket_release(future->broker->buckets, &future->slot);
		future->last_attempt = false;
	}
	drive_now(future);
}

void drive_postpone(struct future *future)
{
	uint64_t then = saturating_add(core_now_usec(future->broker), SHORTAGE_USEC);

	future->next_usec = then;
	if (future->deadline_usec < then)
		future->deadline_usec = then;
	future->last_attempt = false;
	drive_arm(future);
}

bool drive_late(const struct future *future)
{
	return future->last_attempt || core_now_usec(future->broker) >= future->deadline_usec;
}

bool drive_once_more(struct future *future)
{
	if (core_now_usec(future->broker) >= deadline_end(future))
		return false;
	future->last_attempt = true;
	return true;
}

/* The deadline has come. An operation that is known is looked at once more, unless it is paused, or the service has
 * asked for a pause that lasts longer than the grace; nothing new is submitted. */
static void deadline_due(struct future *future, uint64_t now)
{
	struct future_rec draft;
	bool may_ask = may_be_asked_about(future) && !future->last_attempt && !future->rec.paused &&
	    bucket_paused_until(future->slot.bucket, now) < deadline_end(future);

	if ((future->exchange || future->intent_pending || may_ask) && drive_once_more(future)) {
		drive_ask(future);
		drive_arm(future);
		return;
	}
	record_draft(future, &draft);
	drive_fail_late(future, &draft);
}

void drive_due(struct future *future)
{
	uint64_t now = core_now_usec(future->broker);

	if (future->rec.held) {
		hold_due(future);
	} else if (future->rec.kind == STORE_KIND_PROMISE) {
		promise_due(future);
	} else if (future_join_bucket(future) < 0) {
		drive_postpone(future);
	} else if (now < future->deadline_usec && is_held_look(future)) {
		drive_cancel(future);
	} else if (now < future->deadline_usec) {
		drive_ask(future);
		drive_arm(future);
	} else if (future->rec.phase == STORE_PHASE_ACK) {
		ack_end(future);
	} else {
		deadline_due(future, now);
	}
}

static void on_exchange(void *arg, const struct verdict *verdict)
{
	struct future *future = arg;

	future->exchange = NULL;
	bucket_release(future->broker->buckets, &future->slot);
	verdict_apply(future, verdict);
	if (verdict->captured)
		keepalive_renew(future);
}

void drive_input(const struct future *future, enum step step, struct step_input *ret)
{
	*ret = (struct step_input){
		.step = step,
		.id = &future->id,
		.attempt = future->rec.requests + 1,
		.captured = future->rec.captured,
		.budgets = future->rec.budgets,
		.idempotency = future->rec.idempotency,
		.timeout_usec = UINT64_MAX,
	};
}

/* The cancel request that was put off is sent after as long again, whether there is an answer or not. */
static void limit_held_look(struct future *future, uint64_t now)
{
	if (!is_held_look(future))
		return;
	future->next_usec = saturating_add(now, core_later(future->cancel_rung_usec, future->plan->retry.initial_usec));
	drive_arm(future);
}

/* The slot is held and all that has to be durable first is durable. */
static void send_request(struct future *future)
{
	struct broker *broker = future->broker;
	uint64_t now = core_now_usec(broker);
	struct step_input input;
	struct verdict verdict = { .step = next_step(future), .outcome = OUTCOME_RETRY };
	struct error error = { 0 };

	keepalive_join(future);
	drive_input(future, verdict.step, &input);
	if (future->deadline_usec != SCHED_NEVER)
		input.timeout_usec = deadline_end(future) > now ? deadline_end(future) - now : 1;
	future->sent_usec = now;
	if (broker->remote.start(broker->remote.self, future->plan, &input, on_exchange, future,
	    &future->exchange, &error) == 0) {
		limit_held_look(future, now);
		return;
	}
	bucket_release(broker->buckets, &future->slot);
	memcpy(verdict.reason, error.message, sizeof verdict.reason - 1);
	verdict_apply(future, &verdict);
}

/* Something became durable that a request rests on, for which the slot is held. But another future of the bucket may
 * have been told meanwhile to pause, or we to send nothing. */
static bool may_send_now(const struct future *future)
{
	struct broker *broker = future->broker;

	return !broker->stopping && !future->rec.paused && !bucket_paused_until(future->slot.bucket, core_now_usec(broker));
}

static void on_intent(void *arg, struct future *future, int status)
{
	struct future_rec draft;

	(void)arg;
	future->intent_pending = false;
	if (future->removed || future_state_terminal(future->rec.state))
		return;
	if (status == 0 && may_send_now(future)) {
		send_request(future);
		return;
	}
	/* Nothing was sent: the next turn may send it. Without memory to write that down, only we know it. */
	bucket_release(future->broker->buckets, &future->slot);
	record_draft(future, &draft);
	draft.phase = STORE_PHASE_SUBMIT;
	if (record_write(future, &draft, NULL) < 0)
		future->rec.phase = STORE_PHASE_SUBMIT;
	if (status == 0)
		drive_now(future);
	else
		drive_postpone(future);
}

/* A slot was granted: send the next request, after writing down what must be known if we die meanwhile. */
static void start_request(struct future *future)
{
	struct record_change change = { 0 };
	struct future_rec draft;

	if (future->settling) {
		future->intent_pending = true;
		return;
	}
	record_draft(future, &draft);
	if (future->rec.phase == STORE_PHASE_SUBMITTING) {
		drive_fail(future, &draft, "submit_unknown",
		    "the submit may have been sent, but its answer is not known", 0);
		return;
	}
	if (draft.state == STORE_PENDING)
		record_move(future, &draft, STORE_RUNNING);
	if (draft.phase == STORE_PHASE_SUBMIT && !future->plan->has_idempotency && !future->plan->resubmit) {
		draft.phase = STORE_PHASE_SUBMITTING;
		change.then = on_intent;
	}
	if (draft.state == future->rec.state && !change.then) {
		send_request(future);
		return;
	}
	if (record_write(future, &draft, &change) < 0) {
		bucket_release(future->broker->buckets, &future->slot);
		drive_postpone(future);
		return;
	}
	future->intent_pending = change.then != NULL;
	if (!future->intent_pending)
		send_request(future);
}

void drive_settled(void *arg, struct future *future, int status)
{
	bool awaited = future->intent_pending && future->slot.state == SLOT_HELD;

	(void)arg;
	/* A write that was refused ends this run of the daemon: until then its requests stay where they are. */
	if (status == 0 && --future->settling > 0)
		return;
	future->intent_pending = false;
	if (!awaited)
		return;
	/* Its own intent may have to be durable next. */
	if (status == 0 && may_send_now(future)) {
		start_request(future);
		return;
	}
	bucket_release(future->broker->buckets, &future->slot);
	if (status == 0)
		drive_now(future);
}

void drive_granted(struct bucket_slot *slot)
{
	start_request((struct future *)(void *)((char *)slot - offsetof(struct future, slot)));
}

void drive_grant(struct broker *broker)
{
	struct bucket_slot *slot;

	while (!broker->stopping && (slot = bucket_grant(broker->buckets, core_now_usec(broker))))
		slot->granted(slot);
}

void drive_stop(struct future *future)
{
	if (future->exchange && future->rec.phase > STORE_PHASE_SUBMITTING) {
		drop_exchange(future);
		bucket_release(future->broker->buckets, &future->slot);
	}
	watching_close(future);
	drive_arm(future);
}

int drive_finish(struct future *future, struct future_rec *draft, const struct ending *ending)
{
	const struct failure *failure = &ending->failure;
	struct record_change change = {
		.result = { ending->result.data, ending->result.len },
		.error_details = { failure->details.data, failure->details.len },
		.then = ending->ack ? drive_settled : ending->then,
		.arg = ending->arg,
	};
	int r;

	if (record_text(future, draft, &draft->error_kind, slice_from_str(failure->kind)) < 0 ||
	    record_text(future, draft, &draft->error_message, failure->message) < 0 ||
	    record_text(future, draft, &draft->error_code, failure->code) < 0 ||
	    record_text(future, draft, &draft->content_type, ending->content_type) < 0) {
		record_drop(future, draft);
		return -ENOMEM;
	}
	draft->error_http_status = failure->http_status;
	draft->result_size = ending->result.data ? (int64_t)ending->result.len : -1;
	record_drop_claim(future, draft);
	if (ending->ack)
		draft->phase = STORE_PHASE_ACK;
	record_move(future, draft, ending->state);
	r = record_write(future, draft, &change);
	if (r < 0)
		return r;
	if (ending->ack) {
		keepalive_leave(future);
		batch_leave(future);
		future->settling++;
		ack_begin(future);
		return 0;
	}
	drive_end(future);
	future->broker->remote.plan_free(future->broker->remote.self, future->plan);
	future->plan = NULL;
	return 0;
}

void drive_fail(struct future *future, struct future_rec *draft, const char *kind, const char *message,
    int http_status)
{
	struct ending ending = {
		.state = STORE_FAILED,
		.failure = { .kind = kind, .message = slice_from_str(message), .http_status = http_status },
	};

	if (drive_finish(future, draft, &ending) == 0)
		return;
	/* Its slot goes with its request; an intent on its way to the disk comes back for its slot. */
	drop_exchange(future);
	if (!future->intent_pending)
		bucket_release(future->broker->buckets, &future->slot);
	drive_postpone(future);
}

void drive_fail_late(struct future *future, struct future_rec *draft)
{
	drive_fail(future, draft, "deadline", draft->phase == STORE_PHASE_FETCH ?
	    "the deadline passed before the result of the operation was fetched" :
	    "the deadline passed before the operation was done", 0);
}
