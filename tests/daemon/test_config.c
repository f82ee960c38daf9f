/* test_config.c - configuration files, good and bad. */
#include "daemon/config.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[100];
static char reported[16][300];
static unsigned n_reported;
static struct config config;

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	snprintf(path, sizeof(path), "%s/config-XXXXXX", tmp && strlen(tmp) < 60 ? tmp : "/tmp");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	n_reported = 0;
	memset(&config, 0xaa, sizeof(config));
}

static void teardown(void)
{
	unlink(path);
}

static void on_report(void *arg, const char *line)
{
	ck_assert_uint_lt(n_reported, 16);
	/* What stands before the line number is the path. */
	if (strncmp(line, path, strlen(path)) == 0)
		line += strlen(path);
	snprintf(reported[n_reported++], sizeof(reported[0]), "%s", line);
}

static int load(const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
	return config_load(path, false, on_report, NULL, &config);
}

/* It has one fault, which is reported so; nothing is taken. */
static void expect_fault(const char *text, const char *message)
{
	struct config before = config;

	n_reported = 0;
	ck_assert_int_eq(load(text), -EINVAL);
	ck_assert_uint_eq(n_reported, 1);
	ck_assert_str_eq(reported[0], message);
	ck_assert_mem_eq(&config, &before, sizeof(config));
}

START_TEST(empty_has_the_defaults)
{
	struct config defaults;

	ck_assert_int_eq(load("# nothing\n\n; at all\n[limits]\n"), 0);
	config_defaults(&defaults);
	ck_assert_mem_eq(&config, &defaults, sizeof(config));
	ck_assert_uint_eq(config.connections_per_uid, 1024);
	ck_assert_uint_eq(n_reported, 0);
}
END_TEST

START_TEST(values_and_units)
{
	ck_assert_int_eq(load("[limits]\nconnections = 17\nresult_max=3M ; of one\n[remote]\n  timeout = 2.5\n"
	    "[store]\nballast = 2048k\nevents=1000\n"), 0);
	ck_assert_uint_eq(config.connections, 17);
	ck_assert_uint_eq(config.result_max, 3 << 20);
	ck_assert_uint_eq(config.timeout_usec, 2500000);
	ck_assert_uint_eq(config.ballast, 2 << 20);
	ck_assert_uint_eq(config.events, 1000);
}
END_TEST

START_TEST(unknown_names)
{
	expect_fault("[limits]\nconections = 1\n", ":2: limits.conections: no such key (did you mean connections?)");
	expect_fault("[limits]\nzzz = 1\n", ":2: limits.zzz: no such key");
	expect_fault("\n[limit]\nconnections = 1\n", ":3: [limit]: no such section (did you mean [limits]?)");
	expect_fault("connections = 1\n", ":1: a key before the first [section]");
}
END_TEST

START_TEST(bad_values)
{
	expect_fault("[limits]\nconnections = many\n", ":2: limits.connections: \"many\" is not a number");
	expect_fault("[limits]\nconnections = -1\n", ":2: limits.connections: \"-1\" is not a number");
	expect_fault("[limits]\nconnections = 5K\n", ":2: limits.connections: \"5K\" is not a number");
	expect_fault("[limits]\nconnections = 0\n", ":2: limits.connections: 0 is out of range (1 to 1000000)");
	expect_fault("[limits]\nconnections =\n", ":2: limits.connections: \"\" is not a number");
	expect_fault("[limits]\nresult_max = 5T\n",
	    ":2: limits.result_max: \"5T\" is not a size (a number, with K, M or G)");
	expect_fault("[limits]\nresult_max = 99999999999G\n",
	    ":2: limits.result_max: 99999999999G is out of range (1K to 1024M)");
	expect_fault("[remote]\ntimeout = 1h\n", ":2: remote.timeout: \"1h\" is not a number of seconds");
	expect_fault("[remote]\ntimeout = inf\n", ":2: remote.timeout: \"inf\" is not a number of seconds");
	expect_fault("[remote]\ntimeout = 90000\n", ":2: remote.timeout: 90000 is out of range (0.001 to 86400)");
}
END_TEST

START_TEST(shape)
{
	char text[600] = "[limits]\n# ";

	expect_fault("[limits]\nconnections\n", ":2: neither \"key = value\" nor \"[section]\"");
	expect_fault("[limits\n", ":1: neither \"key = value\" nor \"[section]\"");
	expect_fault("[limits]\nconnections = 1\nconnections = 2\n", ":3: limits.connections: given a second time");
	memset(text + strlen(text), 'x', 400);
	strcat(text, "\nconnections = 3\n");
	expect_fault(text, ":2: line too long (at most 198 bytes)");
}
END_TEST

START_TEST(every_fault_is_reported)
{
	ck_assert_int_eq(load("[limits]\nconnections = x\nfoo = 1\n[nowhere]\nbar = 2\n"), -EINVAL);
	ck_assert_uint_eq(n_reported, 3);
}
END_TEST

START_TEST(missing_file)
{
	char missing[120];

	snprintf(missing, sizeof(missing), "%s.not", path);
	ck_assert_int_eq(config_load(missing, false, on_report, NULL, &config), -ENOENT);
	ck_assert_uint_eq(n_reported, 1);
	ck_assert_int_eq(config_load(missing, true, on_report, NULL, &config), 0);
	ck_assert_uint_eq(n_reported, 1);
	ck_assert_uint_eq(config.connections_per_uid, 1024);
	ck_assert_int_eq(config_load("/", false, on_report, NULL, &config), -EINVAL);
}
END_TEST

START_TEST(merge_keeps_what_cannot_change)
{
	struct config running, fresh, merged;

	config_defaults(&running);
	fresh = running;
	fresh.connections = 5;
	fresh.ballast = 0;
	config_merge(&running, &fresh, on_report, NULL, &merged);
	ck_assert_uint_eq(merged.connections, 5);
	ck_assert_uint_eq(merged.ballast, running.ballast);
	ck_assert_uint_eq(n_reported, 1);
	ck_assert_str_eq(reported[0], "store.ballast stays 16M until the daemon is restarted");
}
END_TEST

START_TEST(description_names_every_key)
{
	static const char *const keys[] = { "connections ", "connections_per_uid", "calls_per_connection",
		"futures_per_uid", "result_max", "requests ", "requests_per_bucket", "timeout", "events", "ballast" };
	char *text;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	config_describe(file);
	fclose(file);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		ck_assert_ptr_nonnull(strstr(text, keys[i]));
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tcase = tcase_create("config");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, empty_has_the_defaults);
	tcase_add_test(tcase, values_and_units);
	tcase_add_test(tcase, unknown_names);
	tcase_add_test(tcase, bad_values);
	tcase_add_test(tcase, shape);
	tcase_add_test(tcase, every_fault_is_reported);
	tcase_add_test(tcase, missing_file);
	tcase_add_test(tcase, merge_keeps_what_cannot_change);
	tcase_add_test(tcase, description_names_every_key);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
