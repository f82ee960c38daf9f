/* test_fetch.c - an operation that has succeeded and whose result has to be got from somewhere else. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct future_rec *durable(const struct id *id)
{
	return &disk_find(sim->disk, id->bytes)->rec;
}

/* The answer to one call, which must come. */
static struct answer cancel(const struct id *id)
{
	struct answer answer;

	client_cancel(sim, 1000, id, &answer);
	while (answer.calls == 0 && answer.code == ERROR_NONE)
		sim_step(sim, sim->now_usec + SECOND);
	ck_assert_msg(answer.code == ERROR_NONE, "%s", answer.message);
	return answer;
}

/* Let time pass until so many fetches were sent for it. */
static void run_to_fetch(const struct id *id, unsigned count)
{
	while (fixture_asked(id)->fetches < count)
		ck_assert(sim_step(sim, sim->now_usec + HOUR));
}

START_TEST(the_result_is_fetched)
{
	struct id id = client_make(sim, "submit fetch polls=3 result=bytes");
	struct answer answer;

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->polls, 4);
	ck_assert_uint_eq(fixture_asked(&id)->fetches, 1);
	client_read_result(sim, 1000, &id, 0, 100, &answer);
	sim_commit(sim);
	ck_assert_mem_eq(answer.bytes, "bytes", 5);
	ck_assert_uint_eq(client_view(sim, &id).rec->requests, 6);
}
END_TEST

START_TEST(at_once)
{
	struct id id = client_make(sim, "fetch polls=1 polling=30/30/1 latency=0.1");

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_int_eq(fixture_asked(&id)->first[2].step, STEP_FETCH);
	/* Only the commit is in between. */
	ck_assert_uint_le(fixture_asked(&id)->first[2].at_usec - fixture_asked(&id)->first[1].at_usec, 102000);
}
END_TEST

START_TEST(after_the_answer_to_the_submit)
{
	struct id id = client_make(sim, "submit fetch at_once");

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->polls, 0);
	ck_assert_uint_eq(fixture_asked(&id)->fetches, 1);
}
END_TEST

START_TEST(not_before_it_is_durable)
{
	struct id id = client_make(sim, "fetch");

	while (fixture_asked(&id)->polls == 0)
		sim_step(sim, sim->now_usec + SECOND);
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->fetches, 0);
	sim->commit_usec = 1000;
	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->fetches, 1);
}
END_TEST

START_TEST(a_restart_goes_on_with_the_fetch)
{
	struct id id = client_make(sim, "fetch fetch_fail=3 retry=20/20/1");
	unsigned polls;

	run_to_fetch(&id, 1);
	polls = fixture_asked(&id)->polls;
	ck_assert_int_eq(durable(&id)->phase, STORE_PHASE_FETCH);
	for (int i = 0; i < 2; i++) {
		sim_run(sim, 5 * SECOND);
		sim_crash(sim, SECOND);
		sim_run(sim, 15 * SECOND);
	}
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->polls, polls);
}
END_TEST

START_TEST(not_ready_yet)
{
	/* Up the polling ladder, from its foot. */
	struct id id = client_make(sim, "fetch fetch_pending=3 polls=5 polling=1/8/2 latency=0.1");
	const struct asked *a = fixture_asked(&id);
	double gap[3];

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	a = fixture_asked(&id);
	ck_assert_uint_eq(a->fetches, 4);
	for (size_t i = 0; i < 3; i++)
		gap[i] = (double)(a->first[7 + i].at_usec - a->first[6 + i].at_usec) / 1e6 - 0.1;
	ck_assert_double_eq_tol(gap[0], 1, 0.002);
	ck_assert_double_eq_tol(gap[1], 2, 0.002);
	ck_assert_double_eq_tol(gap[2], 4, 0.002);
}
END_TEST

START_TEST(it_may_be_unreachable)
{
	struct id id = client_make(sim, "fetch fetch_fail=4 retry=10/10/1");

	run_to_fetch(&id, 2);
	sim_run(sim, SECOND);
	ck_assert_str_eq(client_view(sim, &id).condition, "unreachable");
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->fetches, 5);
}
END_TEST

START_TEST(over_several_hops)
{
	struct id id = client_make(sim, "fetch hops=2 latency=0.1 result=there");
	uint64_t start;

	run_to_fetch(&id, 1);
	start = sim->now_usec;
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->fetches, 3);
	ck_assert_uint_lt(sim->now_usec - start, SECOND / 2);
}
END_TEST

START_TEST(endless_hops_are_not_a_hot_loop)
{
	struct id id = client_make(sim, "fetch hops=100000 latency=0.001");

	run_to_fetch(&id, 1);
	sim_run(sim, 600 * SECOND);
	ck_assert_uint_lt(fixture_asked(&id)->fetches, 50);
	ck_assert(!client_view(sim, &id).terminal);
}
END_TEST

START_TEST(the_power_goes_between_hops)
{
	/* What the last hop said may be lost; the one before is asked again then. */
	struct id id = client_make(sim, "submit idempotency fetch hops=5 fetch_fail=1 polls=2 polling=1/1/1 retry=1/1/1");

	for (unsigned i = 0; i < 300 && !client_view(sim, &id).terminal; i++) {
		sim->commit_usec = UINT64_MAX;
		sim_run(sim, (1 + i % 3) * SECOND);
		store_sim_commit(sim->store, 1 + i % 4);
		sim_crash(sim, SECOND);
	}
	ck_assert_int_eq(client_state(sim, &id), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->taken, 1);
}
END_TEST

START_TEST(a_cancel_comes_too_late)
{
	struct id id = client_make(sim, "submit cancel fetch fetch_fail=3 retry=10/10/1");

	run_to_fetch(&id, 1);
	sim_run(sim, SECOND);
	ck_assert(cancel(&id).flag);
	ck_assert(durable(&id)->cancel_requested);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->fetches, 1);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->cancels, 0);
	ck_assert_uint_eq(fixture_asked(&id)->fetches, 4);
}
END_TEST

START_TEST(a_cancel_does_not_hurry_it)
{
	struct id id = client_make(sim, "submit cancel fetch fetch_pending=2 polling=10/10/1");
	uint64_t start;

	run_to_fetch(&id, 1);
	start = sim->now_usec;
	ck_assert(cancel(&id).flag);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_ge(sim->now_usec - start, 20 * SECOND);
}
END_TEST

START_TEST(a_cancel_that_only_we_know_of)
{
	struct id id = client_make(sim, "fetch fetch_fail=1000 retry=10/10/1");

	run_to_fetch(&id, 2);
	ck_assert_int_eq(cancel(&id).state, STORE_CANCELLED);
	sim_run(sim, HOUR);
	ck_assert_uint_eq(fixture_asked(&id)->fetches, 2);
}
END_TEST

START_TEST(a_cancel_while_it_is_becoming_durable)
{
	struct id id = client_make(sim, "fetch");
	struct answer answer;

	while (fixture_asked(&id)->polls == 0)
		sim_step(sim, sim->now_usec + SECOND);
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, 10 * SECOND);
	client_cancel(sim, 1000, &id, &answer);
	sim_commit(sim);
	ck_assert_int_eq(answer.state, STORE_CANCELLED);
	sim_run(sim, HOUR);
	ck_assert_uint_eq(fixture_asked(&id)->fetches, 0);
}
END_TEST

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

START_TEST(the_last_attempt_may_be_a_fetch)
{
	struct id id = make_with_deadline("fetch fetch_fail=1 retry=60/60/1", 30 * SECOND);

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->fetches, 2);
	ck_assert_uint_ge(fixture_asked(&id)->last_usec, 30 * SECOND);
}
END_TEST

START_TEST(the_last_attempt_may_lead_to_a_fetch)
{
	struct id id = make_with_deadline("fetch polls=1 polling=60/60/1 hops=1", 30 * SECOND);

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->fetches, 2);
}
END_TEST

START_TEST(a_deadline_ends_it)
{
	struct id endless = make_with_deadline("fetch hops=1000000 latency=0.001", 30 * SECOND);
	struct id away = make_with_deadline("fetch fetch_fail=1000 retry=1/4/2", 30 * SECOND);

	sim_run(sim, 40 * SECOND);
	ck_assert_str_eq(client_view(sim, &endless).rec->error_kind, "deadline");
	ck_assert_str_eq(client_view(sim, &away).rec->error_kind, "deadline");
}
END_TEST

START_TEST(a_retry_takes_up_the_fetch)
{
	struct id id = make_with_deadline("submit fetch hops=2 fetch_fail=1 retry=60/60/1", 20 * SECOND);
	struct answer answer;

	/* It gives up between two hops. */
	service_set_down(sim->service, false);
	run_to_fetch(&id, 1);
	service_set_down(sim->service, true);
	sim_run(sim, 60 * SECOND);
	ck_assert_str_eq(client_view(sim, &id).rec->error_kind, "deadline");
	service_set_down(sim->service, false);
	client_retry(sim, 1000, &id, &answer);
	sim_commit(sim);
	ck_assert_int_eq(client_finish(sim, &answer.id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&answer.id)->polls, 0);
	ck_assert_uint_eq(fixture_asked(&answer.id)->submits, 0);
	ck_assert_uint_eq(fixture_asked(&answer.id)->fetches, 3);
}
END_TEST

START_TEST(a_stop_lets_it_go)
{
	struct id id = client_make(sim, "fetch latency=20");

	run_to_fetch(&id, 1);
	sim_restart(sim, 0);
	ck_assert_uint_eq(service_in_flight(sim->service), 0);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->fetches, 2);
}
END_TEST

static Suite *fetch_suite(void)
{
	Suite *suite = suite_create("fetch");
	TCase *tcase = tcase_create("fetch");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, the_result_is_fetched);
	tcase_add_test(tcase, at_once);
	tcase_add_test(tcase, after_the_answer_to_the_submit);
	tcase_add_test(tcase, not_before_it_is_durable);
	tcase_add_test(tcase, a_restart_goes_on_with_the_fetch);
	tcase_add_test(tcase, not_ready_yet);
	tcase_add_test(tcase, it_may_be_unreachable);
	tcase_add_test(tcase, over_several_hops);
	tcase_add_test(tcase, endless_hops_are_not_a_hot_loop);
	tcase_add_test(tcase, the_power_goes_between_hops);
	tcase_add_test(tcase, a_cancel_comes_too_late);
	tcase_add_test(tcase, a_cancel_does_not_hurry_it);
	tcase_add_test(tcase, a_cancel_that_only_we_know_of);
	tcase_add_test(tcase, a_cancel_while_it_is_becoming_durable);
	tcase_add_test(tcase, the_last_attempt_may_be_a_fetch);
	tcase_add_test(tcase, the_last_attempt_may_lead_to_a_fetch);
	tcase_add_test(tcase, a_deadline_ends_it);
	tcase_add_test(tcase, a_retry_takes_up_the_fetch);
	tcase_add_test(tcase, a_stop_lets_it_go);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(fetch_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
