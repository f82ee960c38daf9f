/* session.h - what one client has open: its calls and its subscriptions. */
#ifndef IPC_SESSION_H
#define IPC_SESSION_H

#include "daemon/ipc/call.h"
#include "daemon/ipc/peer.h"
#include "proto/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct conn;
struct delivery;
struct feed;
struct ipc;
struct producer;
struct upload;

LIST_HEAD(feed_list, feed);
TAILQ_HEAD(delivery_list, delivery);

struct session {
	LIST_ENTRY(session) link;
	struct ipc *ipc;
	struct conn *conn;
	struct peer peer;
	enum error_shape shape;         /* how it wants errors */
	struct call_list calls;
	size_t n_calls;
	struct call_queue parked;       /* calls that wait for room in the output */
	size_t reserved;                /* bytes of output that others of its calls will need */
	struct feed_list feeds;         /* its subscriptions */
	uint64_t last_feed;             /* number of the newest */
	struct producer *producer;      /* what it claims as long as it is there; NULL: nothing was yet */
	struct delivery_list deliveries; /* results that it was sent and may not have taken yet */
	struct upload *upload;          /* a result of which more is to come; NULL: none */
};

/* A client connected on fd, which is taken over: closed again, with a last word, when it is one too many. */
void session_open(struct ipc *ipc, int fd);

/* The daemon stops: end the subscriptions and answer the calls that wait for futures. */
void session_stop(struct session *session);

/* Send what was packed; nothing of it when pack has an error, which is returned. Empties pack in any case. */
int session_send(struct session *session, struct pack *pack);

/*
 * Ask for bytes of room in the output for a reply that is yet to be read. Returns true when it is there: it is
 * reserved until the call is answered. Otherwise resume(call) is called later, once, to ask again.
 */
bool session_reserve(struct call *call, size_t bytes, void (*resume)(struct call *call));

/* Whether output is backed up so far that nothing should be pushed. */
bool session_backed_up(const struct session *session);

#endif
