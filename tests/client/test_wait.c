/* test_wait.c - the functions that block: their modes, their timeouts, signals, and what they do not harm. */
#include "tests/client/peer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

static struct peer peer;
static futured *c;
static futured_future *f[3];
static uint32_t ids[3];

/* Three handles whose requests have arrived. */
static void setup(void)
{
	static const char *const texts[] = { ID_A, ID_B, ID_C };

	peer_init(&peer);
	c = peer_connect(&peer, 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(futured_attach(c, texts[i], 0, NULL, NULL, &f[i]), 0);
	pump(c);
	for (int i = 0; i < 3; i++)
		ids[i] = peer_expect(&peer, "future.result");
}

static void teardown(void)
{
	for (int i = 0; i < 3; i++)
		f[i] = futured_future_unref(f[i]);
	futured_unref(c);
	peer_done(&peer);
}

static void succeed(int i)
{
	peer_reply_text(&peer, ids[i], "1");
}

static void fail_it(int i)
{
	peer_reply_error(&peer, ids[i], ERROR_FAILED, "no", NULL);
}

START_TEST(all_completed)
{
	ck_assert_int_eq(futured_wait(c, f, 3, FUTURED_ALL_COMPLETED, 0), 0);
	succeed(2);
	fail_it(0);
	ck_assert_int_eq(futured_wait(c, f, 3, FUTURED_ALL_COMPLETED, 10000), 0);
	ck_assert_int_eq(futured_future_is_done(f[0]), 1);
	ck_assert_int_eq(futured_future_is_done(f[1]), 0);
	succeed(1);
	ck_assert_int_eq(futured_wait(c, f, 3, FUTURED_ALL_COMPLETED, FUTURED_TIME_NONE), 1);
	/* At once, however often. */
	ck_assert_int_eq(futured_wait(c, f, 3, FUTURED_ALL_COMPLETED, 0), 1);
	ck_assert_int_eq(futured_wait(c, f, 0, FUTURED_ALL_COMPLETED, 0), 1);
}
END_TEST

START_TEST(first_completed)
{
	ck_assert_int_eq(futured_wait(c, f, 3, FUTURED_FIRST_COMPLETED, 1000), 0);
	succeed(1);
	ck_assert_int_eq(futured_wait(c, f, 3, FUTURED_FIRST_COMPLETED, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_future_is_done(f[0]), 0);
	ck_assert_int_eq(futured_future_is_done(f[1]), 1);
}
END_TEST

START_TEST(first_exception)
{
	succeed(0);
	ck_assert_int_eq(futured_wait(c, f, 3, FUTURED_FIRST_EXCEPTION, 10000), 0);
	peer_reply_error(&peer, ids[1], ERROR_CANCELLED, "stopped", NULL);
	ck_assert_int_eq(futured_wait(c, f, 3, FUTURED_FIRST_EXCEPTION, 10000), 0);
	fail_it(2);
	ck_assert_int_eq(futured_wait(c, f, 3, FUTURED_FIRST_EXCEPTION, FUTURED_TIME_NONE), 1);
}
END_TEST

START_TEST(first_exception_ends_early)
{
	fail_it(1);
	ck_assert_int_eq(futured_wait(c, f, 3, FUTURED_FIRST_EXCEPTION, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_future_is_done(f[0]), 0);
}
END_TEST

START_TEST(duplicates)
{
	futured_future *twice[] = { f[0], f[1], f[0] };

	succeed(0);
	ck_assert_int_eq(futured_wait(c, twice, 3, FUTURED_ALL_COMPLETED, 10000), 0);
	succeed(1);
	ck_assert_int_eq(futured_wait(c, twice, 3, FUTURED_ALL_COMPLETED, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_wait(c, twice, 3, (enum futured_wait_mode)9, 0), -EINVAL);
}
END_TEST

static void on_alarm(int number)
{
}

START_TEST(a_signal_ends_the_call_and_nothing_else)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval timer = { .it_value = { .tv_usec = 20000 }, .it_interval = { .tv_usec = 20000 } };
	const struct itimerval off = { 0 };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	ck_assert_int_eq(futured_future_wait(f[0], FUTURED_TIME_NONE), -EINTR);
	ck_assert_int_eq(futured_wait(c, f, 3, FUTURED_ALL_COMPLETED, FUTURED_TIME_NONE), -EINTR);
	ck_assert_int_eq(futured_wait_io(c, FUTURED_TIME_NONE), -EINTR);
	setitimer(ITIMER_REAL, &off, NULL);
	succeed(0);
	ck_assert_int_eq(futured_future_wait(f[0], FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_future_result(f[0], NULL, NULL), 0);
}
END_TEST

START_TEST(a_timeout_does_not_harm)
{
	ck_assert_int_eq(futured_future_wait(f[0], 5000), 0);
	ck_assert_int_eq(futured_future_wait(f[0], 0), 0);
	succeed(0);
	ck_assert_int_eq(futured_future_wait(f[0], 0), 1);
}
END_TEST

static void release_third(futured_future *future, void *userdata)
{
	f[2] = futured_future_unref(f[2]);
}

START_TEST(what_is_waited_for_may_be_released)
{
	futured_future *all[] = { f[0], f[1], f[2] };

	ck_assert_int_eq(futured_future_on_done(f[0], release_third, NULL), 0);
	for (int i = 0; i < 3; i++)
		succeed(i);
	ck_assert_int_eq(futured_wait(c, all, 3, FUTURED_ALL_COMPLETED, FUTURED_TIME_NONE), 1);
	ck_assert_ptr_null(f[2]);
}
END_TEST

static void set_flag(futured_future *future, void *userdata)
{
	*(bool *)userdata = true;
}

START_TEST(callbacks_have_run_when_the_wait_ends)
{
	bool called = false;

	ck_assert_int_eq(futured_future_on_done(f[0], set_flag, &called), 0);
	succeed(0);
	ck_assert_int_eq(futured_future_wait(f[0], FUTURED_TIME_NONE), 1);
	ck_assert(called);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wait");
	TCase *tcase = tcase_create("wait");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, all_completed);
	tcase_add_test(tcase, first_completed);
	tcase_add_test(tcase, first_exception);
	tcase_add_test(tcase, first_exception_ends_early);
	tcase_add_test(tcase, duplicates);
	tcase_add_test(tcase, a_signal_ends_the_call_and_nothing_else);
	tcase_add_test(tcase, a_timeout_does_not_harm);
	tcase_add_test(tcase, what_is_waited_for_may_be_released);
	tcase_add_test(tcase, callbacks_have_run_when_the_wait_ends);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
