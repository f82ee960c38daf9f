/* test_promise.c - claims and how they end: with a lease, with a producer, with the daemon, and in which order it is told. */
#include "tests/sim/client.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sim *sim;
static struct producer *producer;

static void setup(void)
{
	sim = sim_new(1);
	producer = producer_new(sim->broker);
}

static void teardown(void)
{
	producer_free(producer);
	ck_assert_msg(!sim_violation(sim), "%s", sim_violation(sim));
	ck_assert_uint_eq(service_in_flight(sim->service), 0);
	sim = sim_free(sim);
}

/* The power goes; those who were connected are gone with the daemon. */
static void crash(uint64_t down_usec)
{
	struct producer *old = producer;

	sim_crash(sim, down_usec);
	ck_assert(!producer_free(old));
	producer = producer_new(sim->broker);
}

/* Claim as uid 1000, which is durable then. */
static struct answer claim(const struct id *id, uint64_t lease_usec)
{
	struct answer answer;

	client_claim(sim, 1000, id, producer, lease_usec, &answer);
	sim_commit(sim);
	ck_assert_msg(answer.code == ERROR_NONE, "%s", answer.message);
	ck_assert_uint_eq(answer.calls, 1);
	return answer;
}

static void expect_error(const struct answer *answer, enum error_code code)
{
	sim_commit(sim);
	ck_assert_msg(answer->code == code, "%s: %s", error_name(answer->code), answer->message);
}

static void expect_failed(const struct id *id, const char *kind, const char *says)
{
	struct future_view view = client_view(sim, id);

	ck_assert_int_eq(view.state, STORE_FAILED);
	ck_assert_str_eq(view.rec->error_kind, kind);
	ck_assert_msg(strstr(view.rec->error_message, says), "%s", view.rec->error_message);
	ck_assert_ptr_null(view.rec->claim);
}

START_TEST(nothing_is_told_before_it_is_durable)
{
	struct id id = client_make(sim, "promise");
	struct answer claimed, second, resolved, late;
	char text[PROMISE_CLAIM_LEN + 1];

	sim->commit_usec = UINT64_MAX;
	client_claim(sim, 1000, &id, producer, UINT64_MAX, &claimed);
	client_claim(sim, 1000, &id, producer, UINT64_MAX, &second);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(claimed.calls, 0);
	ck_assert_uint_eq(second.calls, 0);     /* that somebody has it is not sure yet either */
	ck_assert(!client_view(sim, &id).claimed);
	ck_assert_int_eq(client_state(sim, &id), STORE_PENDING);
	sim_commit(sim);
	ck_assert_uint_eq(claimed.calls, 1);
	expect_error(&second, ERROR_INVALID_STATE);
	ck_assert(client_view(sim, &id).claimed);
	strcpy(text, claimed.bytes);
	client_resolve(sim, 1000, &id, text, "kept", &resolved);
	client_resolve(sim, 1000, &id, text, "again", &late);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(resolved.calls + late.calls, 0);
	ck_assert_int_eq(client_state(sim, &id), STORE_RUNNING);
	sim_commit(sim);
	ck_assert_uint_eq(resolved.calls, 1);
	ck_assert_int_eq(resolved.state, STORE_SUCCEEDED);
	expect_error(&late, ERROR_INVALID_STATE);
}
END_TEST

START_TEST(a_claim_that_was_not_durable_never_was)
{
	struct id id = client_make(sim, "promise");
	struct answer answer;

	sim->commit_usec = UINT64_MAX;
	client_claim(sim, 1000, &id, NULL, HOUR, &answer);
	crash(SECOND);
	sim->commit_usec = 1000;
	ck_assert_uint_eq(answer.calls, 0);
	ck_assert_int_eq(client_state(sim, &id), STORE_PENDING);
	(void)claim(&id, HOUR);
}
END_TEST

START_TEST(a_lease_that_ends)
{
	struct id id = client_make(sim, "promise"), freed = client_make(sim, "promise release");
	struct answer first = claim(&id, 60 * SECOND), second = claim(&freed, 60 * SECOND), answer;

	ck_assert_int_eq(first.lease_until_ms, sim_wall_ms(sim) + 60000);
	ck_assert_int_eq(client_view(sim, &id).rec->lease_until_ms, first.lease_until_ms);
	client_progress(sim, 1000, &freed, second.bytes, "[1]", &answer);
	sim_run(sim, 60 * SECOND - 2000);
	ck_assert_int_eq(client_state(sim, &id), STORE_RUNNING);
	ck_assert_int_eq(client_state(sim, &freed), STORE_RUNNING);
	sim_run(sim, 10000);
	expect_failed(&id, "abandoned", "renew");
	ck_assert_int_eq(client_state(sim, &freed), STORE_PENDING);
	ck_assert_ptr_null(client_view(sim, &freed).rec->claim);
	ck_assert_str_eq(client_view(sim, &freed).rec->progress, "[1]");
	client_resolve(sim, 1000, &freed, second.bytes, "late", &answer);
	expect_error(&answer, ERROR_INVALID_STATE);
	/* Free without end. */
	sim_run(sim, 10 * HOUR);
	ck_assert_int_eq(client_state(sim, &freed), STORE_PENDING);
	ck_assert_str_ne(claim(&freed, SECOND).bytes, second.bytes);
	client_resolve(sim, 1000, &freed, second.bytes, "late", &answer);
	expect_error(&answer, ERROR_PERMISSION_DENIED);
}
END_TEST

START_TEST(a_renewed_lease)
{
	struct id id = client_make(sim, "promise");
	struct answer first = claim(&id, 60 * SECOND), answer;

	for (int i = 0; i < 10; i++) {
		sim_run(sim, 50 * SECOND);
		client_renew(sim, 1000, &id, first.bytes, NULL, 60 * SECOND, &answer);
		sim_commit(sim);
		ck_assert_int_eq(answer.code, ERROR_NONE);
		ck_assert_str_eq(answer.bytes, first.bytes);
		ck_assert_int_eq(answer.lease_until_ms, sim_wall_ms(sim) + 60000);
	}
	/* A shorter one counts, too. */
	client_renew(sim, 1000, &id, first.bytes, NULL, SECOND, &answer);
	sim_run(sim, 2 * SECOND);
	expect_failed(&id, "abandoned", "renew");
	client_renew(sim, 1000, &id, first.bytes, NULL, SECOND, &answer);
	expect_error(&answer, ERROR_INVALID_STATE);
}
END_TEST

START_TEST(renewing_what_is_not_claimed)
{
	struct id id = client_make(sim, "promise");
	struct answer answer;

	client_renew(sim, 1000, &id, "00000000000000000000000000000000", NULL, SECOND, &answer);
	expect_error(&answer, ERROR_INVALID_STATE);
	client_renew(sim, 1000, &id, NULL, NULL, SECOND, &answer);
	expect_error(&answer, ERROR_INVALID_STATE);
	ck_assert_int_eq(client_state(sim, &id), STORE_PENDING);
}
END_TEST

START_TEST(a_producer_that_is_gone)
{
	struct id ids[5];
	struct answer kept;

	for (int i = 0; i < 5; i++) {
		ids[i] = client_make(sim, i == 3 ? "promise release" : "promise");
		kept = claim(&ids[i], i == 4 ? HOUR : UINT64_MAX);
	}
	client_cancel(sim, 1000, &ids[1], &kept);
	sim_run(sim, HOUR / 2);
	ck_assert_int_eq(client_state(sim, &ids[0]), STORE_RUNNING);
	ck_assert(producer_free(producer));
	producer = producer_new(sim->broker);
	sim_run(sim, SECOND);
	expect_failed(&ids[0], "abandoned", "connection was closed");
	ck_assert_int_eq(client_state(sim, &ids[1]), STORE_CANCELLED);
	expect_failed(&ids[2], "abandoned", "connection was closed");
	ck_assert_int_eq(client_state(sim, &ids[3]), STORE_PENDING);
	ck_assert_int_eq(client_state(sim, &ids[4]), STORE_RUNNING);
}
END_TEST

START_TEST(from_one_producer_to_another)
{
	struct producer *other = producer_new(sim->broker);
	struct id id = client_make(sim, "promise");
	struct answer first = claim(&id, UINT64_MAX), answer;

	client_renew(sim, 1000, &id, first.bytes, other, UINT64_MAX, &answer);
	sim_commit(sim);
	ck_assert_int_eq(answer.lease_until_ms, 0);
	ck_assert(!producer_free(producer));
	producer = NULL;
	sim_run(sim, SECOND);
	ck_assert_int_eq(client_state(sim, &id), STORE_RUNNING);
	ck_assert(producer_free(other));
	sim_run(sim, SECOND);
	expect_failed(&id, "abandoned", "connection");
}
END_TEST

START_TEST(gone_before_its_claim_was_durable)
{
	struct id id = client_make(sim, "promise release");
	struct answer answer;

	sim->commit_usec = UINT64_MAX;
	client_claim(sim, 1000, &id, producer, UINT64_MAX, &answer);
	ck_assert(producer_free(producer));
	producer = producer_new(sim->broker);
	sim_run(sim, SECOND);
	sim_commit(sim);
	sim->commit_usec = 1000;
	ck_assert_int_eq(client_state(sim, &id), STORE_PENDING);
	(void)claim(&id, HOUR);
}
END_TEST

START_TEST(leases_outlive_the_daemon)
{
	struct id id = client_make(sim, "promise"), over = client_make(sim, "promise"), bound = client_make(sim, "promise");
	struct id freed = client_make(sim, "promise release");
	struct answer first = claim(&id, 100 * SECOND), answer;

	(void)claim(&over, 10 * SECOND);
	(void)claim(&bound, UINT64_MAX);
	(void)claim(&freed, UINT64_MAX);
	sim_run(sim, SECOND);
	crash(50 * SECOND);
	ck_assert_int_eq(client_state(sim, &id), STORE_RUNNING);
	client_claim(sim, 1000, &id, NULL, SECOND, &answer);
	expect_error(&answer, ERROR_INVALID_STATE);
	sim_run(sim, SECOND);
	expect_failed(&over, "abandoned", "renew");
	expect_failed(&bound, "abandoned", "ended with the daemon");
	ck_assert_int_eq(client_state(sim, &freed), STORE_PENDING);
	sim_run(sim, 46 * SECOND);
	ck_assert_int_eq(client_state(sim, &id), STORE_RUNNING);
	client_progress(sim, 1000, &id, first.bytes, "1", &answer);
	crash(SECOND);
	sim_run(sim, 10 * SECOND);
	expect_failed(&id, "abandoned", "renew");
}
END_TEST

START_TEST(a_clean_stop_leaves_claims_to_the_next_daemon)
{
	struct id id = client_make(sim, "promise"), leased = client_make(sim, "promise");
	struct producer *old = producer;

	(void)claim(&id, UINT64_MAX);
	(void)claim(&leased, HOUR);
	/* Its connections are closed after the broker has stopped. */
	broker_stop(sim->broker);
	ck_assert(producer_free(old));
	producer = NULL;
	sim_restart(sim, SECOND);
	producer = producer_new(sim->broker);
	ck_assert(disk_find(sim->disk, id.bytes)->rec.state == STORE_RUNNING);
	sim_run(sim, SECOND);
	expect_failed(&id, "abandoned", "ended with the daemon");
	ck_assert_int_eq(client_state(sim, &leased), STORE_RUNNING);
}
END_TEST

START_TEST(deadlines)
{
	struct create_request request = client_request("promise release");
	struct answer made[3], answer;

	request.timeout_kind = CREATE_GIVEN;
	request.timeout_usec = 10 * SECOND;
	for (int i = 0; i < 3; i++)
		client_create(sim, 1000, &request, &made[i]);
	sim_commit(sim);
	answer = claim(&made[1].id, HOUR);
	client_extend(sim, 1000, &made[2].id, UINT64_MAX, &answer);
	sim_run(sim, 9 * SECOND);
	ck_assert_int_eq(client_state(sim, &made[0].id), STORE_PENDING);
	sim_run(sim, 2 * SECOND);
	expect_failed(&made[0].id, "deadline", "deadline");
	expect_failed(&made[1].id, "deadline", "deadline");
	sim_run(sim, 10 * HOUR);
	ck_assert_int_eq(client_state(sim, &made[2].id), STORE_PENDING);
}
END_TEST

START_TEST(a_deadline_outlives_the_daemon)
{
	struct create_request request = client_request("promise");
	struct answer made;

	request.timeout_kind = CREATE_GIVEN;
	request.timeout_usec = 100 * SECOND;
	client_create(sim, 1000, &request, &made);
	sim_commit(sim);
	crash(50 * SECOND);
	sim_run(sim, 49 * SECOND);
	ck_assert_int_eq(client_state(sim, &made.id), STORE_PENDING);
	sim_run(sim, 2 * SECOND);
	expect_failed(&made.id, "deadline", "deadline");
}
END_TEST

START_TEST(its_end_is_like_any_other)
{
	struct id id = client_make(sim, "promise ttl=60"), lost = client_make(sim, "promise ttl=60");
	struct waiting waiting;
	struct answer answer;
	struct id both[2] = { id, lost };

	client_wait(sim, 1000, both, 2, WAIT_ALL_COMPLETED, UINT64_MAX, &waiting);
	client_resolve(sim, 1000, &id, NULL, "bytes", &answer);
	client_reject(sim, 1000, &lost, NULL, "no_such_thing", "it is not there", &answer);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(waiting.calls, 1);
	expect_failed(&lost, "no_such_thing", "it is not there");
	client_read_result(sim, 1000, &id, 0, 100, &answer);
	sim_commit(sim);
	ck_assert_mem_eq(answer.bytes, "bytes", 5);
	ck_assert_str_eq(client_view(sim, &id).rec->content_type, "text/plain");
	sim_run(sim, 61 * SECOND);
	ck_assert(!client_exists(sim, &id));
	ck_assert(!client_exists(sim, &lost));
}
END_TEST

START_TEST(results_have_a_limit)
{
	struct broker_config config = sim->config;
	struct id id = client_make(sim, "promise");
	struct answer answer;

	config.result_max = 4;
	broker_configure(sim->broker, &config);
	client_resolve(sim, 1000, &id, NULL, "12345", &answer);
	ck_assert_int_eq(answer.code, ERROR_TOO_LARGE);
	client_resolve(sim, 1000, &id, NULL, "1234", &answer);
	sim_commit(sim);
	ck_assert_int_eq(answer.code, ERROR_NONE);
}
END_TEST

START_TEST(a_refresh_of_a_promise_asks_nobody)
{
	struct id id = client_make(sim, "promise");
	struct broker_stats stats;

	ck_assert_int_eq(client_refresh(sim, 1000, &id), ERROR_NONE);
	sim_run(sim, 10 * SECOND);
	broker_stats(sim->broker, &stats);
	ck_assert_uint_eq(stats.buckets, 0);
	ck_assert_uint_eq(stats.requests, 0);
	ck_assert_uint_eq(stats.next_due_in_usec, UINT64_MAX);
	ck_assert_uint_eq(broker_run(sim->broker), UINT64_MAX);
}
END_TEST

START_TEST(other_kinds_are_no_promises)
{
	struct id id = client_make(sim, "end=never");
	struct answer answer;

	client_claim(sim, 1000, &id, NULL, SECOND, &answer);
	ck_assert_int_eq(answer.code, ERROR_INVALID_ARGUMENT);
	client_resolve(sim, 1000, &id, NULL, "", &answer);
	ck_assert_int_eq(answer.code, ERROR_INVALID_ARGUMENT);
	client_cancel(sim, 1000, &id, &answer);
	sim_commit(sim);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("promise");
	TCase *tcase = tcase_create("promise");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, nothing_is_told_before_it_is_durable);
	tcase_add_test(tcase, a_claim_that_was_not_durable_never_was);
	tcase_add_test(tcase, a_lease_that_ends);
	tcase_add_test(tcase, a_renewed_lease);
	tcase_add_test(tcase, renewing_what_is_not_claimed);
	tcase_add_test(tcase, a_producer_that_is_gone);
	tcase_add_test(tcase, from_one_producer_to_another);
	tcase_add_test(tcase, gone_before_its_claim_was_durable);
	tcase_add_test(tcase, leases_outlive_the_daemon);
	tcase_add_test(tcase, a_clean_stop_leaves_claims_to_the_next_daemon);
	tcase_add_test(tcase, deadlines);
	tcase_add_test(tcase, a_deadline_outlives_the_daemon);
	tcase_add_test(tcase, its_end_is_like_any_other);
	tcase_add_test(tcase, results_have_a_limit);
	tcase_add_test(tcase, a_refresh_of_a_promise_asks_nobody);
	tcase_add_test(tcase, other_kinds_are_no_promises);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
