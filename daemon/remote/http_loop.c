/* http_loop.c - libcurl's multi interface on a libevent base: sockets and timer in, finished transfers out. */
#include "daemon/remote/http_loop.h"

#include <event2/event.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

/* Idle connections kept; libcurl's own default grows with the number of transfers. */
#define CONNECTIONS_MAX 256

/* What we wait for on one of libcurl's sockets; libcurl keeps the pointer for us. */
struct watch {
	LIST_ENTRY(watch) link;
	struct event *event;
};

struct http_loop {
	struct event_base *base;
	CURLM *multi;                  /* NULL: could not be made after a reset */
	struct event *timer;
	LIST_HEAD(, watch) watches;
	const struct http_loop_hooks *hooks;
	void *arg;
};

/* Give the ended transfers back. Not called from within libcurl, so hooks may add and remove. */
static void loop_collect(struct http_loop *loop)
{
	CURLMsg *msg;
	CURL *easy;
	CURLcode result;
	int left;

	while (loop->multi && (msg = curl_multi_info_read(loop->multi, &left))) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		/* msg does not outlive the handle's removal */
		easy = msg->easy_handle;
		result = msg->data.result;
		curl_multi_remove_handle(loop->multi, easy);
		loop->hooks->on_finished(loop->arg, easy, result);
	}
}

static void loop_act(struct http_loop *loop, curl_socket_t fd, int what)
{
	CURLMcode rc;
	int running;

	if (!loop->multi)
		return;
	rc = curl_multi_socket_action(loop->multi, fd, what, &running);
	loop_collect(loop);
	if (rc != CURLM_OK)
		loop->hooks->on_broken(loop->arg, curl_multi_strerror(rc));
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	loop_act(arg, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	loop_act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void watch_free(struct watch *watch)
{
	if (watch->event)
		event_free(watch->event);
	LIST_REMOVE(watch, link);
	free(watch);
}

/* From libcurl: what to wait for on fd. Only arms events. A failure poisons the multi handle, which the
 * next socket action reports. */
static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
	struct http_loop *loop = arg;
	struct watch *watch = assigned;
	short events = EV_PERSIST;

	if (what == CURL_POLL_REMOVE) {
		if (watch)
			watch_free(watch);
		return 0;
	}
	if (!watch) {
		watch = calloc(1, sizeof(*watch));
		if (!watch)
			return -1;
		LIST_INSERT_HEAD(&loop->watches, watch, link);
		/* the one function of the multi interface that is meant for this place */
		curl_multi_assign(loop->multi, fd, watch);
	}
	if (what & CURL_POLL_IN)
		events |= EV_READ;
	if (what & CURL_POLL_OUT)
		events |= EV_WRITE;
	if (watch->event) {
		event_del(watch->event);
		event_assign(watch->event, loop->base, fd, events, on_socket, loop);
	} else {
		watch->event = event_new(loop->base, fd, events, on_socket, loop);
	}
	return watch->event && event_add(watch->event, NULL) == 0 ? 0 : -1;
}

/* From libcurl: when to call it back. Only arms the timer, also for "at once". */
static int on_curl_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct http_loop *loop = arg;
	struct timeval delay;

	if (timeout_ms < 0) {
		event_del(loop->timer);
		return 0;
	}
	delay.tv_sec = timeout_ms / 1000;
	delay.tv_usec = timeout_ms % 1000 * 1000;
	return event_add(loop->timer, &delay) < 0 ? -1 : 0;
}

static int loop_open(struct http_loop *loop)
{
	CURLM *multi = curl_multi_init();

	if (!multi)
		return -ENOMEM;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, loop);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, loop);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
	loop->multi = multi;
	return 0;
}

static void loop_close(struct http_loop *loop)
{
	struct watch *watch;

	if (loop->multi)
		curl_multi_cleanup(loop->multi);
	loop->multi = NULL;
	event_del(loop->timer);
	/* a poisoned handle may not have taken back everything that it asked for */
	while ((watch = LIST_FIRST(&loop->watches)))
		watch_free(watch);
}

struct http_loop *http_loop_new(struct event_base *base, const struct http_loop_hooks *hooks, void *arg)
{
	struct http_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->base = base;
	loop->hooks = hooks;
	loop->arg = arg;
	LIST_INIT(&loop->watches);
	loop->timer = evtimer_new(base, on_timer, loop);
	if (!loop->timer) {
		free(loop);
		return NULL;
	}
	if (loop_open(loop) < 0)
		return http_loop_free(loop);
	return loop;
}

struct http_loop *http_loop_free(struct http_loop *loop)
{
	if (!loop)
		return NULL;
	loop_close(loop);
	event_free(loop->timer);
	free(loop);
	return NULL;
}

int http_loop_add(struct http_loop *loop, CURL *easy)
{
	CURLMcode rc;

	if (!loop->multi && loop_open(loop) < 0)
		return -ENOMEM;
	rc = curl_multi_add_handle(loop->multi, easy);
	if (rc == CURLM_OK)
		return 0;
	return rc == CURLM_OUT_OF_MEMORY ? -ENOMEM : -EIO;
}

void http_loop_remove(struct http_loop *loop, CURL *easy)
{
	if (loop->multi)
		curl_multi_remove_handle(loop->multi, easy);
}

int http_loop_reset(struct http_loop *loop)
{
	loop_close(loop);
	return loop_open(loop);
}

void http_loop_nudge(struct http_loop *loop)
{
	event_active(loop->timer, EV_TIMEOUT, 1);
}
