/* message.c - the MessagePack-RPC envelope, and the table of each method's params and reply. */
#include "proto/message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --- reading the envelope ------------------------------------------------------------------- */

/* Refuse element index of the array that the message is. */
static int refuse_element(struct error *error, unsigned index, const char *what, const msgpack_object *came,
    const char *expected)
{
	return error_set(error, ERROR_MALFORMED, "element %u: %s %s, not %s", index, what, fields_type_phrase(came),
	    expected);
}

static int read_type(const msgpack_object_array *array, struct message *ret, struct error *error)
{
	const msgpack_object *type = &array->ptr[0];

	if (type->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
		return error_set(error, ERROR_MALFORMED, "element 0: the message type is %" PRId64 ", not 0, 1 or 2",
		    type->via.i64);
	if (type->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return refuse_element(error, 0, "the message type is", type, "an integer");
	if (type->via.u64 > MESSAGE_NOTIFICATION)
		return error_set(error, ERROR_MALFORMED, "element 0: the message type is %" PRIu64 ", not 0, 1 or 2",
		    type->via.u64);
	ret->type = (enum message_type)type->via.u64;
	return 0;
}

static int read_id(const msgpack_object_array *array, struct message *ret, struct error *error)
{
	const msgpack_object *id = &array->ptr[1];

	if (id->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
		return error_set(error, ERROR_MALFORMED, "element 1: the id is %" PRId64 ", not 0 to %" PRIu32, id->via.i64,
		    UINT32_MAX);
	if (id->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
		return refuse_element(error, 1, "the id is", id, "an integer");
	if (id->via.u64 > UINT32_MAX)
		return error_set(error, ERROR_MALFORMED, "element 1: the id is %" PRIu64 ", not 0 to %" PRIu32, id->via.u64,
		    UINT32_MAX);
	ret->id = (uint32_t)id->via.u64;
	return 0;
}

/* The method and the params, which stand at index and behind it. */
static int read_call(const msgpack_object_array *array, unsigned index, struct message *ret, struct error *error)
{
	const msgpack_object *method = &array->ptr[index], *params = &array->ptr[index + 1];

	if (!fields_bytes(method, &ret->method))
		return refuse_element(error, index, "the method is", method, "a string");
	if (ret->method.len == 0)
		return error_set(error, ERROR_MALFORMED, "element %u: the method is empty", index);
	if (params->type != MSGPACK_OBJECT_ARRAY)
		return refuse_element(error, index + 1, "the params are", params, "an array");
	ret->params = params;
	return 0;
}

static const msgpack_object *null_if_nil(const msgpack_object *object)
{
	return object->type == MSGPACK_OBJECT_NIL ? NULL : object;
}

int message_read(const msgpack_object *object, struct message *ret, struct error *error)
{
	static const char *const names[] = { "request", "response", "notification" };
	const msgpack_object_array *array = &object->via.array;
	uint32_t size;
	int r;

	*ret = (struct message){ 0 };
	if (object->type != MSGPACK_OBJECT_ARRAY)
		return error_set(error, ERROR_MALFORMED, "a message is an array, not %s", fields_type_phrase(object));
	if (array->size == 0)
		return error_set(error, ERROR_MALFORMED, "a message is an array of 3 or 4 elements, not empty");
	r = read_type(array, ret, error);
	if (r < 0)
		return r;
	size = ret->type == MESSAGE_NOTIFICATION ? 3 : 4;
	if (ret->type != MESSAGE_NOTIFICATION && array->size > 1) {
		r = read_id(array, ret, error);
		if (r < 0)
			return r;
	}
	if (array->size != size)
		return error_set(error, ERROR_MALFORMED, "a %s has %" PRIu32 " elements, not %" PRIu32, names[ret->type],
		    size, array->size);
	if (ret->type == MESSAGE_RESPONSE) {
		ret->error = null_if_nil(&array->ptr[2]);
		ret->result = null_if_nil(&array->ptr[3]);
		return 0;
	}
	return read_call(array, ret->type == MESSAGE_REQUEST ? 2 : 1, ret, error);
}

/* --- writing the envelope ------------------------------------------------------------------- */

void message_write_request(struct pack *pack, uint32_t id, const char *method)
{
	pack_array(pack, 4);
	pack_u64(pack, MESSAGE_REQUEST);
	pack_u64(pack, id);
	pack_str(pack, method);
	pack_array(pack, 1);
}

void message_write_response(struct pack *pack, uint32_t id)
{
	pack_array(pack, 4);
	pack_u64(pack, MESSAGE_RESPONSE);
	pack_u64(pack, id);
	pack_nil(pack);
}

void message_write_notification(struct pack *pack, struct slice method, uint32_t n_params)
{
	pack_array(pack, 3);
	pack_u64(pack, MESSAGE_NOTIFICATION);
	pack_slice(pack, method);
	pack_array(pack, n_params);
}

/* --- errors --------------------------------------------------------------------------------- */

/* The map shape of an error. */
struct error_wire {
	struct slice name;
	struct slice message;
	const msgpack_object *data;
};

static const struct field error_wire_fields[] = {
	FIELD(error_wire, name, FIELD_TEXT, FIELD_REQUIRED),
	FIELD(error_wire, message, FIELD_TEXT, 0),
	FIELD(error_wire, data, FIELD_ANY, 0),
	FIELDS_END
};

void message_write_error(struct pack *pack, uint32_t id, const struct error *error,
    enum error_shape shape, const struct failure_wire *failure)
{
	struct error_wire wire = {
		.name = slice_from_str(error_name(error->code)),
		.message = slice_from_str(error->message),
	};

	pack_array(pack, 4);
	pack_u64(pack, MESSAGE_RESPONSE);
	pack_u64(pack, id);
	if (shape == ERROR_SHAPE_MAP) {
		fields_write_with(pack, error_wire_fields, &wire, failure ? 1 : 0);
		if (failure) {
			pack_str(pack, "data");
			fields_write(pack, failure_fields, failure);
		}
	} else {
		char text[sizeof(error->message) + 64];

		snprintf(text, sizeof(text), "%s: %s", wire.name.data, wire.message.data);
		pack_str(pack, text);
	}
	pack_nil(pack);
}

/* Set ret to the error called name. A name that this build does not know becomes part of the message. */
static void set_named(struct error *ret, struct slice name, struct slice message)
{
	enum error_code code = error_from_name(name.data, name.len);
	int shown = message.len < sizeof(ret->message) ? (int)message.len : (int)sizeof(ret->message);

	error_set(ret, code, "%.*s", shown, message.data ? message.data : "");
	if (code == ERROR_INTERNAL && !slice_equals(name, error_name(code)))
		error_wrap(ret, "%.*s", name.len < 64 ? (int)name.len : 64, name.data);
}

/* "Name: message", where a name is a word; any other text is all message. */
static void read_error_text(struct slice text, struct error *ret)
{
	struct slice name = slice_from_str(error_name(ERROR_INTERNAL)), message = text;
	const char *colon = memchr(text.data, ':', text.len);

	if (colon && !memchr(text.data, ' ', (size_t)(colon - text.data))) {
		name = (struct slice){ .data = text.data, .len = (size_t)(colon - text.data) };
		message = (struct slice){ .data = colon + 1, .len = text.len - name.len - 1 };
		if (message.len > 0 && *message.data == ' ') {
			message.data++;
			message.len--;
		}
	}
	set_named(ret, name, message);
}

static void read_error_map(const msgpack_object *map, struct error *ret, struct failure_wire *ret_failure)
{
	struct error_wire wire;
	struct error problem;

	if (fields_read(map, error_wire_fields, FIELDS_IGNORE_UNKNOWN, &wire, &problem) < 0) {
		error_set(ret, ERROR_INTERNAL, "an error that cannot be read: %s", problem.message);
		return;
	}
	set_named(ret, wire.name, wire.message);
	if (wire.data && ret_failure)
		fields_read(wire.data, failure_fields, FIELDS_IGNORE_UNKNOWN, ret_failure, NULL);
}

void message_read_error(const msgpack_object *object, struct error *ret, struct failure_wire *ret_failure)
{
	struct slice text;

	if (ret_failure)
		*ret_failure = (struct failure_wire){ 0 };
	if (fields_bytes(object, &text))
		read_error_text(text, ret);
	else if (object->type == MSGPACK_OBJECT_MAP)
		read_error_map(object, ret, ret_failure);
	else
		error_set(ret, ERROR_INTERNAL, "an error that cannot be read: it is %s", fields_type_phrase(object));
}

/* --- tables: params ------------------------------------------------------------------------- */

const struct field failure_fields[] = {
	FIELD(failure_wire, kind, FIELD_TEXT, 0),
	FIELD(failure_wire, message, FIELD_TEXT, 0),
	FIELD(failure_wire, code, FIELD_TEXT, 0),
	FIELD(failure_wire, http_status, FIELD_U64, 0),
	FIELD(failure_wire, details, FIELD_BYTES, 0),
	FIELD(failure_wire, attempts, FIELD_U64, 0),
	FIELDS_END
};

const struct field hello_params_fields[] = {
	FIELD(hello_params, client, FIELD_TEXT, 0),
	FIELD(hello_params, errors, FIELD_TEXT, 0),
	FIELDS_END
};

const struct field create_params_fields[] = {
	FIELD(create_params, profile, FIELD_TEXT, 0),
	FIELD(create_params, params, FIELD_ANY, 0),
	FIELD(create_params, spec, FIELD_ANY, 0),
	FIELD(create_params, polling, FIELD_ANY, 0),
	FIELD(create_params, retry, FIELD_ANY, 0),
	FIELD(create_params, labels, FIELD_ANY, 0),
	FIELD(create_params, key, FIELD_TEXT, 0),
	FIELD(create_params, mode, FIELD_U64, 0),
	FIELD(create_params, ttl, FIELD_SPAN, 0),
	FIELD(create_params, timeout, FIELD_SPAN, 0),
	FIELD(create_params, after, FIELD_IDS, 0),
	FIELD(create_params, start_at, FIELD_U64, 0),
	FIELD(create_params, delay, FIELD_SPAN, 0),
	FIELDS_END
};

const struct field id_params_fields[] = {
	FIELD(id_params, id, FIELD_ID, FIELD_REQUIRED),
	FIELDS_END
};

const struct field result_params_fields[] = {
	FIELD(result_params, id, FIELD_ID, FIELD_REQUIRED),
	FIELD(result_params, timeout, FIELD_SPAN, 0),
	FIELD(result_params, offset, FIELD_U64, 0),
	FIELD(result_params, length, FIELD_U64, 0),
	FIELDS_END
};

const struct field wait_params_fields[] = {
	FIELD(wait_params, ids, FIELD_IDS, FIELD_REQUIRED),
	FIELD(wait_params, timeout, FIELD_SPAN, 0),
	FIELD(wait_params, return_when, FIELD_TEXT, 0),
	FIELDS_END
};

const struct field subscribe_params_fields[] = {
	FIELD(subscribe_params, ids, FIELD_IDS, 0),
	FIELD(subscribe_params, labels, FIELD_ANY, 0),
	FIELD(subscribe_params, since, FIELD_U64, 0),
	FIELD(subscribe_params, method, FIELD_TEXT, 0),
	FIELD(subscribe_params, prefix, FIELD_ANY, 0),
	FIELD(subscribe_params, wrap, FIELD_BOOL, 0),
	FIELDS_END
};

const struct field call_params_fields[] = {
	FIELD(call_params, call, FIELD_U64, FIELD_REQUIRED),
	FIELDS_END
};

const struct field unsubscribe_params_fields[] = {
	FIELD(unsubscribe_params, subscription, FIELD_U64, FIELD_REQUIRED),
	FIELDS_END
};

const struct field list_params_fields[] = {
	FIELD(list_params, state, FIELD_TEXT, 0),
	FIELD(list_params, profile, FIELD_TEXT, 0),
	FIELD(list_params, prefix, FIELD_TEXT, 0),
	FIELD(list_params, labels, FIELD_ANY, 0),
	FIELD(list_params, limit, FIELD_U64, 0),
	FIELD(list_params, cursor, FIELD_TEXT, 0),
	FIELDS_END
};

const struct field extend_params_fields[] = {
	FIELD(extend_params, id, FIELD_ID, FIELD_REQUIRED),
	FIELD(extend_params, timeout, FIELD_SPAN, FIELD_REQUIRED),
	FIELDS_END
};

const struct field claim_params_fields[] = {
	FIELD(claim_params, id, FIELD_ID, FIELD_REQUIRED),
	FIELD(claim_params, lease, FIELD_SPAN, 0),
	FIELDS_END
};

const struct field renew_params_fields[] = {
	FIELD(renew_params, id, FIELD_ID, FIELD_REQUIRED),
	FIELD(renew_params, claim, FIELD_TEXT, FIELD_REQUIRED),
	FIELD(renew_params, lease, FIELD_SPAN, FIELD_REQUIRED),
	FIELDS_END
};

const struct field progress_params_fields[] = {
	FIELD(progress_params, id, FIELD_ID, FIELD_REQUIRED),
	FIELD(progress_params, claim, FIELD_TEXT, 0),
	FIELD(progress_params, progress, FIELD_ANY, FIELD_REQUIRED),
	FIELDS_END
};

const struct field resolve_params_fields[] = {
	FIELD(resolve_params, id, FIELD_ID, FIELD_REQUIRED),
	FIELD(resolve_params, claim, FIELD_TEXT, 0),
	FIELD(resolve_params, result, FIELD_BYTES, 0),
	FIELD(resolve_params, content_type, FIELD_TEXT, 0),
	FIELD(resolve_params, offset, FIELD_U64, 0),
	FIELD(resolve_params, more, FIELD_BOOL, 0),
	FIELDS_END
};

const struct field reject_params_fields[] = {
	FIELD(reject_params, id, FIELD_ID, FIELD_REQUIRED),
	FIELD(reject_params, claim, FIELD_TEXT, 0),
	FIELD(reject_params, kind, FIELD_TEXT, 0),
	FIELD(reject_params, message, FIELD_TEXT, 0),
	FIELD(reject_params, code, FIELD_TEXT, 0),
	FIELD(reject_params, details, FIELD_BYTES, 0),
	FIELDS_END
};

const struct field pause_params_fields[] = {
	FIELD(pause_params, id, FIELD_ID, 0),
	FIELD(pause_params, ids, FIELD_IDS, 0),
	FIELD(pause_params, labels, FIELD_ANY, 0),
	FIELD(pause_params, origin, FIELD_TEXT, 0),
	FIELDS_END
};

const struct field name_params_fields[] = {
	FIELD(name_params, name, FIELD_TEXT, FIELD_REQUIRED),
	FIELDS_END
};

const struct field profile_params_fields[] = {
	FIELD(profile_params, profile, FIELD_TEXT, 0),
	FIELD(profile_params, text, FIELD_TEXT, 0),
	FIELD(profile_params, params, FIELD_ANY, 0),
	FIELDS_END
};

const struct field empty_params_fields[] = {
	FIELDS_END
};

/* --- tables: replies ------------------------------------------------------------------------ */

const struct field call_reply_fields[] = {
	FIELD(call_reply, cancelled, FIELD_BOOL, FIELD_ALWAYS),
	FIELDS_END
};

const struct field create_reply_fields[] = {
	FIELD(create_reply, id, FIELD_ID, FIELD_REQUIRED),
	FIELD(create_reply, state, FIELD_TEXT, FIELD_REQUIRED),
	FIELD(create_reply, created, FIELD_BOOL, FIELD_ALWAYS),
	FIELDS_END
};

const struct field claim_reply_fields[] = {
	FIELD(claim_reply, claim, FIELD_TEXT, 0),
	FIELD(claim_reply, lease_until_ms, FIELD_U64, 0),
	FIELD(claim_reply, progress, FIELD_TEXT, 0),
	FIELDS_END
};

const struct field state_reply_fields[] = {
	FIELD(state_reply, state, FIELD_TEXT, FIELD_REQUIRED),
	FIELD(state_reply, offset, FIELD_U64, 0),
	FIELDS_END
};

const struct field snapshot_fields[] = {
	FIELD(snapshot, id, FIELD_ID, FIELD_REQUIRED),
	FIELD(snapshot, state, FIELD_TEXT, FIELD_REQUIRED),
	FIELD(snapshot, kind, FIELD_TEXT, 0),
	FIELD(snapshot, profile, FIELD_TEXT, 0),
	FIELD(snapshot, key, FIELD_TEXT, 0),
	FIELD(snapshot, uid, FIELD_U64, 0),
	FIELD(snapshot, mode, FIELD_U64, 0),
	FIELD(snapshot, created_at_ms, FIELD_U64, 0),
	FIELD(snapshot, started_at_ms, FIELD_U64, 0),
	FIELD(snapshot, finished_at_ms, FIELD_U64, 0),
	FIELD(snapshot, expires_at_ms, FIELD_U64, 0),
	FIELD(snapshot, deadline_at_ms, FIELD_U64, 0),
	FIELD(snapshot, next_poll_at_ms, FIELD_U64, 0),
	FIELD(snapshot, requests, FIELD_U64, 0),
	FIELD(snapshot, hops, FIELD_U64, 0),
	FIELD(snapshot, attempts, FIELD_U64, 0),
	FIELD(snapshot, condition, FIELD_TEXT, 0),
	FIELD(snapshot, condition_since_ms, FIELD_U64, 0),
	FIELD(snapshot, last_error, FIELD_TEXT, 0),
	FIELD(snapshot, cancel_requested, FIELD_BOOL, 0),
	FIELD(snapshot, paused, FIELD_BOOL, 0),
	FIELD(snapshot, pinned, FIELD_BOOL, 0),
	FIELD(snapshot, progress, FIELD_TEXT, 0),
	FIELD(snapshot, claimed, FIELD_BOOL, 0),
	FIELD(snapshot, lease_until_ms, FIELD_U64, 0),
	FIELD(snapshot, content_type, FIELD_TEXT, 0),
	FIELD(snapshot, result_size, FIELD_U64, 0),
	FIELD(snapshot, seq, FIELD_U64, 0),
	FIELD(snapshot, held, FIELD_BOOL, 0),
	FIELD(snapshot, start_at_ms, FIELD_U64, 0),
	FIELD(snapshot, labels, FIELD_ANY, 0),
	FIELD(snapshot, after, FIELD_ANY, 0),
	FIELD(snapshot, error, FIELD_ANY, 0),
	FIELDS_END
};

const struct field result_reply_fields[] = {
	FIELD(result_reply, state, FIELD_TEXT, FIELD_REQUIRED),
	FIELD(result_reply, result, FIELD_BYTES, 0),
	FIELD(result_reply, content_type, FIELD_TEXT, 0),
	FIELD(result_reply, offset, FIELD_U64, 0),
	FIELD(result_reply, size, FIELD_U64, 0),
	FIELDS_END
};

const struct field cancel_reply_fields[] = {
	FIELD(cancel_reply, cancelled, FIELD_BOOL, FIELD_ALWAYS),
	FIELD(cancel_reply, state, FIELD_TEXT, FIELD_REQUIRED),
	FIELDS_END
};

const struct field event_fields[] = {
	FIELD(event_wire, subscription, FIELD_U64, FIELD_REQUIRED),
	FIELD(event_wire, seq, FIELD_U64, FIELD_REQUIRED),
	FIELD(event_wire, id, FIELD_ID, FIELD_REQUIRED),
	FIELD(event_wire, event, FIELD_TEXT, FIELD_REQUIRED),
	FIELD(event_wire, state, FIELD_TEXT, 0),
	FIELD(event_wire, at_ms, FIELD_U64, 0),
	FIELD(event_wire, progress, FIELD_TEXT, 0),
	FIELD(event_wire, message, FIELD_TEXT, 0),
	FIELD(event_wire, attempts, FIELD_U64, 0),
	FIELD(event_wire, error, FIELD_ANY, 0),
	FIELDS_END
};
