/* hop.c - a future goes on with another operation: a tail call. */
#include "daemon/broker/hop.h"

#include "daemon/broker/batch.h"
#include "daemon/broker/begin.h"
#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/hold.h"
#include "daemon/broker/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* More than anybody means: two operations that lead to each other would go on for ever. */
#define HOPS_MAX 1000u

/* What follows, before it takes the place of what was. */
struct next {
	struct plan *plan;
	struct plan_texts texts;
};

static void next_done(struct broker *broker, struct next *next)
{
	broker->remote.plan_free(broker->remote.self, next->plan);
	free(next->texts.spec);
	free(next->texts.params);
	free(next->texts.request);
}

/* 0; -ENOMEM; -EINVAL with the reason for people. */
static int prepare(const struct future *future, const struct verdict *verdict, struct next *ret, struct error *error)
{
	const struct remote *remote = &future->broker->remote;
	struct plan_source source = verdict->source;
	int r;

	source.from = future->plan;
	r = remote->prepare(remote->self, &source, &ret->texts, &ret->plan, error);

	if (r == 0 && ret->plan->kind != STORE_KIND_HTTP)
		r = error_set(error, ERROR_INVALID_SPEC, "kind: a future goes on with an operation at a service only");
	if (r < 0)
		return error->code == ERROR_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
	return 0;
}

/* The record of the same future at the beginning of its next operation. -ENOMEM. */
static int fill(struct future *future, struct future_rec *draft, const struct next *next, const struct verdict *verdict)
{
	const struct slice none = { 0 };
	char *idempotency;
	int r = begin_plan(future->broker, next->plan, &draft->phase, &idempotency);

	if (r < 0)
		return r;
	r = record_text(future, draft, &draft->idempotency, slice_from_str(idempotency));
	free(idempotency);
	if (r < 0 || record_text(future, draft, &draft->profile, verdict->source.profile) < 0 ||
	    record_text(future, draft, &draft->progress, verdict->progress) < 0)
		return -ENOMEM;
	/* These cannot fail without a text. */
	(void)record_text(future, draft, &draft->captured, none);
	(void)record_text(future, draft, &draft->budgets, none);
	(void)record_text(future, draft, &draft->last_error, none);
	draft->hops++;
	draft->polling_delay_usec = draft->retry_delay_usec = 0;
	draft->retry_since_ms = draft->unreachable_since_ms = 0;
	draft->attempts = 0;
	return 0;
}

/* It is durable: from here on there is only the next operation. */
static void on_hopped(void *arg, struct future *future, int status)
{
	drive_settled(arg, future, status);
	if (status < 0 || future->removed || future->settling > 0 || future_state_terminal(future->rec.state))
		return;
	if (future->rec.held) {
		hold_look(future);
		return;
	}
	drive_arm(future);
	batch_enter(future);
}

/* Nothing of the operation that is over is of use any more. */
static void leave(struct future *future)
{
	struct broker *broker = future->broker;

	drive_end(future);
	broker->remote.plan_free(broker->remote.self, future->plan);
	future->plan = NULL;
	future->session.named = false;
	future->cancel_sent = future->look_first = future->throttled = false;
	future->cancel_rung_usec = 0;
	future->again = future->woken = future->last_attempt = false;
	future->hasty = future->hasty_wakes = 0;
	future->watching.not_before_usec = future->watching.rung_usec = 0;
	free(future->watching.progress);
	future->watching.progress = NULL;
	future->batch.wished = false;
	future->requests_before = future->rec.requests;
}

/* Make it durable, and let go of the old one. */
static int go(struct future *future, struct future_rec *draft, struct next *next, const struct verdict *verdict)
{
	const struct store_texts texts = { .spec = next->texts.spec, .params = next->texts.params };
	struct record_change change = { .progress = true, .texts = &texts, .then = on_hopped };
	int r = fill(future, draft, next, verdict);

	if (r < 0) {
		record_drop(future, draft);
		return r;
	}
	future->again = future->woken = false;   /* asked of the operation that is over */
	if (!draft->held)
		drive_wait(future, draft, verdict->has_delay ? verdict->delay_usec : 0);
	r = record_write(future, draft, &change);
	if (r < 0)
		return r;
	leave(future);
	future->plan = next->plan;
	next->plan = NULL;
	future->settling++;
	/* Where memory is short it is tried again when the hold is looked at. */
	(void)hold_begin(future);
	return 0;
}

/* It is over without a next operation. */
static void cancel(struct future *future, struct future_rec *draft)
{
	struct ending cancelled = { .state = STORE_CANCELLED };

	if (drive_finish(future, draft, &cancelled) < 0)
		drive_postpone(future);
}

static void fail(struct future *future, struct future_rec *draft, const char *kind, const struct verdict *verdict,
    const struct error *why)
{
	char message[sizeof why->message + 64];

	snprintf(message, sizeof message, "it cannot go on: %s", why->message);
	drive_fail(future, draft, kind, message, verdict->http_status);
}

/* Prepare what follows and go there. */
static void follow(struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	struct broker *broker = future->broker;
	const char *kind = "invalid_spec";
	struct next next = { .plan = NULL };
	struct error why = { 0 };
	int r = prepare(future, verdict, &next, &why);

	if (r == 0) {
		r = hold_fill_next(future, draft, next.plan, &verdict->source, &why);
		if (r < 0)
			r = why.code == ERROR_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
		kind = "dependency";
	}
	if (r == 0)
		r = go(future, draft, &next, verdict);
	else if (r == -EINVAL)
		fail(future, draft, kind, verdict, &why);
	else
		record_drop(future, draft);
	next_done(broker, &next);
	if (r == -ENOMEM)
		drive_postpone(future);
}

void hop_apply(struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	struct error why;

	if (draft->cancel_requested) {
		cancel(future, draft);
	} else if (drive_late(future)) {
		drive_fail_late(future, draft);
	} else if (draft->hops >= HOPS_MAX) {
		error_set(&why, ERROR_LIMIT, "it went on %u times already, which is the limit", HOPS_MAX);
		fail(future, draft, "invalid_spec", verdict, &why);
	} else {
		follow(future, draft, verdict);
	}
}
