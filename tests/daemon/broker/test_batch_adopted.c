/* test_batch_adopted.c - operations that the service knows already are taken over, many at a time or one by one. */
#include "tests/daemon/broker/batch_case.h"
#include "tests/sim/must.h"

#include <check.h>
#include <stdlib.h>

static void setup(void)
{
	batch_setup();
	rig->kinds[0].plan.has_submit = false;
}

START_TEST(a_thousand_at_once_cost_one_request)
{
	rig_create_many(rig, 0, MANY, ids);
	rig_run(rig, SECOND / 2);
	ck_assert_uint_eq(rig->submits.count, 0);
	ck_assert_uint_eq(rig->polls.count, 0);
	ck_assert_uint_eq(rig->lists.count, 1);
	ck_assert_uint_eq(batch_members(0), MANY);
	batch_expect_all(MANY, STORE_RUNNING);
}
END_TEST

START_TEST(those_that_are_over_end_at_the_first_turn)
{
	rig->on_item = batch_say;
	outcome = OUTCOME_SUCCESS;
	odd_outcome = OUTCOME_FAILURE;
	rig_create_many(rig, 0, 5, ids);
	odd = ids[2];
	rig_run(rig, SECOND / 2);
	ck_assert_int_eq(batch_state(&ids[2]), STORE_FAILED);
	for (unsigned i = 0; i < 5; i++)
		ck_assert(i == 2 || batch_state(&ids[i]) == STORE_SUCCEEDED);
	ck_assert_uint_eq(rig->lists.count, 1);
	ck_assert_uint_eq(rig_stats(rig).next_due_in_usec, UINT64_MAX);
}
END_TEST

/* The first is asked about at once and alone; nobody after it overtakes the ladder. */
START_TEST(one_after_the_other_they_do_not_add_up)
{
	for (unsigned i = 0; i < 200; i++) {
		rig_create(rig, 1000, 0, UINT64_MAX, &ids[i]);
		rig_run(rig, SECOND / 20);
	}
	rig_run(rig, 2 * SECOND);
	ck_assert_uint_eq(rig->polls.count, 1);
	ck_assert_uint_ge(rig->lists.count, 8);
	ck_assert_uint_le(rig->lists.count, 13);
	batch_expect_all(200, STORE_RUNNING);
}
END_TEST

/* Those that end at once leave nobody behind who would know when the last request was. */
START_TEST(nor_do_those_that_are_over)
{
	rig->on_item = rig->on_poll = batch_say;
	outcome = OUTCOME_SUCCESS;
	for (unsigned i = 0; i < 200; i++) {
		rig_create(rig, 1000, 0, UINT64_MAX, &ids[i]);
		rig_run(rig, SECOND / 20);
	}
	rig_run(rig, 2 * SECOND);
	batch_expect_all(200, STORE_SUCCEEDED);
	ck_assert_uint_le(rig->polls.count + rig->lists.count, 13);
	ck_assert_uint_eq(rig_stats(rig).next_due_in_usec, UINT64_MAX);
}
END_TEST

/* Whoever comes after a while is the first again. */
START_TEST(what_was_asked_long_ago_holds_nobody_up)
{
	rig->on_poll = batch_say;
	outcome = OUTCOME_SUCCESS;
	for (unsigned i = 0; i < 5; i++) {
		rig_create(rig, 1000, 0, UINT64_MAX, &ids[i]);
		rig_run(rig, SECOND / 2);
		ck_assert_int_eq(batch_state(&ids[i]), STORE_SUCCEEDED);
		rig_run(rig, SECOND);
	}
	ck_assert_uint_eq(rig->lists.count, 0);
}
END_TEST

START_TEST(the_only_one_climbs_the_ladder)
{
	rig_create_many(rig, 0, 1, ids);
	rig_create_many(rig, 1, 1, ids + 1);
	rig_run(rig, 900 * SECOND);
	ck_assert_uint_eq(rig->lists.count, 0);
	/* Its batch came and went with every poll: it climbs like the other one, which never has one. */
	ck_assert_uint_ge(rig->polls.count, 2 * 45);
	ck_assert_uint_le(rig->polls.count, 2 * 60);
}
END_TEST

/* A minute is kept in mind, not a day. */
START_TEST(a_patient_policy_does_not_keep_it_for_ever)
{
	rig->kinds[0].plan.polling.initial_usec = rig->kinds[0].plan.polling.maximum_usec = 86400 * SECOND;
	rig->on_poll = batch_say;
	outcome = OUTCOME_SUCCESS;
	rig_create_many(rig, 0, 1, ids);
	rig_run(rig, 61 * SECOND);
	rig_create_many(rig, 0, 1, ids + 1);
	rig_run(rig, SECOND);
	batch_expect_all(2, STORE_SUCCEEDED);
	ck_assert_uint_eq(rig->polls.count, 2);
}
END_TEST

START_TEST(a_stop_and_a_crash_while_nobody_is_left_in_it)
{
	rig->on_poll = batch_say;
	outcome = OUTCOME_SUCCESS;
	rig_create_many(rig, 0, 1, ids);
	rig_run(rig, SECOND / 2);
	rig_restart(rig, SECOND);
	rig_create_many(rig, 0, 1, ids + 1);
	rig_run(rig, SECOND / 2);
	rig_crash(rig, SECOND);
	rig_create_many(rig, 0, 1, ids + 2);
	rig_run(rig, SECOND / 2);
	batch_expect_all(3, STORE_SUCCEEDED);
}
END_TEST

static Suite *batch_adopted_suite(void)
{
	Suite *suite = suite_create("batch_adopted");
	TCase *tcase = tcase_create("batch_adopted");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, batch_teardown);
	tcase_add_test(tcase, a_thousand_at_once_cost_one_request);
	tcase_add_test(tcase, those_that_are_over_end_at_the_first_turn);
	tcase_add_test(tcase, one_after_the_other_they_do_not_add_up);
	tcase_add_test(tcase, nor_do_those_that_are_over);
	tcase_add_test(tcase, what_was_asked_long_ago_holds_nobody_up);
	tcase_add_test(tcase, the_only_one_climbs_the_ladder);
	tcase_add_test(tcase, a_patient_policy_does_not_keep_it_for_ever);
	tcase_add_test(tcase, a_stop_and_a_crash_while_nobody_is_left_in_it);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(batch_adopted_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
