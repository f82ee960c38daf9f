/* http_loop.h - libcurl's multi interface on a libevent base; private to http*.c. */
#ifndef REMOTE_HTTP_LOOP_H
#define REMOTE_HTTP_LOOP_H

#include <curl/curl.h>

struct event_base;
struct http_loop;

struct http_loop_hooks {
	/* A transfer has ended; easy is out of the multi handle already, and may be added again at once. */
	void (*on_finished)(void *arg, CURL *easy, CURLcode result);
	/* libcurl's multi handle is unusable: remove every transfer, then call http_loop_reset. */
	void (*on_broken)(void *arg, const char *why);
};

/* Hooks are called from event callbacks only, never from within the functions below, and never from
 * within a callback of libcurl. NULL: no memory. */
struct http_loop *http_loop_new(struct event_base *base, const struct http_loop_hooks *hooks, void *arg);
/* Every transfer must have been removed. Blocks not: resolver threads are left to end by themselves. */
struct http_loop *http_loop_free(struct http_loop *loop);

/* 0; -ENOMEM; -EIO when the multi handle is unusable and must be reset first. */
int http_loop_add(struct http_loop *loop, CURL *easy);
void http_loop_remove(struct http_loop *loop, CURL *easy);

/* Throw the multi handle away, with its connections, and make a new one. 0 or -ENOMEM; after that
 * http_loop_add tries again to make one. */
int http_loop_reset(struct http_loop *loop);

/* Have libcurl look at its timeouts soon, as if its timer had fired. */
void http_loop_nudge(struct http_loop *loop);

#endif
