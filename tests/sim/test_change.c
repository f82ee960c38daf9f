/* test_change.c - results read in pieces, forgetting, and expiry. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(result_in_pieces)
{
	struct id id = client_make(sim, "result=0123456789");
	struct future_view view;
	struct answer answer;

	client_read_result(sim, 1000, &id, 0, 100, &answer);
	ck_assert_int_eq(answer.code, ERROR_INVALID_STATE);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	view = client_view(sim, &id);
	ck_assert_int_eq(view.rec->result_size, 10);
	ck_assert_str_eq(view.rec->content_type, "text/plain");
	for (int again = 0; again < 2; again++) {
		client_read_result(sim, 1000, &id, 3, 4, &answer);
		sim_commit(sim);
		ck_assert_uint_eq(answer.len, 4);
		ck_assert_mem_eq(answer.bytes, "3456", 4);
	}
	client_read_result(sim, 1000, &id, 8, 100, &answer);
	sim_commit(sim);
	ck_assert_uint_eq(answer.len, 2);
	client_read_result(sim, 1000, &id, 10, 100, &answer);
	sim_commit(sim);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	ck_assert_uint_eq(answer.len, 0);
}
END_TEST

START_TEST(error_of_a_failed_one)
{
	struct id id = client_make(sim, "end=failure result=broken");
	struct future_view view;
	struct answer answer;

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	view = client_view(sim, &id);
	ck_assert_str_eq(view.rec->error_kind, "remote");
	ck_assert_str_eq(view.rec->error_message, "broken");
	ck_assert_str_eq(view.rec->error_code, "E1");
	ck_assert_int_eq(view.rec->error_http_status, 200);
	client_read_details(sim, 1000, &id, &answer);
	sim_commit(sim);
	ck_assert_uint_eq(answer.len, 7);
	ck_assert_mem_eq(answer.bytes, "details", 7);
	client_read_result(sim, 1000, &id, 0, 10, &answer);
	ck_assert_int_eq(answer.code, ERROR_INVALID_STATE);
}
END_TEST

START_TEST(forgetting)
{
	struct id id = client_make(sim, "");
	struct waiting waiting;
	struct answer answer;

	client_forget(sim, 1000, &id, &answer);
	ck_assert_int_eq(answer.code, ERROR_INVALID_STATE);
	client_finish(sim, &id, HOUR);
	sim->commit_usec = UINT64_MAX;
	client_forget(sim, 1000, &id, &answer);
	ck_assert_uint_eq(answer.calls, 0);
	sim_commit(sim);
	ck_assert_uint_eq(answer.calls, 1);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	ck_assert(!client_exists(sim, &id));
	ck_assert_uint_eq(disk_count(sim->disk), 0);
	client_forget(sim, 1000, &id, &answer);
	ck_assert_int_eq(answer.code, ERROR_NOT_FOUND);
	client_wait(sim, 1000, &id, 1, WAIT_ALL_COMPLETED, 0, &waiting);
	ck_assert_int_eq(waiting.code, ERROR_NOT_FOUND);
	sim_crash(sim, SECOND);
	ck_assert(!client_exists(sim, &id));
}
END_TEST

START_TEST(forgetting_twice_at_once)
{
	struct id id = client_make(sim, "");
	struct waiting waiting;
	struct answer first, second;

	client_finish(sim, &id, HOUR);
	client_forget(sim, 1000, &id, &first);
	client_forget(sim, 1000, &id, &second);
	client_wait(sim, 1000, &id, 1, WAIT_ALL_COMPLETED, 0, &waiting);
	sim_commit(sim);
	ck_assert_uint_eq(first.calls, 1);
	ck_assert_int_eq(first.code, ERROR_NONE);
	ck_assert_int_eq(second.code, ERROR_NOT_FOUND);
	ck_assert_int_eq(waiting.code, ERROR_NOT_FOUND);
}
END_TEST

START_TEST(expires_after_its_ttl)
{
	struct id id = client_make(sim, "ttl=100");
	struct id forever = client_make(sim, "ttl=none");

	client_finish(sim, &id, HOUR);
	sim_run(sim, 99 * SECOND);
	ck_assert(client_exists(sim, &id));
	sim_run(sim, 2 * SECOND);
	ck_assert(!client_exists(sim, &id));
	ck_assert_uint_eq(disk_count(sim->disk), 1);
	sim_run(sim, 100000 * HOUR);
	ck_assert(client_exists(sim, &forever));
}
END_TEST

START_TEST(expires_while_the_daemon_is_down)
{
	struct id id = client_make(sim, "ttl=100"), later = client_make(sim, "ttl=10000");

	client_finish(sim, &id, HOUR);
	client_finish(sim, &later, HOUR);
	sim_restart(sim, 50 * SECOND);
	sim_run(sim, SECOND);
	ck_assert(client_exists(sim, &id));
	sim_restart(sim, 60 * SECOND);
	sim_run(sim, SECOND);
	ck_assert(!client_exists(sim, &id));
	ck_assert(client_exists(sim, &later));
}
END_TEST

START_TEST(kept_until_delivered)
{
	struct id id = client_make(sim, "deliver ttl=100");
	struct id other = client_make(sim, "deliver ttl=100");

	client_finish(sim, &id, HOUR);
	client_finish(sim, &other, HOUR);
	/* Delivered in time: it goes when its time is over. */
	broker_delivered(sim->broker, &id);
	sim_run(sim, 10 * SECOND);
	ck_assert(client_exists(sim, &id));
	sim_run(sim, 200 * SECOND);
	ck_assert(!client_exists(sim, &id));
	/* Not delivered: it waits, over a restart too, and goes with the delivery. */
	ck_assert(client_exists(sim, &other));
	sim_crash(sim, HOUR);
	sim_run(sim, HOUR);
	ck_assert(client_exists(sim, &other));
	broker_delivered(sim->broker, &other);
	sim_run(sim, SECOND);
	ck_assert(!client_exists(sim, &other));
}
END_TEST

static Suite *change_suite(void)
{
	Suite *suite = suite_create("change");
	TCase *tcase = tcase_create("change");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, result_in_pieces);
	tcase_add_test(tcase, error_of_a_failed_one);
	tcase_add_test(tcase, forgetting);
	tcase_add_test(tcase, forgetting_twice_at_once);
	tcase_add_test(tcase, expires_after_its_ttl);
	tcase_add_test(tcase, expires_while_the_daemon_is_down);
	tcase_add_test(tcase, kept_until_delivered);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(change_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
