/* test_pace.c - how soon it is asked again when rules and services wish it; long polls; what pauses leave behind. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double gap(const struct id *id, size_t i)
{
	ck_assert_uint_lt(i + 1, fixture_asked(id)->count);
	return (double)(fixture_asked(id)->first[i + 1].at_usec - fixture_asked(id)->first[i].at_usec) / 1e6;
}

START_TEST(at_once_is_granted_twice)
{
	struct id id = client_make(sim, "end=never polling=1/8/2 delay=0 latency=0.1");
	static const double gaps[] = { 0.1, 0.1, 1.1, 2.1, 4.1, 8.1, 8.1 };

	sim_run(sim, 60 * SECOND);
	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++)
		ck_assert_double_eq_tol(gap(&id, i), gaps[i], 0.002);
}
END_TEST

START_TEST(a_request_that_is_held_goes_on_at_once)
{
	struct id id = client_make(sim, "end=never long_poll polling=1/8/2 delay=0 hold=30 latency=0");

	sim_run(sim, 1000 * SECOND);
	for (size_t i = 0; i < 30; i++)
		ck_assert_double_eq_tol(gap(&id, i), 30, 0.002);
}
END_TEST

START_TEST(the_same_for_a_retry_after)
{
	struct id id = client_make(sim, "end=never polling=1/8/2 wait=0 latency=0.001");

	sim_run(sim, 600 * SECOND);
	ck_assert_uint_lt(fixture_asked(&id)->polls, 100);
}
END_TEST

/* Every answer is one that could not be read, and a rule that says: again, at once. */
static void again_at_once(void *arg, const struct id *id, struct verdict *verdict)
{
	(void)id;
	verdict->outcome = OUTCOME_RETRY;
	verdict->has_delay = true;
	verdict->delay_usec = *(const uint64_t *)arg;
}

START_TEST(retries_at_once_are_granted_three_times)
{
	static uint64_t delay = 0;
	static const double gaps[] = { 0.1, 0.1, 0.1, 1.1, 2.1, 4.1, 8.1, 8.1 };
	struct id id;

	service_on_answer(sim->service, again_at_once, &delay);
	id = client_make(sim, "end=never retry=1/8/2 latency=0.1");
	sim_run(sim, 60 * SECOND);
	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++)
		ck_assert_double_eq_tol(gap(&id, i), gaps[i], 0.002);
}
END_TEST

START_TEST(retries_after_a_while_are_the_rules_matter)
{
	static uint64_t delay = 3 * SECOND;
	struct id id;

	service_on_answer(sim->service, again_at_once, &delay);
	id = client_make(sim, "end=never retry=1/8/2 latency=0.1");
	sim_run(sim, 60 * SECOND);
	for (size_t i = 0; i < 10; i++)
		ck_assert_double_eq_tol(gap(&id, i), 3.1, 0.002);
}
END_TEST

/* --- long polls ------------------------------------------------------------------------------------- */

START_TEST(a_cancel_does_not_wait_for_a_held_poll)
{
	struct id id = client_make(sim, "submit cancel long_poll end=never hold=300");
	struct answer answer;
	uint64_t before;

	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(service_in_flight(sim->service), 1);
	before = sim->now_usec;
	client_cancel(sim, 1000, &id, &answer);
	while (fixture_asked(&id)->cancels == 0)
		ck_assert(sim_step(sim, sim->now_usec + SECOND));
	ck_assert_uint_lt(sim->now_usec - before, SECOND);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_CANCELLED);
}
END_TEST

/* After a cancel request that failed the operation is looked at, but for no longer than the next one is put off. */
START_TEST(nor_one_that_is_repeated)
{
	static const enum step expected[] = { STEP_SUBMIT, STEP_POLL, STEP_CANCEL, STEP_POLL, STEP_CANCEL };
	struct id id = client_make(sim, "submit cancel long_poll end=never hold=300 retry=2/20/2");
	const struct asked *asked;
	struct answer answer;

	sim_run(sim, 10 * SECOND);
	service_set_down(sim->service, true);
	client_cancel(sim, 1000, &id, &answer);
	sim_run(sim, SECOND);
	service_set_down(sim->service, false);
	sim_run(sim, 8 * SECOND);
	asked = fixture_asked(&id);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		ck_assert_int_eq(asked->first[i].step, expected[i]);
	ck_assert_uint_ge(asked->first[4].at_usec - asked->first[3].at_usec, 2 * SECOND);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_CANCELLED);
}
END_TEST

START_TEST(nor_for_a_slot_of_that_kind)
{
	struct id id = client_make(sim, "cancel long_poll end=never hold=300 bucket=b limit=1");
	struct id waits = client_make(sim, "cancel long_poll end=never hold=300 bucket=b limit=1");
	struct answer first, second;

	/* The one in front cancels, and so does the one that never got its turn to poll. */
	sim_run(sim, 10 * SECOND);
	client_cancel(sim, 1000, &waits, &second);
	client_cancel(sim, 1000, &id, &first);
	sim_run(sim, 5 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->cancels, 1);
	ck_assert_uint_eq(fixture_asked(&waits)->cancels, 1);
}
END_TEST

START_TEST(a_refresh_leaves_a_held_poll_alone)
{
	struct id id = client_make(sim, "long_poll end=never hold=30");

	sim_run(sim, 10 * SECOND);
	client_refresh(sim, 1000, &id);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->polls, 1);
	ck_assert_uint_eq(service_in_flight(sim->service), 1);
}
END_TEST

START_TEST(an_ordinary_poll_is_let_to_its_end)
{
	struct id id = client_make(sim, "submit cancel end=never latency=5");
	struct answer answer;

	while (fixture_asked(&id)->polls == 0)
		sim_step(sim, sim->now_usec + SECOND);
	sim_run(sim, SECOND);
	client_cancel(sim, 1000, &id, &answer);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->cancels, 0);
	ck_assert_uint_eq(service_in_flight(sim->service), 1);
}
END_TEST

START_TEST(a_cancel_at_the_deadline_of_a_held_poll)
{
	struct id id = client_make(sim, "cancel long_poll end=never hold=300 polling_timeout=30");
	struct answer answer;

	sim_run(sim, 32 * SECOND);
	client_cancel(sim, 1000, &id, &answer);
	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(answer.calls, 1);
	ck_assert_uint_eq(fixture_asked(&id)->cancels, 1);
	ck_assert_str_eq(client_view(sim, &id).rec->error_kind, "deadline");
}
END_TEST

/* --- what a restart remembers ------------------------------------------------------------------------ */

START_TEST(a_pause_outlives_the_daemon)
{
	struct id told = client_make(sim, "throttle=1:600"), other, later;

	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(fixture_asked(&told)->count, 1);
	other = client_make(sim, "");
	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(fixture_asked(&other)->count, 0);
	sim_crash(sim, 100 * SECOND);
	/* Neither those of before nor a new one: the simulated service complains of each that is too early. */
	later = client_make(sim, "");
	sim_run(sim, 470 * SECOND);
	ck_assert_uint_eq(fixture_asked(&told)->count, 1);
	ck_assert_uint_eq(fixture_asked(&other)->count, 0);
	ck_assert_uint_eq(fixture_asked(&later)->count, 0);
	sim_run(sim, 30 * SECOND);
	ck_assert_int_eq(client_state(sim, &told), STORE_SUCCEEDED);
	ck_assert_int_eq(client_state(sim, &other), STORE_SUCCEEDED);
	ck_assert_int_eq(client_state(sim, &later), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_pause_of_a_clock_that_was_set_back)
{
	struct id id = client_make(sim, "throttle=1:600");

	sim_run(sim, 10 * SECOND);
	sim->wall_shift_ms = -INT64_C(365) * 24 * 3600 * 1000;
	sim_crash(sim, SECOND);
	/* The service only expects what it said. */
	service_forget_client(sim->service);
	ck_assert_int_eq(client_finish(sim, &id, 30 * HOUR), STORE_SUCCEEDED);
}
END_TEST

/* Each answer says what its rules have used up: so many times; the last one that all is given back. */
static void use_up(void *arg, const struct id *id, struct verdict *verdict)
{
	static char text[32];
	unsigned *times = arg;

	(void)id;
	snprintf(text, sizeof(text), "{\"poll.0\":[%u,1]}", ++*times);
	verdict->budgets = *times < 4 ? text : "";
}

static void check_budgets(void *arg, const struct plan *plan, const struct step_input *input)
{
	const unsigned *times = arg;
	char text[32];

	(void)plan;
	if (*times == 0 || *times >= 4) {
		ck_assert_ptr_null(input->budgets);
		return;
	}
	snprintf(text, sizeof(text), "{\"poll.0\":[%u,1]}", *times);
	ck_assert_str_eq(input->budgets, text);
}

START_TEST(what_rules_have_used_up)
{
	static unsigned times = 0;
	struct id id;

	service_on_answer(sim->service, use_up, &times);
	service_on_request(sim->service, check_budgets, &times);
	id = client_make(sim, "polls=5 polling=10/10/1");
	for (unsigned i = 0; i < 4; i++) {
		sim_run(sim, 5 * SECOND);
		ck_assert_uint_eq(times, i + 1);
		sim_crash(sim, SECOND);
		sim_run(sim, 4 * SECOND);
	}
	ck_assert_ptr_null(disk_find(sim->disk, id.bytes)->rec.budgets);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
}
END_TEST

static void share(void *arg, const struct id *id, struct verdict *verdict)
{
	(void)arg;
	(void)id;
	verdict->shared = true;
}

START_TEST(an_answer_to_anothers_request_is_not_counted)
{
	struct broker_stats stats;
	struct id id;

	service_on_answer(sim->service, share, NULL);
	id = client_make(sim, "polls=5");
	client_finish(sim, &id, HOUR);
	broker_stats(sim->broker, &stats);
	ck_assert_uint_eq(stats.requests, 0);
	ck_assert_uint_eq(client_view(sim, &id).rec->requests, 0);
}
END_TEST

static Suite *pace_suite(void)
{
	Suite *suite = suite_create("pace");
	TCase *tcase = tcase_create("pace");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, at_once_is_granted_twice);
	tcase_add_test(tcase, a_request_that_is_held_goes_on_at_once);
	tcase_add_test(tcase, the_same_for_a_retry_after);
	tcase_add_test(tcase, retries_at_once_are_granted_three_times);
	tcase_add_test(tcase, retries_after_a_while_are_the_rules_matter);
	tcase_add_test(tcase, a_cancel_does_not_wait_for_a_held_poll);
	tcase_add_test(tcase, nor_one_that_is_repeated);
	tcase_add_test(tcase, nor_for_a_slot_of_that_kind);
	tcase_add_test(tcase, a_refresh_leaves_a_held_poll_alone);
	tcase_add_test(tcase, an_ordinary_poll_is_let_to_its_end);
	tcase_add_test(tcase, a_cancel_at_the_deadline_of_a_held_poll);
	tcase_add_test(tcase, a_pause_outlives_the_daemon);
	tcase_add_test(tcase, a_pause_of_a_clock_that_was_set_back);
	tcase_add_test(tcase, what_rules_have_used_up);
	tcase_add_test(tcase, an_answer_to_anothers_request_is_not_counted);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(pace_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
