/* test_loop.c - what an event loop that watches by itself is told: that there is work, and that the socket goes. */
#include "tests/client/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

static struct peer peer;
static futured *c;
static int told, closing, was_open;

static void on_loop(futured *connection, int closing_fd, void *userdata)
{
	ck_assert_ptr_eq(connection, c);
	ck_assert_ptr_eq(userdata, &peer);
	if (closing_fd < 0) {
		told++;
		return;
	}
	closing = closing_fd;
	was_open = fcntl(closing_fd, F_GETFD) >= 0;
}

static void setup(void)
{
	peer_init(&peer);
	c = peer_connect(&peer, 0);
	futured_set_loop_cb(c, on_loop, &peer);
	told = was_open = 0;
	closing = -1;
}

static void teardown(void)
{
	futured_unref(c);
	peer_done(&peer);
}

static void never(futured_future *f, void *userdata)
{
	ck_abort_msg("called back");
}

static void never_event(futured_subscription *s, const struct futured_event *event, void *userdata)
{
	ck_abort_msg("called back");
}

START_TEST(of_work_once_until_it_is_done)
{
	futured_subscription *s;
	futured_future *f;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	ck_assert_int_eq(told, 1);
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, NULL), 0);
	ck_assert_int_eq(told, 1);
	pump(c);
	ck_assert_int_eq(told, 1);
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, NULL), 0);
	ck_assert_int_eq(told, 2);
	pump(c);
	ck_assert_int_eq(futured_future_on_progress(f, NULL, NULL), 0);
	ck_assert_int_eq(told, 3);
	pump(c);
	ck_assert_int_eq(futured_subscribe(c, NULL, never_event, NULL, &s), 0);
	ck_assert_int_eq(told, 4);
	pump(c);
	/* What the daemon sends, the loop sees for itself. */
	while (peer_next_request(&peer), !slice_equals(peer.request.method, "future.result"))
		;
	peer_reply_text(&peer, peer.request.id, "1");
	pump(c);
	ck_assert_int_eq(told, 4);
	/* A callback for what is done already. */
	ck_assert_int_eq(futured_future_on_done(f, never, NULL), 0);
	ck_assert_int_eq(told, 5);
	futured_set_loop_cb(c, NULL, NULL);
	futured_subscription_unref(s);
	futured_future_unref(f);
	ck_assert_int_eq(told, 5);
}
END_TEST

static void begin_more(futured_future *f, void *userdata)
{
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, NULL), 0);
}

/* After a function that waited, the loop has to go on with what the callbacks in it began. */
START_TEST(of_work_that_a_wait_left)
{
	futured_future *f;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, begin_more, NULL, &f), 0);
	pump(c);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	told = 0;
	ck_assert_int_eq(futured_future_wait(f, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(told, 1);
	futured_future_unref(f);
}
END_TEST

START_TEST(that_the_socket_goes)
{
	int fd = futured_get_fd(c);

	peer_hang_up(&peer);
	pump(c);
	ck_assert_int_eq(closing, fd);
	ck_assert_int_eq(was_open, 1);
	ck_assert_int_eq(futured_get_fd(c), -EAGAIN);
	/* Work for a connection that is to be made. */
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, NULL), 0);
	ck_assert_int_eq(told, 1);
}
END_TEST

START_TEST(that_it_is_closed_for_good)
{
	int fd = futured_get_fd(c);

	futured_close(c);
	ck_assert_int_eq(closing, fd);
	ck_assert_int_eq(was_open, 1);
}
END_TEST

START_TEST(when_to_come_back)
{
	uint64_t before = futured_now(), deadline = 0;

	peer_down(&peer);
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, NULL), 0);
	pump(c);
	ck_assert_int_eq(futured_get_timeout(c, &deadline), 0);
	/* The first attempt comes within 50 ms. */
	ck_assert_uint_ge(deadline, before);
	ck_assert_uint_le(deadline, futured_now() + 50000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tcase = tcase_create("loop");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, of_work_once_until_it_is_done);
	tcase_add_test(tcase, of_work_that_a_wait_left);
	tcase_add_test(tcase, that_the_socket_goes);
	tcase_add_test(tcase, that_it_is_closed_for_good);
	tcase_add_test(tcase, when_to_come_back);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
