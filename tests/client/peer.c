/* peer.c - the other end of a connection, scripted. */
#include "tests/client/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PEER_INPUT_MAX ((size_t)4 * 1024 * 1024)

void peer_up(struct peer *peer)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", peer->path);
	unlink(peer->path);
	peer->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(peer->listener, 0);
	ck_assert_int_eq(bind(peer->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(peer->listener, 16), 0);
}

void peer_init(struct peer *peer)
{
	const char *base = getenv("TMPDIR");

	*peer = (struct peer){ .fd = -1 };
	snprintf(peer->directory, sizeof(peer->directory), "%s/futured-client-XXXXXX", base ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(peer->directory));
	snprintf(peer->path, sizeof(peer->path), "%s/futured.sock", peer->directory);
	strcpy(peer->epoch, "epoch-1");
	peer->in = malloc(PEER_INPUT_MAX);
	msgpack_unpacked_init(&peer->unpacked);
	peer_up(peer);
}

void peer_down(struct peer *peer)
{
	peer_hang_up(peer);
	if (peer->listener >= 0)
		close(peer->listener);
	peer->listener = -1;
	unlink(peer->path);
}

void peer_done(struct peer *peer)
{
	peer_down(peer);
	rmdir(peer->directory);
	msgpack_unpacked_destroy(&peer->unpacked);
	free(peer->in);
}

void peer_hang_up(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
	peer->in_len = peer->in_used = 0;
}

static bool peer_poll(int fd, int timeout_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, timeout_ms) == 1;
}

void peer_accept(struct peer *peer)
{
	peer_hang_up(peer);
	ck_assert_msg(peer_poll(peer->listener, PEER_WAIT_MS), "nobody connected");
	peer->fd = accept(peer->listener, NULL, NULL);
	ck_assert_int_ge(peer->fd, 0);
}

/* Read once. False at the end of the stream or when nothing comes. */
static bool peer_read(struct peer *peer, int timeout_ms)
{
	ssize_t n;

	if (!peer_poll(peer->fd, timeout_ms))
		return false;
	n = read(peer->fd, peer->in + peer->in_len, PEER_INPUT_MAX - peer->in_len);
	if (n <= 0)
		return false;
	peer->in_len += (size_t)n;
	return true;
}

/* Unpack the next request; what is there in part stays until the rest has come. */
static msgpack_unpack_return peer_next(struct peer *peer)
{
	size_t at = peer->in_used;
	msgpack_unpack_return r = msgpack_unpack_next(&peer->unpacked, peer->in, peer->in_len, &peer->in_used);

	if (r != MSGPACK_UNPACK_SUCCESS)
		peer->in_used = at;
	return r;
}

void peer_expect_any(struct peer *peer, void (*on_request)(void))
{
	if (!peer_read(peer, 0))
		return;
	while (peer_next(peer) == MSGPACK_UNPACK_SUCCESS) {
		ck_assert_int_eq(message_read(&peer->unpacked.data, &peer->request, NULL), 0);
		on_request();
	}
}

void peer_next_request(struct peer *peer)
{
	for (;;) {
		msgpack_unpack_return r = peer_next(peer);

		if (r == MSGPACK_UNPACK_SUCCESS)
			break;
		ck_assert_int_eq(r, MSGPACK_UNPACK_CONTINUE);
		ck_assert_msg(peer_read(peer, PEER_WAIT_MS), "no request came");
	}
	ck_assert_int_eq(message_read(&peer->unpacked.data, &peer->request, NULL), 0);
	ck_assert_int_eq(peer->request.type, MESSAGE_REQUEST);
	ck_assert_uint_eq(peer->request.params->via.array.size, 1);
}

uint32_t peer_expect(struct peer *peer, const char *method)
{
	/* So that it can be seen what a test was waiting for. */
	if (peer->in_used == peer->in_len)
		ck_assert_msg(peer_poll(peer->fd, PEER_WAIT_MS), "no request came, %s was expected", method);
	peer_next_request(peer);
	ck_assert_msg(slice_equals(peer->request.method, method), "%.*s came, %s was expected",
	    (int)peer->request.method.len, peer->request.method.data, method);
	return peer->request.id;
}

bool peer_is_quiet(struct peer *peer)
{
	return peer->in_used == peer->in_len && !peer_poll(peer->fd, 0);
}

const msgpack_object *peer_param(struct peer *peer, const char *key)
{
	const msgpack_object_map *map = &peer->request.params->via.array.ptr[0].via.map;

	for (uint32_t i = 0; i < map->size; i++) {
		struct slice name;

		if (fields_bytes(&map->ptr[i].key, &name) && slice_equals(name, key))
			return &map->ptr[i].val;
	}
	return NULL;
}

bool peer_param_is(struct peer *peer, const char *key, const char *text)
{
	const msgpack_object *value = peer_param(peer, key);
	struct slice bytes;

	return value && fields_bytes(value, &bytes) && slice_equals(bytes, text);
}

struct pack *peer_begin_reply(struct peer *peer, uint32_t id)
{
	pack_init(&peer->out, PEER_INPUT_MAX);
	message_write_response(&peer->out, id);
	return &peer->out;
}

struct pack *peer_begin_event(struct peer *peer)
{
	pack_init(&peer->out, PEER_INPUT_MAX);
	message_write_notification(&peer->out, slice_from_str("future.changed"), 1);
	return &peer->out;
}

void peer_send_bytes(struct peer *peer, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = send(peer->fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && peer->may_leave)
			return;
		ck_assert_int_gt(n, 0);
		at += n;
		len -= (size_t)n;
	}
}

void peer_send(struct peer *peer)
{
	struct slice bytes;

	ck_assert_int_eq(pack_finish(&peer->out, &bytes), 0);
	peer_send_bytes(peer, bytes.data, bytes.len);
	pack_done(&peer->out);
}

void peer_welcome(struct peer *peer)
{
	struct pack *pack;
	uint32_t id;

	peer_accept(peer);
	id = peer_expect(peer, "server.hello");
	ck_assert(peer_param_is(peer, "errors", "map"));
	pack = peer_begin_reply(peer, id);
	pack_map(pack, peer->calls || peer->wait_ids ? 4 : 3);
	pack_str(pack, "server");
	pack_str(pack, "futured");
	pack_str(pack, "protocol");
	pack_u64(pack, 1);
	pack_str(pack, "epoch");
	pack_str(pack, peer->epoch);
	if (peer->calls || peer->wait_ids) {
		pack_str(pack, "limits");
		pack_map(pack, (peer->calls > 0) + (peer->wait_ids > 0));
	}
	if (peer->calls) {
		pack_str(pack, "calls");
		pack_u64(pack, peer->calls);
	}
	if (peer->wait_ids) {
		pack_str(pack, "wait_ids");
		pack_u64(pack, peer->wait_ids);
	}
	peer_send(peer);
}

void pump(futured *c)
{
	int r;

	while ((r = futured_process(c)) > 0)
		;
}

futured *peer_connect(struct peer *peer, unsigned flags)
{
	struct futured_options options = FUTURED_OPTIONS_INIT;
	futured *c;

	options.flags = flags;
	ck_assert_int_eq(futured_open(peer->path, &options, &c), 0);
	pump(c);
	peer_welcome(peer);
	pump(c);
	return c;
}

void peer_reply_created(struct peer *peer, uint32_t id, const char *future, bool created)
{
	struct create_reply reply = { .state = slice_from_str("pending"), .created = created };

	ck_assert_int_eq(id_parse(future, strlen(future), &reply.id), 0);
	fields_write(peer_begin_reply(peer, id), create_reply_fields, &reply);
	peer_send(peer);
}

void peer_reply_result(struct peer *peer, uint32_t id, const char *bytes, size_t len, uint64_t offset, uint64_t size)
{
	struct result_reply reply = {
		.state = slice_from_str("succeeded"),
		.result = { .data = bytes, .len = len },
		.content_type = slice_from_str("application/json"),
		.offset = { .set = true, .value = offset },
		.size = { .set = true, .value = size },
	};

	fields_write(peer_begin_reply(peer, id), result_reply_fields, &reply);
	peer_send(peer);
}

void peer_reply_text(struct peer *peer, uint32_t id, const char *text)
{
	peer_reply_result(peer, id, text, strlen(text), 0, strlen(text));
}

void peer_reply_empty(struct peer *peer, uint32_t id)
{
	pack_map(peer_begin_reply(peer, id), 0);
	peer_send(peer);
}

void peer_reply_error(struct peer *peer, uint32_t id, enum error_code code, const char *message,
    const struct failure_wire *failure)
{
	struct error error;

	error_set(&error, code, "%s", message);
	pack_init(&peer->out, PEER_INPUT_MAX);
	message_write_error(&peer->out, id, &error, ERROR_SHAPE_MAP, failure);
	peer_send(peer);
}

void peer_reply_subscribed(struct peer *peer, uint32_t id, uint64_t subscription, uint64_t seq, bool truncated)
{
	struct pack *pack = peer_begin_reply(peer, id);

	pack_map(pack, 3);
	pack_str(pack, "subscription");
	pack_u64(pack, subscription);
	pack_str(pack, "seq");
	pack_u64(pack, seq);
	pack_str(pack, "truncated");
	pack_bool(pack, truncated);
	peer_send(peer);
}

void peer_send_event(struct peer *peer, uint64_t subscription, uint64_t seq, const char *future, const char *event,
    const char *state, const char *progress)
{
	struct event_wire wire = {
		.subscription = { .set = true, .value = subscription },
		.seq = { .set = true, .value = seq },
		.event = slice_from_str(event),
		.state = slice_from_str(state),
		.at_ms = { .set = true, .value = 1700000000000 },
		.progress = slice_from_str(progress),
	};

	ck_assert_int_eq(id_parse(future, strlen(future), &wire.id), 0);
	fields_write(peer_begin_event(peer), event_fields, &wire);
	peer_send(peer);
}
