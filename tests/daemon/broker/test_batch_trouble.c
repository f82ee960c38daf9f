/* test_batch_trouble.c - lists that cannot be had, and restarts. */
#include "tests/daemon/broker/batch_case.h"
#include "tests/sim/must.h"

#include <check.h>
#include <stdlib.h>

static void throttle(struct rig *of, const struct id *id, struct verdict *verdict)
{
	batch_refuse(of, id, verdict);
	verdict->http_status = 429;
	verdict->throttled = verdict->has_retry_after = true;
	verdict->retry_after_usec = 100 * SECOND;
}

START_TEST(a_list_that_fails_goes_up_the_retry_ladder)
{
	uint64_t writes, first;
	unsigned turns;

	rig_create_many(rig, 0, MANY, ids);
	rig_run(rig, 100 * SECOND);
	rig->on_list = batch_refuse;
	writes = disk_writes(rig->disk);
	turns = rig->lists.count;
	rig_run(rig, 20 * SECOND);
	ck_assert_str_eq(rig_view(rig, &ids[7]).condition, "unreachable");
	ck_assert_str_eq(rig_view(rig, &ids[7]).rec->last_error, "broken");
	first = rig->lists.first[turns].at_usec;
	rig_run(rig, 200 * SECOND);
	/* 1, 2, 4, 8 ... 60 seconds apart, for all together. */
	for (unsigned i = 0; i < 6; i++)
		ck_assert_uint_eq(rig->lists.first[turns + i].at_usec, first + ((1u << i) - 1) * SECOND +
		    i * rig->latency_usec);
	ck_assert_uint_eq(batch_members(turns + 5), MANY);
	/* Once for the run of failures, and one more for each rung of the ladder. */
	ck_assert_uint_le(disk_writes(rig->disk), writes + MANY + 8);
	ck_assert_uint_ge(rig_view(rig, &ids[7]).rec->attempts, 6);
	ck_assert_uint_eq(rig_stats(rig).retries, rig->lists.count - turns);
	ck_assert_uint_eq(rig->polls.count, 0);
	/* It works again: the condition is over, and polling goes on as before. */
	rig->on_list = NULL;
	rig_run(rig, 61 * SECOND);
	ck_assert_ptr_null(rig_view(rig, &ids[7]).condition);
	ck_assert_uint_eq(rig_view(rig, &ids[7]).rec->attempts, 0);
	ck_assert_uint_le(disk_writes(rig->disk), writes + 2 * MANY + 12);
	turns = rig->lists.count;
	rig_run(rig, 200 * SECOND);
	ck_assert_uint_le(rig->lists.count - turns, 11);
}
END_TEST

START_TEST(the_retry_policy_gives_up_for_each)
{
	uint64_t began;

	rig->kinds[0].plan.retry.timeout_usec = 100 * SECOND;
	rig->kinds[2].plan.batch = "list";
	rig_create_many(rig, 0, 3, ids);
	rig_create_many(rig, 2, 2, ids + 3);
	rig_run(rig, 50 * SECOND);
	rig->on_list = batch_refuse;
	began = rig->lists.count;
	rig_run(rig, 90 * SECOND);
	batch_expect_all(5, STORE_RUNNING);
	rig_run(rig, 60 * SECOND);
	batch_expect_all(3, STORE_FAILED);
	ck_assert_str_eq(rig_view(rig, &ids[0]).rec->error_kind, "retry_exhausted");
	/* One more try was made when that time was over. */
	ck_assert_int_ge(rig_view(rig, &ids[0]).rec->finished_at_ms, rig_view(rig, &ids[0]).rec->retry_since_ms + 100000);
	ck_assert_int_le(rig_view(rig, &ids[0]).rec->finished_at_ms, rig_view(rig, &ids[0]).rec->retry_since_ms + 100100);
	ck_assert_int_eq(batch_state(&ids[3]), STORE_RUNNING);
	ck_assert_uint_gt(rig->lists.count, began);
}
END_TEST

START_TEST(a_list_that_cannot_be_built)
{
	rig_create_many(rig, 0, 4, ids);
	rig_run(rig, 30 * SECOND);
	rig->unbuildable = true;
	rig_run(rig, 30 * SECOND);
	ck_assert_str_eq(rig_view(rig, &ids[3]).rec->last_error, "no credential");
	ck_assert_str_eq(rig_view(rig, &ids[3]).condition, "unreachable");
	rig->unbuildable = false;
	rig->on_item = batch_say;
	outcome = OUTCOME_SUCCESS;
	rig_run(rig, 61 * SECOND);
	batch_expect_all(4, STORE_SUCCEEDED);
}
END_TEST

static void at_once(struct rig *of, const struct id *id, struct verdict *verdict)
{
	batch_refuse(of, id, verdict);
	verdict->has_delay = true;
}

START_TEST(a_rule_that_says_at_once_is_no_hot_loop)
{
	unsigned turns;

	rig_create_many(rig, 0, 4, ids);
	rig_run(rig, 60 * SECOND);
	turns = rig->lists.count;
	rig->on_list = at_once;
	rig_run(rig, 60 * SECOND);
	ck_assert_uint_ge(rig->lists.count, turns + 40);
	ck_assert_uint_le(rig->lists.count, turns + 60);
}
END_TEST

START_TEST(throttling_pauses_the_bucket)
{
	unsigned turns, polls;

	rig_create_many(rig, 0, 4, ids);
	rig_create_many(rig, 1, 1, ids + 4);
	rig_run(rig, 60 * SECOND);
	rig->on_list = throttle;
	turns = rig->lists.count;
	rig_run(rig, 21 * SECOND);
	ck_assert_uint_eq(rig->lists.count, turns + 1);
	ck_assert_str_eq(rig_view(rig, &ids[0]).condition, "throttled");
	ck_assert_uint_eq(rig_stats(rig).throttled, 1);
	ck_assert_uint_eq(rig_stats(rig).paused, 1);
	ck_assert_uint_eq(rig_stats(rig).reduced, 1);
	polls = rig->polls.count;
	rig->on_list = NULL;
	rig_refresh(rig, &ids[0]);
	rig_run(rig, 75 * SECOND);
	ck_assert_uint_eq(rig->polls.count, polls);
	ck_assert_uint_eq(rig->lists.count, turns + 1);
	rig_run(rig, 30 * SECOND);
	ck_assert_uint_gt(rig->lists.count, turns + 1);
	ck_assert_uint_gt(rig->polls.count, polls);
}
END_TEST

START_TEST(after_a_restart_they_find_each_other)
{
	unsigned turns;

	rig_create_many(rig, 0, MANY, ids);
	rig_run(rig, 300 * SECOND);
	for (int i = 0; i < 2; i++) {
		turns = rig->lists.count;
		if (i == 0)
			rig_crash(rig, 60 * SECOND);
		else
			rig_restart(rig, 60 * SECOND);
		rig_run(rig, 30 * SECOND);
		/* The ladder goes on where it was: soon, and then after 20 seconds. */
		ck_assert_uint_ge(rig->lists.count, turns + 2);
		ck_assert_uint_le(rig->lists.count, turns + 3);
		ck_assert_uint_eq(batch_members(turns), MANY);
		ck_assert_uint_eq(rig->polls.count, 0);
	}
}
END_TEST

START_TEST(a_restart_while_the_list_fails)
{
	unsigned turns;

	rig_create_many(rig, 0, 100, ids);
	rig_run(rig, 100 * SECOND);
	rig->on_list = batch_refuse;
	rig_run(rig, 300 * SECOND);
	turns = rig->lists.count;
	rig_crash(rig, 100 * SECOND);
	rig_run(rig, 130 * SECOND);
	ck_assert_uint_eq(rig->polls.count, 0);
	ck_assert_uint_le(rig->lists.count, turns + 4);
	ck_assert_str_eq(rig_view(rig, &ids[99]).condition, "unreachable");
	rig->on_list = NULL;
	rig_run(rig, 61 * SECOND);
	ck_assert_ptr_null(rig_view(rig, &ids[99]).condition);
}
END_TEST

START_TEST(a_service_side_without_lists)
{
	rig_free(rig);
	rig = rig_new(1);
	rig->kinds[0].plan.batch = "list";
	rig->remote.start_batch = NULL;
	rig_restart(rig, SECOND);
	rig_create_many(rig, 0, 3, ids);
	rig_run(rig, 60 * SECOND);
	ck_assert_uint_eq(rig->lists.count, 0);
	ck_assert_uint_ge(rig->polls.count, 9);
}
END_TEST

static Suite *batch_trouble_suite(void)
{
	Suite *suite = suite_create("batch_trouble");
	TCase *tcase = tcase_create("batch_trouble");

	tcase_add_checked_fixture(tcase, batch_setup, batch_teardown);
	tcase_add_test(tcase, a_list_that_fails_goes_up_the_retry_ladder);
	tcase_add_test(tcase, the_retry_policy_gives_up_for_each);
	tcase_add_test(tcase, a_list_that_cannot_be_built);
	tcase_add_test(tcase, a_rule_that_says_at_once_is_no_hot_loop);
	tcase_add_test(tcase, throttling_pauses_the_bucket);
	tcase_add_test(tcase, after_a_restart_they_find_each_other);
	tcase_add_test(tcase, a_restart_while_the_list_fails);
	tcase_add_test(tcase, a_service_side_without_lists);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(batch_trouble_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
