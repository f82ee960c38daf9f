/* futured-libuv.h - a connection of libfutured in an event loop of libuv.
 *
 *   uv_loop_t *loop = uv_default_loop();
 *   futured_libuv *attached;
 *   futured *c;
 *
 *   futured_open(NULL, NULL, &c);
 *   futured_libuv_new(loop, c, &attached);
 *   ... futured_create(), futured_attach() and so on, at any time, with callbacks ...
 *   uv_run(loop, UV_RUN_DEFAULT);       ends when a callback calls futured_libuv_free(attached)
 *   futured_unref(c);
 *
 * Nothing else is to be done: callbacks run from the loop. Compile with libfutured's flags and those of libuv.
 */
#ifndef FUTURED_LIBUV_H
#define FUTURED_LIBUV_H

#include <futured.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct futured_libuv {
	futured *connection;
	uv_loop_t *loop;
	uv_poll_t *poll;        /* of the socket there is; NULL while there is none */
	uv_timer_t timer;
	int fd;                 /* that poll watches */
	int watched;            /* what for */
	int running;            /* inside futured_process() */
	int dropped;            /* and was freed there */
} futured_libuv;

static inline void futured_libuv_turn(futured_libuv *attached);

static inline void futured_libuv_on_poll(uv_poll_t *poll, int status, int events)
{
	/* Whatever it is, the connection will see it for itself. */
	(void)status;
	(void)events;
	futured_libuv_turn((futured_libuv *)poll->data);
}

static inline void futured_libuv_on_timer(uv_timer_t *timer)
{
	futured_libuv_turn((futured_libuv *)timer->data);
}

static inline void futured_libuv_on_poll_closed(uv_handle_t *handle)
{
	free(handle);
}

static inline void futured_libuv_on_timer_closed(uv_handle_t *handle)
{
	futured_libuv *attached = (futured_libuv *)handle->data;

	futured_unref(attached->connection);
	free(attached);
}

/* Stop watching the socket. The handle is libuv's until it has been closed, in the next round. */
static inline void futured_libuv_unwatch(futured_libuv *attached)
{
	if (!attached->poll)
		return;
	uv_poll_stop(attached->poll);
	uv_close((uv_handle_t *)attached->poll, futured_libuv_on_poll_closed);
	attached->poll = NULL;
	attached->watched = 0;
}

/* Watch the socket there is for what it is to be watched for. 0, -1 when libuv cannot. */
static inline int futured_libuv_watch(futured_libuv *attached)
{
	int fd = futured_get_fd(attached->connection), events = futured_get_events(attached->connection), wanted = 0;

	if (attached->poll && fd != attached->fd)
		futured_libuv_unwatch(attached);
	if (fd < 0)
		return 0;
	if (events & POLLIN)
		wanted |= UV_READABLE;
	if (events & POLLOUT)
		wanted |= UV_WRITABLE;
	if (!attached->poll) {
		uv_poll_t *poll = (uv_poll_t *)calloc(1, sizeof(*poll));

		if (!poll || uv_poll_init(attached->loop, poll, fd) < 0) {
			free(poll);
			return -1;
		}
		poll->data = attached;
		attached->poll = poll;
		attached->fd = fd;
	}
	if (wanted != attached->watched && uv_poll_start(attached->poll, wanted, futured_libuv_on_poll) < 0)
		return -1;
	attached->watched = wanted;
	return 0;
}

/* Have the next turn so many microseconds from now. */
static inline void futured_libuv_schedule(futured_libuv *attached, uint64_t usec)
{
	uv_timer_start(&attached->timer, futured_libuv_on_timer, usec / 1000 + (usec % 1000 > 0), 0);
}

/* Watch for what the connection waits for now. */
static inline void futured_libuv_update(futured_libuv *attached)
{
	uint64_t deadline = FUTURED_TIME_NONE, now = futured_now();
	int r = futured_get_timeout(attached->connection, &deadline);

	/* What cannot be watched is looked at from time to time. */
	if (futured_libuv_watch(attached) < 0 && deadline > now + 100000)
		deadline = now + 100000;
	/* Without a daemon, and nothing to ask it: the loop still has something to wait for. */
	if (!attached->poll && deadline == FUTURED_TIME_NONE)
		deadline = now + 3600000000u;
	if (r < 0 || deadline == FUTURED_TIME_NONE)
		uv_timer_stop(&attached->timer);
	else
		futured_libuv_schedule(attached, deadline > now ? deadline - now : 0);
}

static inline void futured_libuv_release(futured_libuv *attached)
{
	uv_close((uv_handle_t *)&attached->timer, futured_libuv_on_timer_closed);
}

/* Something happened on the socket, or it is time. */
static inline void futured_libuv_turn(futured_libuv *attached)
{
	attached->running = 1;
	/* Why it ended, if it did, the callbacks have been told. */
	(void)futured_process(attached->connection);
	attached->running = 0;
	if (attached->dropped)
		futured_libuv_release(attached);
	else
		futured_libuv_update(attached);
}

static inline void futured_libuv_wake(futured *c, int closing_fd, void *userdata)
{
	futured_libuv *attached = (futured_libuv *)userdata;

	(void)c;
	if (closing_fd >= 0)
		futured_libuv_unwatch(attached);
	futured_libuv_schedule(attached, 0);
}

/* Attach c, of which it holds a reference, to loop. One connection can be attached once. The loop has something to wait for
 * until the connection is closed or it is freed. ret is owned by the caller. 0, -ENOMEM. */
static inline int futured_libuv_new(uv_loop_t *loop, futured *c, futured_libuv **ret)
{
	futured_libuv *attached = (futured_libuv *)calloc(1, sizeof(*attached));

	if (!attached)
		return -ENOMEM;
	attached->connection = futured_ref(c);
	attached->loop = loop;
	uv_timer_init(loop, &attached->timer);
	attached->timer.data = attached;
	futured_set_loop_cb(c, futured_libuv_wake, attached);
	futured_libuv_update(attached);
	*ret = attached;
	return 0;
}

/* Detach it, also from inside a callback. The memory goes when the loop has run once more, as with each handle of libuv.
 * NULL is allowed. */
static inline void futured_libuv_free(futured_libuv *attached)
{
	if (!attached)
		return;
	futured_set_loop_cb(attached->connection, NULL, NULL);
	futured_libuv_unwatch(attached);
	uv_timer_stop(&attached->timer);
	attached->dropped = 1;
	if (!attached->running)
		futured_libuv_release(attached);
}

#ifdef __cplusplus
}
#endif
#endif
