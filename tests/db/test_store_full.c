/* test_store_full.c - a disk that is really full: a small tmpfs in a mount namespace of its own. */
#include "tests/db/fixture.h"
#include "tests/db/tmpfs.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1024 * 1024)

/* What automake takes for "not run". */
#define EXIT_SKIPPED 77

static struct store *store;
static struct fixture_answers answers;
static const struct store_blob nothing = { NULL, 0 };

static bool disk_full(void)
{
	struct store_stats stats;

	store_stats(store, &stats);
	return stats.disk_full;
}

/* Give number n a result of that size, and wait. */
static int end_with_result(uint64_t n, uint64_t seq, size_t len)
{
	struct fixture_ask ask = { &answers, 0 };
	struct future_rec rec;
	struct event_rec event;
	char *data = calloc(1, len + 1);
	struct store_blob blob = { data, len };

	answers.count = 0;
	fixture_rec(&rec, n);
	fixture_event(&event, &rec, STORE_EVENT_CHANGED, seq);
	ck_assert_int_eq(store_update(store, &rec, &event, blob, nothing, fixture_done, &ask), 0);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 1), 0);
	free(data);
	future_rec_done(&rec);
	return answers.status[0];
}

START_TEST(a_full_disk_stops_what_is_new_only)
{
	struct fixture_loaded loaded;
	char *dir = fixture_dir();
	uint64_t seq = 0, n = 0;
	int status = 0;

	ck_assert_int_eq(tmpfs_mount(dir, 8 * MIB), 0);
	store = fixture_open(dir, 2 * MIB, 1000, NULL);
	for (n = 1; n <= 10; n++)
		ck_assert_int_eq(fixture_create(store, n, ++seq), 0);
	tmpfs_fill(dir);

	/* The WAL has no room to grow: sooner or later the ballast goes, and then nothing new is taken. */
	for (n = 11; n < 2000 && status == 0; n++)
		status = fixture_create(store, n, ++seq);
	ck_assert_int_eq(status, -ENOSPC);
	ck_assert(disk_full());

	/* What runs goes on, and is remembered. */
	for (uint64_t i = 1; i <= 10; i++)
		ck_assert_int_eq(end_with_result(i, ++seq, 1000), 0);
	ck_assert_int_eq(fixture_create(store, 3000, ++seq), -ENOSPC);
	store_close(store);

	/* A start on a full disk works, and knows it. (The WAL's room, given back by the close, is taken again.) */
	tmpfs_fill(dir);
	store = fixture_open(dir, 2 * MIB, 1000, &loaded);
	ck_assert_uint_ge(loaded.count, n - 2);
	ck_assert(disk_full());
	ck_assert_int_eq(fixture_create(store, 3000, ++seq), -ENOSPC);
	store_close(store);
	fixture_loaded_done(&loaded);

	/* With room again everything is as before. */
	tmpfs_empty(dir);
	store = fixture_open(dir, 2 * MIB, 1000, NULL);
	ck_assert(!disk_full());
	ck_assert_int_eq(fixture_create(store, 3000, ++seq), 0);
	store_close(store);
	tmpfs_unmount(dir);
	fixture_remove(dir);
}
END_TEST

START_TEST(a_result_that_does_not_fit_waits_until_it_does)
{
	struct fixture_ask ask = { &answers, 0 };
	struct fixture_loaded loaded;
	char *dir = fixture_dir();
	char *data = calloc(1, 3 * MIB);
	struct store_blob blob = { data, 3 * MIB };
	struct future_rec rec;

	ck_assert_int_eq(tmpfs_mount(dir, 8 * MIB), 0);
	store = fixture_open(dir, 256 * 1024, 1000, NULL);
	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
	tmpfs_fill(dir);
	fixture_rec(&rec, 1);
	rec.result_size = 3 * MIB;
	ck_assert_int_eq(store_update(store, &rec, NULL, blob, nothing, fixture_done, &ask), 0);
	ck_assert_int_eq(fixture_create(store, 2, 2), -ENOSPC);
	ck_assert_uint_eq(answers.count, 0);
	tmpfs_empty(dir);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 1), 0);
	ck_assert_int_eq(answers.status[0], 0);
	store_close(store);
	store = fixture_open(dir, 256 * 1024, 1000, &loaded);
	ck_assert_int_eq(loaded.recs[0].result_size, 3 * MIB);
	store_close(store);
	fixture_loaded_done(&loaded);
	future_rec_done(&rec);
	free(data);
	tmpfs_unmount(dir);
	fixture_remove(dir);
}
END_TEST

/* Each test mounts in its own process. Is that allowed here? */
static int try_mount(void)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(-tmpfs_mount("/tmp", MIB));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : ECHILD;
}

int main(void)
{
	Suite *suite = suite_create("store_full");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;
	int error = try_mount();

	if (error) {
		fprintf(stderr, "SKIPPED: no tmpfs of its own: %s\n", strerror(error));
		return EXIT_SKIPPED;
	}
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_full_disk_stops_what_is_new_only);
	tcase_add_test(tcase, a_result_that_does_not_fit_waits_until_it_does);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, CK_FORK);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
