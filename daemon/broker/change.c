/* change.c - what callers may do to a future that exists: cancel, refresh, extend, pin, forget, read (see broker.h). */
#include "daemon/broker/broker.h"
#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/future.h"
#include "daemon/broker/record.h"
#include "daemon/broker/retention.h"

#include <errno.h>
#include <stdlib.h>

/* A caller who waits for his change to be durable. */
struct change {
	broker_change_cb done;
	void *arg;
	bool changed;
};

static struct change *change_new(broker_change_cb done, void *arg, bool changed)
{
	struct change *change = calloc(1, sizeof *change);

	if (!change)
		return NULL;
	change->done = done;
	change->arg = arg;
	change->changed = changed;
	return change;
}

static void change_reply(struct change *change, int status, const struct future *future)
{
	struct error error;

	if (status < 0) {
		core_store_error(status, &error);
		change->done(change->arg, &error, NULL, false);
	} else {
		change->done(change->arg, NULL, future, change->changed);
	}
	free(change);
}

static void on_changed(void *arg, struct future *future, int status)
{
	change_reply(arg, status, future);
}

/* Is there surely no operation at the service that would have to be taken back? A submit without answer may have
 * left one, if it can be repeated; one that cannot has ended as submit_unknown then. */
static bool untouched(const struct future *future)
{
	bool repeatable = future->plan->has_idempotency || future->plan->resubmit;

	return future->rec.phase == STORE_PHASE_SUBMIT && !future->exchange && !future->intent_pending &&
	    (future->rec.requests == future->requests_before || !repeatable);
}

static int cancel_live(struct future *future, struct change *change)
{
	struct record_change record_change = { .then = on_changed, .arg = change };
	struct ending ending = { .state = STORE_CANCELLED, .then = on_changed, .arg = change };
	struct future_rec draft;
	int r;

	record_draft(future, &draft);
	draft.cancel_requested = true;
	if (future->rec.held || !future->plan->has_cancel || untouched(future))
		return drive_finish(future, &draft, &ending);
	r = record_write(future, &draft, &record_change);
	/* An operation that has succeeded cannot be cancelled any more: its result is fetched and wins. */
	if (r == 0 && future->rec.phase != STORE_PHASE_FETCH)
		drive_cancel(future);
	return r;
}

int broker_cancel(struct broker *broker, const struct caller *caller, const struct id *id,
    broker_change_cb done, void *arg, struct error *error)
{
	struct record_change wait_for_writes = { .then = on_changed };
	struct future_rec draft;
	struct future *future;
	struct change *change;
	int r = core_find(broker, caller, id, true, &future, error);
	bool live;

	if (r < 0)
		return r;
	live = !future_state_terminal(future->rec.state);
	change = change_new(done, arg, live);
	if (!change)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a cancellation");
	if (live) {
		r = cancel_live(future, change);
	} else {
		/* Its end may not be durable yet: the answer comes behind it. */
		record_draft(future, &draft);
		wait_for_writes.arg = change;
		r = record_write(future, &draft, &wait_for_writes);
	}
	if (r < 0) {
		free(change);
		core_store_error(r, error);
	}
	return r;
}

int broker_refresh(struct broker *broker, const struct caller *caller, const struct id *id,
    const struct future **ret, struct error *error)
{
	struct future *future;
	int r = core_find(broker, caller, id, true, &future, error);

	if (r < 0)
		return r;
	if (future->rec.kind == STORE_KIND_HTTP && !future_state_terminal(future->rec.state) && !broker->stopping)
		drive_now(future);
	*ret = future;
	return 0;
}

int broker_extend(struct broker *broker, const struct caller *caller, const struct id *id,
    uint64_t timeout_usec, broker_change_cb done, void *arg, struct error *error)
{
	struct record_change record_change = { .then = on_changed };
	struct future_rec draft;
	struct future *future;
	uint64_t now = core_now_usec(broker);
	int r = core_find(broker, caller, id, true, &future, error);

	if (r < 0)
		return r;
	if (future_state_terminal(future->rec.state))
		return error_set(error, ERROR_INVALID_STATE,
		    "the future is over; future.retry takes its operation up again");
	record_change.arg = change_new(done, arg, true);
	if (!record_change.arg)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for an extension");
	record_draft(future, &draft);
	draft.deadline_at_ms = timeout_usec == UINT64_MAX ? 0 : core_wall_ms(broker) + (int64_t)(timeout_usec / 1000);
	r = record_write(future, &draft, &record_change);
	if (r < 0) {
		free(record_change.arg);
		core_store_error(r, error);
		return r;
	}
	future->deadline_usec = timeout_usec > UINT64_MAX - now ? SCHED_NEVER : now + timeout_usec;
	future->last_attempt = false;
	drive_arm(future);
	return 0;
}

int broker_pin(struct broker *broker, const struct caller *caller, const struct id *id, bool pinned,
    broker_change_cb done, void *arg, struct error *error)
{
	struct record_change record_change = { .then = on_changed };
	struct future_rec draft;
	struct future *future;
	int r = core_find(broker, caller, id, true, &future, error);

	if (r < 0)
		return r;
	record_change.arg = change_new(done, arg, future->rec.pinned != pinned);
	if (!record_change.arg)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a pin");
	record_draft(future, &draft);
	draft.pinned = pinned;
	r = record_write(future, &draft, &record_change);
	if (r < 0) {
		free(record_change.arg);
		core_store_error(r, error);
		return r;
	}
	drive_arm(future);
	return 0;
}

static void on_forgotten(void *arg, int status)
{
	change_reply(arg, status, NULL);
}

int broker_forget(struct broker *broker, const struct caller *caller, const struct id *id,
    broker_change_cb done, void *arg, struct error *error)
{
	struct future *future;
	struct change *change;
	int r = core_find(broker, caller, id, true, &future, error);

	if (r < 0)
		return r;
	if (!future_state_terminal(future->durable_state))
		return error_set(error, ERROR_INVALID_STATE, "the future is %s; cancel it first",
		    future_state_name(future->durable_state));
	change = change_new(done, arg, true);
	r = change ? core_forget(broker, future, on_forgotten, change) : -ENOMEM;
	if (r < 0) {
		free(change);
		core_store_error(r, error);
	}
	return r;
}

/* --- reading what is at rest ------------------------------------------------------------------------- */

struct reading {
	struct future *future;
	broker_bytes_cb done;
	void *arg;
};

/* Its time may have come meanwhile. */
static void reading_end(struct reading *reading)
{
	struct future *future = reading->future;

	if (--future->reads == 0 && !future->removed)
		drive_arm(future);
	future_unpin(future);
	free(reading);
}

static void on_bytes(void *arg, int status, const void *data, size_t len)
{
	struct reading *reading = arg;
	struct error error;

	if (status < 0) {
		core_store_error(status, &error);
		reading->done(reading->arg, &error, NULL, 0);
	} else {
		reading->done(reading->arg, NULL, data, len);
	}
	reading_end(reading);
}

static struct reading *reading_new(struct future *future, broker_bytes_cb done, void *arg)
{
	struct reading *reading = calloc(1, sizeof *reading);

	if (reading) {
		reading->future = future;
		reading->done = done;
		reading->arg = arg;
		future_pin(future);
		future->reads++;
		retention_update(future);
	}
	return reading;
}

static int reading_started(struct reading *reading, int r, struct error *error)
{
	if (r < 0) {
		if (reading)
			reading_end(reading);
		core_store_error(r, error);
	}
	return r;
}

int broker_read_result(struct broker *broker, const struct caller *caller, const struct id *id,
    uint64_t offset, size_t len, broker_bytes_cb done, void *arg, struct error *error)
{
	struct future *future;
	struct reading *reading;
	int r = core_find(broker, caller, id, false, &future, error);

	if (r < 0)
		return r;
	if (future->durable_state != STORE_SUCCEEDED)
		return error_set(error, ERROR_INVALID_STATE, "the future is %s and has no result",
		    future_state_name(future->durable_state));
	reading = reading_new(future, done, arg);
	return reading_started(reading, reading ?
	    store_read_result(broker->store, id->bytes, offset, len, on_bytes, reading) : -ENOMEM, error);
}

int broker_read_error_details(struct broker *broker, const struct caller *caller, const struct id *id,
    broker_bytes_cb done, void *arg, struct error *error)
{
	struct future *future;
	struct reading *reading;
	int r = core_find(broker, caller, id, false, &future, error);

	if (r < 0)
		return r;
	reading = reading_new(future, done, arg);
	return reading_started(reading, reading ?
	    store_read_error_details(broker->store, id->bytes, on_bytes, reading) : -ENOMEM, error);
}

void broker_delivered(struct broker *broker, const struct id *id)
{
	struct future *future = index_find(&broker->index, id);
	struct future_rec draft;

	if (!future || !future->rec.keep_until_delivered || future->forgetting)
		return;
	record_draft(future, &draft);
	draft.keep_until_delivered = false;
	if (record_write(future, &draft, NULL) == 0)
		drive_arm(future);
}
