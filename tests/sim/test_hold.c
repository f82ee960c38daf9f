/* test_hold.c - futures that wait for others. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void forget(const struct id *id)
{
	struct answer answer;

	client_forget(sim, 1000, id, &answer);
	sim_run(sim, SECOND);
	ck_assert_int_eq(answer.code, ERROR_NONE);
}

static void assert_held(const struct id *id)
{
	struct future_view view = client_view(sim, id);

	ck_assert_int_eq(view.state, STORE_PENDING);
	ck_assert(view.rec->held);
	ck_assert_str_eq(view.condition, "waiting");
	ck_assert_uint_eq(fixture_asked(id)->count, 0);
}

static void assert_dependency_failed(const struct id *id, const struct id *on, const char *why)
{
	struct future_view view = client_view(sim, id);
	char text[ID_TEXT_LEN + 1];

	ck_assert_int_eq(view.state, STORE_FAILED);
	ck_assert_str_eq(view.rec->error_kind, "dependency");
	id_format(on, text);
	ck_assert_msg(strstr(view.rec->error_message, text) && strstr(view.rec->error_message, why), "%s",
	    view.rec->error_message);
	ck_assert_uint_eq(fixture_asked(id)->count, 0);
}

START_TEST(a_held_one_is_cancelled_at_once)
{
	struct id id = fixture_make_delayed("cancel submit idempotency", 100 * SECOND), after, polled;
	struct answer answer;

	after = fixture_make_after("", &id, 1);
	polled = fixture_make_delayed("cancel", 100 * SECOND);
	client_cancel(sim, 1000, &polled, &answer);
	sim_run(sim, SECOND);
	ck_assert_int_eq(answer.state, STORE_CANCELLED);
	client_cancel(sim, 1000, &id, &answer);
	sim_run(sim, SECOND);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	ck_assert_int_eq(answer.state, STORE_CANCELLED);
	sim_run(sim, HOUR);
	ck_assert_uint_eq(fixture_asked(&id)->count + fixture_asked(&polled)->count, 0);
	assert_dependency_failed(&after, &id, "was cancelled");
}
END_TEST

START_TEST(one_goes_on_after_another)
{
	struct id first = client_make(sim, "polls=10 polling=1/1/1"), second = fixture_make_after("", &first, 1);

	sim_run(sim, 5 * SECOND);
	assert_held(&second);
	ck_assert_uint_eq(client_view(sim, &second).rec->n_after, 1);
	ck_assert_int_eq(client_finish(sim, &first, HOUR), STORE_SUCCEEDED);
	ck_assert_int_eq(client_finish(sim, &second, SECOND), STORE_SUCCEEDED);
	ck_assert_uint_ge(fixture_asked(&second)->first[0].at_usec, fixture_asked(&first)->last_usec);
	/* What has succeeded already holds nothing. */
	second = fixture_make_after("", &first, 1);
	ck_assert_int_eq(client_finish(sim, &second, SECOND), STORE_SUCCEEDED);
}
END_TEST

START_TEST(all_of_several)
{
	struct id ids[4], last;

	ids[0] = client_make(sim, "polls=5 polling=1/1/1");
	ids[1] = client_make(sim, "polls=20 polling=1/1/1");
	ids[2] = ids[0];
	ids[3] = client_make(sim, "");
	last = fixture_make_after("", ids, 4);
	ck_assert_uint_eq(client_view(sim, &last).rec->n_after, 3);
	sim_run(sim, 10 * SECOND);
	assert_held(&last);
	sim_run(sim, 12 * SECOND);
	ck_assert_int_eq(client_state(sim, &last), STORE_SUCCEEDED);
}
END_TEST

START_TEST(both_a_time_and_others)
{
	struct id first = client_make(sim, "polls=5 polling=1/1/1");
	struct create_request request = client_request("");
	struct id later, sooner;

	request.source.after = &first;
	request.source.n_after = 1;
	request.source.has_delay = true;
	request.source.delay_usec = 60 * SECOND;
	later = client_make_request(sim, &request);
	request.source.delay_usec = SECOND;
	sooner = client_make_request(sim, &request);
	sim_run(sim, 3 * SECOND);
	assert_held(&sooner);
	sim_run(sim, 10 * SECOND);
	ck_assert_int_eq(client_state(sim, &sooner), STORE_SUCCEEDED);
	assert_held(&later);
	sim_run(sim, 60 * SECOND);
	ck_assert_int_eq(client_state(sim, &later), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_failure_goes_down_the_chain)
{
	struct id chain[20];

	chain[0] = client_make(sim, "polls=3 end=failure result=boom");
	for (size_t i = 1; i < 20; i++)
		chain[i] = fixture_make_after("", &chain[i - 1], 1);
	sim_run(sim, HOUR);
	assert_dependency_failed(&chain[1], &chain[0], "failed: remote: boom");
	for (size_t i = 2; i < 20; i++)
		assert_dependency_failed(&chain[i], &chain[i - 1], "failed: dependency: ");
	ck_assert_uint_eq(service_plans(sim->service), 0);
	/* One that comes too late. */
	chain[2] = fixture_make_after("", &chain[0], 1);
	sim_run(sim, SECOND);
	assert_dependency_failed(&chain[2], &chain[0], "boom");
}
END_TEST

START_TEST(a_failure_does_not_wait_for_the_rest)
{
	struct id ids[2], last;

	ids[0] = client_make(sim, "end=never");
	ids[1] = client_make(sim, "polls=2 end=failure result=boom");
	last = fixture_make_after("", ids, 2);
	sim_run(sim, 60 * SECOND);
	assert_dependency_failed(&last, &ids[1], "boom");
}
END_TEST

START_TEST(one_that_is_forgotten)
{
	struct id first = client_make(sim, ""), blocker = client_make(sim, "end=never"), ids[2], last;

	sim_run(sim, SECOND);
	ids[0] = first;
	ids[1] = blocker;
	last = fixture_make_after("", ids, 2);
	forget(&first);
	sim_run(sim, SECOND);
	assert_dependency_failed(&last, &first, "was forgotten");
}
END_TEST

START_TEST(a_diamond)
{
	struct id top = client_make(sim, "polls=5 polling=1/1/1"), sides[2], bottom;

	sides[0] = fixture_make_after("polls=3 polling=1/1/1", &top, 1);
	sides[1] = fixture_make_after("polls=9 polling=1/1/1", &top, 1);
	bottom = fixture_make_after("", sides, 2);
	ck_assert_int_eq(client_finish(sim, &bottom, HOUR), STORE_SUCCEEDED);
	ck_assert_uint_ge(fixture_asked(&bottom)->first[0].at_usec, fixture_asked(&sides[1])->last_usec);
	ck_assert_uint_eq(fixture_asked(&top)->polls, 6);
}
END_TEST

START_TEST(a_thousand_after_one)
{
	struct id first = client_make(sim, "polls=3 polling=1/1/1"), ids[1000];

	for (size_t i = 0; i < 1000; i++)
		ids[i] = fixture_make_after("bucket=b limit=1000", &first, 1);
	for (size_t i = 0; i < 1000; i++)
		ck_assert_int_eq(client_finish(sim, &ids[i], HOUR), STORE_SUCCEEDED);
}
END_TEST

START_TEST(a_chain_across_crashes)
{
	struct id chain[4];

	for (uint64_t at = 0; at < 60; at++) {
		chain[0] = client_make(sim, "polls=2 polling=1/1/1");
		for (size_t i = 1; i < 4; i++)
			chain[i] = fixture_make_after("polls=2 polling=1/1/1", &chain[i - 1], 1);
		sim_run(sim, at * SECOND / 5 + at);
		sim_crash(sim, SECOND);
		ck_assert_int_eq(client_finish(sim, &chain[3], 60 * SECOND), STORE_SUCCEEDED);
		for (size_t i = 1; i < 4; i++)
			ck_assert_uint_ge(fixture_asked(&chain[i])->first[0].at_usec,
			    fixture_asked(&chain[i - 1])->first[0].at_usec + 2 * SECOND);
	}
}
END_TEST

/* The end of the one is durable, what it lets go is not. */
START_TEST(an_end_right_before_the_crash)
{
	struct id first = client_make(sim, ""), second = fixture_make_after("", &first, 1);
	struct id bad = client_make(sim, "end=failure result=boom"), third = fixture_make_after("", &bad, 1);

	while (!client_view(sim, &first).terminal || !client_view(sim, &bad).terminal)
		ck_assert(sim_step(sim, sim->now_usec + HOUR));
	sim->commit_usec = UINT64_MAX;
	sim_crash(sim, SECOND);
	sim->commit_usec = 1000;
	ck_assert_int_eq(client_finish(sim, &second, 10 * SECOND), STORE_SUCCEEDED);
	sim_run(sim, SECOND);
	assert_dependency_failed(&third, &bad, "boom");
}
END_TEST

/* It goes on, but that is not on the disk yet: nothing is asked, whoever wants it to be. The sim sees what is. */
START_TEST(asked_for_while_it_is_let_go)
{
	static const char *const scripts[] = { "", "submit idempotency", "submit", "submit" };

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct id first = client_make(sim, ""), id = fixture_make_after(scripts[i], &first, 1);

		while (!client_view(sim, &first).terminal)
			ck_assert(sim_step(sim, sim->now_usec + HOUR));
		sim->commit_usec = UINT64_MAX;
		sim_run(sim, SECOND);
		ck_assert(!client_view(sim, &id).rec->held);
		ck_assert_int_eq(client_refresh(sim, 1000, &id), ERROR_NONE);
		sim_run(sim, SECOND);
		ck_assert_uint_eq(fixture_asked(&id)->count, 0);
		if (i == 3)
			sim_crash(sim, SECOND);
		sim->commit_usec = 1000;
		sim_commit(sim);
		ck_assert_int_eq(client_finish(sim, &id, 10 * SECOND), STORE_SUCCEEDED);
		ck_assert_uint_eq(fixture_asked(&id)->submits, i != 0);
	}
}
END_TEST

START_TEST(one_that_is_waited_for_does_not_expire)
{
	struct id ids[2], last, waiting;
	struct answer answer;

	ids[0] = client_make(sim, "ttl=10");
	ids[1] = client_make(sim, "polls=500 polling=1/1/1 ttl=10");
	last = fixture_make_after("ttl=10000", ids, 2);
	waiting = fixture_make_delayed("ttl=1", 2 * HOUR);
	sim_run(sim, 100 * SECOND);
	ck_assert(client_exists(sim, &ids[0]));
	sim_crash(sim, 100 * SECOND);
	sim_run(sim, 100 * SECOND);
	ck_assert(client_exists(sim, &ids[0]));
	ck_assert_int_eq(client_finish(sim, &last, HOUR), STORE_SUCCEEDED);
	sim_run(sim, 11 * SECOND);
	ck_assert(!client_exists(sim, &ids[0]));
	ck_assert(!client_exists(sim, &ids[1]));
	/* Nor one that a cancelled one had waited for. */
	ids[0] = client_make(sim, "ttl=10");
	ids[1] = waiting;
	last = fixture_make_after("ttl=10000", ids, 2);
	sim_run(sim, 100 * SECOND);
	ck_assert(client_exists(sim, &ids[0]));
	client_cancel(sim, 1000, &last, &answer);
	sim_run(sim, SECOND);
	ck_assert(!client_exists(sim, &ids[0]));
}
END_TEST

/* Who may read a future may wait for it, and cannot make its owner keep it. */
START_TEST(only_who_may_change_it_keeps_it)
{
	struct create_request request;
	struct answer answer;
	struct id on;

	for (unsigned i = 0; i < 2; i++) {
		request = client_request("ttl=10");
		request.mode = i == 0 ? 0644 : 0666;
		on = client_make_request(sim, &request);
		request = client_request("");
		request.source.after = &on;
		request.source.n_after = 1;
		request.source.has_delay = true;
		request.source.delay_usec = HOUR;
		client_create(sim, 1001, &request, &answer);
		sim_run(sim, 20 * SECOND);
		ck_assert_int_eq(client_exists(sim, &on), i != 0);
		ck_assert_int_eq(client_state(sim, &answer.id), i == 0 ? STORE_FAILED : STORE_PENDING);
		sim_crash(sim, SECOND);
		sim_run(sim, 20 * SECOND);
		ck_assert_int_eq(client_exists(sim, &on), i != 0);
	}
	ck_assert_int_eq(client_finish(sim, &answer.id, 2 * HOUR), STORE_SUCCEEDED);
	sim_run(sim, 11 * SECOND);
	ck_assert(!client_exists(sim, &on));
}
END_TEST

START_TEST(ids_that_may_not_be_seen)
{
	struct create_request request = client_request("");
	struct id mine = client_make(sim, "end=never"), ids[2] = { mine, { { 1 } } };
	struct answer answer;

	request = client_request("");
	request.source.after = ids;
	request.source.n_after = 2;
	answer = fixture_refused(&request);
	ck_assert_int_eq(answer.code, ERROR_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(answer.message, "after[1]: no such future"));
	request.source.n_after = 1;
	client_create(sim, 1001, &request, &answer);
	ck_assert_int_eq(answer.code, ERROR_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(answer.message, "after[0]: no such future"));
	ck_assert_uint_eq(service_plans(sim->service), 1);
}
END_TEST

START_TEST(a_key_stands_for_what_it_waits_for_too)
{
	struct id first = client_make(sim, ""), other = client_make(sim, "");
	struct create_request request = client_request("ttl=none");
	struct answer answer;
	struct id id;

	request.key = slice_from_str("key");
	request.source.after = &first;
	request.source.n_after = 1;
	request.source.has_delay = true;
	id = client_make_request(sim, &request);
	client_create(sim, 1000, &request, &answer);
	sim_run(sim, 10 * SECOND);
	ck_assert(!answer.flag && id_compare(&answer.id, &id) == 0);
	/* Also when that is gone. */
	forget(&first);
	client_create(sim, 1000, &request, &answer);
	sim_run(sim, SECOND);
	ck_assert(answer.code == ERROR_NONE && id_compare(&answer.id, &id) == 0);
	request.source.after = &other;
	ck_assert_int_eq(fixture_refused(&request).code, ERROR_KEY_CONFLICT);
	request.source.after = &first;
	request.source.delay_usec = SECOND;
	ck_assert_int_eq(fixture_refused(&request).code, ERROR_KEY_CONFLICT);
	request.source.has_delay = false;
	ck_assert_int_eq(fixture_refused(&request).code, ERROR_KEY_CONFLICT);
	/* A new one needs it. */
	request.key = slice_from_str("another");
	ck_assert_int_eq(fixture_refused(&request).code, ERROR_NOT_FOUND);
}
END_TEST

START_TEST(a_retry_waits_again)
{
	struct id first = client_make(sim, "polls=30 polling=1/1/1"), second = fixture_make_after("", &first, 1), again;
	struct answer answer;

	client_cancel(sim, 1000, &second, &answer);
	sim_run(sim, SECOND);
	client_retry(sim, 1000, &second, &answer);
	sim_run(sim, SECOND);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	again = answer.id;
	assert_held(&again);
	ck_assert_uint_eq(client_view(sim, &again).rec->n_after, 1);
	ck_assert_int_eq(client_finish(sim, &again, HOUR), STORE_SUCCEEDED);
	ck_assert_int_eq(client_state(sim, &first), STORE_SUCCEEDED);
	/* A timer begins anew. */
	first = client_make(sim, "kind=timer rings=20");
	sim_run(sim, 10 * SECOND);
	client_cancel(sim, 1000, &first, &answer);
	sim_run(sim, SECOND);
	client_retry(sim, 1000, &first, &answer);
	sim_run(sim, 18 * SECOND);
	assert_held(&answer.id);
	sim_run(sim, 3 * SECOND);
	ck_assert_int_eq(client_state(sim, &answer.id), STORE_SUCCEEDED);
}
END_TEST

/* A creation that is refused at its commit leaves nothing behind. */
START_TEST(a_full_disk)
{
	struct id first = client_make(sim, "ttl=10");
	struct create_request request = client_request("");

	request.source.after = &first;
	request.source.n_after = 1;
	disk_set_full(sim->disk, true);
	ck_assert_int_eq(fixture_refused(&request).code, ERROR_DISK_FULL);
	sim_run(sim, 20 * SECOND);
	ck_assert(!client_exists(sim, &first));
	ck_assert_uint_eq(service_plans(sim->service), 0);
}
END_TEST

/* The store refuses one write on the way. */
START_TEST(a_shortage_while_it_is_let_go)
{
	for (unsigned nth = 1; nth < 12; nth++) {
		struct id first = client_make(sim, "polls=1 polling=1/1/1"), second = fixture_make_after("", &first, 1);
		struct id timer = client_make(sim, "kind=timer rings=1"), bad = client_make(sim, "end=failure"), last;

		last = fixture_make_after("", &bad, 1);
		store_sim_refuse(sim->store, nth);
		sim_run(sim, 30 * SECOND);
		store_sim_refuse(sim->store, 0);
		ck_assert_int_eq(client_finish(sim, &second, HOUR), STORE_SUCCEEDED);
		ck_assert_int_eq(client_finish(sim, &timer, HOUR), STORE_SUCCEEDED);
		ck_assert_int_eq(client_finish(sim, &last, HOUR), STORE_FAILED);
		ck_assert_str_eq(client_view(sim, &last).rec->error_kind, "dependency");
	}
}
END_TEST

static Suite *hold_suite(void)
{
	Suite *suite = suite_create("hold");
	TCase *tcase = tcase_create("hold");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, a_held_one_is_cancelled_at_once);
	tcase_add_test(tcase, one_goes_on_after_another);
	tcase_add_test(tcase, all_of_several);
	tcase_add_test(tcase, both_a_time_and_others);
	tcase_add_test(tcase, a_failure_goes_down_the_chain);
	tcase_add_test(tcase, a_failure_does_not_wait_for_the_rest);
	tcase_add_test(tcase, one_that_is_forgotten);
	tcase_add_test(tcase, a_diamond);
	tcase_add_test(tcase, a_thousand_after_one);
	tcase_add_test(tcase, a_chain_across_crashes);
	tcase_add_test(tcase, an_end_right_before_the_crash);
	tcase_add_test(tcase, asked_for_while_it_is_let_go);
	tcase_add_test(tcase, one_that_is_waited_for_does_not_expire);
	tcase_add_test(tcase, only_who_may_change_it_keeps_it);
	tcase_add_test(tcase, ids_that_may_not_be_seen);
	tcase_add_test(tcase, a_key_stands_for_what_it_waits_for_too);
	tcase_add_test(tcase, a_retry_waits_again);
	tcase_add_test(tcase, a_full_disk);
	tcase_add_test(tcase, a_shortage_while_it_is_let_go);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(hold_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
