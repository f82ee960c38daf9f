/* hello.c - server.hello: the first words on each connection. */
#include "client/hello.h"

#include "client/future.h"
#include "client/subscription.h"

#include <errno.h>
#include <string.h>

struct hello_reply {
	struct slice server;
	struct slice epoch;
	const msgpack_object *limits;
};

static const struct field hello_reply_fields[] = {
	FIELD(hello_reply, server, FIELD_TEXT, FIELD_REQUIRED),
	FIELD(hello_reply, epoch, FIELD_TEXT, 0),
	FIELD(hello_reply, limits, FIELD_ANY, 0),
	FIELDS_END
};

struct hello_limits {
	struct maybe_u64 calls;
	struct maybe_u64 wait_ids;
};

static const struct field hello_limits_fields[] = {
	FIELD(hello_limits, calls, FIELD_U64, 0),
	FIELD(hello_limits, wait_ids, FIELD_U64, 0),
	FIELDS_END
};

/* What the daemon announced, at most max; standard where it announced nothing. */
static uint64_t hello_limit(const struct maybe_u64 *announced, uint64_t standard, uint64_t max)
{
	if (!announced->set || announced->value == 0)
		return standard;
	return announced->value < max ? announced->value : max;
}

/* Half of what the daemon allows at one time may wait long; the rest stays for what is answered soon. Of one call none may:
 * then all ends are heard of by events. */
static void hello_take_limits(struct futured *c, const msgpack_object *map)
{
	struct hello_limits limits = { 0 };
	uint64_t calls;

	if (map && fields_read(map, hello_limits_fields, FIELDS_IGNORE_UNKNOWN, &limits, NULL) < 0)
		limits = (struct hello_limits){ 0 };
	calls = hello_limit(&limits.calls, REQUEST_CALLS_DEFAULT, REQUEST_MAX);
	c->requests.calls_max = (uint32_t)calls;
	c->long_max = (unsigned)(calls / 2);
	c->wait_ids_max = (unsigned)hello_limit(&limits.wait_ids, PROTO_WAIT_IDS_MAX, PROTO_WAIT_IDS_MAX);
}

/* Remember the daemon's database; true when it is another one than last time. */
static bool hello_take_epoch(struct futured *c, struct slice epoch)
{
	size_t len = epoch.len < CONN_EPOCH_MAX ? epoch.len : CONN_EPOCH_MAX;
	bool first = !c->epoch[0];

	if (!epoch.data || (strlen(c->epoch) == len && memcmp(c->epoch, epoch.data, len) == 0))
		return false;
	memcpy(c->epoch, epoch.data, len);
	c->epoch[len] = '\0';
	return !first;
}

static int hello_on_answer(void *owner, const struct answer *answer)
{
	struct hello_reply reply;
	struct futured *c = owner;

	if (answer->error < 0) {
		if (!answer->daemon_error)
			return 0;
		/* Nothing but a daemon that is short of something refuses a hello. */
		return answer->error == -ENOSYS || answer->error == -EINVAL ? -EBADMSG : -ECONNRESET;
	}
	if (fields_read(answer->result, hello_reply_fields, FIELDS_IGNORE_UNKNOWN, &reply, NULL) < 0)
		return -EBADMSG;
	hello_take_limits(c, reply.limits);
	future_yield(c);
	c->state = CONN_OPEN;
	c->failures = 0;
	return subscription_resume(c, hello_take_epoch(c, reply.epoch));
}

int hello_send(struct futured *c)
{
	struct hello_params params = {
		.client = slice_from_str(c->client),
		.errors = slice_from_str("map"),
	};
	struct request *request;
	struct pack pack;
	int r;

	r = request_begin(c, "server.hello", &pack, &request);
	if (r < 0)
		return r;
	fields_write(&pack, hello_params_fields, &params);
	return request_send(c, request, &pack, REQUEST_HELLO | REQUEST_BOUND, hello_on_answer, c);
}
