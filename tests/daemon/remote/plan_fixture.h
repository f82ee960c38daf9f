/* plan_fixture.h - plans made of specs, for the tests of what is compiled and built. */
#ifndef TESTS_PLAN_FIXTURE_H
#define TESTS_PLAN_FIXTURE_H

#include "daemon/remote/plan.h"

#include <check.h>

void plan_setup(void);
void plan_teardown(void);

/* The plan of a spec and params, both JSON texts; the test fails when it is refused. */
struct remote_plan *plan_with(const char *spec, const char *params);
/* Why they are refused; the test fails when they are not. Until the next call. */
const char *plan_refused(const char *spec, const char *params);

/* Run a test case with the fixture around each test; what main returns. */
int plan_run(const char *name, TCase *tcase);

#endif
