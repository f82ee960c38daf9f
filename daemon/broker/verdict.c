/* verdict.c - what the answer to a request means for its future. */
#include "daemon/broker/verdict.h"

#include "daemon/broker/answered.h"
#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/policy.h"
#include "daemon/broker/record.h"

#include <stdio.h>
#include <string.h>

/* The asking works again: forget the failures. */
static void clear_failures(struct future *future, struct future_rec *draft)
{
	struct slice none = { 0 };

	draft->attempts = 0;
	draft->retry_delay_usec = 0;
	draft->retry_since_ms = 0;
	draft->unreachable_since_ms = 0;
	future->throttled = false;
	(void)record_text(future, draft, &draft->last_error, none);  /* cannot fail without a text */
}

static bool wants_cancel(const struct future *future)
{
	return future->rec.cancel_requested && !future->cancel_sent && future->plan->has_cancel;
}

static bool past_deadline(const struct future *future)
{
	return future->last_attempt || core_now_usec(future->broker) >= future->deadline_usec;
}

/* Write the draft and wait for the next turn. */
static void go_on(struct future *future, struct future_rec *draft, bool progress)
{
	struct record_change change = { .progress = progress };

	if (record_write(future, draft, &change) < 0)
		drive_postpone(future);
	else
		drive_arm(future);
	if (future->rec.attempts == 0)
		batch_join(future);
}

/* Not done yet: ask again after the ladder's next delay, or after what rule or service asked for. */
static void apply_pending(struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	bool progress = verdict->progress.data &&
	    !(draft->progress && slice_equals(verdict->progress, draft->progress));
	uint64_t delay;

	clear_failures(future, draft);
	if (progress && record_text(future, draft, &draft->progress, verdict->progress) < 0) {
		record_drop(future, draft);
		drive_postpone(future);
		return;
	}
	if (past_deadline(future)) {
		drive_fail(future, draft, "deadline", "the deadline passed before the operation was done", 0);
		return;
	}
	if (progress && future->plan->reset_on_progress)
		draft->polling_delay_usec = 0;
	if (wants_cancel(future))
		delay = 0;
	else if (verdict->has_delay)
		delay = verdict->delay_usec;
	else if (verdict->has_retry_after)
		delay = verdict->retry_after_usec;
	else
		delay = policy_next(&future->plan->polling, &draft->polling_delay_usec, core_random(future->broker));
	drive_wait(future, draft, delay);
	go_on(future, draft, progress);
}

/* It could not be asked: up to the retry policy. The operation itself is not harmed. */
static void apply_retry(struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	struct broker *broker = future->broker;
	const struct policy *policy = &future->plan->retry;
	int64_t now_ms = core_wall_ms(broker);
	uint64_t delay, spent;
	char message[sizeof verdict->reason + 64];
	bool last;

	draft->attempts++;
	broker->stats.retries++;
	future->throttled = verdict->throttled;
	if (draft->retry_since_ms == 0)
		draft->retry_since_ms = draft->unreachable_since_ms = now_ms;
	(void)record_text(future, draft, &draft->last_error, slice_from_str(verdict->reason));  /* for people only */
	if (verdict->throttled) {
		broker->stats.throttled++;
		bucket_pause(future->slot.bucket, core_now_usec(broker) + verdict->retry_after_usec);
	}
	if (past_deadline(future)) {
		snprintf(message, sizeof message, "the deadline passed; last error: %s", verdict->reason);
		drive_fail(future, draft, "deadline", message, verdict->http_status);
		return;
	}
	delay = policy_next(policy, &draft->retry_delay_usec, core_random(broker));
	if (verdict->has_delay)
		delay = verdict->delay_usec;
	if (verdict->has_retry_after && verdict->retry_after_usec > delay)
		delay = verdict->retry_after_usec;
	if (policy->timeout_usec != POLICY_NO_TIMEOUT) {
		spent = now_ms > draft->retry_since_ms ? (uint64_t)(now_ms - draft->retry_since_ms) * 1000 : 0;
		if (spent >= policy->timeout_usec) {
			snprintf(message, sizeof message, "gave up after %u attempts; last error: %s", draft->attempts,
			    verdict->reason);
			drive_fail(future, draft, "retry_exhausted", message, verdict->http_status);
			return;
		}
		delay = policy_fit(delay, policy->timeout_usec - spent, &last);
	}
	drive_wait(future, draft, delay);
	go_on(future, draft, false);
}

static void apply_ending(struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	static const enum store_state states[] = {
		[OUTCOME_SUCCESS] = STORE_SUCCEEDED,
		[OUTCOME_FAILURE] = STORE_FAILED,
		[OUTCOME_CANCELLED] = STORE_CANCELLED,
		[OUTCOME_LOST] = STORE_FAILED,
	};
	struct ending ending = { .state = states[verdict->outcome] };

	if (verdict->outcome == OUTCOME_SUCCESS) {
		ending.result = verdict->result.data ? verdict->result : slice_from_str("");
		ending.content_type = verdict->content_type;
	} else {
		ending.failure = verdict->failure;
	}
	clear_failures(future, draft);
	if (drive_finish(future, draft, &ending) < 0)
		drive_postpone(future);
}

/* An answer to a cancel request. Only a rule that says so ends the future here; otherwise polling goes on
 * and finds out what became of it. */
static void apply_cancel(struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	if (verdict->outcome == OUTCOME_CANCELLED) {
		apply_ending(future, draft, verdict);
		return;
	}
	future->cancel_sent = true;
	clear_failures(future, draft);
	if (verdict->outcome != OUTCOME_PENDING && verdict->failure.message.data)
		(void)record_text(future, draft, &draft->last_error, verdict->failure.message);  /* for people only */
	if (past_deadline(future)) {
		drive_fail(future, draft, "deadline", "the deadline passed before the operation was done", 0);
		return;
	}
	draft->polling_delay_usec = 0;
	drive_wait(future, draft,
	    policy_next(&future->plan->polling, &draft->polling_delay_usec, core_random(future->broker)));
	go_on(future, draft, false);
}

/* A submit whose answer never came may have been carried out. */
static bool submit_unknown(const struct future *future, const struct verdict *verdict)
{
	return verdict->step == STEP_SUBMIT && verdict->outcome == OUTCOME_RETRY && verdict->sent &&
	    verdict->http_status == 0 && !future->plan->has_idempotency && !future->plan->resubmit;
}

void verdict_apply(struct future *future, const struct verdict *verdict)
{
	unsigned requests = verdict->shared ? 0 : verdict->extra_requests + verdict->sent;
	struct future_rec draft;
	char message[sizeof verdict->reason + 64];

	answered_limit(future->broker, &future->slot, verdict);
	future->batch.wished = verdict->has_delay || verdict->has_retry_after;
	record_draft(future, &draft);
	draft.requests += requests;
	future->broker->stats.requests += requests;
	if (verdict->captured && record_text(future, &draft, &draft.captured, slice_from_str(verdict->captured)) < 0) {
		record_drop(future, &draft);
		drive_postpone(future);
		return;
	}
	if (submit_unknown(future, verdict)) {
		snprintf(message, sizeof message, "the submit may have been carried out: %s", verdict->reason);
		drive_fail(future, &draft, "submit_unknown", message, 0);
		return;
	}
	/* Only an accepted submit leaves an operation behind that can be asked about. */
	if (verdict->step == STEP_SUBMIT)
		draft.phase = verdict->outcome == OUTCOME_PENDING || verdict->outcome == OUTCOME_SUCCESS ?
		    STORE_PHASE_POLL : STORE_PHASE_SUBMIT;
	if (verdict->outcome == OUTCOME_RETRY)
		apply_retry(future, &draft, verdict);
	else if (verdict->step == STEP_CANCEL)
		apply_cancel(future, &draft, verdict);
	else if (verdict->outcome == OUTCOME_PENDING)
		apply_pending(future, &draft, verdict);
	else
		apply_ending(future, &draft, verdict);
}
