/* test_future_rec.c - deep copies of a future's record. */
#include "tests/db/fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(copies_every_field)
{
	struct future_rec rec, copy;

	fixture_rec(&rec, 1);
	ck_assert_int_eq(future_rec_copy(&rec, &copy), 0);
	fixture_compare(&rec, &copy);
	ck_assert_ptr_ne(rec.profile, copy.profile);
	ck_assert_ptr_ne(rec.labels, copy.labels);
	ck_assert_ptr_ne(rec.labels[0].name, copy.labels[0].name);
	ck_assert_ptr_ne(rec.after, copy.after);
	ck_assert_ptr_ne(rec.content_type, copy.content_type);

	/* The copy stands on its own. */
	future_rec_done(&rec);
	fixture_rec(&rec, 1);
	fixture_compare(&rec, &copy);
	future_rec_done(&rec);
	future_rec_done(&copy);
}
END_TEST

START_TEST(copies_what_is_absent)
{
	struct future_rec rec = { .ttl_ms = 5 }, copy;

	ck_assert_int_eq(future_rec_copy(&rec, &copy), 0);
	fixture_compare(&rec, &copy);
	ck_assert_ptr_null(copy.profile);
	ck_assert_ptr_null(copy.labels);
	future_rec_done(&copy);
}
END_TEST

START_TEST(done_leaves_nothing_to_free)
{
	struct future_rec rec;

	fixture_rec(&rec, 1);
	future_rec_done(&rec);
	ck_assert_ptr_null(rec.key);
	ck_assert_ptr_null(rec.labels);
	ck_assert_uint_eq(rec.n_labels, 0);
	ck_assert_ptr_null(rec.after);
	ck_assert_uint_eq(rec.n_after, 0);
	future_rec_done(&rec);
}
END_TEST

START_TEST(done_unshared_leaves_what_the_base_has)
{
	struct future_rec base, draft;

	fixture_rec(&base, 1);
	draft = base;
	draft.progress = strdup("another");
	draft.last_error = NULL;
	future_rec_done_unshared(&draft, &base);      /* leaks or frees twice when it is wrong: the sanitizers see it */
	ck_assert_str_ne(base.progress, "another");
	fixture_compare(&base, &base);
	future_rec_done(&base);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("future_rec");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, copies_every_field);
	tcase_add_test(tcase, copies_what_is_absent);
	tcase_add_test(tcase, done_leaves_nothing_to_free);
	tcase_add_test(tcase, done_unshared_leaves_what_the_base_has);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
