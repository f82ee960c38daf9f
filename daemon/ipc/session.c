/* session.c - what one client has open: its calls and its subscriptions. */
#include "daemon/ipc/session.h"

#include "daemon/ipc/context.h"
#include "daemon/ipc/delivery.h"
#include "daemon/ipc/dispatch.h"
#include "daemon/ipc/feed.h"
#include "daemon/ipc/upload.h"
#include "daemon/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int session_send(struct session *session, struct pack *pack)
{
	char *data;
	size_t len;
	int r = pack_take(pack, &data, &len);

	if (r < 0) {
		pack_done(pack);
		return r;
	}
	conn_send(session->conn, data, len);
	return 0;
}

bool session_backed_up(const struct session *session)
{
	return conn_pending(session->conn) >= CONN_OUTPUT_SOFT;
}

bool session_reserve(struct call *call, size_t bytes, void (*resume)(struct call *call))
{
	struct session *session = call->session;
	size_t taken = conn_pending(session->conn) + session->reserved;

	/* With little taken one may always go, however large it is. */
	if (taken <= CONN_OUTPUT_LOW || taken + bytes <= CONN_OUTPUT_SOFT) {
		session->reserved += bytes;
		call->reserved = bytes;
		return true;
	}
	call->resume = resume;
	call->parked = true;
	TAILQ_INSERT_TAIL(&session->parked, call, parked_link);
	return false;
}

/* Let parked calls ask again, those that waited longest first, until one has to wait on. */
static void resume_parked(struct session *session)
{
	struct call *call;

	while ((call = TAILQ_FIRST(&session->parked))) {
		TAILQ_REMOVE(&session->parked, call, parked_link);
		call->parked = false;
		session->ipc->resumed = true;
		call_ref(call);
		call->resume(call);
		if (call->parked) {
			TAILQ_REMOVE(&session->parked, call, parked_link);
			TAILQ_INSERT_HEAD(&session->parked, call, parked_link);
			call_unref(call);
			return;
		}
		call_unref(call);
	}
}

/* --- what the connection reports ------------------------------------------------------------------------ */

static void on_message(void *arg, const msgpack_object *object)
{
	delivery_settle(arg);
	dispatch_message(arg, object);
}

static void on_broken(void *arg, int error, const char *reason)
{
	struct session *session = arg;
	struct error told;
	struct pack pack;

	if (error == -EMSGSIZE)
		error_set(&told, ERROR_TOO_LARGE, "%s", reason);
	else if (error == -ENOMEM)
		error_set(&told, ERROR_OUT_OF_MEMORY, "%s", reason);
	else
		error_set(&told, ERROR_MALFORMED, "%s", reason);
	log_info("connection of uid %u: broken stream: %s", (unsigned)session->peer.caller.uid, reason);
	pack_init(&pack, PROTO_MESSAGE_MAX);
	message_write_error(&pack, 0, &told, session->shape, NULL);
	session_send(session, &pack);
}

static void on_room(void *arg)
{
	struct session *session = arg;
	struct feed *feed;

	if (!TAILQ_EMPTY(&session->parked))
		resume_parked(session);
	LIST_FOREACH(feed, &session->feeds, link) {
		if (feed_resume(feed))
			session->ipc->resumed = true;
	}
}

static bool on_idle(void *arg)
{
	struct session *session = arg;

	/* Subscriptions do not count: a peer that says no more could never end them, and many clients wait for
	 * our end before they go. */
	return session->n_calls == 0 && delivery_settle(session);
}

static void session_free(struct session *session)
{
	while (!LIST_EMPTY(&session->calls))
		call_drop(LIST_FIRST(&session->calls));
	while (!LIST_EMPTY(&session->feeds))
		feed_free(LIST_FIRST(&session->feeds));
	delivery_settle(session);
	delivery_drop(session);
	upload_free(session->upload);
	if (producer_free(session->producer))
		session->ipc->resumed = true;
	LIST_REMOVE(session, link);
	session->ipc->n_sessions--;
	peer_done(&session->peer);
	free(session);
}

static void on_closed(void *arg, const char *reason)
{
	struct session *session = arg;

	if (reason)
		log_warning("connection of uid %u: closed: %s", (unsigned)session->peer.caller.uid, reason);
	else
		log_debug("connection of uid %u: closed", (unsigned)session->peer.caller.uid);
	session_free(session);
}

static const struct conn_ops ops = {
	.message = on_message,
	.broken = on_broken,
	.room = on_room,
	.idle = on_idle,
	.closed = on_closed,
};

/* --- opening ---------------------------------------------------------------------------------------------- */

/* Whether one more connection of uid is within the limits. */
static int admit(const struct ipc *ipc, uid_t uid, struct error *error)
{
	const struct ipc_config *config = &ipc->setup.config;
	const struct session *other;
	size_t same = 0;

	if (ipc->n_sessions >= config->connections)
		return error_set(error, ERROR_LIMIT, "at most %zu connections (limits.connections)",
		    config->connections);
	LIST_FOREACH(other, &ipc->sessions, link)
		same += other->peer.caller.uid == uid;
	if (same >= config->connections_per_uid)
		return error_set(error, ERROR_LIMIT, "at most %zu connections of one user (limits.connections_per_uid)",
		    config->connections_per_uid);
	return 0;
}

/* One write, as far as the socket takes it: there is no connection yet that could wait. */
static void turn_away(struct ipc *ipc, int fd, const struct error *error)
{
	time_t now = time(NULL);
	struct pack pack;
	struct slice bytes;

	if (now != ipc->turned_away_at)
		log_warning("listener: a client was turned away: %s", error->message);
	ipc->turned_away_at = now;
	pack_init(&pack, PROTO_MESSAGE_MAX);
	message_write_error(&pack, 0, error, ERROR_SHAPE_STRING, NULL);
	if (pack_finish(&pack, &bytes) == 0 && send(fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("listener: the client was gone: %s", strerror(errno));
	pack_done(&pack);
	close(fd);
}

void session_open(struct ipc *ipc, int fd)
{
	struct session *session = calloc(1, sizeof(*session));
	struct error error;
	int r = -ENOMEM;

	if (session)
		r = peer_read(fd, &session->peer);
	if (r == 0)
		r = admit(ipc, session->peer.caller.uid, &error);
	else if (r == -EACCES)
		error_set(&error, ERROR_PERMISSION_DENIED, "a user of a foreign user namespace");
	else
		error_set(&error, ERROR_OUT_OF_MEMORY, "no memory for a connection");
	if (r == 0) {
		r = conn_new(&ipc->conns, fd, &ops, session, &session->conn);
		if (r < 0)
			error_set(&error, ERROR_OUT_OF_MEMORY, "no memory for a connection");
	}
	if (r < 0) {
		turn_away(ipc, fd, &error);
		if (session)
			peer_done(&session->peer);
		free(session);
		return;
	}
	session->ipc = ipc;
	LIST_INIT(&session->calls);
	LIST_INIT(&session->feeds);
	TAILQ_INIT(&session->parked);
	TAILQ_INIT(&session->deliveries);
	LIST_INSERT_HEAD(&ipc->sessions, session, link);
	ipc->n_sessions++;
	log_debug("connection of uid %u: opened", (unsigned)session->peer.caller.uid);
}

void session_stop(struct session *session)
{
	struct call *call, *next;
	struct error error;

	error_set(&error, ERROR_SHUTTING_DOWN, "the daemon is stopping");
	while (!LIST_EMPTY(&session->feeds))
		feed_free(LIST_FIRST(&session->feeds));
	for (call = LIST_FIRST(&session->calls); call; call = next) {
		next = LIST_NEXT(call, link);
		if (call->wait || call->parked || call->trial)
			call_fail(call, &error, NULL);
	}
}
