/* ask.c - how a handle asks the daemon for its future: creation, the wait for its end, its result in pieces. */
#include "client/failure.h"
#include "client/future.h"
#include "client/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ASK_PER_TURN 256   /* handles asked about in one futured_process() */

static int ask_on_result(void *owner, const struct answer *answer);

/* Whether f's answer may take as long as its future does. */
static bool ask_waits(const futured_future *f)
{
	return !f->fetch && !(f->flags & FUTURED_LOOK_ONCE);
}

/* future.result, from where the bytes there are end. */
static int ask_send(futured_future *f)
{
	struct result_params params = { .id = f->id };
	bool wait = ask_waits(f);
	struct request *request;
	struct pack pack;
	int r;

	r = request_begin(f->conn, "future.result", &pack, &request);
	if (r < 0)
		return r;
	if (!wait)
		params.timeout.kind = SPAN_SET;
	if (f->flags & FUTURED_NO_RESULT)
		params.length.set = true;
	if (f->result_len > 0)
		params.offset = (struct maybe_u64){ .set = true, .value = f->result_len };
	fields_write(&pack, result_params_fields, &params);
	r = request_send(f->conn, request, &pack, REQUEST_READ | (wait ? REQUEST_LONG : 0), ask_on_result, f);
	if (r == 0)
		f->request = request;
	return r;
}

/* Room for len more bytes and a NUL. Grows with what came, not with what was promised. */
static int ask_reserve(futured_future *f, size_t len)
{
	size_t wanted = f->result_len + len + 1;
	char *result;

	if (wanted <= f->result_room)
		return 0;
	if (wanted < f->result_room * 2)
		wanted = f->result_room * 2;
	if (wanted > f->result_size + 1)
		wanted = (size_t)f->result_size + 1;
	result = realloc(f->result, wanted);
	if (!result)
		return -ENOMEM;
	f->result = result;
	f->result_room = wanted;
	return 0;
}

/* Append a piece of the result. 1 when it is whole, 0 when more is to come. */
static int ask_append(futured_future *f, const struct result_reply *reply)
{
	size_t len = reply->result.len;
	int r;

	if (!reply->result.data)
		return -EBADMSG;
	if (f->result_len == 0)
		f->result_size = reply->size.set ? reply->size.value : len;
	if (f->result_size > f->conn->result_max)
		return -EMSGSIZE;
	if (len > f->result_size - f->result_len || (reply->offset.set && reply->offset.value != f->result_len))
		return -EBADMSG;
	r = ask_reserve(f, len);
	if (r < 0)
		return r;
	memcpy(f->result + f->result_len, reply->result.data, len);
	f->result_len += len;
	f->result[f->result_len] = '\0';
	if (f->result_len == f->result_size)
		return 1;
	return len > 0 ? 0 : -EBADMSG;
}

/* A future.result came back with its future's success. */
static int ask_take_result(futured_future *f, const struct answer *answer)
{
	struct result_reply reply;
	int r;

	if (fields_read(answer->result, result_reply_fields, FIELDS_IGNORE_UNKNOWN, &reply, NULL) < 0)
		return -EBADMSG;
	f->state = FUTURED_SUCCEEDED;
	if (!f->content_type && reply.content_type.data)
		f->content_type = strndup(reply.content_type.data, reply.content_type.len);
	if (f->flags & FUTURED_NO_RESULT) {
		f->result_size = reply.size.set ? reply.size.value : 0;
		return 1;
	}
	r = ask_append(f, &reply);
	if (r != 0)
		return r;
	f->fetch = true;
	return ask_send(f);
}

/* The answer to future.result. */
static int ask_on_result(void *owner, const struct answer *answer)
{
	struct answer own = { 0 };
	futured_future *f = owner;
	int r;

	f->request = NULL;
	if (answer->error == 0) {
		r = ask_take_result(f, answer);
		if (r == 0 || r == -EBADMSG)
			return r;
		own.error = r < 0 ? r : 0;
		future_finish(f, own.error, r < 0 ? failure_from_answer(&own) : NULL);
		return 0;
	}
	/* It was thought to be over, and is not. */
	if (answer->error == -ETIMEDOUT && !(f->flags & FUTURED_LOOK_ONCE)) {
		future_want(f, false);
		return 0;
	}
	if (answer->daemon_error && answer->error == -EREMOTEIO)
		f->state = FUTURED_FAILED;
	else if (answer->daemon_error && answer->error == -ECANCELED)
		f->state = FUTURED_CANCELLED;
	future_finish(f, answer->error, failure_from_answer(answer));
	return 0;
}

/* The answer to future.create or future.retry. */
static int ask_on_created(void *owner, const struct answer *answer)
{
	struct create_reply reply;
	futured_future *f = owner;
	int state;

	f->request = NULL;
	if (answer->error < 0) {
		future_finish(f, answer->error, failure_from_answer(answer));
		return 0;
	}
	if (fields_read(answer->result, create_reply_fields, FIELDS_IGNORE_UNKNOWN, &reply, NULL) < 0)
		return -EBADMSG;
	state = future_state_from_text(reply.state);
	if (state < 0)
		return state;
	f->state = (enum futured_state)state;
	f->id = reply.id;
	id_format(&f->id, f->id_text);
	f->has_id = true;
	f->is_new = reply.created;
	progress_on_id(f);
	/* Nobody holds it and nobody is called: it is durable, and that was all there was to do. */
	if (f->kept && !f->callbacks)
		future_finish(f, 0, NULL);
	/* This was the look. */
	else if ((f->flags & FUTURED_LOOK_ONCE) && state < FUTURED_SUCCEEDED)
		future_finish(f, -ETIMEDOUT, failure_from_answer(&(struct answer){ .error = -ETIMEDOUT }));
	else
		future_want(f, false);
	return 0;
}

int future_send_creation(futured_future *f, struct request *request, struct pack *pack, unsigned request_flags)
{
	int r;

	r = request_send(f->conn, request, pack, request_flags, ask_on_created, f);
	if (r == 0)
		f->request = request;
	return r;
}

bool future_can_flush(const struct futured *c)
{
	return c->state == CONN_OPEN && !TAILQ_EMPTY(&c->unwatched);
}

/* Those that wait long each have a request of their own, as far as the daemon allows. The rest hears of its end by events:
 * any number, and no request is made anew for each that ends. */
static int ask_next(struct futured *c, futured_future *f)
{
	if (ask_waits(f) && c->n_long >= c->long_max)
		return progress_await_end(f);
	future_unqueue(f);
	return ask_send(f);
}

void future_yield(struct futured *c)
{
	futured_future *f;

	TAILQ_FOREACH(f, &c->futures, entry) {
		if (c->n_long <= c->long_max)
			break;
		if (!f->request || !(f->request->flags & REQUEST_LONG))
			continue;
		request_orphan(c, f->request);
		f->request = NULL;
		future_want(f, false);
	}
}

int future_flush(struct futured *c)
{
	struct answer answer = { 0 };
	int n;

	for (n = 0; n < ASK_PER_TURN && future_can_flush(c); n++) {
		futured_future *f = TAILQ_FIRST(&c->unwatched);

		answer.error = ask_next(c, f);
		if (answer.error == 0)
			continue;
		future_unqueue(f);
		future_finish(f, answer.error, failure_from_answer(&answer));
	}
	return n > 0;
}
