/* request.h - requests on their way to the daemon and back. */
#ifndef CLIENT_REQUEST_H
#define CLIENT_REQUEST_H

#include "proto/message.h"
#include "proto/pack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#define REQUEST_MAX 65536          /* at one time on one connection: the slots that an id can name */
#define REQUEST_CALLS_DEFAULT 256  /* in flight, where the daemon does not announce its limit */

/* What came back, valid during on_answer only. */
struct answer {
	int error;                           /* 0, or the negative errno of the daemon's error or of ours */
	const struct error *daemon_error;    /* NULL when error is our own */
	const struct failure_wire *failure;  /* of a future that failed; may be NULL */
	const msgpack_object *result;        /* NULL with an error */
};

#define REQUEST_ONCE 1u    /* could do a thing twice if sent twice: never repeated */
#define REQUEST_HELLO 2u   /* sent before all others */
#define REQUEST_LONG 4u    /* its answer may take as long as a future does */
#define REQUEST_BOUND 8u   /* means something on this connection only: dies with it */
#define REQUEST_READ 16u   /* its answer is all there is to it: of no use when nobody waits for that */

struct futured;

struct request {
	TAILQ_ENTRY(request) entry;
	uint32_t id;
	unsigned flags;
	bool in_flight;              /* in the list of those sent */
	char *bytes;
	size_t len;
	size_t sent;
	/* Called once while parsing, with owner; must not call the user. The request is released afterwards.
	 * 0, or -EBADMSG for an answer that makes no sense, which ends the connection. NULL: the answer is ignored. */
	int (*on_answer)(void *owner, const struct answer *answer);
	void *owner;
};
TAILQ_HEAD(request_list, request);

struct request_table {
	struct request **slots;      /* by the low 16 bits of the id */
	uint32_t *free_slots;
	uint32_t n_free;
	uint32_t size;
	uint32_t generation;
	struct request_list unsent;  /* the first may be sent in part */
	struct request_list sent;
	uint32_t n_sent;
	uint32_t calls_max;          /* of those */
	bool sorting;                /* request_lost() is at it: some are in neither list */
};

void request_table_init(struct request_table *table);
/* Every request must have been released. */
void request_table_done(struct request_table *table);

/*
 * Begin a request: reserves an id and writes the envelope into pack; the caller adds one map of params and
 * calls request_send(), or request_drop() when it gives up.
 * 0; -ENOBUFS with REQUEST_MAX under way, -ENOMEM, -ENOTCONN when c is closed for good.
 */
int request_begin(struct futured *c, const char *method, struct pack *pack, struct request **ret);

/* Take the packed bytes and queue the request; pack is done with either way. On failure (-ENOMEM, -EMSGSIZE) the
 * request is released. */
int request_send(struct futured *c, struct request *request, struct pack *pack, unsigned flags,
    int (*on_answer)(void *owner, const struct answer *answer), void *owner);

/* Release a request that was begun and not sent. */
void request_drop(struct futured *c, struct request *request, struct pack *pack);

/* The owner is no longer interested: the answer will be ignored. What only waits or reads is taken back, or the daemon told
 * that it need not wait any more. A creation still goes out. */
void request_orphan(struct futured *c, struct request *request);

/* Write what the socket takes: 1 when bytes left, 0 when there was nothing to write or no room, or a negative errno. */
int request_write(struct futured *c);

/* Whether request_write() has something that it may send now. */
bool request_writable(const struct futured *c);

/* Hand an answer to whom it belongs. -EBADMSG when nothing was asked under that id. */
int request_answered(struct futured *c, const struct message *message);

/* The connection is lost: what can be asked again waits for the next one, in the old order; the rest is answered
 * with error. With all, everything is. */
void request_lost(struct futured *c, int error, bool all);

#endif
