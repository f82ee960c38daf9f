/* feed.c - one subscription of one client: its events as notifications, under the name the client chose. */
#include "daemon/ipc/feed.h"

#include "daemon/ipc/context.h"
#include "daemon/ipc/reply.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool on_event(void *arg, const struct broker_event *event)
{
	struct feed *feed = arg;
	struct session *session = feed->session;
	struct slice method = { feed->method, feed->method_len }, prefix = { feed->prefix, feed->prefix_len };
	struct pack pack;

	if (session_backed_up(session)) {
		feed->held = true;
		return false;
	}
	pack_init(&pack, PROTO_MESSAGE_MAX);
	message_write_notification(&pack, method, feed->n_prefix + 1);
	if (feed->n_prefix > 0)
		pack_raw(&pack, prefix);
	if (feed->wrap)
		pack_array(&pack, 1);
	reply_event(&pack, feed->number, event);
	/* An event must not get lost in silence: the client comes back with the last number it saw. */
	if (session_send(session, &pack) < 0)
		conn_close(session->conn, "out of memory for an event");
	return true;
}

/* As for want of memory: with the last number it saw, the client hears that the log does not reach back to it. */
static void on_lost(void *arg)
{
	struct feed *feed = arg;

	conn_close(feed->session->conn, "it did not read its events before they were dropped from the log");
}

static int copy_method(struct feed *feed, struct slice method, struct error *error)
{
	if (!method.data)
		method = slice_from_str(FEED_METHOD);
	if (method.len == 0 || method.len > FEED_METHOD_MAX)
		return error_set(error, ERROR_INVALID_ARGUMENT, "method: has %zu bytes (1 to %d)", method.len,
		    FEED_METHOD_MAX);
	feed->method = malloc(method.len);
	if (!feed->method)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a subscription");
	memcpy(feed->method, method.data, method.len);
	feed->method_len = method.len;
	return 0;
}

/* The prefix is kept packed, as it goes before each event. */
static int copy_prefix(struct feed *feed, const msgpack_object *prefix, struct error *error)
{
	struct pack pack;
	int r;

	if (!prefix)
		return 0;
	if (prefix->type != MSGPACK_OBJECT_ARRAY)
		return error_set(error, ERROR_INVALID_ARGUMENT, "prefix: expected an array, got %s",
		    fields_type_phrase(prefix));
	if (prefix->via.array.size > PROTO_PREFIX_MAX)
		return error_set(error, ERROR_TOO_LARGE, "prefix: %u elements (at most %d)", prefix->via.array.size,
		    PROTO_PREFIX_MAX);
	pack_init(&pack, FEED_PREFIX_BYTES_MAX);
	for (uint32_t i = 0; i < prefix->via.array.size; i++)
		msgpack_pack_object(&pack.to, prefix->via.array.ptr[i]);
	feed->n_prefix = prefix->via.array.size;
	r = pack_take(&pack, &feed->prefix, &feed->prefix_len);
	pack_done(&pack);
	if (r == -EMSGSIZE)
		return error_set(error, ERROR_TOO_LARGE, "prefix: more than %d bytes", FEED_PREFIX_BYTES_MAX);
	if (r < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a subscription");
	return 0;
}

/* Neovim's own functions take their arguments as an array: without it an unchanged Neovim could not be pushed to
 * by clients that know nothing of `wrap`. */
static bool is_nvim(struct slice method)
{
	return method.data && method.len >= 5 && memcmp(method.data, "nvim_", 5) == 0;
}

int feed_new(struct session *session, const struct subscribe_filter *filter, const struct subscribe_params *params,
    struct feed **ret, struct feed_start *ret_start, struct error *error)
{
	struct subscription_sink sink = { .event = on_event, .lost = on_lost };
	struct feed *feed = calloc(1, sizeof(*feed));
	struct feed_start start = { 0 };
	int r;

	if (!feed)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a subscription");
	feed->session = session;
	feed->number = ++session->last_feed;
	feed->wrap = params->wrap || is_nvim(params->method);
	LIST_INSERT_HEAD(&session->feeds, feed, link);
	sink.arg = feed;
	r = copy_method(feed, params->method, error);
	if (r == 0)
		r = copy_prefix(feed, params->prefix, error);
	if (r == 0)
		r = broker_subscribe(session->ipc->setup.broker, &session->peer.caller, filter, params->since.set,
		    params->since.value, &sink, &feed->subscription, &start.seq, &start.truncated, error);
	if (r < 0) {
		feed_free(feed);
		return r;
	}
	*ret = feed;
	*ret_start = start;
	return 0;
}

struct feed *feed_free(struct feed *feed)
{
	if (!feed)
		return NULL;
	subscription_free(feed->subscription);
	LIST_REMOVE(feed, link);
	free(feed->method);
	free(feed->prefix);
	free(feed);
	return NULL;
}

struct feed *feed_find(const struct session *session, uint64_t number)
{
	struct feed *feed;

	LIST_FOREACH(feed, &session->feeds, link) {
		if (feed->number == number)
			return feed;
	}
	return NULL;
}

bool feed_resume(struct feed *feed)
{
	if (!feed->held)
		return false;
	feed->held = false;
	subscription_resume(feed->subscription);
	return true;
}
