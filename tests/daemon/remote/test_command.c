/* test_command.c - helpers that print credentials: what they get, and how they may end. */
#include "config.h"

#include "daemon/log.h"
#include "daemon/remote/command.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct event_base *base;
static char directory[128], script[160];
static unsigned calls;
static char output[70000], message[600];
static size_t output_len;

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(directory, sizeof(directory), "%s/command.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(script, sizeof(script), "%s/helper", directory);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	calls = 0;
}

static void teardown(void)
{
	char command[200];

	event_base_free(base);
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	ck_assert_int_eq(system(command), 0);
}

/* The helper, in the language of the shell. */
static void write_script(const char *text)
{
	int fd = open(script, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(dprintf(fd, "#!/bin/sh\n%s\n", text), 0);
	close(fd);
}

static void on_done(void *arg, const char *text, size_t len, const struct error *error)
{
	calls++;
	output_len = text ? len : 0;
	snprintf(output, sizeof(output), "%.*s", (int)output_len, text ? text : "");
	snprintf(message, sizeof(message), "%s", text ? "" : error->message);
}

static void run(const char *words, uint64_t timeout_usec)
{
	struct command *command;
	struct error error = { 0 };

	calls = 0;
	ck_assert_msg(command_start(base, "name", words, timeout_usec, on_done, NULL, &command, &error) == 0, "%s",
	    error.message);
	ck_assert_uint_eq(calls, 0);
	while (calls == 0)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_uint_eq(calls, 1);
}

START_TEST(test_output)
{
	char words[300];

	write_script("printf '%s|' \"$@\"; cat");
	snprintf(words, sizeof(words), " %s  one\t'two three' $HOME *", script);
	run(words, COMMAND_TIMEOUT_USEC);
	ck_assert_str_eq(message, "");
	ck_assert_str_eq(output, "one|'two|three'|$HOME|*|");
}
END_TEST

/* Only what is meant for it: neither our variables nor our files, no signal ignored. */
START_TEST(test_environment)
{
	/* not one that the shell uses for itself */
	int leak = fcntl(STDERR_FILENO, F_DUPFD, 50);
	char line[32];

	ck_assert_int_ge(leak, 50);
	setenv("CREDENTIALS_DIRECTORY", "/secret", 1);
	setenv("HOME", "/home/u", 1);
	signal(SIGPIPE, SIG_IGN);
	write_script("env; for fd in /proc/self/fd/*; do [ -e $fd ] && echo fd ${fd##*/}; done; "
	    "grep SigIgn /proc/self/status; read pid name state parent group rest < /proc/$$/stat; "
	    "[ $group = $$ ] && echo leader");
	run(script, COMMAND_TIMEOUT_USEC);
	close(leak);
	ck_assert_str_eq(message, "");
	ck_assert_ptr_nonnull(strstr(output, "HOME=/home/u\n"));
	ck_assert_ptr_nonnull(strstr(output, "PATH=/usr/local/bin:/usr/bin:/bin\n"));
	ck_assert_ptr_nonnull(strstr(output, "KUBERNETES_EXEC_INFO={\"kind\":\"ExecCredential\",\"apiVersion\":"
	    "\"client.authentication.k8s.io/v1\",\"spec\":{\"interactive\":false}}\n"));
	ck_assert_ptr_null(strstr(output, "CREDENTIALS_DIRECTORY"));
	snprintf(line, sizeof(line), "\nfd %d\n", leak);
	ck_assert_ptr_null(strstr(output, line));
	ck_assert_ptr_nonnull(strstr(output, "\nleader\n"));
	ck_assert_ptr_nonnull(strstr(output, "SigIgn:"));
	ck_assert_uint_eq(strtoull(strstr(output, "SigIgn:") + 7, NULL, 16) & (1 << (SIGPIPE - 1)), 0);
}
END_TEST

static const struct {
	const char *script, *message;
} ends[] = {
	{ "echo s3cret; exit 3", "exit status 3" },
	{ "echo s3cret; kill -TERM $$", "killed by signal 15 (Terminated)" },
	{ "head -c 70000 /dev/zero", "more than 64 KiB of output" },
	{ "head -c 70000 /dev/zero; sleep 100", "more than 64 KiB of output" },
	{ "yes 2>/dev/null", "more than 64 KiB of output" },
};

START_TEST(test_ends)
{
	write_script(ends[_i].script);
	run(script, COMMAND_TIMEOUT_USEC);
	ck_assert_str_eq(message, ends[_i].message);
}
END_TEST

/* As much as it may. */
START_TEST(test_full_output)
{
	write_script("head -c 65536 /dev/zero | tr '\\0' x; head -c 200000 /dev/zero >&2");
	run(script, COMMAND_TIMEOUT_USEC);
	ck_assert_str_eq(message, "");
	ck_assert_uint_eq(output_len, 65536);
}
END_TEST

/* It does not end, and neither do those that it has started. */
START_TEST(test_too_long)
{
	char text[800], path[200];
	FILE *file;
	int child, parent;

	write_script("");
	snprintf(path, sizeof(path), "%s/pids", directory);
	snprintf(text, sizeof(text), "trap '' TERM; sleep 1000 & echo $$ $! >%s.new; mv %s.new %s; wait", path, path, path);
	write_script(text);
	run(script, 300000);
	ck_assert_str_eq(message, "not done in time");
	file = fopen(path, "r");
	/* on a machine that took longer to start it there is nobody to look for */
	if (!file)
		return;
	ck_assert_int_eq(fscanf(file, "%d %d", &parent, &child), 2);
	fclose(file);
	ck_assert(kill(parent, 0) < 0 && errno == ESRCH);
	/* it is init's to take away: dead, or a zombie */
	snprintf(text, sizeof(text), "! grep -q '^State:.[^ZX]' /proc/%d/status 2>/dev/null", child);
	while (system(text) != 0)
		;
}
END_TEST

/* Something stays in the background with the pipe in its hands: the end of the helper counts. */
START_TEST(test_background)
{
	write_script("setsid sleep 1 & echo value");
	run(script, COMMAND_TIMEOUT_USEC);
	ck_assert_str_eq(message, "");
	ck_assert_str_eq(output, "value\n");
}
END_TEST

START_TEST(test_not_started)
{
	struct error error = { 0 };
	struct command *command;
	char many[200] = "/bin/true", expected[300];

	ck_assert_int_lt(command_start(base, "name", "true", 1, on_done, NULL, &command, &error), 0);
	ck_assert_str_eq(error.message, "the command is not an absolute path");
	ck_assert_int_lt(command_start(base, "name", " ", 1, on_done, NULL, &command, &error), 0);
	for (int i = 0; i < COMMAND_WORDS_MAX; i++)
		strcat(many, " x");
	ck_assert_int_lt(command_start(base, "name", many, 1, on_done, NULL, &command, &error), 0);
	ck_assert_str_eq(error.message, "the command has more than 32 words");
	ck_assert_int_lt(command_start(base, "name", script, 1, on_done, NULL, &command, &error), 0);
	snprintf(expected, sizeof(expected), "%s cannot be started: No such file or directory", script);
	ck_assert_str_eq(error.message, expected);
	ck_assert_uint_eq(calls, 0);
}
END_TEST

START_TEST(test_free)
{
	struct command *command;

	write_script("sleep 1000");
	ck_assert_int_eq(command_start(base, "name", script, COMMAND_TIMEOUT_USEC, on_done, NULL, &command, NULL), 0);
	ck_assert_ptr_null(command_free(command));
	ck_assert_ptr_null(command_free(NULL));
	ck_assert_int_eq(event_base_loop(base, EVLOOP_NONBLOCK), 1);
	ck_assert_uint_eq(calls, 0);
}
END_TEST

/* The first line of its complaints, and at debug only. */
START_TEST(test_complaint)
{
	char path[200], text[2000] = "";
	int saved = dup(STDERR_FILENO), fd;

	snprintf(path, sizeof(path), "%s/log", directory);
	write_script("echo out; echo first >&2; echo second >&2");
	for (int i = 0; i < 2; i++) {
		fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
		ck_assert_int_ge(fd, 0);
		log_set_level(i ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
		dup2(fd, STDERR_FILENO);
		run(script, COMMAND_TIMEOUT_USEC);
		dup2(saved, STDERR_FILENO);
		memset(text, 0, sizeof(text));
		ck_assert_int_ge(pread(fd, text, sizeof(text) - 1, 0), 0);
		close(fd);
		ck_assert((strstr(text, "credential name: its command says: first\n") != NULL) == (i == 1));
		ck_assert_ptr_null(strstr(text, "second"));
	}
	close(saved);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("command");
	TCase *tcase = tcase_create("command");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_output);
	tcase_add_test(tcase, test_environment);
	tcase_add_loop_test(tcase, test_ends, 0, COUNT(ends));
	tcase_add_test(tcase, test_full_output);
	tcase_add_test(tcase, test_too_long);
	tcase_add_test(tcase, test_background);
	tcase_add_test(tcase, test_not_started);
	tcase_add_test(tcase, test_free);
	tcase_add_test(tcase, test_complaint);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
