/* request.c - requests on their way to the daemon and back. */
#include "client/request.h"

#include "client/conn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define REQUEST_IOV 16
#define REQUEST_SLOTS_MIN 16u

void request_table_init(struct request_table *table)
{
	*table = (struct request_table){ .calls_max = REQUEST_CALLS_DEFAULT };
	TAILQ_INIT(&table->unsent);
	TAILQ_INIT(&table->sent);
}

void request_table_done(struct request_table *table)
{
	assert(TAILQ_EMPTY(&table->unsent) && TAILQ_EMPTY(&table->sent));
	free(table->slots);
	free(table->free_slots);
	*table = (struct request_table){ 0 };
}

/* Double the slots. */
static int request_grow(struct request_table *table)
{
	uint32_t size = table->size ? table->size * 2 : REQUEST_SLOTS_MIN;
	struct request **slots;
	uint32_t *free_slots;

	if (size > REQUEST_MAX)
		return -ENOBUFS;
	slots = realloc(table->slots, size * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	table->slots = slots;
	free_slots = realloc(table->free_slots, size * sizeof(*free_slots));
	if (!free_slots)
		return -ENOMEM;
	table->free_slots = free_slots;
	for (uint32_t i = size; i-- > table->size;) {
		slots[i] = NULL;
		free_slots[table->n_free++] = i;
	}
	table->size = size;
	return 0;
}

static struct request *request_free(struct request_table *table, struct request *request)
{
	uint32_t slot = request->id & (REQUEST_MAX - 1);

	table->slots[slot] = NULL;
	table->free_slots[table->n_free++] = slot;
	free(request->bytes);
	free(request);
	return NULL;
}

int request_begin(struct futured *c, const char *method, struct pack *pack, struct request **ret)
{
	struct request_table *table = &c->requests;
	struct request *request;
	uint32_t slot;
	int r;

	/* Something that was read before the end may be handed on after it. */
	if (c->state == CONN_CLOSED)
		return -ENOTCONN;
	if (table->n_free == 0) {
		r = request_grow(table);
		if (r < 0)
			return r;
	}
	request = calloc(1, sizeof(*request));
	if (!request)
		return -ENOMEM;
	slot = table->free_slots[--table->n_free];
	table->slots[slot] = request;
	/* Never 0: the daemon uses that for errors that belong to no request. */
	table->generation = table->generation % 0xffff + 1;
	request->id = table->generation << 16 | slot;
	pack_init(pack, PROTO_MESSAGE_MAX);
	message_write_request(pack, request->id, method);
	*ret = request;
	return 0;
}

void request_drop(struct futured *c, struct request *request, struct pack *pack)
{
	pack_done(pack);
	request_free(&c->requests, request);
}

int request_send(struct futured *c, struct request *request, struct pack *pack, unsigned flags,
    int (*on_answer)(void *owner, const struct answer *answer), void *owner)
{
	int r;

	r = pack_take(pack, &request->bytes, &request->len);
	if (r < 0) {
		request_drop(c, request, pack);
		return r;
	}
	request->flags = flags;
	request->on_answer = on_answer;
	request->owner = owner;
	if (flags & REQUEST_HELLO)
		TAILQ_INSERT_HEAD(&c->requests.unsent, request, entry);
	else
		TAILQ_INSERT_TAIL(&c->requests.unsent, request, entry);
	if (flags & REQUEST_LONG)
		c->n_long++;
	conn_wake(c);
	return 0;
}

/* Take a request out of its list and release it. */
static void request_remove(struct futured *c, struct request *request)
{
	struct request_table *table = &c->requests;

	if (request->in_flight) {
		TAILQ_REMOVE(&table->sent, request, entry);
		table->n_sent--;
	} else {
		TAILQ_REMOVE(&table->unsent, request, entry);
	}
	if (request->flags & REQUEST_LONG)
		c->n_long--;
	request_free(table, request);
}

/* Have the daemon stop waiting. Without memory for that it waits on, and nobody minds its answer. */
static void request_cancel(struct futured *c, uint32_t id)
{
	struct call_params params = { .call = { .set = true, .value = id } };
	struct request *request;
	struct pack pack;

	if (request_begin(c, "call.cancel", &pack, &request) < 0)
		return;
	fields_write(&pack, call_params_fields, &params);
	(void)request_send(c, request, &pack, REQUEST_BOUND, NULL, NULL);
}

void request_orphan(struct futured *c, struct request *request)
{
	request->on_answer = NULL;
	request->owner = NULL;
	if (c->requests.sorting)
		return;
	/* Also one that was sent on a connection that is lost, and would be sent again. */
	if (request->sent == 0 && (request->flags & (REQUEST_LONG | REQUEST_READ)))
		request_remove(c, request);
	else if (request->flags & REQUEST_LONG)
		request_cancel(c, request->id);
}

bool request_writable(const struct futured *c)
{
	const struct request *first = TAILQ_FIRST(&c->requests.unsent);

	if (!first)
		return false;
	if (c->state == CONN_HELLO)
		return first->flags & REQUEST_HELLO;
	/* What has been begun must be finished, or the stream is lost. */
	return c->state == CONN_OPEN && (first->sent > 0 || c->requests.n_sent < c->requests.calls_max);
}

/* Gather what may be sent at once. Returns the number of pieces. */
static size_t request_gather(struct futured *c, struct iovec iov[REQUEST_IOV])
{
	struct request_table *table = &c->requests;
	struct request *request;
	size_t n = 0;

	TAILQ_FOREACH(request, &table->unsent, entry) {
		if (n == REQUEST_IOV)
			break;
		if (request->sent == 0 && table->n_sent + n >= table->calls_max)
			break;
		if (c->state == CONN_HELLO && !(request->flags & REQUEST_HELLO))
			break;
		iov[n].iov_base = request->bytes + request->sent;
		iov[n].iov_len = request->len - request->sent;
		n++;
	}
	return n;
}

/* Account for n bytes that the socket took. */
static void request_wrote(struct request_table *table, size_t n)
{
	while (n > 0) {
		struct request *request = TAILQ_FIRST(&table->unsent);
		size_t left = request->len - request->sent;

		if (n < left) {
			request->sent += n;
			return;
		}
		n -= left;
		request->sent = request->len;
		TAILQ_REMOVE(&table->unsent, request, entry);
		TAILQ_INSERT_TAIL(&table->sent, request, entry);
		request->in_flight = true;
		table->n_sent++;
	}
}

int request_write(struct futured *c)
{
	struct iovec iov[REQUEST_IOV];
	struct msghdr message = { .msg_iov = iov };
	ssize_t n;

	if (!request_writable(c))
		return 0;
	message.msg_iovlen = request_gather(c, iov);
	n = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	request_wrote(&c->requests, (size_t)n);
	return 1;
}

/* Take request out of the tables, then tell its owner: the owner may begin another in its place. */
static int request_finish(struct futured *c, struct request *request, const struct answer *answer)
{
	int (*on_answer)(void *owner, const struct answer *answer) = request->on_answer;
	void *owner = request->owner;

	request_remove(c, request);
	return on_answer ? on_answer(owner, answer) : 0;
}

int request_answered(struct futured *c, const struct message *message)
{
	struct answer answer = { .result = message->result };
	struct request_table *table = &c->requests;
	uint32_t slot = message->id & (REQUEST_MAX - 1);
	struct failure_wire failure;
	struct request *request;
	struct error error;

	request = slot < table->size ? table->slots[slot] : NULL;
	if (!request || request->id != message->id || !request->in_flight)
		return -EBADMSG;
	if (message->error) {
		message_read_error(message->error, &error, &failure);
		/* The daemon will be back, and then does what we asked. */
		if (error.code == ERROR_SHUTTING_DOWN && !(c->flags & FUTURED_NO_RECONNECT) &&
		    !(request->flags & REQUEST_BOUND)) {
			request->flags &= ~REQUEST_ONCE;
			return 0;
		}
		answer = (struct answer){
			.error = error_errno(error.code), .daemon_error = &error,
			.failure = failure.kind.data ? &failure : NULL,
		};
	}
	return request_finish(c, request, &answer);
}

/* Whether request may wait for the next connection. */
static bool request_survives(const struct request *request)
{
	if (request->flags & REQUEST_BOUND)
		return false;
	if (request->flags & REQUEST_ONCE)
		return request->sent < request->len;
	/* Nobody waits for it any more. A creation is sent all the same. */
	return request->on_answer || !(request->flags & (REQUEST_LONG | REQUEST_READ));
}

void request_lost(struct futured *c, int error, bool all)
{
	struct request_table *table = &c->requests;
	struct answer answer = { .error = error };
	struct request_list before;
	struct request *request;

	TAILQ_INIT(&before);
	TAILQ_CONCAT(&before, &table->sent, entry);
	TAILQ_CONCAT(&before, &table->unsent, entry);
	table->n_sent = 0;
	table->sorting = true;
	while ((request = TAILQ_FIRST(&before))) {
		TAILQ_REMOVE(&before, request, entry);
		TAILQ_INSERT_TAIL(&table->unsent, request, entry);
		request->in_flight = false;
		if (all || !request_survives(request))
			request_finish(c, request, &answer);
		else
			request->sent = 0;
	}
	table->sorting = false;
}
