/* test_libuv.c - the adapter of libuv: what it waits for, and what a callback may do to it. */
#include "tests/client/peer.h"

#include "client/futured-libuv.h"

static struct peer peer;
static futured *c;
static uv_loop_t loop;
static futured_libuv *attached;
static int called;

static void setup(void)
{
	called = 0;
	peer_init(&peer);
	c = peer_connect(&peer, 0);
	ck_assert_int_eq(uv_loop_init(&loop), 0);
	ck_assert_int_eq(futured_libuv_new(&loop, c, &attached), 0);
}

static void teardown(void)
{
	futured_libuv_free(attached);
	uv_run(&loop, UV_RUN_DEFAULT);
	/* Every handle was closed. */
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	futured_unref(c);
	peer_done(&peer);
}

/* Let the loop do what can be done without waiting. 1 when it has nothing to wait for. */
static int turn(void)
{
	for (int i = 0; i < 10; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	return !uv_loop_alive(&loop);
}

static void until_lost(void)
{
	peer_down(&peer);
	while (futured_get_fd(c) >= 0)
		uv_run(&loop, UV_RUN_ONCE);
}

static void on_done(futured_future *f, void *userdata)
{
	called++;
	uv_stop(&loop);
}

START_TEST(an_idle_connection_keeps_the_loop)
{
	ck_assert_int_eq(turn(), 0);
	until_lost();
	ck_assert_int_eq(turn(), 0);
	futured_close(c);
	ck_assert_int_eq(turn(), 1);
}
END_TEST

START_TEST(work_after_the_daemon_came_back)
{
	uint32_t id;

	until_lost();
	turn();
	peer_up(&peer);
	ck_assert_int_eq(futured_attach(c, ID_A, 0, on_done, NULL, NULL), 0);
	while (futured_get_fd(c) < 0)
		uv_run(&loop, UV_RUN_ONCE);
	turn();
	peer_welcome(&peer);
	uv_run(&loop, UV_RUN_ONCE);
	turn();
	id = peer_expect(&peer, "future.result");
	peer_reply_text(&peer, id, "1");
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 1);
	ck_assert_int_eq(called, 1);
}
END_TEST

static void free_all(futured_future *f, void *userdata)
{
	called++;
	futured_libuv_free(attached);
	attached = NULL;
	c = futured_unref(c);
	futured_future_unref(f);
}

START_TEST(freed_in_a_callback)
{
	futured_future *f;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, free_all, NULL, &f), 0);
	turn();
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	/* Ends by itself: nothing is left to wait for. */
	ck_assert_int_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
	ck_assert_int_eq(called, 1);
}
END_TEST

static void close_it(futured_future *f, void *userdata)
{
	called++;
	futured_close(c);
}

START_TEST(closed_in_a_callback)
{
	ck_assert_int_eq(futured_attach(c, ID_A, 0, close_it, NULL, NULL), 0);
	ck_assert_int_eq(futured_attach(c, ID_B, 0, on_done, NULL, NULL), 0);
	turn();
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	while (called < 2)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_int_eq(turn(), 1);
}
END_TEST

static void never(uv_timer_t *timer)
{
	called++;
}

/* Nothing to do: the loop sleeps until its own time is over. */
START_TEST(does_not_spin)
{
	uv_timer_t timer;
	int turns = 0;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, NULL), 0);
	turn();
	peer_expect(&peer, "future.result");
	uv_timer_init(&loop, &timer);
	uv_timer_start(&timer, never, 50, 0);
	for (; called == 0; turns++)
		uv_run(&loop, UV_RUN_ONCE);
	ck_assert_int_le(turns, 2);
	uv_close((uv_handle_t *)&timer, NULL);
	turn();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("libuv");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_idle_connection_keeps_the_loop);
	tcase_add_test(tcase, work_after_the_daemon_came_back);
	tcase_add_test(tcase, freed_in_a_callback);
	tcase_add_test(tcase, closed_in_a_callback);
	tcase_add_test(tcase, does_not_spin);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
