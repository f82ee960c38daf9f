/* watch.c - one future.wait for many handles, where each having its own would be over the daemon's limit. */
#include "client/watch.h"

#include "client/future.h"

#include <errno.h>
#include <stdlib.h>

struct watch {
	TAILQ_ENTRY(watch) entry;
	struct futured *conn;
	struct request *request;
	size_t n_members;                /* still there */
	size_t n;
	struct id *ids;                  /* asked about, n of them */
	futured_future *members[];       /* whose, in the same order; NULL when released since */
};

struct wait_reply {
	struct id_list done;
};

static const struct field wait_reply_fields[] = {
	FIELD(wait_reply, done, FIELD_IDS, FIELD_REQUIRED),
	FIELDS_END
};

static void watch_free(struct watch *watch)
{
	if (watch->request)
		request_orphan(watch->request);
	TAILQ_REMOVE(&watch->conn->watches, watch, entry);
	free(watch->ids);
	free(watch);
}

/* Let go of every member: those that are over are fetched, and with none known each is looked at. The daemon's
 * list is in our order, so one walk through both finds them; backwards, as each fetch goes to the head of its
 * queue. */
static void watch_dissolve(struct watch *watch, const struct id_list *done)
{
	size_t d = done ? done->count : 0;

	for (size_t i = watch->n; i-- > 0;) {
		futured_future *f = watch->members[i];
		bool over = !done;

		if (d > 0 && id_compare(&done->ids[d - 1], &watch->ids[i]) == 0) {
			over = true;
			d--;
		}
		if (!f)
			continue;
		f->watch = NULL;
		future_want(f, over);
	}
	watch_free(watch);
}

static int watch_on_answer(void *owner, const struct answer *answer)
{
	struct watch *watch = owner;
	struct wait_reply reply;

	watch->request = NULL;
	if (watch->n_members == 0)
		watch->conn->n_parked--;
	if (answer->error < 0) {
		/* One of the ids is not known any more, perhaps; asked one by one, the others are not harmed by
		 * it. When the connection is closed for good, its end takes the members from the queue that they
		 * go to. */
		watch_dissolve(watch, NULL);
		return 0;
	}
	if (fields_read(answer->result, wait_reply_fields, FIELDS_IGNORE_UNKNOWN, &reply, NULL) < 0) {
		watch_dissolve(watch, NULL);
		return -EBADMSG;
	}
	watch_dissolve(watch, &reply.done);
	fields_done(wait_reply_fields, &reply);
	return 0;
}

/* Move handles from the queue into watch. */
static void watch_gather(struct watch *watch)
{
	struct futured *c = watch->conn;
	futured_future *f;

	while (watch->n < WATCH_MEMBERS_MAX && watch->n < c->wait_ids_max && (f = TAILQ_FIRST(&c->unwatched))) {
		TAILQ_REMOVE(&c->unwatched, f, turn);
		f->place = FUTURE_NOWHERE;
		f->watch = watch;
		f->watch_index = watch->n;
		watch->ids[watch->n] = f->id;
		watch->members[watch->n++] = f;
	}
	watch->n_members = watch->n;
}

int watch_start(struct futured *c)
{
	struct wait_params params = { .return_when = slice_from_str("first_completed") };
	struct request *request;
	struct watch *watch;
	struct pack pack;
	int r;

	watch = calloc(1, sizeof(*watch) + WATCH_MEMBERS_MAX * sizeof(futured_future *));
	if (!watch)
		return -ENOMEM;
	watch->ids = calloc(WATCH_MEMBERS_MAX, sizeof(*watch->ids));
	if (!watch->ids) {
		free(watch);
		return -ENOMEM;
	}
	watch->conn = c;
	TAILQ_INSERT_TAIL(&c->watches, watch, entry);
	watch_gather(watch);
	params.ids = (struct id_list){ .ids = watch->ids, .count = watch->n };

	r = request_begin(c, "future.wait", &pack, &request);
	if (r == 0) {
		fields_write(&pack, wait_params_fields, &params);
		r = request_send(c, request, &pack, REQUEST_LONG, watch_on_answer, watch);
	}
	if (r < 0) {
		watch_dissolve(watch, NULL);
		return r;
	}
	watch->request = request;
	return 0;
}

void watch_leave(futured_future *f)
{
	struct watch *watch = f->watch;

	watch->members[f->watch_index] = NULL;
	f->watch = NULL;
	if (--watch->n_members > 0)
		return;
	if (watch->request)
		watch->conn->n_parked++;
	else
		watch_free(watch);
}

void watch_unpark(struct futured *c)
{
	struct watch *watch, *next;

	for (watch = TAILQ_FIRST(&c->watches); watch; watch = next) {
		next = TAILQ_NEXT(watch, entry);
		if (watch->n_members == 0) {
			c->n_parked--;
			watch_free(watch);
		}
	}
}

void watch_end_all(struct futured *c)
{
	struct watch *watch;

	while ((watch = TAILQ_FIRST(&c->watches))) {
		if (watch->n_members == 0)
			c->n_parked--;
		watch_dissolve(watch, NULL);
	}
}
