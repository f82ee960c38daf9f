/* conn.h - the connection object: its life, its pump, and the queue of callbacks that are due. */
#ifndef CLIENT_CONN_H
#define CLIENT_CONN_H

#include "client/futured.h"
#include "client/request.h"
#include "client/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

/* Bounded work: what one futured_process() does at most. */
#define CONN_CALLBACKS_PER_TURN 64
#define CONN_MESSAGES_PER_TURN 64
/* No more is read while so many callbacks are due: the daemon's queue, not ours, then holds what comes. */
#define CONN_DUE_MAX 1024

#define CONN_BACKOFF_MIN_USEC 50000u
#define CONN_BACKOFF_MAX_USEC 2000000u
#define CONN_RESULT_MAX ((size_t)256 * 1024 * 1024)
#define CONN_CLIENT_MAX 256               /* bytes of options.client */
#define CONN_EPOCH_MAX 64                 /* bytes of the daemon's epoch that are compared */

enum conn_state {
	CONN_DOWN,       /* no socket; try again at retry_usec */
	CONN_HELLO,      /* connected, server.hello is not answered yet: nothing else is sent */
	CONN_OPEN,
	CONN_CLOSED      /* for good; error says why */
};

/* Something that waits for its turn to call back. Embedded in its object; queued at most once. */
struct due {
	TAILQ_ENTRY(due) entry;
	bool queued;
	/* Calls the user. May release anything, due's own object included. */
	void (*run)(struct due *due);
};
TAILQ_HEAD(due_list, due);
TAILQ_HEAD(future_list, futured_future);
TAILQ_HEAD(group_list, futured_group);
TAILQ_HEAD(reply_list, futured_reply);
TAILQ_HEAD(subscription_list, futured_subscription);
TAILQ_HEAD(feed_list, feed);
TAILQ_HEAD(progress_list, progress);

struct futured {
	unsigned refs;
	pid_t pid;                       /* of the process that opened it */
	enum conn_state state;
	int fd;                          /* -1 while there is none */
	int error;                       /* CONN_CLOSED: negative errno */
	bool busy;                       /* the last turn had something to do, so there may be more */
	bool processing;                 /* inside futured_process() or futured_close() */
	futured_loop_cb loop_cb;
	void *loop_userdata;
	bool loop_told;                  /* of something to do, since the last turn */
	unsigned flags;                  /* FUTURED_NO_RECONNECT */
	size_t result_max;
	char *client;
	char *path;                      /* of the socket; fixed by the first connection */
	bool explicit_path;              /* named by the user: whoever listens there is trusted */
	unsigned failures;               /* connections failed in a row */
	uint64_t retry_usec;             /* CONN_DOWN: when to try again */
	struct stream in;
	struct request_table requests;
	struct due_list due;
	size_t n_due;
	unsigned n_live;                 /* handles that are not done */
	uint64_t n_done;                 /* handles that were done so far */
	unsigned n_parked;               /* waits that nobody waits for any more */
	struct future_list futures;      /* every handle */
	struct future_list finished;     /* done, without callback, not given out yet */
	struct future_list unwatched;    /* live, with an id, and nothing asked of the daemon yet */
	struct group_list groups;
	struct feed_list feeds;
	unsigned n_feeds;
	struct progress_list unfollowed; /* handles that want to be followed and are not yet */
	struct request *seq_request;     /* for last_seq, unanswered */
	uint64_t last_seq;               /* of an event there has been, when known */
	bool seq_known;
	char *file_error;                /* see futured_group_file_error() */
	struct reply_list replies;
	struct subscription_list subscriptions;
	unsigned n_subscriptions;        /* with those of the feeds */
	unsigned wait_ids_max;           /* ids in one future.wait or future.subscribe */
	unsigned long_max;               /* requests that may wait long at one time */
	unsigned n_long;                 /* those there are */
	char epoch[CONN_EPOCH_MAX + 1];  /* of the database behind the last connection */
};

/* 0 when c may be used: open for good or for now, and by the process that opened it. -ECHILD, -ENOTCONN. */
int conn_check(const struct futured *c);

/* The connection is gone, or about to be, because of error (a negative errno): closes the socket, keeps what can
 * be asked again, completes the rest. Comes back by timer, or with FUTURED_NO_RECONNECT closes for good. */
void conn_lost(struct futured *c, int error);

/* Close for good: everything under way completes with error. Callbacks become due, none is run here. */
void conn_end(struct futured *c, int error);

/* Queue and unqueue a callback. Queueing twice, or taking out what is not in, does nothing. */
void conn_due_add(struct futured *c, struct due *due);
void conn_due_remove(struct futured *c, struct due *due);

/* There is something to do that was not there before: tell the event loop, unless a turn is under way. */
void conn_wake(struct futured *c);

/* CLOCK_MONOTONIC in microseconds. */
uint64_t conn_now(void);

/* Run the pump until check(arg) is not 0, at most timeout_usec. 1 (check said 1), 0 timed out, check's negative
 * error, or one of futured_process() and futured_wait_io(). */
int conn_drive(struct futured *c, int (*check)(void *arg), void *arg, uint64_t timeout_usec);

#endif
