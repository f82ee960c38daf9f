/* handlers_subscribe.c - future.subscribe and future.unsubscribe. */
#include "daemon/ipc/feed.h"
#include "daemon/ipc/handlers.h"
#include "daemon/ipc/labels.h"

/* Subscriptions of one connection; each costs a look at every event. */
#define FEEDS_MAX 64

static int read_filter(const struct subscribe_params *params, struct subscribe_filter *ret, struct labels *labels,
    struct error *error)
{
	int r;

	if (params->ids.ids && params->labels)
		return error_set(error, ERROR_INVALID_ARGUMENT, "ids and labels: only one of them");
	if (params->ids.ids && params->ids.count == 0)
		return error_set(error, ERROR_INVALID_ARGUMENT, "ids: empty; without it all futures are meant");
	r = labels_read(params->labels, labels, error);
	*ret = (struct subscribe_filter){
		.ids = params->ids.ids,
		.n_ids = params->ids.count,
		.labels = labels->items,
		.n_labels = labels->count,
	};
	return r;
}

static int admit(const struct session *session, struct error *error)
{
	const struct feed *feed;
	size_t n = 0;

	LIST_FOREACH(feed, &session->feeds, link)
		n++;
	if (n >= FEEDS_MAX)
		return error_set(error, ERROR_LIMIT, "at most %d subscriptions of one connection", FEEDS_MAX);
	return 0;
}

int h_future_subscribe(struct call *call, const void *arg, struct error *error)
{
	const struct subscribe_params *params = arg;
	struct subscribe_filter filter;
	struct labels labels = { 0 };
	struct feed_start start;
	struct feed *feed;
	struct pack pack;
	int r;

	r = admit(call->session, error);
	if (r == 0)
		r = read_filter(params, &filter, &labels, error);
	if (r == 0)
		r = feed_new(call->session, &filter, params, &feed, &start, error);
	labels_done(&labels);
	if (r < 0)
		return r;
	call_begin(call, &pack);
	pack_map(&pack, 3);
	pack_str(&pack, "subscription");
	pack_u64(&pack, feed->number);
	pack_str(&pack, "seq");
	pack_u64(&pack, start.seq);
	pack_str(&pack, "truncated");
	pack_bool(&pack, start.truncated);
	call_reply(call, &pack);
	return 0;
}

int h_future_unsubscribe(struct call *call, const void *arg, struct error *error)
{
	const struct unsubscribe_params *params = arg;
	struct feed *feed = feed_find(call->session, params->subscription.value);
	struct pack pack;

	if (!feed)
		return error_set(error, ERROR_NOT_FOUND, "no subscription %llu on this connection",
		    (unsigned long long)params->subscription.value);
	feed_free(feed);
	call_begin(call, &pack);
	pack_map(&pack, 0);
	call_reply(call, &pack);
	return 0;
}
