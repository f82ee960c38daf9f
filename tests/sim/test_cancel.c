/* test_cancel.c - cancellation before a submit, on its way, while polling, and too late. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct answer cancel(const struct id *id)
{
	struct answer answer;

	client_cancel(sim, 1000, id, &answer);
	while (answer.calls == 0 && answer.code == ERROR_NONE)
		sim_step(sim, sim->now_usec + SECOND);
	ck_assert_msg(answer.code == ERROR_NONE, "%s", answer.message);
	return answer;
}

START_TEST(cancel_without_a_request)
{
	struct id id = client_make(sim, "end=never");
	struct answer answer;
	size_t count;

	sim_run(sim, 10 * SECOND);
	count = fixture_asked(&id)->count;
	answer = cancel(&id);
	ck_assert(answer.flag);
	ck_assert_int_eq(answer.state, STORE_CANCELLED);
	sim_run(sim, HOUR);
	ck_assert_uint_eq(fixture_asked(&id)->count, count);
	ck_assert(client_view(sim, &id).rec->cancel_requested);
}
END_TEST

START_TEST(cancel_while_a_poll_is_under_way)
{
	struct id id = client_make(sim, "end=never latency=10");
	struct answer answer;

	sim_run(sim, 2 * SECOND);
	ck_assert_uint_eq(service_in_flight(sim->service), 1);
	answer = cancel(&id);
	ck_assert_int_eq(answer.state, STORE_CANCELLED);
	ck_assert_uint_eq(service_in_flight(sim->service), 0);
}
END_TEST

START_TEST(cancel_with_a_request)
{
	struct id id = client_make(sim, "submit cancel end=never polling=1/100/10");
	struct answer answer;

	sim_run(sim, 20 * SECOND);
	answer = cancel(&id);
	ck_assert(answer.flag);
	/* Told when the wish is durable; the service decides. */
	ck_assert_int_eq(answer.state, STORE_RUNNING);
	ck_assert(disk_find(sim->disk, id.bytes)->rec.cancel_requested);
	ck_assert_int_eq(client_finish(sim, &id, 60 * SECOND), STORE_CANCELLED);
	ck_assert_uint_eq(fixture_asked(&id)->cancels, 1);
}
END_TEST

START_TEST(cancel_that_comes_too_late)
{
	struct id id = client_make(sim, "submit cancel deaf polls=8 polling=1/1/1");

	sim_run(sim, 5 * SECOND);
	ck_assert(cancel(&id).flag);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->cancels, 1);
	ck_assert(!cancel(&id).flag);
	ck_assert_int_eq(client_state(sim, &id), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->cancels, 1);
}
END_TEST

START_TEST(cancel_of_a_refused_submit)
{
	struct id id = client_make(sim, "submit cancel busy=9 retry=30/30/1 end=never");

	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->count, 1);
	ck_assert_int_eq(cancel(&id).state, STORE_CANCELLED);
	sim_run(sim, HOUR);
	ck_assert_uint_eq(fixture_asked(&id)->count, 1);     /* nothing was there to be submitted or taken back */
}
END_TEST

START_TEST(cancel_of_a_submit_that_may_be_there)
{
	struct id id = client_make(sim, "submit cancel idempotency lost=1 retry=30/30/1 end=never");

	sim_run(sim, 10 * SECOND);
	ck_assert_int_eq(cancel(&id).state, STORE_RUNNING);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_CANCELLED);
	ck_assert_uint_eq(fixture_asked(&id)->cancels, 1);
}
END_TEST

START_TEST(cancel_twice)
{
	struct id id = client_make(sim, "submit cancel deaf end=never");
	struct answer a, b;

	sim_run(sim, 5 * SECOND);
	client_cancel(sim, 1000, &id, &a);
	client_cancel(sim, 1000, &id, &b);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(a.calls, 1);
	ck_assert_uint_eq(b.calls, 1);
	ck_assert_uint_eq(fixture_asked(&id)->cancels, 1);
}
END_TEST

START_TEST(cancel_twice_at_once_without_a_request)
{
	struct id id = client_make(sim, "end=never");
	struct answer a, b;

	sim_run(sim, 5 * SECOND);
	client_cancel(sim, 1000, &id, &a);
	client_cancel(sim, 1000, &id, &b);
	sim_commit(sim);
	ck_assert_uint_eq(a.calls, 1);
	ck_assert(a.flag);
	ck_assert_uint_eq(b.calls, 1);
	ck_assert_int_eq(b.state, STORE_CANCELLED);
}
END_TEST

START_TEST(cancel_before_anything_was_sent)
{
	struct create_request request = client_request("submit cancel limit=1 bucket=b polls=1");
	struct id busy = client_make(sim, "hang limit=1 bucket=b");
	struct answer made;

	sim_run(sim, SECOND);
	client_create(sim, 1000, &request, &made);
	sim_run(sim, SECOND);
	ck_assert_int_eq(client_state(sim, &made.id), STORE_PENDING);
	ck_assert_int_eq(cancel(&made.id).state, STORE_CANCELLED);
	sim_run(sim, HOUR);
	ck_assert_uint_eq(fixture_asked(&made.id)->count, 0);
	ck_assert(!client_view(sim, &busy).terminal);
}
END_TEST

START_TEST(cancel_while_the_submit_is_under_way)
{
	struct id id = client_make(sim, "submit cancel end=never latency=5");

	client_run_to_submit(sim, &id, 1);
	ck_assert_int_eq(cancel(&id).state, STORE_RUNNING);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_CANCELLED);
	ck_assert_uint_eq(fixture_asked(&id)->cancels, 1);
}
END_TEST

START_TEST(cancel_survives_a_crash)
{
	struct id id = client_make(sim, "submit cancel end=never latency=5");

	sim_run(sim, 20 * SECOND);
	cancel(&id);
	sim_crash(sim, SECOND);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_CANCELLED);
}
END_TEST

START_TEST(cancel_is_repeated_while_the_service_is_away)
{
	struct id id = client_make(sim, "submit cancel end=never");

	sim_run(sim, 20 * SECOND);
	service_set_down(sim->service, true);
	cancel(&id);
	sim_run(sim, HOUR);
	service_set_down(sim->service, false);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_CANCELLED);
	ck_assert_uint_eq(fixture_asked(&id)->cancels, 1);
}
END_TEST

START_TEST(cancel_is_not_told_before_it_is_durable)
{
	struct id id = client_make(sim, "submit cancel end=never");
	struct answer answer;

	sim_run(sim, 5 * SECOND);
	sim_commit(sim);
	sim->commit_usec = UINT64_MAX;
	client_cancel(sim, 1000, &id, &answer);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(answer.calls, 0);
	sim_commit(sim);
	ck_assert_uint_eq(answer.calls, 1);
}
END_TEST

static Suite *cancel_suite(void)
{
	Suite *suite = suite_create("cancel");
	TCase *tcase = tcase_create("cancel");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, cancel_without_a_request);
	tcase_add_test(tcase, cancel_while_a_poll_is_under_way);
	tcase_add_test(tcase, cancel_with_a_request);
	tcase_add_test(tcase, cancel_that_comes_too_late);
	tcase_add_test(tcase, cancel_of_a_refused_submit);
	tcase_add_test(tcase, cancel_of_a_submit_that_may_be_there);
	tcase_add_test(tcase, cancel_twice);
	tcase_add_test(tcase, cancel_twice_at_once_without_a_request);
	tcase_add_test(tcase, cancel_before_anything_was_sent);
	tcase_add_test(tcase, cancel_while_the_submit_is_under_way);
	tcase_add_test(tcase, cancel_survives_a_crash);
	tcase_add_test(tcase, cancel_is_repeated_while_the_service_is_away);
	tcase_add_test(tcase, cancel_is_not_told_before_it_is_durable);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(cancel_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
