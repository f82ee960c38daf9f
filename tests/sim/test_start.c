/* test_start.c - futures that wait for a time, and timers. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_held(const struct id *id)
{
	struct future_view view = client_view(sim, id);

	ck_assert_int_eq(view.state, STORE_PENDING);
	ck_assert(view.rec->held);
	ck_assert_str_eq(view.condition, "waiting");
	ck_assert_uint_eq(fixture_asked(id)->count, 0);
}

START_TEST(nothing_is_asked_before_a_delay_is_over)
{
	struct id id = fixture_make_delayed("", 100 * SECOND);
	uint64_t begin = sim->now_usec;

	sim_run(sim, 99 * SECOND);
	assert_held(&id);
	sim_run(sim, 2 * SECOND);
	ck_assert_uint_ge(fixture_asked(&id)->first[0].at_usec, begin + 99 * SECOND);
	ck_assert(!client_view(sim, &id).rec->held);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_start_time_that_is_over_holds_nothing)
{
	struct create_request request = client_request("");
	struct id id;

	request.source.start_at_ms = 1;
	id = client_make_request(sim, &request);
	ck_assert_int_eq(client_finish(sim, &id, SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_start_time_holds_across_a_crash)
{
	struct create_request request = client_request("");
	struct id id, missed;

	request.source.start_at_ms = sim_wall_ms(sim) + 3600000;
	id = client_make_request(sim, &request);
	request.source.start_at_ms = sim_wall_ms(sim) + 600000;
	missed = client_make_request(sim, &request);
	sim_crash(sim, 1800 * SECOND);
	sim_run(sim, SECOND);
	ck_assert_uint_gt(fixture_asked(&missed)->count, 0);
	assert_held(&id);
	sim_run(sim, 1790 * SECOND);
	assert_held(&id);
	sim_run(sim, 20 * SECOND);
	ck_assert_int_eq(client_state(sim, &id), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_clock_that_was_set)
{
	struct create_request request = client_request("");
	struct id id, timer;

	request.source.start_at_ms = sim_wall_ms(sim) + 2 * 3600000;
	id = client_make_request(sim, &request);
	request.source.spec = slice_from_str("kind=timer");
	timer = client_make_request(sim, &request);
	/* Set back by an hour: an hour more. */
	sim_set_clock(sim, -3600000);
	sim_run(sim, 2 * HOUR + 1800 * SECOND);
	assert_held(&id);
	assert_held(&timer);
	/* Set forward by a day: noticed at once. */
	sim_set_clock(sim, 86400000);
	sim_run(sim, SECOND);
	ck_assert_int_eq(client_state(sim, &id), STORE_SUCCEEDED);
	ck_assert_int_eq(client_state(sim, &timer), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_delay_while_the_clock_is_set)
{
	struct id id = fixture_make_delayed("", 2 * HOUR), timer = client_make(sim, "kind=timer rings=7200");

	sim_set_clock(sim, -86400000);
	sim_run(sim, HOUR);
	sim_set_clock(sim, 2 * 86400000);
	sim_run(sim, HOUR - 10 * SECOND);
	assert_held(&id);
	assert_held(&timer);
	sim_run(sim, 20 * SECOND);
	ck_assert_int_eq(client_state(sim, &id), STORE_SUCCEEDED);
	ck_assert_int_eq(client_state(sim, &timer), STORE_SUCCEEDED);
	/* What it said when it would be is all that the next daemon has. */
	id = fixture_make_delayed("", 2 * HOUR);
	sim_crash(sim, SECOND);
	sim_set_clock(sim, 86400000);
	ck_assert_int_eq(client_finish(sim, &id, SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_deadline_counts_while_it_is_held)
{
	struct create_request request = client_request("");
	struct id id;

	request.timeout_kind = CREATE_GIVEN;
	request.timeout_usec = 50 * SECOND;
	request.source.has_delay = true;
	request.source.delay_usec = 100 * SECOND;
	id = client_make_request(sim, &request);
	sim_run(sim, 30 * SECOND);
	sim_crash(sim, SECOND);
	sim_run(sim, 21 * SECOND);
	ck_assert_int_eq(client_state(sim, &id), STORE_FAILED);
	ck_assert_str_eq(client_view(sim, &id).rec->error_kind, "deadline");
	sim_run(sim, HOUR);
	ck_assert_uint_eq(fixture_asked(&id)->count, 0);
}
END_TEST

START_TEST(a_refresh_does_not_let_it_go)
{
	struct id id = fixture_make_delayed("", 100 * SECOND);

	ck_assert_int_eq(client_refresh(sim, 1000, &id), ERROR_NONE);
	sim_run(sim, SECOND);
	assert_held(&id);
	ck_assert_int_eq(client_finish(sim, &id, 101 * SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_stop_while_it_is_held)
{
	struct id id = fixture_make_delayed("", 100 * SECOND);

	sim_restart(sim, 10 * SECOND);
	assert_held(&id);
	ck_assert_int_eq(client_finish(sim, &id, 100 * SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(one_that_is_of_a_batch_comes_later)
{
	struct id id = fixture_make_delayed("submit end=never", 10 * SECOND);

	sim_run(sim, 20 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->submits, 1);
	ck_assert_int_eq(client_state(sim, &id), STORE_RUNNING);
	ck_assert_ptr_null(client_view(sim, &id).condition);
}
END_TEST

START_TEST(a_timer_rings)
{
	struct id delayed = fixture_make_delayed("kind=timer", 60 * SECOND), own = client_make(sim, "kind=timer rings=60");
	struct id at;
	struct create_request request = client_request("kind=timer");
	struct answer answer;

	request.source.start_at_ms = sim_wall_ms(sim) + 60000;
	at = client_make_request(sim, &request);
	ck_assert_int_eq(client_view(sim, &at).rec->kind, STORE_KIND_TIMER);
	sim_run(sim, 30 * SECOND);
	sim_crash(sim, SECOND);
	sim_run(sim, 28 * SECOND);
	assert_held(&own);
	sim_run(sim, 2 * SECOND);
	ck_assert_int_eq(client_state(sim, &delayed), STORE_SUCCEEDED);
	ck_assert_int_eq(client_state(sim, &own), STORE_SUCCEEDED);
	ck_assert_int_eq(client_state(sim, &at), STORE_SUCCEEDED);
	client_read_result(sim, 1000, &at, 0, 64, &answer);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(answer.len, 4);
	ck_assert_mem_eq(answer.bytes, "null", 4);
	ck_assert_str_eq(client_view(sim, &at).rec->content_type, "application/json");
	ck_assert_uint_eq(fixture_asked(&at)->count, 0);
	ck_assert_uint_eq(service_plans(sim->service), 0);
}
END_TEST

START_TEST(a_timer_after_others)
{
	struct id first = client_make(sim, "polls=50 polling=1/1/1"), id;
	struct create_request request = client_request("kind=timer rings=5");

	request.source.after = &first;
	request.source.n_after = 1;
	id = client_make_request(sim, &request);
	sim_run(sim, 20 * SECOND);
	assert_held(&id);
	ck_assert_int_eq(client_finish(sim, &id, 60 * SECOND), STORE_SUCCEEDED);
	ck_assert_int_eq(client_state(sim, &first), STORE_SUCCEEDED);
}
END_TEST

START_TEST(times_that_cannot_be)
{
	struct create_request request = client_request("kind=timer");

	ck_assert_ptr_nonnull(strstr(fixture_refused(&request).message, "a timer needs one of them"));
	request.source.start_at_ms = 5;
	request.source.has_delay = true;
	ck_assert_ptr_nonnull(strstr(fixture_refused(&request).message, "only one of them"));
	request = client_request("kind=timer rings=1");
	request.source.has_delay = true;
	ck_assert_ptr_nonnull(strstr(fixture_refused(&request).message, "delay of the spec"));
	request = client_request("");
	request.source.start_at_ms = INT64_MAX;
	ck_assert_ptr_nonnull(strstr(fixture_refused(&request).message, "start_at"));
	ck_assert_uint_eq(service_plans(sim->service), 0);
}
END_TEST

static Suite *start_suite(void)
{
	Suite *suite = suite_create("start");
	TCase *tcase = tcase_create("start");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, nothing_is_asked_before_a_delay_is_over);
	tcase_add_test(tcase, a_start_time_that_is_over_holds_nothing);
	tcase_add_test(tcase, a_start_time_holds_across_a_crash);
	tcase_add_test(tcase, a_clock_that_was_set);
	tcase_add_test(tcase, a_delay_while_the_clock_is_set);
	tcase_add_test(tcase, a_deadline_counts_while_it_is_held);
	tcase_add_test(tcase, a_refresh_does_not_let_it_go);
	tcase_add_test(tcase, a_stop_while_it_is_held);
	tcase_add_test(tcase, one_that_is_of_a_batch_comes_later);
	tcase_add_test(tcase, a_timer_rings);
	tcase_add_test(tcase, a_timer_after_others);
	tcase_add_test(tcase, times_that_cannot_be);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(start_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
