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
static bool machine;

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	snprintf(path, sizeof(path), "%s/config-XXXXXX", tmp && strlen(tmp) < 60 ? tmp : "/tmp");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	n_reported = 0;
	memset(&config, 0, sizeof(config));
	config.connections = 77;
}

static void teardown(void)
{
	unlink(path);
	config_done(&config);
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
	return config_load(path, false, machine, on_report, NULL, &config);
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
	expect_fault("[credentials x]\ntype = file\n",
	    ":2: [credentials x]: no such section (did you mean [credential NAME]?)");
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
	    ":2: limits.result_max: 99999999999G is out of range (1K to 1G)");
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

START_TEST(paths_and_networks)
{
	ck_assert_int_eq(load("[remote]\nca_file = /dev/null\nallow = 10.0.0.0/8  127.0.0.1\nallow = fd00::/8\n"
	    "streams = 0\nlong_polls = 7\nlong_polls_per_bucket = 3\n"), 0);
	ck_assert_str_eq(config.ca_file, "/dev/null");
	ck_assert_uint_eq(config.allow.count, 3);
	ck_assert_uint_eq(config.allow.list[0].bits, 96 + 8);
	ck_assert_uint_eq(config.allow.list[2].bits, 8);
	ck_assert_uint_eq(config.streams, 0);
	ck_assert_uint_eq(config.long_polls, 7);
	ck_assert_uint_eq(config.long_polls_per_bucket, 3);
	expect_fault("[remote]\nca_file = certs.pem\n", ":2: remote.ca_file: not an absolute path");
	expect_fault("[remote]\nca_file = /dev/null/x\n", ":2: remote.ca_file: /dev/null/x: Not a directory");
	expect_fault("[remote]\nallow = 10.0.0.1/8\n",
	    ":2: remote.allow: \"10.0.0.1/8\" is not a network (ADDRESS/BITS, the other bits 0)");
}
END_TEST

START_TEST(too_many_networks)
{
	char text[4000] = "[remote]\n";

	for (int i = 0; i < NETWORKS_MAX; i++)
		strcat(text, "allow = 10.0.0.0/8\n");
	ck_assert_int_eq(load(text), 0);
	strcat(text, "allow = 10.0.0.0/8\n");
	expect_fault(text, ":66: remote.allow: more than 64 networks");
}
END_TEST

START_TEST(credentials)
{
	const struct credential_source *source;

	ck_assert_int_eq(load("[credential a]\ntype = oauth2\ntoken_url = https://x.org/t?q\nrefresh_token = a.refresh\n"
	    "client_id = me\nclient_secret = a.secret\nscope = r w\norigins = https://A.org http://b:81/\n"
	    "origins = https://c.org\n[credential b]\ntype = command\ncommand = /bin/tool -x  y\n"
	    "[credential c.d_e-f]\ntype = file\n"), 0);
	ck_assert_uint_eq(config.credentials->count, 3);
	source = &config.credentials->sources[0];
	ck_assert_str_eq(source->name, "a");
	ck_assert_int_eq(source->type, CREDENTIAL_OAUTH2);
	ck_assert_str_eq(source->token_url, "https://x.org/t?q");
	ck_assert_str_eq(source->refresh_token, "a.refresh");
	ck_assert_str_eq(source->client_id, "me");
	ck_assert_str_eq(source->client_secret, "a.secret");
	ck_assert_str_eq(source->scope, "r w");
	ck_assert_str_eq(source->origins[0], "https://a.org:443");
	ck_assert_str_eq(source->origins[1], "http://b:81");
	ck_assert_str_eq(source->origins[2], "https://c.org:443");
	ck_assert_ptr_null(source->origins[3]);
	ck_assert_str_eq(source[1].command, "/bin/tool -x  y");
	ck_assert_int_eq(source[2].type, CREDENTIAL_FILE);
	ck_assert_ptr_null(source[2].origins);
}
END_TEST

#define OF(keys) "[credential x]\n" keys

static const struct {
	const char *text, *message;
} bad_credentials[] = {
	{ OF("type = magic\n"), ":2: credential x: type: \"magic\" is none of file, oauth2, command" },
	{ OF("type = file\ntype = file\n"), ":3: credential x: type: given a second time" },
	{ OF("origins = https://a\n"), ":2: credential x: no type" },
	{ OF("type = file\ntoken_ulr = x\n"), ":3: credential x: token_ulr: no such key (did you mean token_url?)" },
	{ OF("type = file\nscope = x\n"), ":2: credential x: scope is not for type = file" },
	{ OF("type = oauth2\nclient_secret = s\n"), ":2: credential x: no token_url" },
	{ OF("type = oauth2\ntoken_url = https://a\n"), ":2: credential x: neither refresh_token nor client_secret" },
	{ OF("type = oauth2\ntoken_url = ftp://a\nclient_secret = s\n"),
	  ":3: credential x: token_url: the URL's scheme is neither http nor https" },
	{ OF("type = oauth2\ntoken_url = https://a\nclient_secret = ../s\n"),
	  ":4: credential x: client_secret: \"../s\" is not the name of a file among the credentials" },
	{ OF("type = command\n"), ":2: credential x: no command" },
	{ OF("type = command\ncommand = tool\n"), ":3: credential x: command: not an absolute path" },
	{ OF("type = command\ncommand =\n"), ":3: credential x: command: nothing given" },
	{ OF("type = command\ncommand = /a\ncommand = /b\n"), ":4: credential x: command: given a second time" },
	{ OF("type = file\norigins = https://a/path\n"), ":3: credential x: origins: \"https://a/path\" has a path" },
	{ OF("type = file\norigins =\n"), ":3: credential x: origins: none given" },
	{ "[credential ../x]\ntype = file\n",
	  ":2: [credential ../x]: a name has letters, digits, '.', '_' and '-', and no leading dot" },
	{ "[credential ]\ntype = file\n",
	  ":2: [credential ]: a name has letters, digits, '.', '_' and '-', and no leading dot" },
	{ "[credential aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]\ntype = file\n",
	  ":2: [credential ...]: a name has at most 37 bytes" },
};

START_TEST(faults_of_credentials)
{
	n_reported = 0;
	ck_assert_int_eq(load(bad_credentials[_i].text), -EINVAL);
	ck_assert_str_eq(reported[0], bad_credentials[_i].message);
	ck_assert_ptr_null(config.credentials);
}
END_TEST

START_TEST(no_commands_for_the_machine)
{
	ck_assert_int_eq(load(OF("type = command\ncommand = /bin/true\n")), 0);
	machine = true;
	config_done(&config);
	expect_fault(OF("type = command\ncommand = /bin/true\n"),
	    ":2: credential x: the daemon of the machine runs no commands");
}
END_TEST

START_TEST(too_many_credentials)
{
	char *text;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	for (int i = 0; i < CONFIG_CREDENTIALS_MAX; i++)
		fprintf(file, "[credential x%d]\ntype = file\n", i);
	fflush(file);
	ck_assert_int_eq(load(text), 0);
	config_done(&config);
	fputs("[credential one.more]\ntype = file\n", file);
	fclose(file);
	expect_fault(text, ":130: [credential one.more]: more than 64 of them");
	free(text);
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
	ck_assert_int_eq(config_load(missing, false, false, on_report, NULL, &config), -ENOENT);
	ck_assert_uint_eq(n_reported, 1);
	ck_assert_int_eq(config_load(missing, true, false, on_report, NULL, &config), 0);
	ck_assert_uint_eq(n_reported, 1);
	ck_assert_uint_eq(config.connections_per_uid, 1024);
	ck_assert_int_eq(config_load("/", false, false, on_report, NULL, &config), -EINVAL);
}
END_TEST

START_TEST(merge_keeps_what_cannot_change)
{
	struct config running;

	ck_assert_int_eq(load("[credential old]\ntype = file\n"), 0);
	running = config;
	ck_assert_int_eq(load("[limits]\nconnections = 5\n[store]\nballast = 0\n[remote]\nca_file = /dev/null\n"
	    "allow = 10.0.0.0/8\n[credential new]\ntype = file\n"), 0);
	config_merge(&running, &config, on_report, NULL);
	ck_assert_uint_eq(running.connections, 5);
	ck_assert_uint_eq(running.ballast, 16 << 20);
	ck_assert_str_eq(running.ca_file, "/dev/null");
	ck_assert_uint_eq(running.allow.count, 1);
	ck_assert_uint_eq(running.credentials->count, 1);
	ck_assert_str_eq(running.credentials->sources[0].name, "new");
	config_done(&running);
	ck_assert_uint_eq(n_reported, 1);
	ck_assert_str_eq(reported[0], "store.ballast stays 16M until the daemon is restarted");
}
END_TEST

START_TEST(description_names_every_key)
{
	static const char *const keys[] = { "connections ", "connections_per_uid", "calls_per_connection",
		"futures_per_uid", "result_max", "requests ", "requests_per_bucket", "long_polls ",
		"long_polls_per_bucket", "streams ", "timeout", "ca_file", "allow ", "events", "ballast", "[credential NAME]",
		"type ", "token_url", "refresh_token", "client_id", "client_secret", "scope", "command ", "origins" };
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
	tcase_add_test(tcase, paths_and_networks);
	tcase_add_test(tcase, too_many_networks);
	tcase_add_test(tcase, credentials);
	tcase_add_loop_test(tcase, faults_of_credentials, 0, sizeof(bad_credentials) / sizeof(bad_credentials[0]));
	tcase_add_test(tcase, no_commands_for_the_machine);
	tcase_add_test(tcase, too_many_credentials);
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
