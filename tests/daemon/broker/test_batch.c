/* test_batch.c - many futures of one service are asked about with one request. */
#include "tests/daemon/broker/batch_case.h"
#include "tests/sim/must.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void progress(struct rig *of, const struct id *id, struct verdict *verdict)
{
	(void)of;
	if (batch_is_odd(id))
		verdict->progress = slice_from_str("7");
}

START_TEST(a_thousand_cost_the_requests_of_one)
{
	unsigned alone;
	uint64_t writes;

	rig_create_many(rig, 1, 1, ids);
	rig_run(rig, 900 * SECOND);
	alone = rig->polls.count;
	rig_free(rig);
	batch_setup();
	rig_create_many(rig, 0, MANY, ids);
	rig_run(rig, 100 * SECOND);
	writes = disk_writes(rig->disk);
	rig_run(rig, 800 * SECOND);
	ck_assert_uint_eq(rig->polls.count, 0);
	ck_assert_uint_le(rig->lists.count, alone + 3);
	ck_assert_uint_ge(rig->lists.count, alone - 3);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), MANY);
	/* Nothing is new, so nothing is written. */
	ck_assert_uint_eq(disk_writes(rig->disk), writes);
	ck_assert_uint_eq(rig_stats(rig).requests, MANY + rig->lists.count);
	rig->on_item = batch_say;
	outcome = OUTCOME_SUCCESS;
	rig_run(rig, 21 * SECOND);
	batch_expect_all(MANY, STORE_SUCCEEDED);
	rig_run(rig, 100 * SECOND);
	ck_assert_uint_eq(rig_stats(rig).in_flight, 0);
	ck_assert_uint_eq(rig_stats(rig).next_due_in_usec, UINT64_MAX);
}
END_TEST

START_TEST(ten_thousand_in_reasonable_time)
{
	clock_t start = clock();

	rig->config.requests_bucket = rig->config.requests_total = 1000;
	broker_configure(rig->broker, &rig->config);
	rig_create_many(rig, 0, 10000, ids);
	rig_run(rig, 600 * SECOND);
	ck_assert_uint_lt(rig->lists.count, 60);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), 10000);
	rig->on_list = batch_refuse;
	rig_run(rig, 100 * SECOND);
	ck_assert_str_eq(rig_view(rig, &ids[9999]).condition, "unreachable");
	rig->on_list = NULL;
	rig->on_item = batch_say;
	outcome = OUTCOME_SUCCESS;
	rig_run(rig, 61 * SECOND);
	batch_expect_all(10000, STORE_SUCCEEDED);
	ck_assert_int_lt((clock() - start) / CLOCKS_PER_SEC, 20);
}
END_TEST

START_TEST(each_member_ends_for_itself)
{
	rig->on_item = batch_say;
	rig_create_many(rig, 0, 4, ids);
	odd = ids[1];
	odd_outcome = OUTCOME_FAILURE;
	rig_run(rig, 10 * SECOND);
	ck_assert_int_eq(batch_state(&ids[0]), STORE_RUNNING);
	ck_assert_int_eq(batch_state(&ids[1]), STORE_FAILED);
	odd = ids[0];
	odd_outcome = OUTCOME_SUCCESS;
	rig_run(rig, 10 * SECOND);
	ck_assert_int_eq(batch_state(&ids[0]), STORE_SUCCEEDED);
	ck_assert_int_eq(rig_view(rig, &ids[0]).rec->result_size, 4);
	outcome = OUTCOME_CANCELLED;
	rig_run(rig, 20 * SECOND);
	ck_assert_int_eq(batch_state(&ids[2]), STORE_CANCELLED);
	ck_assert_int_eq(batch_state(&ids[3]), STORE_CANCELLED);
	ck_assert_uint_eq(rig->polls.count, 0);
}
END_TEST

/* A list may be long: it is worth it for two. */
START_TEST(the_only_one_is_asked_about_alone)
{
	unsigned polls;

	rig_create_many(rig, 0, 1, ids);
	rig_run(rig, 300 * SECOND);
	ck_assert_uint_eq(rig->lists.count, 0);
	polls = rig->polls.count;
	ck_assert_uint_ge(polls, 8);
	ck_assert_uint_le(polls, 60);
	rig_create_many(rig, 0, 1, ids + 1);
	rig_run(rig, 300 * SECOND);
	ck_assert_uint_ge(rig->lists.count, 8);
	ck_assert_uint_le(rig->polls.count, polls + 2);
}
END_TEST

START_TEST(the_missing_are_asked_about_alone)
{
	unsigned turns;

	rig->on_item = batch_say;
	rig_create_many(rig, 0, 5, ids);
	rig_run(rig, 60 * SECOND);
	odd = ids[3];
	odd_outcome = OUTCOME_MISSING;
	turns = rig->lists.count;
	rig_run(rig, 25 * SECOND);
	/* At once, and then again as one of all. */
	ck_assert_uint_ge(rig->polls.count, 1);
	ck_assert(batch_is_odd(&rig->polls.first[0].id));
	ck_assert_uint_eq(rig->polls.first[0].at_usec, rig->lists.first[turns].at_usec + rig->latency_usec);
	memset(&odd, 0, sizeof odd);
	rig_run(rig, 60 * SECOND);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), 5);
	/* Missing for ever is asked as often as one that is alone, not more. */
	odd = ids[3];
	turns = rig->lists.count;
	rig->polls.count = 0;
	rig_run(rig, 2000 * SECOND);
	ck_assert_uint_le(rig->polls.count, 105);
	ck_assert_uint_le(rig->lists.count - turns, 105);
}
END_TEST

START_TEST(a_refresh_is_for_one_alone)
{
	unsigned turns;

	rig_create_many(rig, 0, 5, ids);
	rig_run(rig, 300 * SECOND);
	turns = rig->lists.count;
	rig_refresh(rig, &ids[2]);
	rig_run(rig, 50 * SECOND);
	ck_assert_uint_eq(rig->polls.count, 1);
	ck_assert(memcmp(&rig->polls.first[0].id, &ids[2], sizeof(struct id)) == 0);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), 5);
	/* The others do not go faster for it. */
	ck_assert_uint_le(rig->lists.count, turns + 4);
	/* While the list is under way: that answer may be older than the question. */
	while (rig->in_flight == 0)
		rig_run(rig, 5000);
	rig_refresh(rig, &ids[4]);
	rig_run(rig, 1);
	ck_assert_uint_eq(rig->dropped, 1);
	ck_assert_uint_eq(rig->polls.count, 2);
	rig_run(rig, 50 * SECOND);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), 5);
}
END_TEST

/* A refresh comes in while the answer is being read. */
static void refresh_the_odd_one(struct rig *of, const struct id *id, struct verdict *verdict)
{
	(void)of;
	if (memcmp(id, &ids[0], sizeof *id) == 0) {
		rig_refresh(rig, &odd);
		rig->on_item = progress;
	}
	(void)verdict;
}

START_TEST(a_refresh_is_not_answered_by_what_was_known_before)
{
	rig_create_many(rig, 0, 5, ids);
	rig_run(rig, 60 * SECOND);
	odd = ids[4];
	rig->on_item = refresh_the_odd_one;
	rig_run(rig, 20 * SECOND);
	ck_assert_uint_eq(rig->polls.count, 1);
	ck_assert(batch_is_odd(&rig->polls.first[0].id));
	rig_run(rig, 40 * SECOND);
	ck_assert_uint_eq(rig->polls.count, 1);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), 5);
}
END_TEST

START_TEST(a_cancellation_is_for_one_alone)
{
	rig->kinds[0].plan.has_cancel = true;
	rig->on_item = batch_say;
	rig_create_many(rig, 0, 5, ids);
	rig_run(rig, 300 * SECOND);
	rig_cancel(rig, &ids[1]);
	rig_run(rig, SECOND / 2);
	ck_assert_uint_eq(rig->cancels.count, 1);
	rig_run(rig, 25 * SECOND);
	ck_assert_uint_eq(rig->cancels.count, 1);
	ck_assert_uint_eq(rig->polls.count, 0);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), 5);
	odd = ids[1];
	odd_outcome = OUTCOME_CANCELLED;
	rig_run(rig, 25 * SECOND);
	ck_assert_int_eq(batch_state(&ids[1]), STORE_CANCELLED);
	/* The wish outlives a restart, and goes before the list. */
	rig_cancel(rig, &ids[2]);
	rig_run(rig, 1000);
	rig_crash(rig, SECOND);
	rig_run(rig, 60 * SECOND);
	ck_assert_uint_ge(rig->cancels.count, 2);
}
END_TEST

START_TEST(the_last_attempt_is_for_one_alone)
{
	rig_create_many(rig, 0, 5, ids);
	rig_create(rig, 1000, 0, 300 * SECOND, &ids[5]);
	rig_run(rig, 299 * SECOND);
	ck_assert_uint_eq(rig->polls.count, 0);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), 6);
	rig_run(rig, 2 * SECOND);
	ck_assert_uint_eq(rig->polls.count, 1);
	ck_assert_int_eq(batch_state(&ids[5]), STORE_FAILED);
	ck_assert_str_eq(rig_view(rig, &ids[5]).rec->error_kind, "deadline");
	rig_run(rig, 30 * SECOND);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), 5);
}
END_TEST

START_TEST(progress_is_written_and_resets_the_ladder)
{
	uint64_t writes;
	unsigned turns;

	rig->kinds[0].plan.reset_on_progress = true;
	rig_create_many(rig, 0, 50, ids);
	rig_run(rig, 300 * SECOND);
	writes = disk_writes(rig->disk);
	turns = rig->lists.count;
	odd = ids[9];
	rig->on_item = progress;
	rig_run(rig, 60 * SECOND);
	ck_assert_str_eq(rig_view(rig, &ids[9]).rec->progress, "7");
	ck_assert_ptr_null(rig_view(rig, &ids[8]).rec->progress);
	ck_assert_uint_ge(rig->lists.count, turns + 7);
	/* The one that has moved, and the place on the ladder. */
	ck_assert_uint_le(disk_writes(rig->disk), writes + 12);
	turns = rig->lists.count;
	rig_run(rig, 200 * SECOND);
	ck_assert_uint_le(rig->lists.count, turns + 11);
}
END_TEST

START_TEST(no_more_in_a_request_than_it_takes)
{
	rig->kinds[0].plan.batch_max = 10;
	rig_create_many(rig, 0, 35, ids);
	rig_run(rig, 300 * SECOND);
	rig->lists.count = 0;
	rig_run(rig, 20 * SECOND);
	ck_assert_uint_eq(rig->lists.count, 4);
	ck_assert_uint_eq(batch_members(0) + batch_members(1) + batch_members(2) + batch_members(3), 35);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_le(batch_members(i), 10);
	/* One that goes while others of its turn were asked about: nobody is asked about twice. */
	rig->on_item = batch_say;
	odd = ids[34];
	odd_outcome = OUTCOME_SUCCESS;
	rig_run(rig, 20 * SECOND);
	rig->lists.count = 0;
	rig_run(rig, 20 * SECOND);
	ck_assert_uint_eq(batch_members(0) + batch_members(1) + batch_members(2) + batch_members(3), 34);
	/* Those behind a request that fails come first at the next turn. */
	rig->on_list = batch_refuse;
	rig->lists.count = 0;
	rig_run(rig, 200 * SECOND);
	for (size_t i = 0; i < 34; i++)
		must(rig_view(rig, &ids[i]).condition != NULL);
}
END_TEST

START_TEST(members_may_end_at_any_time)
{
	rig->latency_usec = 5 * SECOND;
	rig_create_many(rig, 0, 3, ids);
	rig_run(rig, 5 * SECOND);
	while (rig->lists.count == 0)
		rig_run(rig, SECOND / 10);
	/* Without a cancel request it ends at once. */
	rig_cancel(rig, &ids[0]);
	ck_assert_uint_eq(rig->dropped, 1);
	ck_assert_uint_eq(rig->aborted, 0);
	rig_cancel(rig, &ids[1]);
	rig_cancel(rig, &ids[2]);
	ck_assert_uint_eq(rig->aborted, 1);
	ck_assert_uint_eq(rig->in_flight, 0);
	rig_run(rig, 100 * SECOND);
	ck_assert_uint_eq(rig->lists.count, 1);
	ck_assert_uint_eq(rig_stats(rig).in_flight, 0);
	batch_expect_all(3, STORE_CANCELLED);
	/* A turn that waits for its slot. */
	rig->latency_usec = 10000;
	rig_create_many(rig, 0, 1, ids);
	rig_run(rig, SECOND / 2);
	rig_cancel(rig, &ids[0]);
	rig_run(rig, 100 * SECOND);
	ck_assert_uint_eq(rig->lists.count, 1);
}
END_TEST

START_TEST(a_newcomer_leads_back_to_the_foot_of_the_ladder)
{
	uint64_t before, after;

	rig_create_many(rig, 0, 5, ids);
	rig_run(rig, 300 * SECOND);
	before = rig->lists.first[rig->lists.count - 1].at_usec;
	while (rig->lists.first[rig->lists.count - 1].at_usec == before)
		rig_run(rig, SECOND / 2);
	rig_run(rig, 2 * SECOND);
	before = rig->lists.count;
	after = rig->now_usec;
	rig_create_many(rig, 0, 1, ids + 5);
	rig_run(rig, 20 * SECOND);
	ck_assert_uint_ge(rig->lists.count, before + 5);
	ck_assert_uint_le(rig->lists.first[before].at_usec, after + SECOND + SECOND / 10);
	ck_assert_uint_eq(batch_members((unsigned)before), 6);
}
END_TEST

START_TEST(newcomers_one_after_the_other_do_not_add_up)
{
	rig->kinds[0].plan.polling.jitter = POLICY_JITTER_FULL;
	for (unsigned i = 0; i < 200; i++) {
		rig_create(rig, 1000, 0, UINT64_MAX, &ids[i]);
		rig_run(rig, SECOND / 20);
	}
	/* Ten seconds at the foot of the ladder, where jitter makes it half a second on average. */
	ck_assert_uint_le(rig->lists.count, 20);
	ck_assert_uint_ge(rig->lists.count, 8);
	ck_assert_uint_eq(rig->polls.count, 0);
}
END_TEST

static void later(struct rig *of, const struct id *id, struct verdict *verdict)
{
	(void)of;
	(void)id;
	verdict->has_retry_after = true;
	verdict->retry_after_usec = 40 * SECOND;
}

START_TEST(nobody_is_asked_about_before_the_service_said)
{
	unsigned turns;

	rig_create_many(rig, 0, 5, ids);
	rig_run(rig, 300 * SECOND);
	rig->on_submit = later;
	turns = rig->lists.count;
	rig_create_many(rig, 0, 1, ids + 5);
	rig_run(rig, 39 * SECOND);
	for (; turns < rig->lists.count; turns++)
		ck_assert_uint_eq(batch_members(turns), 5);
	rig_run(rig, 4 * SECOND);
	ck_assert_uint_eq(batch_members(rig->lists.count - 1), 6);
	/* The whole list. */
	rig->on_list = later;
	rig_run(rig, 25 * SECOND);
	turns = rig->lists.count;
	rig_run(rig, 400 * SECOND);
	ck_assert_uint_le(rig->lists.count, turns + 11);
	/* Items. */
	rig->on_list = NULL;
	rig->on_item = later;
	rig_run(rig, 41 * SECOND);
	turns = rig->lists.count;
	rig_run(rig, 400 * SECOND);
	ck_assert_uint_le(rig->lists.count, turns + 11);
	ck_assert_uint_ge(rig->lists.count, turns + 9);
}
END_TEST

START_TEST(who_is_asked_about_together)
{
	rig->kinds[2].plan.batch = "another list";
	rig->kinds[3].plan.batch = "list";
	rig->kinds[3].plan.bucket = "another service";
	rig_create_many(rig, 0, 3, ids);
	rig_create_many(rig, 2, 2, ids);
	rig_create_many(rig, 3, 2, ids);
	rig_create(rig, 1001, 0, UINT64_MAX, &ids[0]);
	rig_create(rig, 1001, 0, UINT64_MAX, &ids[1]);
	rig_run(rig, 300 * SECOND);
	rig->lists.count = 0;
	rig_run(rig, 20 * SECOND);
	ck_assert_uint_eq(rig->lists.count, 4);
	ck_assert_uint_eq(batch_members(0) + batch_members(1) + batch_members(2) + batch_members(3), 9);
}
END_TEST

START_TEST(the_most_eager_sets_the_pace)
{
	unsigned turns;

	rig->kinds[2].plan.batch = "list";
	rig->kinds[2].plan.polling.maximum_usec = 2 * SECOND;
	rig_create_many(rig, 0, 3, ids);
	rig_run(rig, 300 * SECOND);
	rig_create_many(rig, 2, 1, ids + 3);
	rig_run(rig, 50 * SECOND);
	turns = rig->lists.count;
	rig_run(rig, 100 * SECOND);
	ck_assert_uint_ge(rig->lists.count, turns + 48);
	rig_cancel(rig, &ids[3]);
	rig_run(rig, 60 * SECOND);
	turns = rig->lists.count;
	rig_run(rig, 200 * SECOND);
	ck_assert_uint_le(rig->lists.count, turns + 11);
}
END_TEST

static Suite *batch_suite(void)
{
	Suite *suite = suite_create("batch");
	TCase *tcase = tcase_create("batch");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, batch_setup, batch_teardown);
	tcase_add_test(tcase, a_thousand_cost_the_requests_of_one);
	tcase_add_test(tcase, ten_thousand_in_reasonable_time);
	tcase_add_test(tcase, each_member_ends_for_itself);
	tcase_add_test(tcase, the_only_one_is_asked_about_alone);
	tcase_add_test(tcase, the_missing_are_asked_about_alone);
	tcase_add_test(tcase, a_refresh_is_for_one_alone);
	tcase_add_test(tcase, a_refresh_is_not_answered_by_what_was_known_before);
	tcase_add_test(tcase, a_cancellation_is_for_one_alone);
	tcase_add_test(tcase, the_last_attempt_is_for_one_alone);
	tcase_add_test(tcase, progress_is_written_and_resets_the_ladder);
	tcase_add_test(tcase, no_more_in_a_request_than_it_takes);
	tcase_add_test(tcase, members_may_end_at_any_time);
	tcase_add_test(tcase, a_newcomer_leads_back_to_the_foot_of_the_ladder);
	tcase_add_test(tcase, newcomers_one_after_the_other_do_not_add_up);
	tcase_add_test(tcase, nobody_is_asked_about_before_the_service_said);
	tcase_add_test(tcase, who_is_asked_about_together);
	tcase_add_test(tcase, the_most_eager_sets_the_pace);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(batch_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
