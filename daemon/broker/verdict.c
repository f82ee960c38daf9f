/* verdict.c - what the answer to a request means for its future. */
#include "daemon/broker/verdict.h"

#include "daemon/broker/ack.h"
#include "daemon/broker/answered.h"
#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/hop.h"
#include "daemon/broker/pace.h"
#include "daemon/broker/policy.h"
#include "daemon/broker/record.h"
#include "daemon/broker/watching.h"

#include <errno.h>
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

/* Write the draft and wait for the next turn. False: memory was too short, it is tried again. */
static bool go_on(struct future *future, struct future_rec *draft, const struct record_change *change)
{
	if (record_write(future, draft, change) < 0) {
		drive_postpone(future);
		return false;
	}
	drive_arm(future);
	if (future->rec.attempts == 0)
		batch_join(future);
	return true;
}

/* Whether the verdict has progress that is news; it is in the draft then. -ENOMEM. */
static int take_progress(const struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	if (!verdict->progress.data || (draft->progress && slice_equals(verdict->progress, draft->progress)))
		return 0;
	if (record_text(future, draft, &draft->progress, verdict->progress) < 0)
		return -ENOMEM;
	if (future->plan->reset_on_progress)
		draft->polling_delay_usec = 0;
	return 1;
}

/* Not done yet: ask again after the ladder's next delay, or after what rule or service asked for. */
static void apply_pending(struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	/* The next request may be where the service has moved on to: what says so must not be lost then. */
	struct record_change change = { .then = verdict->captured ? drive_settled : NULL };
	int progress = take_progress(future, draft, verdict);

	clear_failures(future, draft);
	if (progress < 0) {
		record_drop(future, draft);
		drive_postpone(future);
		return;
	}
	if (drive_late(future)) {
		drive_fail_late(future, draft);
		return;
	}
	change.progress = progress > 0;
	drive_wait(future, draft,
	    drive_wants_cancel(future, draft) ? 0 : pace_pending(future, draft, verdict));
	if (!go_on(future, draft, &change))
		return;
	future->settling += verdict->captured != NULL;
	if (verdict->step == STEP_POLL)
		watching_open(future);
}

/* It is done, and its result is somewhere else: from here on it is fetched, also after a restart. A hop leads from
 * one place to the next. */
static void apply_fetch(struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	bool hop = draft->phase == STORE_PHASE_FETCH;
	struct record_change change = { .then = hop ? NULL : drive_settled };
	int progress = take_progress(future, draft, verdict);
	uint64_t delay;

	clear_failures(future, draft);
	if (progress < 0) {
		record_drop(future, draft);
		drive_postpone(future);
		return;
	}
	change.progress = progress > 0;
	draft->phase = STORE_PHASE_FETCH;
	if (!hop) {
		watching_close(future);
		batch_leave(future);
	}
	delay = pace_fetch(future, draft, verdict, hop);
	/* The last look may find out that there is something to fetch. */
	if (drive_late(future) && (delay > 0 || !drive_once_more(future))) {
		drive_fail_late(future, draft);
		return;
	}
	drive_wait(future, draft, delay);
	if (!go_on(future, draft, &change))
		return;
	future->settling += !hop;
	if (future->last_attempt)
		drive_ask(future);
}

/* The delay until it is tried again. What is asked about in between does not start a cancel request's ladder anew. */
static uint64_t retry_delay(struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	bool cancel = verdict->step == STEP_CANCEL;
	uint64_t delay;

	if (cancel && draft->retry_delay_usec < future->cancel_rung_usec)
		draft->retry_delay_usec = future->cancel_rung_usec;
	delay = pace_retry(future, draft, verdict);
	if (cancel)
		future->cancel_rung_usec = draft->retry_delay_usec;
	return delay;
}

/* It could not be asked: up to the retry policy. The operation itself is not harmed. */
static void apply_retry(struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	struct broker *broker = future->broker;
	const struct record_change trouble = { .trouble = true };
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
	if (verdict->throttled)
		pace_pause(future, verdict->retry_after_usec);
	if (drive_late(future)) {
		snprintf(message, sizeof message, "the deadline passed; last error: %s", verdict->reason);
		drive_fail(future, draft, "deadline", message, verdict->http_status);
		return;
	}
	delay = retry_delay(future, draft, verdict);
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
	(void)go_on(future, draft, &trouble);
}

static void apply_ending(struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	static const enum store_state states[] = {
		[OUTCOME_SUCCESS] = STORE_SUCCEEDED,
		[OUTCOME_FAILURE] = STORE_FAILED,
		[OUTCOME_CANCELLED] = STORE_CANCELLED,
		[OUTCOME_LOST] = STORE_FAILED,
	};
	struct ending ending = {
		.state = states[verdict->outcome],
		.ack = ack_wanted(future, draft, verdict),
	};

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
	if (drive_late(future)) {
		drive_fail_late(future, draft);
		return;
	}
	draft->polling_delay_usec = 0;
	drive_wait(future, draft,
	    policy_next(&future->plan->polling, &draft->polling_delay_usec, core_random(future->broker)));
	(void)go_on(future, draft, NULL);
}

/* A submit whose answer never came may have been carried out. */
static bool submit_unknown(const struct future *future, const struct verdict *verdict)
{
	return verdict->step == STEP_SUBMIT && verdict->outcome == OUTCOME_RETRY && verdict->sent &&
	    verdict->http_status == 0 && !future->plan->has_idempotency && !future->plan->resubmit;
}

/* Only an accepted submit leaves an operation behind that can be asked about. */
static bool accepted(enum outcome outcome)
{
	return outcome == OUTCOME_PENDING || outcome == OUTCOME_SUCCESS || outcome == OUTCOME_FETCH ||
	    outcome == OUTCOME_CONTINUE;
}

/* What the verdict says beside its outcome: requests, captured values, budgets. -ENOMEM. */
static int take_notes(struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	unsigned requests = verdict->shared ? 0 : verdict->extra_requests + verdict->sent;
	struct slice budgets = { 0 };

	draft->requests += requests;
	future->broker->stats.requests += requests;
	if (verdict->captured && record_text(future, draft, &draft->captured, slice_from_str(verdict->captured)) < 0)
		return -ENOMEM;
	if (!verdict->budgets)
		return 0;
	if (verdict->budgets[0])
		budgets = slice_from_str(verdict->budgets);
	return record_text(future, draft, &draft->budgets, budgets);
}

void verdict_apply(struct future *future, const struct verdict *verdict)
{
	struct future_rec draft;
	char message[sizeof verdict->reason + 64];

	answered_limit(future->broker, &future->slot, verdict);
	future->batch.wished = verdict->has_delay || verdict->has_retry_after;
	if (verdict->step == STEP_ACK) {
		ack_apply(future, verdict);
		return;
	}
	record_draft(future, &draft);
	if (take_notes(future, &draft, verdict) < 0) {
		record_drop(future, &draft);
		drive_postpone(future);
		return;
	}
	if (submit_unknown(future, verdict)) {
		snprintf(message, sizeof message, "the submit may have been carried out: %s", verdict->reason);
		drive_fail(future, &draft, "submit_unknown", message, 0);
		return;
	}
	/* A cancel request that fails must not keep the operation's end from being seen: they take turns. */
	future->look_first = verdict->step == STEP_CANCEL && verdict->outcome == OUTCOME_RETRY;
	if (verdict->step == STEP_SUBMIT)
		draft.phase = accepted(verdict->outcome) ? STORE_PHASE_POLL : STORE_PHASE_SUBMIT;
	if (verdict->outcome == OUTCOME_RETRY)
		apply_retry(future, &draft, verdict);
	else if (verdict->step == STEP_CANCEL)
		apply_cancel(future, &draft, verdict);
	else if (verdict->outcome == OUTCOME_PENDING)
		apply_pending(future, &draft, verdict);
	else if (verdict->outcome == OUTCOME_FETCH)
		apply_fetch(future, &draft, verdict);
	else if (verdict->outcome == OUTCOME_CONTINUE)
		hop_apply(future, &draft, verdict);
	else
		apply_ending(future, &draft, verdict);
}
