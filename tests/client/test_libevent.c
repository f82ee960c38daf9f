/* test_libevent.c - the adapter of libevent: what it waits for, and what a callback may do to it. */
#include "tests/client/peer.h"

#include "client/futured-libevent.h"

static struct peer peer;
static futured *c;
static struct event_base *base;
static futured_libevent *attached;
static int called;

static void setup(void)
{
	called = 0;
	peer_init(&peer);
	c = peer_connect(&peer, 0);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(futured_libevent_new(base, c, &attached), 0);
}

static void teardown(void)
{
	futured_libevent_free(attached);
	event_base_free(base);
	futured_unref(c);
	peer_done(&peer);
}

/* Let the loop do what can be done without waiting. 1 when it has nothing to wait for. */
static int turn(void)
{
	int r = 0;

	for (int i = 0; i < 10; i++)
		r = event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_ge(r, 0);
	return r;
}

static void until_lost(void)
{
	peer_down(&peer);
	while (futured_get_fd(c) >= 0)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
}

static void on_done(futured_future *f, void *userdata)
{
	called++;
	event_base_loopbreak(base);
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
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	turn();
	peer_welcome(&peer);
	ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	turn();
	id = peer_expect(&peer, "future.result");
	peer_reply_text(&peer, id, "1");
	ck_assert_int_eq(event_base_dispatch(base), 0);
	ck_assert_int_eq(called, 1);
}
END_TEST

static void free_all(futured_future *f, void *userdata)
{
	called++;
	futured_libevent_free(attached);
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
	ck_assert_int_eq(event_base_dispatch(base), 1);
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
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_int_eq(turn(), 1);
}
END_TEST

static void never(evutil_socket_t fd, short what, void *userdata)
{
	called++;
}

/* Nothing to do: the loop sleeps until its own time is over. */
START_TEST(does_not_spin)
{
	struct timeval span = { .tv_usec = 50000 };
	struct event *timer = event_new(base, -1, 0, never, NULL);
	int turns = 0;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, NULL), 0);
	turn();
	peer_expect(&peer, "future.result");
	event_add(timer, &span);
	for (; called == 0; turns++)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_int_le(turns, 2);
	event_free(timer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("libevent");
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
