/* test_reconnect.c - losing the daemon and finding it again: what is asked once more, and what is not. */
#include "tests/client/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static struct peer peer;

static void setup(void)
{
	peer_init(&peer);
}

static void teardown(void)
{
	peer_done(&peer);
}

/* Drive c, and nothing else, until the peer has a client waiting. */
static void drive_to_reconnection(futured *c)
{
	struct pollfd pollfd = { .fd = peer.listener, .events = POLLIN };
	time_t give_up = time(NULL) + PEER_WAIT_MS / 1000;

	while (poll(&pollfd, 1, 0) == 0) {
		ck_assert_int_lt(time(NULL), give_up);
		if (futured_process(c) == 0)
			ck_assert_int_ge(futured_wait_io(c, 10000), 0);
	}
	pump(c);
}

START_TEST(comes_back_and_asks_again)
{
	futured *c = peer_connect(&peer, 0);
	futured_reply *stats, *forget;
	futured_future *f;
	const void *data;
	size_t len;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	ck_assert_int_eq(futured_call(c, "server.stats", "{}", NULL, NULL, &stats), 0);
	ck_assert_int_eq(futured_call(c, "future.forget", "{\"id\":\"" ID_B "\"}", NULL, NULL, &forget), 0);
	pump(c);
	peer_expect(&peer, "server.stats");
	peer_expect(&peer, "future.forget");
	peer_expect(&peer, "future.result");
	peer_down(&peer);
	pump(c);
	ck_assert_int_eq(futured_get_fd(c), -EAGAIN);
	/* What can be asked again is still open; what might have been done twice is not. */
	ck_assert_int_eq(futured_reply_status(stats), -EINPROGRESS);
	ck_assert_int_eq(futured_reply_status(forget), -ECONNRESET);
	ck_assert_ptr_null(futured_reply_error(forget)->name);
	ck_assert_int_eq(futured_future_is_done(f), 0);

	peer_up(&peer);
	drive_to_reconnection(c);
	peer_welcome(&peer);
	pump(c);
	peer_reply_error(&peer, peer_expect(&peer, "server.stats"), ERROR_INTERNAL, "no", NULL);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "{}");
	ck_assert_int_eq(futured_future_wait(f, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_future_result(f, &data, &len), 0);
	ck_assert_uint_eq(len, 2);
	ck_assert_int_eq(futured_reply_status(stats), -EIO);
	futured_reply_unref(stats);
	futured_reply_unref(forget);
	futured_future_unref(f);
	futured_unref(c);
}
END_TEST

/* Otherwise the daemon would wait for nobody, and take what it sends for delivered. */
START_TEST(what_was_released_meanwhile_is_not_asked_again)
{
	futured *c = peer_connect(&peer, 0);
	futured_future *waits, *looks;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &waits), 0);
	ck_assert_int_eq(futured_attach(c, ID_B, FUTURED_LOOK_ONCE, NULL, NULL, &looks), 0);
	pump(c);
	peer_expect(&peer, "future.result");
	peer_expect(&peer, "future.result");
	peer_down(&peer);
	pump(c);
	ck_assert_int_eq(futured_get_fd(c), -EAGAIN);
	futured_future_unref(waits);
	futured_future_unref(looks);
	/* Nothing is wanted of it, so it comes back for what is asked next. */
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, NULL), 0);
	peer_up(&peer);
	drive_to_reconnection(c);
	peer_welcome(&peer);
	pump(c);
	peer_expect(&peer, "server.stats");
	ck_assert(peer_is_quiet(&peer));
	futured_unref(c);
}
END_TEST

/* What waits must leave room for what is answered soon, also when there is less of it than before. */
START_TEST(comes_back_to_a_daemon_that_allows_less)
{
	futured_future *futures[4];
	futured *c;

	peer.calls = 8;
	c = peer_connect(&peer, 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &futures[i]), 0);
	pump(c);
	for (int i = 0; i < 4; i++)
		peer_expect(&peer, "future.result");
	peer_down(&peer);
	pump(c);
	peer.calls = 4;
	peer_up(&peer);
	drive_to_reconnection(c);
	peer_welcome(&peer);
	pump(c);
	peer_expect(&peer, "future.result");
	peer_expect(&peer, "future.result");
	/* Where the events are, by which the others hear of their end. */
	peer_reply_subscribed(&peer, peer_expect(&peer, "server.stats"), 0, 10, false);
	pump(c);
	peer_reply_subscribed(&peer, peer_expect(&peer, "future.subscribe"), 1, 10, false);
	peer_expect(&peer, "future.wait");
	ck_assert_int_eq(futured_call(c, "profile.list", NULL, NULL, NULL, NULL), 0);
	pump(c);
	peer_expect(&peer, "profile.list");
	for (int i = 0; i < 4; i++)
		futured_future_unref(futures[i]);
	futured_unref(c);
}
END_TEST

/* Of one call at a time none may be a wait: nothing could be asked beside it, not even that it ends. */
START_TEST(a_daemon_that_allows_one_call)
{
	futured_future *f;
	uint32_t id;
	futured *c;

	peer.calls = 1;
	c = peer_connect(&peer, 0);
	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	pump(c);
	peer_reply_subscribed(&peer, peer_expect(&peer, "server.stats"), 0, 10, false);
	pump(c);
	peer_reply_subscribed(&peer, peer_expect(&peer, "future.subscribe"), 1, 10, false);
	pump(c);
	peer_reply_error(&peer, peer_expect(&peer, "future.wait"), ERROR_INTERNAL, "no", NULL);
	ck_assert_int_eq(futured_call(c, "profile.list", NULL, NULL, NULL, NULL), 0);
	pump(c);
	/* Nothing is under way but this, though the handle waits. */
	peer_reply_error(&peer, peer_expect(&peer, "profile.list"), ERROR_INTERNAL, "no", NULL);
	pump(c);
	/* Looked at alone, as it could not be said of many: in no time. */
	id = peer_expect(&peer, "future.result");
	ck_assert_uint_eq(peer_param(&peer, "timeout")->via.u64, 0);
	peer_reply_text(&peer, id, "1");
	pump(c);
	ck_assert_int_eq(futured_future_is_done(f), 1);
	futured_future_unref(f);
	futured_unref(c);
}
END_TEST

START_TEST(a_creation_is_sent_again_with_its_own_key)
{
	struct futured_create_options options = FUTURED_CREATE_INIT;
	futured *c = peer_connect(&peer, 0);
	futured_future *f;
	struct slice key;
	char first[64];

	options.profile = "google-lro";
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, &f), 0);
	pump(c);
	peer_expect(&peer, "future.create");
	ck_assert(fields_bytes(peer_param(&peer, "key"), &key));
	ck_assert_uint_eq(key.len, 37);
	ck_assert_int_eq(memcmp(key.data, "auto-", 5), 0);
	memcpy(first, key.data, key.len);
	first[key.len] = '\0';
	peer_hang_up(&peer);
	drive_to_reconnection(c);
	peer_welcome(&peer);
	pump(c);
	peer_reply_created(&peer, peer_expect(&peer, "future.create"), ID_A, false);
	ck_assert(peer_param_is(&peer, "key", first));
	ck_assert_int_eq(futured_future_wait_created(f, FUTURED_TIME_NONE), 1);
	ck_assert_str_eq(futured_future_id(f), ID_A);
	ck_assert_int_eq(futured_future_is_new(f), 0);
	futured_future_unref(f);
	futured_unref(c);
}
END_TEST

START_TEST(a_retry_is_not_sent_twice)
{
	futured *c = peer_connect(&peer, 0);
	futured_future *old, *f;

	ck_assert_int_eq(futured_attach(c, ID_A, FUTURED_LOOK_ONCE, NULL, NULL, &old), 0);
	ck_assert_int_eq(futured_future_retry(old, 0, NULL, NULL, &f), 0);
	pump(c);
	peer_expect(&peer, "future.retry");
	peer_hang_up(&peer);
	ck_assert_int_eq(futured_future_wait(f, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_future_result(f, NULL, NULL), -ECONNRESET);
	ck_assert_int_eq(futured_future_is_done(old), 0);
	futured_future_unref(old);
	futured_future_unref(f);
	futured_unref(c);
}
END_TEST

START_TEST(waits_for_a_daemon_that_says_it_shuts_down)
{
	futured *c = peer_connect(&peer, 0);
	futured_future *f;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	pump(c);
	peer_reply_error(&peer, peer_expect(&peer, "future.result"), ERROR_SHUTTING_DOWN, "later", NULL);
	pump(c);
	ck_assert_int_eq(futured_future_is_done(f), 0);
	peer_hang_up(&peer);
	drive_to_reconnection(c);
	peer_welcome(&peer);
	pump(c);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	ck_assert_int_eq(futured_future_wait(f, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_future_result(f, NULL, NULL), 0);
	futured_future_unref(f);
	futured_unref(c);
}
END_TEST

START_TEST(a_daemon_that_has_no_room_is_asked_again)
{
	struct error error = { .code = ERROR_LIMIT, .message = "at most 64 connections" };
	futured_future *f;
	futured *c;

	ck_assert_int_eq(futured_open(peer.path, NULL, &c), 0);
	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	pump(c);
	peer_accept(&peer);
	pack_init(&peer.out, 1024);
	message_write_error(&peer.out, 0, &error, ERROR_SHAPE_STRING, NULL);
	peer_send(&peer);
	peer_hang_up(&peer);
	pump(c);
	ck_assert_int_eq(futured_get_fd(c), -EAGAIN);
	drive_to_reconnection(c);
	peer_welcome(&peer);
	pump(c);
	peer_expect(&peer, "future.result");
	futured_future_unref(f);
	futured_unref(c);
}
END_TEST

START_TEST(an_idle_connection_is_not_missed)
{
	futured *c = peer_connect(&peer, 0);
	uint64_t deadline = 0;
	futured_reply *reply;

	peer_hang_up(&peer);
	pump(c);
	ck_assert_int_eq(futured_get_fd(c), -EAGAIN);
	ck_assert_int_eq(futured_get_timeout(c, &deadline), 0);
	ck_assert(deadline == FUTURED_TIME_NONE);
	/* The next thing to say brings it back. */
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, &reply), 0);
	ck_assert_int_eq(futured_get_timeout(c, &deadline), 0);
	ck_assert(deadline != FUTURED_TIME_NONE);
	drive_to_reconnection(c);
	peer_welcome(&peer);
	pump(c);
	peer_expect(&peer, "server.stats");
	futured_reply_unref(reply);
	futured_unref(c);
}
END_TEST

/* One that listens no more, and does not close: what cannot be said to it is said to the next. */
START_TEST(a_daemon_that_is_deaf)
{
	futured *c = peer_connect(&peer, 0);

	ck_assert_int_eq(shutdown(peer.fd, SHUT_RD), 0);
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, NULL), 0);
	for (int i = 0; i < 10 && futured_get_fd(c) >= 0; i++)
		ck_assert_int_ge(futured_process(c), 0);
	ck_assert_int_eq(futured_get_fd(c), -EAGAIN);
	drive_to_reconnection(c);
	peer_welcome(&peer);
	pump(c);
	peer_expect(&peer, "server.stats");
	futured_unref(c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reconnect");
	TCase *tcase = tcase_create("reconnect");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, comes_back_and_asks_again);
	tcase_add_test(tcase, what_was_released_meanwhile_is_not_asked_again);
	tcase_add_test(tcase, comes_back_to_a_daemon_that_allows_less);
	tcase_add_test(tcase, a_daemon_that_allows_one_call);
	tcase_add_test(tcase, a_creation_is_sent_again_with_its_own_key);
	tcase_add_test(tcase, a_retry_is_not_sent_twice);
	tcase_add_test(tcase, waits_for_a_daemon_that_says_it_shuts_down);
	tcase_add_test(tcase, a_daemon_that_has_no_room_is_asked_again);
	tcase_add_test(tcase, an_idle_connection_is_not_missed);
	tcase_add_test(tcase, a_daemon_that_is_deaf);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
