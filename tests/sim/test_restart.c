/* test_restart.c - what a new daemon makes of what an old one left, after a stop or a power loss. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(a_future_outlives_the_daemon)
{
	struct id id = client_make(sim, "submit polls=5 result=bytes");
	struct answer answer;

	for (int i = 0; i < 5; i++) {
		sim_run(sim, 2 * SECOND);
		if (i % 2)
			sim_crash(sim, 10 * SECOND);
		else
			sim_restart(sim, 10 * SECOND);
	}
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	sim_crash(sim, HOUR);
	ck_assert_int_eq(client_state(sim, &id), STORE_SUCCEEDED);
	client_read_result(sim, 1000, &id, 0, 100, &answer);
	sim_commit(sim);
	ck_assert_mem_eq(answer.bytes, "bytes", 5);
}
END_TEST

START_TEST(what_was_not_acknowledged_may_be_gone)
{
	struct create_request request = client_request("polls=5");
	struct answer answer;

	sim->commit_usec = UINT64_MAX;
	client_create(sim, 1000, &request, &answer);
	sim_crash(sim, SECOND);
	ck_assert_uint_eq(answer.calls, 0);
	ck_assert_uint_eq(disk_count(sim->disk), 0);
}
END_TEST

START_TEST(an_end_that_was_not_durable_is_found_again)
{
	struct id id = client_make(sim, "result=bytes");

	sim->commit_usec = UINT64_MAX;
	sim_run(sim, 10 * SECOND);
	sim->commit_usec = 1000;
	sim_crash(sim, SECOND);
	ck_assert(!client_view(sim, &id).terminal);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
}
END_TEST

START_TEST(the_polling_ladder_goes_on)
{
	struct id id = client_make(sim, "end=never polling=1/64/2");
	size_t before;

	/* Asked at 0, 1, 3, 7, 15: the next is due at 31, the one after that at 63. */
	sim_run(sim, 16 * SECOND);
	before = fixture_asked(&id)->count;
	ck_assert_uint_eq(before, 5);
	sim_restart(sim, SECOND);
	sim_run(sim, 12 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->count, before);
	sim_run(sim, 4 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->count, before + 1);
	sim_run(sim, 28 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->count, before + 1);
	sim_run(sim, 6 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->count, before + 2);
}
END_TEST

START_TEST(the_retry_ladder_goes_on)
{
	struct id id = client_make(sim, "end=never retry=1/64/2");
	size_t before;

	service_set_down(sim->service, true);
	sim_run(sim, 16 * SECOND);
	before = fixture_asked(&id)->count;
	sim_crash(sim, SECOND);
	sim_run(sim, 10 * SECOND);
	ck_assert_uint_le(fixture_asked(&id)->count, before + 1);
	ck_assert_str_eq(client_view(sim, &id).condition, "unreachable");
}
END_TEST

START_TEST(the_time_of_the_retry_policy_goes_on)
{
	struct id id = client_make(sim, "end=never retry=1/4/2 retry_timeout=100");

	service_set_down(sim->service, true);
	sim_run(sim, 50 * SECOND);
	sim_crash(sim, 40 * SECOND);
	sim_run(sim, 5 * SECOND);
	ck_assert(!client_view(sim, &id).terminal);
	sim_run(sim, 20 * SECOND);
	ck_assert_str_eq(client_view(sim, &id).rec->error_kind, "retry_exhausted");
}
END_TEST

START_TEST(a_deadline_goes_on_while_the_daemon_is_down)
{
	struct create_request request = client_request("end=never");
	struct answer in_time, missed;

	request.timeout_kind = CREATE_GIVEN;
	request.timeout_usec = 1000 * SECOND;
	client_create(sim, 1000, &request, &in_time);
	request.timeout_usec = 100 * SECOND;
	client_create(sim, 1000, &request, &missed);
	sim_run(sim, 10 * SECOND);
	sim_crash(sim, 500 * SECOND);
	sim_run(sim, 30 * SECOND);
	ck_assert_int_eq(client_state(sim, &in_time.id), STORE_RUNNING);
	ck_assert_int_eq(client_state(sim, &missed.id), STORE_FAILED);
	ck_assert_str_eq(client_view(sim, &missed.id).rec->error_kind, "deadline");
	sim_run(sim, 500 * SECOND);
	ck_assert_int_eq(client_state(sim, &in_time.id), STORE_FAILED);
}
END_TEST

START_TEST(a_missed_deadline_still_gets_its_last_attempt)
{
	struct create_request request = client_request("polls=1 polling=50/50/1");
	struct answer made;

	/* It was done while nobody looked. */
	request.timeout_kind = CREATE_GIVEN;
	request.timeout_usec = 100 * SECOND;
	client_create(sim, 1000, &request, &made);
	sim_run(sim, 10 * SECOND);
	sim_crash(sim, 500 * SECOND);
	ck_assert_int_eq(client_finish(sim, &made.id, HOUR), STORE_SUCCEEDED);
}
END_TEST

START_TEST(the_paused_one_stays_paused)
{
	struct id id = client_make(sim, "throttle=1:600");

	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->count, 1);
	sim_crash(sim, 100 * SECOND);
	sim_run(sim, 480 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->count, 1);
	sim_run(sim, 20 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->count, 2);
}
END_TEST

START_TEST(overdue_ones_are_spread_out)
{
	static struct id ids[300];
	unsigned at_once = 0;
	uint64_t first = UINT64_MAX, last = 0, up;

	for (int i = 0; i < 300; i++)
		ids[i] = client_make(sim, "end=never polling=20/20/1");
	sim_run(sim, 5 * SECOND);
	sim_crash(sim, HOUR);
	up = sim->now_usec;
	sim_run(sim, 30 * SECOND);
	for (int i = 0; i < 300; i++) {
		uint64_t at = fixture_asked(&ids[i])->first[1].at_usec - up;

		ck_assert_uint_ge(fixture_asked(&ids[i])->count, 2);
		at_once += at < SECOND;
		first = at < first ? at : first;
		last = at > last ? at : last;
	}
	/* Over some ten seconds, neither all in the first one nor beyond an interval. */
	ck_assert_msg(at_once < 60, "%u of 300 in the first second", at_once);
	ck_assert_uint_gt(last - first, 5 * SECOND);
	ck_assert_uint_le(last, 21 * SECOND);
}
END_TEST

START_TEST(a_single_overdue_one_is_asked_soon)
{
	struct id id = client_make(sim, "end=never polling=20/20/1");

	sim_run(sim, 5 * SECOND);
	sim_crash(sim, HOUR);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->count, 2);
}
END_TEST

START_TEST(numbers_after_a_restart)
{
	struct broker_stats stats;
	struct id done = client_make(sim, ""), live = client_make(sim, "end=never");

	client_finish(sim, &done, HOUR);
	sim_crash(sim, SECOND);
	broker_stats(sim->broker, &stats);
	ck_assert_uint_eq(stats.futures[STORE_SUCCEEDED], 1);
	ck_assert_uint_eq(stats.futures[STORE_RUNNING], 1);
	ck_assert_uint_eq(stats.seq, disk_last_seq(sim->disk));
	ck_assert(!client_view(sim, &live).terminal);
}
END_TEST

START_TEST(ids_go_on_rising)
{
	struct id before = client_make(sim, "end=never"), after;

	/* Also when the clock was set back. */
	sim->wall_shift_ms = -3600000;
	sim_crash(sim, 0);
	after = client_make(sim, "end=never");
	ck_assert_int_lt(id_compare(&before, &after), 0);
}
END_TEST

START_TEST(a_clock_that_was_set_back)
{
	struct id id = client_make(sim, "polls=5 polling=20/20/1 retry=1/60/2"), over = client_make(sim, "ttl=100");

	/* What is due in 20 s seems to be due in a year: not believed. */
	sim_run(sim, 10 * SECOND);
	sim->wall_shift_ms = -INT64_C(365) * 24 * 3600 * 1000;
	sim_crash(sim, SECOND);
	ck_assert_int_eq(client_finish(sim, &id, 2 * HOUR), STORE_SUCCEEDED);
	ck_assert_int_eq(client_state(sim, &over), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_clock_that_is_set_while_the_daemon_runs)
{
	struct id id = client_make(sim, "polls=5 polling=20/20/1");

	sim_run(sim, 10 * SECOND);
	sim->wall_shift_ms = -INT64_C(365) * 24 * 3600 * 1000;
	sim_run(sim, 25 * SECOND);
	sim->wall_shift_ms = INT64_C(365) * 24 * 3600 * 1000;
	ck_assert_int_eq(client_finish(sim, &id, 100 * SECOND), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->count, 6);
}
END_TEST

START_TEST(event_numbers_go_on_rising)
{
	uint64_t last;

	/* The simulated disk asserts that they rise. */
	client_make(sim, "polls=3");
	sim_run(sim, SECOND);
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, 60 * SECOND);
	sim->commit_usec = 1000;
	last = disk_last_seq(sim->disk);
	sim_crash(sim, SECOND);
	client_make(sim, "polls=3");
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_gt(disk_last_seq(sim->disk), last);
}
END_TEST

START_TEST(a_stop_lets_polls_go)
{
	struct id id = client_make(sim, "end=never hang");
	uint64_t before;

	sim_run(sim, 2 * SECOND);
	ck_assert_uint_eq(service_in_flight(sim->service), 1);
	before = sim->now_usec;
	sim_restart(sim, 0);
	ck_assert_uint_eq(sim->now_usec, before);
	ck_assert_uint_eq(service_in_flight(sim->service), 0);
	sim_run(sim, 10 * SECOND);
	ck_assert_uint_ge(fixture_asked(&id)->count, 2);
}
END_TEST

START_TEST(many_crashes_at_every_commit)
{
	/* However often the power goes, and after whichever operation, the future gets to its end. */
	struct id id = client_make(sim, "submit idempotency polls=3 polling=1/1/1 progress");

	for (unsigned i = 0; i < 200 && !client_view(sim, &id).terminal; i++) {
		sim->commit_usec = UINT64_MAX;
		sim_run(sim, (1 + i % 3) * SECOND);
		store_sim_commit(sim->store, 1 + i % 4);
		sim_crash(sim, SECOND);
	}
	ck_assert_int_eq(client_state(sim, &id), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->taken, 1);
}
END_TEST

static Suite *restart_suite(void)
{
	Suite *suite = suite_create("restart");
	TCase *tcase = tcase_create("restart");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, a_future_outlives_the_daemon);
	tcase_add_test(tcase, what_was_not_acknowledged_may_be_gone);
	tcase_add_test(tcase, an_end_that_was_not_durable_is_found_again);
	tcase_add_test(tcase, the_polling_ladder_goes_on);
	tcase_add_test(tcase, the_retry_ladder_goes_on);
	tcase_add_test(tcase, the_time_of_the_retry_policy_goes_on);
	tcase_add_test(tcase, a_deadline_goes_on_while_the_daemon_is_down);
	tcase_add_test(tcase, a_missed_deadline_still_gets_its_last_attempt);
	tcase_add_test(tcase, the_paused_one_stays_paused);
	tcase_add_test(tcase, overdue_ones_are_spread_out);
	tcase_add_test(tcase, a_single_overdue_one_is_asked_soon);
	tcase_add_test(tcase, numbers_after_a_restart);
	tcase_add_test(tcase, ids_go_on_rising);
	tcase_add_test(tcase, a_clock_that_was_set_back);
	tcase_add_test(tcase, a_clock_that_is_set_while_the_daemon_runs);
	tcase_add_test(tcase, event_numbers_go_on_rising);
	tcase_add_test(tcase, a_stop_lets_polls_go);
	tcase_add_test(tcase, many_crashes_at_every_commit);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(restart_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
