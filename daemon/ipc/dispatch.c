/* dispatch.c - the methods by name, and what each message comes to. */
#include "daemon/ipc/dispatch.h"

#include "daemon/ipc/context.h"
#include "daemon/ipc/handlers.h"
#include "daemon/ipc/session.h"

#include <string.h>

#define METHOD_WHILE_STOPPING 1u

struct method {
	const char *name;               /* on the wire */
	const struct field *params;     /* how its one map is read */
	handler handle;
	unsigned flags;
};

static const struct method methods[] = {
	/* name                 params                     handler               flags */
	{ "server.hello",       hello_params_fields,       h_server_hello,       METHOD_WHILE_STOPPING },
	{ "server.stats",       empty_params_fields,       h_server_stats,       METHOD_WHILE_STOPPING },
	{ "future.create",      create_params_fields,      h_future_create,      0 },
	{ "future.get",         id_params_fields,          h_future_get,         METHOD_WHILE_STOPPING },
	{ "future.result",      result_params_fields,      h_future_result,      0 },
	{ "future.wait",        wait_params_fields,        h_future_wait,        0 },
	{ "future.subscribe",   subscribe_params_fields,   h_future_subscribe,   0 },
	{ "future.unsubscribe", unsubscribe_params_fields, h_future_unsubscribe, 0 },
	{ "future.list",        list_params_fields,        h_future_list,        METHOD_WHILE_STOPPING },
	{ "future.cancel",      id_params_fields,          h_future_cancel,      0 },
	{ "future.refresh",     id_params_fields,          h_future_refresh,     0 },
	{ "future.extend",      extend_params_fields,      h_future_extend,      0 },
	{ "future.retry",       id_params_fields,          h_future_retry,       0 },
	{ "future.forget",      id_params_fields,          h_future_forget,      0 },
	{ "future.claim",       claim_params_fields,       h_future_claim,       0 },
	{ "future.renew",       renew_params_fields,       h_future_renew,       0 },
	{ "future.progress",    progress_params_fields,    h_future_progress,    0 },
	{ "future.resolve",     resolve_params_fields,     h_future_resolve,     0 },
	{ "future.reject",      reject_params_fields,      h_future_reject,      0 },
	{ "profile.list",       empty_params_fields,       h_profile_list,       METHOD_WHILE_STOPPING },
	{ "profile.get",        name_params_fields,        h_profile_get,        METHOD_WHILE_STOPPING },
	{ "profile.check",      profile_params_fields,     h_profile_check,      METHOD_WHILE_STOPPING },
	{ "profile.try",        profile_params_fields,     h_profile_try,        0 },
};
#define N_METHODS (sizeof(methods) / sizeof(methods[0]))

/* Room for the params of any method. */
union params {
	struct hello_params hello;
	struct create_params create;
	struct id_params id;
	struct result_params result;
	struct wait_params wait;
	struct subscribe_params subscribe;
	struct unsubscribe_params unsubscribe;
	struct list_params list;
	struct extend_params extend;
	struct claim_params claim;
	struct renew_params renew;
	struct progress_params progress;
	struct resolve_params resolve;
	struct reject_params reject;
	struct name_params name;
	struct profile_params profile;
	struct empty_params empty;
};

static const struct method *find_method(struct slice name)
{
	for (size_t i = 0; i < N_METHODS; i++) {
		if (slice_equals(name, methods[i].name))
			return &methods[i];
	}
	return NULL;
}

static int refuse_method(struct slice name, struct error *error)
{
	const char *names[N_METHODS + 1], *nearest;
	int shown = name.len < 64 ? (int)name.len : 64;

	for (size_t i = 0; i < N_METHODS; i++)
		names[i] = methods[i].name;
	names[N_METHODS] = NULL;
	nearest = error_nearest(name.data, name.len, names);
	if (nearest)
		return error_set(error, ERROR_METHOD_NOT_FOUND, "%.*s (did you mean %s?)", shown, name.data, nearest);
	return error_set(error, ERROR_METHOD_NOT_FOUND, "%.*s", shown, name.data);
}

/* Read the params, which are one map or nothing, and let the handler work. */
static int carry_out(const struct method *method, struct call *call, const msgpack_object *array, struct error *error)
{
	const msgpack_object *map = array->via.array.size > 0 ? &array->via.array.ptr[0] : NULL;
	union params params;
	int r;

	if (array->via.array.size > 1)
		return error_set(error, ERROR_INVALID_ARGUMENT, "params: expected one map, got %u elements",
		    array->via.array.size);
	r = fields_read(map, method->params, FIELDS_REFUSE_UNKNOWN, &params, error);
	if (r < 0)
		return r;
	r = method->handle(call, &params, error);
	fields_done(method->params, &params);
	return r;
}

/* Whether this call may begin at all. */
static int admit(const struct session *session, const struct method *method, struct error *error)
{
	const struct ipc *ipc = session->ipc;

	if (ipc->stopping && !(method->flags & METHOD_WHILE_STOPPING))
		return error_set(error, ERROR_SHUTTING_DOWN, "the daemon is stopping");
	if (session->n_calls > ipc->setup.config.calls_per_connection)
		return error_set(error, ERROR_LIMIT, "at most %zu calls of one connection may await their reply",
		    ipc->setup.config.calls_per_connection);
	return 0;
}

/* An answer to what could not become a call. */
static void answer_error(struct session *session, uint32_t id, const struct error *error)
{
	struct pack pack;

	pack_init(&pack, PROTO_MESSAGE_MAX);
	message_write_error(&pack, id, error, session->shape, NULL);
	if (session_send(session, &pack) < 0)
		conn_close(session->conn, "out of memory for an answer");
}

void dispatch_message(struct session *session, const msgpack_object *object)
{
	const struct method *method;
	struct message message;
	struct error error;
	struct call *call;
	bool silent;
	int r;

	if (message_read(object, &message, &error) < 0) {
		answer_error(session, message.id, &error);
		/* Text at the wrong door: each byte of it would be a message, and be answered. */
		if (object->type != MSGPACK_OBJECT_ARRAY)
			conn_finish(session->conn);
		return;
	}
	if (message.type == MESSAGE_RESPONSE)
		return;
	silent = message.type == MESSAGE_NOTIFICATION;
	method = find_method(message.method);
	if (!method && silent)
		return;
	call = call_new(session, message.id, silent);
	if (!call) {
		conn_close(session->conn, "out of memory for a call");
		return;
	}
	if (!method)
		r = refuse_method(message.method, &error);
	else
		r = admit(session, method, &error);
	if (r == 0)
		r = carry_out(method, call, message.params, &error);
	if (r < 0)
		call_fail(call, &error, NULL);
	call_unref(call);
}
