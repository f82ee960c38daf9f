/* watch.h - a stream of server-sent events about one operation, open while it lives: it says when to look. */
#ifndef REMOTE_WATCH_H
#define REMOTE_WATCH_H

#include "daemon/broker/remote.h"
#include "daemon/remote/poller_core.h"

/*
 * What struct remote says of watch() and unwatch(). A stream only ever tells when to ask, never what the state is: so
 * what cannot be read wakes, and whatever goes wrong closes it, which costs nothing but the time to the next poll.
 * What one piece of the stream says is told at once: at most one progress, the last, then at most one wake-up.
 */
int watch_open(struct poller *poller, const struct plan *plan, const struct step_input *input, watch_cb event,
    void *arg, struct watch **ret, struct error *error);

/* event will not be called any more. Allowed within it. NULL is allowed; returns NULL. */
struct watch *watch_close(struct watch *watch);

#endif
