/* handlers_result.c - future.result: wait for one future, read what became of it, answer. */
#include "daemon/broker/broker.h"
#include "daemon/ipc/delivery.h"
#include "daemon/ipc/handlers.h"
#include "daemon/ipc/reply.h"
#include "daemon/ipc/session.h"
#include "proto/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_OVERHEAD 4096      /* bytes of a reply beyond the result's */

/* What the call remembers while it waits and reads. In call->data. */
struct reading {
	struct id id;
	uint64_t offset;
	uint64_t length;             /* at most so much is wanted */
	uint64_t size;               /* of the whole result */
	bool kept;                   /* until it is delivered */
	char content_type[256];
};

static void resume(struct call *call);

/* Answer with what was read. It is delivered when what reaches the end of the result was taken. */
static void answer(struct call *call, struct slice bytes)
{
	const struct reading *reading = call->data;
	struct result_reply reply = {
		.state = slice_from_str(future_state_name(STORE_SUCCEEDED)),
		.result = bytes,
		.content_type = slice_from_str(reading->content_type[0] ? reading->content_type : NULL),
		.offset = { .set = true, .value = reading->offset },
		.size = { .set = true, .value = reading->size },
	};
	bool last = reading->length > 0 && reading->offset <= reading->size &&
	    reading->offset + bytes.len >= reading->size;
	struct session *session = call->session;
	struct id id = reading->id;
	struct pack pack;

	call_begin(call, &pack);
	fields_write(&pack, result_reply_fields, &reply);
	last = last && reading->kept && pack_finish(&pack, NULL) == 0 && !call->silent;
	call_reply(call, &pack);
	if (last)
		delivery_expect(session, &id);
}

static void on_bytes(void *arg, const struct error *error, const void *data, size_t len)
{
	struct call *call = arg;

	if (call_pending(call)) {
		if (error)
			call_fail(call, error, NULL);
		else
			answer(call, (struct slice){ .data = data ? data : "", .len = len });
	}
	call_unref(call);
}

/* Read the wanted part, as soon as the output has room for it. */
static int read_part(struct call *call, const struct future_view *view, struct error *error)
{
	struct reading *reading = call->data;
	uint64_t left;
	int r;

	reading->kept = view->rec->keep_until_delivered;
	reading->size = view->rec->result_size > 0 ? (uint64_t)view->rec->result_size : 0;
	if (view->rec->content_type && strlen(view->rec->content_type) < sizeof(reading->content_type))
		strcpy(reading->content_type, view->rec->content_type);
	left = reading->offset < reading->size ? reading->size - reading->offset : 0;
	if (left > reading->length)
		left = reading->length;
	if (left == 0) {
		answer(call, (struct slice){ .data = "", .len = 0 });
		return 0;
	}
	if (!session_reserve(call, (size_t)left + REPLY_OVERHEAD, resume))
		return 0;
	r = broker_read_result(call_broker(call), call_caller(call), &reading->id, reading->offset, (size_t)left,
	    on_bytes, call_ref(call), error);
	if (r < 0)
		call_unref(call);
	return r;
}

/* --- futures that ended badly -------------------------------------------------------------------------- */

/* Answer Failed, or Cancelled, with the future's own failure. details may be absent. */
static void answer_failure(struct call *call, const struct future_view *view, struct slice details)
{
	enum error_code code = view->state == STORE_CANCELLED ? ERROR_CANCELLED : ERROR_FAILED;
	struct failure_wire failure = { 0 };
	struct session *session = call->session;
	struct id id = view->id;
	struct error error;
	bool has = reply_failure(view, &failure), last = view->rec->keep_until_delivered && !call->silent;

	if (has && failure.message.data)
		error_set(&error, code, "%s", view->rec->error_message);
	else
		error_set(&error, code, "the future %s",
		    code == ERROR_CANCELLED ? "was cancelled" : has ? view->rec->error_kind : "failed");
	failure.details = details;
	call_fail(call, &error, has ? &failure : NULL);
	if (last)
		delivery_expect(session, &id);
}

/* The future again, after a turn in which it may have been forgotten. */
static int find(struct call *call, struct future_view *ret, struct error *error)
{
	const struct reading *reading = call->data;
	const struct future *future;
	int r = broker_find(call_broker(call), call_caller(call), &reading->id, &future, error);

	if (r == 0)
		future_view(future, ret);
	return r;
}

static void on_details(void *arg, const struct error *error, const void *data, size_t len)
{
	struct call *call = arg;
	struct slice details = { .data = data, .len = len < PROTO_RESULT_CHUNK_MAX ? len : PROTO_RESULT_CHUNK_MAX };
	struct future_view view;
	struct error gone;

	if (call_pending(call)) {
		if (find(call, &view, &gone) < 0)
			call_fail(call, &gone, NULL);
		else
			answer_failure(call, &view, error ? (struct slice){ 0 } : details);
	}
	call_unref(call);
}

/* The details are only read for those who will see them. */
static int fail(struct call *call, const struct future_view *view, struct error *error)
{
	int r;

	if (call->session->shape == ERROR_SHAPE_STRING || !view->rec->error_kind) {
		answer_failure(call, view, (struct slice){ 0 });
		return 0;
	}
	if (!session_reserve(call, PROTO_RESULT_CHUNK_MAX, resume))
		return 0;
	r = broker_read_error_details(call_broker(call), call_caller(call), &view->id, on_details, call_ref(call),
	    error);
	if (r < 0)
		call_unref(call);
	return r;
}

/* --- the way of a call ------------------------------------------------------------------------------------ */

static int go_on(struct call *call, const struct future_view *view, struct error *error)
{
	if (view->state == STORE_SUCCEEDED)
		return read_part(call, view, error);
	return fail(call, view, error);
}

/* Look at the future, which is over, and do what follows. */
static void resume(struct call *call)
{
	struct future_view view;
	struct error error;
	int r = find(call, &view, &error);

	if (r == 0)
		r = go_on(call, &view, &error);
	if (r < 0)
		call_fail(call, &error, NULL);
}

static void on_done(void *arg, struct wait *wait, bool timed_out)
{
	struct call *call = arg;
	const struct reading *reading = call->data;
	char text[ID_TEXT_LEN + 1];
	struct error error;

	call->wait = NULL;
	if (!timed_out) {
		resume(call);
		return;
	}
	id_format(&reading->id, text);
	error_set(&error, ERROR_TIMEOUT, "future %s is not done yet", text);
	call_fail(call, &error, NULL);
}

int h_future_result(struct call *call, const void *arg, struct error *error)
{
	const struct result_params *params = arg;
	uint64_t timeout = params->timeout.kind == SPAN_SET ? params->timeout.usec : UINT64_MAX;
	struct reading *reading = calloc(1, sizeof(*reading));

	if (!reading)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a call");
	call->data = reading;
	reading->id = params->id;
	reading->offset = params->offset.value;
	reading->length = PROTO_RESULT_CHUNK_MAX;
	if (params->length.set && params->length.value < reading->length)
		reading->length = params->length.value;
	return wait_new(call_broker(call), call_caller(call), &reading->id, 1, WAIT_ALL_COMPLETED, timeout, on_done,
	    call, &call->wait, error);
}
