/* test_shared_history.c - random histories of batches and heartbeats against what must hold at every moment. */
#include "tests/daemon/broker/rig.h"
#include "tests/draw.h"
#include "tests/sim/must.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define FUTURES 120
#define BUCKET_LIMIT 3

static struct rig *rig;
static uint64_t luck;
static struct id ids[FUTURES];
static size_t n_ids;
static bool calm;                       /* from now on everything ends well */

static void end_well(struct verdict *verdict)
{
	verdict->outcome = OUTCOME_SUCCESS;
	verdict->result = slice_from_str("done");
}

static void refuse(struct rig *of, struct verdict *verdict)
{
	verdict->outcome = OUTCOME_RETRY;
	verdict->http_status = draw(&luck) % 2 ? 500 : 0;
	verdict->unreachable = verdict->http_status == 0;
	if (draw(&luck) % 4)
		return;
	verdict->http_status = 429;
	verdict->unreachable = false;
	verdict->throttled = verdict->has_retry_after = true;
	verdict->retry_after_usec = draw(&luck) % (20 * SECOND);
	if (of->now_usec + verdict->retry_after_usec > of->not_before_usec)
		of->not_before_usec = of->now_usec + verdict->retry_after_usec;
}

static void something(struct rig *of, const struct id *id, struct verdict *verdict)
{
	static const char *const texts[] = { "1", "2", "3" };

	if (calm) {
		if (id)
			end_well(verdict);
		return;
	}
	switch (draw(&luck) % 24) {
	case 0:
		if (id)
			end_well(verdict);
		break;
	case 1: case 2: case 3:
		refuse(of, verdict);
		break;
	case 4:
		verdict->progress = slice_from_str(texts[draw(&luck) % 3]);
		break;
	case 5:
		verdict->has_delay = true;
		verdict->delay_usec = draw(&luck) % (5 * SECOND);
		break;
	case 6:
		verdict->captured = draw(&luck) % 2 ? "{\"session\":1}" : "{\"session\":2}";
		break;
	}
}

static void item(struct rig *of, const struct id *id, struct verdict *verdict)
{
	uint64_t before = of->not_before_usec;

	if (!calm && draw(&luck) % 8 == 0) {
		verdict->outcome = OUTCOME_MISSING;
		return;
	}
	something(of, id, verdict);
	/* A pause is the request's business. */
	verdict->throttled = verdict->has_retry_after = false;
	of->not_before_usec = before;
}

static void list(struct rig *of, const struct id *id, struct verdict *verdict)
{
	(void)id;
	if (!calm && draw(&luck) % 6 == 0)
		refuse(of, verdict);
}

static void beat(struct rig *of, const struct id *id, struct verdict *verdict)
{
	(void)id;
	if (!calm && draw(&luck) % 6 == 0)
		refuse(of, verdict);
}

/* The rig itself looks for requests in a pause. */
static void check(void)
{
	must(rig->most_in_flight <= BUCKET_LIMIT);
	must(rig_stats(rig).in_flight == rig->in_flight);
}

static void act(void)
{
	const struct id *id = n_ids > 0 ? &ids[draw(&luck) % n_ids] : NULL;

	switch (draw(&luck) % 64) {
	case 0: case 1: case 2:
		if (n_ids < FUTURES) {
			uint64_t timeout = draw(&luck) % 4 ? UINT64_MAX : draw(&luck) % (100 * SECOND);

			rig_create(rig, 1000, draw(&luck) % 3, timeout, &ids[n_ids]);
			rig_run(rig, 1000);
			n_ids++;
		}
		break;
	case 3:
		if (id)
			rig_refresh(rig, id);
		break;
	case 4:
		if (id)
			rig_cancel(rig, id);
		break;
	case 5:
		rig->latency_usec = draw(&luck) % (3 * SECOND);
		break;
	case 6:
		rig->unbuildable = draw(&luck) % 8 == 0;
		break;
	case 7:
		if (draw(&luck) % 4 == 0) {
			rig_run(rig, 1000);
			rig_restart(rig, draw(&luck) % (10 * SECOND));
			rig->not_before_usec = 0;   /* what is remembered over a restart is not tested here */
		}
		break;
	}
}

START_TEST(random_histories)
{
	luck = (uint64_t)_i;
	n_ids = 0;
	calm = false;
	rig = rig_new(luck + 1000);
	rig->config.requests_bucket = BUCKET_LIMIT;
	broker_configure(rig->broker, &rig->config);
	for (unsigned i = 0; i < 3; i++) {
		struct plan *plan = &rig->kinds[i].plan;

		plan->batch = i < 2 ? "list" : NULL;
		plan->batch_max = i == 0 ? 7 : 0;
		plan->keepalive_usec = 10 * SECOND;
		plan->has_cancel = i == 1;
		plan->reset_on_progress = i == 1;
		plan->polling.jitter = plan->retry.jitter = POLICY_JITTER_FULL;
		rig->kinds[i].session = i == 2 ? NULL : "one";
	}
	rig->on_submit = rig->on_poll = something;
	rig->on_item = item;
	rig->on_list = list;
	rig->on_beat = beat;
	for (unsigned step = 0; step < 4000; step++) {
		act();
		rig_run(rig, draw(&luck) % 4 ? 1000 : draw(&luck) % (2 * SECOND));
		check();
	}
	calm = true;
	rig->unbuildable = false;
	rig->latency_usec = 1000;
	rig_run(rig, 600 * SECOND);
	for (size_t i = 0; i < n_ids; i++)
		must_say(rig_view(rig, &ids[i]).terminal, "number %zu has not ended", i);
	/* Nobody is left, so nothing is asked any more. */
	must(rig_stats(rig).next_due_in_usec == UINT64_MAX);
	must(rig_stats(rig).in_flight == 0 && rig_stats(rig).queued == 0);
	ck_assert_uint_gt(n_ids, 50);
	rig_free(rig);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shared_history");
	TCase *tcase = tcase_create("shared_history");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, random_histories, 0, 100);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
