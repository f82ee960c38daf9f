/* test_pause.c - futures that are paused, one by one or all of an origin: nothing is sent until somebody says so. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HERE "origin=https://here:443 bucket=here "
#define MANY 257

static const char *condition(const struct id *id)
{
	const char *condition = client_view(sim, id).condition;

	return condition ? condition : "";
}

static struct id make_labelled(const char *script, const char *label, uid_t uid)
{
	struct store_label labels[] = { { (char *)(uintptr_t)"run", (char *)(uintptr_t)label } };
	struct create_request request = client_request(script);
	struct answer answer;

	request.labels = labels;
	request.n_labels = 1;
	client_create(sim, uid, &request, &answer);
	sim_commit(sim);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	return answer.id;
}

START_TEST(a_paused_one_is_not_asked_about)
{
	struct id id = client_make(sim, "polls=8 polling=1/1/1"), other = client_make(sim, "polls=8 polling=1/1/1");
	size_t before;

	sim_run(sim, 3500000);
	ck_assert_uint_eq(client_pause_one(sim, &id, true), 1);
	ck_assert_uint_eq(client_pause_one(sim, &id, true), 0);
	before = fixture_asked(&id)->count;
	sim_run(sim, 100 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->count, before);
	ck_assert_str_eq(condition(&id), "paused");
	ck_assert(client_view(sim, &id).rec->paused);
	ck_assert_int_eq(client_state(sim, &other), STORE_SUCCEEDED);
	sim_crash(sim, 10 * SECOND);
	sim_run(sim, 100 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->count, before);
	ck_assert_str_eq(condition(&id), "paused");
	/* A refresh is no way around it. */
	ck_assert_int_eq(client_refresh(sim, 1000, &id), ERROR_NONE);
	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->count, before);
	ck_assert_uint_eq(client_pause_one(sim, &id, false), 1);
	ck_assert_str_eq(condition(&id), "");
	sim_run(sim, 500000);
	ck_assert_uint_eq(fixture_asked(&id)->count, before + 1);
	ck_assert_int_eq(client_finish(sim, &id, 20 * SECOND), STORE_SUCCEEDED);
	ck_assert_uint_eq(client_pause_one(sim, &id, true), 0);
}
END_TEST

START_TEST(an_answer_on_its_way_still_counts)
{
	struct id id = client_make(sim, "latency=5");
	struct id failing = client_make(sim, "latency=5 fail=1:1 retry=1/1/1");

	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->in_flight, 1);
	ck_assert_uint_eq(client_pause_one(sim, &id, true), 1);
	ck_assert_uint_eq(client_pause_one(sim, &failing, true), 1);
	ck_assert_int_eq(client_finish(sim, &id, 10 * SECOND), STORE_SUCCEEDED);
	ck_assert(!client_view(sim, &id).rec->paused);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(fixture_asked(&failing)->count, 1);
	ck_assert_uint_eq(client_view(sim, &failing).rec->attempts, 1);
	ck_assert_str_eq(condition(&failing), "paused");
	ck_assert_uint_eq(client_pause_one(sim, &failing, false), 1);
	ck_assert_int_eq(client_finish(sim, &failing, 10 * SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(one_that_waits_for_its_turn)
{
	struct id first = client_make(sim, "limit=1 latency=20"), second = client_make(sim, "limit=1 latency=1");

	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&first)->in_flight, 1);
	ck_assert_uint_eq(client_pause_one(sim, &second, true), 1);
	ck_assert_int_eq(client_finish(sim, &first, 30 * SECOND), STORE_SUCCEEDED);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(fixture_asked(&second)->count, 0);
	ck_assert_uint_eq(client_pause_one(sim, &second, false), 1);
	ck_assert_int_eq(client_finish(sim, &second, 10 * SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_submit_that_was_only_meant)
{
	struct create_request request = client_request("submit");
	struct pause_target target = { .n_ids = 1 };
	struct answer made, paused;

	client_create(sim, 1000, &request, &made);
	sim_commit(sim);
	/* The slot is there, and what it is to be used for on its way to the disk. */
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, 1000);
	ck_assert_uint_eq(fixture_asked(&made.id)->submits, 0);
	ck_assert_uint_gt(store_sim_queued(sim->store), 0);
	target.ids = &made.id;
	client_pause(sim, 1000, &target, true, &paused);
	sim->commit_usec = 1000;
	sim_commit(sim);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(paused.calls, 1);
	ck_assert_uint_eq(fixture_asked(&made.id)->submits, 0);
	sim_crash(sim, SECOND);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(fixture_asked(&made.id)->submits, 0);
	ck_assert_uint_eq(client_pause_one(sim, &made.id, false), 1);
	ck_assert_int_eq(client_finish(sim, &made.id, 60 * SECOND), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&made.id)->submits, 1);
}
END_TEST

START_TEST(a_deadline_goes_on)
{
	struct id id = client_make(sim, "end=never polling_timeout=30");
	struct id there = client_make(sim, HERE "end=never polling_timeout=30");
	size_t before, before_there;

	sim_run(sim, 5 * SECOND);
	ck_assert_uint_eq(client_pause_one(sim, &id, true), 1);
	ck_assert_uint_eq(client_pause_origin(sim, "https://here:443", true), 1);
	sim_run(sim, SECOND);
	before = fixture_asked(&id)->count;
	before_there = fixture_asked(&there)->count;
	/* At once: there is no last look. */
	ck_assert_int_eq(client_finish(sim, &id, 25 * SECOND), STORE_FAILED);
	ck_assert_str_eq(client_view(sim, &id).rec->error_kind, "deadline");
	ck_assert_int_eq(client_finish(sim, &there, SECOND), STORE_FAILED);
	ck_assert_str_eq(client_view(sim, &there).rec->error_kind, "deadline");
	ck_assert_uint_eq(fixture_asked(&id)->count, before);
	ck_assert_uint_eq(fixture_asked(&there)->count, before_there);
}
END_TEST

START_TEST(those_of_a_label)
{
	struct id mine = make_labelled("end=never", "a", 1000), other = make_labelled("end=never", "b", 1000);
	struct id over = make_labelled("", "a", 1000), theirs = make_labelled("end=never", "a", 1001), later;
	struct store_label label = { (char *)(uintptr_t)"run", (char *)(uintptr_t)"a" };
	struct pause_target target = { .labels = &label, .n_labels = 1 };
	struct answer answer;

	sim_run(sim, 5 * SECOND);
	client_pause(sim, 1000, &target, true, &answer);
	sim_commit(sim);
	ck_assert_uint_eq(answer.calls, 1);
	ck_assert_uint_eq(answer.len, 1);
	later = make_labelled("end=never", "a", 1000);
	ck_assert(client_view(sim, &mine).rec->paused);
	ck_assert(!client_view(sim, &other).rec->paused && !client_view(sim, &theirs).rec->paused);
	ck_assert(!client_view(sim, &over).rec->paused && !client_view(sim, &later).rec->paused);
	client_pause(sim, 0, &target, true, &answer);
	sim_commit(sim);
	ck_assert_uint_eq(answer.len, 2);
	/* All of them are: the answer waits for what made them so. */
	client_pause(sim, 1000, &target, true, &answer);
	ck_assert_uint_eq(answer.calls, 0);
	sim_commit(sim);
	ck_assert_uint_eq(answer.calls, 1);
	ck_assert_uint_eq(answer.len, 0);
	client_pause(sim, 1000, &target, false, &answer);
	sim_commit(sim);
	ck_assert_uint_eq(answer.len, 2);
	ck_assert(client_view(sim, &theirs).rec->paused);
	/* Nobody is meant: there is nothing to wait for. */
	client_pause(sim, 77, &target, true, &answer);
	ck_assert_uint_eq(answer.calls, 1);
	ck_assert_uint_eq(answer.len, 0);
}
END_TEST

START_TEST(all_that_are_named_or_none)
{
	struct id ids[] = { client_make(sim, "end=never"), make_labelled("end=never", "a", 1001) };
	struct pause_target target = { .ids = ids, .n_ids = 2 };
	struct id twice[] = { ids[0], ids[0] };
	struct answer answer;

	client_pause(sim, 1000, &target, true, &answer);
	ck_assert_int_eq(answer.code, ERROR_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(answer.message, "ids[1]"));
	ck_assert(!client_view(sim, &ids[0]).rec->paused);
	target.ids = twice;
	client_pause(sim, 1000, &target, true, &answer);
	sim_commit(sim);
	ck_assert_uint_eq(answer.len, 1);
}
END_TEST

START_TEST(all_of_an_origin)
{
	struct id here = client_make(sim, HERE "end=never cancel"), there = client_make(sim, "end=never");
	struct id theirs = make_labelled(HERE "end=never", "a", 1001), later;
	struct answer answer;
	size_t before;

	sim_run(sim, 5 * SECOND);
	ck_assert_uint_eq(client_pause_origin(sim, "https://here:443", true), 1);
	ck_assert_uint_eq(client_pause_origin(sim, "https://here:443", true), 0);
	sim_run(sim, SECOND);
	before = fixture_asked(&here)->count;
	later = client_make(sim, HERE "submit");
	client_cancel(sim, 1000, &here, &answer);
	sim_run(sim, 200 * SECOND);
	ck_assert_uint_eq(answer.calls, 1);
	ck_assert_uint_eq(fixture_asked(&here)->count, before);
	ck_assert_uint_eq(fixture_asked(&later)->count, 0);
	ck_assert_str_eq(condition(&here), "paused");
	ck_assert_str_eq(condition(&later), "paused");
	ck_assert(!client_view(sim, &here).rec->paused);
	ck_assert_str_eq(condition(&there), "");
	ck_assert_str_eq(condition(&theirs), "");
	ck_assert_uint_gt(fixture_asked(&there)->count, before + 3);
	ck_assert_uint_gt(fixture_asked(&theirs)->count, before + 3);
	sim_crash(sim, SECOND);
	sim_run(sim, 200 * SECOND);
	ck_assert_uint_eq(fixture_asked(&here)->count, before);
	ck_assert_uint_eq(fixture_asked(&later)->count, 0);
	ck_assert_str_eq(condition(&later), "paused");
	ck_assert_uint_eq(client_pause_origin(sim, "https://here:443", false), 2);
	ck_assert_uint_eq(client_pause_origin(sim, "https://here:443", false), 0);
	ck_assert_int_eq(client_finish(sim, &later, 30 * SECOND), STORE_SUCCEEDED);
	ck_assert_int_eq(client_finish(sim, &here, 30 * SECOND), STORE_CANCELLED);
	sim_crash(sim, SECOND);
	later = client_make(sim, HERE);
	ck_assert_int_eq(client_finish(sim, &later, 30 * SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(fetches_and_acks_of_an_origin_wait_too)
{
	struct id fetching = client_make(sim, HERE "fetch latency=5"), over = client_make(sim, HERE "ack latency=5");

	sim_run(sim, SECOND);
	ck_assert_uint_eq(client_pause_origin(sim, "https://here:443", true), 2);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(fixture_asked(&fetching)->polls, 1);
	ck_assert_uint_eq(fixture_asked(&fetching)->fetches, 0);
	ck_assert_int_eq(client_state(sim, &over), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&over)->acks, 0);
	ck_assert_uint_eq(client_pause_origin(sim, "https://here:443", false), 1);
	sim_run(sim, 30 * SECOND);
	ck_assert_uint_eq(fixture_asked(&over)->acks, 1);
	ck_assert_int_eq(client_state(sim, &fetching), STORE_SUCCEEDED);
}
END_TEST

START_TEST(streams_of_events_are_closed)
{
	struct id one = client_make(sim, "end=never events wake=100"), all = client_make(sim, HERE "end=never events wake=100");

	sim_run(sim, 10 * SECOND);
	ck_assert(fixture_asked(&one)->watching && fixture_asked(&all)->watching);
	ck_assert_uint_eq(client_pause_one(sim, &one, true), 1);
	ck_assert_uint_eq(client_pause_origin(sim, "https://here:443", true), 1);
	ck_assert(!fixture_asked(&one)->watching && !fixture_asked(&all)->watching);
	sim_run(sim, 100 * SECOND);
	ck_assert(!fixture_asked(&one)->watching && !fixture_asked(&all)->watching);
	ck_assert_uint_eq(client_pause_one(sim, &one, false), 1);
	ck_assert_uint_eq(client_pause_origin(sim, "https://here:443", false), 1);
	sim_run(sim, 60 * SECOND);
	ck_assert(fixture_asked(&one)->watching && fixture_asked(&all)->watching);
}
END_TEST

START_TEST(nor_is_one_opened_after_an_answer_on_its_way)
{
	struct id one = client_make(sim, "end=never events latency=5"), all = client_make(sim, HERE "end=never events latency=5");

	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&one)->in_flight, 1);
	ck_assert_uint_eq(client_pause_one(sim, &one, true), 1);
	ck_assert_uint_eq(client_pause_origin(sim, "https://here:443", true), 1);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(fixture_asked(&one)->watches, 0);
	ck_assert_uint_eq(fixture_asked(&all)->watches, 0);
}
END_TEST

START_TEST(a_pause_is_no_time_of_failures)
{
	struct id one = client_make(sim, "fail=1:20 retry=1/1/1 retry_timeout=15");
	struct id all = client_make(sim, HERE "fail=1:20 retry=1/1/1 retry_timeout=15");

	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(client_pause_one(sim, &one, true), 1);
	ck_assert_uint_eq(client_pause_origin(sim, "https://here:443", true), 1);
	sim_run(sim, 100 * SECOND);
	ck_assert_uint_eq(client_pause_one(sim, &one, false), 1);
	ck_assert_uint_eq(client_pause_origin(sim, "https://here:443", false), 1);
	ck_assert_int_eq(client_finish(sim, &one, 30 * SECOND), STORE_SUCCEEDED);
	ck_assert_int_eq(client_finish(sim, &all, 30 * SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_services_own_pause_is_heard_meanwhile)
{
	struct id id = client_make(sim, HERE "throttle=1:60 latency=5");

	sim_run(sim, SECOND);
	ck_assert_uint_eq(client_pause_origin(sim, "https://here:443", true), 1);
	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(client_pause_origin(sim, "https://here:443", false), 1);
	sim_run(sim, 40 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->count, 1);
	ck_assert_str_eq(condition(&id), "throttled");
	ck_assert_int_eq(client_finish(sim, &id, 60 * SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_cancel_of_a_paused_one)
{
	struct create_request request = client_request("submit cancel");
	struct id untouched, known;
	struct answer answer;

	client_create(sim, 1000, &request, &answer);
	sim_commit(sim);
	untouched = answer.id;
	ck_assert_uint_eq(client_pause_one(sim, &untouched, true), 1);
	known = client_make(sim, "end=never cancel");
	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(client_pause_one(sim, &known, true), 1);
	client_cancel(sim, 1000, &untouched, &answer);
	sim_commit(sim);
	ck_assert_int_eq(answer.state, STORE_CANCELLED);
	ck_assert_uint_eq(fixture_asked(&untouched)->count, 0);
	client_cancel(sim, 1000, &known, &answer);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(answer.calls, 1);
	ck_assert_uint_eq(fixture_asked(&known)->cancels, 0);
	ck_assert_uint_eq(client_pause_one(sim, &known, false), 1);
	ck_assert_int_eq(client_finish(sim, &known, 30 * SECOND), STORE_CANCELLED);
	ck_assert_uint_eq(fixture_asked(&known)->cancels, 1);
}
END_TEST

START_TEST(not_more_origins_than_that)
{
	struct caller caller = client_caller(1000);
	struct pause_target target = { 0 };
	struct answer answer;
	char origin[64];

	for (int i = 0; i < MANY; i++) {
		snprintf(origin, sizeof origin, "https://host-%d:443", i);
		target.origin = slice_from_str(origin);
		client_pause(sim, 1000, &target, true, &answer);
		sim_commit(sim);
		ck_assert_int_eq(answer.code, i < MANY - 1 ? ERROR_NONE : ERROR_LIMIT);
	}
	ck_assert_ptr_nonnull(broker_stop_at(sim->broker, &caller, MANY - 2));
	ck_assert_ptr_null(broker_stop_at(sim->broker, &caller, MANY - 1));
	caller.uid = 1001;
	ck_assert_ptr_null(broker_stop_at(sim->broker, &caller, 0));
	sim_restart(sim, SECOND);
	ck_assert_uint_eq(client_pause_origin(sim, "https://host-7:443", false), 0);
	caller.uid = 1000;
	ck_assert_ptr_nonnull(broker_stop_at(sim->broker, &caller, MANY - 3));
	ck_assert_ptr_null(broker_stop_at(sim->broker, &caller, MANY - 2));
}
END_TEST

/* What was refused behind the answer's back would be done in this run, and not in the next. */
START_TEST(a_commit_that_fails_is_the_end_of_this_run)
{
	struct pause_target target = { .origin = slice_from_str("https://here:443") };
	struct caller caller = client_caller(1000);

	for (int pause = 1; pause >= 0; pause--) {
		struct answer answer;

		sim->commit_usec = UINT64_MAX;
		client_pause(sim, 1000, &target, pause, &answer);
		store_sim_fail_update(sim->store);
		sim_commit(sim);
		ck_assert_int_eq(answer.code, ERROR_OUT_OF_MEMORY);
		ck_assert(broker_lost(sim->broker));
		sim_crash(sim, SECOND);
		ck_assert_int_eq(broker_stop_at(sim->broker, &caller, 0) != NULL, !pause);
		sim->commit_usec = 0;
		if (pause)
			client_pause_origin(sim, "https://here:443", true);
	}
}
END_TEST

START_TEST(what_the_store_refuses_is_not_done)
{
	struct id ids[] = { client_make(sim, HERE "end=never"), client_make(sim, HERE "end=never") };
	struct pause_target origin = { .origin = slice_from_str("https://here:443") }, both = { .ids = ids, .n_ids = 2 };
	struct caller caller = client_caller(1000);
	struct answer answer;

	store_sim_refuse(sim->store, 1);
	client_pause(sim, 1000, &origin, true, &answer);
	ck_assert_int_eq(answer.code, ERROR_OUT_OF_MEMORY);
	ck_assert_ptr_null(broker_stop_at(sim->broker, &caller, 0));
	ck_assert_str_eq(condition(&ids[0]), "");
	store_sim_refuse(sim->store, 1);
	client_pause(sim, 1000, &both, true, &answer);
	ck_assert_int_eq(answer.code, ERROR_OUT_OF_MEMORY);
	/* A part of it: the caller hears of the failure when that part is durable. */
	store_sim_refuse(sim->store, 2);
	client_pause(sim, 1000, &both, true, &answer);
	ck_assert_uint_eq(answer.calls, 0);
	sim_commit(sim);
	ck_assert_uint_eq(answer.calls, 1);
	ck_assert_int_eq(answer.code, ERROR_OUT_OF_MEMORY);
	ck_assert(client_view(sim, &ids[0]).rec->paused && !client_view(sim, &ids[1]).rec->paused);
}
END_TEST

static Suite *pause_suite(void)
{
	Suite *suite = suite_create("pause");
	TCase *tcase = tcase_create("pause");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, a_paused_one_is_not_asked_about);
	tcase_add_test(tcase, an_answer_on_its_way_still_counts);
	tcase_add_test(tcase, one_that_waits_for_its_turn);
	tcase_add_test(tcase, a_submit_that_was_only_meant);
	tcase_add_test(tcase, a_deadline_goes_on);
	tcase_add_test(tcase, those_of_a_label);
	tcase_add_test(tcase, all_that_are_named_or_none);
	tcase_add_test(tcase, all_of_an_origin);
	tcase_add_test(tcase, fetches_and_acks_of_an_origin_wait_too);
	tcase_add_test(tcase, streams_of_events_are_closed);
	tcase_add_test(tcase, nor_is_one_opened_after_an_answer_on_its_way);
	tcase_add_test(tcase, a_pause_is_no_time_of_failures);
	tcase_add_test(tcase, a_services_own_pause_is_heard_meanwhile);
	tcase_add_test(tcase, a_cancel_of_a_paused_one);
	tcase_add_test(tcase, not_more_origins_than_that);
	tcase_add_test(tcase, a_commit_that_fails_is_the_end_of_this_run);
	tcase_add_test(tcase, what_the_store_refuses_is_not_done);
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
