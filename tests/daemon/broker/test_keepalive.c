/* test_keepalive.c - one heartbeat for all futures of a session. */
#include "tests/daemon/broker/rig.h"
#include "tests/sim/must.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct rig *rig;
static struct id ids[200];
static unsigned failures;               /* beats that are still to fail */
static const char *captured;

/* Kinds 0 and 1 are of two sessions, kind 2 of that which its submit names. All are polled once a minute. */
static void setup(void)
{
	memset(ids, 0, sizeof ids);
	failures = 0;
	captured = NULL;
	rig = rig_new(1);
	for (unsigned i = 0; i < 4; i++) {
		rig->kinds[i].plan.keepalive_usec = 10 * SECOND;
		rig->kinds[i].plan.polling.initial_usec = rig->kinds[i].plan.polling.maximum_usec = 60 * SECOND;
	}
	rig->kinds[0].session = "one";
	rig->kinds[1].session = "two";
}

static void teardown(void)
{
	rig = rig_free(rig);
}

static void fail_some(struct rig *of, const struct id *id, struct verdict *verdict)
{
	(void)of;
	(void)id;
	if (failures == 0)
		return;
	failures--;
	verdict->outcome = OUTCOME_RETRY;
	verdict->http_status = 500;
}

static void throttle(struct rig *of, const struct id *id, struct verdict *verdict)
{
	fail_some(of, id, verdict);
	if (verdict->outcome != OUTCOME_RETRY)
		return;
	verdict->http_status = 429;
	verdict->throttled = verdict->has_retry_after = true;
	verdict->retry_after_usec = 45 * SECOND;
}

static void capture(struct rig *of, const struct id *id, struct verdict *verdict)
{
	(void)of;
	(void)id;
	verdict->captured = captured;
}

static void expect_beats(const uint64_t *seconds, unsigned count)
{
	ck_assert_uint_eq(rig->beats.count, count);
	for (unsigned i = 0; i < count; i++)
		must_say(rig->beats.first[i].at_usec / SECOND == seconds[i], "beat %u at %llu", i,
		    (unsigned long long)rig->beats.first[i].at_usec);
}

START_TEST(one_heartbeat_for_a_session)
{
	rig_create_many(rig, 0, 100, ids);
	rig_run(rig, 55 * SECOND);
	expect_beats((uint64_t[]){ 0, 10, 20, 30, 40, 50 }, 6);
	ck_assert_uint_eq(rig_stats(rig).requests, 100 + 6);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_uint_eq(rig_view(rig, &ids[i]).rec->requests, 1);
}
END_TEST

START_TEST(each_session_has_its_own)
{
	rig_create_many(rig, 0, 3, ids);
	rig_create_many(rig, 1, 3, ids);
	rig_create(rig, 1001, 0, UINT64_MAX, ids);
	rig_run(rig, 5 * SECOND);
	ck_assert_uint_eq(rig->beats.count, 3);
	rig_run(rig, 10 * SECOND);
	ck_assert_uint_eq(rig->beats.count, 6);
}
END_TEST

START_TEST(it_ends_with_the_last_of_them)
{
	rig_create_many(rig, 0, 2, ids);
	rig_run(rig, 15 * SECOND);
	rig_cancel(rig, &ids[0]);
	rig_run(rig, 10 * SECOND);
	ck_assert_uint_eq(rig->beats.count, 3);
	rig_cancel(rig, &ids[1]);
	rig_run(rig, 100 * SECOND);
	ck_assert_uint_eq(rig->beats.count, 3);
	ck_assert_uint_eq(rig_stats(rig).next_due_in_usec, UINT64_MAX);
	/* Somebody is there again. */
	rig_create_many(rig, 0, 1, ids);
	rig_run(rig, SECOND);
	ck_assert_uint_eq(rig->beats.count, 4);
}
END_TEST

START_TEST(after_a_restart_at_once)
{
	rig_create_many(rig, 0, 50, ids);
	rig_run(rig, 55 * SECOND);
	rig_crash(rig, SECOND);
	rig->beats.count = 0;
	rig_run(rig, SECOND);
	ck_assert_uint_eq(rig->beats.count, 1);
	rig_restart(rig, SECOND);
	rig->beats.count = 0;
	rig_run(rig, SECOND);
	ck_assert_uint_eq(rig->beats.count, 1);
}
END_TEST

START_TEST(it_outlives_the_member_it_goes_through)
{
	const struct id *through;
	uint64_t at;

	rig_create_many(rig, 0, 3, ids);
	rig_run(rig, 15 * SECOND);
	rig->latency_usec = 2 * SECOND;
	rig_run(rig, 6 * SECOND);
	ck_assert_uint_eq(rig->beats.count, 3);
	ck_assert_uint_eq(rig->in_flight, 1);
	/* It ends while the beat is under way: another one says it. */
	for (unsigned i = 3; i < 5; i++) {
		through = &rig->beats.first[i - 1].id;
		rig_cancel(rig, through);
		ck_assert_uint_eq(rig->aborted, i - 2);
		ck_assert_uint_eq(rig->beats.count, i + 1);
		ck_assert(memcmp(through, &rig->beats.first[i].id, sizeof *through) != 0);
		ck_assert_uint_eq(rig->beats.first[i].at_usec, rig->now_usec);
	}
	at = rig->now_usec;
	rig_run(rig, 11 * SECOND);
	ck_assert_uint_eq(rig->beats.count, 6);
	ck_assert_uint_eq(rig->beats.first[5].at_usec, at + 10 * SECOND);
	ck_assert_uint_eq(rig_stats(rig).in_flight, 1);
	/* The last one goes, with its beat. */
	rig_cancel(rig, &rig->beats.first[5].id);
	ck_assert_uint_eq(rig->aborted, 3);
	rig_run(rig, 60 * SECOND);
	ck_assert_uint_eq(rig->beats.count, 6);
	ck_assert_uint_eq(rig_stats(rig).in_flight, 0);
}
END_TEST

START_TEST(a_beat_that_fails_comes_again_but_no_later_than_the_next)
{
	rig->on_beat = fail_some;
	failures = 6;
	rig_create_many(rig, 0, 3, ids);
	rig_run(rig, 60 * SECOND);
	/* 1, 2, 4, 8, then 10 because every 10 seconds is as late as it may be. */
	expect_beats((uint64_t[]){ 0, 1, 3, 7, 15, 25, 35, 45, 55 }, 9);
	ck_assert_uint_eq(rig_stats(rig).retries, 6);
	ck_assert_int_eq(rig_view(rig, &ids[0]).state, STORE_RUNNING);
	ck_assert_ptr_null(rig_view(rig, &ids[0]).condition);
}
END_TEST

START_TEST(a_beat_without_answer_is_given_up)
{
	rig_create_many(rig, 0, 1, ids);
	rig_run(rig, 5 * SECOND);
	rig->latency_usec = 1000 * SECOND;
	rig_run(rig, 34 * SECOND);
	/* Sent at 10, given up at 20, again at 21, given up at 31, again at 33. */
	expect_beats((uint64_t[]){ 0, 10, 21, 33 }, 4);
}
END_TEST

START_TEST(captured_values_name_the_session)
{
	rig->on_submit = rig->on_poll = capture;
	rig_create_many(rig, 2, 3, ids);
	rig_run(rig, 65 * SECOND);
	ck_assert_uint_eq(rig->beats.count, 0);
	captured = "{\"session\":1}";
	rig_run(rig, 120 * SECOND);
	/* From the poll on that said it. */
	expect_beats((uint64_t[]){ 120, 130, 140, 150, 160, 170, 180 }, 7);
	/* Another one. */
	captured = "{\"session\":2}";
	rig_run(rig, 60 * SECOND);
	rig->beats.count = 0;
	rig_run(rig, 55 * SECOND);
	ck_assert_uint_ge(rig->beats.count, 5);
	ck_assert_uint_le(rig->beats.count, 6);
	rig_crash(rig, SECOND);
	rig->beats.count = 0;
	rig_run(rig, SECOND / 10);
	ck_assert_uint_eq(rig->beats.count, 1);
}
END_TEST

START_TEST(the_list_may_say_who_they_are)
{
	rig->kinds[2].plan.batch = "list";
	rig->on_item = capture;
	captured = "{\"session\":1}";
	rig_create_many(rig, 2, 20, ids);
	rig_run(rig, 59 * SECOND);
	ck_assert_uint_eq(rig->beats.count, 0);
	rig_run(rig, 10 * SECOND);
	ck_assert_uint_eq(rig->beats.count, 1);
	ck_assert_uint_eq(rig->polls.count, 0);
}
END_TEST

START_TEST(it_goes_before_the_polls_that_wait)
{
	rig->config.requests_bucket = 1;
	broker_configure(rig->broker, &rig->config);
	rig->latency_usec = SECOND;
	rig->kinds[0].plan.polling.initial_usec = rig->kinds[0].plan.polling.maximum_usec = SECOND;
	rig_create_many(rig, 0, 100, ids);
	rig_run(rig, 120 * SECOND);
	ck_assert_uint_eq(rig->most_in_flight, 1);
	for (unsigned i = 1; i < rig->beats.count; i++)
		ck_assert_uint_le(rig->beats.first[i].at_usec - rig->beats.first[i - 1].at_usec, 11 * SECOND);
	ck_assert_uint_ge(rig->beats.count, 11);
}
END_TEST

START_TEST(it_obeys_the_pause_and_makes_one)
{
	rig->on_beat = throttle;
	rig_create_many(rig, 0, 2, ids);
	rig_run(rig, 15 * SECOND);
	failures = 1;
	rig_run(rig, 10 * SECOND);
	ck_assert_uint_eq(rig->beats.count, 3);
	ck_assert_uint_eq(rig_stats(rig).throttled, 1);
	ck_assert_uint_eq(rig_stats(rig).paused, 1);
	rig_refresh(rig, &ids[0]);
	rig_run(rig, 39 * SECOND);
	ck_assert_uint_eq(rig->beats.count, 3);
	ck_assert_uint_eq(rig->polls.count, 0);
	rig_run(rig, 3 * SECOND);
	ck_assert_uint_eq(rig->beats.count, 4);
	ck_assert_uint_eq(rig->polls.count, 2);
}
END_TEST

START_TEST(who_is_in_a_hurry_sets_the_pace)
{
	rig->kinds[3].session = "one";
	rig->kinds[3].plan.keepalive_usec = 2 * SECOND;
	rig_create_many(rig, 0, 2, ids);
	rig_run(rig, 15 * SECOND);
	rig_create_many(rig, 3, 1, ids + 2);
	rig_run(rig, 13 * SECOND / 2);
	expect_beats((uint64_t[]){ 0, 10, 15, 17, 19, 21 }, 6);
	/* What it had ordered is still sent. */
	rig_cancel(rig, &ids[2]);
	rig_run(rig, 30 * SECOND);
	expect_beats((uint64_t[]){ 0, 10, 15, 17, 19, 21, 23, 33, 43 }, 9);
}
END_TEST

START_TEST(a_service_side_without_heartbeats)
{
	rig_free(rig);
	rig = rig_new(1);
	rig->kinds[0].session = "one";
	rig->kinds[0].plan.keepalive_usec = SECOND;
	rig->remote.keepalive_name = NULL;
	rig_restart(rig, SECOND);
	rig_create_many(rig, 0, 2, ids);
	rig_run(rig, 20 * SECOND);
	ck_assert_uint_eq(rig->beats.count, 0);
}
END_TEST

static Suite *keepalive_suite(void)
{
	Suite *suite = suite_create("keepalive");
	TCase *tcase = tcase_create("keepalive");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, one_heartbeat_for_a_session);
	tcase_add_test(tcase, each_session_has_its_own);
	tcase_add_test(tcase, it_ends_with_the_last_of_them);
	tcase_add_test(tcase, after_a_restart_at_once);
	tcase_add_test(tcase, it_outlives_the_member_it_goes_through);
	tcase_add_test(tcase, a_beat_that_fails_comes_again_but_no_later_than_the_next);
	tcase_add_test(tcase, a_beat_without_answer_is_given_up);
	tcase_add_test(tcase, captured_values_name_the_session);
	tcase_add_test(tcase, the_list_may_say_who_they_are);
	tcase_add_test(tcase, it_goes_before_the_polls_that_wait);
	tcase_add_test(tcase, it_obeys_the_pause_and_makes_one);
	tcase_add_test(tcase, who_is_in_a_hurry_sets_the_pace);
	tcase_add_test(tcase, a_service_side_without_heartbeats);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(keepalive_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
