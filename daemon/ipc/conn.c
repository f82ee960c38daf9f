/* conn.c - one connection: bytes on a socket to messages, and back, with bounds on both. */
#include "daemon/ipc/conn.h"

#include "proto/scan.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_MAX (64 * 1024)     /* bytes a turn */
#define MESSAGES_MAX 256         /* a turn: others want theirs too */
#define SMALL_MAX 4096           /* shorter output is copied together, longer is kept where it is */
#define HALF_CLOSED_POLL_SECONDS 1

enum conn_state {
	CONN_OPEN,
	CONN_HALF,       /* the peer sends no more but may still read */
	CONN_LAST,       /* nothing is read any more; closes when the output has left */
	CONN_DEAD        /* to be freed in the next turn */
};

struct conn {
	struct conns *conns;
	TAILQ_ENTRY(conn) dirty_link;
	TAILQ_ENTRY(conn) link;
	bool dirty;
	enum conn_state state;
	bool paused;                 /* output is over the soft limit */
	bool lost;                   /* what lay in the peer's socket was thrown away */
	bool backlog;                /* in may hold whole messages: they come before new bytes */
	int fd;
	uint64_t sent;               /* bytes, since the beginning */
	uint64_t taken;              /* of these, at the last look */
	struct event *readable, *writable;
	struct event *again;         /* goes on with the backlog; looks after a half-closed peer */
	struct evbuffer *in, *out;
	struct scan scan;            /* of the message at the start of in */
	const struct conn_ops *ops;
	void *arg;
	const char *reason;
};

static const struct scan_limits limits = {
	.bytes = PROTO_MESSAGE_MAX,
	.depth = PROTO_DEPTH_MAX,
	.items = PROTO_ITEMS_MAX,
};

static void mark_dirty(struct conn *conn)
{
	if (conn->dirty)
		return;
	conn->dirty = true;
	TAILQ_INSERT_TAIL(&conn->conns->dirty, conn, dirty_link);
}

static bool reads(const struct conn *conn)
{
	return conn->state == CONN_OPEN || conn->state == CONN_HALF;
}

/* Let the events follow the state. */
static void update_events(struct conn *conn)
{
	static const struct timeval now = { 0 }, later = { .tv_sec = HALF_CLOSED_POLL_SECONDS };

	if (conn->state == CONN_OPEN && !conn->paused && !conn->backlog)
		event_add(conn->readable, NULL);
	else
		event_del(conn->readable);
	if (reads(conn) && conn->backlog && !conn->paused)
		event_add(conn->again, &now);
	else if (conn->state == CONN_HALF)
		event_add(conn->again, &later);
	else
		event_del(conn->again);
}

void conn_close(struct conn *conn, const char *reason)
{
	if (conn->state == CONN_DEAD)
		return;
	conn->state = CONN_DEAD;
	conn->reason = reason;
	update_events(conn);
	event_del(conn->writable);
	mark_dirty(conn);
}

void conn_finish(struct conn *conn)
{
	if (!reads(conn))
		return;
	conn->state = CONN_LAST;
	update_events(conn);
	mark_dirty(conn);
}

/* --- input ------------------------------------------------------------------------------------------- */

/* Look for the end of the first message among the bytes that were not looked at yet. As scan_feed(); on 1, *ret_len
 * is the length of that message. */
static int find_message(struct conn *conn, size_t *ret_len)
{
	struct evbuffer_iovec parts[8];
	size_t at = scan_pending(&conn->scan), used = 0, end = evbuffer_get_length(conn->in);
	struct evbuffer_ptr place;
	int r = 0;

	while (r == 0 && at < end) {
		int n;

		evbuffer_ptr_set(conn->in, &place, at, EVBUFFER_PTR_SET);
		n = evbuffer_peek(conn->in, -1, &place, parts, 8);
		for (int i = 0; r == 0 && i < n && i < 8; i++) {
			r = scan_feed(&conn->scan, parts[i].iov_base, parts[i].iov_len, &used);
			at += used;
		}
	}
	if (r == 1)
		*ret_len = at;
	return r;
}

/* Decode the first len bytes, known to be one whole message within the bounds, and hand it up. */
static int take_message(struct conn *conn, size_t len)
{
	const char *bytes = (const char *)evbuffer_pullup(conn->in, (ev_ssize_t)len);
	msgpack_unpacked message;
	size_t offset = 0;
	int r = 0;

	if (!bytes)
		return -ENOMEM;
	msgpack_unpacked_init(&message);
	switch (msgpack_unpack_next(&message, bytes, len, &offset)) {
	case MSGPACK_UNPACK_SUCCESS:
	case MSGPACK_UNPACK_EXTRA_BYTES:
		conn->ops->message(conn->arg, &message.data);
		break;
	case MSGPACK_UNPACK_NOMEM_ERROR:
		r = -ENOMEM;
		break;
	default:
		r = -EBADMSG;
	}
	msgpack_unpacked_destroy(&message);
	evbuffer_drain(conn->in, len);
	return r;
}

static void on_broken(struct conn *conn, int error)
{
	const char *reason = error == -ENOMEM ? "out of memory" : scan_reason(&conn->scan);

	evbuffer_drain(conn->in, evbuffer_get_length(conn->in));
	conn->ops->broken(conn->arg, error, reason);
	conn_finish(conn);
}

/* Hand up whole messages, as many as one turn may. */
static void process(struct conn *conn)
{
	int left = MESSAGES_MAX, r = 0;
	size_t len = 0;

	while (reads(conn) && !conn->paused && left-- > 0) {
		r = find_message(conn, &len);
		if (r > 0)
			r = take_message(conn, len);
		else if (r == 0)
			break;
		if (r < 0) {
			on_broken(conn, r);
			return;
		}
	}
	conn->backlog = (conn->paused || left < 0) && evbuffer_get_length(conn->in) > 0;
	update_events(conn);
	if (conn->state == CONN_HALF)
		mark_dirty(conn);
}

/* Whether the peer has closed, and not only stopped sending. */
static bool hung_up(const struct conn *conn)
{
	struct pollfd peer = { .fd = conn->fd };

	return poll(&peer, 1, 0) > 0 && (peer.revents & (POLLHUP | POLLERR));
}

static void on_end(struct conn *conn)
{
	if (hung_up(conn)) {
		conn_close(conn, NULL);
		return;
	}
	conn->state = CONN_HALF;
	update_events(conn);
	mark_dirty(conn);
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
	struct conn *conn = arg;
	ssize_t n = read(fd, conn->conns->scratch, READ_MAX);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		conn->lost = true;
		conn_close(conn, NULL);
	} else if (n == 0) {
		on_end(conn);
	} else if (evbuffer_add(conn->in, conn->conns->scratch, (size_t)n) < 0) {
		on_broken(conn, -ENOMEM);
	} else {
		process(conn);
	}
}

static void on_again(evutil_socket_t fd, short events, void *arg)
{
	struct conn *conn = arg;

	if (conn->state == CONN_HALF && hung_up(conn))
		conn_close(conn, NULL);
	else
		process(conn);
}

/* --- output ------------------------------------------------------------------------------------------ */

size_t conn_pending(const struct conn *conn)
{
	return evbuffer_get_length(conn->out);
}

uint64_t conn_sent(const struct conn *conn)
{
	return conn->state == CONN_DEAD ? UINT64_MAX : conn->sent;
}

/* The kernel knows how much memory what lies in the peer's socket takes, which is more than its bytes, and makes an error
 * of what lay there when the peer closed: in this order, it has set that error before it throws anything away. */
uint64_t conn_taken(struct conn *conn)
{
	int left = 0, error = 0;
	socklen_t len = sizeof(error);
	uint64_t open;

	if (ioctl(conn->fd, SIOCOUTQ, &left) < 0 || getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
		conn->lost = true;
	open = conn_pending(conn) + (uint64_t)left;
	if (!conn->lost && open < conn->sent - conn->taken)
		conn->taken = conn->sent - open;
	return conn->taken;
}

static void free_bytes(const void *data, size_t len, void *arg)
{
	free(arg);
}

void conn_send(struct conn *conn, char *data, size_t len)
{
	int r;

	if (conn->state == CONN_DEAD) {
		free(data);
		return;
	}
	if (len > SMALL_MAX) {
		r = evbuffer_add_reference(conn->out, data, len, free_bytes, data);
		if (r < 0)
			free(data);
	} else {
		r = evbuffer_add(conn->out, data, len);
		free(data);
	}
	if (r < 0) {
		conn_close(conn, "out of memory for its output");
		return;
	}
	conn->sent += len;
	if (conn_pending(conn) > CONN_OUTPUT_HARD) {
		conn_close(conn, "too slow a reader: its output is over the limit");
		return;
	}
	if (!conn->paused && conn_pending(conn) > CONN_OUTPUT_SOFT) {
		conn->paused = true;
		conn->backlog = evbuffer_get_length(conn->in) > 0;
		update_events(conn);
	}
	mark_dirty(conn);
}

/* Write until the socket takes no more. Progress starts the stuck reader's time anew. */
static void flush(struct conn *conn)
{
	static const struct timeval stuck = { .tv_sec = CONN_STUCK_SECONDS };
	bool progress = false;

	while (conn_pending(conn) > 0) {
		int n = evbuffer_write(conn->out, conn->fd);

		if (n > 0) {
			progress = true;
			continue;
		}
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		conn->lost = true;
		conn_close(conn, NULL);
		return;
	}
	if (conn_pending(conn) == 0)
		event_del(conn->writable);
	else if (progress || !event_pending(conn->writable, EV_WRITE, NULL))
		event_add(conn->writable, &stuck);
}

static void on_writable(evutil_socket_t fd, short events, void *arg)
{
	struct conn *conn = arg;

	if (events & EV_TIMEOUT)
		conn_close(conn, "stuck reader: took nothing for a minute");
	else
		mark_dirty(conn);
}

/* --- life -------------------------------------------------------------------------------------------- */

static void conn_free(struct conn *conn)
{
	if (conn->dirty)
		TAILQ_REMOVE(&conn->conns->dirty, conn, dirty_link);
	if (conn->readable)
		event_free(conn->readable);
	if (conn->writable)
		event_free(conn->writable);
	if (conn->again)
		event_free(conn->again);
	if (conn->in)
		evbuffer_free(conn->in);
	if (conn->out)
		evbuffer_free(conn->out);
	free(conn);
}

int conn_new(struct conns *conns, int fd, const struct conn_ops *ops, void *arg, struct conn **ret)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return -ENOMEM;
	conn->conns = conns;
	conn->fd = fd;
	conn->ops = ops;
	conn->arg = arg;
	scan_init(&conn->scan, &limits);
	conn->in = evbuffer_new();
	conn->out = evbuffer_new();
	conn->readable = event_new(conns->base, fd, EV_READ | EV_PERSIST, on_readable, conn);
	conn->writable = event_new(conns->base, fd, EV_WRITE | EV_PERSIST, on_writable, conn);
	conn->again = evtimer_new(conns->base, on_again, conn);
	if (!conn->in || !conn->out || !conn->readable || !conn->writable || !conn->again ||
	    event_add(conn->readable, NULL) < 0) {
		conn_free(conn);
		return -ENOMEM;
	}
	TAILQ_INSERT_TAIL(&conns->all, conn, link);
	conns->count++;
	*ret = conn;
	return 0;
}

/* Say goodbye and free. */
static void bury(struct conn *conn)
{
	struct conns *conns = conn->conns;
	int fd = conn->fd;

	conn->ops->closed(conn->arg, conn->reason);
	TAILQ_REMOVE(&conns->all, conn, link);
	conns->count--;
	conn_free(conn);         /* its events end before the descriptor does */
	close(fd);
}

/* One connection's part of a turn. */
static void turn(struct conn *conn)
{
	if (conn->state != CONN_DEAD)
		flush(conn);
	if (conn->state == CONN_LAST && conn_pending(conn) == 0)
		conn_close(conn, NULL);
	if (conn->state != CONN_DEAD && conn_pending(conn) <= CONN_OUTPUT_LOW) {
		if (conn->paused) {
			conn->paused = false;
			update_events(conn);
		}
		conn->ops->room(conn->arg);
	}
	if (conn->state == CONN_HALF && !conn->backlog && conn_pending(conn) == 0 && conn->ops->idle(conn->arg))
		conn_close(conn, NULL);
}

void conns_turn(struct conns *conns)
{
	struct conn *conn;

	while ((conn = TAILQ_FIRST(&conns->dirty))) {
		TAILQ_REMOVE(&conns->dirty, conn, dirty_link);
		conn->dirty = false;
		turn(conn);
		if (conn->state == CONN_DEAD)
			bury(conn);
	}
}

bool conns_flushed(const struct conns *conns)
{
	const struct conn *conn;

	TAILQ_FOREACH(conn, &conns->all, link) {
		if (conn_pending(conn) > 0)
			return false;
	}
	return true;
}

int conns_init(struct conns *conns, struct event_base *base)
{
	*conns = (struct conns){ .base = base, .scratch = malloc(READ_MAX) };
	TAILQ_INIT(&conns->dirty);
	TAILQ_INIT(&conns->all);
	return conns->scratch ? 0 : -ENOMEM;
}

void conns_done(struct conns *conns)
{
	struct conn *conn;

	while ((conn = TAILQ_FIRST(&conns->all)))
		bury(conn);
	assert(conns->count == 0);
	free(conns->scratch);
	conns->scratch = NULL;
}
