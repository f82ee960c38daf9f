/* message.h - the MessagePack-RPC envelope, and each method's params and reply as a struct and a table. */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include "proto/error.h"
#include "proto/fields.h"
#include "proto/pack.h"

#include <msgpack.h>
#include <stdint.h>

#define PROTOCOL_VERSION 1

/* --- the envelope --------------------------------------------------------------------------- */

enum message_type { MESSAGE_REQUEST = 0, MESSAGE_RESPONSE = 1, MESSAGE_NOTIFICATION = 2 };

struct message {
	enum message_type type;
	uint32_t id;                     /* of a request or response */
	struct slice method;             /* of a request or notification; came as str or bin */
	const msgpack_object *params;    /* the array of a request or notification */
	const msgpack_object *error;     /* of a response: NULL when it was nil */
	const msgpack_object *result;    /* of a response: NULL when it was nil */
};

/* Take the envelope apart. Everything borrows from object. -EBADMSG with a message that says what is
 * wrong ("element 1: the id is a string, not an integer"). When the id could be read although the
 * rest is wrong, ret->id and ret->type are set so that the request can be answered; the rest of ret is
 * then of no use, and what could not be read is 0 (a request with id 0). */
int message_read(const msgpack_object *object, struct message *ret, struct error *error);

/* Write the start of a message; the caller packs the rest:
 *   request       one params element follows (a map)
 *   response      the result follows
 *   notification  n_params elements follow */
void message_write_request(struct pack *pack, uint32_t id, const char *method);
void message_write_response(struct pack *pack, uint32_t id);
void message_write_notification(struct pack *pack, struct slice method, uint32_t n_params);

/* The data that belongs to a Failed error: the future's own failure. */
struct failure_wire {
	struct slice kind;               /* "remote", "lost", ... */
	struct slice message;
	struct slice code;               /* the service's own; JSON text of a scalar, or plain text */
	struct maybe_u64 http_status;
	struct slice details;            /* bytes */
	struct maybe_u64 attempts;
};
extern const struct field failure_fields[];

/* How this connection wants errors: plain strings are the only shape that every client shows. */
enum error_shape { ERROR_SHAPE_STRING, ERROR_SHAPE_MAP };

/* A whole error response. failure may be NULL. */
void message_write_error(struct pack *pack, uint32_t id, const struct error *error,
    enum error_shape shape, const struct failure_wire *failure);

/* Read the error of a response in either shape. ret_failure (may be NULL) borrows; it is zeroed when
 * there is none. Never fails: what cannot be read becomes ERROR_INTERNAL with what could be shown. */
void message_read_error(const msgpack_object *object, struct error *ret, struct failure_wire *ret_failure);

/* --- methods: params -------------------------------------------------------------------------
 * Times on the wire: spans in seconds (int or float), points in milliseconds since the epoch. */

struct hello_params {
	struct slice client;             /* free text for the log */
	struct slice errors;             /* "string" (default) or "map" */
};
extern const struct field hello_params_fields[];

struct create_params {
	struct slice profile;            /* a profile's name */
	const msgpack_object *params;    /* map, or str of JSON text */
	const msgpack_object *spec;      /* map, or str of JSON text */
	const msgpack_object *polling;   /* map, or str of JSON text */
	const msgpack_object *retry;     /* map, or str of JSON text */
	const msgpack_object *labels;    /* map of str to str */
	struct slice key;
	struct maybe_u64 mode;           /* 0600, 0640, 0644, 0660, 0666 as an integer */
	struct span ttl;                 /* null: kept without end */
	struct span timeout;             /* null: no deadline */
	struct id_list after;            /* these must succeed first */
	struct maybe_u64 start_at;       /* milliseconds since the epoch: nothing is asked before */
	struct span delay;               /* instead: so long after the creation */
};
extern const struct field create_params_fields[];

struct id_params {                       /* get, cancel, refresh, retry, pin, unpin, forget */
	struct id id;
};
extern const struct field id_params_fields[];

struct result_params {
	struct id id;
	struct span timeout;             /* absent or null: until done; 0: look once */
	struct maybe_u64 offset;         /* byte of the result to start at, default 0 */
	struct maybe_u64 length;         /* at most so many bytes, default and at most PROTO_RESULT_CHUNK_MAX; 0: none */
};
extern const struct field result_params_fields[];

struct wait_params {
	struct id_list ids;
	struct span timeout;
	struct slice return_when;        /* all_completed (default), first_completed, first_exception = first_failure */
};
extern const struct field wait_params_fields[];

struct subscribe_params {
	struct id_list ids;              /* at most one of ids and labels; neither: all one may see */
	const msgpack_object *labels;    /* map of str to str: all must match */
	struct maybe_u64 since;          /* replay what happened after this sequence number */
	struct slice method;             /* name of the notifications, default "future.changed" */
	const msgpack_object *prefix;    /* array put before the event in each notification's params */
	bool wrap;                       /* the event comes in an array of its own */
};
extern const struct field subscribe_params_fields[];

struct unsubscribe_params {
	struct maybe_u64 subscription;
};
extern const struct field unsubscribe_params_fields[];

struct call_params {
	struct maybe_u64 call;           /* the id of a request of this connection */
};
extern const struct field call_params_fields[];

struct list_params {
	struct slice state;              /* only those in this state */
	struct slice profile;
	struct slice prefix;             /* ids that start with this text */
	const msgpack_object *labels;
	struct maybe_u64 limit;          /* default 100, at most PROTO_LIST_MAX */
	struct slice cursor;             /* from the last page */
};
extern const struct field list_params_fields[];

struct extend_params {
	struct id id;
	struct span timeout;             /* required: seconds from now, or null for no deadline */
};
extern const struct field extend_params_fields[];

/* Of a promise. claim is absent where nobody has claimed it; lease null: as long as the connection lives. */
struct claim_params {
	struct id id;
	struct span lease;               /* absent: as null */
};
extern const struct field claim_params_fields[];

struct renew_params {
	struct id id;
	struct slice claim;
	struct span lease;               /* required */
};
extern const struct field renew_params_fields[];

struct progress_params {
	struct id id;
	struct slice claim;
	const msgpack_object *progress;  /* any value, or str of JSON text */
};
extern const struct field progress_params_fields[];

struct resolve_params {
	struct id id;
	struct slice claim;
	struct slice result;             /* bytes */
	struct slice content_type;
	struct maybe_u64 offset;         /* of a result that comes in parts: where this one belongs */
	bool more;                       /* further parts follow */
};
extern const struct field resolve_params_fields[];

struct reject_params {
	struct id id;
	struct slice claim;
	struct slice kind;               /* default "rejected" */
	struct slice message;
	struct slice code;
	struct slice details;            /* bytes */
};
extern const struct field reject_params_fields[];

struct pause_params {                    /* pause, resume: one of */
	struct id id;                    /* zero: absent */
	struct id_list ids;
	const msgpack_object *labels;    /* map of str to str: all must match */
	struct slice origin;             /* "https://host:port" */
};
extern const struct field pause_params_fields[];

struct name_params {
	struct slice name;
};
extern const struct field name_params_fields[];

struct profile_params {                  /* check, try */
	struct slice profile;            /* a profile's name; or */
	struct slice text;               /* JSON of a profile or spec, right or wrong */
	const msgpack_object *params;    /* map, or str of JSON text */
};
extern const struct field profile_params_fields[];

struct empty_params { char unused; };
extern const struct field empty_params_fields[];

/* --- replies ---------------------------------------------------------------------------------- */

struct create_reply {
	struct id id;
	struct slice state;
	bool created;                    /* false: the key stood for it already */
};
extern const struct field create_reply_fields[];

/* future.claim; future.renew has only the second. */
struct claim_reply {
	struct slice claim;
	struct maybe_u64 lease_until_ms; /* absent: as long as the connection lives */
	struct slice progress;           /* JSON text of the producer before */
};
extern const struct field claim_reply_fields[];

/* future.resolve, future.reject. */
struct state_reply {
	struct slice state;
	struct maybe_u64 offset;         /* bytes of the result so far, while more are to come */
};
extern const struct field state_reply_fields[];

/* future.get, and each element of future.list. */
struct snapshot {
	struct id id;
	struct slice state;
	struct slice kind;               /* "http", "promise", "timer", "group" */
	struct slice profile;
	struct slice key;
	struct maybe_u64 uid;            /* of the owner */
	struct maybe_u64 mode;
	struct maybe_u64 created_at_ms;
	struct maybe_u64 started_at_ms;
	struct maybe_u64 finished_at_ms;
	struct maybe_u64 expires_at_ms;  /* when a terminal future is forgotten */
	struct maybe_u64 deadline_at_ms;
	struct maybe_u64 next_poll_at_ms;
	struct maybe_u64 requests;       /* sent to the service for this future */
	struct maybe_u64 hops;           /* operations that it left behind for the next */
	struct maybe_u64 attempts;       /* failed in a row, as the retry policy counts them */
	struct slice condition;          /* "waiting", "paused", "unreachable", "throttled"; absent when all is well */
	struct maybe_u64 condition_since_ms;
	struct slice last_error;         /* of the last failing request */
	bool cancel_requested;
	bool paused;                     /* it was named by future.pause, itself or by its labels */
	bool pinned;                     /* not forgotten when its time is over */
	struct slice progress;           /* JSON text */
	bool claimed;                    /* a promise: by a producer */
	struct maybe_u64 lease_until_ms; /* of that claim; absent: as long as its connection lives */
	struct slice content_type;       /* of the result */
	struct maybe_u64 result_size;    /* bytes */
	struct maybe_u64 seq;            /* of its last change */
	bool held;                       /* it waits for start_at_ms, or for those in after */
	struct maybe_u64 start_at_ms;
	const msgpack_object *labels;    /* read only: map of str to str */
	const msgpack_object *after;     /* read only: array of ids */
	const msgpack_object *error;     /* read only: a failure_wire map, when it failed */
};
extern const struct field snapshot_fields[];

struct result_reply {
	struct slice state;
	struct slice result;             /* bin */
	struct slice content_type;
	struct maybe_u64 offset;
	struct maybe_u64 size;           /* of the whole result, bytes */
};
extern const struct field result_reply_fields[];

struct cancel_reply {
	bool cancelled;                  /* false: it was over already, nothing was done */
	struct slice state;
};
extern const struct field cancel_reply_fields[];

/* call.cancel */
struct call_reply {
	bool cancelled;                  /* false: no such call awaits its answer, or it does not wait */
};
extern const struct field call_reply_fields[];

/* future.changed */
struct event_wire {
	struct maybe_u64 subscription;
	struct maybe_u64 seq;
	struct id id;
	struct slice event;              /* "created", "changed", "progress", "trouble", "forgotten" */
	struct slice state;
	struct maybe_u64 at_ms;
	struct slice progress;           /* JSON text, the newest */
	struct slice message;            /* of trouble: why the last request failed */
	struct maybe_u64 attempts;       /* of trouble: failed in a row */
	const msgpack_object *error;     /* read only: a failure_wire map */
};
extern const struct field event_fields[];

#endif
