/* future.c - handles: what each is waiting for, and how it completes. */
#include "client/future.h"

#include "client/call.h"
#include "client/completion.h"
#include "client/failure.h"
#include "client/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct callback {
	struct callback *next;
	futured_cb cb;
	void *userdata;
};

/* It is over, and from here on everybody may know. */
static void future_settle(futured_future *f)
{
	struct futured *c = f->conn;

	f->done = true;
	f->done_number = ++c->n_done;
	c->n_live--;
	completion_reached(f);
	if (!f->callbacks) {
		TAILQ_INSERT_TAIL(&c->finished, f, turn);
		f->place = FUTURE_FINISHED;
	}
}

/* Run what was registered before this began, in order, as long as somebody holds the handle. */
static void future_run_due(struct due *due)
{
	futured_future *f = (futured_future *)(void *)((char *)due - offsetof(struct futured_future, due));
	struct callback *first, *last;
	bool more;

	if (!f->done)
		future_settle(f);
	for (last = f->callbacks; last && last->next;)
		last = last->next;
	more = last;
	f->refs++;
	while (more && f->refs > 1) {
		first = f->callbacks;
		more = first != last;
		f->callbacks = first->next;
		first->cb(f, first->userdata);
		free(first);
	}
	/* Those that were registered meanwhile have a turn of their own. */
	if (f->kept && !f->due.queued) {
		f->kept = false;
		f->refs--;
	}
	futured_future_unref(f);
}

static int future_add_callback(futured_future *f, futured_cb cb, void *userdata)
{
	struct callback **at = &f->callbacks, *callback;

	callback = malloc(sizeof(*callback));
	if (!callback)
		return -ENOMEM;
	*callback = (struct callback){ .cb = cb, .userdata = userdata };
	while (*at)
		at = &(*at)->next;
	*at = callback;
	return 0;
}

void future_unqueue(futured_future *f)
{
	if (f->place == FUTURE_UNWATCHED)
		TAILQ_REMOVE(&f->conn->unwatched, f, turn);
	else if (f->place == FUTURE_FINISHED)
		TAILQ_REMOVE(&f->conn->finished, f, turn);
	f->place = FUTURE_NOWHERE;
}

int future_new(struct futured *c, unsigned flags, futured_cb cb, void *userdata, bool user, futured_future **ret)
{
	futured_future *f;
	int r;

	r = conn_check(c);
	if (r < 0)
		return r;
	if (flags & ~FUTURE_FLAGS)
		return -EINVAL;
	if (c->n_live >= FUTURE_LIVE_MAX)
		return -ENOBUFS;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	if (cb && future_add_callback(f, cb, userdata) < 0) {
		free(f);
		return -ENOMEM;
	}
	f->refs = 1;
	f->kept = !user;
	f->conn = c;
	f->flags = flags;
	f->is_new = -EINPROGRESS;
	f->due.run = future_run_due;
	TAILQ_INIT(&f->observers);
	TAILQ_INSERT_TAIL(&c->futures, f, entry);
	c->n_live++;
	*ret = f;
	return 0;
}

static void future_free_callbacks(futured_future *f)
{
	struct callback *callback;

	while ((callback = f->callbacks)) {
		f->callbacks = callback->next;
		free(callback);
	}
}

/* Take f out of everything it is known to. */
static void future_detach(futured_future *f)
{
	struct futured *c = f->conn;

	if (!c)
		return;
	progress_detach(f);
	future_unqueue(f);
	conn_due_remove(c, &f->due);
	if (f->request)
		request_orphan(c, f->request);
	f->request = NULL;
	if (!f->done)
		c->n_live--;
	TAILQ_REMOVE(&c->futures, f, entry);
	f->conn = NULL;
}

/* Whoever comes next to this handle has made no claim. */
static void future_drop_claim(futured_future *f)
{
	f->claim[0] = '\0';
	if (f->claiming)
		call_leave(f->claiming);
}

void future_discard(futured_future *f)
{
	future_drop_claim(f);
	progress_free(f);
	future_detach(f);
	future_free_callbacks(f);
	failure_free(f->error);
	free(f->content_type);
	free(f->result);
	free(f);
}

void future_finish(futured_future *f, int outcome, struct futured_error *error)
{
	f->over = true;
	f->outcome = outcome;
	f->error = error;
	if (outcome < 0) {
		free(f->result);
		f->result = NULL;
	}
	if (f->kept && !f->callbacks)
		future_discard(f);
	else
		conn_due_add(f->conn, &f->due);
}

int future_state_from_text(struct slice text)
{
	static const char *const names[] = {
		[FUTURED_PENDING] = "pending",
		[FUTURED_RUNNING] = "running",
		[FUTURED_SUCCEEDED] = "succeeded",
		[FUTURED_FAILED] = "failed",
		[FUTURED_CANCELLED] = "cancelled",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_equals(text, names[i]))
			return (int)i;
	}
	return -EBADMSG;
}

void future_want(futured_future *f, bool fetch)
{
	struct futured *c = f->conn;

	f->fetch = fetch;
	f->place = FUTURE_UNWATCHED;
	TAILQ_INSERT_TAIL(&c->unwatched, f, turn);
	conn_wake(c);
}

void future_end_all(struct futured *c, int error)
{
	struct answer answer = { .error = error };
	futured_future *f, *next;

	for (f = TAILQ_FIRST(&c->futures); f; f = next) {
		next = TAILQ_NEXT(f, entry);
		if (f->over)
			continue;
		future_unqueue(f);
		if (f->request)
			request_orphan(c, f->request);
		f->request = NULL;
		future_finish(f, error, failure_from_answer(&answer));
	}
}

void future_detach_all(struct futured *c)
{
	futured_future *f;

	while ((f = TAILQ_FIRST(&c->futures))) {
		if (f->kept) {
			future_discard(f);
			continue;
		}
		if (!f->done)
			future_settle(f);
		future_detach(f);
	}
}

/* --- what callers may ask and do ---------------------------------------------------------------- */

int futured_attach(futured *c, const char *id, unsigned flags, futured_cb cb, void *userdata, futured_future **ret)
{
	futured_future *f;
	struct id parsed;
	int r;

	if (!id || id_parse(id, strlen(id), &parsed) < 0)
		return -EINVAL;
	r = conn_check(c);
	if (r < 0)
		return r;
	r = future_new(c, flags, cb, userdata, ret != NULL, &f);
	if (r < 0)
		return r;
	f->is_new = 0;
	f->id = parsed;
	f->has_id = true;
	id_format(&parsed, f->id_text);
	future_want(f, false);
	if (ret)
		*ret = f;
	return 0;
}

futured_future *futured_future_ref(futured_future *f)
{
	if (f)
		f->refs++;
	return f;
}

futured_future *futured_future_unref(futured_future *f)
{
	if (f && --f->refs == 0)
		future_discard(f);
	return NULL;
}

int futured_future_on_done(futured_future *f, futured_cb cb, void *userdata)
{
	int r;

	if (!cb)
		return -EINVAL;
	r = f->conn ? conn_check(f->conn) : -ENOTCONN;
	if (r < 0)
		return r;
	r = future_add_callback(f, cb, userdata);
	if (r < 0)
		return r;
	if (f->done) {
		future_unqueue(f);
		conn_due_add(f->conn, &f->due);
	}
	return 0;
}

const char *futured_future_id(futured_future *f)
{
	return f->has_id ? f->id_text : NULL;
}

int futured_future_is_new(futured_future *f)
{
	return f->is_new;
}

int futured_future_is_done(futured_future *f)
{
	return f->done;
}

int futured_future_state(futured_future *f)
{
	return f->state;
}

int futured_future_result(futured_future *f, const void **ret, size_t *ret_len)
{
	if (!f->done)
		return -EINPROGRESS;
	if (f->outcome < 0)
		return f->outcome;
	if (f->flags & FUTURED_NO_RESULT)
		return -ENODATA;
	if (ret)
		*ret = f->result;
	if (ret_len)
		*ret_len = f->result_len;
	return 0;
}

const char *futured_future_content_type(futured_future *f)
{
	return f->content_type;
}

uint64_t futured_future_result_size(futured_future *f)
{
	return f->result_size;
}

const struct futured_error *futured_future_error(futured_future *f)
{
	return f->done ? f->error : NULL;
}

int futured_next_done(futured *c, futured_future **ret)
{
	futured_future *f;
	int r;

	r = conn_check(c);
	if (r == -ECHILD)
		return r;
	f = TAILQ_FIRST(&c->finished);
	if (!f)
		return 0;
	future_unqueue(f);
	*ret = f;
	return 1;
}
