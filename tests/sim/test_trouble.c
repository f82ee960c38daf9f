/* test_trouble.c - requests that failed and are tried again, as subscribers hear of them. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct listener listener;

static unsigned count(enum store_event event)
{
	unsigned n = 0;

	for (size_t i = 0; i < listener.count; i++)
		n += listener.events[i].event == event;
	return n;
}

START_TEST(one_for_each_failure)
{
	struct id id;

	listener_open(sim, 0, NULL, false, 0, &listener);
	id = client_make(sim, "fail=1:3 retry=1/1/1");
	ck_assert_int_eq(client_finish(sim, &id, 60 * SECOND), STORE_SUCCEEDED);
	ck_assert_uint_eq(count(STORE_EVENT_TROUBLE), 3);
	/* created, running, three of these, succeeded: in the order of their numbers. */
	ck_assert_uint_eq(listener.count, 6);
	for (size_t i = 1; i < listener.count; i++)
		ck_assert_uint_eq(listener.events[i].seq, listener.events[i - 1].seq + 1);
	ck_assert_int_eq(listener.events[2].event, STORE_EVENT_TROUBLE);
	ck_assert_int_eq(listener.events[2].state, STORE_RUNNING);
	listener_close(&listener);
}
END_TEST

/* Each event tells of its own failure, however late the disk lets it out: all of it is over by then. */
START_TEST(told_as_it_was)
{
	unsigned attempts = 0;
	struct id id;

	listener_open(sim, 0, NULL, false, 0, &listener);
	id = client_make(sim, "fail=1:3 retry=1/1/1");
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(count(STORE_EVENT_TROUBLE), 0);
	sim_commit(sim);
	sim->commit_usec = 0;
	ck_assert_int_eq(client_finish(sim, &id, 60 * SECOND), STORE_SUCCEEDED);
	for (size_t i = 0; i < listener.count; i++) {
		if (listener.events[i].event == STORE_EVENT_TROUBLE)
			ck_assert_uint_eq(listener.events[i].attempts, ++attempts);
		else
			ck_assert_uint_eq(listener.events[i].attempts, 0);
	}
	ck_assert_uint_eq(attempts, 3);
	listener_close(&listener);
}
END_TEST

START_TEST(submits_and_cancels_have_it_too)
{
	struct id id;

	listener_open(sim, 0, NULL, false, 0, &listener);
	id = client_make(sim, "submit idempotency busy=2 retry=1/1/1");
	ck_assert_int_eq(client_finish(sim, &id, 60 * SECOND), STORE_SUCCEEDED);
	ck_assert_uint_eq(count(STORE_EVENT_TROUBLE), 2);
	listener_close(&listener);
}
END_TEST

START_TEST(the_last_failure_is_the_end_and_nothing_else)
{
	struct id id;

	listener_open(sim, 0, NULL, false, 0, &listener);
	id = client_make(sim, "fail=1:100 retry=1/1/1 retry_timeout=3.5");
	ck_assert_int_eq(client_finish(sim, &id, 60 * SECOND), STORE_FAILED);
	ck_assert_uint_eq(count(STORE_EVENT_TROUBLE), client_view(sim, &id).rec->attempts - 1);
	ck_assert_uint_gt(count(STORE_EVENT_TROUBLE), 1);
	listener_close(&listener);
}
END_TEST

START_TEST(a_slow_reader_gets_the_newest)
{
	struct id id;

	listener_open(sim, 0, NULL, false, 0, &listener);
	listener.refuse = true;
	id = client_make(sim, "fail=1:100 retry=1/1/1");
	sim_run(sim, 20 * SECOND);
	ck_assert_uint_gt(client_view(sim, &id).rec->attempts, 10);
	listener.refuse = false;
	subscription_resume(listener.subscription);
	sim_commit(sim);
	ck_assert_uint_eq(count(STORE_EVENT_TROUBLE), 1);
	ck_assert_uint_eq(listener.events[listener.count - 1].seq, client_view(sim, &id).rec->seq);
	/* From here on each. */
	sim_run(sim, 5 * SECOND);
	ck_assert_uint_gt(count(STORE_EVENT_TROUBLE), 3);
	listener_close(&listener);
}
END_TEST

START_TEST(the_log_has_it_after_a_crash)
{
	struct id id = client_make(sim, "fail=1:3 retry=1/1/1 end=never");
	uint64_t seq;

	sim_run(sim, 20 * SECOND);
	seq = client_view(sim, &id).rec->seq;
	sim_crash(sim, SECOND);
	listener_open(sim, 0, NULL, true, 0, &listener);
	sim_commit(sim);
	ck_assert_uint_eq(count(STORE_EVENT_TROUBLE), 1);
	ck_assert_uint_eq(listener.events[listener.count - 1].seq, seq);
	listener_close(&listener);
	/* What came after it makes it stale. */
	client_cancel(sim, 1000, &id, &(struct answer){ 0 });
	sim_run(sim, SECOND);
	listener_open(sim, 0, NULL, true, 0, &listener);
	sim_commit(sim);
	ck_assert_uint_eq(count(STORE_EVENT_TROUBLE), 0);
	listener_close(&listener);
}
END_TEST

START_TEST(an_ack_is_nobodys_trouble)
{
	struct id id;

	listener_open(sim, 0, NULL, false, 0, &listener);
	id = client_make(sim, "ack ack_fail=2 retry=1/1/1");
	ck_assert_int_eq(client_finish(sim, &id, 60 * SECOND), STORE_SUCCEEDED);
	sim_run(sim, 60 * SECOND);
	ck_assert_uint_eq(service_asked(sim->service, &id)->acks, 3);
	ck_assert_uint_eq(count(STORE_EVENT_TROUBLE), 0);
	listener_close(&listener);
}
END_TEST

static Suite *trouble_suite(void)
{
	Suite *suite = suite_create("trouble");
	TCase *tcase = tcase_create("trouble");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, one_for_each_failure);
	tcase_add_test(tcase, told_as_it_was);
	tcase_add_test(tcase, submits_and_cancels_have_it_too);
	tcase_add_test(tcase, the_last_failure_is_the_end_and_nothing_else);
	tcase_add_test(tcase, a_slow_reader_gets_the_newest);
	tcase_add_test(tcase, the_log_has_it_after_a_crash);
	tcase_add_test(tcase, an_ack_is_nobodys_trouble);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(trouble_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
