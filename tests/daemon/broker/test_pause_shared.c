/* test_pause_shared.c - what futures share when some of them, or all at their origin, are paused: lists and heartbeats. */
#include "tests/daemon/broker/batch_case.h"
#include "tests/sim/must.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ORIGIN "https://service:443"
#define FEW 10

static size_t paused_count;

static void setup(void)
{
	batch_setup();
	rig->kinds[0].plan.origin = ORIGIN;
	rig->kinds[0].plan.keepalive_usec = 10 * SECOND;
	rig->kinds[0].session = "one";
}

static void on_paused(void *arg, const struct error *error, size_t count)
{
	(void)arg;
	must(!error);
	paused_count = count;
}

/* Returns how many it concerned. */
static size_t change(const struct pause_target *target, bool paused)
{
	struct caller caller = { .uid = 1000, .gid = 1000 };
	struct error error = { 0 };

	paused_count = SIZE_MAX;
	must_say(broker_pause(rig->broker, &caller, target, paused, on_paused, NULL, &error) == 0, "%s", error.message);
	rig_commit(rig);
	return paused_count;
}

static size_t change_some(size_t first, size_t count, bool paused)
{
	struct pause_target target = { .ids = &ids[first], .n_ids = count };

	return change(&target, paused);
}

START_TEST(a_list_leaves_out_who_is_paused)
{
	rig_create_many(rig, 0, FEW, ids);
	rig_run(rig, 100 * SECOND);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), FEW);
	ck_assert_uint_eq(change_some(0, 3, true), 3);
	rig_run(rig, 100 * SECOND);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), FEW - 3);
	ck_assert_str_eq(rig_view(rig, &ids[2]).condition, "paused");
	ck_assert_uint_eq(change_some(0, FEW, false), 3);
	rig_run(rig, 100 * SECOND);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), FEW);
	ck_assert_uint_eq(rig->polls.count, 0);
}
END_TEST

START_TEST(nobody_is_left_in_it)
{
	unsigned lists, beats;

	rig_create_many(rig, 0, FEW, ids);
	rig_run(rig, 100 * SECOND);
	ck_assert_uint_eq(change_some(0, FEW, true), FEW);
	lists = rig->lists.count;
	beats = rig->beats.count;
	ck_assert_uint_gt(beats, 5);
	rig_run(rig, 1000 * SECOND);
	rig_crash(rig, SECOND);
	rig_run(rig, 1000 * SECOND);
	ck_assert_uint_eq(rig->lists.count, lists);
	ck_assert_uint_eq(rig->polls.count, 0);
	ck_assert_uint_eq(rig->beats.count, beats);
	ck_assert_uint_eq(rig_stats(rig).next_due_in_usec, UINT64_MAX);
	ck_assert_uint_eq(change_some(0, FEW, false), FEW);
	rig_run(rig, 100 * SECOND);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), FEW);
	ck_assert_uint_le(rig->polls.count, 1);         /* the first is alone until the second is there */
	ck_assert_uint_gt(rig->beats.count, beats + 5);
}
END_TEST

START_TEST(a_heartbeat_goes_on_for_the_others)
{
	unsigned beats;

	rig_create_many(rig, 0, FEW, ids);
	rig_run(rig, 100 * SECOND);
	beats = rig->beats.count;
	ck_assert_uint_eq(change_some(0, FEW - 1, true), FEW - 1);
	rig_run(rig, 100 * SECOND);
	ck_assert_uint_ge(rig->beats.count, beats + 9);
	beats = rig->beats.count;
	ck_assert_uint_eq(change_some(FEW - 1, 1, true), 1);
	rig_run(rig, 100 * SECOND);
	ck_assert_uint_eq(rig->beats.count, beats);
}
END_TEST

START_TEST(a_request_under_way_is_of_no_use_to_who_is_paused)
{
	rig->latency_usec = 5 * SECOND;
	rig_create_many(rig, 0, FEW, ids);
	rig_run(rig, 100 * SECOND);
	while (rig->in_flight == 0 || rig->beats.count == 0)
		rig_run(rig, SECOND / 10);
	rig->on_item = batch_say;
	outcome = OUTCOME_SUCCESS;
	ck_assert_uint_eq(change_some(0, FEW, true), FEW);
	rig_run(rig, 100 * SECOND);
	batch_expect_all(FEW, STORE_RUNNING);
	ck_assert_uint_eq(change_some(0, FEW, false), FEW);
	rig_run(rig, 100 * SECOND);
	batch_expect_all(FEW, STORE_SUCCEEDED);
}
END_TEST

START_TEST(all_at_an_origin)
{
	const struct pause_target target = { .origin = slice_from_str(ORIGIN) };
	unsigned lists, beats, polls;
	struct id later;

	rig_create_many(rig, 0, FEW, ids);
	rig_run(rig, 100 * SECOND);
	ck_assert_uint_eq(change(&target, true), FEW);
	rig_run(rig, SECOND);
	lists = rig->lists.count;
	beats = rig->beats.count;
	polls = rig->polls.count;
	rig_create(rig, 1000, 0, UINT64_MAX, &later);
	rig_refresh(rig, &ids[0]);
	rig_run(rig, 1000 * SECOND);
	rig_crash(rig, SECOND);
	rig_run(rig, 1000 * SECOND);
	ck_assert_uint_eq(rig->lists.count, lists);
	ck_assert_uint_eq(rig->beats.count, beats);
	ck_assert_uint_eq(rig->polls.count, polls);
	ck_assert_uint_eq(rig->submits.count, FEW);
	ck_assert_uint_eq(change(&target, false), FEW + 1);
	rig_run(rig, 100 * SECOND);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), FEW + 1);
	ck_assert_uint_gt(rig->beats.count, beats + 5);
}
END_TEST

static Suite *pause_suite(void)
{
	Suite *suite = suite_create("pause_shared");
	TCase *tcase = tcase_create("pause_shared");

	tcase_add_checked_fixture(tcase, setup, batch_teardown);
	tcase_add_test(tcase, a_list_leaves_out_who_is_paused);
	tcase_add_test(tcase, nobody_is_left_in_it);
	tcase_add_test(tcase, a_heartbeat_goes_on_for_the_others);
	tcase_add_test(tcase, a_request_under_way_is_of_no_use_to_who_is_paused);
	tcase_add_test(tcase, all_at_an_origin);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(pause_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
