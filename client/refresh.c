/* refresh.c - asks for the states of many handles at once, without waiting for any future. */
#include "client/refresh.h"

#include "client/future.h"
#include "client/states.h"
#include "client/wait.h"

#include <errno.h>
#include <stdlib.h>

struct refresh_member {
	futured_future *future;      /* referenced */
	bool over;                   /* as the daemon says, or unknown to it */
};

struct refresh {
	struct futured *conn;
	struct refresh_member *members;
	size_t n;
	TAILQ_HEAD(, refresh_ask) asks;      /* unanswered */
	int error;
};

/* One request, about n members from first on. */
struct refresh_ask {
	TAILQ_ENTRY(refresh_ask) entry;
	struct refresh *refresh;
	struct request *request;
	size_t first;
	size_t n;
};

static int refresh_on_answer(void *owner, const struct answer *answer);

static void refresh_ask_free(struct refresh_ask *ask)
{
	TAILQ_REMOVE(&ask->refresh->asks, ask, entry);
	if (ask->request)
		request_orphan(ask->refresh->conn, ask->request);
	free(ask);
}

static int refresh_ask_send(struct refresh *refresh, size_t first, size_t n)
{
	struct refresh_ask *ask = calloc(1, sizeof(*ask));
	struct id *ids = calloc(n, sizeof(*ids));
	int r = -ENOMEM;

	if (!ask || !ids)
		goto fail;
	*ask = (struct refresh_ask){ .refresh = refresh, .first = first, .n = n };
	for (size_t i = 0; i < n; i++)
		ids[i] = refresh->members[first + i].future->id;
	r = states_ask(refresh->conn, ids, n, refresh_on_answer, ask, &ask->request);
	if (r < 0)
		goto fail;
	TAILQ_INSERT_TAIL(&refresh->asks, ask, entry);
	free(ids);
	return 0;

fail:
	free(ids);
	free(ask);
	return r;
}

/* Take over the states that came, one for each id. */
static void refresh_take(const struct refresh_ask *ask, const msgpack_object *states)
{
	for (size_t i = 0; i < ask->n; i++) {
		struct refresh_member *member = &ask->refresh->members[ask->first + i];
		int state = states_at(states, i);

		member->over = state < 0 || state >= FUTURED_SUCCEEDED;
		if (state >= 0 && !member->future->over)
			member->future->state = (enum futured_state)state;
	}
}

/* One of many is not known any more, and the answer is about all: ask for each half. */
static int refresh_split(struct refresh *refresh, size_t first, size_t n)
{
	int r;

	if (n == 1) {
		refresh->members[first].over = true;
		return 0;
	}
	r = refresh_ask_send(refresh, first, n / 2);
	return r < 0 ? r : refresh_ask_send(refresh, first + n / 2, n - n / 2);
}

static int refresh_on_answer(void *owner, const struct answer *answer)
{
	struct refresh_ask *ask = owner;
	struct refresh *refresh = ask->refresh;
	size_t first = ask->first, n = ask->n;
	const msgpack_object *states;
	int r;

	ask->request = NULL;
	r = states_read(answer, n, &states);
	if (r == 0)
		refresh_take(ask, states);
	refresh_ask_free(ask);
	if (r == -ENOENT && answer->daemon_error)
		r = refresh_split(refresh, first, n);
	if (r < 0 && refresh->error == 0)
		refresh->error = r;
	return r == -EBADMSG && !answer->error ? r : 0;
}

static int refresh_is_answered(void *arg)
{
	const struct refresh *refresh = arg;

	return refresh->error < 0 ? refresh->error : TAILQ_EMPTY(&refresh->asks);
}

/* Keep those that there is something to ask about. */
static int refresh_gather(struct refresh *refresh, futured_future *const *futures, size_t n)
{
	refresh->members = calloc(n > 0 ? n : 1, sizeof(*refresh->members));
	if (!refresh->members)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!futures[i]->done && futures[i]->has_id)
			refresh->members[refresh->n++].future = futured_future_ref(futures[i]);
	}
	return 0;
}

/* Those that are over, as a list that can be waited for; returns how many. */
static size_t refresh_over(const struct refresh *refresh, futured_future **futures)
{
	size_t n = 0;

	for (size_t i = 0; i < refresh->n; i++) {
		if (refresh->members[i].over)
			futures[n++] = refresh->members[i].future;
	}
	return n;
}

/* What was over has its answer on its way. */
static int refresh_fetch(const struct refresh *refresh, uint64_t timeout_usec)
{
	futured_future **over;
	int r;

	over = calloc(refresh->n > 0 ? refresh->n : 1, sizeof(futured_future *));
	if (!over)
		return -ENOMEM;
	r = wait_for(NULL, over, refresh_over(refresh, over), FUTURED_ALL_COMPLETED, timeout_usec);
	free(over);
	return r;
}

static int refresh_run(struct refresh *refresh, uint64_t timeout_usec)
{
	uint64_t start = conn_now(), used;
	size_t n;
	int r;

	for (size_t i = 0; i < refresh->n; i += n) {
		n = refresh->n - i < refresh->conn->wait_ids_max ? refresh->n - i : refresh->conn->wait_ids_max;
		r = refresh_ask_send(refresh, i, n);
		if (r < 0)
			return r;
	}
	r = conn_drive(refresh->conn, refresh_is_answered, refresh, timeout_usec);
	if (r <= 0)
		return r;
	if (timeout_usec == FUTURED_TIME_NONE)
		return refresh_fetch(refresh, timeout_usec);
	used = conn_now() - start;
	return refresh_fetch(refresh, used < timeout_usec ? timeout_usec - used : 0);
}

int refresh_states(struct futured *c, futured_future *const *futures, size_t n, uint64_t timeout_usec)
{
	struct refresh refresh = { .conn = c };
	struct refresh_ask *ask;
	int r;

	TAILQ_INIT(&refresh.asks);
	r = refresh_gather(&refresh, futures, n);
	if (r == 0)
		r = refresh.n > 0 ? refresh_run(&refresh, timeout_usec) : 1;
	while ((ask = TAILQ_FIRST(&refresh.asks)))
		refresh_ask_free(ask);
	for (size_t i = 0; i < refresh.n; i++)
		futured_future_unref(refresh.members[i].future);
	free(refresh.members);
	return r;
}
