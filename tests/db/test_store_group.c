/* test_store_group.c - order, groups and the thread: opening, closing, and what callbacks may do. */
#include "tests/db/fixture.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *dir;
static struct store *store;
static struct fixture_answers answers;

static void setup(void)
{
	dir = fixture_dir();
	store = fixture_open(dir, 0, 1000, NULL);
	memset(&answers, 0, sizeof(answers));
}

static void teardown(void)
{
	store = store_close(store);
	fixture_remove(dir);
}

static void reopen(struct fixture_loaded *loaded)
{
	store_close(store);
	store = fixture_open(dir, 0, 1000, loaded);
}

START_TEST(answers_come_in_order_and_one_failure_is_alone)
{
	static struct fixture_ask asks[1000];
	struct fixture_loaded loaded;
	struct store_stats stats;

	/* Every tenth takes the id of the one before it. */
	for (int i = 0; i < 1000; i++) {
		asks[i] = (struct fixture_ask){ &answers, i };
		fixture_ask_create(store, (uint64_t)(i % 10 == 9 ? i - 1 : i), (uint64_t)i + 1, &asks[i]);
	}
	store_stats(store, &stats);
	ck_assert_uint_eq(stats.queued, 1000);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 1000), 0);
	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(answers.tag[i], i);
		ck_assert_int_eq(answers.status[i], i % 10 == 9 ? -EEXIST : 0);
	}
	store_stats(store, &stats);
	ck_assert_uint_eq(stats.queued, 0);
	ck_assert_uint_eq(stats.operations, 1000);
	/* The first may go alone while the rest gathers, and the queue is filled faster than it is written. */
	ck_assert_uint_ge(stats.commits, 1);
	ck_assert_uint_lt(stats.commits, 200);
	ck_assert_uint_gt(stats.database_bytes + stats.wal_bytes, 0);
	ck_assert(!stats.disk_full);
	reopen(&loaded);
	ck_assert_uint_eq(loaded.count, 900);
	ck_assert_uint_eq(store_last_seq(store), 999);
	fixture_loaded_done(&loaded);
}
END_TEST

START_TEST(what_gathers_is_one_transaction)
{
	static struct fixture_ask asks[1000];
	struct store_config config = { .dir = dir, .events_max = 100000 };
	struct store_stats stats;
	char text[256];

	/* Queued before the thread runs: the groups are as large as they can be. */
	store_close(store);
	ck_assert_int_eq(store_open(&config, NULL, NULL, &store, text), 0);
	for (int i = 0; i < 1000; i++) {
		asks[i] = (struct fixture_ask){ &answers, i };
		fixture_ask_create(store, (uint64_t)i, (uint64_t)i + 1, &asks[i]);
	}
	ck_assert_int_eq(store_start(store), 0);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 1000), 0);
	store_stats(store, &stats);
	ck_assert_uint_eq(stats.commits, 1);
}
END_TEST

static unsigned reads;

static void on_texts(void *arg, int status, const struct store_texts *texts)
{
	reads++;
}

START_TEST(reading_costs_no_commit)
{
	struct store_stats before, after;
	uint8_t id[STORE_ID_BYTES];

	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
	store_stats(store, &before);
	fixture_id(id, 1);
	ck_assert_int_eq(store_read_texts(store, id, on_texts, NULL), 0);
	ck_assert_int_eq(fixture_wait(store, &reads, 1), 0);
	store_stats(store, &after);
	ck_assert_uint_eq(after.commits, before.commits);
	ck_assert_uint_eq(after.operations, before.operations + 1);
}
END_TEST

START_TEST(closing_commits_and_answers)
{
	static struct fixture_ask asks[100];
	struct fixture_loaded loaded;
	char path[512];

	for (int i = 0; i < 100; i++) {
		asks[i] = (struct fixture_ask){ &answers, i };
		fixture_ask_create(store, (uint64_t)i, (uint64_t)i + 1, &asks[i]);
	}
	reopen(&loaded);
	ck_assert_uint_eq(answers.count, 100);
	ck_assert_uint_eq(loaded.count, 100);
	fixture_loaded_done(&loaded);
	store = store_close(store);
	ck_assert_ptr_null(store_close(NULL));

	/* One file is left, which ordinary tools can read. */
	snprintf(path, sizeof(path), "%s/state.db-wal", dir);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(closing_without_a_thread_commits_too)
{
	struct store_config config = { .dir = dir, .events_max = 100 };
	struct fixture_ask ask = { &answers, 0 };
	struct fixture_loaded loaded;
	char text[256];

	store_close(store);
	ck_assert_int_eq(store_open(&config, NULL, NULL, &store, text), 0);
	fixture_ask_create(store, 1, 1, &ask);
	reopen(&loaded);
	ck_assert_uint_eq(answers.count, 1);
	ck_assert_int_eq(answers.status[0], 0);
	ck_assert_uint_eq(loaded.count, 1);
	fixture_loaded_done(&loaded);
}
END_TEST

static int late_result;

/* A callback that asks for more. */
static void ask_again(void *arg, int status)
{
	uint8_t id[STORE_ID_BYTES] = { 0 };

	late_result = store_forget(store, id, NULL, NULL, NULL);
}

START_TEST(a_callback_may_ask_for_more)
{
	struct future_rec rec;

	late_result = -1;
	fixture_rec(&rec, 1);
	ck_assert_int_eq(store_create(store, &rec, &fixture_texts, NULL, ask_again, NULL), 0);
	ck_assert_int_eq(fixture_create(store, 3, 1), 0);
	ck_assert_int_eq(late_result, 0);

	late_result = -1;
	fixture_id(rec.id, 2);
	free(rec.key);
	rec.key = NULL;
	ck_assert_int_eq(store_create(store, &rec, &fixture_texts, NULL, ask_again, NULL), 0);
	store = store_close(store);
	ck_assert_int_eq(late_result, -ESHUTDOWN);
	future_rec_done(&rec);
}
END_TEST

START_TEST(an_open_store_is_busy_for_others)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct store *other = NULL;
		char text[256] = "";
		int r = fixture_try_open(dir, &other, text);

		_exit(r == -EBUSY && !other && strstr(text, dir) && strstr(text, "in use") ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
}
END_TEST

static int refuse_second(struct future_rec *rec, const struct store_texts *texts, void *arg)
{
	return fixture_number(rec->id) == 2 ? -E2BIG : 0;
}

START_TEST(loading_can_be_stopped)
{
	struct store_config config = { .dir = dir, .events_max = 100 };
	char text[256] = "";

	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
	ck_assert_int_eq(fixture_create(store, 2, 2), 0);
	store = store_close(store);
	ck_assert_int_eq(store_open(&config, refuse_second, NULL, &store, text), -E2BIG);
	ck_assert_ptr_null(store);
	ck_assert_ptr_nonnull(strstr(text, dir));
}
END_TEST

START_TEST(the_thread_takes_no_signals)
{
	sigset_t set, before;
	siginfo_t info;
	struct timespec at_once = { 0, 0 };

	/* Blocked here, a signal for the process stays pending only if no other thread takes it. */
	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &before);
	kill(getpid(), SIGUSR1);
	ck_assert_int_eq(fixture_create(store, 2, 2), 0);
	ck_assert_int_eq(sigtimedwait(&set, &info, &at_once), SIGUSR1);
	sigprocmask(SIG_SETMASK, &before, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_group");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, answers_come_in_order_and_one_failure_is_alone);
	tcase_add_test(tcase, what_gathers_is_one_transaction);
	tcase_add_test(tcase, reading_costs_no_commit);
	tcase_add_test(tcase, closing_commits_and_answers);
	tcase_add_test(tcase, closing_without_a_thread_commits_too);
	tcase_add_test(tcase, a_callback_may_ask_for_more);
	tcase_add_test(tcase, an_open_store_is_busy_for_others);
	tcase_add_test(tcase, loading_can_be_stopped);
	tcase_add_test(tcase, the_thread_takes_no_signals);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
