/* test_refer.c - values out of the results of others, durable before the first request; and holds after a hop. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct future_rec *durable(const struct id *id)
{
	return &disk_find(sim->disk, id->bytes)->rec;
}

/* One whose script has one id, or two, between two texts. */
static struct id make(const char *before, const struct id *a, const struct id *b, const char *after)
{
	char first[ID_TEXT_LEN + 1], second[ID_TEXT_LEN + 1] = "", script[512];

	id_format(a, first);
	if (b)
		id_format(b, second);
	snprintf(script, sizeof(script), "%s%s%s%s%s", before, first, b ? "," : "", second, after);
	return client_make(sim, script);
}

static void fails(const struct id *id, const char *words)
{
	ck_assert_int_eq(client_finish(sim, id, HOUR), STORE_FAILED);
	ck_assert_str_eq(client_view(sim, id).rec->error_kind, "dependency");
	ck_assert_msg(strstr(client_view(sim, id).rec->error_message, words) != NULL, "%s",
	    client_view(sim, id).rec->error_message);
}

START_TEST(values_come_first)
{
	struct id a = client_make(sim, "polls=2 result=first"), b = client_make(sim, "polls=4 result=second");
	struct id id = make("results=", &a, &b, " polls=1 result=end");

	ck_assert(durable(&id)->held);
	ck_assert_uint_eq(durable(&id)->n_after, 2);
	ck_assert_str_eq(client_view(sim, &id).condition, "waiting");
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(service_operation(sim->service, "second")->polls, 2);
	ck_assert_str_eq(durable(&id)->captured, "{\"op\":\"second\",\"hop\":0}");
	ck_assert(!durable(&id)->held);
}
END_TEST

START_TEST(also_when_they_are_there_already)
{
	struct id a = client_make(sim, "result=first"), id;

	ck_assert_int_eq(client_finish(sim, &a, HOUR), STORE_SUCCEEDED);
	id = make("results=", &a, NULL, " polls=1");
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(service_operation(sim->service, "first")->polls, 2);
}
END_TEST

START_TEST(not_before_they_are_durable)
{
	struct id a = client_make(sim, "result=first"), id;

	ck_assert_int_eq(client_finish(sim, &a, HOUR), STORE_SUCCEEDED);
	id = make("results=", &a, NULL, " polls=1");
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, 60 * SECOND);
	store_sim_commit(sim->store, 1);        /* the read */
	store_dispatch(sim->store);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->polls, 0);
	ck_assert(durable(&id)->held);
	sim->commit_usec = 1000;
	sim_run(sim, 60 * SECOND);
	ck_assert_int_eq(client_state(sim, &id), STORE_SUCCEEDED);
}
END_TEST

START_TEST(what_is_not_there_fails_it)
{
	struct id a = client_make(sim, "result=nothing"), b = client_make(sim, "result=x");
	struct id id = make("results=", &b, &a, "");

	fails(&id, "nothing is there");
	ck_assert_uint_eq(fixture_asked(&id)->polls, 0);
	ck_assert_uint_eq(service_plans(sim->service), 0);
}
END_TEST

START_TEST(one_that_failed_or_was_forgotten)
{
	struct id a = client_make(sim, "polls=3 end=failure"), b = client_make(sim, "result=x"), id, other;
	struct answer answer;

	id = make("results=", &a, NULL, "");
	fails(&id, "remote: done");
	ck_assert_int_eq(client_finish(sim, &b, HOUR), STORE_SUCCEEDED);
	other = make("results=", &b, &b, "");
	client_forget(sim, 1000, &b, &answer);
	fails(&other, "was forgotten");
	ck_assert_uint_eq(fixture_asked(&other)->polls, 0);
}
END_TEST

START_TEST(it_ends_while_they_are_read)
{
	struct id a = client_make(sim, "result=x"), id, other;
	struct create_request request;
	struct answer answer, made;
	char script[64], text[ID_TEXT_LEN + 1];

	ck_assert_int_eq(client_finish(sim, &a, HOUR), STORE_SUCCEEDED);
	id = make("results=", &a, NULL, "");
	id_format(&a, text);
	snprintf(script, sizeof(script), "results=%s", text);
	request = client_request(script);
	request.timeout_kind = CREATE_GIVEN;
	request.timeout_usec = 30 * SECOND;
	client_create(sim, 1000, &request, &made);
	sim_commit(sim);
	other = made.id;
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, SECOND);
	client_cancel(sim, 1000, &id, &answer);
	sim_run(sim, 60 * SECOND);
	sim->commit_usec = 1000;
	sim_run(sim, 60 * SECOND);
	ck_assert_int_eq(client_state(sim, &id), STORE_CANCELLED);
	ck_assert_str_eq(client_view(sim, &other).rec->error_kind, "deadline");
	ck_assert_uint_eq(fixture_asked(&id)->polls + fixture_asked(&other)->polls, 0);
	ck_assert_uint_eq(service_plans(sim->service), 0);
}
END_TEST

START_TEST(a_retry_takes_them_only_if_it_has_to)
{
	struct id a = client_make(sim, "result=x"), id = make("results=", &a, NULL, " end=failure");
	struct answer answer;

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	client_retry(sim, 1000, &id, &answer);
	sim_commit(sim);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	ck_assert(!durable(&answer.id)->held);
	ck_assert_str_eq(durable(&answer.id)->captured, "{\"op\":\"x\",\"hop\":0}");
	ck_assert_int_eq(client_finish(sim, &answer.id, HOUR), STORE_FAILED);
	ck_assert_uint_eq(fixture_asked(&answer.id)->polls, 1);
}
END_TEST

/* --- a hop ---------------------------------------------------------------------------------------------------------------- */

START_TEST(the_next_operation_may_be_held)
{
	struct id a = client_make(sim, "polls=5 polling=10/10/1 result=x");
	struct id id = make("stage=a op=a polls=1 next=stage=b,results=", &a, NULL, "");

	while (client_view(sim, &id).rec->hops == 0)
		sim_step(sim, sim->now_usec + SECOND);
	sim_commit(sim);
	ck_assert(durable(&id)->held);
	ck_assert_uint_eq(durable(&id)->n_after, 1);
	ck_assert_ptr_null(durable(&id)->captured);
	sim_crash(sim, SECOND);
	ck_assert_str_eq(client_view(sim, &id).condition, "waiting");
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(service_operation(sim->service, "x")->polls, 1);
	ck_assert_str_eq(fixture_asked(&id)->stages, ",a,,b,");
}
END_TEST

static char cycle_text[ID_TEXT_LEN + 16];
static struct id cycle_of;

static void lead_back(void *arg, const struct id *id, struct verdict *verdict)
{
	(void)arg;
	if (id_compare(id, &cycle_of) != 0)
		return;
	verdict->outcome = OUTCOME_CONTINUE;
	verdict->source.spec = slice_from_str(cycle_text);
}

/* Who the operation is that it would go on with, and how far it is to itself. */
START_TEST(cycles_are_refused)
{
	struct id last;
	char text[ID_TEXT_LEN + 1];

	service_on_answer(sim->service, lead_back, NULL);
	cycle_of = last = client_make(sim, "polls=1 polling=10/10/1");
	for (int i = 0; i < _i; i++)
		last = make("results=", &last, &last, "");
	id_format(&last, text);
	snprintf(cycle_text, sizeof(cycle_text), "results=%s", text);
	fails(&cycle_of, "it cannot go on: a cycle: ");
	ck_assert_uint_eq(client_view(sim, &cycle_of).rec->n_after, 0);
	ck_assert_uint_eq(client_view(sim, &cycle_of).rec->hops, 0);
	if (_i > 0)
		fails(&last, "dependency");
}
END_TEST

START_TEST(one_that_is_not_there)
{
	cycle_of = client_make(sim, "polls=1 polling=10/10/1");
	snprintf(cycle_text, sizeof(cycle_text), "results=00000000-0000-7000-8000-000000000001");
	service_on_answer(sim->service, lead_back, NULL);
	fails(&cycle_of, "no such future");
}
END_TEST

/* --- crashes ---------------------------------------------------------------------------------------------------------------- */

START_TEST(a_crash_at_any_time)
{
	for (unsigned turns = 0, over = 0; !over; turns++) {
		struct id a, id;

		ck_assert_uint_lt(turns, 200);
		sim = sim_new(turns + 1);
		sim->commit_usec = 3000;
		a = client_make(sim, "polls=2 result=x");
		id = make("stage=a results=", &a, NULL, " polls=1 next=stage=b,submit,polls=1");
		for (unsigned i = 0; i < turns; i++)
			sim_step(sim, sim->now_usec + SECOND);
		over = client_state(sim, &id) == STORE_SUCCEEDED;
		sim_crash(sim, SECOND);
		if (client_finish(sim, &id, HOUR) == STORE_FAILED)
			ck_assert_str_eq(client_view(sim, &id).rec->error_kind, "submit_unknown");
		ck_assert_msg(!sim_violation(sim), "after %u turns: %s", turns, sim_violation(sim));
		ck_assert_str_eq(fixture_asked(&id)->stages, ",a,,b,");
		sim = sim_free(sim);
	}
}
END_TEST

START_TEST(the_store_has_no_memory_for_it)
{
	for (unsigned nth = 1; nth < 20; nth++) {
		struct id a, id;

		sim = sim_new(nth);
		a = client_make(sim, "polls=2 result=x");
		id = make("results=", &a, &a, " polls=1");
		store_sim_refuse(sim->store, nth);
		ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
		ck_assert_msg(!sim_violation(sim), "%s", sim_violation(sim));
		sim = sim_free(sim);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("refer");
	TCase *tcase = tcase_create("refer"), *crashes = tcase_create("crashes");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, values_come_first);
	tcase_add_test(tcase, also_when_they_are_there_already);
	tcase_add_test(tcase, not_before_they_are_durable);
	tcase_add_test(tcase, what_is_not_there_fails_it);
	tcase_add_test(tcase, one_that_failed_or_was_forgotten);
	tcase_add_test(tcase, it_ends_while_they_are_read);
	tcase_add_test(tcase, a_retry_takes_them_only_if_it_has_to);
	tcase_add_test(tcase, the_next_operation_may_be_held);
	tcase_add_loop_test(tcase, cycles_are_refused, 0, 4);
	tcase_add_test(tcase, one_that_is_not_there);
	suite_add_tcase(suite, tcase);
	tcase_add_test(crashes, a_crash_at_any_time);
	tcase_add_test(crashes, the_store_has_no_memory_for_it);
	suite_add_tcase(suite, crashes);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
