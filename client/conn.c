/* conn.c - the connection object: its life, its pump, and the queue of callbacks that are due. */
#include "config.h"

#include "client/conn.h"

#include "client/address.h"
#include "client/call.h"
#include "client/feed.h"
#include "client/future.h"
#include "client/group.h"
#include "client/hello.h"
#include "client/pairs.h"
#include "client/subscription.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define USEC_PER_SEC 1000000u
#define CONN_LATE_TURNS_MAX 1000   /* of conn_drive() after its time is over, as long as there is something to do */

uint64_t conn_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / 1000;
}

int conn_check(const struct futured *c)
{
	if (c->pid != getpid())
		return -ECHILD;
	return c->state == CONN_CLOSED ? -ENOTCONN : 0;
}

uint64_t futured_now(void)
{
	return conn_now();
}

void conn_wake(struct futured *c)
{
	if (!c->loop_cb || c->processing || c->loop_told)
		return;
	c->loop_told = true;
	c->loop_cb(c, -1, c->loop_userdata);
}

/* --- callbacks that are due --------------------------------------------------------------------- */

void conn_due_add(struct futured *c, struct due *due)
{
	if (due->queued)
		return;
	due->queued = true;
	TAILQ_INSERT_TAIL(&c->due, due, entry);
	c->n_due++;
	conn_wake(c);
}

void conn_due_remove(struct futured *c, struct due *due)
{
	if (!due->queued)
		return;
	due->queued = false;
	TAILQ_REMOVE(&c->due, due, entry);
	c->n_due--;
}

/* Call back at most max times, and what the callbacks have queued only in the next turn; returns how often. */
static unsigned conn_call_back(struct futured *c, unsigned max)
{
	struct due *due;
	unsigned n = 0;

	if (max > c->n_due)
		max = (unsigned)c->n_due;
	while (n < max && (due = TAILQ_FIRST(&c->due))) {
		conn_due_remove(c, due);
		due->run(due);
		n++;
	}
	return n;
}

/* --- losing and finding the daemon -------------------------------------------------------------- */

/* Somewhere in the upper half of a span that doubles: many clients of one restarted daemon do not come at once. */
static uint64_t conn_backoff(unsigned failures)
{
	uint64_t delay = CONN_BACKOFF_MAX_USEC, random = 0;

	if (failures < 8 && (uint64_t)CONN_BACKOFF_MIN_USEC << failures < CONN_BACKOFF_MAX_USEC)
		delay = (uint64_t)CONN_BACKOFF_MIN_USEC << failures;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = conn_now();
	return delay / 2 + random % (delay / 2 + 1);
}

static void conn_close_socket(struct futured *c)
{
	if (c->fd >= 0 && c->loop_cb)
		c->loop_cb(c, c->fd, c->loop_userdata);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	stream_reset(&c->in);
}

void conn_end(struct futured *c, int error)
{
	if (c->state == CONN_CLOSED)
		return;
	conn_close_socket(c);
	c->state = CONN_CLOSED;
	c->error = error;
	request_lost(c, error, true);
	future_end_all(c, error);
	call_end_all(c, error);
	subscription_end_all(c, error);
}

/* Without a socket until delay_usec from now. */
static void conn_down(struct futured *c, uint64_t delay_usec)
{
	conn_close_socket(c);
	c->state = CONN_DOWN;
	c->retry_usec = conn_now() + delay_usec;
	request_lost(c, -ECONNRESET, false);
	subscription_lost(c);
}

void conn_lost(struct futured *c, int error)
{
	if (c->flags & FUTURED_NO_RECONNECT)
		conn_end(c, error);
	else
		conn_down(c, conn_backoff(c->failures++));
}

/* Whether anything would be said on a new connection: an idle one that the daemon closed is not missed. */
static bool conn_is_wanted(const struct futured *c)
{
	return !TAILQ_EMPTY(&c->requests.unsent) || !TAILQ_EMPTY(&c->unwatched) || !TAILQ_EMPTY(&c->unfollowed) ||
	    !TAILQ_EMPTY(&c->subscriptions);
}

/* Try to connect. */
static void conn_try(struct futured *c)
{
	int fd = address_connect(c->path, c->explicit_path);

	if (fd < 0) {
		conn_lost(c, fd);
		return;
	}
	c->fd = fd;
	c->state = CONN_HELLO;
	if (hello_send(c) < 0)
		conn_lost(c, -ENOMEM);
}

/* --- the pump ----------------------------------------------------------------------------------- */

/* An error that belongs to no request: the daemon's last word on this connection. */
static int conn_on_farewell(const struct message *message)
{
	struct error error;

	if (!message->error)
		return -EBADMSG;
	message_read_error(message->error, &error, NULL);
	return error.code == ERROR_MALFORMED || error.code == ERROR_TOO_LARGE ? -EBADMSG : -ECONNRESET;
}

/* Hand one message on. */
static int conn_on_message(struct futured *c, const msgpack_object *object)
{
	struct message message;
	int r;

	r = message_read(object, &message, NULL);
	if (r < 0)
		return -EBADMSG;
	if (message.type == MESSAGE_RESPONSE)
		return message.id == 0 ? conn_on_farewell(&message) : request_answered(c, &message);
	if (message.type == MESSAGE_NOTIFICATION)
		return slice_equals(message.method, "future.changed") ? subscription_notified(c, message.params) : 0;
	return -EBADMSG;
}

/* Whether there is room for more to call back about. */
static bool conn_may_read(const struct futured *c)
{
	return c->fd >= 0 && c->n_due <= CONN_DUE_MAX;
}

/* Hand on what has been read. 1, 0, or why the connection cannot go on. */
static int conn_parse(struct futured *c)
{
	msgpack_unpacked unpacked;
	int n = 0, r;

	while (n < CONN_MESSAGES_PER_TURN && conn_may_read(c)) {
		r = stream_next(&c->in, &unpacked);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		r = conn_on_message(c, &unpacked.data);
		msgpack_unpacked_destroy(&unpacked);
		if (r < 0)
			return r;
		n++;
	}
	return n > 0;
}

/* Read, when all that was read before has been handed on. */
static int conn_receive(struct futured *c)
{
	int r;

	r = conn_parse(c);
	if (r != 0)
		return r;
	return conn_may_read(c) ? stream_read(&c->in, c->fd) : 0;
}

/* One turn. 1 when there was something to do. */
static int conn_turn(struct futured *c)
{
	int progress = 0, r;
	bool deaf;

	if (c->state == CONN_DOWN && conn_is_wanted(c) && conn_now() >= c->retry_usec) {
		conn_try(c);
		progress = 1;
	}
	progress |= future_flush(c);
	progress |= feed_flush(c);
	r = c->fd >= 0 ? request_write(c) : 0;
	/* What the daemon said before it closed is still there to be read. */
	deaf = r == -EPIPE || r == -ECONNRESET;
	if (deaf)
		r = 0;
	if (r >= 0) {
		progress |= r;
		progress |= conn_call_back(c, CONN_CALLBACKS_PER_TURN) > 0;
		r = c->fd >= 0 ? conn_receive(c) : 0;
		if (r == 0 && deaf && conn_may_read(c))
			r = -ECONNRESET;
	}
	if (r == -EBADMSG) {
		conn_end(c, r);
	} else if (r < 0) {
		conn_lost(c, r);
	} else {
		return progress | r;
	}
	return 1;
}

int futured_process(futured *c)
{
	int r;

	if (c->pid != getpid())
		return -ECHILD;
	if (c->processing)
		return -EBUSY;
	c->processing = true;
	c->loop_told = false;
	c->refs++;
	r = conn_turn(c);
	c->busy = r > 0;
	c->processing = false;
	if (r == 0 && c->state == CONN_CLOSED)
		r = c->error == -EBADMSG ? -EBADMSG : -ENOTCONN;
	futured_unref(c);
	return r;
}

int futured_get_fd(futured *c)
{
	int r = conn_check(c);

	if (r < 0)
		return r;
	return c->fd >= 0 ? c->fd : -EAGAIN;
}

int futured_get_events(futured *c)
{
	int r = conn_check(c);

	if (r < 0)
		return r;
	return POLLIN | (request_writable(c) ? POLLOUT : 0);
}

int futured_get_timeout(futured *c, uint64_t *ret_deadline_usec)
{
	if (c->pid != getpid())
		return -ECHILD;
	if (c->n_due > 0 || c->busy || future_can_flush(c) || feed_can_flush(c))
		*ret_deadline_usec = 0;
	else if (c->state == CONN_CLOSED)
		return -ENOTCONN;
	else
		*ret_deadline_usec = c->state == CONN_DOWN && conn_is_wanted(c) ? c->retry_usec : FUTURED_TIME_NONE;
	return 0;
}

int futured_wait_io(futured *c, uint64_t timeout_usec)
{
	struct pollfd pollfd = { .fd = -1 };
	uint64_t deadline, now = conn_now();
	struct timespec span;
	bool ours = false;
	int r;

	r = futured_get_timeout(c, &deadline);
	if (r < 0)
		return r;
	if (deadline <= now)
		return 1;
	if (deadline != FUTURED_TIME_NONE && deadline - now < timeout_usec) {
		timeout_usec = deadline - now;
		ours = true;
	}
	pollfd.fd = c->fd;
	pollfd.events = (short)futured_get_events(c);
	span.tv_sec = (time_t)(timeout_usec / USEC_PER_SEC);
	span.tv_nsec = (long)(timeout_usec % USEC_PER_SEC) * 1000;
	r = ppoll(&pollfd, 1, timeout_usec == FUTURED_TIME_NONE ? NULL : &span, NULL);
	if (r < 0)
		return -errno;
	return r > 0 || ours;
}

int conn_drive(struct futured *c, int (*check)(void *arg), void *arg, uint64_t timeout_usec)
{
	uint64_t now = conn_now(), deadline = FUTURED_TIME_NONE;
	unsigned late = 0;
	int r;

	if (timeout_usec < FUTURED_TIME_NONE - now)
		deadline = now + timeout_usec;
	futured_ref(c);
	while ((r = check(arg)) == 0) {
		r = futured_process(c);
		if (r < 0)
			break;
		now = conn_now();
		if (r > 0 && (now < deadline || late++ < CONN_LATE_TURNS_MAX))
			continue;
		if (now >= deadline) {
			r = 0;
			break;
		}
		r = futured_wait_io(c, deadline == FUTURED_TIME_NONE ? FUTURED_TIME_NONE : deadline - now);
		if (r < 0)
			break;
	}
	/* What the callbacks began, the loop has to go on with. */
	conn_wake(c);
	futured_unref(c);
	return r;
}

/* --- life --------------------------------------------------------------------------------------- */

/* Copy the options, or their defaults. */
static int conn_take_options(struct futured *c, const struct futured_options *options)
{
	static const struct futured_options defaults = FUTURED_OPTIONS_INIT;

	if (!options)
		options = &defaults;
	if (options->size < sizeof(*options) || (options->flags & ~FUTURED_NO_RECONNECT) ||
	    !pairs_text_ok(options->client) || (options->client && strlen(options->client) > CONN_CLIENT_MAX))
		return -EINVAL;
	c->flags = options->flags;
	c->result_max = options->result_max ? options->result_max : CONN_RESULT_MAX;
	if (options->client) {
		c->client = strdup(options->client);
		if (!c->client)
			return -ENOMEM;
	}
	return 0;
}

static struct futured *conn_new(void)
{
	struct futured *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->refs = 1;
	c->pid = getpid();
	c->fd = -1;
	c->long_max = REQUEST_CALLS_DEFAULT / 2;
	c->wait_ids_max = PROTO_WAIT_IDS_MAX;
	stream_init(&c->in);
	request_table_init(&c->requests);
	TAILQ_INIT(&c->due);
	TAILQ_INIT(&c->futures);
	TAILQ_INIT(&c->finished);
	TAILQ_INIT(&c->unwatched);
	TAILQ_INIT(&c->groups);
	TAILQ_INIT(&c->feeds);
	TAILQ_INIT(&c->unfollowed);
	TAILQ_INIT(&c->replies);
	TAILQ_INIT(&c->subscriptions);
	return c;
}

static void conn_free(struct futured *c)
{
	conn_end(c, -ECONNABORTED);
	group_detach_all(c);
	future_detach_all(c);
	call_detach_all(c);
	subscription_detach_all(c);
	request_table_done(&c->requests);
	stream_done(&c->in);
	free(c->client);
	free(c->file_error);
	free(c->path);
	free(c);
}

int futured_open(const char *path, const struct futured_options *options, futured **ret)
{
	struct futured *c;
	int r;

	c = conn_new();
	if (!c)
		return -ENOMEM;
	r = conn_take_options(c, options);
	if (r < 0)
		goto fail;
	r = address_find(path, &c->path, &c->explicit_path);
	if (r >= 0) {
		c->fd = r;
		c->state = CONN_HELLO;
		r = hello_send(c);
		if (r < 0)
			goto fail;
	} else if (r == -EAGAIN) {
		conn_down(c, conn_backoff(c->failures++));
	} else {
		goto fail;
	}
	*ret = c;
	return 0;

fail:
	conn_free(c);
	return r;
}

futured *futured_ref(futured *c)
{
	if (c)
		c->refs++;
	return c;
}

/* Close for good, and call back about it unless that goes on already. Somebody must hold a reference. */
static void conn_shut(struct futured *c)
{
	conn_end(c, -ECONNABORTED);
	if (!c->processing) {
		c->processing = true;
		while (conn_call_back(c, CONN_CALLBACKS_PER_TURN) > 0)
			;
		c->processing = false;
	}
}

futured *futured_unref(futured *c)
{
	if (!c || --c->refs > 0)
		return NULL;
	/* What is called back may take a reference for a while, and in the end of it releases it. */
	c->refs = 1;
	if (c->pid == getpid())
		conn_shut(c);
	if (--c->refs == 0)
		conn_free(c);
	return NULL;
}

void futured_close(futured *c)
{
	if (c->pid != getpid())
		return;
	c->refs++;
	conn_shut(c);
	/* A loop that has nothing to watch should hear of it, too. */
	conn_wake(c);
	futured_unref(c);
}

void futured_set_loop_cb(futured *c, futured_loop_cb cb, void *userdata)
{
	c->loop_cb = cb;
	c->loop_userdata = userdata;
}

const char *futured_socket_path(futured *c)
{
	return c->path;
}

const char *futured_version(void)
{
	return PACKAGE_VERSION;
}
