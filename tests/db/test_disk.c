/* test_disk.c - the files around the database: its home, its lock, how files are made. */
#include "db/disk.h"
#include "tests/db/fixture.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(network_types_are_told_from_local_ones)
{
	static const uint32_t network[] = { 0x6969, 0xff534d42, 0xfe534d42, 0x0bd00bd0, 0x47504653, 0x5346414f,
		0x01021997, 0x00c36400, 0x65735546 };
	static const uint32_t local[] = { 0xef53 /* ext4 */, 0x58465342 /* xfs */, 0x9123683e /* btrfs */,
		0x01021994 /* tmpfs */, 0x794c7630 /* overlayfs */, 0x2fc12fc1 /* zfs */ };

	for (size_t i = 0; i < sizeof(network) / sizeof(network[0]); i++)
		ck_assert_ptr_nonnull(disk_network_name(network[i]));
	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		ck_assert_ptr_null(disk_network_name(local[i]));
	ck_assert_str_eq(disk_network_name(0x6969), "NFS");
}
END_TEST

START_TEST(the_home_is_a_directory)
{
	char text[256];
	char *dir = fixture_dir();
	char *file = disk_path(dir, "file");

	ck_assert_int_eq(disk_check(dir, text), 0);
	ck_assert_int_eq(disk_create(file), 0);
	ck_assert_int_eq(disk_check(file, text), -ENOTDIR);
	ck_assert_ptr_nonnull(strstr(text, file));
	ck_assert_int_eq(disk_check("/nonexistent/futured", text), -ENOENT);
	free(file);
	fixture_remove(dir);
}
END_TEST

START_TEST(files_are_their_owners)
{
	char *dir = fixture_dir();
	char *file = disk_path(dir, "file");
	char *link = disk_path(dir, "link");
	struct stat st;

	umask(0);
	ck_assert_int_eq(disk_create(file), 0);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(disk_create(file), -EEXIST);
	ck_assert_int_eq(symlink("/nonexistent/futured", link), 0);
	ck_assert_int_eq(disk_create(link), -EEXIST);
	free(link);
	free(file);
	fixture_remove(dir);
}
END_TEST

/* In another process: what disk_lock says there, and whether it names the holder. */
static int lock_elsewhere(const char *dir, long holder)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		char text[256] = "", name[32];
		int r = disk_lock(dir, text);

		snprintf(name, sizeof(name), "process %ld", holder);
		if (r == -EBUSY && strstr(text, dir) && strstr(text, name))
			_exit(2);
		_exit(r >= 0 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(the_lock_has_one_holder)
{
	char text[256];
	char *dir = fixture_dir();
	int fd = disk_lock(dir, text);

	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(lock_elsewhere(dir, getpid()), 2);
	close(fd);
	ck_assert_int_eq(lock_elsewhere(dir, getpid()), 0);
	fixture_remove(dir);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("disk");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, network_types_are_told_from_local_ones);
	tcase_add_test(tcase, the_home_is_a_directory);
	tcase_add_test(tcase, files_are_their_owners);
	tcase_add_test(tcase, the_lock_has_one_holder);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
