/* test_clock_watch.c - tells when the wall clock is set. Nobody sets it here: what the kernel would do is done in its place. */
#include "daemon/clock_watch.h"

#include <check.h>
#include <event2/event.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static struct event_base *base;
static struct clock_watch *watch;
static int timer, clock_asked, flags_asked, settime_errno;
static time_t until_asked;
static unsigned told;

/* --- in place of the kernel's: what becomes readable when the clock is set ----------------------------- */

int timerfd_create(int clock_id, int flags)
{
	ck_assert_int_eq(flags, TFD_NONBLOCK | TFD_CLOEXEC);
	clock_asked = clock_id;
	timer = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return timer;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old)
{
	ck_assert_int_eq(fd, timer);
	ck_assert_ptr_null(old);
	flags_asked = flags;
	until_asked = value->it_value.tv_sec;
	errno = settime_errno;
	return settime_errno ? -1 : 0;
}

static void set_clock(void)
{
	ck_assert_int_eq(eventfd_write(timer, 1), 0);
}

/* ------------------------------------------------------------------------------------------------------- */

static void on_set(void *arg)
{
	ck_assert_ptr_eq(arg, &told);
	told++;
}

static void setup(void)
{
	base = event_base_new();
	told = 0;
	settime_errno = 0;
}

static void teardown(void)
{
	watch = clock_watch_free(watch);
	event_base_free(base);
}

static void turn(void)
{
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
}

START_TEST(each_time_it_is_set)
{
	ck_assert_int_eq(clock_watch_new(base, on_set, &told, &watch), 0);
	ck_assert_int_eq(clock_asked, CLOCK_REALTIME);
	ck_assert_int_eq(flags_asked, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
	ck_assert_int_gt(until_asked, INT32_MAX / 2);
	turn();
	ck_assert_uint_eq(told, 0);
	for (unsigned i = 1; i < 4; i++) {
		set_clock();
		turn();
		turn();
		ck_assert_uint_eq(told, i);
	}
}
END_TEST

START_TEST(set_while_it_begins)
{
	settime_errno = ECANCELED;
	ck_assert_int_eq(clock_watch_new(base, on_set, &told, &watch), 0);
	set_clock();
	turn();
	ck_assert_uint_eq(told, 1);
}
END_TEST

START_TEST(refused)
{
	settime_errno = EINVAL;
	ck_assert_int_eq(clock_watch_new(base, on_set, &told, &watch), -EINVAL);
	ck_assert_ptr_null(watch);
	ck_assert_int_lt(fcntl(timer, F_GETFD), 0);
}
END_TEST

START_TEST(nobody_is_told_afterwards)
{
	ck_assert_int_eq(clock_watch_new(base, on_set, &told, &watch), 0);
	set_clock();
	watch = clock_watch_free(watch);
	turn();
	ck_assert_uint_eq(told, 0);
	ck_assert_ptr_null(clock_watch_free(NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clock_watch");
	TCase *tcase = tcase_create("clock_watch");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, each_time_it_is_set);
	tcase_add_test(tcase, set_while_it_begins);
	tcase_add_test(tcase, refused);
	tcase_add_test(tcase, nobody_is_told_afterwards);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
