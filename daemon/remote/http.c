/* http.c - transfers from their start to the one call of their callback, and the news of streams. */
#include "daemon/remote/http.h"
#include "daemon/log.h"
#include "daemon/remote/http_gate.h"
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

/*
 * Connections that may be shared with each other. libcurl keeps in mind of a host whether it speaks HTTP/2, and an
 * HTTP/1.1 answer makes it forget, so the two are kept apart. And it sends a request again when its connection was
 * used by others: so those HTTP/2 requests that must not arrive twice are kept where nobody joins them.
 */
enum pool_kind { POOL_HTTP1, POOL_HTTP2, POOL_ALONE, POOLS };

struct pool {
	struct http *http;
	struct http_loop *loop;
};

struct http {
	struct event_base *base;
	struct pool pools[POOLS];
	struct http_gate gate;         /* of POOL_HTTP2 */
	bool gate_opened;              /* those that were turned away may try again */
	struct http_config config;     /* the texts are ours */
	struct event *deliver;
	struct transfers active;
	struct transfers ended;        /* their callbacks run in on_deliver, and nowhere else */
	struct transfers news;         /* streams with something for their readers; they may have ended too */
};

static uint64_t now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void open_gate(struct http *http)
{
	http->gate_opened = true;
	event_active(http->deliver, EV_TIMEOUT, 1);
}

/* From within libcurl, too: only arms the event. */
static void leave_gate(struct http_transfer *transfer)
{
	if (http_gate_leave(transfer))
		open_gate(transfer->http);
}

/* From within libcurl. */
static bool may_open(struct http_transfer *transfer)
{
	struct http *http = transfer->http;

	return transfer->pool != &http->pools[POOL_HTTP2] || http_gate_enter(&http->gate, transfer);
}

/* Hand an active transfer over to on_deliver. It is out of the multi handle. */
static void transfer_end(struct http_transfer *transfer)
{
	struct http *http = transfer->http;

	leave_gate(transfer);
	event_del(transfer->watchdog);
	TAILQ_REMOVE(&http->active, transfer, link);
	TAILQ_INSERT_TAIL(&http->ended, transfer, link);
	transfer->state = TRANSFER_ENDED;
	event_active(http->deliver, EV_TIMEOUT, 1);
}

static void transfer_refuse(struct http_transfer *transfer, enum transfer_refusal why)
{
	http_loop_remove(transfer->pool->loop, transfer->easy);
	transfer->refusal = why;
	transfer_end(transfer);
}

static void on_finished(void *arg, CURL *easy, CURLcode result)
{
	struct http_transfer *transfer = NULL;
	struct pool *pool = arg;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
	if (transfer->turned_away && result == CURLE_COULDNT_CONNECT) {
		transfer->parked = true;
		if (!http_gate_busy(&pool->http->gate, transfer))
			open_gate(pool->http);
		return;
	}
	transfer->result = result;
	if (http_transfer_rewind(transfer, now_usec()) && http_loop_add(pool->loop, easy) == 0)
		return;
	transfer_end(transfer);
}

/* Every transfer in flight ends with an error that policy retries; those that come after find a new handle. */
static void on_broken(void *arg, const char *why)
{
	struct http_transfer *transfer, *next;
	struct pool *pool = arg;

	log_warning("http: transport restarted: %s", why);
	for (transfer = TAILQ_FIRST(&pool->http->active); transfer; transfer = next) {
		next = TAILQ_NEXT(transfer, link);
		if (transfer->pool == pool)
			transfer_refuse(transfer, REFUSED_RESET);
	}
	http_loop_reset(pool->loop);
}

/* Arm the watchdog: once for an exchange, again and again for a stream that may be silent for so long at most. */
static int transfer_guard(struct http_transfer *transfer)
{
	uint64_t usec = transfer->on_data ? transfer->idle_usec : transfer->timeout_usec + WATCHDOG_GRACE_USEC;
	struct timeval delay = { .tv_sec = (time_t)(usec / 1000000), .tv_usec = (suseconds_t)(usec % 1000000) };

	transfer->heard = false;
	return usec == 0 || evtimer_add(transfer->watchdog, &delay) == 0 ? 0 : -ENOMEM;
}

static void on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	struct http_transfer *transfer = arg;

	if (transfer->on_data) {
		if (!transfer->heard || transfer_guard(transfer) < 0)
			transfer_refuse(transfer, REFUSED_IDLE);
		return;
	}
	if (!transfer->parked)
		log_warning("http: %s: libcurl did not end a transfer in time", transfer->peer);
	transfer_refuse(transfer, REFUSED_WATCHDOG);
	/* if its timer got lost, others wait for it too */
	http_loop_nudge(transfer->pool->loop);
}

/* From within libcurl: a stream has something for its reader. Only arms the event. */
static void on_news(struct http_transfer *transfer)
{
	struct http *http = transfer->http;

	if (transfer->has_news)
		return;
	transfer->has_news = true;
	TAILQ_INSERT_TAIL(&http->news, transfer, news);
	event_active(http->deliver, EV_TIMEOUT, 1);
}

static void forget_news(struct http_transfer *transfer)
{
	if (transfer->has_news)
		TAILQ_REMOVE(&transfer->http->news, transfer, news);
	transfer->has_news = false;
}

/* Hand over what a stream has received. Its reader may abort it. Returns what the reader does, 0 at its abort. */
static int read_news(struct http_transfer *transfer)
{
	struct http_header headers[HTTP_HEADERS_MAX];
	struct http_response head;
	int r = 0;

	http_transfer_head(transfer, headers, &head);
	transfer->reading = true;
	if (!transfer->head_given) {
		transfer->head_given = true;
		r = transfer->on_data(transfer->arg, &head, NULL, 0);
	}
	if (r >= 0 && transfer->state != TRANSFER_ABORTED && transfer->body_len > 0)
		r = transfer->on_data(transfer->arg, &head, transfer->body, transfer->body_len);
	transfer->reading = false;
	transfer->body_len = 0;
	return transfer->state == TRANSFER_ABORTED ? 0 : r;
}

/* Give those back to libcurl that were turned away and now find nobody before them. The first of them that finds no
 * room on the new connection closes the gate behind it. */
static void let_in(struct http *http)
{
	struct http_transfer *transfer, *next;

	if (!http->gate_opened)
		return;
	http->gate_opened = false;
	for (transfer = TAILQ_FIRST(&http->active); transfer; transfer = next) {
		next = TAILQ_NEXT(transfer, link);
		if (!transfer->parked || http_gate_busy(&http->gate, transfer))
			continue;
		transfer->parked = transfer->turned_away = false;
		http_transfer_resume(transfer, now_usec());
		if (http_loop_add(transfer->pool->loop, transfer->easy) < 0) {
			transfer->refusal = REFUSED_MEMORY;
			transfer_end(transfer);
		}
	}
}

static void deliver_news(struct http *http)
{
	struct http_transfer *transfer;
	int r;

	while ((transfer = TAILQ_FIRST(&http->news))) {
		forget_news(transfer);
		r = read_news(transfer);
		if (transfer->state == TRANSFER_ABORTED)
			http_transfer_free(transfer);
		else if (r < 0 && transfer->state == TRANSFER_ACTIVE)
			transfer_refuse(transfer, REFUSED_BY_READER);
		else if (r < 0)
			transfer->refusal = REFUSED_BY_READER;
	}
}

/* Call back for what had ended when this turn began. Callbacks may start and abort anything. */
static void on_deliver(evutil_socket_t fd, short what, void *arg)
{
	struct http_header headers[HTTP_HEADERS_MAX];
	struct http_response response;
	struct http_transfer *transfer;
	struct http *http = arg;
	size_t turn = 0;

	let_in(http);
	deliver_news(http);
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

static void config_done(struct http_config *config)
{
	free((char *)config->user_agent);
	free((char *)config->ca_file);
}

static int config_copy(const struct http_config *config, struct http_config *ret)
{
	struct http_config copy = *config;

	copy.user_agent = config->user_agent ? strdup(config->user_agent) : NULL;
	copy.ca_file = config->ca_file ? strdup(config->ca_file) : NULL;
	if ((config->user_agent && !copy.user_agent) || (config->ca_file && !copy.ca_file)) {
		config_done(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

static const struct http_loop_hooks hooks = { on_finished, on_broken };

struct http *http_new(struct event_base *base, const struct http_config *config)
{
	struct http *http;
	size_t i;

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
	TAILQ_INIT(&http->news);
	http_gate_init(&http->gate);
	for (i = 0; i < POOLS; i++) {
		http->pools[i].http = http;
		http->pools[i].loop = http_loop_new(base, &hooks, &http->pools[i]);
		if (!http->pools[i].loop)
			return http_free(http);
	}
	http->deliver = event_new(base, -1, 0, on_deliver, http);
	if (!http->deliver || config_copy(config, &http->config) < 0)
		return http_free(http);
	return http;
}

struct http *http_free(struct http *http)
{
	struct http_transfer *transfer;
	size_t i;

	if (!http)
		return NULL;
	while ((transfer = TAILQ_FIRST(&http->active)) || (transfer = TAILQ_FIRST(&http->ended)))
		http_abort(transfer);
	for (i = 0; i < POOLS; i++)
		http_loop_free(http->pools[i].loop);
	if (http->deliver)
		event_free(http->deliver);
	config_done(&http->config);
	free(http);
	curl_global_cleanup();
	return NULL;
}

void http_configure(struct http *http, const struct http_config *config)
{
	struct http_config copy;

	if (config_copy(config, &copy) < 0) {
		log_warning("http: no memory for a new configuration, the old one stays in force");
		return;
	}
	config_done(&http->config);
	http->config = copy;
}

/* Give a transfer to libcurl, on a new multi handle if the old one is past use. */
static int transfer_add(struct http_transfer *transfer)
{
	struct pool *pool = transfer->pool;
	int r;

	r = http_loop_add(pool->loop, transfer->easy);
	if (r == -EIO) {
		on_broken(pool, "it takes no more transfers");
		r = http_loop_add(pool->loop, transfer->easy);
	}
	return r;
}

static struct pool *pool_of(struct http *http, const struct http_transfer *transfer)
{
	if (!transfer->multiplexes)
		return &http->pools[POOL_HTTP1];
	return &http->pools[transfer->safe_to_resend ? POOL_HTTP2 : POOL_ALONE];
}

int http_start_stream(struct http *http, const struct http_request *request, http_data_cb on_data, http_cb done,
    void *arg, struct http_transfer **ret, struct error *error)
{
	struct http_transfer *transfer;
	int r;

	r = http_transfer_new(request, &http->config, &transfer, error);
	if (r < 0)
		return r;
	transfer->http = http;
	transfer->pool = pool_of(http, transfer);
	transfer->on_data = on_data;
	transfer->on_news = on_news;
	transfer->on_attempt = leave_gate;
	transfer->may_open = may_open;
	transfer->done = done;
	transfer->arg = arg;
	transfer->started_usec = now_usec();
	http_request_set_timeout(transfer->easy, on_data ? 0 : transfer->timeout_usec);
	transfer->watchdog = evtimer_new(http->base, on_watchdog, transfer);
	r = transfer->watchdog ? transfer_guard(transfer) : -ENOMEM;
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

int http_start(struct http *http, const struct http_request *request, http_cb done, void *arg,
    struct http_transfer **ret, struct error *error)
{
	return http_start_stream(http, request, NULL, done, arg, ret, error);
}

struct http_transfer *http_abort(struct http_transfer *transfer)
{
	/* in its own callback it has ended already */
	if (!transfer || transfer->state == TRANSFER_DELIVERING || transfer->state == TRANSFER_ABORTED)
		return NULL;
	forget_news(transfer);
	leave_gate(transfer);
	if (transfer->state == TRANSFER_ACTIVE) {
		http_loop_remove(transfer->pool->loop, transfer->easy);
		TAILQ_REMOVE(&transfer->http->active, transfer, link);
	} else {
		TAILQ_REMOVE(&transfer->http->ended, transfer, link);
	}
	if (!transfer->reading)
		return http_transfer_free(transfer);
	/* deliver_news() still has it in its hands */
	transfer->state = TRANSFER_ABORTED;
	event_del(transfer->watchdog);
	return NULL;
}
