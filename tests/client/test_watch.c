/* test_watch.c - many handles at once: one request waits for many, and the daemon's limit on calls is kept. */
#include "client/conn.h"
#include "tests/client/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_HANDLES 40
#define CALLS 8     /* four wait alone, two for many */

static struct peer peer;
static futured *c;
static futured_future *f[N_HANDLES];
static uint32_t alone[4];
static uint32_t watch;
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

static void setup(void)
{
	memset(done, 0, sizeof(done));
	peer_init(&peer);
	peer.calls = CALLS;
	c = peer_connect(&peer, 0);
	for (int i = 0; i < N_HANDLES; i++)
		ck_assert_int_eq(futured_attach(c, nth(i), 0, count, &done[i], &f[i]), 0);
	pump(c);
	for (int i = 0; i < 4; i++)
		alone[i] = peer_expect(&peer, "future.result");
	watch = peer_expect(&peer, "future.wait");
	ck_assert(peer_is_quiet(&peer));
}

static void teardown(void)
{
	for (int i = 0; i < N_HANDLES; i++)
		f[i] = futured_future_unref(f[i]);
	futured_unref(c);
	peer_done(&peer);
}

/* Answer a future.wait: those with the given numbers are done. */
static void reply_wait(uint32_t id, const int *numbers, uint32_t n)
{
	struct pack *pack = peer_begin_reply(&peer, id);

	pack_map(pack, 2);
	pack_str(pack, "done");
	pack_array(pack, n);
	for (uint32_t i = 0; i < n; i++)
		pack_str(pack, nth(numbers[i]));
	pack_str(pack, "timed_out");
	pack_bool(pack, false);
	peer_send(&peer);
}

START_TEST(one_request_waits_for_many)
{
	static const int over[] = { 7, 30 };

	ck_assert_uint_eq(peer_param(&peer, "ids")->via.array.size, N_HANDLES - 4);
	ck_assert(peer_param_is(&peer, "return_when", "first_completed"));
	ck_assert_ptr_null(peer_param(&peer, "timeout"));
	reply_wait(watch, over, 2);
	pump(c);
	/* These two are fetched, in order and without waiting; the others are waited for again. */
	for (int i = 0; i < 2; i++) {
		uint32_t id = peer_expect(&peer, "future.result");

		ck_assert(peer_param_is(&peer, "id", nth(over[i])));
		ck_assert_uint_eq(peer_param(&peer, "timeout")->via.u64, 0);
		peer_reply_text(&peer, id, "1");
	}
	peer_expect(&peer, "future.wait");
	ck_assert_uint_eq(peer_param(&peer, "ids")->via.array.size, N_HANDLES - 6);
	pump(c);
	for (int i = 0; i < N_HANDLES; i++)
		ck_assert_int_eq(done[i], i == 7 || i == 30);
}
END_TEST

START_TEST(a_place_that_comes_free_is_taken)
{
	static const int over[] = { 5 };

	for (int i = 0; i < 4; i++)
		peer_reply_text(&peer, alone[i], "1");
	pump(c);
	reply_wait(watch, over, 1);
	pump(c);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	for (int i = 0; i < 4; i++) {
		peer_expect(&peer, "future.result");
		ck_assert_ptr_null(peer_param(&peer, "timeout"));
	}
	peer_expect(&peer, "future.wait");
	ck_assert(peer_is_quiet(&peer));
	pump(c);
	ck_assert_int_eq(done[5], 1);
}
END_TEST

START_TEST(one_that_is_gone_does_not_harm_the_others)
{
	peer_reply_error(&peer, watch, ERROR_NOT_FOUND, "no such future", NULL);
	pump(c);
	/* Each is looked at: the one that is gone says so, the others are waited for again. */
	for (int i = 4; i < N_HANDLES; i++) {
		uint32_t id = peer_expect(&peer, "future.result");

		ck_assert_uint_eq(peer_param(&peer, "timeout")->via.u64, 0);
		ck_assert(peer_param_is(&peer, "id", nth(i)));
		peer_reply_error(&peer, id, i == 9 ? ERROR_NOT_FOUND : ERROR_TIMEOUT, "so it is", NULL);
		pump(c);
	}
	peer_expect(&peer, "future.wait");
	for (int i = 0; i < N_HANDLES; i++)
		ck_assert_int_eq(done[i], i == 9);
}
END_TEST

START_TEST(members_may_leave)
{
	static const int over[] = { 4, 20 };

	f[20] = futured_future_unref(f[20]);
	f[21] = futured_future_unref(f[21]);
	reply_wait(watch, over, 2);
	pump(c);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	peer_expect(&peer, "future.wait");
	ck_assert_uint_eq(peer_param(&peer, "ids")->via.array.size, N_HANDLES - 4 - 3);
	/* All of them. */
	for (int i = 4; i < N_HANDLES; i++)
		f[i] = futured_future_unref(f[i]);
	pump(c);
	peer_reply_text(&peer, alone[0], "1");
	pump(c);
	ck_assert_int_eq(done[0], 1);
	ck_assert_int_eq(done[20], 0);
}
END_TEST

START_TEST(a_watch_is_sent_again)
{
	peer_hang_up(&peer);
	while (futured_get_fd(c) < 0 || futured_process(c) > 0) {
		if (futured_process(c) == 0)
			ck_assert_int_ge(futured_wait_io(c, 10000), 0);
	}
	peer_welcome(&peer);
	pump(c);
	for (int i = 0; i < 4; i++)
		peer_expect(&peer, "future.result");
	peer_expect(&peer, "future.wait");
	ck_assert_uint_eq(peer_param(&peer, "ids")->via.array.size, N_HANDLES - 4);
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
	for (int i = 0; i < CALLS - 5; i++)
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
	ck_assert(TAILQ_EMPTY(&c->watches));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch");
	TCase *tcase = tcase_create("watch");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, one_request_waits_for_many);
	tcase_add_test(tcase, a_place_that_comes_free_is_taken);
	tcase_add_test(tcase, one_that_is_gone_does_not_harm_the_others);
	tcase_add_test(tcase, members_may_leave);
	tcase_add_test(tcase, a_watch_is_sent_again);
	tcase_add_test(tcase, short_calls_have_room);
	tcase_add_test(tcase, no_more_than_the_daemon_takes);
	tcase_add_test(tcase, all_end_with_the_connection);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
