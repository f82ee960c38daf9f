/* test_credentials.c - tokens from an endpoint and from helpers: how often they are fetched, and for whom they are good. */
#include "config.h"

#include "daemon/remote/credential.h"
#include "daemon/remote/credentials.h"
#include "tests/daemon/remote/http_fixture.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define START_MS INT64_C(1700000000000)

/* What one asker was told. */
struct told {
	unsigned calls;
	char value[200];
	char message[600];
	struct credential_wait *wait;
	const char *again;             /* ask for this name once more, in the callback, the value being rejected */
	struct told *next;
	struct told *victim;           /* cancelled in the callback */
};

static struct evhttp *endpoint;
static char token_url[100], directory[128];
static unsigned requests;             /* that the endpoint has seen */
static char body[1000];               /* of the last one */
static struct evhttp_request *held;   /* the last one, when it is the test that answers it */
static bool hold;
static int answer_status;
static char answer[400];              /* #: the number of the request */
static const char *retry_after;
static int64_t clock_ms;
static struct credentials *credentials;
static struct credential_source source;
static struct credentials_config config;

static int64_t get_clock(void *self)
{
	return clock_ms;
}

static void send_answer(struct evhttp_request *request)
{
	const char *number = strchr(answer, '#');
	struct evbuffer *out = evbuffer_new();

	evbuffer_add(out, answer, number ? (size_t)(number - answer) : strlen(answer));
	if (number)
		evbuffer_add_printf(out, "%u%s", requests, number + 1);
	if (retry_after)
		evhttp_add_header(evhttp_request_get_output_headers(request), "Retry-After", retry_after);
	evhttp_send_reply(request, answer_status, "x", out);
	evbuffer_free(out);
}

static void on_token_request(struct evhttp_request *request, void *arg)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(request);
	size_t len = evbuffer_get_length(in);

	requests++;
	ck_assert_uint_lt(len, sizeof(body));
	evbuffer_copyout(in, body, len);
	body[len] = '\0';
	ck_assert_str_eq(evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Type"),
	    "application/x-www-form-urlencoded");
	if (hold)
		held = request;
	else
		send_answer(request);
}

static void put(const char *name, const char *text)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, name[0] == '#' ? 0700 : 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void make(void)
{
	config = (struct credentials_config){
		.directory = directory, .sources = &source, .count = 1, .commands = true, .wall_ms = get_clock,
	};
	credentials = credentials_new(base, http, &config);
	ck_assert_ptr_nonnull(credentials);
}

/* One that is renewed with a refresh token. */
static void make_oauth2(void)
{
	source = (struct credential_source){
		.name = "cloud", .type = CREDENTIAL_OAUTH2, .token_url = token_url, .refresh_token = "cloud.refresh",
		.client_id = "me & you", .client_secret = "cloud.secret", .scope = "read write",
	};
	put("cloud.refresh", "r0/+s3cret\n");
	put("cloud.secret", "c1=s3cret\n");
	make();
}

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");
	struct sockaddr_in address;
	socklen_t len = sizeof(address);
	struct evhttp_bound_socket *bound;

	fixture_setup();
	unsetenv("CREDENTIALS_DIRECTORY");
	snprintf(directory, sizeof(directory), "%s/credentials.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	endpoint = evhttp_new(base);
	bound = evhttp_bind_socket_with_handle(endpoint, "127.0.0.1", 0);
	ck_assert_ptr_nonnull(bound);
	ck_assert_int_eq(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &len), 0);
	evhttp_set_gencb(endpoint, on_token_request, NULL);
	snprintf(token_url, sizeof(token_url), "http://127.0.0.1:%d/token?key=s3cret", ntohs(address.sin_port));
	clock_ms = START_MS;
	answer_status = 200;
	strcpy(answer, "{\"access_token\":\"token-#\",\"expires_in\":3600}");
}

static void teardown(void)
{
	char command[300];

	credentials = credentials_free(credentials);
	http = http_free(http);
	evhttp_free(endpoint);
	fixture_teardown();
	snprintf(command, sizeof(command), "rm -rf '%s' '%s.managed'", directory, directory);
	ck_assert_int_eq(system(command), 0);
}

static void on_told(void *arg, const char *value, const struct error *error);

/* What credentials_get() says at once; 0: it will tell. */
static int ask(const char *name, const char *rejected, struct told *told)
{
	struct error error = { 0 };
	char *value = NULL;
	int r = credentials_get(credentials, name, rejected, on_told, told, &value, &told->wait, &error);

	if (r == 1) {
		snprintf(told->value, sizeof(told->value), "%s", value);
		credential_free(value);
	} else if (r < 0) {
		snprintf(told->message, sizeof(told->message), "%s", error.message);
		ck_assert_ptr_null(strstr(error.message, "s3cret"));
	}
	return r;
}

static void on_told(void *arg, const char *value, const struct error *error)
{
	struct told *told = arg;

	told->calls++;
	told->wait = NULL;
	if (value) {
		snprintf(told->value, sizeof(told->value), "%s", value);
	} else {
		snprintf(told->message, sizeof(told->message), "%s", error->message);
		ck_assert_ptr_null(strstr(error->message, "s3cret"));
	}
	if (told->victim) {
		credentials_cancel(told->victim->wait);
		told->victim->wait = NULL;
	}
	if (told->again)
		ck_assert_int_ge(ask(told->again, told->value, told->next), 0);
}

/* Ask and wait. 1: a value. */
static int get(const char *name, const char *rejected, struct told *told)
{
	int r;

	memset(told, 0, sizeof(*told));
	r = ask(name, rejected, told);
	if (r != 0)
		return r;
	fixture_wait_count(&told->calls, 1);
	return told->message[0] ? -1 : 1;
}

static void expect(const char *name, const char *rejected, const char *value)
{
	struct told told;

	ck_assert_msg(get(name, rejected, &told) == 1, "%s", told.message);
	ck_assert_str_eq(told.value, value);
}

static void expect_failure(const char *name, const char *rejected, const char *words)
{
	struct told told;

	ck_assert_int_lt(get(name, rejected, &told), 0);
	ck_assert_msg(strstr(told.message, words) != NULL, "%s", told.message);
	ck_assert_ptr_nonnull(strstr(told.message, "credential cloud: "));
}

static void expect_file(const char *name, const char *text)
{
	char *value = NULL;
	struct stat st;
	char path[300];

	ck_assert_int_eq(credential_read_own(name, directory, &value, NULL), 0);
	ck_assert_str_eq(value, text);
	credential_free(value);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
}

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

/* --- OAuth2 --------------------------------------------------------------------------------------- */

START_TEST(test_refresh_grant)
{
	make_oauth2();
	expect("cloud", NULL, "token-1");
	ck_assert_str_eq(body, "grant_type=refresh_token&refresh_token=r0%2F%2Bs3cret&client_id=me%20%26%20you&"
	    "client_secret=c1%3Ds3cret&scope=read%20write");
	expect_file("cloud.refresh", "r0/+s3cret");
	/* until shortly before its end */
	clock_ms += 3600000 - 15001;
	expect("cloud", NULL, "token-1");
	ck_assert_uint_eq(requests, 1);
	clock_ms += 1;
	expect("cloud", NULL, "token-2");
	ck_assert_uint_eq(requests, 2);
}
END_TEST

START_TEST(test_client_grant)
{
	source = (struct credential_source){
		.name = "cloud", .type = CREDENTIAL_OAUTH2, .token_url = token_url, .client_id = "me",
		.client_secret = "cloud.secret",
	};
	put("cloud.secret", "s3cret");
	make();
	/* lasts for less than the margin: good for half of that time */
	strcpy(answer, "{\"access_token\":\"token-#\",\"expires_in\":10}");
	expect("cloud", NULL, "token-1");
	ck_assert_str_eq(body, "grant_type=client_credentials&client_id=me&client_secret=s3cret");
	clock_ms += 4999;
	expect("cloud", NULL, "token-1");
	clock_ms += 1;
	/* without an end */
	strcpy(answer, "{\"access_token\":\"token-#\"}");
	expect("cloud", NULL, "token-2");
	clock_ms += INT64_C(1000) * 86400000;
	expect("cloud", NULL, "token-2");
	ck_assert_uint_eq(requests, 2);
}
END_TEST

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

/* The new refresh token is on the disk before anybody has the access token, and is what is sent next. */
START_TEST(test_rotation)
{
	make_oauth2();
	strcpy(answer, "{\"access_token\":\"token-#\",\"expires_in\":60,\"refresh_token\":\"rotated\"}");
	/* left behind by one that was interrupted */
	put(".cloud.refresh.new", "half");
	expect("cloud", NULL, "token-1");
	expect_file("cloud.refresh", "rotated");
	expect("cloud", "token-1", "token-2");
	ck_assert_ptr_nonnull(strstr(body, "refresh_token=rotated&"));
	/* somebody has put another one there */
	put("cloud.refresh", "by-hand");
	strcpy(answer, "{\"access_token\":\"token-#\",\"expires_in\":60,\"refresh_token\":\"by-hand\"}");
	expect("cloud", "token-2", "token-3");
	ck_assert_ptr_nonnull(strstr(body, "refresh_token=by-hand&"));
}
END_TEST

/* The service manager's file cannot be written: the new one goes to our directory, and counts. */
START_TEST(test_rotation_managed)
{
	char managed[200], path[300], own[300];
	struct stat st;

	make_oauth2();
	snprintf(managed, sizeof(managed), "%s.managed", directory);
	ck_assert_int_eq(mkdir(managed, 0700), 0);
	snprintf(path, sizeof(path), "%s/cloud.refresh", managed);
	snprintf(own, sizeof(own), "%s/cloud.refresh", directory);
	ck_assert_int_eq(rename(own, path), 0);
	setenv("CREDENTIALS_DIRECTORY", managed, 1);
	expect("cloud", NULL, "token-1");
	ck_assert_ptr_nonnull(strstr(body, "refresh_token=r0"));
	/* it was not rotated: nothing is copied */
	ck_assert_int_lt(stat(own, &st), 0);
	strcpy(answer, "{\"access_token\":\"token-#\",\"refresh_token\":\"rotated\"}");
	expect("cloud", "token-1", "token-2");
	expect_file("cloud.refresh", "rotated");
	expect("cloud", "token-2", "token-3");
	ck_assert_ptr_nonnull(strstr(body, "refresh_token=rotated&"));
}
END_TEST

/* It cannot be written: it is kept in memory, through failures that say nothing about it, until it is refused. */
START_TEST(test_rotation_unwritable)
{
	char path[300];

	make_oauth2();
	expect("cloud", NULL, "token-1");
	/* a directory in the place of the new file */
	snprintf(path, sizeof(path), "%s/.cloud.refresh.new", directory);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	strcpy(answer, "{\"access_token\":\"token-#\",\"refresh_token\":\"rotated\"}");
	expect("cloud", "token-1", "token-2");
	expect_file("cloud.refresh", "r0/+s3cret");
	answer_status = 503;
	expect_failure("cloud", "token-2", " answered HTTP 503");
	ck_assert_ptr_nonnull(strstr(body, "refresh_token=rotated&"));
	clock_ms += 60000;
	answer_status = 400;
	strcpy(answer, "{\"error\":\"invalid_grant\"}");
	expect_failure("cloud", NULL, " answered HTTP 400 (invalid_grant)");
	ck_assert_ptr_nonnull(strstr(body, "refresh_token=rotated&"));
	clock_ms += 60000;
	expect_failure("cloud", NULL, "invalid_grant");
	ck_assert_ptr_nonnull(strstr(body, "refresh_token=r0"));
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

static const struct {
	int status;
	const char *answer, *words;
} bad_answers[] = {
	{ 200, "{\"token\":\"s3cret\"}", ": the answer has no usable access_token" },
	{ 200, "s3cret", ": the answer is not a JSON object" },
	{ 500, "s3cret", " answered HTTP 500" },
	{ 302, "s3cret", " answered HTTP 302" },
	{ 400, "{\"error\":\"s3cret\"}", " answered HTTP 400" },
};

START_TEST(test_bad_answers)
{
	make_oauth2();
	answer_status = bad_answers[_i].status;
	strcpy(answer, bad_answers[_i].answer);
	expect_failure("cloud", NULL, bad_answers[_i].words);
}
END_TEST

START_TEST(test_no_endpoint)
{
	make_oauth2();
	evhttp_free(endpoint);
	endpoint = evhttp_new(base);
	expect_failure("cloud", NULL, "Connection refused");
}
END_TEST

START_TEST(test_missing_files)
{
	char path[300];

	make_oauth2();
	snprintf(path, sizeof(path), "%s/cloud.secret", directory);
	unlink(path);
	expect_failure("cloud", NULL, "cloud.secret: No such file or directory");
	/* no pause: it is there, and all is well */
	put("cloud.secret", "new");
	expect("cloud", NULL, "token-1");
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
		test_file, test_refresh_grant, test_client_grant, test_single_flight, test_rejected,
		test_rejected_again_and_again, test_rotation, test_rotation_managed, test_rotation_unwritable, test_pause,
		test_no_endpoint, test_missing_files, test_command, test_command_expires, test_command_fails,
		test_command_unreadable, test_command_refused, test_origins, test_configure, test_free_in_flight,
	};
	Suite *suite = suite_create("credentials");
	TCase *tcase = tcase_create("credentials");
	SRunner *runner;
	size_t i;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	for (i = 0; i < COUNT(tests); i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_loop_test(tcase, test_bad_answers, 0, COUNT(bad_answers));
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
