/* test_http_nginx.c - HTTP/2 against nginx, which closes each connection after a hundred requests. */
#include "config.h"

#include "tests/daemon/remote/http_fixture.h"
#include "tests/daemon/remote/python_server.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define REQUESTS_PER_CONNECTION 100
#define STREAMS 100
#define EXIT_SKIP 77

static struct python_server nginx;

struct load {
	unsigned total, started, ended, in_flight;
	unsigned submit_every;         /* of so many requests one is a POST that must not arrive twice; 0: none */
	unsigned plain_every;          /* one is not to be HTTP/2 */
	unsigned slow_ms;              /* answers take from 0 to so long */
	unsigned failed, resends;
	char first_error[300];
};

struct load_request {
	struct load *load;
	char path[32];
};

static void start_more(struct load *load);

static void on_loaded(void *arg, const struct http_response *response)
{
	struct load_request *of = arg;
	struct load *load = of->load;
	bool good = response->status == 200 && response->body_len == strcspn(of->path, "?") &&
	    memcmp(response->body, of->path, response->body_len) == 0;

	if (!good && load->failed++ == 0)
		snprintf(load->first_error, sizeof(load->first_error), "%d %s", response->status, response->error);
	load->resends += response->resends;
	load->in_flight--;
	load->ended++;
	free(of);
	start_more(load);
}

static void start_more(struct load *load)
{
	struct http_transfer *transfer;
	struct load_request *of;
	char address[128];

	while (load->in_flight < STREAMS && load->started < load->total) {
		unsigned n = load->started++;
		bool submit = load->submit_every && n % load->submit_every == 0;
		struct http_request request = fixture_request(submit ? "POST" : "GET");

		of = malloc(sizeof(*of));
		ck_assert_ptr_nonnull(of);
		of->load = load;
		snprintf(of->path, sizeof(of->path), "/%u?%u", n, load->slow_ms ? n * 7 % load->slow_ms : 0);
		snprintf(address, sizeof(address), "https://127.0.0.1:%d%s", nginx.port, of->path);
		request.url = address;
		request.timeout_usec = 60000000;
		request.http2 = !load->plain_every || n % load->plain_every != 0;
		request.safe_to_resend = !submit;
		if (submit) {
			request.body = "x";
			request.body_len = 1;
		}
		ck_assert_int_eq(http_start(http, &request, on_loaded, of, &transfer, NULL), 0);
		load->in_flight++;
	}
}

/* Requests the service has seen and connections that carried them since the last time. */
static void get_counts(unsigned *ret_seen, unsigned *ret_connections)
{
	char line[64];

	python_server_ask(&nginx, "", line, sizeof(line));
	ck_assert_int_eq(sscanf(line, "%u %u", ret_seen, ret_connections), 2);
}

static void run_load(struct load *load)
{
	start_more(load);
	fixture_wait_count(&load->ended, load->total);
	ck_assert_msg(load->failed == 0, "%u of %u failed, the first: %s", load->failed, load->total, load->first_error);
}

static void setup(void)
{
	char ca_file[256];
	struct http_config config = { .body_max = BODY_MAX, .user_agent = "futured-test", .ca_file = ca_file };
	char requests[16];

	fixture_setup();
	snprintf(requests, sizeof(requests), "%d", REQUESTS_PER_CONNECTION);
	python_server_start("nginx_server.py", requests, &nginx);
	snprintf(ca_file, sizeof(ca_file), "%s", nginx.rest);
	http_configure(http, &config);
	memset(ca_file, 0, sizeof(ca_file));
}

static void teardown(void)
{
	fixture_teardown();
	python_server_stop(&nginx);
}

/* Many polls share few connections, and nobody notices that these are used up while others are on them. */
START_TEST(test_polls)
{
	struct load load = { .total = 2000, .slow_ms = 20 };
	unsigned seen, connections;

	run_load(&load);
	get_counts(&seen, &connections);
	ck_assert_uint_eq(seen, load.total);
	ck_assert_uint_ge(connections, load.total / REQUESTS_PER_CONNECTION);
	ck_assert_uint_le(connections, load.total / REQUESTS_PER_CONNECTION * 3 / 2);
}
END_TEST

/* Those that are not to be HTTP/2 have connections of their own, and do not make others open more of them. */
START_TEST(test_plain_among_them)
{
	struct load load = { .total = 2000, .slow_ms = 20, .plain_every = 10 };
	unsigned seen, connections;

	run_load(&load);
	get_counts(&seen, &connections);
	ck_assert_uint_eq(seen, load.total);
	/* a tenth of a hundred at a time */
	ck_assert_uint_le(connections, load.total / REQUESTS_PER_CONNECTION * 3 / 2 + 2 * STREAMS / 10);
}
END_TEST

START_TEST(test_one_connection)
{
	struct load load = { .total = STREAMS, .slow_ms = 20 };
	unsigned seen, connections;

	run_load(&load);
	get_counts(&seen, &connections);
	ck_assert_uint_eq(seen, STREAMS);
	ck_assert_uint_eq(connections, 1);
}
END_TEST

/* Requests that must not arrive twice, among polls: each arrives once. */
START_TEST(test_submits)
{
	struct load load = { .total = 1000, .slow_ms = 20, .submit_every = 10 };
	unsigned seen, connections;

	run_load(&load);
	get_counts(&seen, &connections);
	ck_assert_uint_eq(seen, load.total);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_polls, test_plain_among_them, test_one_connection, test_submits };
	Suite *suite = suite_create("http_nginx");
	TCase *tcase = tcase_create("http_nginx");
	SRunner *runner;
	size_t i;
	int failed;

	if (system("PATH=$PATH:/usr/sbin; command -v nginx >/dev/null && command -v openssl >/dev/null") != 0) {
		puts("nginx and openssl are not both installed");
		return EXIT_SKIP;
	}
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 120);
	for (i = 0; i < COUNT(tests); i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
