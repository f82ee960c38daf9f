/* progress.c - what a handle hears of its future before that is over. */
#include "client/progress.h"

#include "client/feed.h"
#include "client/future.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct progress_callback {
	struct progress_callback *next;
	bool of_trouble;
	futured_cb cb;
	void *userdata;
};

/* Run what was registered for one or the other before this began. */
static void progress_call_back(struct progress *progress, bool of_trouble)
{
	struct progress_callback *callback = progress->callbacks, *last = callback;
	futured_future *f = progress->future;

	while (last && last->next)
		last = last->next;
	futured_future_ref(f);
	for (; callback; callback = callback == last ? NULL : callback->next) {
		/* As long as anybody but us holds the handle, and then some: these live as long as it does. */
		if (callback->of_trouble == of_trouble && f->refs > 1)
			callback->cb(f, callback->userdata);
	}
	futured_future_unref(f);
}

/* What a future.get brought that was not known. */
static void progress_run_due(struct due *due)
{
	progress_call_back((struct progress *)(void *)((char *)due - offsetof(struct progress, due)), false);
}

/* Replace *text by a copy of what came. 1: it is another one; 0: the same, or memory was short. */
static int progress_replace(char **text, struct slice came)
{
	char *copy;

	if (!came.data || (*text && slice_equals(came, *text)))
		return 0;
	copy = strndup(came.data, came.len);
	if (!copy)
		return 0;
	free(*text);
	*text = copy;
	return 1;
}

/* The future is in that state. Over, there is nothing more to hear. */
static void progress_take_state(struct progress *progress, int state)
{
	if (!progress->future->done)
		progress->future->state = (enum futured_state)state;
	if (state >= FUTURED_SUCCEEDED)
		feed_leave(progress);
}

void progress_take_event(struct progress *progress, const struct futured_event *event)
{
	if (event->seq <= progress->seen)
		return;
	progress->seen = event->seq;
	switch (event->type) {
	case FUTURED_EVENT_CHANGED:
		progress_take_state(progress, event->state);
		break;
	case FUTURED_EVENT_PROGRESS:
		if (progress_replace(&progress->text, slice_from_str(event->progress)))
			progress_call_back(progress, false);
		break;
	case FUTURED_EVENT_TROUBLE:
		progress->attempts = event->attempts;
		progress_replace(&progress->trouble, slice_from_str(event->message));
		progress_call_back(progress, true);
		break;
	case FUTURED_EVENT_FORGOTTEN:
		feed_leave(progress);
		break;
	default:
		break;
	}
}

/* The answer to future.get. An error is the handle's business, which hears of it in its own way. */
static int progress_on_snapshot(void *owner, const struct answer *answer)
{
	struct progress *progress = owner;
	struct snapshot snapshot;
	int state;

	progress->request = NULL;
	if (answer->error < 0)
		return 0;
	if (fields_read(answer->result, snapshot_fields, FIELDS_IGNORE_UNKNOWN, &snapshot, NULL) < 0)
		return -EBADMSG;
	state = future_state_from_text(snapshot.state);
	if (state < 0)
		return state;
	if (snapshot.seq.value < progress->seen)
		return 0;
	progress->seen = snapshot.seq.value;
	if (snapshot.last_error.data)
		progress->attempts = snapshot.attempts.value;
	progress_replace(&progress->trouble, snapshot.last_error);
	if (progress_replace(&progress->text, snapshot.progress))
		conn_due_add(progress->future->conn, &progress->due);
	progress_take_state(progress, state);
	return 0;
}

void progress_ask(struct progress *progress)
{
	struct futured *c = progress->future->conn;
	struct id_params params = { .id = progress->future->id };
	struct request *request;
	struct pack pack;

	if (progress->request || request_begin(c, "future.get", &pack, &request) < 0)
		return;
	fields_write(&pack, id_params_fields, &params);
	if (request_send(c, request, &pack, 0, progress_on_snapshot, progress) == 0)
		progress->request = request;
}

void progress_on_id(futured_future *f)
{
	if (f->progress && f->progress->place == PROGRESS_NOWHERE)
		feed_want(f->progress);
}

void progress_detach(futured_future *f)
{
	struct progress *progress = f->progress;

	if (!progress || !f->conn)
		return;
	feed_leave(progress);
	conn_due_remove(f->conn, &progress->due);
	if (progress->request)
		request_orphan(f->conn, progress->request);
	progress->request = NULL;
}

void progress_free(futured_future *f)
{
	struct progress *progress = f->progress;
	struct progress_callback *callback;

	if (!progress)
		return;
	progress_detach(f);
	f->progress = NULL;
	while ((callback = progress->callbacks)) {
		progress->callbacks = callback->next;
		free(callback);
	}
	free(progress->text);
	free(progress->trouble);
	free(progress);
}

/* --- what callers may ask and do ---------------------------------------------------------------- */

static int progress_new(futured_future *f)
{
	struct progress *progress = calloc(1, sizeof(*progress));

	if (!progress)
		return -ENOMEM;
	progress->future = f;
	progress->due.run = progress_run_due;
	f->progress = progress;
	if (f->has_id && !f->done)
		feed_want(progress);
	return 0;
}

static int progress_register(futured_future *f, bool of_trouble, futured_cb cb, void *userdata)
{
	struct progress_callback **at, *callback = NULL;
	int r;

	r = f->conn ? conn_check(f->conn) : -ENOTCONN;
	if (r < 0)
		return r;
	if (cb) {
		callback = malloc(sizeof(*callback));
		if (!callback)
			return -ENOMEM;
		*callback = (struct progress_callback){ .of_trouble = of_trouble, .cb = cb, .userdata = userdata };
	}
	if (!f->progress) {
		r = progress_new(f);
		if (r < 0) {
			free(callback);
			return r;
		}
	}
	at = &f->progress->callbacks;
	while (*at)
		at = &(*at)->next;
	*at = callback;
	return 0;
}

int futured_future_on_progress(futured_future *f, futured_cb cb, void *userdata)
{
	return progress_register(f, false, cb, userdata);
}

int futured_future_on_trouble(futured_future *f, futured_cb cb, void *userdata)
{
	return progress_register(f, true, cb, userdata);
}

const char *futured_future_progress(futured_future *f)
{
	return f->progress ? f->progress->text : NULL;
}

const char *futured_future_trouble(futured_future *f)
{
	return f->progress ? f->progress->trouble : NULL;
}

uint64_t futured_future_attempts(futured_future *f)
{
	return f->progress ? f->progress->attempts : 0;
}

int futured_future_is_running(futured_future *f)
{
	return !f->done && f->state == FUTURED_RUNNING;
}

int futured_future_is_cancelled(futured_future *f)
{
	return f->state == FUTURED_CANCELLED;
}
