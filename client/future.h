/* future.h - handles: what each is waiting for, and how it completes. */
#ifndef CLIENT_FUTURE_H
#define CLIENT_FUTURE_H

#include "client/conn.h"
#include "proto/id.h"

#include <sys/queue.h>

#define FUTURE_LIVE_MAX 65536        /* handles not done, on one connection */
#define FUTURE_CLAIM_LEN 32          /* characters of a claim */
#define FUTURE_FLAGS (FUTURED_NO_RESULT | FUTURED_LOOK_ONCE)

struct callback;
struct completion_entry;
struct progress;

TAILQ_HEAD(completion_list, completion_entry);

enum future_place { FUTURE_NOWHERE, FUTURE_UNWATCHED, FUTURE_FINISHED };

struct futured_future {
	unsigned refs;
	struct futured *conn;          /* NULL when that is gone */
	TAILQ_ENTRY(futured_future) entry;   /* in conn->futures */
	TAILQ_ENTRY(futured_future) turn;    /* in conn->unwatched or conn->finished */
	enum future_place place;
	struct due due;                /* while callbacks are to be run */
	struct callback *callbacks;    /* oldest first */
	bool kept;                     /* the library holds a reference: the caller took none */
	bool has_id;
	bool over;                     /* how it ended is known; it is done when all that came before has been called back */
	bool done;
	uint64_t done_number;          /* when done: its place in the order of its connection */
	struct completion_list observers;   /* the sets that are told when it is done */
	bool fetch;                    /* known or thought to be over: ask without waiting */
	int is_new;                    /* see futured_future_is_new() */
	unsigned flags;
	enum futured_state state;
	int outcome;                   /* when done: 0 or a negative errno */
	struct id id;
	char id_text[ID_TEXT_LEN + 1];
	struct request *request;       /* unanswered */
	struct progress *progress;     /* when it is followed by events */
	char claim[FUTURE_CLAIM_LEN + 1];   /* of a promise, for the calls of its producer; empty: none */
	futured_reply *claiming;       /* a claim that is not answered yet */
	struct futured_error *error;
	char *content_type;
	char *result;
	size_t result_len;             /* bytes there are so far */
	size_t result_room;
	uint64_t result_size;          /* bytes of the whole */
};

/* A handle without id. *ret is what the user holds; with user false the library keeps it until it is done.
 * 0; -EINVAL for unknown flags, -ENOMEM, -ENOBUFS, and as conn_check(). */
int future_new(struct futured *c, unsigned flags, futured_cb cb, void *userdata, bool user, futured_future **ret);

/* Release it whatever its references: for a function that fails after future_new(). */
void future_discard(futured_future *f);

/* Send a request whose answer is that of future.create. Takes over request and pack. */
int future_send_creation(futured_future *f, struct request *request, struct pack *pack, unsigned request_flags);

/* f is over, or nothing more will be heard of it: it is done in its turn among the callbacks, and they run. error (taken over)
 * may be NULL. */
void future_finish(futured_future *f, int outcome, struct futured_error *error);

/* Have the daemon asked about f, next time future_flush() runs; fetch: without waiting. */
void future_want(futured_future *f, bool fetch);

/* Take f out of the queue it is in, if any. */
void future_unqueue(futured_future *f);

/* Ask for the handles that want it, as far as the daemon's limits allow. 1 when there was something to do, else 0. */
int future_flush(struct futured *c);

/* The daemon allows less than the one before it: those handles that are too many no longer wait by a request of their own,
 * which must not have been sent. */
void future_yield(struct futured *c);

/* Whether future_flush() would find something to do. */
bool future_can_flush(const struct futured *c);

/* The connection is closed for good: complete every handle with error. */
void future_end_all(struct futured *c, int error);

/* The connection object goes away. */
void future_detach_all(struct futured *c);

/* The enum futured_state behind a name of the protocol, -EBADMSG for one that is none. */
int future_state_from_text(struct slice text);

#endif
