/* feed.c - few subscriptions for the many handles that are followed.
 *
 * A subscription is to a fixed list of futures. Those that come are gathered into a new one, together with the members of
 * the older ones that are less than twice as large: so each began at least twice as large as the next, there are few of
 * them, and a handle is moved a few times only, in whatever portions they come. */
#include "client/feed.h"

#include "client/future.h"
#include "client/look.h"
#include "client/subscription.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FEED_RESTARTS_MAX 3

struct feed_member {
	struct id id;
	struct progress *progress;       /* NULL once it has left */
};

struct feed {
	TAILQ_ENTRY(feed) entry;         /* in conn->feeds */
	struct futured *conn;
	futured_subscription *subscription;
	uint64_t since;                  /* events up to this number have been handed on */
	bool busy;                       /* handing one on: it is released later */
	size_t n_live;                   /* that have not left */
	size_t n;
	struct feed_member *members;     /* by id */
};

static void feed_free(struct feed *feed)
{
	TAILQ_REMOVE(&feed->conn->feeds, feed, entry);
	feed->conn->n_feeds--;
	futured_subscription_unref(feed->subscription);
	free(feed->members);
	free(feed);
}

void feed_leave(struct progress *progress)
{
	struct feed *feed = progress->feed;

	if (progress->place == PROGRESS_WAITING)
		TAILQ_REMOVE(&progress->future->conn->unfollowed, progress, entry);
	progress->place = PROGRESS_NOWHERE;
	progress->feed = NULL;
	if (!feed)
		return;
	feed->members[progress->feed_index].progress = NULL;
	if (--feed->n_live == 0 && !feed->busy)
		feed_free(feed);
}

void feed_want(struct progress *progress)
{
	progress_forget(progress);
	progress->place = PROGRESS_WAITING;
	TAILQ_INSERT_TAIL(&progress->future->conn->unfollowed, progress, entry);
	conn_wake(progress->future->conn);
}

/* The index of the first member with id, or feed->n. */
static size_t feed_find(const struct feed *feed, const struct id *id)
{
	size_t low = 0, high = feed->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (id_compare(&feed->members[middle].id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* One event, to all the handles on its future. */
static void feed_hand_on(struct feed *feed, const struct futured_event *event)
{
	struct id id;

	if (id_parse(event->id, strlen(event->id), &id) < 0)
		return;
	for (size_t i = feed_find(feed, &id); i < feed->n && id_compare(&feed->members[i].id, &id) == 0; i++) {
		if (feed->members[i].progress)
			progress_take_event(feed->members[i].progress, event);
	}
	feed->since = event->seq;
}

/* Ask for those whose state is not known since they are followed: for everything where the user follows it, else for
 * whether it is over, many at a time. What cannot be asked for fails. The feed must be busy. */
static void feed_ask(struct feed *feed)
{
	struct progress **unknown = calloc(feed->n, sizeof(*unknown)), *progress;
	int r = unknown ? 0 : -ENOMEM;
	size_t n = 0;

	for (size_t i = 0; i < feed->n && r == 0; i++) {
		progress = feed->members[i].progress;
		if (!progress || progress->known)
			continue;
		if (progress->steps)
			r = progress_ask(progress);
		else
			unknown[n++] = progress;
		progress->known = r == 0;
	}
	if (r == 0 && n > 0)
		r = look_start(feed->conn, unknown, n);
	for (size_t i = 0; r < 0 && i < feed->n; i++) {
		progress = feed->members[i].progress;
		if (progress && !progress->request && !progress->look)
			progress_fail(progress, r);
	}
	free(unknown);
}

/* Events are missing: ask for what they would have said. */
static void feed_forget(struct feed *feed, bool new_epoch)
{
	for (size_t i = 0; i < feed->n; i++) {
		struct progress *progress = feed->members[i].progress;

		if (!progress)
			continue;
		progress_forget(progress);
		if (new_epoch)
			progress->seen = 0;
	}
	feed_ask(feed);
}

/* The subscription is refused or over. Its members try again, unless the connection is closed for good. */
static void feed_end(struct feed *feed, int error)
{
	struct futured *c = feed->conn;

	for (size_t i = 0; i < feed->n; i++) {
		struct progress *progress = feed->members[i].progress;

		if (!progress)
			continue;
		if (conn_check(c) < 0 || progress->restarts++ >= FEED_RESTARTS_MAX) {
			progress_fail(progress, error);
			continue;
		}
		feed_leave(progress);
		feed_want(progress);
	}
	c->seq_known = false;
}

static void feed_on_event(futured_subscription *subscription, const struct futured_event *event, void *userdata)
{
	struct feed *feed = userdata;

	feed->busy = true;
	if (event->type == FUTURED_EVENT_END)
		feed_end(feed, event->error ? event->error->code : -ENOMEM);
	else if (event->type == FUTURED_EVENT_GAP)
		feed_forget(feed, event->seq == 0);
	else if (event->type == FUTURED_EVENT_READY && feed->conn->last_seq < event->seq)
		feed->conn->last_seq = event->seq;
	else if (event->id)
		feed_hand_on(feed, event);
	feed->busy = false;
	if (feed->n_live == 0)
		feed_free(feed);
}

/* --- making one ----------------------------------------------------------------------------------- */

void feed_new_epoch(struct futured *c)
{
	c->seq_known = false;
}

struct seq_reply {
	struct maybe_u64 seq;
};

static const struct field seq_reply_fields[] = {
	FIELD(seq_reply, seq, FIELD_U64, FIELD_REQUIRED),
	FIELDS_END
};

/* Those that wait cannot be followed. */
static void feed_give_up(struct futured *c, int error)
{
	struct progress *progress;

	while ((progress = TAILQ_FIRST(&c->unfollowed)))
		progress_fail(progress, error);
}

static int feed_on_seq(void *owner, const struct answer *answer)
{
	struct futured *c = owner;
	struct seq_reply reply;

	c->seq_request = NULL;
	if (answer->error < 0) {
		feed_give_up(c, answer->error);
		return 0;
	}
	if (fields_read(answer->result, seq_reply_fields, FIELDS_IGNORE_UNKNOWN, &reply, NULL) < 0)
		return -EBADMSG;
	c->last_seq = reply.seq.value;
	c->seq_known = true;
	return 0;
}

/* Where to begin: with a number to go on from, a subscription may name what is forgotten by then. */
static int feed_ask_seq(struct futured *c)
{
	struct empty_params params = { 0 };
	struct request *request;
	struct pack pack;
	int r;

	r = request_begin(c, "server.stats", &pack, &request);
	if (r < 0)
		return r;
	fields_write(&pack, empty_params_fields, &params);
	r = request_send(c, request, &pack, 0, feed_on_seq, c);
	if (r == 0)
		c->seq_request = request;
	return r;
}

static struct feed *feed_new(struct futured *c, size_t room)
{
	struct feed *feed = calloc(1, sizeof(*feed));

	if (!feed)
		return NULL;
	feed->members = calloc(room, sizeof(*feed->members));
	if (!feed->members) {
		free(feed);
		return NULL;
	}
	feed->conn = c;
	feed->since = c->last_seq;
	TAILQ_INSERT_TAIL(&c->feeds, feed, entry);
	c->n_feeds++;
	return feed;
}

/* One more member, from wherever it was. */
static void feed_add(struct feed *feed, struct progress *progress)
{
	feed_leave(progress);
	progress->place = PROGRESS_FED;
	progress->feed = feed;
	feed->members[feed->n++] = (struct feed_member){ .id = progress->future->id, .progress = progress };
	feed->n_live++;
}

/* Take over the members of an older one, which ends with the last. */
static void feed_merge(struct feed *feed, struct feed *older)
{
	size_t left = older->n_live;

	if (older->since < feed->since)
		feed->since = older->since;
	for (size_t i = 0; left > 0; i++) {
		if (!older->members[i].progress)
			continue;
		left--;
		feed_add(feed, older->members[i].progress);
	}
}

/* How many there will be in a new one of n: with those of the older ones that are not much larger. The newest is last. */
static size_t feed_count(struct futured *c, size_t n)
{
	struct feed *older;

	TAILQ_FOREACH_REVERSE(older, &c->feeds, feed_list, entry) {
		if (older->n_live >= 2 * n || older->n_live + n > c->wait_ids_max)
			break;
		n += older->n_live;
	}
	return n;
}

static int feed_compare(const void *left, const void *right)
{
	const struct feed_member *a = left, *b = right;

	return id_compare(&a->id, &b->id);
}

/* Subscribe to the members, each id once. */
static int feed_subscribe(struct feed *feed)
{
	struct futured_subscribe_options options = FUTURED_SUBSCRIBE_INIT;
	const char **ids;
	size_t n = 0;
	int r;

	qsort(feed->members, feed->n, sizeof(*feed->members), feed_compare);
	ids = calloc(feed->n + 1, sizeof(*ids));
	for (size_t i = 0; i < feed->n; i++) {
		feed->members[i].progress->feed_index = i;
		if (ids && (i == 0 || feed_compare(&feed->members[i], &feed->members[i - 1]) != 0))
			ids[n++] = feed->members[i].progress->future->id_text;
	}
	if (!ids)
		return -ENOMEM;
	options.ids = ids;
	options.since = feed->since;
	r = subscription_new(feed->conn, &options, feed_on_event, feed, &feed->subscription);
	free(ids);
	return r;
}

/* Make a feed of the first n that wait, and of what it takes over. */
static int feed_make(struct futured *c, size_t n)
{
	size_t total = feed_count(c, n);
	struct feed *feed, *older;
	int r;

	feed = feed_new(c, total);
	if (!feed)
		return -ENOMEM;
	feed->busy = true;
	while (n-- > 0)
		feed_add(feed, TAILQ_FIRST(&c->unfollowed));
	while (feed->n < total) {
		older = TAILQ_PREV(feed, feed_list, entry);
		feed_merge(feed, older);
	}
	r = feed_subscribe(feed);
	if (r == 0)
		feed_ask(feed);
	for (size_t i = 0; r < 0 && i < feed->n; i++)
		progress_fail(feed->members[i].progress, r);
	feed->busy = false;
	if (feed->n_live == 0)
		feed_free(feed);
	return 0;
}

bool feed_can_flush(const struct futured *c)
{
	/* All that are on their way there go into one. */
	return c->state == CONN_OPEN && !TAILQ_EMPTY(&c->unfollowed) && TAILQ_EMPTY(&c->unwatched) &&
	    (c->seq_known || !c->seq_request);
}

int feed_flush(struct futured *c)
{
	struct progress *progress, *next;
	size_t n = 0;
	int r;

	if (!feed_can_flush(c))
		return 0;
	for (progress = TAILQ_FIRST(&c->unfollowed); progress; progress = next) {
		next = TAILQ_NEXT(progress, entry);
		if (progress->future->over)
			feed_leave(progress);
		else if (n < c->wait_ids_max)
			n++;
	}
	if (n == 0)
		return 1;
	r = c->seq_known ? feed_make(c, n) : feed_ask_seq(c);
	if (r < 0)
		feed_give_up(c, r);
	return 1;
}
