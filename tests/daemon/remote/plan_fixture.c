/* plan_fixture.c - plans made of specs, for the tests of what is compiled and built. */
#include "tests/daemon/remote/plan_fixture.h"

#include <stdlib.h>

static struct spec_cache *cache;

void plan_setup(void)
{
	cache = spec_cache_new();
	ck_assert_ptr_nonnull(cache);
}

void plan_teardown(void)
{
	cache = spec_cache_free(cache);
}

struct remote_plan *plan_with(const char *spec, const char *params)
{
	struct error error = { 0 };
	struct remote_plan *plan;

	ck_assert_msg(plan_new(cache, spec, params, true, &plan, &error) == 0, "%s: %s", spec, error.message);
	return plan;
}

const char *plan_refused(const char *spec, const char *params)
{
	static struct error error;
	struct remote_plan *plan;

	error = (struct error){ 0 };
	ck_assert_msg(plan_new(cache, spec, params, true, &plan, &error) < 0, "%s was taken", spec);
	ck_assert_int_eq(error.code, ERROR_INVALID_SPEC);
	return error.message;
}

int plan_run(const char *name, TCase *tcase)
{
	Suite *suite = suite_create(name);
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, plan_setup, plan_teardown);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
