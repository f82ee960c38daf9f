/* test_log.c - the lines of the log. */
#include "daemon/log.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int lines[2];
static char line[4096];

/* Each test is a process of its own, whose stderr is ours to take. */
static void setup(void)
{
	ck_assert_int_eq(pipe(lines), 0);
	ck_assert_int_eq(dup2(lines[1], STDERR_FILENO), STDERR_FILENO);
	close(lines[1]);
	unsetenv("JOURNAL_STREAM");
	log_set_level(LOG_LEVEL_INFO);
}

/* What was written so far, which must be something. */
static const char *read_line(void)
{
	ssize_t n = read(lines[0], line, sizeof(line) - 1);

	ck_assert_int_gt(n, 0);
	line[n] = '\0';
	return line;
}

START_TEST(stamped)
{
	int year, month, day, hour, minute, second, millisecond, end = 0;

	errno = EAGAIN;
	log_warning("store: %s is %d", "disk", 7);
	ck_assert_int_eq(errno, EAGAIN);
	read_line();
	ck_assert_int_eq(sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour, &minute, &second,
	    &millisecond, &end), 7);
	ck_assert_str_eq(line + end, "warning: store: disk is 7\n");
}
END_TEST

START_TEST(levels)
{
	enum log_level level = LOG_LEVEL_DEBUG;

	log_debug("not shown");
	log_set_level(LOG_LEVEL_ERROR);
	log_info("not shown either");
	log_error("shown");
	ck_assert_ptr_nonnull(strstr(read_line(), "Z error: shown\n"));
	ck_assert_ptr_null(strstr(line, "not shown"));
	ck_assert_int_eq(log_level_parse("verbose", &level), -EINVAL);
	ck_assert_int_eq(level, LOG_LEVEL_DEBUG);
	ck_assert_int_eq(log_level_parse("warning", &level), 0);
	ck_assert_int_eq(level, LOG_LEVEL_WARNING);
}
END_TEST

START_TEST(control_characters_do_not_get_through)
{
	log_info("a%sb", "\n<3>forged\x1b[31m\r\t\x7f");
	ck_assert_ptr_nonnull(strstr(read_line(), "info: a?<3>forged?[31m???b\n"));
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
}
END_TEST

START_TEST(long_lines_are_cut)
{
	char large[3000];

	memset(large, 'x', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	log_info("%s", large);
	read_line();
	ck_assert_uint_le(strlen(line), 1024);
	ck_assert_uint_ge(strlen(line), 1000);
	ck_assert_int_eq(line[strlen(line) - 1], '\n');
}
END_TEST

START_TEST(journal)
{
	struct stat st;
	char stream[64];

	ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_error("lost");
	ck_assert_str_eq(read_line(), "<3>lost\n");
	log_info("found");
	ck_assert_str_eq(read_line(), "<6>found\n");
	setenv("JOURNAL_STREAM", "1:1", 1);          /* stderr was redirected */
	log_info("here");
	ck_assert_ptr_nonnull(strstr(read_line(), "Z info: here\n"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tcase = tcase_create("log");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, stamped);
	tcase_add_test(tcase, levels);
	tcase_add_test(tcase, control_characters_do_not_get_through);
	tcase_add_test(tcase, long_lines_are_cut);
	tcase_add_test(tcase, journal);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
