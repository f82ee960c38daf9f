/* subscription.c - streams of events, that go on after a reconnection where they stopped. */
#include "client/subscription.h"

#include "client/failure.h"
#include "client/feed.h"
#include "client/future.h"
#include "client/ids.h"
#include "client/pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One event on its way to the callback. */
struct event {
	TAILQ_ENTRY(event) entry;
	struct due due;
	struct futured_subscription *subscription;
	struct futured_event public;
	char id[ID_TEXT_LEN + 1];
	char *progress;
	char *message;
	struct futured_error *error;
};
TAILQ_HEAD(event_list, event);

struct futured_subscription {
	unsigned refs;                 /* 0: only waits for its number, to unsubscribe */
	struct futured *conn;          /* NULL when that is gone, or the subscription is over */
	TAILQ_ENTRY(futured_subscription) entry;
	futured_event_cb cb;
	void *userdata;
	char *filter;                  /* one packed key and value, or NULL */
	size_t filter_len;
	struct request *request;       /* unanswered */
	bool active;
	bool stood;                    /* was active once, so that a gap can be one */
	uint64_t number;               /* while active */
	uint64_t since;                /* where to go on: the last event seen, or FUTURED_SINCE_NOW */
	struct event_list events;      /* queued */
	struct event end;              /* the last one needs no memory */
};

struct subscribe_reply {
	struct maybe_u64 subscription;
	struct maybe_u64 seq;
	bool truncated;
};

static const struct field subscribe_reply_fields[] = {
	FIELD(subscribe_reply, subscription, FIELD_U64, FIELD_REQUIRED),
	FIELD(subscribe_reply, seq, FIELD_U64, FIELD_REQUIRED),
	FIELD(subscribe_reply, truncated, FIELD_BOOL, 0),
	FIELDS_END
};

/* --- events ------------------------------------------------------------------------------------- */

/* Take the event out of its queue and release it. */
static void event_free(struct event *event)
{
	futured_subscription *s = event->subscription;

	TAILQ_REMOVE(&s->events, event, entry);
	failure_free(event->error);
	free(event->progress);
	free(event->message);
	if (event != &s->end)
		free(event);
}

static void event_run(struct due *due)
{
	struct event *event = (struct event *)(void *)((char *)due - offsetof(struct event, due));
	futured_subscription *s = event->subscription;

	s->refs++;
	s->cb(s, &event->public, s->userdata);
	event_free(event);
	futured_subscription_unref(s);
}

static void event_queue(futured_subscription *s, struct event *event)
{
	event->subscription = s;
	event->due.run = event_run;
	event->public.progress = event->progress;
	event->public.message = event->message;
	event->public.error = event->error;
	TAILQ_INSERT_TAIL(&s->events, event, entry);
	conn_due_add(s->conn, &event->due);
}

/* One that is about the subscription itself. */
static int event_announce(futured_subscription *s, enum futured_event_type type, uint64_t seq)
{
	struct event *event = calloc(1, sizeof(*event));

	if (!event)
		return -ENOMEM;
	event->public = (struct futured_event){ .type = type, .seq = seq };
	event_queue(s, event);
	return 0;
}

/* The last event. Its subscription takes part in nothing any more. */
static void event_announce_end(futured_subscription *s, const struct answer *answer)
{
	s->end.public = (struct futured_event){ .type = FUTURED_EVENT_END };
	s->end.error = failure_from_answer(answer);
	event_queue(s, &s->end);
	s->active = false;
}

static int event_type_from_text(struct slice text)
{
	static const struct { const char *name; enum futured_event_type type; } types[] = {
		{ "created", FUTURED_EVENT_CREATED },
		{ "changed", FUTURED_EVENT_CHANGED },
		{ "progress", FUTURED_EVENT_PROGRESS },
		{ "forgotten", FUTURED_EVENT_FORGOTTEN },
		{ "trouble", FUTURED_EVENT_TROUBLE },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (slice_equals(text, types[i].name))
			return (int)types[i].type;
	}
	return -ENOENT;
}

/* --- the subscription ----------------------------------------------------------------------------- */

/* Nobody is to be called about what is queued. */
static void subscription_drop_events(futured_subscription *s)
{
	struct event *event, *next;

	for (event = TAILQ_FIRST(&s->events); event; event = next) {
		next = TAILQ_NEXT(event, entry);
		/* One that is being run right now is not in the queue, and released by its runner. */
		if (!event->due.queued)
			continue;
		conn_due_remove(s->conn, &event->due);
		event_free(event);
	}
}

/* Out of the connection, with all that is queued. */
static void subscription_detach(futured_subscription *s)
{
	if (!s->conn)
		return;
	subscription_drop_events(s);
	if (s->request)
		request_orphan(s->conn, s->request);
	s->request = NULL;
	s->active = false;
	TAILQ_REMOVE(&s->conn->subscriptions, s, entry);
	s->conn->n_subscriptions--;
	s->conn = NULL;
}

static void subscription_free(futured_subscription *s)
{
	subscription_detach(s);
	free(s->filter);
	free(s);
}

/* Tell the daemon. Whether it hears is no matter: a lost connection ends it as well. */
static void subscription_tell_end(futured_subscription *s)
{
	struct unsubscribe_params params = { .subscription = { .set = true, .value = s->number } };
	struct request *request;
	struct pack pack;

	if (request_begin(s->conn, "future.unsubscribe", &pack, &request) < 0)
		return;
	fields_write(&pack, unsubscribe_params_fields, &params);
	(void)request_send(s->conn, request, &pack, REQUEST_BOUND, NULL, NULL);
}

/* The answer to future.subscribe. */
static int subscription_on_answer(void *owner, const struct answer *answer)
{
	struct subscribe_reply reply;
	futured_subscription *s = owner;
	int r = 0;

	s->request = NULL;
	if (answer->error < 0) {
		if (s->refs == 0)
			subscription_free(s);
		else if (answer->daemon_error)
			event_announce_end(s, answer);
		return 0;
	}
	if (fields_read(answer->result, subscribe_reply_fields, FIELDS_IGNORE_UNKNOWN, &reply, NULL) < 0)
		return -EBADMSG;
	s->number = reply.subscription.value;
	if (s->refs == 0) {
		subscription_tell_end(s);
		subscription_free(s);
		return 0;
	}
	if (s->since == FUTURED_SINCE_NOW)
		s->since = reply.seq.value;
	s->active = s->stood = true;
	if (reply.truncated)
		r = event_announce(s, FUTURED_EVENT_GAP, reply.seq.value);
	if (r == 0)
		r = event_announce(s, FUTURED_EVENT_READY, reply.seq.value);
	return r;
}

static int subscription_send(futured_subscription *s)
{
	bool since = s->since != FUTURED_SINCE_NOW;
	struct request *request;
	struct pack pack;
	int r;

	r = request_begin(s->conn, "future.subscribe", &pack, &request);
	if (r < 0)
		return r;
	pack_map(&pack, (s->filter ? 1 : 0) + (since ? 1 : 0));
	if (s->filter)
		pack_raw(&pack, (struct slice){ .data = s->filter, .len = s->filter_len });
	if (since) {
		pack_str(&pack, "since");
		pack_u64(&pack, s->since);
	}
	r = request_send(s->conn, request, &pack, REQUEST_BOUND, subscription_on_answer, s);
	if (r == 0)
		s->request = request;
	return r;
}

/* Keep what is subscribed to in packed form: it is sent again with each connection. */
static int subscription_set_filter(futured_subscription *s, const struct futured_subscribe_options *options)
{
	struct pack pack;
	int r;

	if (!options->ids && !options->labels)
		return 0;
	pack_init(&pack, PROTO_MESSAGE_MAX - 1024);
	pack_str(&pack, options->ids ? "ids" : "labels");
	r = options->ids ? ids_pack(&pack, options->ids) : pairs_pack(&pack, options->labels);
	if (r == 0)
		r = pack_take(&pack, &s->filter, &s->filter_len);
	pack_done(&pack);
	return r;
}

int subscription_new(struct futured *c, const struct futured_subscribe_options *options, futured_event_cb cb, void *userdata,
    futured_subscription **ret)
{
	futured_subscription *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->refs = 1;
	s->cb = cb;
	s->userdata = userdata;
	s->since = options->since;
	s->conn = c;
	TAILQ_INIT(&s->events);
	TAILQ_INSERT_TAIL(&c->subscriptions, s, entry);
	c->n_subscriptions++;
	r = subscription_set_filter(s, options);
	if (r == 0 && c->state == CONN_OPEN)
		r = subscription_send(s);
	if (r < 0) {
		subscription_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

int futured_subscribe(futured *c, const struct futured_subscribe_options *options, futured_event_cb cb, void *userdata,
    futured_subscription **ret)
{
	static const struct futured_subscribe_options defaults = FUTURED_SUBSCRIBE_INIT;
	int r;

	if (!options)
		options = &defaults;
	if (!cb || !ret || options->size < sizeof(*options) || (options->ids && options->labels))
		return -EINVAL;
	r = conn_check(c);
	if (r < 0)
		return r;
	if (c->n_subscriptions - c->n_feeds >= SUBSCRIPTIONS_MAX)
		return -ENOBUFS;
	return subscription_new(c, options, cb, userdata, ret);
}

futured_subscription *futured_subscription_ref(futured_subscription *s)
{
	if (s)
		s->refs++;
	return s;
}

futured_subscription *futured_subscription_unref(futured_subscription *s)
{
	if (!s || --s->refs > 0)
		return NULL;
	if (s->conn && conn_check(s->conn) == 0) {
		if (s->request) {
			subscription_drop_events(s);
			return NULL;
		}
		if (s->active)
			subscription_tell_end(s);
	}
	subscription_free(s);
	return NULL;
}

static futured_subscription *subscription_find(struct futured *c, uint64_t number)
{
	futured_subscription *s;

	TAILQ_FOREACH(s, &c->subscriptions, entry) {
		if (s->active && s->number == number)
			return s;
	}
	return NULL;
}

/* A copy of text in *ret, which stays NULL where there is none. */
static int subscription_copy(struct slice text, char **ret)
{
	if (!text.data)
		return 0;
	*ret = strndup(text.data, text.len);
	return *ret ? 0 : -ENOMEM;
}

int subscription_notified(struct futured *c, const msgpack_object *params)
{
	struct event_wire wire;
	futured_subscription *s;
	struct event *event;
	int type, state;

	if (params->via.array.size != 1 ||
	    fields_read(&params->via.array.ptr[0], event_fields, FIELDS_IGNORE_UNKNOWN, &wire, NULL) < 0)
		return -EBADMSG;
	s = subscription_find(c, wire.subscription.value);
	type = event_type_from_text(wire.event);
	/* Ended here while the event was on its way, or of a kind that a later version has. */
	if (!s || s->refs == 0 || type < 0)
		return 0;
	state = wire.state.data ? future_state_from_text(wire.state) : 0;
	if (state < 0)
		return state;
	event = calloc(1, sizeof(*event));
	if (!event)
		return -ENOMEM;
	if (subscription_copy(wire.progress, &event->progress) < 0 ||
	    subscription_copy(wire.message, &event->message) < 0) {
		free(event->progress);
		free(event);
		return -ENOMEM;
	}
	id_format(&wire.id, event->id);
	event->error = failure_from_map(wire.error, state);
	event->public = (struct futured_event){
		.type = (enum futured_event_type)type, .state = state, .seq = wire.seq.value,
		.at_ms = wire.at_ms.value, .id = event->id, .attempts = wire.attempts.value,
	};
	event_queue(s, event);
	s->since = wire.seq.value;
	return 0;
}

int subscription_resume(struct futured *c, bool new_epoch)
{
	futured_subscription *s;
	int r;

	if (new_epoch)
		feed_new_epoch(c);
	TAILQ_FOREACH(s, &c->subscriptions, entry) {
		if (s->end.due.run)
			continue;
		if (new_epoch && s->stood) {
			s->since = FUTURED_SINCE_NOW;
			r = event_announce(s, FUTURED_EVENT_GAP, 0);
			if (r < 0)
				return r;
		}
		r = subscription_send(s);
		if (r < 0)
			return r;
	}
	return 0;
}

void subscription_lost(struct futured *c)
{
	futured_subscription *s;

	TAILQ_FOREACH(s, &c->subscriptions, entry)
		s->active = false;
}

void subscription_end_all(struct futured *c, int error)
{
	struct answer answer = { .error = error };
	futured_subscription *s, *next;

	for (s = TAILQ_FIRST(&c->subscriptions); s; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (s->refs == 0)
			subscription_free(s);
		else if (!s->end.due.run)
			event_announce_end(s, &answer);
	}
}

void subscription_detach_all(struct futured *c)
{
	futured_subscription *s;

	while ((s = TAILQ_FIRST(&c->subscriptions))) {
		if (s->refs == 0)
			subscription_free(s);
		else
			subscription_detach(s);
	}
}
