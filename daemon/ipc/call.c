/* call.c - one request that awaits its reply. */
#include "daemon/ipc/call.h"

#include "daemon/ipc/context.h"
#include "daemon/ipc/session.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct call *call_new(struct session *session, uint32_t id, bool silent)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->session = session;
	call->refs = 2;
	call->id = id;
	call->silent = silent;
	LIST_INSERT_HEAD(&session->calls, call, link);
	session->n_calls++;
	session->ipc->n_calls++;
	return call;
}

struct call *call_ref(struct call *call)
{
	call->refs++;
	return call;
}

struct call *call_unref(struct call *call)
{
	if (!call)
		return NULL;
	assert(call->refs > 0);
	if (--call->refs > 0)
		return NULL;
	assert(!call->session);
	free(call->data);
	free(call);
	return NULL;
}

bool call_pending(const struct call *call)
{
	return call->session != NULL;
}

const struct caller *call_caller(const struct call *call)
{
	return &call->session->peer.caller;
}

struct broker *call_broker(const struct call *call)
{
	return call->session->ipc->setup.broker;
}

void call_begin(const struct call *call, struct pack *pack)
{
	pack_init(pack, PROTO_MESSAGE_MAX);
	message_write_response(pack, call->id);
}

void call_drop(struct call *call)
{
	struct session *session = call->session;

	if (!session)
		return;
	call->wait = wait_free(call->wait);
	if (call->trial)
		session->ipc->setup.profiles.abort(session->ipc->setup.profiles.self, call->trial);
	call->trial = NULL;
	if (call->parked)
		TAILQ_REMOVE(&session->parked, call, parked_link);
	call->parked = false;
	session->reserved -= call->reserved;
	LIST_REMOVE(call, link);
	session->n_calls--;
	session->ipc->n_calls--;
	call->session = NULL;
	call_unref(call);
}

void call_fail(struct call *call, const struct error *error, const struct failure_wire *failure)
{
	struct session *session = call->session;
	struct pack pack;

	if (!session)
		return;
	if (!call->silent) {
		pack_init(&pack, PROTO_MESSAGE_MAX);
		message_write_error(&pack, call->id, error, session->shape, failure);
		if (session_send(session, &pack) < 0)
			conn_close(session->conn, "out of memory for an answer");
	}
	call_drop(call);
}

void call_reply(struct call *call, struct pack *pack)
{
	struct error error;
	int r = pack_finish(pack, NULL);

	if (!call->session || call->silent || r < 0)
		pack_done(pack);
	else
		r = session_send(call->session, pack);
	if (r >= 0) {
		call_drop(call);
		return;
	}
	if (r == -EMSGSIZE)
		error_set(&error, ERROR_TOO_LARGE, "the reply would be over %d bytes", PROTO_MESSAGE_MAX);
	else
		error_set(&error, ERROR_OUT_OF_MEMORY, "no memory for the reply");
	call_fail(call, &error, NULL);
}

void call_finish(struct call *call, const struct error *error)
{
	struct pack pack;

	if (error) {
		call_fail(call, error, NULL);
	} else {
		call_begin(call, &pack);
		pack_map(&pack, 0);
		call_reply(call, &pack);
	}
	call_unref(call);
}
