/* test_memory.c - one allocation of the core fails, whichever it is: an answer, and no harm to what is durable. */

/* The core is compiled for this test with its allocations going elsewhere; this file has the real ones. */
#undef malloc
#undef calloc
#undef realloc
#undef strdup
#undef strndup

#include "tests/sim/client.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *fail_malloc(size_t size);
void *fail_calloc(size_t count, size_t size);
void *fail_realloc(void *old, size_t size);
char *fail_strdup(const char *text);
char *fail_strndup(const char *text, size_t len);

static unsigned countdown;
static bool happened;

/* The nth allocation from here on fails; 0: none. */
static void arm(unsigned nth)
{
	countdown = nth;
}

static bool fails(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	happened = true;
	return true;
}

void *fail_malloc(size_t size)
{
	return fails() ? NULL : malloc(size);
}

void *fail_calloc(size_t count, size_t size)
{
	return fails() ? NULL : calloc(count, size);
}

void *fail_realloc(void *old, size_t size)
{
	return fails() ? NULL : realloc(old, size);
}

char *fail_strdup(const char *text)
{
	return fails() ? NULL : strdup(text);
}

char *fail_strndup(const char *text, size_t len)
{
	return fails() ? NULL : strndup(text, len);
}

#define CREATES 9

/* One run of everything, with the nth allocation failing. */
struct run {
	struct sim *sim;
	struct id earlier[3];           /* made before memory gets short */
	struct id promises[4];          /* likewise */
	struct producer *producer;
	struct answer waiting_ones[4];  /* that wait for the earlier ones, or a time */
	struct answer kept, lost, taken, progress, resolved, rejected;
	struct answer created[CREATES], cancelled, extended, retried, forgotten, read;
	struct waiting waiting;
	struct listener listener;
};

static void expect(const struct answer *answer)
{
	ck_assert_msg(answer->code == ERROR_NONE || answer->code == ERROR_OUT_OF_MEMORY, "%s: %s",
	    error_name(answer->code), answer->message);
	ck_assert_uint_le(answer->calls, 1);
	if (answer->code == ERROR_NONE)
		ck_assert_uint_eq(answer->calls, 1);
}

static void create_all(struct run *run)
{
	static const char *const scripts[CREATES] = {
		"submit cancel polls=3 progress", "submit idempotency busy=1 polls=2 bucket=other", "polls=1 fail=1:2",
		"end=failure", "throttle=1:5", "polls=2 polling=1/1/1 bucket=third",
		"submit idempotency fetch hops=1 fetch_pending=1 ack ack_fail=1 polls=1 bucket=fourth",
		"events events_busy=1 events_close=3 wake=1 tells polls=8 polling=1/1/1 ack bucket=fifth",
		"stage=a submit idempotency bucket=sixth next=stage=b,submit,idempotency,bucket=seventh"
	};
	struct store_label labels[] = { { (char *)"app", (char *)"x" }, { (char *)"run", (char *)"7" } };

	for (int i = 0; i < CREATES; i++) {
		struct create_request request = client_request(scripts[i]);

		request.key = i % 2 ? slice_from_str(i < 4 ? "first" : i < 6 ? "second" : "third") : (struct slice){ 0 };
		request.labels = labels;
		request.n_labels = 2;
		request.source.profile = slice_from_str("p");
		if (i == 3)
			request.source.spec = slice_from_str(scripts[1]);
		client_create(run->sim, 1000 + (uid_t)i % 2, &request, &run->created[i]);
	}
}

/* One is kept, one is claimed by a producer that dies, and one with a lease that ends. */
static void do_promises(struct run *run)
{
	client_claim(run->sim, 0, &run->promises[0], NULL, 100 * SECOND, &run->kept);
	run->producer = producer_new(run->sim->broker);
	if (run->producer)
		client_claim(run->sim, 0, &run->promises[1], run->producer, UINT64_MAX, &run->lost);
	client_claim(run->sim, 0, &run->promises[2], NULL, 20 * SECOND, &run->taken);
	client_reject(run->sim, 0, &run->promises[3], NULL, "rejected", "no", &run->rejected);
	sim_commit(run->sim);
	if (run->kept.calls > 0 && run->kept.code == ERROR_NONE) {
		client_progress(run->sim, 0, &run->promises[0], run->kept.bytes, "{}", &run->progress);
		client_resolve(run->sim, 0, &run->promises[0], run->kept.bytes, "kept", &run->resolved);
	}
	producer_free(run->producer);
}

static void do_holds(struct run *run)
{
	static const char *const scripts[] = { "polls=1 bucket=a", "submit idempotency bucket=b", "kind=timer rings=5" };
	struct create_request request;
	char group[256], names[3][ID_TEXT_LEN + 1];

	for (size_t i = 0; i < 3; i++) {
		request = client_request(scripts[i]);
		request.source.after = i == 0 ? run->earlier : run->earlier + 2;
		request.source.n_after = i == 2 ? 0 : 1;
		client_create(run->sim, 1000, &request, &run->waiting_ones[i]);
		id_format(&run->earlier[i], names[i]);
	}
	snprintf(group, sizeof(group), "kind=group of=%s,%s,%s", names[0], names[1], names[2]);
	request = client_request(group);
	client_create(run->sim, 1000, &request, &run->waiting_ones[3]);
}

static void do_everything(struct run *run)
{
	struct store_label label = { (char *)"app", (char *)"x" };
	struct subscribe_filter filter = { .labels = &label, .n_labels = 1 };

	create_all(run);
	do_holds(run);
	do_promises(run);
	client_wait(run->sim, 0, run->earlier, 3, WAIT_ALL_COMPLETED, 50 * SECOND, &run->waiting);
	listener_open(run->sim, 1000, &filter, true, 0, &run->listener);
	client_cancel(run->sim, 0, &run->earlier[0], &run->cancelled);
	client_extend(run->sim, 0, &run->earlier[0], 1000 * SECOND, &run->extended);
	client_retry(run->sim, 0, &run->earlier[1], &run->retried);
	client_read_result(run->sim, 0, &run->earlier[2], 0, 10, &run->read);
	sim_run(run->sim, 30 * SECOND);
	client_forget(run->sim, 0, &run->earlier[2], &run->forgotten);
	sim_run(run->sim, 30 * SECOND);
}

/* What was answered holds; what was claimed and then left is abandoned, however short memory was. */
static void check_promises(struct run *run)
{
	const struct answer *answers[] = { &run->kept, &run->lost, &run->taken, &run->progress, &run->resolved,
		&run->rejected };
	static const struct answer never;

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (memcmp(answers[i], &never, sizeof(never)) != 0)
			expect(answers[i]);
	if (run->resolved.calls > 0 && run->resolved.code == ERROR_NONE)
		ck_assert_int_eq(client_state(run->sim, &run->promises[0]), STORE_SUCCEEDED);
	else
		ck_assert_int_ne(client_state(run->sim, &run->promises[0]), STORE_SUCCEEDED);
	ck_assert_int_eq(client_state(run->sim, &run->promises[1]),
	    run->lost.calls > 0 && run->lost.code == ERROR_NONE ? STORE_FAILED : STORE_PENDING);
	ck_assert_int_eq(client_state(run->sim, &run->promises[2]), STORE_PENDING);
	ck_assert_int_eq(client_state(run->sim, &run->promises[3]),
	    run->rejected.code == ERROR_NONE ? STORE_FAILED : STORE_PENDING);
}

/* With memory again: all that was acknowledged is there and comes to its end. */
static void check_everything(struct run *run)
{
	sim_run(run->sim, HOUR);
	for (int i = 0; i < CREATES; i++) {
		expect(&run->created[i]);
		if (run->created[i].code == ERROR_NONE)
			ck_assert_msg(client_view(run->sim, &run->created[i].id).terminal, "created %d is %s", i,
			    future_state_name(client_state(run->sim, &run->created[i].id)));
	}
	for (int i = 0; i < 4; i++) {
		expect(&run->waiting_ones[i]);
		if (run->waiting_ones[i].code == ERROR_NONE)
			ck_assert(client_view(run->sim, &run->waiting_ones[i].id).terminal);
	}
	check_promises(run);
	expect(&run->cancelled);
	expect(&run->extended);
	expect(&run->retried);
	expect(&run->forgotten);
	expect(&run->read);
	ck_assert(run->waiting.code == ERROR_NONE || run->waiting.code == ERROR_OUT_OF_MEMORY);
	ck_assert_uint_eq(run->waiting.calls, run->waiting.code == ERROR_NONE ? 1 : 0);
	ck_assert(run->listener.code == ERROR_NONE || run->listener.code == ERROR_OUT_OF_MEMORY);
	for (size_t i = 1; i < run->listener.count; i++)
		ck_assert_uint_gt(run->listener.events[i].seq, run->listener.events[i - 1].seq);
	ck_assert_msg(!sim_violation(run->sim), "%s", sim_violation(run->sim));
}

START_TEST(whichever_fails)
{
	unsigned nth = 0;

	do {
		static struct run run;

		memset(&run, 0, sizeof(run));
		run.sim = sim_new(1);
		run.earlier[0] = client_make(run.sim, "submit cancel polls=60");
		run.earlier[1] = client_make(run.sim, "submit end=failure");
		run.earlier[2] = client_make(run.sim, "");
		for (size_t i = 0; i < 4; i++)
			run.promises[i] = client_make(run.sim, i == 2 ? "promise release" : "promise");
		sim_run(run.sim, 10 * SECOND);
		happened = false;
		arm(++nth);
		do_everything(&run);
		arm(0);
		check_everything(&run);
		/* What stayed in memory is what is on the disk. */
		sim_crash(run.sim, SECOND);
		if (run.created[0].code == ERROR_NONE)
			ck_assert(client_view(run.sim, &run.created[0].id).terminal);
		for (int i = 6; i < 8; i++)
			if (run.created[i].code == ERROR_NONE)
				ck_assert_int_eq(disk_find(run.sim->disk, run.created[i].id.bytes)->rec.phase,
				    STORE_PHASE_ACKED);
		run.listener.subscription = NULL;
		listener_close(&run.listener);
		sim_free(run.sim);
	} while (happened);
	ck_assert_uint_gt(nth, 100);
}
END_TEST

/* The same for the store's queue, which may be out of memory too. */
START_TEST(whichever_is_not_queued)
{
	for (unsigned nth = 1; nth < 120; nth++) {
		static struct run run;

		memset(&run, 0, sizeof(run));
		run.sim = sim_new(1);
		run.earlier[0] = client_make(run.sim, "submit cancel polls=60");
		run.earlier[1] = client_make(run.sim, "submit end=failure");
		run.earlier[2] = client_make(run.sim, "");
		for (size_t i = 0; i < 4; i++)
			run.promises[i] = client_make(run.sim, i == 2 ? "promise release" : "promise");
		sim_run(run.sim, 10 * SECOND);
		store_sim_refuse(run.sim->store, nth);
		do_everything(&run);
		store_sim_refuse(run.sim->store, 0);
		check_everything(&run);
		listener_close(&run.listener);
		sim_free(run.sim);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory");
	TCase *tcase = tcase_create("memory");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, whichever_fails);
	tcase_add_test(tcase, whichever_is_not_queued);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
