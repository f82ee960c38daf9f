/* test_shared_memory.c - one allocation fails while batches and heartbeats are under way, whichever it is. */

/* The core is compiled for this test with its allocations going elsewhere; this file has the real ones. */
#undef malloc
#undef calloc
#undef realloc
#undef strdup
#undef strndup

#include "tests/daemon/broker/batch_case.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

void *fail_malloc(size_t size);
void *fail_calloc(size_t count, size_t size);
void *fail_realloc(void *old, size_t size);
char *fail_strdup(const char *text);
char *fail_strndup(const char *text, size_t len);

static unsigned countdown;              /* the nth allocation from here on fails; 0: none */

static bool fails(void)
{
	return countdown > 0 && --countdown == 0;
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

static void name_session(struct rig *of, const struct id *id, struct verdict *verdict)
{
	(void)of;
	verdict->captured = batch_is_odd(id) ? "{\"session\":2}" : "{\"session\":1}";
	verdict->progress = slice_from_str("1");
}

/* Submits, the first turns, a list that fails, ends: with the nth allocation of it failing. True: it came to that. */
static bool run(unsigned nth)
{
	bool happened;

	rig->kinds[0].plan.keepalive_usec = 5 * SECOND;
	rig->kinds[0].plan.batch_max = 3;
	for (size_t i = 0; i < 5; i++)
		rig_create(rig, 1000, 0, UINT64_MAX, &ids[i]);
	rig_commit(rig);
	odd = ids[1];
	odd_outcome = OUTCOME_PENDING;
	rig->on_item = name_session;
	countdown = nth;
	rig_run(rig, 10 * SECOND);
	rig->on_list = batch_refuse;
	rig_run(rig, 10 * SECOND);
	rig->on_list = NULL;
	rig->on_item = batch_say;
	odd_outcome = OUTCOME_MISSING;
	rig_run(rig, 20 * SECOND);
	outcome = odd_outcome = OUTCOME_SUCCESS;
	rig->on_poll = batch_say;
	rig_run(rig, 100 * SECOND);
	happened = countdown == 0;
	countdown = 0;
	rig_run(rig, 100 * SECOND);
	return happened;
}

START_TEST(whichever_it_is)
{
	unsigned nth = 1;
	bool happened;

	do {
		batch_setup();
		happened = run(nth++);
		batch_expect_all(5, STORE_SUCCEEDED);
		ck_assert_uint_eq(rig_stats(rig).in_flight, 0);
		ck_assert_uint_eq(rig_stats(rig).queued, 0);
		ck_assert_uint_eq(rig_stats(rig).next_due_in_usec, UINT64_MAX);
		ck_assert_uint_gt(rig->beats.count, 5);
		batch_teardown();
	} while (happened);
	ck_assert_uint_gt(nth, 100);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shared_memory");
	TCase *tcase = tcase_create("shared_memory");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, whichever_it_is);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
