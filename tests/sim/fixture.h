/* fixture.h - one simulation for each test, and what tests of the broker ask of it again and again. */
#ifndef SIM_FIXTURE_H
#define SIM_FIXTURE_H

#include "tests/sim/client.h"

/* Of the test that runs. */
extern struct sim *sim;

/* For tcase_add_checked_fixture(). The second fails the test when a rule of the simulation was broken. */
void fixture_setup(void);
void fixture_teardown(void);

/* What the service was asked about one future. */
const struct asked *fixture_asked(const struct id *id);

/* Create as uid 1000, to wait for others or for a time; anything but success fails the test. */
struct id fixture_make_after(const char *script, const struct id *after, size_t count);
struct id fixture_make_delayed(const char *script, uint64_t delay_usec);

/* What creation says of a request that it refuses. */
struct answer fixture_refused(const struct create_request *request);

#endif
