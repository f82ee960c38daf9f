/* look.c - one request for the states of many handles that are followed, as they are now. */
#include "client/look.h"

#include "client/future.h"

#include <errno.h>
#include <stdlib.h>

struct look {
	size_t n;
	struct progress *members[];      /* NULL when released since */
};

struct look_reply {
	const msgpack_object *states;
};

static const struct field look_reply_fields[] = {
	FIELD(look_reply, states, FIELD_ANY, FIELD_REQUIRED),
	FIELDS_END
};

/* Tell each member; states is NULL where the answer is none. */
static int look_tell(struct look *look, const msgpack_object_array *states)
{
	for (size_t i = 0; i < look->n; i++) {
		struct progress *progress = look->members[i];
		struct slice text;
		int state = -EBADMSG;

		if (states && fields_bytes(&states->ptr[i], &text))
			state = future_state_from_text(text);
		if (!progress)
			continue;
		progress->look = NULL;
		progress_take_look(progress, state);
	}
	free(look);
	return 0;
}

static int look_on_answer(void *owner, const struct answer *answer)
{
	struct look *look = owner;
	struct look_reply reply;

	/* One of the ids is not known any more, perhaps; asked one by one, the others are not harmed by it. */
	if (answer->error < 0)
		return look_tell(look, NULL);
	if (fields_read(answer->result, look_reply_fields, FIELDS_IGNORE_UNKNOWN, &reply, NULL) < 0 ||
	    reply.states->type != MSGPACK_OBJECT_ARRAY || reply.states->via.array.size != look->n) {
		look_tell(look, NULL);
		return -EBADMSG;
	}
	return look_tell(look, &reply.states->via.array);
}

static int look_send(struct futured *c, struct look *look)
{
	struct wait_params params = { .timeout.kind = SPAN_SET, .ids.count = look->n };
	struct request *request;
	struct pack pack;
	int r;

	params.ids.ids = calloc(look->n, sizeof(*params.ids.ids));
	if (!params.ids.ids)
		return -ENOMEM;
	for (size_t i = 0; i < look->n; i++)
		params.ids.ids[i] = look->members[i]->future->id;
	r = request_begin(c, "future.wait", &pack, &request);
	if (r == 0) {
		fields_write(&pack, wait_params_fields, &params);
		r = request_send(c, request, &pack, 0, look_on_answer, look);
	}
	free(params.ids.ids);
	return r;
}

int look_start(struct futured *c, struct progress *const *members, size_t n)
{
	struct look *look;
	int r;

	look = calloc(1, sizeof(*look) + n * sizeof(struct progress *));
	if (!look)
		return -ENOMEM;
	look->n = n;
	for (size_t i = 0; i < n; i++)
		look->members[i] = members[i];
	r = look_send(c, look);
	if (r < 0) {
		free(look);
		return r;
	}
	for (size_t i = 0; i < n; i++) {
		members[i]->look = look;
		members[i]->look_index = i;
	}
	return 0;
}

void look_leave(struct progress *progress)
{
	if (progress->look)
		progress->look->members[progress->look_index] = NULL;
	progress->look = NULL;
}
