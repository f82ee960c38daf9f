/* store.h - the durable state: futures, their specs and results, and the event log. */
#ifndef DB_STORE_H
#define DB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One SQLite connection lives on a thread of its own. Writes are queued in order, whatever has
 * gathered is committed as one transaction, and then each operation's callback runs on the thread
 * that calls store_dispatch(). Reads go through the same queue, so they see every write queued
 * before them. All functions but store_open() return at once; none is thread-safe against itself:
 * they belong to the event loop's thread. Records and texts passed in are copied.
 */

#define STORE_ID_BYTES 16

/* What is persistent of one future. The numbers of state, phase and kind are stored: never renumber. */
enum store_state {
	STORE_PENDING = 0,
	STORE_RUNNING = 1,
	STORE_SUCCEEDED = 2,
	STORE_FAILED = 3,
	STORE_CANCELLED = 4
};

enum store_kind {
	STORE_KIND_HTTP = 0,            /* an operation at a service */
	STORE_KIND_PROMISE = 1,         /* a local process completes it */
	STORE_KIND_TIMER = 2,           /* succeeds at its start time */
	STORE_KIND_GROUP = 3            /* over others, which it names in after */
};

/* What the next request to the service is. */
enum store_phase {
	STORE_PHASE_SUBMIT = 0,         /* nothing was sent yet */
	STORE_PHASE_SUBMITTING = 1,     /* a submit may have been sent; its answer is not stored */
	STORE_PHASE_POLL = 2,
	STORE_PHASE_FETCH = 3,          /* it succeeded, its result is to be fetched */
	STORE_PHASE_ACK = 4,            /* over and stored; the service is to be told */
	STORE_PHASE_ACKED = 5           /* over, and the service was told */
};

struct store_label {
	char *name;
	char *value;
};

/* Texts are NUL-terminated; NULL when absent. Times are wall clock, milliseconds since the epoch;
 * 0 means "none". */
struct future_rec {
	uint8_t id[STORE_ID_BYTES];
	uint32_t uid, gid;              /* the owner */
	uint32_t mode;                  /* 0600 ... 0666 */
	enum store_kind kind;
	enum store_state state;
	enum store_phase phase;
	char *profile;
	char *key;                      /* unique per uid */
	struct store_label *labels;
	size_t n_labels;
	uint8_t (*after)[STORE_ID_BYTES]; /* futures that it depends on, in order, each once */
	size_t n_after;
	uint64_t seq;                   /* of its last event */
	int64_t created_at_ms, started_at_ms, finished_at_ms;
	int64_t ttl_ms;                 /* after the end; -1: kept without end */
	int64_t expires_at_ms;
	bool keep_until_delivered;      /* not forgotten before it was delivered once; cleared then */
	int64_t deadline_at_ms;
	int64_t start_at_ms;            /* nothing is sent before */
	bool held;                      /* it waits for that time, or for those in after */
	bool paused;                    /* somebody asked that nothing be sent */
	bool pinned;                    /* not forgotten when its time is over */
	uint32_t hops;                  /* operations that it went on to: tail calls */
	char *claim;                    /* a promise's producer proves with it that it is the one; NULL: not claimed */
	int64_t lease_until_ms;         /* of a claim; 0: as long as the producer's connection lives */
	int64_t next_at_ms;             /* when the next request is due */
	uint64_t polling_delay_usec;    /* rung of the polling ladder */
	uint64_t retry_delay_usec;      /* rung of the retry ladder */
	int64_t retry_since_ms;         /* start of the current run of failures; for retry.timeout */
	uint32_t requests;              /* sent in all */
	uint32_t attempts;              /* failed in a row */
	int64_t unreachable_since_ms;
	char *last_error;
	bool cancel_requested;
	char *idempotency;              /* the one value of every submit attempt */
	char *captured;                 /* JSON object of captured values */
	char *budgets;                  /* JSON object: what rules have used up */
	char *progress;                 /* JSON text */
	char *error_kind;               /* when STORE_FAILED or STORE_CANCELLED with an error */
	char *error_message;
	char *error_code;
	int32_t error_http_status;      /* 0: none */
	char *content_type;             /* of the result */
	int64_t result_size;            /* bytes; -1: no result */
};

/* Copies it with all its texts and labels; 0 or -ENOMEM with *ret untouched. */
int future_rec_copy(const struct future_rec *rec, struct future_rec *ret);
/* Bytes of what rec points to, about. */
size_t future_rec_bytes(const struct future_rec *rec);
/* Frees what rec points to, not rec. */
void future_rec_done(struct future_rec *rec);
/* For a record that began as a shallow copy of base: frees its texts and its dependencies, as far as they are not
 * base's. */
void future_rec_done_unshared(struct future_rec *rec, const struct future_rec *base);

/* What a future was created from; read back for compilation after a restart and for retries. */
struct store_texts {
	const char *spec;               /* JSON, profile merged in */
	const char *params;             /* JSON object */
	const char *request;            /* canonical JSON of what the creator asked for: decides key conflicts */
};

enum store_event {
	STORE_EVENT_CREATED = 0,
	STORE_EVENT_CHANGED = 1,        /* another state */
	STORE_EVENT_PROGRESS = 2,
	STORE_EVENT_FORGOTTEN = 3,
	STORE_EVENT_TROUBLE = 4         /* a request failed and will be tried again */
};

/* seq is given by the caller, strictly increasing. */
struct event_rec {
	uint64_t seq;
	int64_t at_ms;
	uint8_t id[STORE_ID_BYTES];
	uint32_t uid, gid, mode;        /* who may see it, also after the future is gone */
	enum store_event event;
	enum store_state state;
};

struct store_blob {
	const void *data;
	size_t len;
};

/* --- life -------------------------------------------------------------------------------------- */

struct store;

struct store_config {
	const char *dir;                /* must exist; the database is state.db in it */
	uint64_t ballast_bytes;         /* set aside for a full disk, best twice the WAL's 8 MiB; 0: none */
	uint64_t events_max;            /* rows of the event log that are kept */
};

/* Receives every future at boot, ordered by id. rec and texts are borrowed for the call, which may
 * take the record's contents over by zeroing *rec. Negative stops the load with that errno. */
typedef int (*store_load_cb)(struct future_rec *rec, const struct store_texts *texts, void *arg);

/*
 * Open or create the database, migrate it, check it, load it. Blocks; takes the lock file first.
 * Returns 0; -EBUSY: another daemon has it; -EPROTO: written by a newer futured; -EMEDIUMTYPE: a
 * network file system; -EUCLEAN: corrupt; or another negative errno. On failure text says what, with
 * the path, for the log.
 */
int store_open(const struct store_config *config, store_load_cb on_future, void *arg,
    struct store **ret, char text[256]);

/* Greatest event number ever given (0: none), the oldest one still in the log (0: empty log), and the
 * database's random 16-byte name, made when it was created. Valid after store_open. */
uint64_t store_last_seq(const struct store *store);
uint64_t store_oldest_seq(const struct store *store);
const uint8_t *store_epoch(const struct store *store);

/* Start the thread. */
int store_start(struct store *store);

/* Readable when store_dispatch() has something to do. Owned by the store. */
int store_fd(const struct store *store);

/*
 * Run the callbacks of what was finished, in the order it was queued. Returns how many ran; a
 * negative errno when the store has failed for good (I/O error, corruption): whether the last
 * transaction is durable is then unknown, no callback ran for it, and the process should end.
 */
int store_dispatch(struct store *store);

/* Why the store has failed for good, for the log; NULL while it has not. Valid until store_close(). */
const char *store_failure(const struct store *store);

/* Every pause that store_pause() wrote and that had not been over at now_ms. Between store_open() and
 * store_start() only. Stops with the callback's negative value, and returns it. */
typedef int (*store_pause_cb)(void *arg, uint32_t uid, const char *bucket, int64_t until_ms);
int store_each_pause(struct store *store, int64_t now_ms, store_pause_cb each, void *arg);

/* Every stop that store_stop() wrote, on the same terms. */
typedef int (*store_stop_cb)(void *arg, uint32_t uid, const char *origin);
int store_each_stop(struct store *store, store_stop_cb each, void *arg);

/* Commit what is queued, run the callbacks, checkpoint, close. What they try to queue is refused with
 * -ESHUTDOWN. NULL is allowed; returns NULL. */
struct store *store_close(struct store *store);

struct store_stats {
	uint64_t commits, operations, events_oldest;
	uint64_t database_bytes, wal_bytes;
	uint32_t queued;
	bool disk_full;                 /* the ballast is spent: creates answer -ENOSPC */
};
void store_stats(const struct store *store, struct store_stats *ret);

/* --- operations ---------------------------------------------------------------------------------
 * status: 0 once durable; -ENOSPC: not done, the disk is full; another negative errno: not done.
 * A callback runs exactly once for each operation that was accepted (0 returned), unless the store fails
 * for good; NULL is allowed. Not accepted: -ENOMEM, also when very much is queued; the store's own failure.
 * Writes but for creates are kept while the disk is full, until there is room; then a create, and a
 * read that does not depend on one of those writes, is answered before them. */

typedef void (*store_cb)(void *arg, int status);

/* Insert a future, its texts, its first event. -EEXIST: the id or (uid, key) is there already. */
int store_create(struct store *store, const struct future_rec *rec, const struct store_texts *texts,
    const struct event_rec *event, store_cb done, void *arg);

/* Write the record's changing columns; with it, in the same transaction, the event (may be NULL), and
 * result and error details (data NULL: unchanged) of a future that ends. */
int store_update(struct store *store, const struct future_rec *rec, const struct event_rec *event,
    struct store_blob result, struct store_blob error_details, store_cb done, void *arg);

/* The same for a future that goes on to another operation: kind, profile, after, and the texts but for the request,
 * which stays the creator's, are replaced, too. -EINVAL: a dependency twice. */
int store_continue(struct store *store, const struct future_rec *rec, const struct store_texts *texts,
    const struct event_rec *event, store_cb done, void *arg);

/* Remove a future with all that belongs to it; the event stays. */
int store_forget(struct store *store, const uint8_t id[STORE_ID_BYTES], const struct event_rec *event,
    store_cb done, void *arg);

/* A service asked all futures of an owner's bucket to pause until a time. A later end counts; pauses that were
 * over at now_ms are removed. */
int store_pause(struct store *store, uint32_t uid, const char *bucket, int64_t until_ms, int64_t now_ms);

/* A user asked that nothing be sent to an origin; stopped false: that it may be again. */
int store_stop(struct store *store, uint32_t uid, const char *origin, bool stopped, store_cb done, void *arg);

/* data is valid during the call only. status -ENOENT: no such row. */
typedef void (*store_bytes_cb)(void *arg, int status, const void *data, size_t len);
/* len bytes of the result from offset on, fewer at its end. */
int store_read_result(struct store *store, const uint8_t id[STORE_ID_BYTES], uint64_t offset, size_t len,
    store_bytes_cb done, void *arg);
int store_read_error_details(struct store *store, const uint8_t id[STORE_ID_BYTES], store_bytes_cb done,
    void *arg);

typedef void (*store_texts_cb)(void *arg, int status, const struct store_texts *texts);
int store_read_texts(struct store *store, const uint8_t id[STORE_ID_BYTES], store_texts_cb done, void *arg);

/* Up to limit events with a number greater than since, ascending. */
typedef void (*store_events_cb)(void *arg, int status, const struct event_rec *events, size_t count);
int store_read_events(struct store *store, uint64_t since, size_t limit, store_events_cb done, void *arg);

#endif
