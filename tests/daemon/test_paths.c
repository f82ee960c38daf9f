/* test_paths.c - default places, and directories that are not private enough. */
#include "daemon/paths.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], text[256];
static struct paths paths;

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/paths-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("XDG_STATE_HOME");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("STATE_DIRECTORY");
	setenv("HOME", "/home/u", 1);
}

static void teardown(void)
{
	char path[200];

	ck_assert_int_eq(seteuid(getuid()), 0);
	snprintf(path, sizeof(path), "%s/a/b", dir);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/a", dir);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/futured-%u", dir, getuid() == 0 ? 12345 : (unsigned)getuid());
	rmdir(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* Tests of the per-user places run as a user. */
static void become_user(void)
{
	ck_assert_int_eq(chmod(dir, 0777), 0);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(12345), 0);
}

START_TEST(of_a_user)
{
	become_user();
	setenv("XDG_RUNTIME_DIR", "/run/user/5", 1);
	ck_assert_msg(paths_find(NULL, NULL, NULL, &paths, text) == 0, "%s", text);
	ck_assert(!paths.machine);
	ck_assert_str_eq(paths.socket, "/run/user/5/futured/futured.sock");
	ck_assert_str_eq(paths.state, "/home/u/.local/state/futured");
	ck_assert_str_eq(paths.config, "/home/u/.config/futured/futured.conf");
	ck_assert_str_eq(paths.credentials, "/home/u/.config/futured/credentials");
	ck_assert_str_eq(paths.profiles_user, "/home/u/.config/futured/profiles");
	setenv("XDG_STATE_HOME", "/s", 1);
	setenv("XDG_CONFIG_HOME", "/c", 1);
	ck_assert_int_eq(paths_find(NULL, NULL, NULL, &paths, text), 0);
	ck_assert_str_eq(paths.state, "/s/futured");
	ck_assert_str_eq(paths.config, "/c/futured/futured.conf");
	setenv("XDG_STATE_HOME", "relative", 1);     /* counts as unset */
	ck_assert_int_eq(paths_find(NULL, NULL, NULL, &paths, text), 0);
	ck_assert_str_eq(paths.state, "/home/u/.local/state/futured");
}
END_TEST

START_TEST(of_the_machine)
{
	if (getuid() != 0)
		return;
	ck_assert_int_eq(paths_find(NULL, NULL, NULL, &paths, text), 0);
	ck_assert(paths.machine);
	ck_assert_str_eq(paths.socket, "/run/futured/futured.sock");
	ck_assert_str_eq(paths.state, "/var/lib/futured");
	ck_assert_str_eq(paths.config, SYSCONFDIR "/futured/futured.conf");
	ck_assert_str_eq(paths.credentials, "");
	ck_assert_str_eq(paths.profiles_user, "");
	setenv("XDG_RUNTIME_DIR", "/r", 1);          /* root's own */
	setenv("HOME", "/root", 1);
	ck_assert_int_eq(paths_find(NULL, NULL, NULL, &paths, text), 0);
	ck_assert_str_eq(paths.socket, "/r/futured/futured.sock");
	ck_assert_str_eq(paths.state, "/root/.local/state/futured");
}
END_TEST

START_TEST(given_ones_and_systemds_win)
{
	become_user();
	setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
	ck_assert_int_eq(paths_find("/x/s", NULL, "c", &paths, text), 0);
	ck_assert_str_eq(paths.socket, "/x/s");
	ck_assert_str_eq(paths.config, "c");
	ck_assert_str_eq(paths.state, "/var/lib/one");
	ck_assert_int_eq(paths_find("/x/s", "/mine", "c", &paths, text), 0);
	ck_assert_str_eq(paths.state, "/mine");
}
END_TEST

START_TEST(without_a_home)
{
	become_user();
	unsetenv("HOME");
	ck_assert_int_eq(paths_find("/x/s", NULL, NULL, &paths, text), -ENOENT);
	ck_assert_ptr_nonnull(strstr(text, "give --state-dir"));
	ck_assert_int_eq(paths_find("/x/s", "/mine", NULL, &paths, text), 0);
	ck_assert_str_eq(paths.config, "");
	ck_assert_str_eq(paths.credentials, "");
}
END_TEST

START_TEST(without_a_runtime_directory)
{
	char expected[200];
	struct stat st;

	become_user();
	if (geteuid() != 12345)
		return;                                  /* a real user may have one in /run/user */
	setenv("TMPDIR", dir, 1);
	ck_assert_msg(paths_find(NULL, NULL, NULL, &paths, text) == 0, "%s", text);
	snprintf(expected, sizeof(expected), "%s/futured-12345/futured.sock", dir);
	ck_assert_str_eq(paths.socket, expected);
	*strrchr(expected, '/') = '\0';
	ck_assert_int_lt(stat(expected, &st), 0);    /* the listener makes it, if it is needed at all */
	ck_assert_int_eq(mkdir(expected, 0700), 0);
	ck_assert_int_eq(paths_find(NULL, NULL, NULL, &paths, text), 0);
	ck_assert_int_eq(chmod(expected, 0755), 0);
	ck_assert_int_eq(paths_find(NULL, NULL, NULL, &paths, text), -EPERM);
	ck_assert_ptr_nonnull(strstr(text, "is open to others"));
	ck_assert_ptr_nonnull(strstr(text, "give --socket"));
}
END_TEST

START_TEST(a_runtime_directory_of_someone_else)
{
	char path[200];

	if (getuid() != 0)
		return;
	snprintf(path, sizeof(path), "%s/futured-12345", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);      /* root's */
	become_user();
	setenv("TMPDIR", dir, 1);
	ck_assert_int_lt(paths_find(NULL, NULL, NULL, &paths, text), 0);
}
END_TEST

START_TEST(state_directory)
{
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/a/b", dir);
	ck_assert_msg(paths_prepare_state(path, text) == 0, "%s", text);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_int_eq(paths_prepare_state(path, text), 0);
	ck_assert_int_eq(chmod(path, 0720), 0);
	ck_assert_int_eq(paths_prepare_state(path, text), -EPERM);
	ck_assert_int_eq(paths_prepare_state("/dev/null", text), -ENOTDIR);
}
END_TEST

START_TEST(too_long)
{
	char *large = malloc(PATH_MAX + 10);

	memset(large, 'x', PATH_MAX + 9);
	large[0] = '/';
	large[PATH_MAX + 9] = '\0';
	ck_assert_int_eq(paths_find(large, "/s", "/c", &paths, text), -ENAMETOOLONG);
	ck_assert_int_eq(paths_prepare_state(large, text), -ENAMETOOLONG);
	free(large);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("paths");
	TCase *tcase = tcase_create("paths");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, of_a_user);
	tcase_add_test(tcase, of_the_machine);
	tcase_add_test(tcase, given_ones_and_systemds_win);
	tcase_add_test(tcase, without_a_home);
	tcase_add_test(tcase, without_a_runtime_directory);
	tcase_add_test(tcase, a_runtime_directory_of_someone_else);
	tcase_add_test(tcase, state_directory);
	tcase_add_test(tcase, too_long);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
