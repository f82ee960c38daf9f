/* clock_watch.c - tells when the wall clock is set, by somebody or by time synchronization. */
#include "daemon/clock_watch.h"

#include <errno.h>
#include <event2/event.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* The last time there is: the timer never goes off for its own sake. */
#define NEVER ((time_t)(sizeof(time_t) > sizeof(int32_t) ? INT64_MAX : INT32_MAX))

struct clock_watch {
	int fd;                         /* a timer that the kernel cancels when the clock is set */
	struct event *event;
	void (*was_set)(void *arg);
	void *arg;
};

static void on_cancelled(evutil_socket_t fd, short events, void *arg)
{
	struct clock_watch *watch = arg;
	uint64_t expirations;

	/* It fails with ECANCELED, which says it all; what comes after this is told the next time. */
	if (read(fd, &expirations, sizeof(expirations)) < 0 && errno == EAGAIN)
		return;
	watch->was_set(watch->arg);
}

static int start(struct clock_watch *watch, struct event_base *base)
{
	const struct itimerspec never = { .it_value.tv_sec = NEVER };

	watch->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	/* ECANCELED: the clock was set in between, and the timer is set nevertheless. */
	if (watch->fd < 0 ||
	    (timerfd_settime(watch->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 && errno != ECANCELED))
		return -errno;
	watch->event = event_new(base, watch->fd, EV_READ | EV_PERSIST, on_cancelled, watch);
	return watch->event && event_add(watch->event, NULL) == 0 ? 0 : -ENOMEM;
}

int clock_watch_new(struct event_base *base, void (*was_set)(void *arg), void *arg, struct clock_watch **ret)
{
	struct clock_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return -ENOMEM;
	watch->was_set = was_set;
	watch->arg = arg;
	r = start(watch, base);
	if (r < 0)
		clock_watch_free(watch);
	else
		*ret = watch;
	return r;
}

struct clock_watch *clock_watch_free(struct clock_watch *watch)
{
	if (!watch)
		return NULL;
	if (watch->event)
		event_free(watch->event);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch);
	return NULL;
}
