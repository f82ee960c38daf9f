/* hold.c - what a future waits for before anything is asked for it: a time, and others. */
#include "daemon/broker/hold.h"

#include "daemon/broker/assembly.h"
#include "daemon/broker/core.h"
#include "daemon/broker/dependents.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/record.h"
#include "daemon/broker/refer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The end of the year 9999. */
#define START_MAX_MS INT64_C(253402300799999)

/* --- at its creation ---------------------------------------------------------------------------------- */

/* Note one that it comes after; once is enough. */
static int add(struct broker *broker, struct future_rec *rec, const struct caller *caller, const struct id *id,
    struct error *error)
{
	struct future *on;
	int r = core_find(broker, caller, id, false, &on, error);

	if (r < 0 || on->named == broker->naming)
		return r;
	on->named = broker->naming;
	memcpy(rec->after[rec->n_after++], id->bytes, ID_BYTES);
	return 0;
}

/* what: how the caller named them. */
static int add_all(struct broker *broker, struct future_rec *rec, const struct caller *caller, const char *what,
    const struct id *ids, size_t count, struct error *error)
{
	for (size_t i = 0; i < count; i++) {
		int r = add(broker, rec, caller, &ids[i], error);

		if (r < 0) {
			error_wrap(error, "%s[%zu]", what, i);
			return r;
		}
	}
	return 0;
}

/* Everything that it comes after, in the place of what rec had. Those whose results it refers to come last. */
static int fill_after(struct broker *broker, struct future_rec *rec, const struct caller *caller, const struct plan *plan,
    const struct plan_source *source, struct error *error)
{
	bool group = plan->kind == STORE_KIND_GROUP;
	const char *what = group ? "of" : "after";
	const struct id *ids = group ? plan->of : source->after;
	size_t named = group ? plan->n_of : source->n_after, count = named + plan->n_results;
	int r;

	rec->after = NULL;
	rec->n_after = 0;
	if (count == 0)
		return 0;
	if (count > PROTO_AFTER_MAX)
		return error_set(error, ERROR_INVALID_ARGUMENT, "%s: %zu ids, at most %d", what, count, PROTO_AFTER_MAX);
	rec->after = calloc(count, sizeof *rec->after);
	if (!rec->after)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a future");
	broker->naming++;
	r = add_all(broker, rec, caller, what, ids, named, error);
	return r < 0 ? r : add_all(broker, rec, caller, "{result:}", plan->results, plan->n_results, error);
}

/* So long from its creation on, whatever becomes of the wall clock; what is stored is the time that this will be. */
static void set_delay(struct future *future, uint64_t delay_usec)
{
	future->hold.start_usec = core_now_usec(future->broker) + delay_usec;
	future->rec.start_at_ms = future->rec.created_at_ms + (int64_t)((delay_usec + 999) / 1000);
}

static int fill_start(struct future *future, const struct plan_source *source, struct error *error)
{
	const struct plan *plan = future->plan;
	unsigned given = (source->start_at_ms != 0) + source->has_delay + plan->has_delay;

	if (given > 1)
		return error_set(error, ERROR_INVALID_ARGUMENT, "start_at, delay%s: only one of them can be given",
		    plan->has_delay ? ", delay of the spec" : "");
	if (plan->kind == STORE_KIND_TIMER && given == 0)
		return error_set(error, ERROR_INVALID_ARGUMENT, "start_at or delay: a timer needs one of them");
	if (source->start_at_ms < 0 || source->start_at_ms > START_MAX_MS)
		return error_set(error, ERROR_INVALID_ARGUMENT, "start_at: not a time in milliseconds since the epoch");
	if (source->has_delay)
		set_delay(future, source->delay_usec);
	else if (plan->has_delay)
		set_delay(future, plan->delay_usec);
	else
		future->rec.start_at_ms = source->start_at_ms;
	return 0;
}

/* Whether it has anything to wait for. */
static bool wants_hold(const struct future *future)
{
	const struct future_rec *rec = &future->rec;

	return future->plan->kind == STORE_KIND_TIMER || future->plan->kind == STORE_KIND_GROUP || rec->n_after > 0 ||
	    rec->start_at_ms > 0;
}

static void set_held(struct future *future)
{
	future->rec.held = true;
	future->rec.next_at_ms = future->rec.start_at_ms;
}

int hold_fill(struct future *future, const struct caller *caller, const struct plan_source *source,
    struct error *error)
{
	const struct plan *plan = future->plan;
	int r = fill_start(future, source, error);

	if (r < 0)
		return r;
	if (plan->kind == STORE_KIND_GROUP && source->n_after > 0)
		return error_set(error, ERROR_INVALID_ARGUMENT, "after: a group waits for its members alone");
	r = fill_after(future->broker, &future->rec, caller, plan, source, error);
	if (r == 0 && wants_hold(future))
		set_held(future);
	return r;
}

/* The first of those that draft comes after and that wait for this one. False: none does. */
static bool find_cycle(struct future *future, const struct future_rec *draft, struct id *ret)
{
	future->broker->naming++;
	for (size_t i = 0; i < draft->n_after; i++) {
		memcpy(ret->bytes, draft->after[i], sizeof ret->bytes);
		if (dependents_lead_to(index_find(&future->broker->index, ret), future))
			return true;
	}
	return false;
}

int hold_fill_next(struct future *future, struct future_rec *draft, const struct plan *plan,
    const struct plan_source *source, struct error *error)
{
	const struct caller owner = { .uid = future->rec.uid, .gid = future->rec.gid };
	int r = fill_after(future->broker, draft, &owner, plan, source, error);
	char text[ID_TEXT_LEN + 1];
	struct id id;

	if (r == 0 && find_cycle(future, draft, &id)) {
		id_format(&id, text);
		r = error_set(error, ERROR_INVALID_ARGUMENT, "a cycle: %s waits for this one", text);
	}
	if (r < 0) {
		free(draft->after);
		draft->after = future->rec.after;
		draft->n_after = future->rec.n_after;
		return r;
	}
	draft->start_at_ms = 0;
	draft->held = draft->n_after > 0;
	if (draft->held)
		draft->next_at_ms = 0;
	return 0;
}

int hold_fill_again(struct future *future, const struct future_rec *old)
{
	struct future_rec *rec = &future->rec;

	if (!old->held)
		return 0;
	if (future->plan->has_delay)
		set_delay(future, future->plan->delay_usec);
	else
		rec->start_at_ms = old->start_at_ms;
	if (old->n_after > 0) {
		rec->after = calloc(old->n_after, sizeof *rec->after);
		if (!rec->after)
			return -ENOMEM;
		memcpy(rec->after, old->after, old->n_after * sizeof *rec->after);
		rec->n_after = old->n_after;
	}
	set_held(future);
	return 0;
}

/* --- while it is held --------------------------------------------------------------------------------- */

int hold_begin(struct future *future)
{
	return future->rec.held ? dependents_link(future) : 0;
}

void hold_leave(struct future *future)
{
	refer_leave(future);
	dependents_unlink(future);
	assembly_drop(future);
}

void hold_look(struct future *future)
{
	if (!future->rec.held || !future->durable || future->removed || future_state_terminal(future->rec.state))
		return;
	future->next_usec = core_now_usec(future->broker);
	drive_arm(future);
}

/* Microseconds until its start time; 0: it has come. */
static uint64_t time_left(const struct future *future, uint64_t now)
{
	int64_t left_ms = future->rec.start_at_ms - core_wall_ms(future->broker);

	if (future->hold.start_usec)
		return future->hold.start_usec > now ? future->hold.start_usec - now : 0;
	return left_ms > 0 ? (uint64_t)left_ms * 1000 : 0;
}

/* Fail because of the one at place i. It may be gone. */
static void fail_dependency(struct future *future, size_t i)
{
	const struct future *on = future->hold.on[i].on;
	struct future_rec draft;
	char id[ID_TEXT_LEN + 1];
	struct error error;
	struct id which;

	memcpy(which.bytes, future->rec.after[i], sizeof which.bytes);
	id_format(&which, id);
	/* An error's message is cut between characters. */
	if (!on)
		error_set(&error, ERROR_FAILED, "%s was forgotten", id);
	else if (on->rec.error_message)
		error_set(&error, ERROR_FAILED, "%s %s: %s: %s", id,
		    on->rec.state == STORE_CANCELLED ? "was cancelled" : "failed",
		    on->rec.error_kind ? on->rec.error_kind : "error", on->rec.error_message);
	else
		error_set(&error, ERROR_FAILED, "%s %s", id, on->rec.state == STORE_CANCELLED ? "was cancelled" : "failed");
	record_draft(future, &draft);
	drive_fail(future, &draft, "dependency", error.message, 0);
}

/* Whether one that waits by that plan fails when this is how another, or what is left of it, has ended. */
static bool fails(const struct plan *plan, const struct future *on)
{
	if (plan->kind != STORE_KIND_GROUP)
		return !on || on->durable_state != STORE_SUCCEEDED;
	return plan->until == GROUP_FIRST_EXCEPTION && on && on->durable_state == STORE_FAILED;
}

/* The first of those that it comes after, in their order, whose end is one that fails it. False: none. */
static bool find_failed(const struct future *future, size_t *ret)
{
	for (size_t i = 0; future->hold.spoilt && i < future->hold.count; i++) {
		if (future->hold.on[i].over && fails(future->plan, future->hold.on[i].on)) {
			*ret = i;
			return true;
		}
	}
	return false;
}

/* Do those that it waits for let it go on? */
static bool is_met(const struct future *future)
{
	if (future->plan->kind == STORE_KIND_GROUP && future->plan->until == GROUP_ANY)
		return future->hold.count == 0 || future->hold.open < future->hold.count;
	return future->hold.open == 0;
}

void hold_due(struct future *future)
{
	uint64_t now = core_now_usec(future->broker), left = time_left(future, now);
	struct future_rec draft;
	size_t failed;

	if (!future->hold.on && hold_begin(future) < 0) {
		drive_postpone(future);
		return;
	}
	if (now >= future->deadline_usec) {
		record_draft(future, &draft);
		drive_fail(future, &draft, "deadline", "the deadline passed before what it waits for had come", 0);
	} else if (find_failed(future, &failed)) {
		fail_dependency(future, failed);
	} else if (left > 0 || !is_met(future)) {
		future->next_usec = left == 0 ? SCHED_NEVER : now + left;
		drive_arm(future);
	} else {
		hold_release(future);
	}
}

/* --- its end ------------------------------------------------------------------------------------------ */

/* A timer is over when its time has come. */
static void ring(struct future *future)
{
	struct ending ending = {
		.state = STORE_SUCCEEDED,
		.result = slice_from_str("null"),
		.content_type = slice_from_str("application/json"),
	};
	struct future_rec draft;

	record_draft(future, &draft);
	if (drive_finish(future, &draft, &ending) < 0)
		drive_postpone(future);
}

/* It is durable that nothing holds it: its first request is due, unless somebody asked for it already. */
static void on_released(void *arg, struct future *future, int status)
{
	drive_settled(arg, future, status);
	if (status < 0 || future->removed || future_state_terminal(future->rec.state) ||
	    future->rec.kind != STORE_KIND_HTTP || future->slot.state != SLOT_IDLE)
		return;
	future->next_usec = core_now_usec(future->broker);
	drive_arm(future);
	batch_enter(future);
}

void hold_let_go(struct future *future, const char *captured)
{
	struct record_change change = { .then = on_released };
	struct future_rec draft;

	record_draft(future, &draft);
	draft.held = false;
	draft.next_at_ms = future->rec.kind == STORE_KIND_HTTP ? core_wall_ms(future->broker) : 0;
	if (captured && record_text(future, &draft, &draft.captured, slice_from_str(captured)) < 0) {
		record_drop(future, &draft);
		drive_postpone(future);
		return;
	}
	if (record_write(future, &draft, &change) < 0) {
		drive_postpone(future);
		return;
	}
	future->settling++;
	hold_leave(future);
	future->next_usec = SCHED_NEVER;
	drive_arm(future);
}

void hold_release(struct future *future)
{
	switch (future->plan->kind) {
	case STORE_KIND_TIMER:
		ring(future);
		break;
	case STORE_KIND_GROUP:
		assembly_begin(future);
		break;
	case STORE_KIND_HTTP:
	case STORE_KIND_PROMISE:
		if (future->plan->n_results > 0)
			refer_begin(future);
		else
			hold_let_go(future, NULL);
		break;
	}
}
