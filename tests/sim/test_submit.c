/* test_submit.c - submits that happen once, and retries that take an operation up again. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *error_kind(const struct id *id)
{
	struct future_view view = client_view(sim, id);

	return view.rec->error_kind ? view.rec->error_kind : "";
}

START_TEST(submits_then_polls)
{
	struct id id = client_make(sim, "submit polls=2");

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->submits, 1);
	ck_assert_uint_eq(fixture_asked(&id)->polls, 3);
	ck_assert_str_eq(client_view(sim, &id).rec->captured, "{\"op\":\"op-1\",\"hop\":0}");
}
END_TEST

START_TEST(an_answer_to_the_submit_may_be_the_end)
{
	struct id id = client_make(sim, "submit at_once"), failed = client_make(sim, "submit at_once end=failure");

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_int_eq(client_finish(sim, &failed, HOUR), STORE_FAILED);
	ck_assert_uint_eq(fixture_asked(&id)->count + fixture_asked(&failed)->count, 2);
}
END_TEST

START_TEST(nothing_is_sent_before_the_intent_is_durable)
{
	struct id id;

	id = client_make(sim, "submit polls=1");
	sim->commit_usec = UINT64_MAX;
	sim->commit_at = UINT64_MAX;
	sim_run(sim, HOUR);
	ck_assert_uint_eq(fixture_asked(&id)->count, 0);
	ck_assert_int_eq(client_state(sim, &id), STORE_PENDING);
	sim_commit(sim);
	ck_assert_uint_eq(fixture_asked(&id)->count, 1);
	ck_assert_int_eq(client_state(sim, &id), STORE_RUNNING);
	/* Nor is it sent again while it is under way. */
	sim_run(sim, HOUR);
	ck_assert_uint_eq(fixture_asked(&id)->submits, 1);
	sim->commit_usec = 1000;
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_pause_that_comes_while_the_intent_is_written)
{
	struct id throttled = client_make(sim, "throttle=1:600 latency=1"), id = client_make(sim, "submit polls=1");

	sim->commit_usec = UINT64_MAX;
	sim->commit_at = UINT64_MAX;
	/* It has its slot and waits for its intent; then the answer comes that pauses the bucket. */
	sim_run(sim, 2 * SECOND);
	ck_assert_uint_eq(fixture_asked(&throttled)->count, 1);
	sim_commit(sim);
	sim->commit_usec = 1000;
	sim_run(sim, 500 * SECOND);
	ck_assert_uint_eq(fixture_asked(&id)->count, 0);
	/* Nothing was sent, and that is known over a crash too. */
	sim_crash(sim, 200 * SECOND);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->submits, 1);
}
END_TEST

START_TEST(what_was_never_sent_is_sent_again)
{
	struct id id = client_make(sim, "submit unsent=3 busy=2");

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->submits, 6);
	ck_assert_uint_eq(fixture_asked(&id)->taken, 1);
}
END_TEST

START_TEST(a_lost_answer_is_submit_unknown)
{
	struct id id = client_make(sim, "submit lost=1");

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	ck_assert_str_eq(error_kind(&id), "submit_unknown");
	ck_assert_uint_eq(fixture_asked(&id)->submits, 1);
}
END_TEST

START_TEST(a_lost_answer_with_idempotency)
{
	/* The service notes a second operation, and another value on a later attempt. */
	struct id id = client_make(sim, "submit idempotency lost=3 busy=2");

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->submits, 6);
	ck_assert_uint_eq(fixture_asked(&id)->taken, 1);
	ck_assert_uint_eq(strlen(fixture_asked(&id)->idempotency), 36);
}
END_TEST

START_TEST(a_lost_answer_with_resubmit)
{
	struct id id = client_make(sim, "submit resubmit lost=1");

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->taken, 2);
}
END_TEST

START_TEST(a_crash_before_the_send)
{
	struct id id = client_make(sim, "submit polls=1");

	/* Nothing of the submit is durable yet. */
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, SECOND);
	sim->commit_usec = 1000;
	sim_crash(sim, SECOND);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->submits, 1);
}
END_TEST

START_TEST(a_crash_between_intent_and_send)
{
	struct id id = client_make(sim, "submit polls=1");

	sim->commit_usec = UINT64_MAX;
	sim_run(sim, SECOND);
	store_sim_commit(sim->store, SIZE_MAX);
	sim->commit_usec = 1000;
	sim_crash(sim, SECOND);
	/* Nobody can know that it was not sent. */
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	ck_assert_str_eq(error_kind(&id), "submit_unknown");
	ck_assert_uint_eq(fixture_asked(&id)->submits, 0);
}
END_TEST

START_TEST(a_crash_between_send_and_answer)
{
	struct id id = client_make(sim, "submit polls=1 latency=5");

	client_run_to_submit(sim, &id, 1);
	sim_run(sim, SECOND);
	sim_crash(sim, SECOND);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	ck_assert_str_eq(error_kind(&id), "submit_unknown");
	ck_assert_uint_eq(fixture_asked(&id)->submits, 1);
}
END_TEST

START_TEST(a_crash_between_send_and_answer_with_idempotency)
{
	struct id id = client_make(sim, "submit idempotency polls=1 latency=5");

	for (unsigned i = 1; i <= 4; i++) {
		client_run_to_submit(sim, &id, i);
		sim_run(sim, SECOND);
		sim_crash(sim, SECOND);
	}
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->submits, 5);
	ck_assert_uint_eq(fixture_asked(&id)->taken, 1);
}
END_TEST

START_TEST(a_crash_between_send_and_answer_with_resubmit)
{
	struct id id = client_make(sim, "submit resubmit polls=1 latency=5");

	client_run_to_submit(sim, &id, 1);
	sim_run(sim, SECOND);
	sim_crash(sim, SECOND);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->taken, 2);
}
END_TEST

START_TEST(a_crash_between_answer_and_commit)
{
	struct id id = client_make(sim, "submit polls=1");
	struct id with = client_make(sim, "submit idempotency polls=1");

	client_run_to_submit(sim, &id, 1);
	client_run_to_submit(sim, &with, 1);
	/* The answers come, and are not made durable. */
	sim->commit_usec = UINT64_MAX;
	sim->commit_at = UINT64_MAX;
	sim_run(sim, SECOND);
	sim->commit_usec = 1000;
	sim_crash(sim, SECOND);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	ck_assert_str_eq(error_kind(&id), "submit_unknown");
	ck_assert_int_eq(client_finish(sim, &with, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&with)->taken, 1);
}
END_TEST

START_TEST(a_clean_stop_waits_for_the_answer_to_a_submit)
{
	struct id id = client_make(sim, "submit polls=1 latency=5");

	client_run_to_submit(sim, &id, 1);
	sim_restart(sim, SECOND);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&id)->submits, 1);
}
END_TEST

/* --- retry ------------------------------------------------------------------------------------------ */

static struct id retry(const struct id *id)
{
	struct answer answer;

	client_retry(sim, 1000, id, &answer);
	while (answer.calls == 0 && answer.code == ERROR_NONE)
		sim_step(sim, sim->now_usec + SECOND);
	ck_assert_msg(answer.code == ERROR_NONE, "%s", answer.message);
	ck_assert(answer.flag);
	ck_assert_int_ne(id_compare(&answer.id, id), 0);
	return answer.id;
}

START_TEST(retry_carries_what_was_captured)
{
	struct create_request request = client_request("submit polls=20 polling=1/1/1");
	struct store_label label = { (char *)"app", (char *)"x" };
	struct answer made;
	struct id again;

	request.labels = &label;
	request.n_labels = 1;
	request.mode = 0640;
	request.timeout_kind = CREATE_GIVEN;
	request.timeout_usec = 15 * SECOND;
	client_create(sim, 1000, &request, &made);
	sim_run(sim, 20 * SECOND);
	ck_assert_str_eq(error_kind(&made.id), "deadline");
	again = retry(&made.id);
	ck_assert_int_eq(client_finish(sim, &again, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_eq(fixture_asked(&again)->submits, 0);
	ck_assert_uint_gt(fixture_asked(&again)->polls, 0);
	ck_assert_uint_eq(client_view(sim, &again).rec->mode, 0640);
	ck_assert_uint_eq(client_view(sim, &again).rec->n_labels, 1);
	/* The old one stays as it was. */
	ck_assert_str_eq(error_kind(&made.id), "deadline");
}
END_TEST

START_TEST(retry_of_what_was_never_submitted)
{
	struct id id = client_make(sim, "submit retry_timeout=5 unsent=8 retry=1/1/1"), again;

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	ck_assert_str_eq(error_kind(&id), "retry_exhausted");
	again = retry(&id);
	sim_run(sim, SECOND);
	ck_assert_uint_gt(fixture_asked(&again)->submits, 0);
}
END_TEST

START_TEST(retry_survives_a_restart_before)
{
	struct id id = client_make(sim, "submit polls=5 retry_timeout=5 retry=1/1/1 fail=2:10"), again;

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	sim_restart(sim, HOUR);
	again = retry(&id);
	/* The fault has passed: the operation's polls go on being counted. */
	sim_run(sim, 20 * SECOND);
	ck_assert_uint_eq(fixture_asked(&again)->submits, 0);
}
END_TEST

START_TEST(retry_of_a_wrong_state)
{
	struct id running = client_make(sim, "end=never"), succeeded = client_make(sim, "");
	struct answer answer;

	client_finish(sim, &succeeded, HOUR);
	client_retry(sim, 1000, &running, &answer);
	ck_assert_int_eq(answer.code, ERROR_INVALID_STATE);
	client_retry(sim, 1000, &succeeded, &answer);
	ck_assert_int_eq(answer.code, ERROR_INVALID_STATE);
	client_cancel(sim, 1000, &running, &answer);
	ck_assert_int_eq(client_finish(sim, &running, HOUR), STORE_CANCELLED);
	retry(&running);
}
END_TEST

START_TEST(retry_races_with_forget)
{
	struct id id = client_make(sim, "submit end=failure");
	struct answer retried, forgotten;

	client_finish(sim, &id, HOUR);
	client_forget(sim, 1000, &id, &forgotten);
	client_retry(sim, 1000, &id, &retried);
	sim_commit(sim);
	ck_assert_uint_eq(forgotten.calls, 1);
	ck_assert_int_eq(forgotten.code, ERROR_NONE);
	ck_assert_int_eq(retried.code, ERROR_NOT_FOUND);
	/* The other way round both happen. */
	id = client_make(sim, "submit end=failure");
	client_finish(sim, &id, HOUR);
	client_retry(sim, 1000, &id, &retried);
	client_forget(sim, 1000, &id, &forgotten);
	sim_commit(sim);
	ck_assert_int_eq(forgotten.code, ERROR_NONE);
	ck_assert_int_eq(retried.code, ERROR_NONE);
	ck_assert(client_exists(sim, &retried.id));
	ck_assert(!client_exists(sim, &id));
}
END_TEST

static void add_retries(TCase *tcase)
{
	tcase_add_test(tcase, retry_carries_what_was_captured);
	tcase_add_test(tcase, retry_of_what_was_never_submitted);
	tcase_add_test(tcase, retry_survives_a_restart_before);
	tcase_add_test(tcase, retry_of_a_wrong_state);
	tcase_add_test(tcase, retry_races_with_forget);
}

static Suite *submit_suite(void)
{
	Suite *suite = suite_create("submit");
	TCase *tcase = tcase_create("submit");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, submits_then_polls);
	tcase_add_test(tcase, an_answer_to_the_submit_may_be_the_end);
	tcase_add_test(tcase, nothing_is_sent_before_the_intent_is_durable);
	tcase_add_test(tcase, a_pause_that_comes_while_the_intent_is_written);
	tcase_add_test(tcase, what_was_never_sent_is_sent_again);
	tcase_add_test(tcase, a_lost_answer_is_submit_unknown);
	tcase_add_test(tcase, a_lost_answer_with_idempotency);
	tcase_add_test(tcase, a_lost_answer_with_resubmit);
	tcase_add_test(tcase, a_crash_before_the_send);
	tcase_add_test(tcase, a_crash_between_intent_and_send);
	tcase_add_test(tcase, a_crash_between_send_and_answer);
	tcase_add_test(tcase, a_crash_between_send_and_answer_with_idempotency);
	tcase_add_test(tcase, a_crash_between_send_and_answer_with_resubmit);
	tcase_add_test(tcase, a_crash_between_answer_and_commit);
	tcase_add_test(tcase, a_clean_stop_waits_for_the_answer_to_a_submit);
	add_retries(tcase);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(submit_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
