/* test_policy.c - the ladders as tables, jitter and deadlines as properties over many draws. */
#include "daemon/broker/policy.h"
#include "tests/draw.h"

#include <check.h>
#include <stdlib.h>

#define S UINT64_C(1000000)

static struct policy plain(uint64_t initial, uint64_t maximum, double multiplier)
{
	return (struct policy){ .initial_usec = initial, .maximum_usec = maximum, .multiplier = multiplier,
		.jitter = POLICY_JITTER_NONE, .timeout_usec = POLICY_NO_TIMEOUT };
}

static void expect_ladder(const struct policy *policy, const uint64_t *delays, size_t count)
{
	uint64_t rung = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t delay = policy_next(policy, &rung, i * 0x123456789abcdefU);

		ck_assert_msg(delay == delays[i], "delay %zu is %llu, not %llu", i, (unsigned long long)delay,
		    (unsigned long long)delays[i]);
	}
}

START_TEST(polling_ladder)
{
	struct policy policy = policy_polling_default;
	static const uint64_t delays[] = { 1000000, 1500000, 2250000, 3375000, 5062500, 7593750, 11390625, 17085938,
		20000000, 20000000, 20000000 };

	ck_assert_int_eq(policy.jitter, POLICY_JITTER_FULL);
	ck_assert_uint_eq(policy.timeout_usec, POLICY_NO_TIMEOUT);
	policy.jitter = POLICY_JITTER_NONE;
	expect_ladder(&policy, delays, sizeof(delays) / sizeof(delays[0]));
}
END_TEST

START_TEST(retry_ladder)
{
	struct policy policy = policy_retry_default;
	static const uint64_t delays[] = { 1 * S, 2 * S, 4 * S, 8 * S, 16 * S, 32 * S, 60 * S, 60 * S };

	ck_assert_int_eq(policy.jitter, POLICY_JITTER_FULL);
	ck_assert_uint_eq(policy.timeout_usec, POLICY_NO_TIMEOUT);
	policy.jitter = POLICY_JITTER_NONE;
	expect_ladder(&policy, delays, sizeof(delays) / sizeof(delays[0]));
}
END_TEST

START_TEST(odd_ladders)
{
	struct policy above = plain(90 * S, 60 * S, 2), still = plain(5 * S, 60 * S, 1), zero = plain(0, 60 * S, 2);
	struct policy falling = plain(8, 60 * S, 0.25), huge = plain(UINT64_MAX / 2, UINT64_MAX, 1e300);

	expect_ladder(&above, (const uint64_t[]){ 60 * S, 60 * S }, 2);
	expect_ladder(&still, (const uint64_t[]){ 5 * S, 5 * S, 5 * S }, 3);
	expect_ladder(&zero, (const uint64_t[]){ 0, 0, 0 }, 3);
	expect_ladder(&falling, (const uint64_t[]){ 8, 2, 1, 1, 1 }, 5);
	expect_ladder(&huge, (const uint64_t[]){ UINT64_MAX / 2, UINT64_MAX, UINT64_MAX }, 3);
}
END_TEST

START_TEST(rung_goes_on_after_a_restart)
{
	struct policy policy = plain(1 * S, 20 * S, 2);
	uint64_t rung = 0, stored;

	policy_next(&policy, &rung, 0);
	policy_next(&policy, &rung, 0);
	stored = rung;
	ck_assert_uint_eq(policy_next(&policy, &stored, 0), 4 * S);
	/* Back with a lower ceiling than it was stored under. */
	policy.maximum_usec = 3 * S;
	ck_assert_uint_eq(policy_next(&policy, &rung, 0), 3 * S);
	ck_assert_uint_eq(rung, 3 * S);
}
END_TEST

START_TEST(jitter_never_moves_the_ladder)
{
	struct policy with = policy_polling_default, without = policy_polling_default;
	uint64_t state = (uint64_t)_i, a = 0, b = 0;

	without.jitter = POLICY_JITTER_NONE;
	for (int i = 0; i < 20; i++) {
		uint64_t bound = policy_next(&without, &a, 0), delay = policy_next(&with, &b, draw(&state));

		ck_assert_uint_eq(a, b);
		ck_assert_uint_le(delay, bound);
	}
}
END_TEST

START_TEST(full_jitter_covers_everything_evenly)
{
	struct policy policy = plain(9, 9, 1);
	unsigned seen[10] = { 0 };
	uint64_t state = (uint64_t)_i;

	policy.jitter = POLICY_JITTER_FULL;
	for (int i = 0; i < 10000; i++) {
		uint64_t rung = 0, delay = policy_next(&policy, &rung, draw(&state));

		ck_assert_uint_le(delay, 9);
		seen[delay]++;
	}
	for (int i = 0; i < 10; i++)
		ck_assert_msg(seen[i] > 850 && seen[i] < 1150, "%d came %u times of 10000", i, seen[i]);
}
END_TEST

START_TEST(full_jitter_has_both_ends)
{
	static const uint64_t delays[] = { 0, 1, 2, 1000000, UINT64_C(1) << 32, (UINT64_C(1) << 53) + 1, UINT64_MAX - 1,
		UINT64_MAX };

	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		struct policy policy = plain(delays[i], UINT64_MAX, 1);
		uint64_t rung = 0;

		policy.jitter = POLICY_JITTER_FULL;
		ck_assert_uint_eq(policy_next(&policy, &rung, 0), 0);
		rung = 0;
		ck_assert_uint_eq(policy_next(&policy, &rung, UINT64_MAX), delays[i]);
	}
}
END_TEST

START_TEST(full_jitter_is_exact_multiplication)
{
	struct policy policy = plain(999, UINT64_MAX, 1);
	uint64_t rung = 0;

	/* floor(r x 1000 / 2^64) for r = k x 2^64 / 1000, rounded up: exactly k. */
	policy.jitter = POLICY_JITTER_FULL;
	for (uint64_t k = 1; k < 1000; k++) {
		uint64_t r = UINT64_MAX / 1000 * k + (UINT64_MAX % 1000 + 1) * k / 1000 + 1;

		rung = 0;
		ck_assert_uint_eq(policy_next(&policy, &rung, r), k);
		rung = 0;
		ck_assert_uint_eq(policy_next(&policy, &rung, r - 2), k - 1);
	}
}
END_TEST

START_TEST(fraction_stays_in_its_band)
{
	struct policy policy = plain(10 * S, 60 * S, 2);
	uint64_t state = (uint64_t)_i, rung, delay;

	policy.jitter = POLICY_JITTER_FRACTION;
	policy.fraction = 0.25;
	for (int i = 0; i < 1000; i++) {
		rung = 10 * S;
		delay = policy_next(&policy, &rung, draw(&state));
		ck_assert(delay >= 7500000 && delay <= 12500000);
		ck_assert_uint_eq(rung, 20 * S);
		rung = 60 * S;
		delay = policy_next(&policy, &rung, draw(&state));
		ck_assert(delay >= 45 * S && delay <= 60 * S);
	}
	rung = 10 * S;
	ck_assert_uint_eq(policy_next(&policy, &rung, 0), 7500000);
	rung = 10 * S;
	ck_assert_uint_eq(policy_next(&policy, &rung, UINT64_MAX), 12500000);
	rung = 60 * S;
	ck_assert_uint_eq(policy_next(&policy, &rung, UINT64_MAX), 60 * S);
}
END_TEST

START_TEST(fraction_saturates)
{
	struct policy policy = plain(UINT64_MAX - 5, UINT64_MAX, 2);
	uint64_t rung = 0;

	policy.jitter = POLICY_JITTER_FRACTION;
	policy.fraction = 7;
	ck_assert_uint_eq(policy_next(&policy, &rung, 0), 0);
	ck_assert_uint_eq(policy_next(&policy, &rung, UINT64_MAX), UINT64_MAX);
	policy.fraction = 0;
	rung = 12345;
	ck_assert_uint_eq(policy_next(&policy, &rung, 0x123456789abcdefU), 12345);
}
END_TEST

START_TEST(fits_a_deadline)
{
	static const struct { uint64_t delay, left, fitted; bool last; } cases[] = {
		{ 5, POLICY_NO_TIMEOUT, 5, false },
		{ UINT64_MAX, POLICY_NO_TIMEOUT, UINT64_MAX, false },
		{ 5, 10, 5, false },
		{ 9, 10, 9, false },
		{ 10, 10, 10, true },           /* falls on the deadline: nothing is left after it */
		{ 15, 10, 10, true },
		{ UINT64_MAX, 1, 1, true },
		{ 5, 0, 0, true },
		{ 0, 0, 0, true },
		{ 0, 1, 0, false }
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool last = !cases[i].last;

		ck_assert_uint_eq(policy_fit(cases[i].delay, cases[i].left, &last), cases[i].fitted);
		ck_assert_msg(last == cases[i].last, "case %zu", i);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("policy");
	TCase *tcase = tcase_create("policy");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, polling_ladder);
	tcase_add_test(tcase, retry_ladder);
	tcase_add_test(tcase, odd_ladders);
	tcase_add_test(tcase, rung_goes_on_after_a_restart);
	tcase_add_loop_test(tcase, jitter_never_moves_the_ladder, 0, 50);
	tcase_add_loop_test(tcase, full_jitter_covers_everything_evenly, 0, 10);
	tcase_add_test(tcase, full_jitter_has_both_ends);
	tcase_add_test(tcase, full_jitter_is_exact_multiplication);
	tcase_add_loop_test(tcase, fraction_stays_in_its_band, 0, 10);
	tcase_add_test(tcase, fraction_saturates);
	tcase_add_test(tcase, fits_a_deadline);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
