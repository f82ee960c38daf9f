/* progress.c - handles that are followed by events: for their steps, or only for their end. */
#include "client/progress.h"

#include "client/failure.h"
#include "client/feed.h"
#include "client/future.h"
#include "client/look.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What is called for. */
enum {
	NEWS_PROGRESS = 1,
	NEWS_TROUBLE = 2
};

struct progress_callback {
	struct progress_callback *next;
	unsigned news;               /* one of these */
	bool told;                   /* called already: what there is would be nothing new */
	futured_cb cb;
	void *userdata;
};

/* Run what was registered before this began for any of that news, or for what there is and was not called yet. */
static void progress_call_back(struct progress *progress, unsigned news, unsigned there)
{
	struct progress_callback *callback = progress->callbacks, *last = callback;
	unsigned wanted = NEWS_PROGRESS | NEWS_TROUBLE;
	futured_future *f = progress->future;

	/* A step that comes after the end is none. */
	if (f->done)
		return;
	/* Of what there was no memory for, nothing can be told. */
	if (!progress->text)
		wanted &= ~(unsigned)NEWS_PROGRESS;
	if (!progress->trouble)
		wanted &= ~(unsigned)NEWS_TROUBLE;
	while (last && last->next)
		last = last->next;
	futured_future_ref(f);
	for (; callback; callback = callback == last ? NULL : callback->next) {
		/* As long as anybody but us holds the handle, and then some: these live as long as it does. */
		if (!(callback->news & wanted & (callback->told ? news : news | there)) || f->refs == 1)
			continue;
		callback->told = true;
		callback->cb(f, callback->userdata);
	}
	futured_future_unref(f);
}

/* What a future.get brought. */
static void progress_run_due(struct due *due)
{
	struct progress *progress = (struct progress *)(void *)((char *)due - offsetof(struct progress, due));
	unsigned news = progress->news;

	progress->news = 0;
	progress_call_back(progress, news, progress->there);
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

/* It is over, or nobody knows: have the handle look for itself. */
static void progress_look_alone(struct progress *progress)
{
	if (!progress->awaits_end || progress->future->over)
		return;
	progress->awaits_end = false;
	future_want(progress->future, true);
}

/* The future is in that state. Over, there is nothing more to hear. */
static void progress_take_state(struct progress *progress, int state)
{
	if (!progress->future->over)
		progress->future->state = (enum futured_state)state;
	if (state < FUTURED_SUCCEEDED)
		return;
	feed_leave(progress);
	progress_look_alone(progress);
}

void progress_take_look(struct progress *progress, int state)
{
	if (state < 0)
		progress_look_alone(progress);
	else
		progress_take_state(progress, state);
}

void progress_fail(struct progress *progress, int error)
{
	struct answer answer = { .error = error };
	futured_future *f = progress->future;

	feed_leave(progress);
	if (!progress->awaits_end || f->over)
		return;
	progress->awaits_end = false;
	future_finish(f, error, failure_from_answer(&answer));
}

/* An event of progress or of trouble: which of them is news. What an older event would have said may be in this one, and
 * a trouble without a message is one that was over when it was told. */
static unsigned progress_take_step(struct progress *progress, const struct futured_event *event)
{
	unsigned news = progress_replace(&progress->text, slice_from_str(event->progress)) ? NEWS_PROGRESS : 0;

	if (event->type != FUTURED_EVENT_TROUBLE || !event->message)
		return news;
	progress->attempts = event->attempts;
	progress_replace(&progress->trouble, slice_from_str(event->message));
	return news | NEWS_TROUBLE;
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
	case FUTURED_EVENT_TROUBLE:
		progress_call_back(progress, progress_take_step(progress, event), 0);
		break;
	case FUTURED_EVENT_FORGOTTEN:
		feed_leave(progress);
		progress_look_alone(progress);
		break;
	default:
		break;
	}
}

/* What it has of the requests that failed. Trouble that is over is not heard of any more. */
static bool progress_take_trouble(struct progress *progress, const struct snapshot *snapshot)
{
	bool news = snapshot->last_error.data && progress->attempts != snapshot->attempts.value;

	if (progress_replace(&progress->trouble, snapshot->last_error))
		news = true;
	if (snapshot->last_error.data)
		progress->attempts = snapshot->attempts.value;
	return news;
}

/* The answer to future.get. */
static int progress_on_snapshot(void *owner, const struct answer *answer)
{
	struct progress *progress = owner;
	struct snapshot snapshot;
	int state;

	progress->request = NULL;
	if (answer->error < 0) {
		progress_look_alone(progress);
		return 0;
	}
	if (fields_read(answer->result, snapshot_fields, FIELDS_IGNORE_UNKNOWN, &snapshot, NULL) < 0)
		return -EBADMSG;
	state = future_state_from_text(snapshot.state);
	if (state < 0)
		return state;
	if (snapshot.seq.value < progress->seen)
		return 0;
	progress->seen = snapshot.seq.value;
	if (progress_take_trouble(progress, &snapshot))
		progress->news |= NEWS_TROUBLE;
	if (progress_replace(&progress->text, snapshot.progress))
		progress->news |= NEWS_PROGRESS;
	progress->there = (snapshot.progress.data ? NEWS_PROGRESS : 0) | (snapshot.last_error.data ? NEWS_TROUBLE : 0);
	if (progress->news | progress->there)
		conn_due_add(progress->future->conn, &progress->due);
	progress_take_state(progress, state);
	return 0;
}

int progress_ask(struct progress *progress)
{
	struct futured *c = progress->future->conn;
	struct id_params params = { .id = progress->future->id };
	struct request *request;
	struct pack pack;
	int r;

	if (progress->request)
		return 0;
	r = request_begin(c, "future.get", &pack, &request);
	if (r < 0)
		return r;
	fields_write(&pack, id_params_fields, &params);
	r = request_send(c, request, &pack, 0, progress_on_snapshot, progress);
	if (r == 0)
		progress->request = request;
	return r;
}

static int progress_new(futured_future *f)
{
	struct progress *progress = calloc(1, sizeof(*progress));

	if (!progress)
		return -ENOMEM;
	progress->future = f;
	progress->due.run = progress_run_due;
	f->progress = progress;
	return 0;
}

int progress_await_end(futured_future *f)
{
	int r = f->progress ? 0 : progress_new(f);

	if (r < 0)
		return r;
	future_unqueue(f);
	f->progress->awaits_end = true;
	if (f->progress->place == PROGRESS_NOWHERE)
		feed_want(f->progress);
	return 0;
}

void progress_on_id(futured_future *f)
{
	if (f->progress && f->progress->steps && f->progress->place == PROGRESS_NOWHERE)
		feed_want(f->progress);
}

void progress_forget(struct progress *progress)
{
	progress->known = false;
	look_leave(progress);
	if (progress->request)
		request_orphan(progress->future->conn, progress->request);
	progress->request = NULL;
}

void progress_detach(futured_future *f)
{
	struct progress *progress = f->progress;

	if (!progress || !f->conn)
		return;
	feed_leave(progress);
	progress_forget(progress);
	conn_due_remove(f->conn, &progress->due);
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

/* From now on, or once the id is known. called: somebody is to hear what there is, also when it is followed already. */
static void progress_want_steps(futured_future *f, bool called)
{
	struct progress *progress = f->progress;
	bool first = !progress->steps;

	if (f->over)
		return;
	progress->steps = true;
	if (progress->place == PROGRESS_FED && (first || called))
		(void)progress_ask(progress);
	else if (progress->place == PROGRESS_NOWHERE && first && f->has_id)
		feed_want(progress);
}

static int progress_register(futured_future *f, unsigned news, futured_cb cb, void *userdata)
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
		*callback = (struct progress_callback){ .news = news, .cb = cb, .userdata = userdata };
	}
	if (!f->progress) {
		r = progress_new(f);
		if (r < 0) {
			free(callback);
			return r;
		}
	}
	progress_want_steps(f, cb);
	at = &f->progress->callbacks;
	while (*at)
		at = &(*at)->next;
	*at = callback;
	return 0;
}

int futured_future_on_progress(futured_future *f, futured_cb cb, void *userdata)
{
	return progress_register(f, NEWS_PROGRESS, cb, userdata);
}

int futured_future_on_trouble(futured_future *f, futured_cb cb, void *userdata)
{
	return progress_register(f, NEWS_TROUBLE, cb, userdata);
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
