/* test_credential.c - whose files are taken for secrets, and what may be in them. */
#include "config.h"

#include "daemon/remote/credential.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define VALUE "hunter2"

static char directory[128];
static char managed[160];

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	unsetenv("CREDENTIALS_DIRECTORY");
	snprintf(directory, sizeof(directory), "%s/credential.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(managed, sizeof(managed), "%s.managed", directory);
	ck_assert_int_eq(mkdir(managed, 0700), 0);
}

static void teardown(void)
{
	char command[400];

	snprintf(command, sizeof(command), "rm -rf '%s' '%s'", directory, managed);
	ck_assert_int_eq(system(command), 0);
}

static void put(const char *in, const char *name, const char *text, size_t len, mode_t mode)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", in, name);
	/* The one before may be read only. */
	ck_assert(unlink(path) == 0 || errno == ENOENT);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void expect(const char *name, const char *value)
{
	struct error error = { 0 };
	char *got = NULL;
	int r = credential_read(name, directory, &got, &error);

	ck_assert_msg(r == 0, "%d: %s", r, error.message);
	ck_assert_str_eq(got, value);
	ck_assert_ptr_null(credential_free(got));
}

/* Refused, with these words, the name and the path, and without the value. */
static void expect_refusal(const char *name, const char *words)
{
	struct error error = { 0 };
	char *got = NULL;
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	ck_assert_int_eq(credential_read(name, directory, &got, &error), -ENOEXEC);
	ck_assert_ptr_null(got);
	ck_assert_int_eq(error.code, ERROR_INVALID_SPEC);
	ck_assert_msg(strstr(error.message, words) != NULL, "%s", error.message);
	ck_assert_msg(strstr(error.message, path) != NULL, "%s", error.message);
	ck_assert_ptr_null(strstr(error.message, VALUE));
}

static const struct {
	const char *text;
	size_t len;
	const char *value;             /* NULL: refused with words */
	const char *words;
} contents[] = {
	{ VALUE, 7, VALUE, NULL },
	{ VALUE "\n", 8, VALUE, NULL },
	{ " two words ", 11, " two words ", NULL },
	{ "caf\xc3\xa9\n", 6, "caf\xc3\xa9", NULL },
	{ VALUE "\n\n", 9, NULL, "more than one line" },
	{ VALUE "\r\n", 9, NULL, "control characters" },
	{ VALUE "\nX-Other: a", 18, NULL, "more than one line" },
	{ VALUE "\0tail", 12, NULL, "control characters" },
	{ VALUE "\x7f", 8, NULL, "control characters" },
	{ "", 0, NULL, "empty" },
	{ "\n", 1, NULL, "empty" },
};

START_TEST(test_contents)
{
	put(directory, "token", contents[_i].text, contents[_i].len, 0600);
	if (contents[_i].value)
		expect("token", contents[_i].value);
	else
		expect_refusal("token", contents[_i].words);
}
END_TEST

START_TEST(test_size)
{
	size_t max = 64 * 1024;
	char *text = malloc(max + 2);

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', max + 1);
	put(directory, "token", text, max + 1, 0600);
	expect_refusal("token", "larger than 64 KiB");
	put(directory, "token", text, max, 0600);
	text[max] = '\0';
	expect("token", text);
	free(text);
}
END_TEST

static const mode_t open_modes[] = { 0640, 0604, 0620, 0602, 0610, 0601, 0644, 0666, 0777 };

START_TEST(test_modes)
{
	put(directory, "token", VALUE, 7, open_modes[_i]);
	expect_refusal("token", "chmod 600");
	put(directory, "token", VALUE, 7, 0400);
	expect("token", VALUE);
}
END_TEST

START_TEST(test_kinds)
{
	char path[300];

	put(directory, "real", VALUE, 7, 0600);
	snprintf(path, sizeof(path), "%s/link", directory);
	ck_assert_int_eq(symlink("real", path), 0);
	expect_refusal("link", "symbolic link");
	snprintf(path, sizeof(path), "%s/dir", directory);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	expect_refusal("dir", "not a regular file");
	/* must not wait for a writer */
	snprintf(path, sizeof(path), "%s/fifo", directory);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	expect_refusal("fifo", "not a regular file");
	expect_refusal("missing", "No such file or directory");
}
END_TEST

/* Only root can give a file away, and only another user's file shows the check. */
START_TEST(test_owner)
{
	char path[300];

	if (geteuid() != 0)
		return;
	put(directory, "token", VALUE, 7, 0600);
	snprintf(path, sizeof(path), "%s/token", directory);
	ck_assert_int_eq(chown(path, 12345, 12345), 0);
	expect_refusal("token", "another user");
	/* root's files are good for everyone who can read them, one's own too */
	ck_assert_int_eq(chmod(directory, 0755), 0);
	ck_assert_int_eq(seteuid(12345), 0);
	expect("token", VALUE);
	ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

START_TEST(test_names)
{
	static const char *const bad[] = {
		"", ".", "..", ".hidden", "a/b", "../real", "/etc/passwd", "a b", "a\nb", "caf\xc3\xa9",
	};
	char *got = NULL;
	char name[200];
	size_t i;

	put(directory, "A-z_0.9", VALUE, 7, 0600);
	expect("A-z_0.9", VALUE);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(credential_read(bad[i], directory, &got, NULL), -ENOEXEC);
	memset(name, 'a', sizeof(name));
	name[199] = '\0';
	ck_assert_int_eq(credential_read(name, directory, &got, NULL), -ENOEXEC);
	ck_assert_ptr_null(got);
}
END_TEST

/* The service manager's directory comes first, and its files may have the modes that it gives them. */
START_TEST(test_managed)
{
	struct error error = { 0 };
	char *got = NULL;
	char path[300];

	setenv("CREDENTIALS_DIRECTORY", managed, 1);
	put(directory, "token", "own", 3, 0600);
	expect("token", "own");
	put(managed, "token", VALUE, 7, 0444);
	expect("token", VALUE);
	/* not silently the other one, when the first is no good */
	snprintf(path, sizeof(path), "%s/token", managed);
	put(managed, "token", "", 0, 0444);
	ck_assert_int_eq(credential_read("token", directory, &got, &error), -ENOEXEC);
	ck_assert_msg(strstr(error.message, path) != NULL, "%s", error.message);
	ck_assert_int_eq(credential_read("token", NULL, &got, &error), -ENOEXEC);
	ck_assert_int_eq(credential_read("missing", NULL, &got, &error), -ENOEXEC);
	ck_assert_msg(strstr(error.message, managed) != NULL, "%s", error.message);
	unsetenv("CREDENTIALS_DIRECTORY");
	ck_assert_int_eq(credential_read("token", NULL, &got, &error), -ENOEXEC);
	ck_assert_str_eq(error.message, "credential token: there is no credentials directory");
	ck_assert_ptr_null(got);
}
END_TEST

START_TEST(test_read_afresh)
{
	put(directory, "token", "first", 5, 0600);
	expect("token", "first");
	put(directory, "token", "second", 6, 0600);
	expect("token", "second");
	ck_assert_ptr_null(credential_free(NULL));
}
END_TEST

START_TEST(test_write)
{
	struct error error = { 0 };
	char path[300];
	struct stat st;

	put(directory, "token", "old", 3, 0400);
	ck_assert_msg(credential_write("token", directory, VALUE, &error) == 0, "%s", error.message);
	expect("token", VALUE);
	snprintf(path, sizeof(path), "%s/token", directory);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(credential_write("../token", directory, VALUE, &error), -ENOEXEC);
	ck_assert_int_eq(credential_write("token", path, VALUE, &error), -ENOEXEC);
	ck_assert_ptr_nonnull(strstr(error.message, path));
	ck_assert_ptr_null(strstr(error.message, VALUE));
}
END_TEST

START_TEST(test_read_own)
{
	struct error error = { 0 };
	char *got = NULL;

	setenv("CREDENTIALS_DIRECTORY", managed, 1);
	put(managed, "token", "theirs", 6, 0400);
	ck_assert_int_eq(credential_read_own("token", directory, &got, &error), -ENOENT);
	ck_assert_int_eq(error.code, ERROR_NONE);
	put(directory, "token", VALUE, strlen(VALUE), 0600);
	ck_assert_int_eq(credential_read_own("token", directory, &got, &error), 0);
	ck_assert_str_eq(got, VALUE);
	credential_free(got);
	expect("token", "theirs");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("credential");
	TCase *tcase = tcase_create("credential");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_contents, 0, sizeof(contents) / sizeof(contents[0]));
	tcase_add_test(tcase, test_size);
	tcase_add_test(tcase, test_write);
	tcase_add_test(tcase, test_read_own);
	tcase_add_loop_test(tcase, test_modes, 0, sizeof(open_modes) / sizeof(open_modes[0]));
	tcase_add_test(tcase, test_kinds);
	tcase_add_test(tcase, test_owner);
	tcase_add_test(tcase, test_names);
	tcase_add_test(tcase, test_managed);
	tcase_add_test(tcase, test_read_afresh);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
