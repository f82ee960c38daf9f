/* test_ack.c - the service is told that the end is stored, when it is, and not before. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum store_phase phase(const struct id *id)
{
	return disk_find(sim->disk, id->bytes)->rec.phase;
}

/* Its end is committed, but nobody has been told. */
static void run_to_end_unsaid(const struct id *id)
{
	while (disk_find(sim->disk, id->bytes)->rec.state < STORE_SUCCEEDED) {
		sim->commit_usec = UINT64_MAX;
		sim_step(sim, sim->now_usec + SECOND);
		store_sim_commit(sim->store, 1);
		if (disk_find(sim->disk, id->bytes)->rec.state < STORE_SUCCEEDED)
			store_dispatch(sim->store);
	}
	sim->commit_usec = 1000;
}

START_TEST(once_it_is_stored)
{
	struct id id = client_make(sim, "submit ack polls=2 result=bytes");

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->acks, 1);
	ck_assert_int_eq(phase(&id), STORE_PHASE_ACKED);
	ck_assert(service_operation(sim->service, "op-1")->acked);
	ck_assert_uint_eq(client_view(sim, &id).rec->requests, 5);
	/* And never again. */
	sim_crash(sim, SECOND);
	sim_run(sim, HOUR);
	ck_assert_uint_eq(fixture_asked(&id)->acks, 1);
	ck_assert_uint_eq(service_plans(sim->service), 0);
}
END_TEST

START_TEST(not_before_the_commit)
{
	struct id id = client_make(sim, "ack");

	while (fixture_asked(&id)->polls == 0)
		sim_step(sim, sim->now_usec + SECOND);
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, 100 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->acks, 0);
	ck_assert(!client_view(sim, &id).terminal);
	/* The power goes: it was never promised, so the service still has it. */
	sim_crash(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->acks, 0);
	sim->commit_usec = 1000;
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->acks, 1);
}
END_TEST

START_TEST(a_commit_that_failed_is_not_acknowledged)
{
	struct id id = client_make(sim, "ack polling=5/5/1 polls=1");

	sim_run(sim, SECOND);
	store_sim_fail_update(sim->store);
	sim_run(sim, HOUR);
	ck_assert(broker_lost(sim->broker));
	ck_assert_uint_eq(fixture_asked(&id)->acks, 0);
	sim_restart(sim, SECOND);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->acks, 1);
}
END_TEST

START_TEST(nor_later)
{
	struct id id = client_make(sim, "ack bucket=b limit=1 latency=2");

	/* It has to wait for a slot, and gets one when the commit has failed already. */
	sim_run(sim, SECOND);
	client_make(sim, "bucket=b limit=1 latency=20 end=never polling=600/600/1");
	sim_run(sim, SECOND / 10);
	store_sim_fail_update(sim->store);
	sim_run(sim, HOUR);
	ck_assert(broker_lost(sim->broker));
	ck_assert_uint_eq(fixture_asked(&id)->acks, 0);
}
END_TEST

START_TEST(the_power_goes_after_the_commit)
{
	struct id id = client_make(sim, "ack result=bytes");

	run_to_end_unsaid(&id);
	ck_assert_uint_eq(fixture_asked(&id)->acks, 0);
	ck_assert_int_eq(phase(&id), STORE_PHASE_ACK);
	sim_crash(sim, SECOND);
	ck_assert_int_eq(client_state(sim, &id), STORE_SUCCEEDED);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->acks, 1);
	ck_assert_int_eq(phase(&id), STORE_PHASE_ACKED);
}
END_TEST

START_TEST(the_power_goes_before_the_answer)
{
	struct id id = client_make(sim, "ack latency=1");

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	sim_run(sim, SECOND / 2);
	ck_assert_uint_eq(fixture_asked(&id)->acks, 1);
	sim_crash(sim, SECOND);
	sim_run(sim, 5 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->acks, 2);      /* the second one is told 404, which is as good */
	ck_assert_int_eq(phase(&id), STORE_PHASE_ACKED);
}
END_TEST

START_TEST(the_future_is_over_meanwhile)
{
	struct id id = client_make(sim, "ack ack_fail=1000 result=bytes retry=1/60/2");
	struct future_view view;
	struct waiting waiting;
	struct answer answer;

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	client_wait(sim, 1000, &id, 1, WAIT_ALL_COMPLETED, UINT64_MAX, &waiting);
	client_cancel(sim, 1000, &id, &answer);
	sim_run(sim, 100 * SECOND);
	ck_assert_uint_eq(waiting.calls, 1);
	ck_assert(!answer.flag);
	client_refresh(sim, 1000, &id);
	client_read_result(sim, 1000, &id, 0, 100, &answer);
	sim_commit(sim);
	ck_assert_mem_eq(answer.bytes, "bytes", 5);
	view = client_view(sim, &id);
	ck_assert(view.terminal);
	ck_assert_ptr_null(view.condition);
	ck_assert_str_eq(view.rec->last_error, "HTTP 503");
	ck_assert_uint_eq(view.rec->attempts, 0);
	ck_assert_uint_gt(fixture_asked(&id)->acks, 5);
}
END_TEST

START_TEST(up_the_retry_ladder)
{
	/* From its foot, whatever the polls before went through. */
	struct id id = client_make(sim, "ack ack_fail=4 fail=1:3 retry=1/8/2 latency=0.1");
	const struct asked *a;
	size_t first = 4;

	client_finish(sim, &id, HOUR);
	sim_run(sim, 60 * SECOND);
	a = fixture_asked(&id);
	ck_assert_uint_eq(a->acks, 5);
	ck_assert_int_eq(a->first[first].step, STEP_ACK);
	for (size_t i = 0; i < 4; i++)
		ck_assert_double_eq_tol((double)(a->first[first + i + 1].at_usec - a->first[first + i].at_usec) / 1e6,
		    (double)(1u << i) + 0.1, 0.002);
	ck_assert_int_eq(phase(&id), STORE_PHASE_ACKED);
}
END_TEST

START_TEST(the_ladder_goes_on_after_a_restart)
{
	struct id id = client_make(sim, "ack ack_fail=1000 retry=1/64/2");
	unsigned before;

	client_finish(sim, &id, HOUR);
	sim_run(sim, 34 * SECOND);
	before = fixture_asked(&id)->acks;
	ck_assert_uint_eq(before, 6);
	sim_restart(sim, SECOND);
	sim_run(sim, 20 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->acks, before);
	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->acks, before + 1);
}
END_TEST

START_TEST(until_it_expires)
{
	struct id id = client_make(sim, "ack ack_fail=100000 ttl=600 retry=10/10/1");

	client_finish(sim, &id, HOUR);
	sim_run(sim, 590 * SECOND);
	ck_assert(client_exists(sim, &id));
	ck_assert_uint_gt(fixture_asked(&id)->acks, 50);
	sim_run(sim, 20 * SECOND);
	ck_assert(!client_exists(sim, &id));
	ck_assert_ptr_null(disk_find(sim->disk, id.bytes));
	ck_assert_uint_eq(service_plans(sim->service), 0);
}
END_TEST

START_TEST(until_it_expires_also_after_a_restart)
{
	struct id id = client_make(sim, "ack ack_fail=100000 ttl=600 retry=10/10/1");
	struct id late = client_make(sim, "ack ack_fail=100000 ttl=600");

	client_finish(sim, &id, HOUR);
	client_finish(sim, &late, HOUR);
	sim_crash(sim, 300 * SECOND);
	sim_run(sim, 200 * SECOND);
	ck_assert(client_exists(sim, &id));
	sim_run(sim, 110 * SECOND);
	ck_assert(!client_exists(sim, &id));
	ck_assert(!client_exists(sim, &late));
}
END_TEST

START_TEST(one_that_expires_at_once_is_acknowledged)
{
	struct id id = client_make(sim, "submit ack ack_fail=2 ttl=0 retry=1/1/1 latency=2");

	sim_run(sim, 50 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->acks, 3);
	ck_assert(service_operation(sim->service, "op-1")->acked);
	ck_assert(!client_exists(sim, &id));
}
END_TEST

START_TEST(but_not_for_ever)
{
	struct id id = client_make(sim, "ack ack_fail=100000 ttl=0 retry=1/1/1");

	sim_run(sim, 50 * SECOND);
	ck_assert(client_exists(sim, &id));
	sim_run(sim, 20 * SECOND);
	ck_assert(!client_exists(sim, &id));
}
END_TEST

START_TEST(one_that_waits_for_its_delivery)
{
	struct id id = client_make(sim, "ack ack_fail=100000 ttl=100 deliver retry=10/10/1");
	unsigned acks;

	client_finish(sim, &id, HOUR);
	sim_run(sim, HOUR);
	ck_assert(client_exists(sim, &id));
	ck_assert_int_eq(phase(&id), STORE_PHASE_ACKED);     /* given up */
	acks = fixture_asked(&id)->acks;
	broker_delivered(sim->broker, &id);
	sim_run(sim, 10 * SECOND);
	ck_assert(!client_exists(sim, &id));
	ck_assert_uint_eq(fixture_asked(&id)->acks, acks);
}
END_TEST

static void forget(const struct id *id, struct answer *answer)
{
	client_forget(sim, 1000, id, answer);
	ck_assert_msg(answer->code == ERROR_NONE, "%s", answer->message);
}

START_TEST(forgotten_between_two_of_them)
{
	struct id id = client_make(sim, "ack ack_fail=1000 retry=10/10/1");
	struct answer answer;
	unsigned acks;

	client_finish(sim, &id, HOUR);
	sim_run(sim, 5 * SECOND);
	acks = fixture_asked(&id)->acks;
	forget(&id, &answer);
	sim_run(sim, HOUR);
	ck_assert_uint_eq(answer.calls, 1);
	ck_assert_uint_eq(fixture_asked(&id)->acks, acks);
	ck_assert_uint_eq(service_plans(sim->service), 0);
}
END_TEST

START_TEST(forgotten_while_it_is_under_way)
{
	struct id id = client_make(sim, "ack latency=5");
	struct answer answer;

	client_finish(sim, &id, HOUR);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(service_in_flight(sim->service), 1);
	forget(&id, &answer);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(answer.calls, 1);
	ck_assert_uint_eq(service_in_flight(sim->service), 0);
	ck_assert_uint_eq(service_plans(sim->service), 0);
}
END_TEST

START_TEST(answered_while_it_is_being_forgotten)
{
	struct id id = client_make(sim, "ack latency=1");
	struct answer answer;

	client_finish(sim, &id, HOUR);
	sim_run(sim, SECOND / 2);
	sim->commit_usec = UINT64_MAX;
	forget(&id, &answer);
	sim_run(sim, 10 * SECOND);
	ck_assert_uint_eq(answer.calls, 0);
	sim_commit(sim);
	ck_assert_uint_eq(answer.calls, 1);
	ck_assert(!broker_lost(sim->broker));
	ck_assert(!client_exists(sim, &id));
}
END_TEST

START_TEST(which_ends)
{
	struct id success = client_make(sim, "ack ack_on=2 op=a"), failure = client_make(sim, "ack ack_on=2 end=failure");
	struct id both = client_make(sim, "ack end=failure"), cancelled = client_make(sim, "ack end=cancelled");
	struct id lost = client_make(sim, "ack end=lost"), plain = client_make(sim, "");

	ck_assert_uint_eq(1u << OUTCOME_SUCCESS, 2);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(fixture_asked(&success)->acks, 1);
	ck_assert_uint_eq(fixture_asked(&failure)->acks, 0);
	ck_assert_uint_eq(fixture_asked(&both)->acks, 1);
	ck_assert_uint_eq(fixture_asked(&cancelled)->acks, 1);
	ck_assert_uint_eq(fixture_asked(&lost)->acks, 0);
	ck_assert_uint_eq(fixture_asked(&plain)->acks, 0);
	ck_assert_int_eq(phase(&failure), STORE_PHASE_POLL);
}
END_TEST

START_TEST(not_what_only_we_know)
{
	struct id deadline = client_make(sim, "ack end=never polling_timeout=10");
	struct id exhausted = client_make(sim, "ack fail=1:1000 retry=1/1/1 retry_timeout=10");
	struct id cancelled = client_make(sim, "ack end=never"), refused = client_make(sim, "submit ack at_once end=failure");
	struct answer answer;

	sim_run(sim, 5 * SECOND);
	client_cancel(sim, 1000, &cancelled, &answer);
	sim_run(sim, HOUR);
	ck_assert_str_eq(client_view(sim, &deadline).rec->error_kind, "deadline");
	ck_assert_str_eq(client_view(sim, &exhausted).rec->error_kind, "retry_exhausted");
	ck_assert_int_eq(client_state(sim, &cancelled), STORE_CANCELLED);
	ck_assert_str_eq(client_view(sim, &refused).rec->error_kind, "remote");
	ck_assert_uint_eq(fixture_asked(&deadline)->acks, 0);
	ck_assert_uint_eq(fixture_asked(&exhausted)->acks, 0);
	ck_assert_uint_eq(fixture_asked(&cancelled)->acks, 0);
	ck_assert_uint_eq(fixture_asked(&refused)->acks, 0);
}
END_TEST

static void misunderstand(void *arg, const struct id *id, struct verdict *verdict)
{
	(void)arg;
	(void)id;
	verdict->failure.kind = "invalid_response";
}

START_TEST(not_what_we_could_not_take)
{
	struct id id;

	service_on_answer(sim->service, misunderstand, NULL);
	id = client_make(sim, "ack end=failure");
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	sim_run(sim, HOUR);
	ck_assert_uint_eq(fixture_asked(&id)->acks, 0);
}
END_TEST

START_TEST(a_cancellation_that_the_service_told)
{
	struct id id = client_make(sim, "submit cancel ack end=never");
	struct answer answer;

	sim_run(sim, 5 * SECOND);
	client_cancel(sim, 1000, &id, &answer);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_CANCELLED);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->acks, 1);
}
END_TEST

START_TEST(after_a_fetch)
{
	struct id id = client_make(sim, "submit fetch ack hops=1 fetch_fail=1 polls=1");

	client_finish(sim, &id, HOUR);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->acks, 1);
	ck_assert_int_eq(fixture_asked(&id)->first[fixture_asked(&id)->count - 1].step, STEP_ACK);
}
END_TEST

START_TEST(power_loss_between_any_two_steps)
{
	/* However often the power goes, and after whichever commit. */
	for (unsigned start = 0; start < 12; start++) {
		struct id id = client_make(sim, "submit idempotency fetch ack polls=2 hops=2 ack_fail=1 "
		    "polling=1/1/1 retry=1/1/1");

		for (unsigned i = start; i < 400 && phase(&id) != STORE_PHASE_ACKED; i++) {
			sim->commit_usec = UINT64_MAX;
			sim_run(sim, (1 + i % 5) * SECOND / 2);
			store_sim_commit(sim->store, i % 4);
			if (i % 3)
				store_dispatch(sim->store);
			sim_run(sim, i % 2 * 20000);
			sim_crash(sim, SECOND);
			ck_assert_msg(!sim_violation(sim), "%s", sim_violation(sim));
		}
		sim->commit_usec = 1000;
		ck_assert_int_eq(client_state(sim, &id), STORE_SUCCEEDED);
		ck_assert_uint_eq(fixture_asked(&id)->taken, 1);
		ck_assert_uint_ge(fixture_asked(&id)->acks, 2);
	}
}
END_TEST

START_TEST(many_of_them_after_a_restart)
{
	static struct id ids[200];
	uint64_t first = UINT64_MAX, last = 0;

	service_set_down(sim->service, true);
	for (int i = 0; i < 200; i++)
		ids[i] = client_make(sim, "ack");
	service_set_down(sim->service, false);
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, 120 * SECOND);
	store_sim_commit(sim->store, SIZE_MAX);
	sim_crash(sim, HOUR);
	sim->commit_usec = 1000;
	sim_run(sim, 60 * SECOND);
	for (int i = 0; i < 200; i++) {
		ck_assert_uint_eq(fixture_asked(&ids[i])->acks, 1);
		first = fixture_asked(&ids[i])->last_usec < first ? fixture_asked(&ids[i])->last_usec : first;
		last = fixture_asked(&ids[i])->last_usec > last ? fixture_asked(&ids[i])->last_usec : last;
	}
	/* Spread out as those that are polled. */
	ck_assert_uint_gt(last - first, 5 * SECOND);
	ck_assert_uint_eq(service_plans(sim->service), 0);
}
END_TEST

START_TEST(memory_is_short_meanwhile)
{
	struct id id = client_make(sim, "ack ack_fail=3 retry=1/1/1");

	client_finish(sim, &id, HOUR);
	for (int i = 0; i < 100; i++) {
		store_sim_refuse(sim->store, 1);
		sim_run(sim, SECOND / 10);
	}
	store_sim_refuse(sim->store, 0);
	sim_run(sim, 60 * SECOND);
	ck_assert_int_eq(phase(&id), STORE_PHASE_ACKED);
	ck_assert_uint_eq(service_plans(sim->service), 0);
}
END_TEST

static Suite *ack_suite(void)
{
	Suite *suite = suite_create("ack");
	TCase *tcase = tcase_create("ack");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, once_it_is_stored);
	tcase_add_test(tcase, not_before_the_commit);
	tcase_add_test(tcase, a_commit_that_failed_is_not_acknowledged);
	tcase_add_test(tcase, nor_later);
	tcase_add_test(tcase, the_power_goes_after_the_commit);
	tcase_add_test(tcase, the_power_goes_before_the_answer);
	tcase_add_test(tcase, the_future_is_over_meanwhile);
	tcase_add_test(tcase, up_the_retry_ladder);
	tcase_add_test(tcase, the_ladder_goes_on_after_a_restart);
	tcase_add_test(tcase, until_it_expires);
	tcase_add_test(tcase, until_it_expires_also_after_a_restart);
	tcase_add_test(tcase, one_that_expires_at_once_is_acknowledged);
	tcase_add_test(tcase, but_not_for_ever);
	tcase_add_test(tcase, one_that_waits_for_its_delivery);
	tcase_add_test(tcase, forgotten_between_two_of_them);
	tcase_add_test(tcase, forgotten_while_it_is_under_way);
	tcase_add_test(tcase, answered_while_it_is_being_forgotten);
	tcase_add_test(tcase, which_ends);
	tcase_add_test(tcase, not_what_only_we_know);
	tcase_add_test(tcase, not_what_we_could_not_take);
	tcase_add_test(tcase, a_cancellation_that_the_service_told);
	tcase_add_test(tcase, after_a_fetch);
	tcase_add_test(tcase, power_loss_between_any_two_steps);
	tcase_add_test(tcase, many_of_them_after_a_restart);
	tcase_add_test(tcase, memory_is_short_meanwhile);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(ack_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
