/* test_poll.c - how a live future is asked about: ladders, failures, pauses, deadlines, cancellation, submits. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seconds between the answer to one request and the sending of the next, after i requests. */
static double gap(const struct id *id, size_t i, double latency)
{
	const struct asked *asked = service_asked(sim->service, id);

	ck_assert_uint_lt(i + 1, asked->count);
	return (double)(asked->first[i + 1].at_usec - asked->first[i].at_usec) / 1e6 - latency;
}

static void expect_gaps(const struct id *id, const double *gaps, size_t count, double latency)
{
	for (size_t i = 0; i < count; i++) {
		double found = gap(id, i, latency);

		ck_assert_msg(found > gaps[i] - 0.002 && found < gaps[i] + 0.002, "gap %zu is %f, not %f", i, found,
		    gaps[i]);
	}
}

static struct id make_with_deadline(const char *script, uint64_t timeout_usec)
{
	struct create_request request = client_request(script);
	struct answer answer;

	request.timeout_kind = CREATE_GIVEN;
	request.timeout_usec = timeout_usec;
	client_create(sim, 1000, &request, &answer);
	sim_commit(sim);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	return answer.id;
}

static const char *error_kind(const struct id *id)
{
	struct future_view view = client_view(sim, id);

	return view.rec->error_kind ? view.rec->error_kind : "";
}

START_TEST(polls_at_once_and_then_by_the_ladder)
{
	struct id id = client_make(sim, "polls=6 polling=1/8/2 latency=0.1");
	uint64_t created = sim->now_usec;

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_lt(service_asked(sim->service, &id)->first[0].at_usec - created, 10000);
	expect_gaps(&id, (const double[]){ 1, 2, 4, 8, 8, 8 }, 6, 0.1);
	ck_assert_uint_eq(service_asked(sim->service, &id)->count, 7);
	ck_assert_uint_eq(client_view(sim, &id).rec->requests, 7);
	sim_run(sim, HOUR);
	ck_assert_uint_eq(service_asked(sim->service, &id)->count, 7);
}
END_TEST

START_TEST(polls_whether_anyone_waits_or_not)
{
	struct id id = client_make(sim, "polls=2");

	sim_run(sim, 60 * SECOND);
	ck_assert_int_eq(client_state(sim, &id), STORE_SUCCEEDED);
}
END_TEST

START_TEST(all_ends)
{
	struct id success = client_make(sim, "end=success"), failure = client_make(sim, "end=failure");
	struct id cancelled = client_make(sim, "end=cancelled"), lost = client_make(sim, "end=lost");

	sim_run(sim, 10 * SECOND);
	ck_assert_int_eq(client_state(sim, &success), STORE_SUCCEEDED);
	ck_assert_int_eq(client_state(sim, &failure), STORE_FAILED);
	ck_assert_int_eq(client_state(sim, &cancelled), STORE_CANCELLED);
	ck_assert_int_eq(client_state(sim, &lost), STORE_FAILED);
	ck_assert_str_eq(error_kind(&lost), "lost");
	ck_assert_int_eq(client_view(sim, &lost).rec->finished_at_ms > 0, 1);
}
END_TEST

START_TEST(state_and_result_are_one_commit)
{
	struct id id = client_make(sim, "result=bytes");

	sim->commit_usec = UINT64_MAX;
	sim_run(sim, 10 * SECOND);
	ck_assert(!client_view(sim, &id).terminal);
	while (store_sim_queued(sim->store) > 0) {
		const struct disk_future *durable;

		store_sim_commit(sim->store, 1);
		durable = disk_find(sim->disk, id.bytes);
		ck_assert_int_eq(durable->rec.state == STORE_SUCCEEDED, durable->result.data != NULL);
		/* Not told before the callbacks ran. */
		ck_assert(!client_view(sim, &id).terminal);
	}
	store_dispatch(sim->store);
	ck_assert_int_eq(client_state(sim, &id), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_rule_may_name_the_delay)
{
	struct id rule = client_make(sim, "polls=3 polling=1/8/2 delay=5 latency=0.1");
	struct id at_once = client_make(sim, "polls=3 polling=1/8/2 delay=0 latency=0.1");
	struct id service = client_make(sim, "polls=3 polling=1/8/2 wait=7 latency=0.1");

	sim_run(sim, 60 * SECOND);
	expect_gaps(&rule, (const double[]){ 5, 5, 5 }, 3, 0.1);
	expect_gaps(&at_once, (const double[]){ 0, 0, 1 }, 3, 0.1);     /* see test_pace.c */
	expect_gaps(&service, (const double[]){ 7, 7, 7 }, 3, 0.1);
}
END_TEST

START_TEST(progress_resets_the_ladder_if_wanted)
{
	struct id with = client_make(sim, "polls=4 polling=1/8/2 progress reset latency=0.1");
	struct id without = client_make(sim, "polls=4 polling=1/8/2 progress latency=0.1");

	sim_run(sim, 60 * SECOND);
	expect_gaps(&with, (const double[]){ 1, 1, 1, 1 }, 4, 0.1);
	expect_gaps(&without, (const double[]){ 1, 2, 4, 8 }, 4, 0.1);
	ck_assert_str_eq(client_view(sim, &with).rec->progress, "{\"n\":4}");
}
END_TEST

START_TEST(failures_go_to_the_retry_policy)
{
	struct id id = client_make(sim, "polls=3 polling=1/8/2 retry=0.5/4/2 fail=2:4 latency=0.1");
	struct future_view view;

	sim_run(sim, 2 * SECOND);
	view = client_view(sim, &id);
	ck_assert_int_eq(view.state, STORE_RUNNING);
	ck_assert_str_eq(view.condition, "unreachable");
	ck_assert_int_gt(view.condition_since_ms, 0);
	ck_assert_str_eq(view.rec->last_error, "connection reset");
	ck_assert_uint_ge(view.rec->attempts, 1);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	/* The polling ladder goes on where it was. */
	expect_gaps(&id, (const double[]){ 1, 0.5, 1, 2, 2 }, 5, 0.1);
	view = client_view(sim, &id);
	ck_assert_ptr_null(view.condition);
	ck_assert_ptr_null(view.rec->last_error);
	ck_assert_uint_eq(view.rec->attempts, 0);
}
END_TEST

START_TEST(an_outage_is_not_a_failure)
{
	struct id id = client_make(sim, "polls=3");
	struct future_view view;
	int64_t since;

	service_set_down(sim->service, true);
	sim_run(sim, 10 * HOUR);
	view = client_view(sim, &id);
	ck_assert_int_eq(view.state, STORE_RUNNING);
	ck_assert_str_eq(view.condition, "unreachable");
	since = view.condition_since_ms;
	sim_run(sim, 100 * HOUR);
	ck_assert_int_eq(client_view(sim, &id).condition_since_ms, since);
	service_set_down(sim->service, false);
	ck_assert_int_eq(client_finish(sim, &id, 10 * 60 * SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_request_that_cannot_be_built)
{
	struct id id = client_make(sim, "nostart");
	struct future_view view;

	sim_run(sim, HOUR);
	view = client_view(sim, &id);
	ck_assert(!view.terminal);
	ck_assert_str_eq(view.rec->last_error, "credential: no such file");
	ck_assert_uint_eq(view.rec->requests, 0);
	ck_assert_uint_gt(view.rec->attempts, 10);
}
END_TEST

START_TEST(retry_exhausted)
{
	struct id id = client_make(sim, "polls=3 retry=1/4/2 retry_timeout=20 fail=2:1000 latency=0.1");
	const struct asked *asked;
	uint64_t spent;

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	ck_assert_str_eq(error_kind(&id), "retry_exhausted");
	asked = service_asked(sim->service, &id);
	/* The policy's time runs from the first failure, and its last attempt is at the end of it. */
	spent = asked->last_usec - asked->first[1].at_usec;
	ck_assert_msg(spent > 19900000 && spent < 20300000, "gave up after %llu", (unsigned long long)spent);
	ck_assert_uint_le(asked->count, 9);
}
END_TEST

START_TEST(retry_timeout_starts_again_after_a_success)
{
	struct id id = client_make(sim, "polls=30 polling=1/1/1 retry=1/1/1 retry_timeout=5 fail=2:5 latency=0.1");

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
}
END_TEST

START_TEST(each_run_of_failures_starts_anew)
{
	struct id id = client_make(sim, "end=never polling=10/10/1 retry=1/64/2 retry_timeout=50");

	for (int i = 0; i < 5; i++) {
		size_t before;

		service_set_down(sim->service, true);
		sim_run(sim, 12 * SECOND);
		before = service_asked(sim->service, &id)->count;
		/* At most 4 s between two attempts by now; and 40 s in all, of the 50. */
		sim_run(sim, 8 * SECOND);
		ck_assert_uint_gt(service_asked(sim->service, &id)->count, before);
		sim_run(sim, 20 * SECOND);
		service_set_down(sim->service, false);
		sim_run(sim, 60 * SECOND);
		ck_assert_msg(!client_view(sim, &id).terminal, "given up in run %d", i);
	}
}
END_TEST

START_TEST(deadline_with_a_last_attempt)
{
	struct id id = make_with_deadline("end=never polling=4/64/4 latency=0.1", 30 * SECOND);
	uint64_t created = sim->now_usec;
	const struct asked *asked;

	sim_run(sim, 25 * SECOND);
	ck_assert_int_le(client_view(sim, &id).rec->next_at_ms, client_view(sim, &id).rec->deadline_at_ms + 1);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	ck_assert_str_eq(error_kind(&id), "deadline");
	asked = service_asked(sim->service, &id);
	/* 0, 4, 20, and instead of 84 once more at 30. */
	ck_assert_uint_eq(asked->count, 4);
	ck_assert_uint_ge(asked->last_usec - created, 29990000);
	ck_assert_uint_le(asked->last_usec - created, 30100000);
	ck_assert_uint_le(sim->now_usec - created, 31 * SECOND);
}
END_TEST

START_TEST(the_last_attempt_may_succeed)
{
	struct id id = make_with_deadline("polls=2 polling=4/4000/1000 latency=0.1", 30 * SECOND);

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_deadline_is_kept_when_the_service_hangs)
{
	struct id id = make_with_deadline("hang", 10 * SECOND);
	uint64_t created = sim->now_usec;

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	ck_assert_str_eq(error_kind(&id), "deadline");
	ck_assert_uint_le(sim->now_usec - created, 20 * SECOND);
	ck_assert_uint_eq(service_in_flight(sim->service), 0);
}
END_TEST

START_TEST(a_deadline_is_kept_in_a_pause_and_behind_a_limit)
{
	struct id pauser = client_make(sim, "throttle=1:1000 polls=1");
	struct id paused = make_with_deadline("end=never", 10 * SECOND);
	struct id hanging = client_make(sim, "hang bucket=b limit=1");
	struct id waiting = make_with_deadline("end=never bucket=b limit=1", 10 * SECOND);

	sim_run(sim, 30 * SECOND);
	ck_assert_str_eq(error_kind(&paused), "deadline");
	ck_assert_str_eq(error_kind(&waiting), "deadline");
	ck_assert(!client_view(sim, &pauser).terminal);
	ck_assert(!client_view(sim, &hanging).terminal);
}
END_TEST

START_TEST(no_deadline_by_default)
{
	struct id id = client_make(sim, "end=never");

	sim_run(sim, 200 * HOUR);
	ck_assert_int_eq(client_state(sim, &id), STORE_RUNNING);
}
END_TEST

START_TEST(extend_moves_the_deadline)
{
	struct id id = make_with_deadline("end=never polling=1/5/2", 30 * SECOND);
	struct answer answer;

	sim_run(sim, 20 * SECOND);
	sim->commit_usec = UINT64_MAX;
	client_extend(sim, 1000, &id, 100 * SECOND, &answer);
	ck_assert_uint_eq(answer.calls, 0);
	sim->commit_usec = 1000;
	sim_commit(sim);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	ck_assert(answer.flag);
	ck_assert_int_eq(disk_find(sim->disk, id.bytes)->rec.deadline_at_ms, sim_wall_ms(sim) + 100000);
	sim_run(sim, 90 * SECOND);
	ck_assert_int_eq(client_state(sim, &id), STORE_RUNNING);
	client_extend(sim, 1000, &id, UINT64_MAX, &answer);
	sim_run(sim, 100 * HOUR);
	ck_assert_int_eq(client_state(sim, &id), STORE_RUNNING);
	ck_assert_int_eq(client_view(sim, &id).rec->deadline_at_ms, 0);
	client_extend(sim, 1000, &id, 0, &answer);
	sim_run(sim, 10 * SECOND);
	ck_assert_str_eq(error_kind(&id), "deadline");
	client_extend(sim, 1000, &id, SECOND, &answer);
	ck_assert_int_eq(answer.code, ERROR_INVALID_STATE);
}
END_TEST

START_TEST(extended_while_the_last_attempt_is_under_way)
{
	struct id id = make_with_deadline("end=never latency=4 polling=9/9/1", 10 * SECOND);
	struct answer answer;

	sim_run(sim, 11 * SECOND);
	ck_assert_uint_eq(service_in_flight(sim->service), 1);
	client_extend(sim, 1000, &id, 100 * SECOND, &answer);
	sim_run(sim, 80 * SECOND);
	ck_assert_int_eq(client_state(sim, &id), STORE_RUNNING);
	sim_run(sim, 40 * SECOND);
	ck_assert_str_eq(error_kind(&id), "deadline");
}
END_TEST

START_TEST(retry_after_pauses_the_whole_bucket)
{
	struct id ids[6];

	ids[0] = client_make(sim, "polls=50 polling=1/1/1 throttle=5:120");
	for (int i = 1; i < 5; i++)
		ids[i] = client_make(sim, "polls=50 polling=1/1/1");
	ids[5] = client_make(sim, "polls=50 polling=1/1/1 bucket=other");
	sim_run(sim, 60 * SECOND);
	ck_assert_str_eq(client_view(sim, &ids[0]).condition, "throttled");
	/* The service itself notes each request that comes too early. */
	for (int i = 0; i < 5; i++)
		ck_assert_uint_le(service_asked(sim->service, &ids[i])->count, 7);
	ck_assert_uint_eq(service_asked(sim->service, &ids[5])->count, 51);
	/* A refresh does not get past it. */
	ck_assert_int_eq(client_refresh(sim, 1000, &ids[1]), ERROR_NONE);
	sim_run(sim, 10 * SECOND);
	ck_assert_uint_le(service_asked(sim->service, &ids[1])->count, 7);
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(client_finish(sim, &ids[i], 10 * 60 * SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_pause_outlives_those_who_were_told)
{
	struct id first = client_make(sim, "throttle=1:600"), second;
	struct answer cancelled;

	sim_run(sim, SECOND);
	client_cancel(sim, 1000, &first, &cancelled);
	sim_run(sim, SECOND);
	ck_assert_int_eq(client_state(sim, &first), STORE_CANCELLED);
	second = client_make(sim, "");
	sim_run(sim, 500 * SECOND);
	ck_assert_uint_eq(service_asked(sim->service, &second)->count, 0);
	ck_assert_int_eq(client_finish(sim, &second, 200 * SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(the_paused_one_shows_in_the_numbers)
{
	struct broker_stats stats;

	client_make(sim, "throttle=1:60");
	client_make(sim, "polls=100");
	sim_run(sim, 10 * SECOND);
	broker_stats(sim->broker, &stats);
	ck_assert_uint_eq(stats.throttled, 1);
	ck_assert_uint_eq(stats.paused, 1);
	ck_assert_uint_eq(stats.buckets, 1);
	ck_assert_uint_eq(stats.in_flight, 0);
}
END_TEST

START_TEST(another_owner_is_not_paused)
{
	struct create_request request = client_request("polls=5 polling=1/1/1 bucket=b place=second");
	struct id first = client_make(sim, "throttle=1:600 bucket=b place=first");
	struct answer other;

	client_create(sim, 1001, &request, &other);
	sim_run(sim, 60 * SECOND);
	ck_assert_int_eq(client_state(sim, &other.id), STORE_SUCCEEDED);
	ck_assert_int_eq(client_state(sim, &first), STORE_RUNNING);
}
END_TEST

START_TEST(limits_in_flight)
{
	/* The service counts; more than allowed is a violation. */
	for (int i = 0; i < 40; i++)
		client_make(sim, "polls=10 polling=1/1/1 latency=2");
	for (int i = 0; i < 10; i++)
		client_make(sim, "polls=10 polling=1/1/1 latency=2 bucket=small limit=2");
	sim_run(sim, HOUR);
	ck_assert_uint_eq(service_peak(sim->service, "service"), 8);
	ck_assert_uint_eq(service_peak(sim->service, "small"), 2);
}
END_TEST

START_TEST(refresh_while_a_poll_is_under_way_asks_again)
{
	struct id id = client_make(sim, "polls=1 polling=3600/3600/1 latency=5");

	sim_run(sim, 2 * SECOND);
	ck_assert_uint_eq(service_in_flight(sim->service), 1);
	ck_assert_int_eq(client_refresh(sim, 1000, &id), ERROR_NONE);
	ck_assert_int_eq(client_finish(sim, &id, 60 * SECOND), STORE_SUCCEEDED);
	ck_assert_uint_eq(service_asked(sim->service, &id)->polls, 2);
}
END_TEST

START_TEST(refresh_asks_now)
{
	struct id id = client_make(sim, "end=never polling=100/100/1");

	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(service_asked(sim->service, &id)->count, 1);
	ck_assert_int_eq(client_refresh(sim, 1000, &id), ERROR_NONE);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(service_asked(sim->service, &id)->count, 2);
	sim_run(sim, 98 * SECOND);
	ck_assert_uint_eq(service_asked(sim->service, &id)->count, 2);
	sim_run(sim, 2 * SECOND);
	ck_assert_uint_eq(service_asked(sim->service, &id)->count, 3);
}
END_TEST

START_TEST(an_update_that_the_store_refuses_is_the_end_of_this_run)
{
	struct id id = client_make(sim, "polls=2 polling=1/1/1");

	sim_run(sim, 500000);
	ck_assert(!broker_lost(sim->broker));
	store_sim_fail_update(sim->store);           /* of the next poll: nobody waits for it */
	sim_run(sim, SECOND);
	ck_assert(broker_lost(sim->broker));
	sim_crash(sim, SECOND);
	ck_assert(!broker_lost(sim->broker));
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);

	id = client_make(sim, "polls=1 polling=5/5/1");
	sim_run(sim, 2 * SECOND);
	store_sim_fail_update(sim->store);           /* of its end: it would be waited for in vain */
	sim_run(sim, 10 * SECOND);
	ck_assert(broker_lost(sim->broker));
	ck_assert(!client_view(sim, &id).terminal);
	sim_crash(sim, SECOND);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
}
END_TEST

START_TEST(memory_is_short_for_a_while)
{
	struct id id = client_make(sim, "polls=40 polling=1/1/1 progress");

	for (unsigned i = 0; i < 60 && !client_view(sim, &id).terminal; i++) {
		store_sim_refuse(sim->store, 1 + i % 2);
		sim_run(sim, 3 * SECOND);
	}
	store_sim_refuse(sim->store, 0);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
}
END_TEST

START_TEST(the_end_comes_although_memory_is_short)
{
	struct id id = client_make(sim, "polls=2 polling=1/1/1"), failing = client_make(sim, "end=failure");

	for (unsigned i = 0; i < 20; i++) {
		store_sim_refuse(sim->store, 1);
		sim_run(sim, SECOND / 2);
	}
	store_sim_refuse(sim->store, 0);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_int_eq(client_finish(sim, &failing, HOUR), STORE_FAILED);
}
END_TEST

START_TEST(memory_is_short_at_the_deadline)
{
	struct id id = client_make(sim, "hang");
	struct answer answer;

	/* The end cannot be stored: the request under way is given up, not doubled. */
	sim_run(sim, SECOND);
	client_extend(sim, 1000, &id, 5 * SECOND, &answer);
	sim_run(sim, 9 * SECOND);
	ck_assert_uint_eq(service_in_flight(sim->service), 1);
	for (int i = 0; i < 100; i++) {
		store_sim_refuse(sim->store, 1);
		sim_run(sim, SECOND / 10);
	}
	store_sim_refuse(sim->store, 0);
	sim_run(sim, 60 * SECOND);
	ck_assert_str_eq(error_kind(&id), "deadline");
}
END_TEST

static Suite *poll_suite(void)
{
	Suite *suite = suite_create("poll");
	TCase *tcase = tcase_create("poll");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, polls_at_once_and_then_by_the_ladder);
	tcase_add_test(tcase, polls_whether_anyone_waits_or_not);
	tcase_add_test(tcase, all_ends);
	tcase_add_test(tcase, state_and_result_are_one_commit);
	tcase_add_test(tcase, a_rule_may_name_the_delay);
	tcase_add_test(tcase, progress_resets_the_ladder_if_wanted);
	tcase_add_test(tcase, failures_go_to_the_retry_policy);
	tcase_add_test(tcase, an_outage_is_not_a_failure);
	tcase_add_test(tcase, a_request_that_cannot_be_built);
	tcase_add_test(tcase, retry_exhausted);
	tcase_add_test(tcase, retry_timeout_starts_again_after_a_success);
	tcase_add_test(tcase, each_run_of_failures_starts_anew);
	tcase_add_test(tcase, deadline_with_a_last_attempt);
	tcase_add_test(tcase, the_last_attempt_may_succeed);
	tcase_add_test(tcase, a_deadline_is_kept_when_the_service_hangs);
	tcase_add_test(tcase, a_deadline_is_kept_in_a_pause_and_behind_a_limit);
	tcase_add_test(tcase, no_deadline_by_default);
	tcase_add_test(tcase, extend_moves_the_deadline);
	tcase_add_test(tcase, extended_while_the_last_attempt_is_under_way);
	tcase_add_test(tcase, retry_after_pauses_the_whole_bucket);
	tcase_add_test(tcase, a_pause_outlives_those_who_were_told);
	tcase_add_test(tcase, the_paused_one_shows_in_the_numbers);
	tcase_add_test(tcase, another_owner_is_not_paused);
	tcase_add_test(tcase, limits_in_flight);
	tcase_add_test(tcase, refresh_while_a_poll_is_under_way_asks_again);
	tcase_add_test(tcase, refresh_asks_now);
	tcase_add_test(tcase, an_update_that_the_store_refuses_is_the_end_of_this_run);
	tcase_add_test(tcase, memory_is_short_for_a_while);
	tcase_add_test(tcase, the_end_comes_although_memory_is_short);
	tcase_add_test(tcase, memory_is_short_at_the_deadline);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(poll_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
