/* test_ballast.c - room set aside, given up, and taken back; the last on a file system that is full. */
#include "db/ballast.h"
#include "tests/db/fixture.h"
#include "tests/db/tmpfs.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (1024 * 1024)
#define SECOND UINT64_C(1000000)

static char *dir;

static void setup(void)
{
	dir = fixture_dir();
}

static void teardown(void)
{
	fixture_remove(dir);
}

/* Allocated bytes of the ballast file, -1 when there is none. */
static int64_t allocated(const struct ballast *ballast)
{
	struct stat st;

	return stat(ballast->path, &st) == 0 ? (int64_t)st.st_blocks * 512 : -1;
}

START_TEST(it_takes_real_room)
{
	struct ballast ballast;
	struct stat st;

	ck_assert_int_eq(ballast_init(&ballast, dir, MIB), 0);
	ck_assert_int_eq(ballast_take(&ballast), 0);
	ck_assert(ballast.held);
	ck_assert_int_ge(allocated(&ballast), MIB);
	ck_assert_int_eq(stat(ballast.path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert(ballast_release(&ballast, 0));
	ck_assert(!ballast.held);
	ck_assert_int_eq(allocated(&ballast), -1);
	ck_assert(!ballast_release(&ballast, 0));
	ballast_done(&ballast);
}
END_TEST

START_TEST(a_part_of_one_is_made_whole)
{
	struct ballast ballast;

	ck_assert_int_eq(ballast_init(&ballast, dir, MIB), 0);
	ck_assert_int_eq(ballast_take(&ballast), 0);
	/* The right size, but a hole. */
	ck_assert_int_eq(truncate(ballast.path, 0), 0);
	ck_assert_int_eq(truncate(ballast.path, MIB), 0);
	ck_assert_int_eq(ballast_take(&ballast), 0);
	ck_assert_int_ge(allocated(&ballast), MIB);
	ballast_done(&ballast);

	/* And none goes when none is wanted. */
	ck_assert_int_eq(ballast_init(&ballast, dir, 0), 0);
	ck_assert_int_eq(ballast_take(&ballast), 0);
	ck_assert(ballast.held);
	ck_assert_int_eq(allocated(&ballast), -1);
	ck_assert(!ballast_release(&ballast, 0));
	ballast_done(&ballast);
}
END_TEST

START_TEST(it_comes_back_after_a_while)
{
	struct ballast ballast;

	ck_assert_int_eq(ballast_init(&ballast, dir, MIB), 0);
	ck_assert_int_eq(ballast_take(&ballast), 0);
	ballast_release(&ballast, 100 * SECOND);
	ck_assert(!ballast_restore(&ballast, 100 * SECOND));
	ck_assert(!ballast_restore(&ballast, 130 * SECOND - 1));
	ck_assert(ballast_restore(&ballast, 130 * SECOND));
	ck_assert_int_ge(allocated(&ballast), MIB);
	ballast_done(&ballast);
}
END_TEST

START_TEST(a_full_disk_has_no_room_for_it)
{
	struct ballast ballast;
	int r = tmpfs_mount(dir, 4 * MIB);

	if (r < 0) {
		fprintf(stderr, "SKIPPED a_full_disk_has_no_room_for_it: no tmpfs: %s\n", strerror(-r));
		return;
	}
	ck_assert_int_eq(ballast_init(&ballast, dir, MIB), 0);
	tmpfs_fill(dir);
	ck_assert_int_eq(ballast_take(&ballast), -ENOSPC);
	ck_assert(!ballast.held);
	ck_assert_int_eq(allocated(&ballast), -1);
	ck_assert(!ballast_restore(&ballast, 0));
	tmpfs_empty(dir);
	ck_assert(ballast_restore(&ballast, 30 * SECOND));

	/* Room for the file alone is not enough: it would be given up at the next write. */
	tmpfs_fill(dir);
	ballast_release(&ballast, 100 * SECOND);
	ck_assert(!ballast_restore(&ballast, 130 * SECOND));
	ck_assert_int_eq(allocated(&ballast), -1);
	ballast_done(&ballast);
	tmpfs_unmount(dir);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ballast");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, it_takes_real_room);
	tcase_add_test(tcase, a_part_of_one_is_made_whole);
	tcase_add_test(tcase, it_comes_back_after_a_while);
	tcase_add_test(tcase, a_full_disk_has_no_room_for_it);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
