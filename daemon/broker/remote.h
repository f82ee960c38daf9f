/* remote.h - what the broker asks of the service side, and what it is told: types only. */
#ifndef BROKER_REMOTE_H
#define BROKER_REMOTE_H

#include "daemon/broker/policy.h"
#include "db/store.h"
#include "proto/error.h"
#include "proto/id.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* When a group is done. */
enum group_until {
	GROUP_ALL,                   /* all members are over, however */
	GROUP_ANY,                   /* the first is over */
	GROUP_FIRST_EXCEPTION        /* the first has failed, else all are over */
};

/*
 * A plan is the compiled spec of one future. The service side allocates a larger struct that begins
 * with this one; the broker reads these fields and hands the pointer back. Immutable.
 */
struct plan {
	enum store_kind kind;        /* what is not about requests counts for all kinds; the rest for http only */
	struct policy polling;
	struct policy retry;
	bool has_submit;
	bool has_fetch;
	bool has_cancel;
	bool has_ack;
	bool has_idempotency;        /* submit carries one stored value on every attempt */
	bool resubmit;               /* a submit that may have been sent is sent again */
	bool reset_on_progress;      /* the polling ladder starts again when progress changes */
	bool keep_until_delivered;
	bool long_poll;              /* the service holds a poll until it has news: it takes a slot of its own kind */
	bool has_events;             /* the service tells when to look: watch() */
	unsigned ack_on;             /* 1u << outcome, for each end of the operation that is acknowledged */
	uint64_t keepalive_usec;     /* between two of them; 0: none */
	const char *batch;           /* futures of one bucket with equal texts are asked about together; NULL: alone */
	unsigned batch_max;          /* at most so many in one request; 0: any number */
	uint64_t ttl_usec;           /* UINT64_MAX: kept without end */
	uint64_t retry_after_max_usec;
	const char *bucket;          /* credential and origin: futures of one owner with equal texts share a bucket */
	const char *origin;          /* of the bucket, as origin() writes it; NULL: not known before the requests are */
	unsigned bucket_limit;       /* requests in flight of that bucket; 0: the daemon's default */
	bool release;                /* a promise whose producer is gone may be claimed again; else it fails */
	bool has_delay;              /* a timer: it succeeds */
	uint64_t delay_usec;         /* so long after its creation */
	enum group_until until;      /* a group */
	const struct id *of;         /* its members in order, duplicates kept */
	size_t n_of;

	const struct id *results;    /* futures whose results it refers to, each once: they go to refer() before its */
	size_t n_results;            /* first request */
};

/* What a creator asked for, as JSON texts; absent slices where nothing was given. */
struct plan_source {
	struct slice profile;        /* a name */
	struct slice params;
	struct slice spec;
	struct slice polling;
	struct slice retry;
	/* What it waits for before its first request: part of what equal texts mean, nothing that is compiled. */
	const struct id *after;
	size_t n_after;
	int64_t start_at_ms;         /* 0: none */
	bool has_delay;
	uint64_t delay_usec;         /* instead of start_at_ms: from the creation on */
	const struct plan *from;     /* the operation that a rule goes on from: what an answer put in is not the creator's; */
	                             /* NULL: a creation */
};

/* What is stored of a creation. Allocated by the service side, freed with free(). */
struct plan_texts {
	char *spec;                  /* profile merged in, policies too */
	char *params;                /* defaults filled in */
	char *request;               /* canonical form of the source: equal texts mean the same request */
};

/* The requests of a spec. The first six are sent with start(). */
enum step {
	STEP_SUBMIT,
	STEP_POLL,
	STEP_FETCH,                  /* gets the result of an operation that is known to have succeeded */
	STEP_CANCEL,
	STEP_ACK,                    /* the end is stored: the service may forget the operation */
	STEP_KEEPALIVE,
	STEP_EVENTS,                 /* a stream of server-sent events: watch() */
	STEP_LIST,                   /* asks about many at once: start_batch() */
	STEPS
};

enum outcome {
	OUTCOME_PENDING,             /* after a submit: it was taken, go on polling */
	OUTCOME_SUCCESS,
	OUTCOME_FAILURE,
	OUTCOME_CANCELLED,
	OUTCOME_LOST,
	OUTCOME_RETRY,               /* could not be read: up to the retry policy */
	OUTCOME_FETCH,               /* it succeeded, and the fetch request gets the result */
	OUTCOME_CONTINUE,            /* it is over, and the future goes on with another operation */
	OUTCOME_MISSING              /* of a member of a batch only: the list does not tell, ask about it alone */
};

/* Everything a step needs that is not in the plan. Borrowed for the call of start(). */
struct step_input {
	enum step step;
	const struct id *id;
	uint32_t attempt;            /* 1 for the first request of this future: {attempt} */
	const char *captured;        /* JSON object text, or NULL */
	const char *budgets;         /* JSON object text: what rules have used up; or NULL */
	const char *idempotency;     /* or NULL */
	uint64_t timeout_usec;       /* at most so long for this exchange; UINT64_MAX: the spec's own */
};

/* Why a future failed. Slices; absent where unknown. */
struct failure {
	const char *kind;            /* static: "remote", "lost", "invalid_response", ... */
	struct slice message;
	struct slice code;           /* the service's own */
	struct slice details;        /* bytes */
	int http_status;             /* 0: none */
};

/* What one exchange with the service came to. Borrowed for the call of the callback. */
struct verdict {
	enum step step;
	enum outcome outcome;
	bool sent;                   /* false: the service cannot have seen the request */
	bool shared;                 /* answered by a request of another future, which counts it */
	unsigned extra_requests;     /* sent besides the one: on a fresh connection, redirected, with a fresh credential */
	int http_status;             /* 0: no response */
	struct slice result;         /* with OUTCOME_SUCCESS; exact bytes */
	struct slice content_type;
	struct failure failure;      /* with FAILURE, CANCELLED and LOST */
	struct plan_source source;   /* with CONTINUE: what is prepared next */
	struct slice progress;       /* JSON text; absent: says nothing about it */
	bool has_delay;
	uint64_t delay_usec;         /* asked for by the rule, instead of the polling ladder */
	bool has_retry_after;
	uint64_t retry_after_usec;   /* asked for by the service, clamped */
	bool throttled;              /* 429, 503 or 402 with a delay: the whole bucket pauses */
	bool unreachable;            /* transport error: no usable response at all */
	const char *captured;        /* JSON object text that replaces the old one; NULL: unchanged */
	const char *budgets;         /* likewise; "": nothing is used up any more */
	char reason[256];            /* with OUTCOME_RETRY: what went wrong, for people; no secrets */
};

/* One request under way. */
struct exchange;

/* Called once for each exchange that was started and not aborted, never from within start(). */
typedef void (*exchange_cb)(void *arg, const struct verdict *verdict);

/*
 * The members of a batch: members[i] is what start() would take for a poll. A member that is given up with
 * drop_member() is not judged.
 */
struct batch_member {
	const struct plan *plan;
	struct step_input input;
};

/*
 * Called once for each member that is left, as pages of the list come, then once more with member == count: then the
 * verdict is of the request itself, with all pages counted, and PENDING. When the list, or a further page of it, could
 * not be read, that last call is made with RETRY, and the members that were not told before it are not told. Within
 * it the exchange is gone. Members may be dropped, and the exchange aborted, within the others. The verdicts of
 * members are `shared`. Never from within start_batch().
 */
typedef void (*batch_cb)(void *arg, size_t member, const struct verdict *verdict);

/* A stream of events that is open, or is being opened. */
struct watch;

enum watch_event {
	WATCH_WAKE,                  /* look now */
	WATCH_PROGRESS,              /* JSON text to tell subscribers */
	WATCH_CLOSED                 /* over; the watch is gone after the callback */
};

/* Never called from within watch(). After WATCH_CLOSED never again. unwatch() is allowed within it. */
typedef void (*watch_cb)(void *arg, enum watch_event event, struct slice progress);

/* The service side, given to the broker at its construction. self is passed to each. */
struct remote {
	void *self;
	/* Compile what a creator asked for. ret_texts is the caller's to free. ERROR_INVALID_SPEC names
	 * the key, the place and the nearest valid key. Reads profile files; does not block on the network. */
	int (*prepare)(void *self, const struct plan_source *source, struct plan_texts *ret_texts,
	    struct plan **ret_plan, struct error *error);
	/* Compile stored texts again. */
	int (*compile)(void *self, const char *spec, const char *params, struct plan **ret_plan,
	    struct error *error);
	void (*plan_free)(void *self, struct plan *plan);          /* NULL is allowed */
	/* Where two stored requests differ, for people: "params.name, profile", as much as size bytes hold. "": cannot say. */
	void (*difference)(void *self, const char *before, const char *now, char *ret, size_t size);
	/* The one way to write an origin, "https://host:443". ERROR_INVALID_ARGUMENT for what is none, or has more in it
	 * than a scheme, a host and a port. *ret is the caller's to free. */
	int (*origin)(void *self, struct slice text, char **ret, struct error *error);
	/* A result as a member of a JSON object, for a group: "result":JSON, or "base64":"..." for what is not JSON.
	 * content_type may be NULL. *ret is the caller's to free. 0 or -ENOMEM. */
	int (*embed)(void *self, const char *content_type, struct slice bytes, char **ret);
	/* Take what the plan refers to out of result number i, in their order. taken: what came of those before it;
	 * NULL: nothing. *ret is the caller's to free, and after the last what is captured first. Errors other than
	 * ERROR_OUT_OF_MEMORY say for people what is missing. */
	int (*refer)(void *self, const struct plan *plan, size_t i, struct slice result, const char *taken, char **ret,
	    struct error *error);
	/* Send one request. An error means that it could not even be built (a credential is missing, a
	 * template has no value): its text is for the future's last_error; the retry policy decides.
	 * plan must live until the callback or abort. */
	int (*start)(void *self, const struct plan *plan, const struct step_input *input, exchange_cb done,
	    void *arg, struct exchange **ret, struct error *error);
	void (*abort)(void *self, struct exchange *exchange);      /* done is not called any more */

	/* Send one list request (or several, a page each) for members of one batch. members is borrowed for
	 * the call, the plans until the callback for them, drop_member() or abort(). Errors as with start(). */
	int (*start_batch)(void *self, const struct batch_member *members, size_t count, batch_cb done, void *arg,
	    struct exchange **ret, struct error *error);
	/* Member number i of a batch under way is gone, and its plan may go: no callback for it. */
	void (*drop_member)(void *self, struct exchange *exchange, size_t i);

	/* Two keep-alive requests with equal names are one. The name is the filled request without its
	 * credential, the caller's to free. -EAGAIN without a message: a template has no value yet. */
	int (*keepalive_name)(void *self, const struct plan *plan, const struct step_input *input, char **ret,
	    struct error *error);

	/* Open a stream of events about one operation. plan must live until unwatch() or WATCH_CLOSED.
	 * -EBUSY: too many are open, polling alone has to do; other errors as with start(). */
	int (*watch)(void *self, const struct plan *plan, const struct step_input *input, watch_cb event, void *arg,
	    struct watch **ret, struct error *error);
	void (*unwatch)(void *self, struct watch *watch);
};

#endif
