/* look.c - one request for the states of many handles that are followed, as they are now. */
#include "client/look.h"

#include "client/future.h"
#include "client/states.h"

#include <errno.h>
#include <stdlib.h>

struct look {
	size_t n;
	struct progress *members[];      /* NULL when released since */
};

static int look_on_answer(void *owner, const struct answer *answer)
{
	const msgpack_object *states = NULL;
	struct look *look = owner;
	int r;

	/* One of the ids is not known any more, perhaps; asked one by one, the others are not harmed by it. */
	r = states_read(answer, look->n, &states);
	for (size_t i = 0; i < look->n; i++) {
		struct progress *progress = look->members[i];

		if (!progress)
			continue;
		progress->look = NULL;
		progress_take_look(progress, states ? states_at(states, i) : r);
	}
	free(look);
	return r == -EBADMSG && !answer->error ? r : 0;
}

static int look_send(struct futured *c, struct look *look)
{
	struct request *request;
	struct id *ids;
	int r;

	ids = calloc(look->n, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < look->n; i++)
		ids[i] = look->members[i]->future->id;
	r = states_ask(c, ids, look->n, look_on_answer, look, &request);
	free(ids);
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
