/* test_aimd.c - how a limit falls with refusals and comes back. */
#include "daemon/broker/aimd.h"

#include <check.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000)

START_TEST(nothing_happened_nothing_reduced)
{
	struct aimd aimd = { 0 };

	ck_assert_uint_eq(aimd_limit(&aimd, 8), 8);
	for (uint64_t i = 1; i <= 100; i++)
		aimd_fine(&aimd, 8, i);
	ck_assert_uint_eq(aimd_limit(&aimd, 8), 8);
	ck_assert_uint_eq(aimd_limit(&aimd, 3), 3);
}
END_TEST

START_TEST(a_burst_of_one_moment_halves_once)
{
	struct aimd aimd = { 0 };

	for (uint64_t i = 1; i <= 8; i++)
		aimd_refused(&aimd, 8, i, 8, 5 * SECOND + i);
	ck_assert_uint_eq(aimd_limit(&aimd, 8), 4);
}
END_TEST

START_TEST(an_old_round_halves_once_however_long_it_takes)
{
	struct aimd aimd = { 0 };

	aimd_refused(&aimd, 8, 1, 8, 5 * SECOND);
	for (uint64_t i = 2; i <= 8; i++)
		aimd_refused(&aimd, 8, i, 20, (5 + i) * SECOND);
	ck_assert_uint_eq(aimd_limit(&aimd, 8), 4);
	aimd_refused(&aimd, 8, 9, 20, 30 * SECOND);
	ck_assert_uint_eq(aimd_limit(&aimd, 8), 2);
}
END_TEST

START_TEST(a_new_round_in_the_same_second_does_not_count)
{
	struct aimd aimd = { 0 };

	aimd_refused(&aimd, 8, 1, 1, 5 * SECOND);
	aimd_refused(&aimd, 8, 2, 2, 6 * SECOND - 1);
	ck_assert_uint_eq(aimd_limit(&aimd, 8), 4);
	aimd_refused(&aimd, 8, 3, 3, 6 * SECOND);
	ck_assert_uint_eq(aimd_limit(&aimd, 8), 2);
}
END_TEST

START_TEST(never_below_one)
{
	struct aimd aimd = { 0 };

	for (uint64_t i = 1; i <= 40; i++)
		aimd_refused(&aimd, 5, i, i, i * 2 * SECOND);
	ck_assert_uint_eq(aimd_limit(&aimd, 5), 1);
}
END_TEST

START_TEST(a_round_of_good_answers_raises_by_one)
{
	struct aimd aimd = { 0 };
	uint64_t number = 8;

	aimd_refused(&aimd, 8, 1, number, SECOND);
	for (unsigned limit = 4; limit < 8; limit++) {
		for (unsigned i = 0; i < limit; i++) {
			ck_assert_uint_eq(aimd_limit(&aimd, 8), limit);
			aimd_fine(&aimd, 8, ++number);
		}
	}
	ck_assert_uint_eq(aimd_limit(&aimd, 8), 8);
	ck_assert_uint_eq(aimd.allowed, 0);
}
END_TEST

START_TEST(good_answers_to_an_old_round_do_not_raise)
{
	struct aimd aimd = { 0 };

	aimd_refused(&aimd, 2, 1, 9, SECOND);
	for (uint64_t i = 2; i <= 9; i++)
		aimd_fine(&aimd, 2, i);
	ck_assert_uint_eq(aimd_limit(&aimd, 2), 1);
	aimd_fine(&aimd, 2, 10);
	ck_assert_uint_eq(aimd_limit(&aimd, 2), 2);
}
END_TEST

START_TEST(a_lower_configured_limit_holds)
{
	struct aimd aimd = { 0 };

	aimd_refused(&aimd, 100, 1, 1, SECOND);
	ck_assert_uint_eq(aimd_limit(&aimd, 100), 50);
	ck_assert_uint_eq(aimd_limit(&aimd, 10), 10);
	/* What was allowed beyond it is not remembered once the service has spoken. */
	aimd_refused(&aimd, 10, 2, 2, 3 * SECOND);
	ck_assert_uint_eq(aimd_limit(&aimd, 100), 5);
}
END_TEST

static Suite *aimd_suite(void)
{
	Suite *suite = suite_create("aimd");
	TCase *tcase = tcase_create("aimd");

	tcase_add_test(tcase, nothing_happened_nothing_reduced);
	tcase_add_test(tcase, a_burst_of_one_moment_halves_once);
	tcase_add_test(tcase, an_old_round_halves_once_however_long_it_takes);
	tcase_add_test(tcase, a_new_round_in_the_same_second_does_not_count);
	tcase_add_test(tcase, never_below_one);
	tcase_add_test(tcase, a_round_of_good_answers_raises_by_one);
	tcase_add_test(tcase, good_answers_to_an_old_round_do_not_raise);
	tcase_add_test(tcase, a_lower_configured_limit_holds);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(aimd_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
