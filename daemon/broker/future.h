/* future.h - one future in memory: its record, and what hangs on it. */
#ifndef BROKER_FUTURE_H
#define BROKER_FUTURE_H

#include "daemon/broker/bucket.h"
#include "daemon/broker/remote.h"
#include "daemon/broker/sched.h"
#include "db/store.h"
#include "proto/id.h"

#include <uthash.h>

struct assembly;
struct batch;
struct broker;
struct dependency;
struct keepalive;
struct producer;
struct taking;
struct wait_item;

/*
 * rec runs ahead of the disk: a move is made here first, and told to nobody until the store has
 * committed it. durable_state and durable_seq are what the outside may see.
 */
struct future {
	struct broker *broker;
	struct id id;
	struct future_rec rec;
	enum store_state durable_state;
	uint64_t durable_seq;           /* of the last event that brought it there */
	bool durable;                   /* its creation is committed: it exists for the outside */
	bool forgetting;                /* its removal is under way */
	bool removed;                   /* out of every table; freed when the last pin goes */
	unsigned pins;                  /* callbacks under way that will come back to it */
	unsigned reads;                 /* of its result or details, under way: it does not expire meanwhile */

	/* While it is live, or to be acknowledged: */
	struct plan *plan;
	struct bucket_slot slot;
	struct exchange *exchange;
	bool intent_pending;            /* holds its slot until what its request rests on is durable */
	unsigned settling;              /* writes of its phase that are on their way to the disk: no request before */
	bool cancel_sent;
	bool look_first;                /* the cancel request failed: it is not sent again before the operation was asked about */
	uint64_t cancel_rung_usec;      /* of the retry ladder between cancel requests that failed */
	bool throttled;                 /* the last failure was the service asking for a pause */
	bool again;                     /* asked for while a request was under way: once more, at once */
	bool woken;                     /* likewise, by its stream of events, which may lie */
	bool last_attempt;              /* the deadline has come, one more request is allowed */
	unsigned hasty, hasty_wakes;    /* times in a row that it was to be asked at once: see pace.h */
	uint32_t requests_before;       /* of rec.requests: for operations that it has left behind */
	uint64_t sent_usec;             /* monotonic: the last request */
	uint64_t next_usec;             /* monotonic: the next request */
	uint64_t deadline_usec;         /* monotonic; SCHED_NEVER: none. Of an acknowledgement: when it is given up */
	struct {                        /* its stream of events: see watching.h */
		struct watch *watch;    /* NULL: none is open */
		uint64_t opened_usec, not_before_usec;
		uint64_t rung_usec;     /* of the ladder between two that were closed */
		bool telling;           /* progress of it is on its way to the disk, */
		char *progress;         /* and this is to be told next; NULL: nothing */
	} watching;
	struct {                        /* its heartbeat: see keepalive.h */
		struct keepalive *group;        /* NULL: none */
		struct future *next, *prev;
		bool named;             /* which one it shares was found out */
	} session;
	struct {                        /* with whom it is asked about: see batch.h */
		struct batch *group;            /* NULL: alone */
		struct future *next, *prev;
		uint64_t turn;          /* the last one that it was asked about in */
		bool asked;             /* it is in the request under way, at that place */
		size_t place;
		bool wished;            /* its last single answer, or the disk, asked for the time of the next */
		uint64_t not_before_usec;       /* this one */
	} batch;
	struct {                        /* of a promise, its claim: see promise.h */
		struct producer *producer;      /* it holds as long as this one is there; NULL: it does not depend on one */
		struct future *next, *prev;
		uint64_t lease_usec;    /* monotonic: its end; SCHED_NEVER: it has none, or there is no claim */
		const char *gone;       /* why it is over before the lease is; NULL: it is not */
	} promise;

	struct {                        /* what it waits for: see hold.h */
		struct dependency *on;  /* one for each id in rec.after, in that order; NULL: not linked */
		uint64_t start_usec;    /* monotonic: the end of a delay that this daemon began; 0: rec.start_at_ms counts */
		size_t count;
		size_t open;            /* those that are not over */
		bool spoilt;            /* one of them failed, was cancelled or forgotten */
		struct taking *taking;  /* values out of their results, under way: see refer.h; NULL: none are */
	} hold;
	struct dependency *dependents;  /* who waits for it: see dependents.h */
	size_t kept_for;                /* those of them for whom it is kept beyond its time */
	struct assembly *assembly;      /* a group: its result is being made; NULL: not yet */
	uint64_t named;                 /* the last creation that named it as a dependency, or walk that met it */
	struct future *walk;            /* what is to be looked at next in that walk */

	struct sched_entry timer;       /* among the timers, or when resting among the expiries */
	bool resting;
	struct sched_entry ended;       /* among those of its user that may be forgotten: see retention.h */
	struct wait_item *waits;        /* who is told when it ends */
	UT_hash_handle by_id, by_key;
	struct {                        /* the key of by_key: owner and name, in one run of bytes */
		char *bytes;
		size_t len;
	} key;
};

/* A new, unlisted future of owner, with an id and record of its own. NULL: no memory. */
struct future *future_new(struct broker *broker);
/* From a stored record, whose contents are taken over (rec is zeroed). NULL: no memory, rec untouched. */
struct future *future_from_rec(struct broker *broker, struct future_rec *rec);
/* Gives back the plan and the record. It must be out of every table. NULL is allowed; returns NULL. */
struct future *future_free(struct future *future);

/* Keep it in memory over an asynchronous call. The last unpin frees one that was removed meanwhile. */
struct future *future_pin(struct future *future);
void future_unpin(struct future *future);

/* Join its bucket, if it has not yet. It has its plan. 0 or -ENOMEM. */
int future_join_bucket(struct future *future);
/* The same for a slot of something that it shares. */
int future_join_slot(const struct future *future, struct bucket_slot *slot);

/* Whether somebody asked that nothing be sent for it: paused itself, or by a stop of its origin. */
bool future_paused(const struct future *future);

bool future_state_terminal(enum store_state state);

/* Whether nothing is to be asked for it any more: it is over, and its service knows that, or need not. */
bool future_at_rest(const struct future_rec *rec);

#endif
