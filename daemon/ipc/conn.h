/* conn.h - one connection: bytes on a socket to messages, and back, with bounds on both. */
#ifndef IPC_CONN_H
#define IPC_CONN_H

#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct event_base;
struct conn;

/* Output that waits for a slow reader, in bytes. Over the soft limit no more requests are read and nothing is pushed;
 * below the low mark both go on; over the hard limit the connection ends. */
#define CONN_OUTPUT_SOFT (1024 * 1024)
#define CONN_OUTPUT_LOW (256 * 1024)
#define CONN_OUTPUT_HARD (8 * 1024 * 1024)
/* A reader that takes nothing for so long while output waits is disconnected. */
#define CONN_STUCK_SECONDS 60

/* What a connection tells its owner. None is called from within conn_new() or conn_send(). */
struct conn_ops {
	/* A message arrived. object is borrowed for the call. */
	void (*message)(void *arg, const msgpack_object *object);
	/* The stream cannot be followed any further; error is -EBADMSG, -EMSGSIZE or -ENOMEM. Nothing more is read;
	 * the owner may send a last word and calls conn_finish(). */
	void (*broken)(void *arg, int error, const char *reason);
	/* After a turn's writing, whenever no more than the low mark waits: what was held back may go on. */
	void (*room)(void *arg);
	/* Whether nothing is owed to the peer: asked when the peer has shut down its sending side. */
	bool (*idle)(void *arg);
	/* The last call: the connection is freed after it. reason is NULL when the peer just left. */
	void (*closed)(void *arg, const char *reason);
};

TAILQ_HEAD(conn_queue, conn);

/* All connections of one loop. Zero-initialised but for base. */
struct conns {
	struct event_base *base;
	struct conn_queue dirty;        /* have something to write, or are to be freed */
	struct conn_queue all;
	size_t count;
	char *scratch;                  /* where bytes are read to first */
};

int conns_init(struct conns *conns, struct event_base *base);
/* Frees every connection; closed() is called for each. */
void conns_done(struct conns *conns);

/* Write what gathered during this turn of the loop, free what was closed. To be called once a turn. */
void conns_turn(struct conns *conns);
/* Whether all output has left. */
bool conns_flushed(const struct conns *conns);

/* Take over fd, which must be non-blocking. 0, or -ENOMEM and fd stays the caller's. */
int conn_new(struct conns *conns, int fd, const struct conn_ops *ops, void *arg, struct conn **ret);

/* Queue bytes of malloc'ed data, which is taken over in any case. They leave with the next turn. What is sent
 * on a closed connection is dropped. */
void conn_send(struct conn *conn, char *data, size_t len);

/* Output that waits, in bytes. */
size_t conn_pending(const struct conn *conn);

/* Where what was sent last ends, in bytes since the beginning. UINT64_MAX: nothing that is sent can arrive any more. */
uint64_t conn_sent(const struct conn *conn);

/* How far the peer has certainly taken what was sent out of its socket: all of it, when nothing is left there. */
uint64_t conn_taken(struct conn *conn);

/* Read nothing more; close when all output has left. */
void conn_finish(struct conn *conn);

/* End the connection now; it is freed in the next turn. reason (a static text, or NULL) goes to closed(). */
void conn_close(struct conn *conn, const char *reason);

#endif
