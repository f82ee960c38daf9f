/* test_flight.c - requests that are sent once for many who ask, and those that are not. */
#include "config.h"

#include "tests/daemon/remote/ask_fixture.h"

START_TEST(equal_polls_are_sent_once)
{
	struct remote_plan *plan = plan_with(SPEC, 2);
	const struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told[3] = { 0 };

	SERVE({ AT(HERE, "/poll", 302), .location = "/next", .held = true }, { AT(HERE, "/next", 200), .body = "fine" });
	for (int i = 0; i < 3; i++)
		begin(&input, &told[i]);
	wait_held(1);
	release();
	for (int i = 0; i < 3; i++) {
		await(&told[i]);
		ck_assert_int_eq(told[i].status, 200);
		ck_assert_str_eq(told[i].body, "fine");
		ck_assert_uint_eq(told[i].calls, 1);
		ck_assert(told[i].sent);
		ck_assert(told[i].shared == (i > 0));
		ck_assert_uint_eq(told[i].extra, i > 0 ? 0 : 1);
	}
	ck_assert_uint_eq(seen[HERE].requests, 2);
	plan_free(plan);
}
END_TEST

START_TEST(equal_polls_are_renewed_together)
{
	struct remote_plan *plan = plan_of(SPEC);
	const struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told[3] = { { .refreshes = true }, { .refreshes = true }, { .refreshes = true } };

	wallet.fresh = "fresh";
	SERVE({ AT(HERE, "/poll", 200), .wants = "fresh" });
	for (int i = 0; i < 3; i++)
		begin(&input, &told[i]);
	for (int i = 0; i < 3; i++) {
		await(&told[i]);
		ck_assert_int_eq(told[i].status, 200);
		ck_assert_uint_eq(told[i].extra, i > 0 ? 0 : 1);
	}
	ck_assert_uint_eq(seen[HERE].requests, 2);
	plan_free(plan);
}
END_TEST

START_TEST(what_differs_is_sent_alone)
{
	struct remote_plan *plan = plan_of("{" HEADERS ", " POLL ", \"submit\": {\"url\": \"/submit\", \"method\": "
	    "\"GET\"}}");
	struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told[6] = { 0 };

	SERVE({ AT(HERE, "/poll", 200), .held = true }, { AT(HERE, "/submit", 200), .held = true },
	    { AT(HERE, "/else", 200), .held = true });
	begin(&input, &told[0]);
	wallet.value = "another";
	begin(&input, &told[1]);
	input.timeout_usec = 1000000;         /* it would wait too long for the others */
	begin(&input, &told[2]);
	input.timeout_usec = UINT64_MAX;
	input.url = "/else";
	begin(&input, &told[3]);
	/* a submit is its own even when it is a GET */
	input = ask_of(plan, STEP_SUBMIT);
	begin(&input, &told[4]);
	begin(&input, &told[5]);
	wait_held(6);
	release();
	for (int i = 0; i < 6; i++) {
		await(&told[i]);
		ck_assert_int_eq(told[i].status, 200);
		ck_assert(!told[i].shared);
	}
	plan_free(plan);
}
END_TEST

START_TEST(the_first_of_many_is_given_up)
{
	struct remote_plan *plan = plan_of(SPEC);
	const struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told[3] = { 0 };

	SERVE({ AT(HERE, "/poll", 200), .held = true });
	for (int i = 0; i < 3; i++)
		begin(&input, &told[i]);
	wait_held(1);
	told[0].ask = ask_abort(told[0].ask);
	release();
	await(&told[1]);
	await(&told[2]);
	ck_assert_uint_eq(told[0].calls, 0);
	ck_assert(told[1].status == 200 && !told[1].shared);
	ck_assert(told[2].status == 200 && told[2].shared);
	ck_assert_uint_eq(seen[HERE].requests, 1);
	plan_free(plan);
}
END_TEST

START_TEST(one_with_more_patience_asks_again)
{
	struct remote_plan *plan = plan_of(SPEC);
	struct ask_input input = ask_of(plan, STEP_POLL);
	struct told told[2] = { 0 };

	SERVE({ AT(HERE, "/poll", 200), .held = true });
	input.timeout_usec = 50000;
	begin(&input, &told[0]);
	input.timeout_usec = UINT64_MAX;
	begin(&input, &told[1]);
	await(&told[0]);
	ck_assert_int_eq(told[0].status, 0);
	SERVE({ AT(HERE, "/poll", 200) });
	await(&told[1]);
	ck_assert(told[1].status == 200 && !told[1].shared);
	ck_assert_uint_eq(told[1].extra, 0);
	ck_assert_uint_eq(seen[HERE].requests, 2);
	plan_free(plan);
}
END_TEST

START_TEST(what_was_asked_before_a_submit_does_not_answer_after_it)
{
	struct remote_plan *plan = plan_of(SPEC);
	const struct ask_input poll = ask_of(plan, STEP_POLL), submit = ask_of(plan, STEP_SUBMIT);
	struct told told[2] = { 0 }, submitted = { 0 };

	SERVE({ AT(HERE, "/poll", 200), .held = true }, { AT(HERE, "/submit", 200) });
	begin(&poll, &told[0]);
	wait_held(1);
	perform(&submit, &submitted);
	ck_assert_int_eq(submitted.status, 200);
	begin(&poll, &told[1]);
	wait_held(2);
	release();
	await(&told[0]);
	await(&told[1]);
	ck_assert(!told[0].shared && !told[1].shared);
	plan_free(plan);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		equal_polls_are_sent_once,
		equal_polls_are_renewed_together,
		what_differs_is_sent_alone,
		the_first_of_many_is_given_up,
		one_with_more_patience_asks_again,
		what_was_asked_before_a_submit_does_not_answer_after_it,
	};

	return ask_run("flight", tests, sizeof(tests) / sizeof(tests[0]));
}
