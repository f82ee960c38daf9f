/* watch.h - one future.wait for many handles, where each having its own would be over the daemon's limit. */
#ifndef CLIENT_WATCH_H
#define CLIENT_WATCH_H

#include "client/conn.h"

/* Each completion is answered by asking about the rest again: so many ids at most. */
#define WATCH_MEMBERS_MAX 1024

/* Wait for the first completion among the handles at the head of c->unwatched. 0, -ENOMEM, -ENOBUFS. */
int watch_start(struct futured *c);

/* f no longer takes part. */
void watch_leave(futured_future *f);

/* The connection is closed for good. */
void watch_end_all(struct futured *c);

#endif
