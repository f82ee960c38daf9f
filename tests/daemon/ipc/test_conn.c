/* test_conn.c - bytes to messages and back: whatever the pieces, within the bounds, and to the end. */
#include "daemon/ipc/conn.h"

#include "proto/limits.h"
#include "proto/pack.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct event_base *base;
static struct conns conns;
static struct conn *conn;
static int peer;

/* What the connection reported. */
static struct {
	unsigned messages, rooms;
	uint64_t last;               /* the last message, when it was a number */
	uint32_t size;               /* the last message's, when it was a container or a text */
	int broken;
	char reason[200];
	bool closed, idle;
	char close_reason[200];
} seen;

static void on_message(void *arg, const msgpack_object *object)
{
	seen.messages++;
	if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
		seen.last = object->via.u64;
	else if (object->type == MSGPACK_OBJECT_BIN)
		seen.size = object->via.bin.size;
}

static void on_broken(void *arg, int error, const char *reason)
{
	seen.broken = error;
	strncpy(seen.reason, reason, sizeof(seen.reason) - 1);
	conn_send(conn, strdup("bye"), 3);
}

static void on_room(void *arg)
{
	seen.rooms++;
}

static bool on_idle(void *arg)
{
	return seen.idle;
}

static void on_closed(void *arg, const char *reason)
{
	seen.closed = true;
	strncpy(seen.close_reason, reason ? reason : "", sizeof(seen.close_reason) - 1);
	conn = NULL;
}

static const struct conn_ops ops = { on_message, on_broken, on_room, on_idle, on_closed };

static void setup(void)
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	memset(&seen, 0, sizeof(seen));
	seen.idle = true;
	base = event_base_new();
	ck_assert_int_eq(conns_init(&conns, base), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	peer = fds[0];
	ck_assert_int_eq(conn_new(&conns, fds[1], &ops, NULL, &conn), 0);
}

static void teardown(void)
{
	conns_done(&conns);
	event_base_free(base);
	if (peer >= 0)
		close(peer);
}

static void turn(void)
{
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	conns_turn(&conns);
}

static void put(const void *bytes, size_t len)
{
	ck_assert_int_eq(send(peer, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* Read all that is there; returns how much. */
static size_t take(void)
{
	char buffer[65536];
	size_t total = 0;
	ssize_t n;

	while ((n = read(peer, buffer, sizeof(buffer))) > 0)
		total += (size_t)n;
	return total;
}

static bool at_end(void)
{
	char byte;

	return read(peer, &byte, 1) == 0;
}

START_TEST(one_byte_at_a_time)
{
	struct pack pack;
	struct slice bytes;

	pack_init(&pack, 1000);
	pack_bin(&pack, (struct slice){ "0123456789", 10 });
	pack_u64(&pack, 4711);
	ck_assert_int_eq(pack_finish(&pack, &bytes), 0);
	for (size_t i = 0; i < bytes.len; i++) {
		ck_assert_uint_eq(seen.messages, i >= 15 ? 2 : i >= 12 ? 1 : 0);
		put(bytes.data + i, 1);
		turn();
	}
	ck_assert_uint_eq(seen.messages, 2);
	ck_assert_uint_eq(seen.size, 10);
	ck_assert_uint_eq(seen.last, 4711);
	pack_done(&pack);
}
END_TEST

START_TEST(many_in_one_piece_share_the_turns)
{
	char small[5000];

	for (size_t i = 0; i < sizeof(small); i++)
		small[i] = (char)(i % 100);
	put(small, sizeof(small));
	turn();
	ck_assert_uint_eq(seen.messages, 256);
	for (int i = 0; i < 30; i++)
		turn();
	ck_assert_uint_eq(seen.messages, 5000);
	ck_assert_uint_eq(seen.last, 99);
}
END_TEST

START_TEST(as_large_as_allowed)
{
	size_t body = PROTO_MESSAGE_MAX - 5 + (size_t)_i, sent = 0;
	char *message = calloc(1, body + 5);
	uint32_t len = (uint32_t)body;

	memcpy(message, (unsigned char[]){ 0xc6, (unsigned char)(len >> 24), (unsigned char)(len >> 16),
	    (unsigned char)(len >> 8), (unsigned char)len }, 5);
	while (sent < body + 5 && !seen.broken) {
		ssize_t n = send(peer, message + sent, body + 5 - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		turn();
	}
	for (int i = 0; i < 20; i++)
		turn();
	if (_i == 0) {
		ck_assert_uint_eq(seen.messages, 1);
		ck_assert_uint_eq(seen.size, len);
	} else {
		ck_assert_int_eq(seen.broken, -EMSGSIZE);
		ck_assert_uint_le(sent, 300000);     /* refused at its header, not at its end */
	}
	free(message);
}
END_TEST

static const struct {
	const char *bytes;
	size_t len;
	int error;
} bad[] = {
	{ "\xdd\xff\xff\xff\xff", 5, -EMSGSIZE },
	{ "\xdf\x0f\xff\xff\xff", 5, -EMSGSIZE },
	{ "\xc6\xff\xff\xff\xff", 5, -EMSGSIZE },
	{ "\xc1", 1, -EBADMSG },
	{ "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91"
	  "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91", 35, -EMSGSIZE },
};

START_TEST(bad_bytes_end_it_after_a_last_word)
{
	put("\x07", 1);
	put(bad[_i].bytes, bad[_i].len);
	put("\x08", 1);
	turn();
	ck_assert_uint_eq(seen.messages, 1);         /* the one before; nothing behind */
	ck_assert_uint_eq(seen.last, 7);
	ck_assert_int_eq(seen.broken, bad[_i].error);
	ck_assert_uint_gt(strlen(seen.reason), 10);
	ck_assert_uint_eq(take(), 3);
	turn();
	ck_assert(seen.closed);
	ck_assert(at_end());
}
END_TEST

START_TEST(peer_leaves)
{
	put("\x07\x91", 2);
	close(peer);
	peer = -1;
	turn();
	turn();
	ck_assert_uint_eq(seen.messages, 1);
	ck_assert(seen.closed);
	ck_assert_str_eq(seen.close_reason, "");
	ck_assert_uint_eq(conns.count, 0);
}
END_TEST

START_TEST(peer_shuts_down_its_sending_side_and_waits)
{
	seen.idle = false;                           /* something is still owed */
	put("\x07", 1);
	shutdown(peer, SHUT_WR);
	turn();
	turn();
	turn();
	ck_assert_uint_eq(seen.messages, 1);
	ck_assert(!seen.closed);
	conn_send(conn, strdup("answer"), 6);
	seen.idle = true;
	turn();
	ck_assert_uint_eq(take(), 6);
	ck_assert(seen.closed);
}
END_TEST

START_TEST(peer_shuts_down_and_then_leaves)
{
	seen.idle = false;
	shutdown(peer, SHUT_WR);
	turn();
	turn();
	ck_assert(!seen.closed);
	close(peer);
	peer = -1;
	while (!seen.closed) {                       /* found out by a timer */
		event_base_loop(base, EVLOOP_ONCE);
		conns_turn(&conns);
	}
}
END_TEST

START_TEST(output_leaves_in_order_whatever_its_size)
{
	static const size_t sizes[] = { 1, 5000, 3, 200000, 4096, 4097, 70000 };
	size_t total = 0, got = 0;
	unsigned char buffer[65536], expected = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *data = malloc(sizes[i]);

		for (size_t j = 0; j < sizes[i]; j++)
			data[j] = (char)(unsigned char)(total + j);
		total += sizes[i];
		conn_send(conn, data, sizes[i]);
	}
	ck_assert_uint_eq(conn_pending(conn), total);
	ck_assert(!conns_flushed(&conns));
	while (got < total) {
		ssize_t n;

		turn();
		n = read(peer, buffer, sizeof(buffer));
		for (ssize_t j = 0; j < n; j++)
			ck_assert_uint_eq(buffer[j], expected++);
		got += n > 0 ? (size_t)n : 0;
	}
	ck_assert(conns_flushed(&conns));
}
END_TEST

START_TEST(reading_stops_while_output_is_backed_up)
{
	unsigned rooms;

	conn_send(conn, calloc(1, CONN_OUTPUT_SOFT + 300000), CONN_OUTPUT_SOFT + 300000);
	turn();
	ck_assert_uint_gt(conn_pending(conn), CONN_OUTPUT_SOFT);
	rooms = seen.rooms;
	put("\x01\x02\x03", 3);
	for (int i = 0; i < 5; i++)
		turn();
	ck_assert_uint_eq(seen.messages, 0);
	ck_assert_uint_eq(seen.rooms, rooms);
	while (conn_pending(conn) > CONN_OUTPUT_LOW) {
		ck_assert_uint_eq(seen.messages, 0);
		take();
		turn();
	}
	turn();
	ck_assert_uint_eq(seen.messages, 3);
	ck_assert_uint_gt(seen.rooms, rooms);
}
END_TEST

START_TEST(messages_read_already_wait_too)
{
	put("\x01\x02\x03", 3);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(seen.messages, 3);
	/* The first of the next ones will fill the output up. */
	conn_send(conn, calloc(1, CONN_OUTPUT_SOFT + 1), CONN_OUTPUT_SOFT + 1);
	put("\x04", 1);
	turn();
	turn();
	ck_assert_uint_eq(seen.messages, 3);
	while (!conns_flushed(&conns)) {
		take();
		turn();
	}
	turn();
	turn();
	ck_assert_uint_eq(seen.messages, 4);
}
END_TEST

START_TEST(a_reader_that_is_too_slow_is_disconnected)
{
	for (int i = 0; i < 8 && !seen.closed; i++) {
		conn_send(conn, calloc(1, CONN_OUTPUT_SOFT), CONN_OUTPUT_SOFT);
		turn();
	}
	ck_assert(!seen.closed);
	conn_send(conn, calloc(1, CONN_OUTPUT_SOFT), CONN_OUTPUT_SOFT);
	ck_assert(!seen.closed);                     /* never from within conn_send */
	turn();
	ck_assert(seen.closed);
	ck_assert_str_eq(seen.close_reason, "too slow a reader: its output is over the limit");
}
END_TEST

START_TEST(finish_flushes_first)
{
	conn_send(conn, calloc(1, 500000), 500000);
	conn_finish(conn);
	put("\x07", 1);
	turn();
	ck_assert(!seen.closed);
	while (!seen.closed) {
		take();
		turn();
	}
	ck_assert_uint_eq(seen.messages, 0);
	take();
	ck_assert(at_end() || errno == ECONNRESET);
}
END_TEST

static void on_event_log(int severity, const char *text)
{
	ck_abort_msg("libevent (severity %d): %s", severity, text);
}

/* With events for both directions: those of a closed descriptor would be somebody else's. */
START_TEST(ended_while_output_waits)
{
	conn_send(conn, calloc(1, CONN_OUTPUT_LOW), CONN_OUTPUT_LOW);
	for (int i = 0; i < 5; i++)
		turn();
	ck_assert_uint_gt(conn_pending(conn), 0);
	event_set_log_callback(on_event_log);
	conns_done(&conns);
	ck_assert(seen.closed);
	ck_assert_int_eq(conns_init(&conns, base), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conn");
	TCase *tcase = tcase_create("conn");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, one_byte_at_a_time);
	tcase_add_test(tcase, many_in_one_piece_share_the_turns);
	tcase_add_loop_test(tcase, as_large_as_allowed, 0, 2);
	tcase_add_loop_test(tcase, bad_bytes_end_it_after_a_last_word, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, peer_leaves);
	tcase_add_test(tcase, peer_shuts_down_its_sending_side_and_waits);
	tcase_add_test(tcase, peer_shuts_down_and_then_leaves);
	tcase_add_test(tcase, output_leaves_in_order_whatever_its_size);
	tcase_add_test(tcase, reading_stops_while_output_is_backed_up);
	tcase_add_test(tcase, messages_read_already_wait_too);
	tcase_add_test(tcase, a_reader_that_is_too_slow_is_disconnected);
	tcase_add_test(tcase, finish_flushes_first);
	tcase_add_test(tcase, ended_while_output_waits);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
