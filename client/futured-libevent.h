/* futured-libevent.h - a connection of libfutured in an event loop of libevent 2.
 *
 *   struct event_base *base = event_base_new();
 *   futured_libevent *attached;
 *   futured *c;
 *
 *   futured_open(NULL, NULL, &c);
 *   futured_libevent_new(base, c, &attached);
 *   ... futured_create(), futured_attach() and so on, at any time, with callbacks ...
 *   event_base_dispatch(base);
 *   futured_libevent_free(attached);
 *   futured_unref(c);
 *
 * Nothing else is to be done: callbacks run from the loop. Compile with libfutured's flags and those of libevent_core.
 */
#ifndef FUTURED_LIBEVENT_H
#define FUTURED_LIBEVENT_H

#include <futured.h>

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/time.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct futured_libevent {
	futured *connection;
	struct event_base *base;
	struct event *io;       /* assigned to the socket there is */
	struct event *timer;
	int fd;                 /* that io watches, or -1 */
	short watched;          /* what for */
	int running;            /* inside futured_process() */
	int dropped;            /* and was freed there */
} futured_libevent;

static inline void futured_libevent_turn(evutil_socket_t fd, short what, void *userdata);

/* Stop watching the socket. */
static inline void futured_libevent_unwatch(futured_libevent *attached)
{
	if (attached->fd >= 0)
		event_del(attached->io);
	attached->fd = -1;
}

/* Watch the socket there is for what it is to be watched for. 0, -1 when libevent cannot. */
static inline int futured_libevent_watch(futured_libevent *attached)
{
	int fd = futured_get_fd(attached->connection), events = futured_get_events(attached->connection);
	short wanted = EV_PERSIST;

	if (fd < 0) {
		futured_libevent_unwatch(attached);
		return 0;
	}
	if (events & POLLIN)
		wanted |= EV_READ;
	if (events & POLLOUT)
		wanted |= EV_WRITE;
	if (fd == attached->fd && wanted == attached->watched)
		return 0;
	futured_libevent_unwatch(attached);
	if (event_assign(attached->io, attached->base, fd, wanted, futured_libevent_turn, attached) < 0 ||
	    event_add(attached->io, NULL) < 0)
		return -1;
	attached->fd = fd;
	attached->watched = wanted;
	return 0;
}

/* Have the next turn so many microseconds from now. */
static inline void futured_libevent_schedule(futured_libevent *attached, uint64_t usec)
{
	struct timeval span;

	span.tv_sec = (time_t)(usec / 1000000);
	span.tv_usec = (suseconds_t)(usec % 1000000);
	event_add(attached->timer, &span);
}

/* Watch for what the connection waits for now. */
static inline void futured_libevent_update(futured_libevent *attached)
{
	uint64_t deadline = FUTURED_TIME_NONE, now = futured_now();
	int r = futured_get_timeout(attached->connection, &deadline);

	/* What cannot be watched is looked at from time to time. */
	if (futured_libevent_watch(attached) < 0 && deadline > now + 100000)
		deadline = now + 100000;
	/* Without a daemon, and nothing to ask it: the loop still has something to wait for. */
	if (attached->fd < 0 && deadline == FUTURED_TIME_NONE)
		deadline = now + 3600000000u;
	if (r < 0 || deadline == FUTURED_TIME_NONE)
		event_del(attached->timer);
	else
		futured_libevent_schedule(attached, deadline > now ? deadline - now : 0);
}

static inline void futured_libevent_release(futured_libevent *attached)
{
	if (attached->io)
		event_free(attached->io);
	if (attached->timer)
		event_free(attached->timer);
	futured_unref(attached->connection);
	free(attached);
}

/* Something happened on the socket, or it is time. */
static inline void futured_libevent_turn(evutil_socket_t fd, short what, void *userdata)
{
	futured_libevent *attached = (futured_libevent *)userdata;

	(void)fd;
	(void)what;
	attached->running = 1;
	/* Why it ended, if it did, the callbacks have been told. */
	(void)futured_process(attached->connection);
	attached->running = 0;
	if (attached->dropped)
		futured_libevent_release(attached);
	else
		futured_libevent_update(attached);
}

static inline void futured_libevent_wake(futured *c, int closing_fd, void *userdata)
{
	futured_libevent *attached = (futured_libevent *)userdata;

	(void)c;
	if (closing_fd >= 0)
		futured_libevent_unwatch(attached);
	futured_libevent_schedule(attached, 0);
}

/* Attach c, of which it holds a reference, to base. One connection can be attached once. The loop has something to wait for
 * until the connection is closed or it is freed. ret is owned by the caller. 0, -ENOMEM. */
static inline int futured_libevent_new(struct event_base *base, futured *c, futured_libevent **ret)
{
	futured_libevent *attached = (futured_libevent *)calloc(1, sizeof(*attached));

	if (!attached)
		return -ENOMEM;
	attached->connection = futured_ref(c);
	attached->base = base;
	attached->fd = -1;
	attached->io = event_new(base, -1, 0, futured_libevent_turn, attached);
	attached->timer = event_new(base, -1, 0, futured_libevent_turn, attached);
	if (!attached->io || !attached->timer) {
		futured_libevent_release(attached);
		return -ENOMEM;
	}
	futured_set_loop_cb(c, futured_libevent_wake, attached);
	futured_libevent_update(attached);
	*ret = attached;
	return 0;
}

/* Detach it: before the base is freed, also from inside a callback. NULL is allowed. */
static inline void futured_libevent_free(futured_libevent *attached)
{
	if (!attached)
		return;
	futured_set_loop_cb(attached->connection, NULL, NULL);
	futured_libevent_unwatch(attached);
	event_del(attached->timer);
	attached->dropped = 1;
	if (!attached->running)
		futured_libevent_release(attached);
}

#ifdef __cplusplus
}
#endif
#endif
