/* pause.c - futures for which nothing is sent until somebody says so: single ones, and all at an origin (see broker.h). */
#include "daemon/broker/broker.h"
#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/future.h"
#include "daemon/broker/keepalive.h"
#include "daemon/broker/labels.h"
#include "daemon/broker/record.h"
#include "daemon/broker/watching.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A caller who waits for several writes to be durable. */
struct pausing {
	struct broker *broker;
	bool paused;                    /* or resumed */
	size_t count;                   /* futures that it concerns */
	size_t writes;                  /* under way */
	int status;
	broker_pause_cb done;
	void *arg;
};

static void on_durable(void *arg, int status)
{
	struct pausing *pausing = arg;
	struct error error;

	if (status < 0)
		pausing->status = status;
	if (--pausing->writes > 0)
		return;
	if (pausing->status < 0)
		core_store_error(pausing->status, &error);
	pausing->done(pausing->arg, pausing->status < 0 ? &error : NULL, pausing->count);
	free(pausing);
}

/* As with a future's record: memory must not stay ahead of the disk. */
static void on_stop_durable(void *arg, int status)
{
	struct pausing *pausing = arg;

	if (status < 0)
		pausing->broker->lost = true;
	on_durable(arg, status);
}

static void on_written(void *arg, struct future *future, int status)
{
	(void)future;
	on_durable(arg, status);
}

/* What was to be sent is not; an answer that is on its way is still taken. */
static void stand_still(struct future *future)
{
	int64_t left_ms = future->rec.next_at_ms - core_wall_ms(future->broker);

	if (future->slot.state == SLOT_WAITING)
		bucket_release(future->broker->buckets, &future->slot);
	batch_leave(future);
	if (future->next_usec == SCHED_NEVER)   /* the batch would have asked then */
		future->next_usec = core_now_usec(future->broker) + (left_ms > 0 ? (uint64_t)left_ms * 1000 : 0);
	keepalive_leave(future);
	future->session.named = false;
	watching_close(future);
	drive_arm(future);
}

/* Failures before the pause say little about the time after it: the retry policy's time begins anew. */
static void forget_trouble(struct future *future)
{
	if (future->rec.retry_since_ms != 0)
		future->rec.retry_since_ms = core_wall_ms(future->broker);
}

static void go_on(struct future *future)
{
	drive_arm(future);
	if (future->rec.state == STORE_RUNNING)
		keepalive_join(future);
	if (!future->batch.group && !future->rec.held)
		batch_enter(future);
}

/* Write down that it is paused, or is not any more, and see to it. changed false: only wait until that is durable. */
static int change_one(struct future *future, struct pausing *pausing, bool changed)
{
	struct record_change change = { .then = on_written, .arg = pausing };
	struct future_rec draft;
	int r;

	if (changed && !pausing->paused)
		forget_trouble(future);
	record_draft(future, &draft);
	if (changed)
		draft.paused = pausing->paused;
	r = record_write(future, &draft, &change);
	if (r < 0)
		return r;
	pausing->writes++;
	if (!changed)
		return 0;
	pausing->count++;
	if (pausing->paused)
		stand_still(future);
	else
		go_on(future);
	return 0;
}

/* Whether it is one of those that labels stand for. */
static bool is_meant(const struct future *future, const struct caller *caller, const struct pause_target *target)
{
	const struct future_rec *rec = &future->rec;

	return future->durable && !future->forgetting && !future_state_terminal(rec->state) &&
	    access_may_read(caller, rec->uid, rec->gid, rec->mode) &&
	    access_may_write(caller, rec->uid, rec->gid, rec->mode) &&
	    labels_match(rec->labels, rec->n_labels, target->labels, target->n_labels);
}

/* Those that are not as they shall be are changed. Of those that are, what made them so may not be durable yet: one
 * more write of the last one tells. */
static int change_labelled(struct broker *broker, const struct caller *caller, const struct pause_target *target,
    struct pausing *pausing)
{
	struct future *settled = NULL;
	int r = 0;

	for (struct future *future = index_first(&broker->index, NULL); future && r == 0; future = index_next(future)) {
		if (!is_meant(future, caller, target))
			continue;
		if (future->rec.paused == pausing->paused)
			settled = future;
		else
			r = change_one(future, pausing, true);
	}
	return r == 0 && settled ? change_one(settled, pausing, false) : r;
}

/* All of them may be changed, or none is. One that is over is left as it is. */
static int change_listed(struct broker *broker, const struct caller *caller, const struct pause_target *target,
    struct pausing *pausing, struct error *error)
{
	struct future *future, *settled = NULL;
	int r = 0;

	for (size_t i = 0; i < target->n_ids; i++) {
		r = core_find(broker, caller, &target->ids[i], true, &future, error);
		if (r < 0) {
			if (target->n_ids > 1)
				error_wrap(error, "ids[%zu]", i);
			return r;
		}
	}
	for (size_t i = 0; i < target->n_ids && r == 0; i++) {
		future = index_find(&broker->index, &target->ids[i]);
		if (future_state_terminal(future->rec.state) || future->rec.paused == pausing->paused)
			settled = future;
		else
			r = change_one(future, pausing, true);
	}
	if (r == 0 && settled)
		r = change_one(settled, pausing, false);
	if (r < 0)
		core_store_error(r, error);
	return r;
}

/* Hold, or let go, what the caller's futures have to do with that origin. */
static void change_bucket(struct future *future, struct pausing *pausing)
{
	if (future->slot.bucket)
		bucket_hold(future->slot.bucket, pausing->paused);
	if (pausing->paused)
		watching_close(future);
	else
		forget_trouble(future);
	pausing->count += !future_state_terminal(future->rec.state);
}

static int change_origin(struct broker *broker, uid_t uid, const char *origin, struct pausing *pausing)
{
	bool was = stops_have(&broker->stops, uid, origin);
	int r = pausing->paused ? stops_add(&broker->stops, uid, origin) : 0;

	if (r < 0)
		return r;
	r = store_stop(broker->store, uid, origin, pausing->paused, on_stop_durable, pausing);
	if (r < 0) {
		if (!was)
			stops_remove(&broker->stops, uid, origin);
		return r;
	}
	pausing->writes++;
	if (!pausing->paused)
		stops_remove(&broker->stops, uid, origin);
	if (was == pausing->paused)
		return 0;
	for (struct future *future = index_first(&broker->index, NULL); future; future = index_next(future)) {
		if (future->rec.uid == uid && future->plan && future->plan->origin &&
		    strcmp(future->plan->origin, origin) == 0)
			change_bucket(future, pausing);
	}
	return 0;
}

static int change_named_origin(struct broker *broker, uid_t uid, struct slice name, struct pausing *pausing,
    struct error *error)
{
	char *origin;
	int r = broker->remote.origin(broker->remote.self, name, &origin, error);

	if (r < 0) {
		error_wrap(error, "origin");
		return r;
	}
	r = change_origin(broker, uid, origin, pausing);
	free(origin);
	if (r == -ENOSPC)
		return error_set(error, ERROR_LIMIT, "user %u has %d paused origins already, which is the limit",
		    (unsigned)uid, STOPS_MAX);
	if (r < 0)
		core_store_error(r, error);
	return r;
}

int broker_pause(struct broker *broker, const struct caller *caller, const struct pause_target *target, bool paused,
    broker_pause_cb done, void *arg, struct error *error)
{
	struct pausing *pausing = calloc(1, sizeof *pausing);
	int r;

	if (!pausing)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a pause");
	*pausing = (struct pausing){ .broker = broker, .paused = paused, .done = done, .arg = arg };
	if (target->origin.data) {
		r = change_named_origin(broker, caller->uid, target->origin, pausing, error);
	} else if (target->n_ids > 0) {
		r = change_listed(broker, caller, target, pausing, error);
	} else {
		r = change_labelled(broker, caller, target, pausing);
		if (r < 0)
			core_store_error(r, error);
	}
	if (pausing->writes > 0) {
		/* Some of it is done: the caller hears of what is not when that is durable. */
		pausing->status = r;
		return 0;
	}
	free(pausing);
	return r < 0 ? r : 1;
}

const char *broker_stop_at(const struct broker *broker, const struct caller *caller, size_t place)
{
	return stops_at(&broker->stops, caller->uid, place);
}
