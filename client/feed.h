/* feed.h - few subscriptions for the many handles that are followed: the daemon allows 64 of a connection. */
#ifndef CLIENT_FEED_H
#define CLIENT_FEED_H

#include "client/progress.h"

/* Have the handle followed, once feed_flush() runs. It must be nowhere. */
void feed_want(struct progress *progress);

/* The handle is no longer followed. */
void feed_leave(struct progress *progress);

/* Subscribe for those that want it. 1 when there was something to do, else 0. */
int feed_flush(struct futured *c);

/* Whether feed_flush() would find something to do. */
bool feed_can_flush(const struct futured *c);

/* The numbers of events are another database's from now on. */
void feed_new_epoch(struct futured *c);

#endif
