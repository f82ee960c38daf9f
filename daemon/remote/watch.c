/* watch.c - a stream of server-sent events about one operation, open while it lives: it says when to look. */
#include "daemon/remote/watch.h"
#include "daemon/log.h"
#include "daemon/remote/ask.h"
#include "daemon/remote/events.h"
#include "daemon/remote/place.h"
#include "daemon/remote/plan.h"
#include "daemon/remote/sse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct watch {
	struct poller *poller;
	struct watch *next, *prev;
	const struct events *events;
	struct ask *ask;
	struct sse sse;
	watch_cb event;
	void *arg;
	bool wake;                     /* of the piece being read */
	char *progress;                /* likewise, the last one; or NULL */
	bool telling;                  /* in a callback: not to be freed there */
	bool closed;
};

static void watch_link(struct watch *watch, struct poller *poller)
{
	watch->poller = poller;
	watch->next = poller->watches;
	if (watch->next)
		watch->next->prev = watch;
	poller->watches = watch;
	poller->n_watches++;
}

/* Out of the poller, and everything given back but the struct itself. Again is harmless. */
static void watch_end(struct watch *watch)
{
	if (!watch->poller)
		return;
	if (watch->next)
		watch->next->prev = watch->prev;
	if (watch->prev)
		watch->prev->next = watch->next;
	else
		watch->poller->watches = watch->next;
	watch->poller->n_watches--;
	watch->poller = NULL;
	watch->ask = ask_abort(watch->ask);
	sse_done(&watch->sse);
	free(watch->progress);
	watch->progress = NULL;
}

struct watch *watch_close(struct watch *watch)
{
	if (!watch)
		return NULL;
	watch_end(watch);
	watch->closed = true;
	if (!watch->telling)
		free(watch);
	return NULL;
}

static void tell(struct watch *watch, enum watch_event event, const char *progress)
{
	if (watch->closed)
		return;
	watch->telling = true;
	watch->event(watch->arg, event, slice_from_str(progress));
	watch->telling = false;
}

/* From the reader of the stream. */
static int on_event(void *arg, const struct sse_event *event)
{
	struct watch *watch = arg;
	struct slice progress = { 0 };
	bool wake = true;
	char *copy;
	int r = event->cut ? 0 : events_judge(watch->events, event->data, &wake, &progress);

	if (r < 0)
		return r;
	watch->wake |= wake;
	if (!progress.data)
		return 0;
	copy = strndup(progress.data, progress.len);
	if (!copy)
		return -ENOMEM;
	free(watch->progress);
	watch->progress = copy;
	return 0;
}

/* What the last piece of the stream said. 0, or -ECANCELED: the watch is gone. */
static int tell_news(struct watch *watch)
{
	char *progress = watch->progress;
	const bool wake = watch->wake;

	watch->progress = NULL;
	watch->wake = false;
	if (progress)
		tell(watch, WATCH_PROGRESS, progress);
	free(progress);
	if (wake)
		tell(watch, WATCH_WAKE, NULL);
	if (!watch->closed)
		return 0;
	free(watch);
	return -ECANCELED;
}

static bool is_event_stream(const struct http_response *head)
{
	static const char type[] = "text/event-stream";
	const char *value = http_header_find(head->headers, head->n_headers, "content-type");

	return value && strncasecmp(value, type, strlen(type)) == 0 && strchr("; \t", value[strlen(type)]);
}

static int on_data(void *arg, const struct http_response *head, const void *data, size_t len)
{
	struct watch *watch = arg;
	int r;

	if (!data)
		return is_event_stream(head) ? 0 : -EPROTO;
	r = sse_feed(&watch->sse, data, len);
	return r < 0 ? r : tell_news(watch);
}

static void on_end(void *arg, const struct ask_answer *answer)
{
	struct watch *watch = arg;

	if (answer->response)
		log_debug("remote: events ended: status %d %s", answer->response->status, answer->response->error);
	else
		log_debug("remote: events ended: %s", answer->reason);
	watch->ask = NULL;
	watch_end(watch);
	tell(watch, WATCH_CLOSED, NULL);
	free(watch);
}

static int open_stream(struct watch *watch, const struct remote_plan *plan, const struct step_input *input,
    struct error *error)
{
	struct ask_input ask = {
		.plan = plan,
		.step = STEP_EVENTS,
		.id = input->id,
		.attempt = input->attempt,
		.timeout_usec = input->timeout_usec,
		.on_data = on_data,
	};
	int r = 0;

	if (input->captured)
		r = spec_parse_stored("captured values", slice_from_str(input->captured), &ask.captured, error);
	if (r == 0)
		r = ask_start(watch->poller, &ask, on_end, watch, &watch->ask, error);
	json_decref(ask.captured);
	return r;
}

int watch_open(struct poller *poller, const struct plan *plan, const struct step_input *input, watch_cb event,
    void *arg, struct watch **ret, struct error *error)
{
	const struct remote_plan *remote_plan = (const struct remote_plan *)plan;
	struct watch *watch;
	int r;

	if (poller->n_watches >= poller->streams_max)
		return -EBUSY;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return place_no_memory(error);
	watch_link(watch, poller);
	watch->events = remote_plan->spec->requests[STEP_EVENTS].events;
	watch->event = event;
	watch->arg = arg;
	sse_init(&watch->sse, on_event, watch);
	r = open_stream(watch, remote_plan, input, error);
	if (r < 0) {
		watch_close(watch);
		return r;
	}
	*ret = watch;
	return 0;
}
