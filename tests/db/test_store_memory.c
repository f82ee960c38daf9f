/* test_store_memory.c - every allocation of SQLite fails once: an answer, and never a wrong one. */
#include "tests/db/fixture.h"

#include <check.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The allocation that fails, counted from when it is set; 0: none. Reads 0 again when it has failed. */
static atomic_int countdown;
static sqlite3_mem_methods below;

static bool fails(void)
{
	return atomic_load(&countdown) > 0 && atomic_fetch_sub(&countdown, 1) == 1;
}

static void *on_malloc(int size)
{
	return fails() ? NULL : below.xMalloc(size);
}

static void *on_realloc(void *at, int size)
{
	return fails() ? NULL : below.xRealloc(at, size);
}

static void install(void)
{
	sqlite3_mem_methods methods;

	ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &below), SQLITE_OK);
	methods = below;
	methods.xMalloc = on_malloc;
	methods.xRealloc = on_realloc;
	ck_assert_int_eq(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
}

static struct fixture_answers answers;
static const struct store_blob nothing = { NULL, 0 };

static void on_bytes(void *arg, int status, const void *data, size_t len)
{
	if (status == 0)
		ck_assert_uint_eq(len, 6);
	fixture_done(arg, status);
}

static void on_texts(void *arg, int status, const struct store_texts *texts)
{
	if (status == 0)
		ck_assert_str_eq(texts->spec, fixture_texts.spec);
	fixture_done(arg, status);
}

static void on_events(void *arg, int status, const struct event_rec *events, size_t count)
{
	fixture_done(arg, status);
}

#define N_OPS 7

/* One of every operation, queued together: create n, end it, read it, and forget n - 1. */
static void ask_all(struct store *store, uint64_t n, uint64_t *seq, struct fixture_ask asks[N_OPS])
{
	struct store_blob result = { "result", 6 };
	struct future_rec rec;
	struct event_rec event;
	uint8_t before[STORE_ID_BYTES];

	for (int i = 0; i < N_OPS; i++)
		asks[i] = (struct fixture_ask){ &answers, i };
	answers.count = 0;
	fixture_rec(&rec, n);
	fixture_id(before, n - 1);
	fixture_event(&event, &rec, STORE_EVENT_CREATED, ++*seq);
	ck_assert_int_eq(store_create(store, &rec, &fixture_texts, &event, fixture_done, &asks[0]), 0);
	rec.state = STORE_SUCCEEDED;
	fixture_event(&event, &rec, STORE_EVENT_CHANGED, ++*seq);
	ck_assert_int_eq(store_update(store, &rec, &event, result, nothing, fixture_done, &asks[1]), 0);
	ck_assert_int_eq(store_read_result(store, rec.id, 0, 64, on_bytes, &asks[2]), 0);
	ck_assert_int_eq(store_read_texts(store, rec.id, on_texts, &asks[3]), 0);
	ck_assert_int_eq(store_read_events(store, 0, 1000, on_events, &asks[4]), 0);
	fixture_event(&event, &rec, STORE_EVENT_FORGOTTEN, ++*seq);
	memcpy(event.id, before, STORE_ID_BYTES);
	ck_assert_int_eq(store_forget(store, before, &event, fixture_done, &asks[5]), 0);
	ck_assert_int_eq(store_read_events(store, *seq - 1, 10, on_events, &asks[6]), 0);
	future_rec_done(&rec);
}

/* What the answers say has to be what is there after a restart. */
static void look(const struct fixture_loaded *loaded, uint64_t n, bool failed)
{
	const struct future_rec *last = loaded->count ? &loaded->recs[loaded->count - 1] : NULL;
	bool there = last && fixture_number(last->id) == n;

	if (failed)
		return;
	ck_assert_uint_eq(answers.count, N_OPS);
	for (unsigned i = 0; i < N_OPS; i++)
		ck_assert_int_eq(answers.tag[i], (int)i);
	ck_assert(there == (answers.status[0] == 0));
	if (there)
		ck_assert(last->state == (answers.status[1] == 0 ? STORE_SUCCEEDED : STORE_RUNNING));
	for (size_t i = 0; i < loaded->count; i++)
		if (fixture_number(loaded->recs[i].id) == n - 1)
			ck_assert_int_ne(answers.status[5], 0);
}

START_TEST(each_allocation_fails_once)
{
	struct fixture_ask asks[N_OPS];
	struct fixture_loaded loaded;
	char *dir;
	struct store *store;
	uint64_t seq = 0, n = 0;
	unsigned answered = 0, failures = 0;
	int fault;

	install();
	dir = fixture_dir();
	for (fault = 1;; fault++) {
		bool failed, hit;

		store = fixture_open(dir, 0, 8, NULL);
		seq = store_last_seq(store);
		n++;
		atomic_store(&countdown, fault);
		ask_all(store, n, &seq, asks);
		failed = fixture_wait(store, &answers.count, N_OPS) < 0;
		hit = atomic_exchange(&countdown, 0) <= 0;
		failures += failed;
		for (unsigned i = 0; i < answers.count; i++)
			answered += answers.status[i] == -ENOMEM;
		store_close(store);
		store = fixture_open(dir, 0, 8, &loaded);
		look(&loaded, n, failed);
		fixture_loaded_done(&loaded);
		store_close(store);
		if (!hit)
			break;
	}
	fprintf(stderr, "%d allocations: %u answers of -ENOMEM, %u failures for good\n", fault - 1, answered, failures);
	ck_assert_uint_gt(answered, 10);
	/* Only a commit may be the end, and it allocates little. */
	ck_assert_uint_lt(failures, 10);
	fixture_remove(dir);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_memory");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, each_allocation_fails_once);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
