/* fixture.c - one simulation for each test, and what tests of the broker ask of it again and again. */
#include "tests/sim/fixture.h"

#include <check.h>

struct sim *sim;

void fixture_setup(void)
{
	sim = sim_new(1);
}

void fixture_teardown(void)
{
	ck_assert_msg(!sim_violation(sim), "%s", sim_violation(sim));
	sim = sim_free(sim);
}

const struct asked *fixture_asked(const struct id *id)
{
	return service_asked(sim->service, id);
}

struct id fixture_make_after(const char *script, const struct id *after, size_t count)
{
	struct create_request request = client_request(script);

	request.source.after = after;
	request.source.n_after = count;
	return client_make_request(sim, &request);
}

struct id fixture_make_delayed(const char *script, uint64_t delay_usec)
{
	struct create_request request = client_request(script);

	request.source.has_delay = true;
	request.source.delay_usec = delay_usec;
	return client_make_request(sim, &request);
}

struct answer fixture_refused(const struct create_request *request)
{
	struct answer answer;

	client_create(sim, 1000, request, &answer);
	sim_run(sim, SECOND);
	ck_assert_int_ne(answer.code, ERROR_NONE);
	return answer;
}
