/* broker.h - the core of the daemon: futures, their moves, who waits for them, and when to ask. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "daemon/broker/access.h"
#include "daemon/broker/remote.h"
#include "db/store.h"
#include "proto/error.h"
#include "proto/id.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Single-threaded and deterministic: time and randomness come through struct broker_host, HTTP answers
 * through struct remote, commit results through the store. Everything a caller is told is durable first.
 *
 * Functions that take a struct error fill it when they return a negative errno. Functions that take
 * a callback call it exactly once if and only if they returned 0, never from within themselves.
 */
struct broker;
struct future;

struct broker_host {
	void *self;
	uint64_t (*monotonic_usec)(void *self);
	int64_t (*wall_ms)(void *self);
	void (*random)(void *self, void *ret, size_t len);
};

struct broker_config {
	unsigned requests_total;        /* in flight, all services together */
	unsigned requests_bucket;       /* in flight, one bucket */
	unsigned long_polls_total;      /* likewise, of those that the service holds: they have slots of their own */
	unsigned long_polls_bucket;
	uint64_t futures_per_uid;       /* stored futures of one user */
	uint64_t result_max;            /* bytes of what a promise is kept with; 0: any number */
	uint64_t finished_per_uid;      /* of these, kept though they are over; then the oldest are forgotten */
	uint64_t results_per_uid;       /* bytes of their results, likewise */
};

/* Make an empty broker. NULL: no memory. At the end close the store first, since callbacks under way hold
 * futures, then free the broker, then what is behind remote. */
struct broker *broker_new(const struct broker_config *config, const struct broker_host *host,
    const struct remote *remote, struct store *store);
struct broker *broker_free(struct broker *broker);

/* New limits, from now on. */
void broker_configure(struct broker *broker, const struct broker_config *config);

/* The store_load_cb for store_open; arg is a struct broker_loader. */
struct broker_loader;
struct broker_loader *broker_loader_new(void);
struct broker_loader *broker_loader_free(struct broker_loader *loader);   /* when it was not adopted */
int broker_load_one(struct future_rec *rec, const struct store_texts *texts, void *loader);
/* Take over what was loaded: compile, schedule, spread out what is overdue, settle interrupted submits.
 * Frees the loader, also on failure. The store need not be started yet. */
int broker_adopt(struct broker *broker, struct broker_loader *loader, struct error *error);

/* Do what is due. Returns the monotonic time of the next thing to do (UINT64_MAX: none). Call it when that
 * time has come and after anything else was done to the broker in this turn of the loop. */
uint64_t broker_run(struct broker *broker);

/* The wall clock was set: start times may have come, or be further off. */
void broker_clock_set(struct broker *broker);

/* No new futures, no new requests to services; polls in flight are dropped. For a clean stop. */
void broker_stop(struct broker *broker);
/* After broker_stop: no submit is in flight any more whose answer would be lost. */
bool broker_stopped(const struct broker *broker);
/* The store refused to write a change that memory has made already (it had no memory for it): those who wait for
 * that change would wait for ever. The process should end; its successor goes on from what is on the disk. */
bool broker_lost(const struct broker *broker);

/* --- single futures ----------------------------------------------------------------------------- */

struct create_request {
	struct plan_source source;      /* with what it waits for: see hold.h */
	struct slice key;
	const struct store_label *labels;
	size_t n_labels;
	uint32_t mode;                  /* 0: 0600 */
	enum { CREATE_DEFAULT, CREATE_NONE, CREATE_GIVEN } ttl_kind, timeout_kind;
	uint64_t ttl_usec, timeout_usec;
};

/* future is NULL when error is not; created is false when the key stood for it already. */
typedef void (*broker_create_cb)(void *arg, const struct error *error, const struct future *future,
    bool created);
int broker_create(struct broker *broker, const struct caller *caller, const struct create_request *request,
    broker_create_cb done, void *arg, struct error *error);

/* A future that the caller may read; valid until the next call of broker_run or of a changing function. */
int broker_find(struct broker *broker, const struct caller *caller, const struct id *id,
    const struct future **ret, struct error *error);

/* What everyone may be told of a future: its last durable state. Borrowed from the future. */
struct future_view {
	struct id id;
	const struct future_rec *rec;   /* state, error and result fields only when terminal is durable: see below */
	enum store_state state;         /* the durable one; use it instead of rec->state */
	uint64_t seq;                   /* of the event that said so, or of one since; instead of rec->seq */
	bool terminal;                  /* of the durable state */
	const char *condition;          /* "waiting" (held), "paused", "unreachable", "throttled" or NULL */
	int64_t condition_since_ms;
	bool claimed;                   /* a promise: somebody is at it */
};
void future_view(const struct future *future, struct future_view *ret);

/* The wire word of a state: "pending" ..., and of a kind: "http" ... */
const char *future_state_name(enum store_state state);
const char *future_kind_name(enum store_kind kind);

/* Mark the wish to cancel. changed: false when the future was over already. The reply comes when the wish
 * is durable; the future may end later, and not as cancelled: an operation that has succeeded, with only its
 * result left to be fetched, is not cancelled by a request any more. */
typedef void (*broker_change_cb)(void *arg, const struct error *error, const struct future *future,
    bool changed);
int broker_cancel(struct broker *broker, const struct caller *caller, const struct id *id,
    broker_change_cb done, void *arg, struct error *error);
/* Poll now, as far as the bucket's pause and limit allow. For those who may change it: it is asked for in the owner's name.
 * No-op on a terminal future and where there is no service. Immediate. */
int broker_refresh(struct broker *broker, const struct caller *caller, const struct id *id,
    const struct future **ret, struct error *error);
/* Set the deadline to timeout_usec from now, UINT64_MAX: none. ERROR_INVALID_STATE when terminal. */
int broker_extend(struct broker *broker, const struct caller *caller, const struct id *id,
    uint64_t timeout_usec, broker_change_cb done, void *arg, struct error *error);
/* A new future that takes a failed one's operation up where it was left. */
int broker_retry(struct broker *broker, const struct caller *caller, const struct id *id,
    broker_create_cb done, void *arg, struct error *error);
/* Remove a terminal future and its result. ERROR_INVALID_STATE when it is still live. future is NULL. An
 * acknowledgement that the service has not answered yet is given up. */
int broker_forget(struct broker *broker, const struct caller *caller, const struct id *id,
    broker_change_cb done, void *arg, struct error *error);

/* Keep it when its time is over, and beyond the limits; pinned false: not any more. */
int broker_pin(struct broker *broker, const struct caller *caller, const struct id *id, bool pinned,
    broker_change_cb done, void *arg, struct error *error);

/* --- pauses --------------------------------------------------------------------------------------- */

/* Of one kind: futures that exist, by ids or by labels, or all requests of the caller's futures at an origin, also of
 * futures that will be. */
struct pause_target {
	const struct id *ids;           /* n_ids > 0: these */
	size_t n_ids;
	struct slice origin;            /* not absent: "https://host:port" */
	const struct store_label *labels; /* else those live ones that the caller may change and that have all of these */
	size_t n_labels;
};

/* count: futures that it concerns and that were not paused, or were. */
typedef void (*broker_pause_cb)(void *arg, const struct error *error, size_t count);

/*
 * Send no requests for them from now on, durably, or (paused false) send them again. One that is under way is let finish.
 * Deadlines go on. ERROR_NOT_FOUND or ERROR_PERMISSION_DENIED for an id: nothing was changed. Returns 1, without calling
 * done, when there is nothing that labels stand for.
 */
int broker_pause(struct broker *broker, const struct caller *caller, const struct pause_target *target, bool paused,
    broker_pause_cb done, void *arg, struct error *error);

/* The place-th origin that the caller has paused; NULL: there are no more. Borrowed until the next pause. */
const char *broker_stop_at(const struct broker *broker, const struct caller *caller, size_t place);

/* --- reading ---------------------------------------------------------------------------------------- */

/* Bytes of a succeeded future's result; borrowed for the call. */
typedef void (*broker_bytes_cb)(void *arg, const struct error *error, const void *data, size_t len);
int broker_read_result(struct broker *broker, const struct caller *caller, const struct id *id,
    uint64_t offset, size_t len, broker_bytes_cb done, void *arg, struct error *error);
int broker_read_error_details(struct broker *broker, const struct caller *caller, const struct id *id,
    broker_bytes_cb done, void *arg, struct error *error);
/* A client has taken a result completely, or the error (keep_until_delivered). */
void broker_delivered(struct broker *broker, const struct id *id);

/* --- promises -------------------------------------------------------------------------------------- */

/*
 * A promise is a future that a local process completes. Who may change it may claim it: from then on it takes the calls
 * below only with that claim (ERROR_PERMISSION_DENIED without), and without a claim only while nobody has it. A claim
 * holds until its lease is over or as long as its producer is there; then the promise is abandoned: it fails, or
 * is free to be claimed again, as its spec says. One that is over, or held, takes none of these, nor does a claim count
 * that is over: ERROR_INVALID_STATE. A future of another kind: ERROR_INVALID_ARGUMENT. What is refused because of the
 * state is answered through the callback, after that state is durable.
 */
#define PROMISE_CLAIM_LEN 32            /* hexadecimal digits */
#define PROMISE_PROGRESS_MAX 65536      /* bytes */
#define PROMISE_CONTENT_TYPE_MAX 255
#define PROMISE_KIND_MAX 64
#define PROMISE_MESSAGE_MAX 4096
#define PROMISE_CODE_MAX 256
#define PROMISE_DETAILS_MAX (256 * 1024)

/* A process that claims promises for as long as it is there: a connection. */
struct producer;
/* NULL: no memory. */
struct producer *producer_new(void);
/* It is gone: what it still has is abandoned in the next broker_run(). false: it had nothing. The broker must be there
 * yet, unless it had nothing. */
bool producer_free(struct producer *producer);

/* How long a claim holds. */
struct lease {
	struct producer *producer;      /* as long as it is there; or NULL: */
	uint64_t usec;                  /* so long from now, more than 0 */
};

struct claim {
	const char *text;               /* PROMISE_CLAIM_LEN digits */
	int64_t lease_until_ms;         /* 0: as long as its producer is there */
	const char *progress;           /* JSON text of the one before, or NULL */
};

/* claim is NULL when error is not; borrowed for the call. */
typedef void (*broker_claim_cb)(void *arg, const struct error *error, const struct claim *claim);
/* ERROR_INVALID_STATE also when somebody else has claimed it. */
int broker_claim(struct broker *broker, const struct caller *caller, const struct id *id, const struct lease *lease,
    broker_claim_cb done, void *arg, struct error *error);
/* Another lease for the same claim, from now on. */
int broker_renew(struct broker *broker, const struct caller *caller, const struct id *id, struct slice claim,
    const struct lease *lease, broker_claim_cb done, void *arg, struct error *error);

/* A promise that the caller may change and of which nobody knows yet that it is over: what is still to come for it is worth
 * keeping. Its claim is not asked for. Valid as long as what broker_find() gives. */
int broker_find_promise(struct broker *broker, const struct caller *caller, const struct id *id,
    const struct future **ret, struct error *error);

/* In these, claim is absent where there is none. changed is true.
 * Progress: JSON text, which the caller has checked. */
int broker_set_progress(struct broker *broker, const struct caller *caller, const struct id *id, struct slice claim,
    struct slice progress, broker_change_cb done, void *arg, struct error *error);
/* It succeeds, with these bytes. content_type may be absent. ERROR_TOO_LARGE over a limit. */
int broker_resolve(struct broker *broker, const struct caller *caller, const struct id *id, struct slice claim,
    struct slice result, struct slice content_type, broker_change_cb done, void *arg, struct error *error);
/* It fails. The failure's kind is a word of small letters, digits and '_', which need not be static. */
int broker_reject(struct broker *broker, const struct caller *caller, const struct id *id, struct slice claim,
    const struct failure *failure, broker_change_cb done, void *arg, struct error *error);

/* --- listing ------------------------------------------------------------------------------------- */

struct list_filter {
	bool has_state;
	enum store_state state;
	struct slice profile;
	struct slice prefix;            /* of the id's text */
	const struct store_label *labels;
	size_t n_labels;
};

/* Walk what the caller may see, in order of id, after the given one (NULL: from the start). Stops when each
 * returns false. Nothing may change during the walk. */
typedef bool (*broker_each_cb)(void *arg, const struct future *future);
void broker_list(struct broker *broker, const struct caller *caller, const struct list_filter *filter,
    const struct id *after, broker_each_cb each, void *arg);

/* --- waits ---------------------------------------------------------------------------------------- */

enum wait_mode { WAIT_ALL_COMPLETED, WAIT_FIRST_COMPLETED, WAIT_FIRST_EXCEPTION };

struct wait;
/* timed_out: the wait's time was over before its condition held. The wait is gone after the call. */
typedef void (*wait_cb)(void *arg, struct wait *wait, bool timed_out);

/*
 * Wait for some futures. An id that the caller may not see is ERROR_NOT_FOUND. Duplicates are kept.
 *   timeout_usec   UINT64_MAX: without end; 0: look once
 * Returns 0, also when the condition holds already: the callback comes in the next broker_run.
 * A future that is forgotten meanwhile counts as done.
 */
int wait_new(struct broker *broker, const struct caller *caller, const struct id *ids, size_t count,
    enum wait_mode mode, uint64_t timeout_usec, wait_cb done, void *arg, struct wait **ret,
    struct error *error);
/* Stop waiting; done is not called. NULL is allowed; returns NULL. */
struct wait *wait_free(struct wait *wait);
/* Within the callback: the futures in input order, duplicates kept; NULL in place of a forgotten one. */
size_t wait_count(const struct wait *wait);
const struct id *wait_id(const struct wait *wait, size_t i);
const struct future *wait_future(const struct wait *wait, size_t i);

/* --- subscriptions ---------------------------------------------------------------------------------- */

struct subscribe_filter {
	const struct id *ids;           /* n_ids > 0: these; copied */
	size_t n_ids;
	const struct store_label *labels; /* n_labels > 0: all must match; copied */
	size_t n_labels;
};

struct broker_event {
	uint64_t seq;
	int64_t at_ms;
	struct id id;
	enum store_event event;
	enum store_state state;
	const struct future *future;    /* NULL when it is gone */
	const char *message;            /* of STORE_EVENT_TROUBLE: what went wrong; NULL: it was over before it is replayed */
	unsigned attempts;              /* how many had failed in a row then */
};

struct subscription;
struct subscription_sink {
	void *arg;
	/* Take one event. false: no more for now (output is backed up) - this one was not taken. The
	 * subscription then reads on from the event log, progress merged, after subscription_resume(). It must
	 * not free a subscription, nor change anything in the broker. */
	bool (*event)(void *arg, const struct broker_event *event);
	/* It was so slow that the event log does not have what comes next any more: no event follows. As event(), it
	 * must not free a subscription. */
	void (*lost)(void *arg);
};

/*
 * Subscribe. Events come in order of seq, never from within this function.
 *   since   replay what happened after this number; ignored unless has_since
 *   ret_seq         the last number so far: what comes is greater, but for a replay
 *   ret_truncated   the log no longer reaches back to since: older events are missing
 */
int broker_subscribe(struct broker *broker, const struct caller *caller, const struct subscribe_filter *filter,
    bool has_since, uint64_t since, const struct subscription_sink *sink, struct subscription **ret,
    uint64_t *ret_seq, bool *ret_truncated, struct error *error);
void subscription_resume(struct subscription *subscription);
struct subscription *subscription_free(struct subscription *subscription);

/* --- numbers ----------------------------------------------------------------------------------------- */

struct broker_stats {
	uint64_t futures[5];            /* by enum store_state */
	uint64_t created, completed, requests, retries, throttled;
	unsigned buckets, in_flight, queued, paused;
	unsigned long_polls;            /* of those in flight */
	unsigned reduced;               /* buckets whose service refused so much that it is asked less at a time */
	unsigned waits, subscriptions;
	uint64_t seq;
	uint64_t next_due_in_usec;      /* UINT64_MAX: nothing waits */
};
void broker_stats(const struct broker *broker, struct broker_stats *ret);

#endif
