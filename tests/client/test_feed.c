/* test_feed.c - many handles at once: few wait alone, the rest is told of by events, and the daemon's limits are kept. */
#include "client/conn.h"
#include "client/subscription.h"
#include "tests/client/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_HANDLES 40
#define N_ALONE 4
#define CALLS 8     /* of which half may wait */

static struct peer peer;
static futured *c;
static futured_future *f[N_HANDLES];
static uint32_t alone[N_ALONE];
static uint32_t look;
static int done[N_HANDLES];

static void count(futured_future *future, void *userdata)
{
	++*(int *)userdata;
}

static const char *nth(int i)
{
	static char text[ID_TEXT_LEN + 1];

	snprintf(text, sizeof(text), "01900000-0000-7000-8000-%012x", (unsigned)i);
	return text;
}

static void reply_seq(uint64_t seq)
{
	uint32_t id = peer_expect(&peer, "server.stats");
	struct pack *pack = peer_begin_reply(&peer, id);

	pack_map(pack, 2);
	pack_str(pack, "uptime");
	pack_u64(pack, 1);
	pack_str(pack, "seq");
	pack_u64(pack, seq);
	peer_send(&peer);
}

/* A subscription to n futures from number since on, which gets a number. */
static void expect_subscribe(uint32_t n, uint64_t since, uint64_t number)
{
	uint32_t id = peer_expect(&peer, "future.subscribe");

	ck_assert_uint_eq(peer_param(&peer, "ids")->via.array.size, n);
	ck_assert_uint_eq(peer_param(&peer, "since")->via.u64, since);
	peer_reply_subscribed(&peer, id, number, since, false);
}

static uint32_t expect_look(uint32_t n)
{
	uint32_t id = peer_expect(&peer, "future.wait");

	ck_assert_uint_eq(peer_param(&peer, "ids")->via.array.size, n);
	ck_assert_uint_eq(peer_param(&peer, "timeout")->via.u64, 0);
	return id;
}

/* Answer a look at n futures: those in others are so, all the rest runs. */
static void reply_look(uint32_t id, uint32_t n, uint32_t other, const char *state)
{
	struct pack *pack = peer_begin_reply(&peer, id);

	pack_map(pack, 1);
	pack_str(pack, "states");
	pack_array(pack, n);
	for (uint32_t i = 0; i < n; i++)
		pack_str(pack, i == other ? state : "running");
	peer_send(&peer);
}

/* The next request fetches the result of number i, without waiting. */
static void expect_fetch(int i)
{
	uint32_t id = peer_expect(&peer, "future.result");

	ck_assert(peer_param_is(&peer, "id", nth(i)));
	ck_assert_uint_eq(peer_param(&peer, "timeout")->via.u64, 0);
	peer_reply_text(&peer, id, "1");
}

static void setup(void)
{
	memset(done, 0, sizeof(done));
	peer_init(&peer);
	peer.calls = CALLS;
	c = peer_connect(&peer, 0);
	for (int i = 0; i < N_HANDLES; i++)
		ck_assert_int_eq(futured_attach(c, nth(i), 0, count, &done[i], &f[i]), 0);
	pump(c);
	for (int i = 0; i < N_ALONE; i++) {
		alone[i] = peer_expect(&peer, "future.result");
		ck_assert_ptr_null(peer_param(&peer, "timeout"));
	}
	reply_seq(100);
	pump(c);
	expect_subscribe(N_HANDLES - N_ALONE, 100, 1);
	look = expect_look(N_HANDLES - N_ALONE);
	ck_assert(peer_is_quiet(&peer));
	pump(c);
}

static void teardown(void)
{
	for (int i = 0; i < N_HANDLES; i++)
		f[i] = futured_future_unref(f[i]);
	futured_unref(c);
	peer_done(&peer);
}

START_TEST(those_that_were_over_are_fetched)
{
	reply_look(look, N_HANDLES - N_ALONE, 3, "succeeded");
	pump(c);
	expect_fetch(N_ALONE + 3);
	pump(c);
	for (int i = 0; i < N_HANDLES; i++)
		ck_assert_int_eq(done[i], i == N_ALONE + 3);
	ck_assert_int_eq(futured_future_is_running(f[10]), 1);
	ck_assert(peer_is_quiet(&peer));
}
END_TEST

START_TEST(events_tell_of_the_end)
{
	reply_look(look, N_HANDLES - N_ALONE, N_HANDLES, NULL);
	peer_send_event(&peer, 1, 101, nth(7), "changed", "succeeded", NULL);
	peer_send_event(&peer, 1, 102, nth(30), "progress", "running", "1");
	peer_send_event(&peer, 1, 103, nth(30), "changed", "failed", NULL);
	pump(c);
	expect_fetch(7);
	expect_fetch(30);
	/* Nothing more is asked for the others. */
	ck_assert(peer_is_quiet(&peer));
	pump(c);
	for (int i = 0; i < N_HANDLES; i++)
		ck_assert_int_eq(done[i], i == 7 || i == 30);
}
END_TEST

START_TEST(one_that_is_gone_does_not_harm_the_others)
{
	peer_reply_error(&peer, look, ERROR_NOT_FOUND, "no such future", NULL);
	pump(c);
	/* Each is looked at: the one that is gone says so, the others are followed still. */
	for (int i = N_ALONE; i < N_HANDLES; i++) {
		uint32_t id = peer_expect(&peer, "future.result");

		ck_assert_uint_eq(peer_param(&peer, "timeout")->via.u64, 0);
		ck_assert(peer_param_is(&peer, "id", nth(i)));
		peer_reply_error(&peer, id, i == 9 ? ERROR_NOT_FOUND : ERROR_TIMEOUT, "so it is", NULL);
		pump(c);
	}
	ck_assert(peer_is_quiet(&peer));
	for (int i = 0; i < N_HANDLES; i++)
		ck_assert_int_eq(done[i], i == 9);
	peer_send_event(&peer, 1, 101, nth(12), "forgotten", "succeeded", NULL);
	peer_send_event(&peer, 1, 102, nth(11), "changed", "cancelled", NULL);
	pump(c);
	expect_fetch(12);
	expect_fetch(11);
	pump(c);
	ck_assert_int_eq(done[11] + done[12], 2);
}
END_TEST

START_TEST(members_may_leave)
{
	f[20] = futured_future_unref(f[20]);
	reply_look(look, N_HANDLES - N_ALONE, 20 - N_ALONE, "succeeded");
	f[21] = futured_future_unref(f[21]);
	pump(c);
	peer_send_event(&peer, 1, 101, nth(21), "changed", "succeeded", NULL);
	pump(c);
	ck_assert(peer_is_quiet(&peer));
	/* All of them: the subscription goes with the last. */
	for (int i = N_ALONE; i < N_HANDLES; i++)
		f[i] = futured_future_unref(f[i]);
	pump(c);
	peer_expect(&peer, "future.unsubscribe");
	ck_assert_uint_eq(peer_param(&peer, "subscription")->via.u64, 1);
	peer_reply_text(&peer, alone[0], "1");
	pump(c);
	ck_assert_int_eq(done[0], 1);
	ck_assert_int_eq(done[20] + done[21], 0);
	ck_assert_uint_eq(c->n_feeds, 0);
}
END_TEST

/* Whatever their number and however they come, the subscriptions are few, and each handle is in one. */
START_TEST(those_that_come_later_are_gathered)
{
	static futured_future *more[1000];
	char text[ID_TEXT_LEN + 1];
	unsigned feeds_max = 0;

	reply_look(look, N_HANDLES - N_ALONE, N_HANDLES, NULL);
	peer.may_leave = true;
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "01900000-0000-7000-9000-%012x", (unsigned)i);
		ck_assert_int_eq(futured_attach(c, text, 0, NULL, NULL, &more[i]), 0);
		pump(c);
		while (!peer_is_quiet(&peer)) {
			struct slice method;

			peer_next_request(&peer);
			method = peer.request.method;
			if (slice_equals(method, "future.subscribe"))
				peer_reply_subscribed(&peer, peer.request.id, 2 + (uint64_t)i, 100, false);
			else if (slice_equals(method, "future.wait"))
				reply_look(peer.request.id, peer_param(&peer, "ids")->via.array.size, UINT32_MAX, NULL);
			else
				ck_assert(slice_equals(method, "future.unsubscribe"));
			if (slice_equals(method, "future.unsubscribe"))
				peer_reply_empty(&peer, peer.request.id);
			pump(c);
		}
		feeds_max = c->n_feeds > feeds_max ? c->n_feeds : feeds_max;
	}
	ck_assert_uint_le(feeds_max, 12);
	for (int i = 0; i < 1000; i++)
		futured_future_unref(more[i]);
}
END_TEST

START_TEST(over_a_lost_connection)
{
	peer_send_event(&peer, 1, 105, nth(7), "changed", "succeeded", NULL);
	pump(c);
	peer_expect(&peer, "future.result");
	peer_hang_up(&peer);
	while (futured_get_fd(c) < 0 || futured_process(c) > 0) {
		if (futured_process(c) == 0)
			ck_assert_int_ge(futured_wait_io(c, 10000), 0);
	}
	peer_welcome(&peer);
	pump(c);
	for (int i = 0; i < N_ALONE; i++)
		peer_expect(&peer, "future.result");
	/* What was not answered is asked again, and events go on where they stopped. */
	expect_look(N_HANDLES - N_ALONE);
	expect_fetch(7);
	expect_subscribe(N_HANDLES - N_ALONE, 105, 1);
	pump(c);
	ck_assert_int_eq(done[7], 1);
}
END_TEST

START_TEST(another_database)
{
	reply_look(look, N_HANDLES - N_ALONE, N_HANDLES, NULL);
	strcpy(peer.epoch, "epoch-2");
	peer_hang_up(&peer);
	while (futured_get_fd(c) < 0 || futured_process(c) > 0) {
		if (futured_process(c) == 0)
			ck_assert_int_ge(futured_wait_io(c, 10000), 0);
	}
	peer_welcome(&peer);
	pump(c);
	for (int i = 0; i < N_ALONE; i++)
		peer_expect(&peer, "future.result");
	/* Its numbers say nothing, and the states are asked for anew. */
	peer_expect(&peer, "future.subscribe");
	ck_assert_ptr_null(peer_param(&peer, "since"));
	peer_reply_error(&peer, peer.request.id, ERROR_NOT_FOUND, "no such future", NULL);
	look = expect_look(N_HANDLES - N_ALONE);
	pump(c);
	/* Refused, as one is gone: from a number on it may be. */
	reply_seq(3);
	pump(c);
	expect_subscribe(N_HANDLES - N_ALONE, 3, 1);
	expect_look(N_HANDLES - N_ALONE);
	reply_look(peer.request.id, N_HANDLES - N_ALONE, 0, "failed");
	pump(c);
	expect_fetch(N_ALONE);
	pump(c);
	ck_assert_int_eq(done[N_ALONE], 1);
}
END_TEST

/* Read requests until one for method has come. */
static void skip_to(const char *method)
{
	do
		peer_next_request(&peer);
	while (!slice_equals(peer.request.method, method));
}

START_TEST(refused_for_good)
{
	peer_hang_up(&peer);
	while (futured_get_fd(c) < 0 || futured_process(c) > 0) {
		if (futured_process(c) == 0)
			ck_assert_int_ge(futured_wait_io(c, 10000), 0);
	}
	peer_welcome(&peer);
	pump(c);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(done[N_ALONE], 0);
		skip_to("future.subscribe");
		peer_reply_error(&peer, peer.request.id, ERROR_LIMIT, "too many", NULL);
		pump(c);
		if (i == 3)
			break;
		skip_to("server.stats");
		peer_reply_subscribed(&peer, peer.request.id, 1, 100, false);
		pump(c);
	}
	/* Those that wait alone go on, the rest says why it does not. */
	ck_assert_int_eq(done[0], 0);
	ck_assert_int_eq(done[N_ALONE], 1);
	ck_assert_int_eq(done[N_HANDLES - 1], 1);
	ck_assert_int_eq(futured_future_result(f[N_ALONE], NULL, NULL), -EDQUOT);
}
END_TEST

static void on_event(futured_subscription *s, const struct futured_event *event, void *userdata)
{
}

START_TEST(the_user_has_subscriptions_of_her_own)
{
	futured_subscription *s[SUBSCRIPTIONS_MAX + 1];

	for (int i = 0; i < SUBSCRIPTIONS_MAX; i++)
		ck_assert_int_eq(futured_subscribe(c, NULL, on_event, NULL, &s[i]), 0);
	ck_assert_int_eq(futured_subscribe(c, NULL, on_event, NULL, &s[SUBSCRIPTIONS_MAX]), -ENOBUFS);
	for (int i = 0; i < SUBSCRIPTIONS_MAX; i++)
		futured_subscription_unref(s[i]);
}
END_TEST

START_TEST(short_calls_have_room)
{
	futured_reply *reply;

	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, &reply), 0);
	pump(c);
	peer_expect(&peer, "server.stats");
	futured_reply_unref(reply);
}
END_TEST

START_TEST(no_more_than_the_daemon_takes)
{
	futured_reply *replies[10];

	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, &replies[i]), 0);
	pump(c);
	for (int i = 0; i < CALLS - N_ALONE - 1; i++)
		peer_expect(&peer, "server.stats");
	ck_assert(peer_is_quiet(&peer));
	peer_reply_error(&peer, peer.request.id, ERROR_INTERNAL, "no", NULL);
	pump(c);
	peer_expect(&peer, "server.stats");
	ck_assert(peer_is_quiet(&peer));
	for (int i = 0; i < 10; i++)
		futured_reply_unref(replies[i]);
}
END_TEST

START_TEST(all_end_with_the_connection)
{
	futured_close(c);
	for (int i = 0; i < N_HANDLES; i++)
		ck_assert_int_eq(done[i], 1);
	ck_assert_uint_eq(c->n_live, 0);
	ck_assert_uint_eq(c->n_feeds, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feed");
	TCase *tcase = tcase_create("feed");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, those_that_were_over_are_fetched);
	tcase_add_test(tcase, events_tell_of_the_end);
	tcase_add_test(tcase, one_that_is_gone_does_not_harm_the_others);
	tcase_add_test(tcase, members_may_leave);
	tcase_add_test(tcase, those_that_come_later_are_gathered);
	tcase_add_test(tcase, over_a_lost_connection);
	tcase_add_test(tcase, another_database);
	tcase_add_test(tcase, refused_for_good);
	tcase_add_test(tcase, the_user_has_subscriptions_of_her_own);
	tcase_add_test(tcase, short_calls_have_room);
	tcase_add_test(tcase, no_more_than_the_daemon_takes);
	tcase_add_test(tcase, all_end_with_the_connection);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
