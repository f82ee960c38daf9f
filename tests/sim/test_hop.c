/* test_hop.c - a future that goes on with another operation, in one piece through crashes and short memory. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct disk_future *durable(const struct id *id)
{
	return disk_find(sim->disk, id->bytes);
}

static void run_to_stage(const struct id *id, const char *stage)
{
	while (strcmp(fixture_asked(id)->stage, stage) != 0)
		ck_assert(sim_step(sim, sim->now_usec + HOUR));
}

/* Three operations in a row, all kinds of beginnings. */
#define CHAIN "stage=a submit polls=2 next=stage=b,submit,bucket=other,at_once,next=stage=c;op=c;polls=1;result=end"

START_TEST(one_after_the_other)
{
	struct id id = client_make(sim, CHAIN);
	struct answer answer;

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_str_eq(fixture_asked(&id)->stages, ",a,,b,,c,");
	ck_assert_uint_eq(client_view(sim, &id).rec->hops, 2);
	ck_assert_uint_eq(client_view(sim, &id).rec->requests, 7);
	ck_assert_uint_eq(service_operation(sim->service, "c")->polls, 2);
	ck_assert_str_eq(durable(&id)->texts.spec, "stage=c op=c polls=1 result=end");
	/* What the creator asked for is what its key stands for. */
	ck_assert_ptr_nonnull(strstr(durable(&id)->texts.request, CHAIN));
	client_read_result(sim, 1000, &id, 0, 100, &answer);
	sim_commit(sim);
	ck_assert_mem_eq(answer.bytes, "end", 3);
	ck_assert_uint_eq(service_plans(sim->service), 0);
}
END_TEST

START_TEST(nothing_is_left_of_the_old_one)
{
	struct id id = client_make(sim, "stage=a idempotency submit progress polls=3 fail=1:2 next=stage=b,hang,submit");
	const struct future_rec *rec;

	run_to_stage(&id, "b");
	sim_commit(sim);
	rec = &durable(&id)->rec;
	ck_assert_int_eq(rec->state, STORE_RUNNING);
	ck_assert_int_eq(rec->phase, STORE_PHASE_SUBMITTING);
	ck_assert_str_eq(rec->profile, "a");
	ck_assert_ptr_null(rec->captured);
	ck_assert_ptr_null(rec->idempotency);
	ck_assert_ptr_null(rec->progress);
	ck_assert_ptr_null(rec->last_error);
	ck_assert_uint_eq(rec->polling_delay_usec, 0);
	ck_assert_uint_eq(rec->attempts, 0);
}
END_TEST

START_TEST(each_has_an_idempotency_value_of_its_own)
{
	struct id id = client_make(sim, "stage=a idempotency submit polls=1 next=stage=b,idempotency,submit,lost=2,polls=1");
	char first[SCRIPT_TEXT];

	client_run_to_submit(sim, &id, 1);
	memcpy(first, fixture_asked(&id)->idempotency, sizeof(first));
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->submits, 3);
	ck_assert_uint_eq(fixture_asked(&id)->taken, 1);
	ck_assert_str_ne(fixture_asked(&id)->idempotency, first);
}
END_TEST

START_TEST(not_before_it_is_durable)
{
	struct id id = client_make(sim, "stage=a op=a polls=1 next=stage=b,op=b");

	while (fixture_asked(&id)->polls < 2)
		sim_step(sim, sim->now_usec + SECOND);
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, 60 * SECOND);
	/* Not even when somebody is in a hurry. */
	ck_assert_int_eq(client_refresh(sim, 1000, &id), ERROR_NONE);
	sim_run(sim, 60 * SECOND);
	ck_assert_str_eq(fixture_asked(&id)->stage, "a");
	ck_assert_uint_eq(fixture_asked(&id)->polls, 2);
	sim->commit_usec = 1000;
	sim_run(sim, SECOND);
	ck_assert_str_eq(fixture_asked(&id)->stage, "b");
}
END_TEST

/* Nor does a submit go without its own intent, because somebody was in a hurry. */
START_TEST(a_submit_that_is_asked_for_too_soon)
{
	struct id id = client_make(sim, "stage=a op=a polls=1 next=stage=b,submit");

	while (fixture_asked(&id)->polls < 2)
		sim_step(sim, sim->now_usec + SECOND);
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, SECOND);
	ck_assert_int_eq(client_refresh(sim, 1000, &id), ERROR_NONE);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->submits, 0);
	sim->commit_usec = 1000;
	sim_commit(sim);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->submits, 1);
}
END_TEST

START_TEST(subscribers_hear_of_it)
{
	struct listener listener;
	struct id id = client_make(sim, "stage=a op=a polls=1 next=stage=b,op=b,polls=1");
	unsigned hops = 0;

	listener_open(sim, 1000, &(struct subscribe_filter){ 0 }, false, 0, &listener);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	for (size_t i = 0; i < listener.count; i++)
		hops += listener.events[i].event == STORE_EVENT_PROGRESS;
	ck_assert_uint_eq(hops, 1);
	listener_close(&listener);
}
END_TEST

/* --- ends --------------------------------------------------------------------------------------------------------------- */

START_TEST(what_is_to_be_cancelled_does_not_go_on)
{
	struct id id = client_make(sim, "stage=a submit cancel deaf polls=4 next=stage=b,submit");
	struct answer answer;

	client_run_to_submit(sim, &id, 1);
	sim_run(sim, SECOND);
	client_cancel(sim, 1000, &id, &answer);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_CANCELLED);
	ck_assert_str_eq(fixture_asked(&id)->stage, "a");
	ck_assert_uint_eq(fixture_asked(&id)->cancels, 1);
}
END_TEST

START_TEST(one_that_was_not_submitted_yet_is_cancelled_at_once)
{
	struct id id = client_make(sim, "stage=a op=a polls=1 next=stage=b,idempotency,submit,cancel,bucket=b");
	struct answer answer;

	while (fixture_asked(&id)->polls < 2)
		sim_step(sim, sim->now_usec + SECOND);
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, 60 * SECOND);
	client_cancel(sim, 1000, &id, &answer);
	sim->commit_usec = 1000;
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_CANCELLED);
	ck_assert_str_eq(fixture_asked(&id)->stage, "a");
}
END_TEST

START_TEST(its_deadline_stays)
{
	struct create_request request = client_request("stage=a op=a polls=1 polling=10/10/1 next=stage=b,op=b,end=never");
	struct answer answer;

	request.timeout_kind = CREATE_GIVEN;
	request.timeout_usec = 60 * SECOND;
	client_create(sim, 1000, &request, &answer);
	sim_commit(sim);
	ck_assert_int_eq(client_finish(sim, &answer.id, 70 * SECOND), STORE_FAILED);
	ck_assert_str_eq(client_view(sim, &answer.id).rec->error_kind, "deadline");
	ck_assert_str_eq(fixture_asked(&answer.id)->stage, "b");
}
END_TEST

START_TEST(what_cannot_be_prepared_fails)
{
	struct id id = client_make(sim, "stage=a op=a next=invalid");
	const struct future_rec *rec;

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	rec = client_view(sim, &id).rec;
	ck_assert_str_eq(rec->error_kind, "invalid_spec");
	ck_assert_str_eq(rec->error_message, "it cannot go on: spec: invalid");
	ck_assert_uint_eq(rec->hops, 0);
}
END_TEST

static void again(void *arg, const struct id *id, struct verdict *verdict)
{
	(void)arg;
	(void)id;
	verdict->outcome = OUTCOME_CONTINUE;
	verdict->source.spec = slice_from_str("op=a");
}

START_TEST(two_that_lead_to_each_other_come_to_an_end)
{
	struct id id;

	service_on_answer(sim->service, again, NULL);
	id = client_make(sim, "op=a");
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	ck_assert_str_eq(client_view(sim, &id).rec->error_kind, "invalid_spec");
	ck_assert_ptr_nonnull(strstr(client_view(sim, &id).rec->error_message, "1000 times"));
	ck_assert_uint_eq(client_view(sim, &id).rec->hops, 1000);
	ck_assert_uint_eq(fixture_asked(&id)->polls, 1001);
}
END_TEST

/* --- crashes ------------------------------------------------------------------------------------------------------------ */

/* The power fails after so many turns: what follows is either the old operation or the next. A submit that cannot be
 * repeated is not sent twice, which the service would call a violation. */
static bool crash_after(unsigned turns, const char *script, bool repeatable)
{
	struct id id;
	enum store_state state;
	bool over;

	sim = sim_new(turns + 1);
	sim->commit_usec = 3000;
	id = client_make(sim, script);
	for (unsigned i = 0; i < turns; i++)
		sim_step(sim, sim->now_usec + SECOND);
	over = future_state_name(client_state(sim, &id))[0] == 's';
	sim_crash(sim, SECOND);
	state = client_finish(sim, &id, HOUR);
	ck_assert_msg(!sim_violation(sim), "after %u turns: %s", turns, sim_violation(sim));
	if (state == STORE_FAILED && !repeatable)
		ck_assert_str_eq(client_view(sim, &id).rec->error_kind, "submit_unknown");
	else
		ck_assert_int_eq(state, STORE_SUCCEEDED);
	ck_assert_uint_le(fixture_asked(&id)->taken, 1);
	if (state == STORE_SUCCEEDED)
		ck_assert_str_eq(fixture_asked(&id)->stages, ",a,,b,,c,");
	sim = sim_free(sim);
	return over;
}

START_TEST(a_crash_at_any_time)
{
	static const char *const scripts[] = {
		CHAIN,
		"stage=a submit idempotency polls=2 next=stage=b,submit,idempotency,next=stage=c;op=c;polls=1",
	};
	unsigned turns = 0;

	while (!crash_after(turns, scripts[_i], _i == 1))
		ck_assert_uint_lt(++turns, 200);
	ck_assert_uint_gt(turns, 15);
}
END_TEST

START_TEST(the_store_has_no_memory_for_it)
{
	for (unsigned nth = 1; nth < 20; nth++) {
		struct id id;

		sim = sim_new(nth);
		id = client_make(sim, "stage=a op=a polls=1 next=stage=b,op=b,polls=1,next=stage=c;op=c");
		store_sim_refuse(sim->store, nth);
		ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
		ck_assert_msg(!sim_violation(sim), "%s", sim_violation(sim));
		ck_assert_str_eq(fixture_asked(&id)->stages, ",a,,b,,c,");
		sim = sim_free(sim);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hop");
	TCase *hops = tcase_create("hops"), *crashes = tcase_create("crashes");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(hops, fixture_setup, fixture_teardown);
	tcase_add_test(hops, one_after_the_other);
	tcase_add_test(hops, nothing_is_left_of_the_old_one);
	tcase_add_test(hops, each_has_an_idempotency_value_of_its_own);
	tcase_add_test(hops, not_before_it_is_durable);
	tcase_add_test(hops, a_submit_that_is_asked_for_too_soon);
	tcase_add_test(hops, subscribers_hear_of_it);
	tcase_add_test(hops, what_is_to_be_cancelled_does_not_go_on);
	tcase_add_test(hops, one_that_was_not_submitted_yet_is_cancelled_at_once);
	tcase_add_test(hops, its_deadline_stays);
	tcase_add_test(hops, what_cannot_be_prepared_fails);
	tcase_add_test(hops, two_that_lead_to_each_other_come_to_an_end);
	suite_add_tcase(suite, hops);
	tcase_add_loop_test(crashes, a_crash_at_any_time, 0, 2);
	tcase_add_test(crashes, the_store_has_no_memory_for_it);
	suite_add_tcase(suite, crashes);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
