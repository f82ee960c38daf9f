/* handlers_promise.c - what producers do to promises: claim, renew, progress, resolve, reject. */
#include "daemon/broker/broker.h"
#include "daemon/ipc/context.h"
#include "daemon/ipc/handlers.h"
#include "daemon/ipc/json_text.h"
#include "daemon/ipc/session.h"
#include "daemon/ipc/upload.h"

#include <stdlib.h>
#include <string.h>

/* --- claims ---------------------------------------------------------------------------------------------- */

/* For how long: a time, or as long as the caller's connection is there. */
static int read_lease(struct call *call, const struct span *span, struct lease *ret, struct error *error)
{
	struct session *session = call->session;

	if (span->kind == SPAN_SET && span->usec == 0)
		return error_set(error, ERROR_INVALID_ARGUMENT, "lease: must be more than 0 seconds");
	if (span->kind == SPAN_SET) {
		*ret = (struct lease){ .usec = span->usec };
		return 0;
	}
	if (!session->producer)
		session->producer = producer_new();
	if (!session->producer)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a claim");
	*ret = (struct lease){ .producer = session->producer };
	return 0;
}

static void answer_claim(struct call *call, const struct error *error, const struct claim_reply *reply)
{
	struct pack pack;

	if (error) {
		call_fail(call, error, NULL);
	} else {
		call_begin(call, &pack);
		fields_write(&pack, claim_reply_fields, reply);
		call_reply(call, &pack);
	}
	call_unref(call);
}

static struct claim_reply reply_of(const struct claim *claim)
{
	if (!claim)
		return (struct claim_reply){ 0 };
	return (struct claim_reply){
		.lease_until_ms = { claim->lease_until_ms > 0, (uint64_t)claim->lease_until_ms },
	};
}

static void on_claimed(void *arg, const struct error *error, const struct claim *claim)
{
	struct claim_reply reply = reply_of(claim);

	if (claim) {
		reply.claim = slice_from_str(claim->text);
		reply.progress = slice_from_str(claim->progress);
	}
	answer_claim(arg, error, &reply);
}

static void on_renewed(void *arg, const struct error *error, const struct claim *claim)
{
	const struct claim_reply reply = reply_of(claim);

	answer_claim(arg, error, &reply);
}

int h_future_claim(struct call *call, const void *arg, struct error *error)
{
	const struct claim_params *params = arg;
	struct lease lease;
	int r = read_lease(call, &params->lease, &lease, error);

	if (r < 0)
		return r;
	r = broker_claim(call_broker(call), call_caller(call), &params->id, &lease, on_claimed, call_ref(call), error);
	if (r < 0)
		call_unref(call);
	return r;
}

int h_future_renew(struct call *call, const void *arg, struct error *error)
{
	const struct renew_params *params = arg;
	struct lease lease;
	int r = read_lease(call, &params->lease, &lease, error);

	if (r < 0)
		return r;
	r = broker_renew(call_broker(call), call_caller(call), &params->id, params->claim, &lease, on_renewed,
	    call_ref(call), error);
	if (r < 0)
		call_unref(call);
	return r;
}

/* --- what becomes of it ------------------------------------------------------------------------------------ */

static void on_progress(void *arg, const struct error *error, const struct future *future, bool changed)
{
	call_finish(arg, error);
}

int h_future_progress(struct call *call, const void *arg, struct error *error)
{
	const struct progress_params *params = arg;
	struct slice progress;
	int r;

	r = json_text_value(params->progress, "progress", &progress, error);
	if (r < 0)
		return r;
	r = broker_set_progress(call_broker(call), call_caller(call), &params->id, params->claim, progress, on_progress,
	    call_ref(call), error);
	free((char *)(uintptr_t)progress.data);
	if (r < 0)
		call_unref(call);
	return r;
}

static void answer_state(struct call *call, const struct future *future, struct maybe_u64 offset)
{
	struct state_reply reply = { .offset = offset };
	struct future_view view;
	struct pack pack;

	future_view(future, &view);
	reply.state = slice_from_str(future_state_name(view.state));
	call_begin(call, &pack);
	fields_write(&pack, state_reply_fields, &reply);
	call_reply(call, &pack);
}

static void on_ended(void *arg, const struct error *error, const struct future *future, bool changed)
{
	struct call *call = arg;

	if (error)
		call_fail(call, error, NULL);
	else
		answer_state(call, future, (struct maybe_u64){ 0 });
	call_unref(call);
}

/* A part of a result: put behind those before. Of one that nothing can become of, none is kept. */
static int add_part(struct call *call, const struct resolve_params *params, const struct future **ret,
    struct error *error)
{
	struct session *session = call->session;
	int r = broker_find_promise(call_broker(call), call_caller(call), &params->id, ret, error);

	if (r == 0)
		return upload_add(session, &params->id, params->offset.value, params->result, error);
	session->upload = upload_free(session->upload);
	return r;
}

/* There is more to come. */
static int take_part(struct call *call, const struct resolve_params *params, struct error *error)
{
	const struct future *future;
	int r = add_part(call, params, &future, error);

	if (r == 0)
		answer_state(call, future, (struct maybe_u64){ true, call->session->upload->len });
	return r;
}

int h_future_resolve(struct call *call, const void *arg, struct error *error)
{
	const struct resolve_params *params = arg;
	struct session *session = call->session;
	struct slice result = params->result;
	const struct future *future;
	int r = 0;

	if (params->more)
		return take_part(call, params, error);
	if (params->offset.value > 0) {
		r = add_part(call, params, &future, error);
		if (r < 0)
			return r;
		result = (struct slice){ .data = session->upload->data, .len = session->upload->len };
	}
	r = broker_resolve(call_broker(call), call_caller(call), &params->id, params->claim, result, params->content_type,
	    on_ended, call_ref(call), error);
	if (r < 0)
		call_unref(call);
	if (params->offset.value > 0)
		session->upload = upload_free(session->upload);
	return r;
}

int h_future_reject(struct call *call, const void *arg, struct error *error)
{
	const struct reject_params *params = arg;
	char kind[PROMISE_KIND_MAX + 2] = "rejected";
	const struct failure failure = {
		.kind = kind,
		.message = params->message,
		.code = params->code,
		.details = params->details,
	};
	size_t len = params->kind.len < sizeof(kind) - 1 ? params->kind.len : sizeof(kind) - 1;
	int r;

	if (params->kind.data) {
		memcpy(kind, params->kind.data, len);
		kind[len] = '\0';
	}
	r = broker_reject(call_broker(call), call_caller(call), &params->id, params->claim, &failure, on_ended,
	    call_ref(call), error);
	if (r < 0)
		call_unref(call);
	return r;
}
