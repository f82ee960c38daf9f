/* test_credentials.c - how often values are fetched, for whom they are good, and where they may go. */
#include "config.h"

#include "tests/daemon/remote/credentials_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* --- files ---------------------------------------------------------------------------------------- */

START_TEST(test_file)
{
	struct told told = { 0 };

	source = (struct credential_source){ .name = "cloud", .type = CREDENTIAL_FILE };
	make();
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "other" : "cloud";

		put(name, "one");
		expect(name, NULL, "one");
		expect(name, "zero", "one");
		ck_assert_int_eq(ask(name, "one", &told), -EKEYREJECTED);
		put(name, "two");
		expect(name, "one", "two");
	}
	ck_assert_int_eq(ask("none", NULL, &told), -ENOEXEC);
}
END_TEST

/* --- how often ------------------------------------------------------------------------------------ */

/* However many ask, one request is made, and all are told. */
START_TEST(test_single_flight)
{
	static struct told told[100], late;
	unsigned i;

	make_oauth2();
	hold = true;
	for (i = 0; i < 50; i++)
		ck_assert_int_eq(ask("cloud", NULL, &told[i]), 0);
	fixture_wait_count(&requests, 1);
	for (; i < 100; i++)
		ck_assert_int_eq(ask("cloud", i == 60 ? "token-1" : "token-0", &told[i]), 0);
	credentials_cancel(told[10].wait);
	/* in the callback: one more request, for the value that is refused again; and a wait that ends */
	told[20].again = "cloud";
	told[20].next = &late;
	told[21].victim = &told[22];
	send_answer(held);
	fixture_wait_count(&told[99].calls, 1);
	for (i = 0; i < 100; i++) {
		ck_assert_uint_eq(told[i].calls, i == 10 || i == 22 ? 0 : 1);
		ck_assert_str_eq(told[i].value, i == 10 || i == 22 || i == 60 ? "" : "token-1");
	}
	ck_assert_ptr_nonnull(strstr(told[60].message, "the service refuses it, and a new one is the same"));
	fixture_wait_count(&requests, 2);
	send_answer(held);
	fixture_wait_count(&late.calls, 1);
	ck_assert_str_eq(late.value, "token-2");
	hold = false;
	expect("cloud", NULL, "token-2");
	ck_assert_uint_eq(requests, 2);
}
END_TEST

/* Many were refused the same value: the first fetches a new one, the others get that. */
START_TEST(test_rejected)
{
	make_oauth2();
	expect("cloud", NULL, "token-1");
	expect("cloud", "token-1", "token-2");
	for (int i = 0; i < 10; i++)
		expect("cloud", "token-1", "token-2");
	ck_assert_uint_eq(requests, 2);
}
END_TEST

/* A service that refuses whatever it gets does not make a request to the endpoint each time; others keep the value. */
START_TEST(test_rejected_again_and_again)
{
	struct told told = { 0 };

	make_oauth2();
	expect("cloud", NULL, "token-1");
	expect("cloud", "token-1", "token-2");
	expect("cloud", "token-2", "token-3");
	expect("cloud", "token-3", "token-4");
	clock_ms += 999;
	ck_assert_int_eq(ask("cloud", "token-4", &told), -EKEYREJECTED);
	expect("cloud", NULL, "token-4");
	clock_ms += 1;
	expect("cloud", "token-4", "token-5");
	clock_ms += 1999;
	ck_assert_int_eq(ask("cloud", "token-5", &told), -EKEYREJECTED);
	clock_ms += 1;
	expect("cloud", "token-5", "token-6");
	ck_assert_uint_eq(requests, 6);
	/* one that was good for long ends it */
	clock_ms += 61000;
	expect("cloud", "token-6", "token-7");
	expect("cloud", "token-7", "token-8");
}
END_TEST

/* 1 s, doubled up to a minute; meanwhile the failure is the answer, at once. */
START_TEST(test_pause)
{
	static const unsigned pauses[] = { 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 };
	struct told told = { 0 };

	make_oauth2();
	answer_status = 401;
	strcpy(answer, "{\"error\":\"invalid_client\",\"error_description\":\"s3cret\"}");
	for (unsigned i = 0; i < COUNT(pauses); i++) {
		expect_failure("cloud", NULL, ": http://127.0.0.1:");
		ck_assert_uint_eq(requests, i + 1);
		clock_ms += pauses[i] - 1;
		ck_assert_int_eq(ask("cloud", NULL, &told), -EREMOTEIO);
		ck_assert_ptr_nonnull(strstr(told.message, " answered HTTP 401 (invalid_client)"));
		ck_assert_uint_eq(requests, i + 1);
		clock_ms += 1;
	}
	answer_status = 200;
	strcpy(answer, "{\"access_token\":\"token-#\",\"expires_in\":60}");
	expect("cloud", NULL, "token-9");
	/* it begins anew, and the endpoint may ask for more */
	answer_status = 429;
	retry_after = "20";
	expect_failure("cloud", "token-9", " answered HTTP 429");
	clock_ms += 19999;
	ck_assert_int_lt(ask("cloud", NULL, &told), 0);
	/* a clock that was set back does not prolong it */
	clock_ms -= 3600000;
	answer_status = 200;
	retry_after = NULL;
	expect("cloud", NULL, "token-11");
}
END_TEST

/* While no new value can be had the old one is used to its end, unless a service refuses it. */
START_TEST(test_used_to_its_end)
{
	make_oauth2();
	strcpy(answer, "{\"access_token\":\"token-#\",\"expires_in\":60}");
	expect("cloud", NULL, "token-1");
	clock_ms += 46000;
	answer_status = 503;
	expect("cloud", NULL, "token-1");
	ck_assert_uint_eq(requests, 2);
	clock_ms += 999;
	expect("cloud", NULL, "token-1");
	ck_assert_uint_eq(requests, 2);
	clock_ms += 1;
	expect("cloud", NULL, "token-1");
	ck_assert_uint_eq(requests, 3);
	clock_ms += 13000;
	expect_failure("cloud", NULL, " answered HTTP 503");
	answer_status = 200;
	clock_ms += 60000;
	expect("cloud", NULL, "token-5");
	answer_status = 503;
	clock_ms += 46000;
	expect_failure("cloud", "token-5", " answered HTTP 503");
	expect_failure("cloud", NULL, " answered HTTP 503");
}
END_TEST

/* --- helpers -------------------------------------------------------------------------------------- */

static void make_command(const char *script)
{
	static char path[300];
	char text[600];

	snprintf(path, sizeof(path), "%s/#helper", directory);
	snprintf(text, sizeof(text), "#!/bin/sh\necho x >>'%s/runs'\n%s\n", directory, script);
	put("#helper", text);
	source = (struct credential_source){ .name = "cloud", .type = CREDENTIAL_COMMAND, .command = path };
	make();
}

static unsigned runs(void)
{
	char path[300];
	struct stat st;

	snprintf(path, sizeof(path), "%s/runs", directory);
	return stat(path, &st) < 0 ? 0 : (unsigned)st.st_size / 2;
}

START_TEST(test_command)
{
	static struct told told[20];

	make_command("echo value-$(wc -l <${0%#*}runs | tr -d ' ')");
	for (unsigned i = 0; i < COUNT(told); i++)
		ck_assert_int_eq(ask("cloud", NULL, &told[i]), 0);
	fixture_wait_count(&told[COUNT(told) - 1].calls, 1);
	for (unsigned i = 0; i < COUNT(told); i++)
		ck_assert_str_eq(told[i].value, "value-1");
	ck_assert_uint_eq(runs(), 1);
	expect("cloud", "value-1", "value-2");
	/* it did not say for how long */
	clock_ms += 300000;
	expect("cloud", NULL, "value-3");
	ck_assert_uint_eq(runs(), 3);
}
END_TEST

START_TEST(test_command_expires)
{
	/* 1000 s after the start */
	make_command("echo '{\"status\":{\"token\":\"value\",\"expirationTimestamp\":\"2023-11-14T22:30:00Z\"}}'");
	expect("cloud", NULL, "value");
	clock_ms += 984000;
	expect("cloud", NULL, "value");
	ck_assert_uint_eq(runs(), 1);
	clock_ms += 1000;
	expect("cloud", NULL, "value");
	ck_assert_uint_eq(runs(), 2);
	/* it has no other */
	expect_failure("cloud", "value", "the service refuses it, and a new one is the same");
}
END_TEST

START_TEST(test_command_fails)
{
	struct told told = { 0 };

	make_command("echo s3cret; echo s3cret >&2; exit 7");
	expect_failure("cloud", NULL, "its command: exit status 7");
	ck_assert_int_eq(ask("cloud", NULL, &told), -EREMOTEIO);
	ck_assert_uint_eq(runs(), 1);
	clock_ms += 1000;
	expect_failure("cloud", NULL, "its command: exit status 7");
	ck_assert_uint_eq(runs(), 2);
}
END_TEST

START_TEST(test_command_unreadable)
{
	make_command("printf 's3cret\\ns3cret\\n'");
	expect_failure("cloud", NULL, "its command: the output is neither one line of text nor JSON");
}
END_TEST

START_TEST(test_command_refused)
{
	struct told told = { 0 };

	make_command("echo value");
	config.commands = false;
	ck_assert_int_eq(credentials_configure(credentials, &config), 0);
	ck_assert_int_eq(ask("cloud", NULL, &told), -ENOEXEC);
	ck_assert_str_eq(told.message, "credential cloud: the daemon of the machine runs no commands");
	ck_assert_uint_eq(runs(), 0);
}
END_TEST

/* --- configuration -------------------------------------------------------------------------------- */

START_TEST(test_origins)
{
	static const char *const origins[] = { "https://API.example.com", "http://127.0.0.1:8080/path", "rubbish", NULL };
	bool bound = false;

	source = (struct credential_source){ .name = "cloud", .type = CREDENTIAL_FILE, .origins = origins };
	make();
	ck_assert(credentials_allow(credentials, "cloud", "https://api.example.com:443", &bound));
	ck_assert(bound);
	ck_assert(credentials_allow(credentials, "cloud", "http://127.0.0.1:8080", &bound));
	ck_assert(!credentials_allow(credentials, "cloud", "http://api.example.com:80", &bound));
	ck_assert(!credentials_allow(credentials, "cloud", "https://api.example.com:8443", &bound));
	ck_assert(!credentials_allow(credentials, "cloud", "https://api.example.com.evil:443", &bound));
	ck_assert(bound);
	ck_assert(credentials_allow(credentials, "other", "https://anywhere:443", &bound));
	ck_assert(!bound);
}
END_TEST

/* A token outlives a new configuration that does not touch its source, and those who wait are told in any case. */
START_TEST(test_configure)
{
	struct credential_source sources[2];
	struct told told = { 0 }, other = { 0 };

	make_oauth2();
	expect("cloud", NULL, "token-1");
	sources[0] = (struct credential_source){ .name = "more", .type = CREDENTIAL_OAUTH2, .token_url = token_url };
	sources[1] = source;
	config.sources = sources;
	config.count = 2;
	ck_assert_int_eq(credentials_configure(credentials, &config), 0);
	expect("cloud", NULL, "token-1");
	/* a fetch of each is under way; one of the sources goes, the other stays */
	hold = true;
	ck_assert_int_eq(ask("more", NULL, &other), 0);
	fixture_wait_count(&requests, 2);
	config.sources = &sources[1];
	config.count = 1;
	ck_assert_int_eq(credentials_configure(credentials, &config), 0);
	ck_assert_int_eq(ask("more", NULL, &told), -ENOEXEC);
	send_answer(held);
	fixture_wait_count(&other.calls, 1);
	ck_assert_str_eq(other.value, "token-2");
	/* another scope is another source */
	hold = false;
	sources[1].scope = "all";
	ck_assert_int_eq(credentials_configure(credentials, &config), 0);
	expect("cloud", NULL, "token-3");
	ck_assert_ptr_nonnull(strstr(body, "&scope=all"));
}
END_TEST

/* Teardown frees it with a request under way, whose wait was cancelled, and with a helper running. */
START_TEST(test_free_in_flight)
{
	struct credential_source sources[2];
	struct told first = { 0 }, second = { 0 };

	make_command("sleep 1000");
	sources[0] = source;
	sources[1] = (struct credential_source){ .name = "more", .type = CREDENTIAL_OAUTH2, .token_url = token_url };
	config.sources = sources;
	config.count = 2;
	ck_assert_int_eq(credentials_configure(credentials, &config), 0);
	hold = true;
	ck_assert_int_eq(ask("cloud", NULL, &first), 0);
	ck_assert_int_eq(ask("more", NULL, &second), 0);
	fixture_wait_count(&requests, 1);
	credentials_cancel(first.wait);
	credentials_cancel(second.wait);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_file, test_single_flight, test_rejected, test_rejected_again_and_again, test_pause, test_used_to_its_end,
		test_command, test_command_expires, test_command_fails, test_command_unreadable,
		test_command_refused, test_origins, test_configure, test_free_in_flight,
	};

	return credentials_run("credentials", tests, COUNT(tests), NULL, 0);
}
