/* states.c - one request for the states of many futures, as they are now. */
#include "client/states.h"

#include "client/future.h"

#include <errno.h>

struct states_reply {
	const msgpack_object *states;
};

static const struct field states_reply_fields[] = {
	FIELD(states_reply, states, FIELD_ANY, FIELD_REQUIRED),
	FIELDS_END
};

int states_ask(struct futured *c, struct id *ids, size_t n, int (*on_answer)(void *owner, const struct answer *answer),
    void *owner, struct request **ret)
{
	struct wait_params params = { .ids = { .ids = ids, .count = n }, .timeout.kind = SPAN_SET };
	struct request *request;
	struct pack pack;
	int r;

	r = request_begin(c, "future.wait", &pack, &request);
	if (r < 0)
		return r;
	fields_write(&pack, wait_params_fields, &params);
	r = request_send(c, request, &pack, 0, on_answer, owner);
	if (r == 0)
		*ret = request;
	return r;
}

int states_read(const struct answer *answer, size_t n, const msgpack_object **ret)
{
	struct states_reply reply;
	struct slice text;

	if (answer->error < 0)
		return answer->error;
	if (fields_read(answer->result, states_reply_fields, FIELDS_IGNORE_UNKNOWN, &reply, NULL) < 0 ||
	    reply.states->type != MSGPACK_OBJECT_ARRAY || reply.states->via.array.size != n)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		if (!fields_bytes(&reply.states->via.array.ptr[i], &text))
			return -EBADMSG;
	}
	*ret = reply.states;
	return 0;
}

int states_at(const msgpack_object *states, size_t i)
{
	struct slice text = { 0 };

	fields_bytes(&states->via.array.ptr[i], &text);
	return future_state_from_text(text);
}
