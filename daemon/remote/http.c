/* http.c - transfers from their start to the one call of their callback. */
#include "daemon/remote/http.h"
#include "daemon/log.h"
#include "daemon/remote/http_loop.h"
#include "daemon/remote/http_transfer.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* libcurl should end a transfer at its timeout; this much later we do. */
#define WATCHDOG_GRACE_USEC 1000000

TAILQ_HEAD(transfers, http_transfer);

struct http {
	struct event_base *base;
	struct http_loop *loop;
	struct http_config config;     /* user_agent is ours */
	struct event *deliver;
	struct transfers active;
	struct transfers ended;        /* their callbacks run in on_deliver, and nowhere else */
};

static uint64_t now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Hand an active transfer over to on_deliver. It is out of the multi handle. */
static void transfer_end(struct http_transfer *transfer)
{
	struct http *http = transfer->http;

	event_del(transfer->watchdog);
	TAILQ_REMOVE(&http->active, transfer, link);
	TAILQ_INSERT_TAIL(&http->ended, transfer, link);
	transfer->state = TRANSFER_ENDED;
	event_active(http->deliver, EV_TIMEOUT, 1);
}

static void transfer_refuse(struct http_transfer *transfer, enum transfer_refusal why)
{
	http_loop_remove(transfer->http->loop, transfer->easy);
	transfer->refusal = why;
	transfer_end(transfer);
}

static void on_finished(void *arg, CURL *easy, CURLcode result)
{
	struct http_transfer *transfer = NULL;
	struct http *http = arg;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
	transfer->result = result;
	if (http_transfer_rewind(transfer, now_usec()) && http_loop_add(http->loop, easy) == 0)
		return;
	transfer_end(transfer);
}

/* Every transfer in flight ends with an error that policy retries; those that come after find a new handle. */
static void on_broken(void *arg, const char *why)
{
	struct http *http = arg;
	struct http_transfer *transfer;

	log_warning("http: transport restarted: %s", why);
	while ((transfer = TAILQ_FIRST(&http->active)))
		transfer_refuse(transfer, REFUSED_RESET);
	http_loop_reset(http->loop);
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	struct http_transfer *transfer = arg;

	log_warning("http: %s: libcurl did not end a transfer in time", transfer->peer);
	transfer_refuse(transfer, REFUSED_WATCHDOG);
	/* if its timer got lost, others wait for it too */
	http_loop_nudge(transfer->http->loop);
}

/* Call back for what had ended when this turn began. Callbacks may start and abort anything. */
static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
	struct http_header headers[HTTP_HEADERS_MAX];
	struct http_response response;
	struct http_transfer *transfer;
	struct http *http = arg;
	size_t turn = 0;

	TAILQ_FOREACH(transfer, &http->ended, link)
		turn++;
	while (turn-- > 0 && (transfer = TAILQ_FIRST(&http->ended))) {
		TAILQ_REMOVE(&http->ended, transfer, link);
		transfer->state = TRANSFER_DELIVERING;
		http_transfer_response(transfer, now_usec(), headers, &response);
		transfer->done(transfer->arg, &response);
		http_transfer_free(transfer);
	}
	if (!TAILQ_EMPTY(&http->ended))
		event_active(http->deliver, EV_TIMEOUT, 1);
}

static int config_copy(const struct http_config *config, struct http_config *ret)
{
	char *user_agent = NULL;

	if (config->user_agent && !(user_agent = strdup(config->user_agent)))
		return -ENOMEM;
	*ret = *config;
	ret->user_agent = user_agent;
	return 0;
}

static const struct http_loop_hooks hooks = { on_finished, on_broken };

struct http *http_new(struct event_base *base, const struct http_config *config)
{
	struct http *http;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return NULL;
	http = calloc(1, sizeof(*http));
	if (!http) {
		curl_global_cleanup();
		return NULL;
	}
	http->base = base;
	TAILQ_INIT(&http->active);
	TAILQ_INIT(&http->ended);
	http->deliver = event_new(base, -1, 0, on_deliver, http);
	http->loop = http_loop_new(base, &hooks, http);
	if (!http->deliver || !http->loop || config_copy(config, &http->config) < 0)
		return http_free(http);
	return http;
}

struct http *http_free(struct http *http)
{
	struct http_transfer *transfer;

	if (!http)
		return NULL;
	while ((transfer = TAILQ_FIRST(&http->active)) || (transfer = TAILQ_FIRST(&http->ended)))
		http_abort(transfer);
	http_loop_free(http->loop);
	if (http->deliver)
		event_free(http->deliver);
	free((char *)http->config.user_agent);
	free(http);
	curl_global_cleanup();
	return NULL;
}

void http_configure(struct http *http, const struct http_config *config)
{
	struct http_config copy;

	if (config_copy(config, &copy) < 0) {
		log_warning("http: no memory, the user agent stays as it is");
		http->config.body_max = config->body_max;
		return;
	}
	free((char *)http->config.user_agent);
	http->config = copy;
}

/* Give a transfer to libcurl, on a new multi handle if the old one is past use. */
static int transfer_add(struct http_transfer *transfer)
{
	struct http *http = transfer->http;
	int r;

	r = http_loop_add(http->loop, transfer->easy);
	if (r == -EIO) {
		on_broken(http, "it takes no more transfers");
		r = http_loop_add(http->loop, transfer->easy);
	}
	return r;
}

/* Arm the watchdog. */
static int transfer_guard(struct http_transfer *transfer)
{
	uint64_t usec = transfer->timeout_usec + WATCHDOG_GRACE_USEC;
	struct timeval delay = { .tv_sec = (time_t)(usec / 1000000), .tv_usec = (suseconds_t)(usec % 1000000) };

	transfer->watchdog = evtimer_new(transfer->http->base, on_watchdog, transfer);
	return transfer->watchdog && evtimer_add(transfer->watchdog, &delay) == 0 ? 0 : -ENOMEM;
}

int http_start(struct http *http, const struct http_request *request, http_cb done, void *arg,
    struct http_transfer **ret, struct error *error)
{
	struct http_transfer *transfer;
	int r;

	r = http_transfer_new(request, &http->config, &transfer, error);
	if (r < 0)
		return r;
	transfer->http = http;
	transfer->done = done;
	transfer->arg = arg;
	transfer->started_usec = now_usec();
	r = transfer_guard(transfer);
	if (r == 0)
		r = transfer_add(transfer);
	if (r < 0) {
		http_transfer_free(transfer);
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a request");
	}
	TAILQ_INSERT_TAIL(&http->active, transfer, link);
	transfer->state = TRANSFER_ACTIVE;
	*ret = transfer;
	return 0;
}

int http_start_stream(struct http *http, const struct http_request *request, http_data_cb on_data, http_cb done,
    void *arg, struct http_transfer **ret, struct error *error)
{
	int r = http_start(http, request, done, arg, ret, error);

	if (r == 0)
		(*ret)->on_data = on_data;
	return r;
}

struct http_transfer *http_abort(struct http_transfer *transfer)
{
	/* in its own callback it has ended already */
	if (!transfer || transfer->state == TRANSFER_DELIVERING)
		return NULL;
	if (transfer->state == TRANSFER_ACTIVE) {
		http_loop_remove(transfer->http->loop, transfer->easy);
		TAILQ_REMOVE(&transfer->http->active, transfer, link);
	} else {
		TAILQ_REMOVE(&transfer->http->ended, transfer, link);
	}
	return http_transfer_free(transfer);
}
