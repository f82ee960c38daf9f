/* clock_watch.h - tells when the wall clock is set, by somebody or by time synchronization. */
#ifndef DAEMON_CLOCK_WATCH_H
#define DAEMON_CLOCK_WATCH_H

struct clock_watch;
struct event_base;

/*
 * Call was_set(arg) from the loop of base whenever the wall clock has jumped, as opposed to being slowed down or sped up.
 * 0 or a negative errno.
 */
int clock_watch_new(struct event_base *base, void (*was_set)(void *arg), void *arg, struct clock_watch **ret);
/* Before its base goes. NULL is allowed; returns NULL. */
struct clock_watch *clock_watch_free(struct clock_watch *watch);

#endif
