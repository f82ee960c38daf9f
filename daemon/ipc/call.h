/* call.h - one request that awaits its reply. */
#ifndef IPC_CALL_H
#define IPC_CALL_H

#include "proto/error.h"
#include "proto/message.h"
#include "proto/pack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct caller;
struct broker;
struct session;
struct wait;

/*
 * A call is answered exactly once, by call_reply() or call_fail(), or dropped with its connection. Whoever keeps a
 * pointer to it across turns holds a reference: a call may be dropped while the broker still works for it.
 * Answering such a call does nothing.
 */
struct call {
	LIST_ENTRY(call) link;          /* in its session */
	TAILQ_ENTRY(call) parked_link;
	struct session *session;        /* NULL once answered or dropped */
	unsigned refs;
	uint32_t id;
	bool silent;                    /* a notification: nobody wants the reply */
	bool parked;
	void (*resume)(struct call *call);   /* when parked */
	size_t reserved;                /* bytes of the session's output */
	struct wait *wait;              /* on futures; ended with the call */
	void *trial;                    /* a poll that is tried; aborted with the call */
	void *data;                     /* the handler's own; freed with the call, by free() */
};

LIST_HEAD(call_list, call);
TAILQ_HEAD(call_queue, call);

/* A new call of session with one reference, for the caller; the session's list holds another. NULL: no memory. */
struct call *call_new(struct session *session, uint32_t id, bool silent);
struct call *call_ref(struct call *call);
struct call *call_unref(struct call *call);

/* Whether an answer is still wanted. session may be used then. */
bool call_pending(const struct call *call);

/* The session's caller and broker; only while the call is pending. */
const struct caller *call_caller(const struct call *call);
struct broker *call_broker(const struct call *call);

/* Begin a reply: the caller packs one object, its result, and then calls call_reply() with the same pack. */
void call_begin(const struct call *call, struct pack *pack);
/* Send it, or an error instead when packing failed. Takes what is in pack. */
void call_reply(struct call *call, struct pack *pack);
/* Answer with an error. failure may be NULL. */
void call_fail(struct call *call, const struct error *error, const struct failure_wire *failure);
/* What the broker has done needs no more words than {}: answer so, or with the error (NULL: none), and drop a reference. */
void call_finish(struct call *call, const struct error *error);

/* The connection is gone: no answer. */
void call_drop(struct call *call);

#endif
