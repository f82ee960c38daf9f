/* completion.h - handles in the order in which they are done: what as_completed and the waits are made of. */
#ifndef CLIENT_COMPLETION_H
#define CLIENT_COMPLETION_H

#include "client/future.h"

struct completion;

/* One handle of one set. Embedded in the set's array; holds a reference on the handle until that is taken. */
struct completion_entry {
	TAILQ_ENTRY(completion_entry) of_future;   /* in future->observers, while it is not done */
	TAILQ_ENTRY(completion_entry) turn;        /* in the set's waiting or ready */
	struct completion *set;
	futured_future *future;                    /* NULL once it was taken */
};

struct completion {
	struct completion_list waiting;   /* in the order given */
	struct completion_list ready;     /* done and not taken, first the one that was done first */
	size_t left;                      /* in both */
	struct completion_entry *entries;
};

/* A set of futures, n of them, each once however often it is there. c: whose they must be; NULL: anybody's.
 * 0; -EINVAL for handles of another connection, -ENOMEM. */
int completion_init(struct completion *set, const struct futured *c, futured_future *const *futures, size_t n);
void completion_done(struct completion *set);

/* Take the first that is done and whose callbacks have run; the caller has its reference. NULL for none. */
futured_future *completion_take(struct completion *set);

/* Run the pump until completion_take() has one, or none is left. 1; 0 timed out; else as conn_drive(). */
int completion_drive(struct completion *set, uint64_t timeout_usec);

/* f is done: tell the sets that it is in. Calls nobody back. */
void completion_reached(futured_future *f);

#endif
