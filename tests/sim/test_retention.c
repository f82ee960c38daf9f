/* test_retention.c - how long what is over is kept: pins, and limits by count and by bytes. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void keep_at_most(uint64_t count, uint64_t bytes)
{
	sim->config.finished_per_uid = count;
	sim->config.results_per_uid = bytes;
	broker_configure(sim->broker, &sim->config);
	sim_run(sim, SECOND);
}

/* One that is over now, as uid 1000. */
static struct id made_and_over(const char *script)
{
	struct id id = client_make(sim, script);

	ck_assert_int_eq(client_finish(sim, &id, 10 * SECOND), STORE_SUCCEEDED);
	sim_run(sim, SECOND);
	return id;
}

static void pin(const struct id *id, bool pinned, bool changed)
{
	struct answer answer;

	client_pin(sim, 1000, id, pinned, &answer);
	sim_commit(sim);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	ck_assert_uint_eq(answer.calls, 1);
	ck_assert_int_eq(answer.flag, changed);
}

START_TEST(a_pin_outlives_the_time)
{
	struct id id = client_make(sim, "ttl=60"), other = client_make(sim, "ttl=60");

	pin(&id, true, true);
	pin(&id, true, false);
	sim_run(sim, 30 * SECOND);
	ck_assert(client_view(sim, &id).rec->pinned);
	sim_crash(sim, SECOND);
	sim_run(sim, HOUR);
	ck_assert(client_exists(sim, &id));
	ck_assert(!client_exists(sim, &other));
	pin(&id, false, true);
	sim_run(sim, SECOND);
	ck_assert(!client_exists(sim, &id));
}
END_TEST

START_TEST(a_pinned_one_can_be_forgotten)
{
	struct id id = made_and_over("");
	struct answer answer;

	pin(&id, true, true);
	client_pin(sim, 1001, &id, false, &answer);
	ck_assert_int_eq(answer.code, ERROR_NOT_FOUND);
	client_forget(sim, 1000, &id, &answer);
	sim_commit(sim);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	ck_assert(!client_exists(sim, &id));
}
END_TEST

START_TEST(above_a_count_the_oldest_go)
{
	struct listener listener;
	struct id ids[6], live;

	keep_at_most(3, UINT64_MAX);
	live = client_make(sim, "end=never");
	listener_open(sim, 0, NULL, false, 0, &listener);
	/* The first was made first and ends last. */
	ids[0] = client_make(sim, "latency=100");
	for (size_t i = 1; i < 6; i++)
		ids[i] = made_and_over("");
	ck_assert(!client_exists(sim, &ids[1]) && !client_exists(sim, &ids[2]));
	ck_assert_int_eq(client_finish(sim, &ids[0], 200 * SECOND), STORE_SUCCEEDED);
	sim_run(sim, SECOND);
	ck_assert(!client_exists(sim, &ids[3]));
	ck_assert(client_exists(sim, &ids[4]) && client_exists(sim, &ids[5]) && client_exists(sim, &ids[0]));
	ck_assert(client_exists(sim, &live));
	ck_assert_int_eq(listener.events[listener.count - 1].event, STORE_EVENT_FORGOTTEN);
	ck_assert_int_eq(id_compare(&listener.events[listener.count - 1].id, &ids[3]), 0);
	listener_close(&listener);
}
END_TEST

START_TEST(above_so_many_bytes_the_oldest_go)
{
	struct id small, large, last;

	keep_at_most(UINT64_MAX, 25);
	small = made_and_over("result=12345");
	large = made_and_over("result=12345678901234567890");
	ck_assert(client_exists(sim, &small) && client_exists(sim, &large));
	last = made_and_over("result=1");
	ck_assert(!client_exists(sim, &small));
	ck_assert(client_exists(sim, &large) && client_exists(sim, &last));
	/* The last one that ended stays, however large: somebody may be waiting for it. */
	last = made_and_over("result=12345678901234567890123456789012345");
	ck_assert(!client_exists(sim, &large));
	ck_assert(client_exists(sim, &last));
}
END_TEST

START_TEST(whose_keeping_was_asked_for)
{
	struct id pinned, undelivered, unacked, others, plain[2];
	struct create_request request = client_request("");
	struct answer answer;

	keep_at_most(1, UINT64_MAX);
	pinned = made_and_over("result=a");
	pin(&pinned, true, true);
	undelivered = made_and_over("deliver");
	unacked = made_and_over("ack ack_fail=1000 retry=1000/1000/1");
	client_create(sim, 1001, &request, &answer);
	sim_run(sim, SECOND);
	others = answer.id;
	plain[0] = made_and_over("");
	plain[1] = made_and_over("");
	ck_assert(client_exists(sim, &pinned) && client_exists(sim, &undelivered) && client_exists(sim, &unacked));
	ck_assert(client_exists(sim, &others));
	ck_assert(!client_exists(sim, &plain[0]) && client_exists(sim, &plain[1]));
	/* From then on they are like all others, and older. */
	broker_delivered(sim->broker, &undelivered);
	sim_run(sim, SECOND);
	ck_assert(!client_exists(sim, &undelivered));
	pin(&pinned, false, true);
	sim_run(sim, SECOND);
	ck_assert(!client_exists(sim, &pinned));
	ck_assert(client_exists(sim, &plain[1]) && client_exists(sim, &others));
}
END_TEST

START_TEST(new_limits_and_a_new_daemon)
{
	struct id ids[600];
	unsigned left = 0;

	for (size_t i = 0; i < 600; i++)
		ids[i] = client_make(sim, "");
	sim_run(sim, HOUR);
	/* More than are forgotten at a time. */
	keep_at_most(100, UINT64_MAX);
	for (size_t i = 0; i < 600; i++)
		left += client_exists(sim, &ids[i]);
	ck_assert_uint_eq(left, 100);
	ck_assert(client_exists(sim, &ids[599]));
	sim->config.finished_per_uid = 10;
	sim_crash(sim, SECOND);
	sim_run(sim, SECOND);
	ck_assert(client_exists(sim, &ids[590]) && !client_exists(sim, &ids[589]));
}
END_TEST

static void on_bytes(void *arg, const struct error *error, const void *data, size_t len)
{
	(void)data;
	ck_assert_ptr_null(error);
	*(size_t *)arg += len;
}

static void read_it(void *arg, struct wait *wait, bool timed_out)
{
	struct caller caller = client_caller(1000);
	struct error error = { 0 };

	(void)timed_out;
	ck_assert_int_eq(broker_read_result(sim->broker, &caller, wait_id(wait, 0), 0, 10, on_bytes, arg, &error), 0);
}

START_TEST(who_waits_gets_the_result)
{
	struct caller caller = client_caller(1000);
	struct error error = { 0 };
	struct wait *waits[8];
	struct id ids[8];
	size_t bytes = 0;

	keep_at_most(1, UINT64_MAX);
	for (size_t i = 0; i < 8; i++)
		ids[i] = client_make(sim, "result=five5 latency=10");
	for (size_t i = 0; i < 8; i++)
		ck_assert_int_eq(wait_new(sim->broker, &caller, &ids[i], 1, WAIT_ALL_COMPLETED, UINT64_MAX, read_it, &bytes,
		    &waits[i], &error), 0);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(bytes, 40);
}
END_TEST

START_TEST(a_refused_removal_is_tried_again)
{
	struct id first = made_and_over(""), second = made_and_over("");

	store_sim_refuse(sim->store, 1);
	keep_at_most(1, UINT64_MAX);
	sim_run(sim, SECOND);
	(void)client_make(sim, "");
	sim_run(sim, SECOND);
	ck_assert(!client_exists(sim, &first) && !client_exists(sim, &second));
}
END_TEST

static Suite *retention_suite(void)
{
	Suite *suite = suite_create("retention");
	TCase *tcase = tcase_create("retention");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, a_pin_outlives_the_time);
	tcase_add_test(tcase, a_pinned_one_can_be_forgotten);
	tcase_add_test(tcase, above_a_count_the_oldest_go);
	tcase_add_test(tcase, above_so_many_bytes_the_oldest_go);
	tcase_add_test(tcase, whose_keeping_was_asked_for);
	tcase_add_test(tcase, new_limits_and_a_new_daemon);
	tcase_add_test(tcase, who_waits_gets_the_result);
	tcase_add_test(tcase, a_refused_removal_is_tried_again);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(retention_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
