/* test_watch.c - streams of events that wake, tell, lie and close, beside polling. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(it_is_opened_when_a_poll_comes_out_pending)
{
	struct id id = client_make(sim, "submit events polls=5 polling=10/10/1");
	struct id over = client_make(sim, "events polls=0"), none = client_make(sim, "polls=5");

	sim_run(sim, 5 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->watches, 0);           /* submitted, not yet polled */
	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->watches, 1);
	ck_assert(fixture_asked(&id)->watching);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert(!fixture_asked(&id)->watching);
	ck_assert_uint_eq(fixture_asked(&id)->watches, 1);
	ck_assert_uint_eq(fixture_asked(&over)->watches, 0);
	ck_assert_uint_eq(fixture_asked(&none)->watches, 0);
}
END_TEST

START_TEST(it_wakes)
{
	struct id id = client_make(sim, "events wake=3 polls=1 polling=600/600/1");

	ck_assert_int_eq(client_finish(sim, &id, 10 * SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(it_wakes_while_a_poll_is_under_way)
{
	/* The poll may have been answered before there was news. */
	struct id id = client_make(sim, "events wake=3 polls=2 polling=600/600/1 latency=4");

	ck_assert_int_eq(client_finish(sim, &id, 16 * SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(it_lies_without_a_hot_loop)
{
	struct id id = client_make(sim, "events wake=0.001 end=never polling=2/600/2 latency=0.001");

	sim_run(sim, 100 * SECOND);
	ck_assert_uint_ge(fixture_asked(&id)->polls, 40);
	ck_assert_uint_le(fixture_asked(&id)->polls, 60);
}
END_TEST

START_TEST(polling_goes_on_beside_a_silent_one)
{
	struct id id = client_make(sim, "events polls=6 polling=1/8/2");

	ck_assert_int_eq(client_finish(sim, &id, 40 * SECOND), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->polls, 7);
	ck_assert_uint_eq(fixture_asked(&id)->watches, 1);
}
END_TEST

START_TEST(one_that_closes_is_opened_up_the_retry_ladder)
{
	struct id id = client_make(sim, "events events_close=0.1 end=never polling=0.5/0.5/1 retry=1/60/2");

	sim_run(sim, 600 * SECOND);
	/* 1, 2, 4 ... 32 s, then each minute. */
	ck_assert_uint_ge(fixture_asked(&id)->watches, 13);
	ck_assert_uint_le(fixture_asked(&id)->watches, 17);
	ck_assert_uint_gt(fixture_asked(&id)->polls, 1000);
}
END_TEST

START_TEST(one_that_was_of_use_is_opened_again_soon)
{
	struct id id = client_make(sim, "events events_close=70 end=never polling=1/1/1 retry=1/60/2");

	sim_run(sim, 721 * SECOND);
	ck_assert_uint_ge(fixture_asked(&id)->watches, 10);
}
END_TEST

START_TEST(too_many_are_open)
{
	struct id id = client_make(sim, "events events_busy=2 end=never polling=0.5/0.5/1 retry=1/60/2");

	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->watches, 3);
	ck_assert(fixture_asked(&id)->watching);
	ck_assert_ptr_null(client_view(sim, &id).rec->last_error);
}
END_TEST

START_TEST(it_tells_progress)
{
	struct id id = client_make(sim, "events wake=1 tells end=never polling=600/600/1");
	struct listener listener;
	unsigned told = 0;

	listener_open(sim, 0, NULL, false, 0, &listener);
	sim_run(sim, 10 * SECOND);
	for (size_t i = 0; i < listener.count; i++)
		told += listener.events[i].event == STORE_EVENT_PROGRESS;
	ck_assert_uint_ge(told, 8);
	ck_assert_ptr_nonnull(disk_find(sim->disk, id.bytes)->rec.progress);
	ck_assert_uint_eq(fixture_asked(&id)->polls, 1);
	listener_close(&listener);
}
END_TEST

START_TEST(it_tells_more_than_the_disk_can_take)
{
	struct id id = client_make(sim, "events wake=0.001 tells end=never polling=600/600/1");
	uint64_t before;

	sim->commit_usec = SECOND;
	sim_run(sim, 5 * SECOND);
	before = disk_writes(sim->disk);
	sim_run(sim, 10 * SECOND);
	ck_assert_uint_le(disk_writes(sim->disk) - before, 12);
	ck_assert_uint_ge(disk_writes(sim->disk) - before, 8);
	sim_crash(sim, SECOND);
	sim->commit_usec = 1000;
	sim_run(sim, SECOND);
	ck_assert(!client_view(sim, &id).terminal);
}
END_TEST

START_TEST(nothing_is_told_after_the_end)
{
	struct id id = client_make(sim, "events wake=0.001 tells polls=1 polling=5/5/1");

	sim->commit_usec = 2 * SECOND;
	sim_run(sim, 60 * SECOND);
	ck_assert_int_eq(client_state(sim, &id), STORE_SUCCEEDED);
	ck_assert(!fixture_asked(&id)->watching);
}
END_TEST

START_TEST(it_is_closed_at_every_end)
{
	struct id cancelled = client_make(sim, "events end=never");
	struct id late = client_make(sim, "events end=never polling_timeout=30");
	struct id fetched = client_make(sim, "events fetch polls=3 fetch_fail=1000");
	struct id acked = client_make(sim, "events ack ack_fail=1000 polls=3");
	struct answer answer;

	sim_run(sim, 2 * SECOND);
	ck_assert(fixture_asked(&cancelled)->watching && fixture_asked(&late)->watching);
	ck_assert(fixture_asked(&fetched)->watching && fixture_asked(&acked)->watching);
	client_cancel(sim, 1000, &cancelled, &answer);
	sim_run(sim, 60 * SECOND);
	ck_assert(!fixture_asked(&cancelled)->watching);
	ck_assert(!fixture_asked(&late)->watching);
	ck_assert_uint_gt(fixture_asked(&fetched)->fetches, 1);
	ck_assert(!fixture_asked(&fetched)->watching);
	ck_assert(!fixture_asked(&acked)->watching);
}
END_TEST

START_TEST(it_is_closed_at_a_stop_and_opened_by_the_next_daemon)
{
	struct id id = client_make(sim, "events end=never polling=5/5/1");

	sim_run(sim, 20 * SECOND);
	broker_stop(sim->broker);
	ck_assert(!fixture_asked(&id)->watching);
	sim_restart(sim, SECOND);
	sim_run(sim, 20 * SECOND);
	ck_assert(fixture_asked(&id)->watching);
}
END_TEST

static Suite *watch_suite(void)
{
	Suite *suite = suite_create("watch");
	TCase *tcase = tcase_create("watch");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, it_is_opened_when_a_poll_comes_out_pending);
	tcase_add_test(tcase, it_wakes);
	tcase_add_test(tcase, it_wakes_while_a_poll_is_under_way);
	tcase_add_test(tcase, it_lies_without_a_hot_loop);
	tcase_add_test(tcase, polling_goes_on_beside_a_silent_one);
	tcase_add_test(tcase, one_that_closes_is_opened_up_the_retry_ladder);
	tcase_add_test(tcase, one_that_was_of_use_is_opened_again_soon);
	tcase_add_test(tcase, too_many_are_open);
	tcase_add_test(tcase, it_tells_progress);
	tcase_add_test(tcase, it_tells_more_than_the_disk_can_take);
	tcase_add_test(tcase, nothing_is_told_after_the_end);
	tcase_add_test(tcase, it_is_closed_at_every_end);
	tcase_add_test(tcase, it_is_closed_at_a_stop_and_opened_by_the_next_daemon);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(watch_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
