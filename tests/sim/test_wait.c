/* test_wait.c - waits: modes, order, duplicates, time limits, and each told once. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void wait_for(const struct id *ids, size_t count, enum wait_mode mode, uint64_t timeout_usec,
    struct waiting *waiting)
{
	client_wait(sim, 1000, ids, count, mode, timeout_usec, waiting);
	ck_assert_int_eq(waiting->code, ERROR_NONE);
}

START_TEST(for_one)
{
	struct id id = client_make(sim, "polls=5 polling=1/1/1");
	struct waiting waiting;

	wait_for(&id, 1, WAIT_ALL_COMPLETED, UINT64_MAX, &waiting);
	sim_run(sim, 3 * SECOND);
	ck_assert_uint_eq(waiting.calls, 0);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(waiting.calls, 1);
	ck_assert(!waiting.timed_out);
	ck_assert_int_eq(waiting.states[0], STORE_SUCCEEDED);
}
END_TEST

START_TEST(told_after_the_commit)
{
	struct id id = client_make(sim, "");
	struct waiting waiting;

	wait_for(&id, 1, WAIT_ALL_COMPLETED, UINT64_MAX, &waiting);
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, HOUR);
	store_sim_commit(sim->store, SIZE_MAX);
	broker_run(sim->broker);
	ck_assert_uint_eq(waiting.calls, 0);
	store_dispatch(sim->store);
	broker_run(sim->broker);
	ck_assert_uint_eq(waiting.calls, 1);
}
END_TEST

START_TEST(for_one_that_is_over)
{
	struct id id = client_make(sim, "");
	struct waiting waiting;

	client_finish(sim, &id, HOUR);
	for (int mode = WAIT_ALL_COMPLETED; mode <= WAIT_FIRST_EXCEPTION; mode++) {
		wait_for(&id, 1, (enum wait_mode)mode, mode == WAIT_ALL_COMPLETED ? 0 : UINT64_MAX, &waiting);
		/* Never from within the registering call. */
		ck_assert_uint_eq(waiting.calls, 0);
		broker_run(sim->broker);
		ck_assert_uint_eq(waiting.calls, 1);
		ck_assert(!waiting.timed_out);
	}
}
END_TEST

START_TEST(look_once)
{
	struct id id = client_make(sim, "end=never");
	struct waiting waiting;

	wait_for(&id, 1, WAIT_ALL_COMPLETED, 0, &waiting);
	ck_assert_uint_eq(waiting.calls, 0);
	broker_run(sim->broker);
	ck_assert_uint_eq(waiting.calls, 1);
	ck_assert(waiting.timed_out);
	ck_assert(!client_view(sim, &id).terminal);
}
END_TEST

START_TEST(a_time_limit_ends_the_wait_alone)
{
	struct id id = client_make(sim, "polls=10 polling=1/1/1");
	struct waiting first, second;
	uint64_t start = sim->now_usec;

	wait_for(&id, 1, WAIT_ALL_COMPLETED, 3500000, &first);
	sim_run(sim, 5 * SECOND);
	ck_assert_uint_eq(first.calls, 1);
	ck_assert(first.timed_out);
	ck_assert_uint_eq(first.at_usec, start + 3500000);
	ck_assert_int_eq(first.states[0], STORE_RUNNING);
	wait_for(&id, 1, WAIT_ALL_COMPLETED, 100 * SECOND, &second);
	sim_run(sim, 200 * SECOND);
	ck_assert_uint_eq(second.calls, 1);
	ck_assert(!second.timed_out);
	ck_assert_uint_eq(first.calls, 1);
}
END_TEST

/* Three that end after 2, 4 and 6 s, the middle one as said. */
static void make_three(const char *middle, struct id ret[3])
{
	ret[0] = client_make(sim, "polls=2 polling=1/1/1");
	ret[1] = client_make(sim, middle);
	ret[2] = client_make(sim, "polls=6 polling=1/1/1");
}

static uint64_t ends_after(const char *middle, enum wait_mode mode)
{
	struct waiting waiting;
	struct id ids[3];
	uint64_t start;

	make_three(middle, ids);
	start = sim->now_usec;
	wait_for(ids, 3, mode, UINT64_MAX, &waiting);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(waiting.calls, 1);
	return (waiting.at_usec - start + SECOND / 2) / SECOND;
}

START_TEST(modes)
{
	const char *good = "polls=4 polling=1/1/1", *bad = "polls=4 polling=1/1/1 end=failure";
	const char *cancelled = "polls=4 polling=1/1/1 end=cancelled";

	ck_assert_uint_eq(ends_after(good, WAIT_ALL_COMPLETED), 6);
	ck_assert_uint_eq(ends_after(bad, WAIT_ALL_COMPLETED), 6);
	ck_assert_uint_eq(ends_after(good, WAIT_FIRST_COMPLETED), 2);
	ck_assert_uint_eq(ends_after(good, WAIT_FIRST_EXCEPTION), 6);
	ck_assert_uint_eq(ends_after(bad, WAIT_FIRST_EXCEPTION), 4);
	ck_assert_uint_eq(ends_after(cancelled, WAIT_FIRST_EXCEPTION), 6);
}
END_TEST

START_TEST(in_the_order_of_the_input)
{
	struct id made[3], ids[5];
	struct waiting waiting;

	make_three("polls=4 polling=1/1/1 end=failure", made);
	ids[0] = made[2];
	ids[1] = made[0];
	ids[2] = made[2];
	ids[3] = made[1];
	ids[4] = made[0];
	wait_for(ids, 5, WAIT_ALL_COMPLETED, 5 * SECOND, &waiting);
	sim_run(sim, 20 * SECOND);
	ck_assert_uint_eq(waiting.calls, 1);
	ck_assert(waiting.timed_out);
	ck_assert_uint_eq(waiting.count, 5);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(id_compare(&waiting.ids[i], &ids[i]), 0);
	ck_assert_int_eq(waiting.states[0], STORE_RUNNING);
	ck_assert_int_eq(waiting.states[1], STORE_SUCCEEDED);
	ck_assert_int_eq(waiting.states[2], STORE_RUNNING);
	ck_assert_int_eq(waiting.states[3], STORE_FAILED);
	ck_assert_int_eq(waiting.states[4], STORE_SUCCEEDED);
}
END_TEST

START_TEST(duplicates_end_too)
{
	struct id id = client_make(sim, "polls=2"), ids[3] = { id, id, id };
	struct waiting waiting;

	for (int mode = WAIT_ALL_COMPLETED; mode <= WAIT_FIRST_EXCEPTION; mode++) {
		wait_for(ids, 3, (enum wait_mode)mode, UINT64_MAX, &waiting);
		sim_run(sim, 60 * SECOND);
		ck_assert_uint_eq(waiting.calls, 1);
		ck_assert_uint_eq(waiting.count, 3);
	}
}
END_TEST

START_TEST(none_at_all)
{
	struct waiting waiting;

	wait_for(NULL, 0, WAIT_ALL_COMPLETED, UINT64_MAX, &waiting);
	broker_run(sim->broker);
	ck_assert_uint_eq(waiting.calls, 1);
	ck_assert_uint_eq(waiting.count, 0);
}
END_TEST

START_TEST(a_forgotten_one_is_done)
{
	struct id done = client_make(sim, ""), live = client_make(sim, "polls=10 polling=1/1/1");
	struct id ids[2];
	struct waiting waiting;
	struct answer gone;

	client_finish(sim, &done, HOUR);
	ids[0] = done;
	ids[1] = live;
	wait_for(ids, 2, WAIT_ALL_COMPLETED, UINT64_MAX, &waiting);
	client_forget(sim, 1000, &done, &gone);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(waiting.calls, 1);
	ck_assert(!waiting.timed_out);
	ck_assert_int_eq(waiting.states[0], -1);
	ck_assert_int_eq(waiting.states[1], STORE_SUCCEEDED);
	ck_assert_int_eq(id_compare(&waiting.ids[0], &done), 0);
}
END_TEST

START_TEST(dropped_waits_are_not_called)
{
	struct id live = client_make(sim, "polls=2"), over = client_make(sim, "");
	struct waiting before, ready, timed;
	struct broker_stats stats;

	client_finish(sim, &over, HOUR);
	wait_for(&live, 1, WAIT_ALL_COMPLETED, UINT64_MAX, &before);
	wait_for(&over, 1, WAIT_ALL_COMPLETED, UINT64_MAX, &ready);
	wait_for(&live, 1, WAIT_ALL_COMPLETED, SECOND, &timed);
	broker_stats(sim->broker, &stats);
	ck_assert_uint_eq(stats.waits, 3);
	ck_assert_ptr_null(wait_free(before.wait));
	ck_assert_ptr_null(wait_free(ready.wait));
	ck_assert_ptr_null(wait_free(timed.wait));
	ck_assert_ptr_null(wait_free(NULL));
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(before.calls + ready.calls + timed.calls, 0);
	broker_stats(sim->broker, &stats);
	ck_assert_uint_eq(stats.waits, 0);
}
END_TEST

/* Who was called, in which order. */
static struct wait_log {
	int order[8];
	size_t count;
} wait_log;

static void on_logged(void *arg, struct wait *wait, bool timed_out)
{
	wait_log.order[wait_log.count++] = *(int *)arg;
}

START_TEST(in_the_order_of_registration)
{
	struct id id = client_make(sim, "polls=2"), other = client_make(sim, "end=never");
	struct id both[2] = { id, other };
	struct caller caller = client_caller(1000);
	int numbers[5] = { 0, 1, 2, 3, 4 };
	struct error error = { 0 };
	struct wait *wait;

	memset(&wait_log, 0, sizeof(wait_log));
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(wait_new(sim->broker, &caller, both, i % 2 ? 2 : 1, WAIT_FIRST_COMPLETED, UINT64_MAX,
		    on_logged, &numbers[i], &wait, &error), 0);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(wait_log.count, 5);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(wait_log.order[i], i);
}
END_TEST

/* A caller that waits again from within its callback. */
static struct chain {
	struct id id;
	unsigned left;
} chain;

static void on_chained(void *arg, struct wait *wait, bool timed_out)
{
	struct caller caller = client_caller(1000);
	struct error error = { 0 };
	struct wait *next;

	if (--chain.left > 0)
		ck_assert_int_eq(wait_new(sim->broker, &caller, &chain.id, 1, WAIT_ALL_COMPLETED, UINT64_MAX, on_chained,
		    NULL, &next, &error), 0);
}

START_TEST(a_callback_may_wait_again)
{
	struct caller caller = client_caller(1000);
	struct error error = { 0 };
	struct wait *wait;

	chain.id = client_make(sim, "");
	chain.left = 10;
	client_finish(sim, &chain.id, HOUR);
	ck_assert_int_eq(wait_new(sim->broker, &caller, &chain.id, 1, WAIT_ALL_COMPLETED, UINT64_MAX, on_chained, NULL,
	    &wait, &error), 0);
	broker_run(sim->broker);
	ck_assert_uint_eq(chain.left, 0);
}
END_TEST

static struct waiting to_drop;

static void on_dropper(void *arg, struct wait *wait, bool timed_out)
{
	to_drop.wait = wait_free(to_drop.wait);
}

START_TEST(a_callback_may_drop_another)
{
	struct id id = client_make(sim, "polls=2");
	struct caller caller = client_caller(1000);
	struct error error = { 0 };
	struct wait *wait;

	/* Both become ready at the same moment; the second is dropped while it stands in the row. */
	ck_assert_int_eq(wait_new(sim->broker, &caller, &id, 1, WAIT_ALL_COMPLETED, UINT64_MAX, on_dropper, NULL, &wait,
	    &error), 0);
	wait_for(&id, 1, WAIT_ALL_COMPLETED, UINT64_MAX, &to_drop);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(to_drop.calls, 0);
	ck_assert_ptr_null(to_drop.wait);
}
END_TEST

START_TEST(unknown_ids)
{
	struct id id = client_make(sim, ""), unknown = id;
	struct id ids[2];
	struct waiting waiting;

	unknown.bytes[15] ^= 1;
	ids[0] = id;
	ids[1] = unknown;
	client_wait(sim, 1000, ids, 2, WAIT_FIRST_COMPLETED, UINT64_MAX, &waiting);
	ck_assert_int_eq(waiting.code, ERROR_NOT_FOUND);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(waiting.calls, 0);
}
END_TEST

START_TEST(many_waits_on_many)
{
	static struct waiting waits[200];
	struct id ids[40];

	for (int i = 0; i < 40; i++)
		ids[i] = client_make(sim, i % 2 ? "polls=3 polling=1/1/1" : "polls=5 polling=1/1/1");
	for (int i = 0; i < 200; i++)
		wait_for(ids, 1 + (size_t)i % 40, (enum wait_mode)(i % 3), i % 5 ? UINT64_MAX : (uint64_t)i * SECOND / 20,
		    &waits[i]);
	for (int i = 0; i < 200; i += 7)
		waits[i].wait = wait_free(waits[i].wait);
	sim_run(sim, 60 * SECOND);
	for (int i = 0; i < 200; i++)
		ck_assert_uint_eq(waits[i].calls, i % 7 ? 1 : 0);
}
END_TEST

static Suite *wait_suite(void)
{
	Suite *suite = suite_create("wait");
	TCase *tcase = tcase_create("wait");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, for_one);
	tcase_add_test(tcase, told_after_the_commit);
	tcase_add_test(tcase, for_one_that_is_over);
	tcase_add_test(tcase, look_once);
	tcase_add_test(tcase, a_time_limit_ends_the_wait_alone);
	tcase_add_test(tcase, modes);
	tcase_add_test(tcase, in_the_order_of_the_input);
	tcase_add_test(tcase, duplicates_end_too);
	tcase_add_test(tcase, none_at_all);
	tcase_add_test(tcase, a_forgotten_one_is_done);
	tcase_add_test(tcase, dropped_waits_are_not_called);
	tcase_add_test(tcase, in_the_order_of_registration);
	tcase_add_test(tcase, a_callback_may_wait_again);
	tcase_add_test(tcase, a_callback_may_drop_another);
	tcase_add_test(tcase, unknown_ids);
	tcase_add_test(tcase, many_waits_on_many);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(wait_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
