/* hold.h - what a future waits for before anything is asked for it: a time, and others. */
#ifndef BROKER_HOLD_H
#define BROKER_HOLD_H

#include "daemon/broker/access.h"
#include "daemon/broker/future.h"

/*
 * A held future (rec.held) is pending, or runs on to an operation that waits. Until its start time has come and those
 * that it comes after have succeeded, its timer is that of the hold, and no request is made for it. A timer and a group
 * are held all their life: what they wait for is their end. One of those that a future comes after fails it, unless it
 * is a group, by failing, by being cancelled, or by being forgotten.
 */

/* Fill in what a creation says of it; the plan is there. ERROR_NOT_FOUND: one that the caller may not see, by its
 * place; ERROR_INVALID_ARGUMENT; ERROR_OUT_OF_MEMORY. */
int hold_fill(struct future *future, const struct caller *caller, const struct plan_source *source,
    struct error *error);
/* The same in the draft of a future that goes on to another operation, as its owner would say it. */
int hold_fill_next(struct future *future, struct future_rec *draft, const struct plan *plan,
    const struct plan_source *source, struct error *error);
/* The same for a future that takes up what old left: it waits again for what old waited for. -ENOMEM. */
int hold_fill_again(struct future *future, const struct future_rec *old);

/* It is listed: find those that it waits for. No-op when it is not held. 0 or -ENOMEM. */
int hold_begin(struct future *future);
/* Whether it may go on is looked at in the next turn: when it is durable, and whenever that may have changed. */
void hold_look(struct future *future);
/* The timer of a held future went off. */
void hold_due(struct future *future);

/* All that it waited for has come: it goes on as if it were created now. */
void hold_release(struct future *future);
/* That is durable from here on, with the first values that are captured (NULL: none); then its first request is due. */
void hold_let_go(struct future *future, const char *captured);
/* It waits no more. Also when it never did. */
void hold_leave(struct future *future);

#endif
