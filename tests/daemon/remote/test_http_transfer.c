/* test_http_transfer.c - how a request looks on the wire, and how each end of an exchange reads. */
#include "config.h"

#include "tests/daemon/remote/http_fixture.h"
#include "tests/daemon/remote/python_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool request_has(const char *line)
{
	return strstr(script_server_last(server), line) != NULL;
}

START_TEST(test_response)
{
	static const struct script_step steps[] = {
		{ .bytes = "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n"
		  "HTTP/1.1 202 Accepted\r\nB: first\r\nA:  spaced  \r\nb: second\r\nEmpty:\r\nTransfer-Encoding: chunked\r\n"
		  "Trailer: T\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: late\r\n\r\n" },
	};
	struct http_request request = fixture_request("GET");
	struct outcome outcome;

	fixture_serve(steps, COUNT(steps));
	fixture_exchange(&request, &outcome);
	ck_assert_int_eq(outcome.status, 202);
	ck_assert_str_eq(outcome.error, "");
	ck_assert_str_eq(outcome.body, "abcde");
	ck_assert_uint_eq(outcome.body_len, 5);
	ck_assert(outcome.sent);
	ck_assert_uint_eq(outcome.resends, 0);
	/* the last response's, in order, neither the interim's nor the trailer */
	ck_assert_uint_eq(outcome.n_headers, 6);
	ck_assert_str_eq(outcome.headers[0].name, "B");
	ck_assert_str_eq(outcome.headers[0].value, "first");
	ck_assert_str_eq(outcome.headers[1].value, "spaced");
	ck_assert_str_eq(outcome.headers[2].name, "b");
	ck_assert_str_eq(outcome.headers[2].value, "second");
	ck_assert_str_eq(outcome.headers[3].value, "");
	ck_assert_str_eq(http_header_find(outcome.headers, outcome.n_headers, "B"), "first");
	ck_assert_ptr_null(http_header_find(outcome.headers, outcome.n_headers, "X-Interim"));
	outcome_clear(&outcome);
}
END_TEST

START_TEST(test_request_get)
{
	static const struct script_step steps[] = { { .bytes = OK } };
	struct http_header headers[] = {
		{ "X-First", "1" }, { "Authorization", "Bearer s3cret" }, { "X-Empty", "" }, { "x-first", "2" },
	};
	struct http_request request = fixture_request("GET");
	const char *first, *second;
	struct outcome outcome;

	fixture_serve(steps, COUNT(steps));
	request.headers = headers;
	request.n_headers = COUNT(headers);
	fixture_exchange(&request, &outcome);
	ck_assert_int_eq(outcome.status, 200);
	ck_assert_int_eq(strncmp(script_server_last(server), "GET /path?token=s3cret HTTP/1.1\r\n", 33), 0);
	ck_assert(request_has("\r\nUser-Agent: futured-test\r\n"));
	ck_assert(request_has("\r\nAuthorization: Bearer s3cret\r\n"));
	ck_assert(request_has("\r\nX-Empty:\r\n"));
	ck_assert(request_has("\r\nAccept-Encoding: "));
	ck_assert(!request_has("Content-Length"));
	ck_assert(!request_has("Content-Type"));
	first = strstr(script_server_last(server), "\r\nX-First: 1\r\n");
	second = strstr(script_server_last(server), "\r\nx-first: 2\r\n");
	ck_assert(first && second && first < second);
	outcome_clear(&outcome);
}
END_TEST

START_TEST(test_request_methods)
{
	static const struct {
		const char *method, *body;
		const char *length;        /* NULL: no Content-Length */
	} table[] = {
		{ "GET", NULL, NULL }, { "GET", "x", "1" }, { "POST", NULL, "0" }, { "POST", "", "0" }, { "POST", "{}", "2" },
		{ "PUT", NULL, "0" }, { "PUT", "abc", "3" }, { "PATCH", NULL, "0" }, { "PATCH", "abc", "3" },
		{ "DELETE", NULL, NULL }, { "DELETE", "abc", "3" }, { "OPTIONS", NULL, NULL },
	};
	static const struct script_step steps[] = {
		{ .bytes = OK }, { .bytes = OK }, { .bytes = OK }, { .bytes = OK }, { .bytes = OK }, { .bytes = OK },
		{ .bytes = OK }, { .bytes = OK }, { .bytes = OK }, { .bytes = OK }, { .bytes = OK }, { .bytes = OK },
	};
	char line[64];
	size_t i;

	fixture_serve(steps, COUNT(steps));
	for (i = 0; i < COUNT(table); i++) {
		struct http_request request = fixture_request(table[i].method);
		struct outcome outcome;

		request.body = table[i].body;
		request.body_len = table[i].body ? strlen(table[i].body) : 0;
		fixture_exchange(&request, &outcome);
		ck_assert_msg(outcome.status == 200, "%s: %s", table[i].method, outcome.error);
		ck_assert_str_eq(outcome.body, "ok");
		snprintf(line, sizeof(line), "%s /path", table[i].method);
		ck_assert_int_eq(strncmp(script_server_last(server), line, strlen(line)), 0);
		snprintf(line, sizeof(line), "\r\nContent-Length: %s\r\n", table[i].length ? table[i].length : "");
		ck_assert_msg(request_has(table[i].length ? line : "\r\nContent-Length:") == (table[i].length != NULL),
		    "%s %s", table[i].method, script_server_last(server));
		ck_assert(!request_has("Content-Type"));
		if (table[i].body)
			ck_assert_str_eq(strstr(script_server_last(server), "\r\n\r\n") + 4, table[i].body);
		outcome_clear(&outcome);
	}
}
END_TEST

START_TEST(test_request_head)
{
	static const struct script_step steps[] = {
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 123456789\r\nETag: x\r\n\r\n" }, { .bytes = OK },
	};
	struct http_request request = fixture_request("HEAD");
	struct outcome outcome;

	fixture_serve(steps, COUNT(steps));
	fixture_exchange(&request, &outcome);
	ck_assert_msg(outcome.status == 200, "%s", outcome.error);
	ck_assert_uint_eq(outcome.body_len, 0);
	ck_assert_str_eq(http_header_find(outcome.headers, outcome.n_headers, "etag"), "x");
	ck_assert_int_eq(strncmp(script_server_last(server), "HEAD /path", 10), 0);
	outcome_clear(&outcome);
	request = fixture_request("GET");
	fixture_exchange(&request, &outcome);
	ck_assert_int_eq(outcome.status, 200);
	ck_assert_uint_eq(script_server_connections(server), 1);
	outcome_clear(&outcome);
}
END_TEST

/* Large enough for libcurl to want "100 Continue", and with the caller's own content type. */
START_TEST(test_request_large)
{
	static const struct script_step steps[] = { { .bytes = OK } };
	static const struct http_header headers[] = { { "Content-Type", "application/json" } };
	struct http_request request = fixture_request("POST");
	size_t len = 3 * 1024 * 1024;
	char *body = malloc(len);
	struct outcome outcome;

	ck_assert_ptr_nonnull(body);
	memset(body, 'x', len);
	fixture_serve(steps, COUNT(steps));
	request.headers = headers;
	request.n_headers = 1;
	request.body = body;
	request.body_len = len;
	fixture_start(&request, &outcome);
	/* all of it was copied */
	memset(body, 'y', len);
	free(body);
	fixture_wait(&outcome);
	ck_assert_msg(outcome.status == 200, "%s", outcome.error);
	ck_assert(!request_has("Expect"));
	ck_assert(request_has("\r\nContent-Type: application/json\r\n"));
	ck_assert_uint_eq(strspn(strstr(script_server_last(server), "\r\n\r\n") + 4, "x"), len);
	outcome_clear(&outcome);
}
END_TEST

START_TEST(test_redirect_not_followed)
{
	static const struct script_step steps[] = {
		{ .bytes = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n" },
	};
	struct http_request request = fixture_request("GET");
	struct outcome outcome;

	fixture_serve(steps, COUNT(steps));
	fixture_exchange(&request, &outcome);
	ck_assert_int_eq(outcome.status, 302);
	ck_assert_str_eq(http_header_find(outcome.headers, outcome.n_headers, "location"), "/elsewhere");
	ck_assert_uint_eq(script_server_requests(server), 1);
	outcome_clear(&outcome);
}
END_TEST

/* Neither the proxies of the environment nor cookies of an earlier response. */
START_TEST(test_no_ambient_state)
{
	static const struct script_step steps[] = {
		{ .bytes = "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n" }, { .bytes = OK },
	};
	struct http_request request = fixture_request("GET");
	struct outcome outcome;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	fixture_serve(steps, COUNT(steps));
	fixture_exchange(&request, &outcome);
	ck_assert_msg(outcome.status == 200, "%s", outcome.error);
	outcome_clear(&outcome);
	fixture_exchange(&request, &outcome);
	ck_assert_int_eq(outcome.status, 200);
	ck_assert(!request_has("Cookie"));
	outcome_clear(&outcome);
}
END_TEST

START_TEST(test_unix_socket)
{
	static const struct script_step steps[] = { { .bytes = OK } };
	struct http_request request = fixture_request("GET");
	const char *tmp = getenv("TMPDIR");
	char directory[128], path[160];
	struct outcome outcome;

	snprintf(directory, sizeof(directory), "%s/http.XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/s", directory);
	request.url = "http://lxd/1.0";
	request.unix_socket = path;
	fixture_exchange(&request, &outcome);
	ck_assert_error(&outcome, "connect to unix:%s: No such file or directory", path);
	ck_assert(!outcome.sent);
	outcome_clear(&outcome);

	server = script_server_new(base, path, steps, COUNT(steps));
	fixture_exchange(&request, &outcome);
	ck_assert_msg(outcome.status == 200, "%s", outcome.error);
	ck_assert(request_has("\r\nHost: lxd\r\n"));
	outcome_clear(&outcome);
	unlink(path);
	rmdir(directory);
}
END_TEST

START_TEST(test_bad_requests)
{
	static const struct http_header name = { "X Y", "s3cret" }, line = { "X-A", "s3cret\r\nX-B: c" },
	    colon = { "A:", "s3cret" }, framing = { "content-length", "7" }, chunked = { "Transfer-Encoding", "s3cret" };
	static const struct {
		const char *method, *url, *unix_socket;
		const struct http_header *header;
	} table[] = {
		{ "GET", "ftp://h/s3cret", NULL, NULL }, { "GET", "s3cret", NULL, NULL },
		{ "GET", "http://u:s3cret@h/", NULL, NULL },
		{ "GET", "http://h:bad/?s3cret", NULL, NULL }, { "GET", "", NULL, NULL }, { "G T", "http://h/", NULL, NULL },
		{ "", "http://h/", NULL, NULL }, { "GET\r\nX: y", "http://h/", NULL, NULL }, { "GET", "http://h/", "", NULL },
		{ "GET", "http://h/", "/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/"
		  "0123456789/0123456789/0123456789", NULL },
		{ "GET", "http://h/", NULL, &name }, { "GET", "http://h/", NULL, &line }, { "GET", "http://h/", NULL, &colon },
		{ "GET", "http://h/", NULL, &framing }, { "GET", "http://h/", NULL, &chunked },
	};
	struct http_transfer *transfer = NULL;
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		struct http_request request = fixture_request(table[i].method);
		struct outcome outcome = { 0 };
		struct error error = { 0 };

		request.url = table[i].url;
		request.unix_socket = table[i].unix_socket;
		request.headers = table[i].header;
		request.n_headers = table[i].header ? 1 : 0;
		ck_assert_msg(http_start(http, &request, fixture_done, &outcome, &transfer, &error) == -EINVAL, "%zu", i);
		ck_assert_ptr_null(transfer);
		ck_assert_int_eq(error.code, ERROR_INVALID_ARGUMENT);
		ck_assert_uint_gt(strlen(error.message), 0);
		ck_assert_ptr_null(strstr(error.message, "s3cret"));
	}
}
END_TEST

START_TEST(test_refused)
{
	struct http_request request = fixture_request("GET");
	struct outcome outcome;
	int port;

	fixture_serve(NULL, 0);
	port = script_server_port(server);
	script_server_free(server);
	server = NULL;
	fixture_exchange(&request, &outcome);
	ck_assert_error(&outcome, "connect to 127.0.0.1:%d: Connection refused", port);
	ck_assert(!outcome.sent);
	outcome_clear(&outcome);
}
END_TEST

/* The server waits for a request, we for its part of the handshake. */
START_TEST(test_handshake_timeout)
{
	static const struct script_step steps[] = { { .bytes = "" } };
	struct http_request request = fixture_request("GET");
	struct outcome outcome;
	char start[64];

	fixture_serve(steps, COUNT(steps));
	snprintf(url, sizeof(url), "https://127.0.0.1:%d/", script_server_port(server));
	request.timeout_usec = 100000;
	fixture_exchange(&request, &outcome);
	ck_assert_int_eq(outcome.status, 0);
	ck_assert(!outcome.sent);
	/* not a byte of the request was sent: no answer is missing */
	ck_assert(!outcome.timed_out);
	snprintf(start, sizeof(start), "connecting to 127.0.0.1:%d", script_server_port(server));
	ck_assert_msg(strstr(outcome.error, start) != NULL, "%s", outcome.error);
	outcome_clear(&outcome);
}
END_TEST

/* A server with a certificate that nothing vouches for: the request must not leave. */
START_TEST(test_untrusted)
{
	struct http_request request = fixture_request("GET");
	struct python_server tls;
	struct outcome outcome;
	char start[128];

	python_server_start("tls_server.py", NULL, &tls);
	snprintf(url, sizeof(url), "https://localhost:%d/", tls.port);
	fixture_exchange(&request, &outcome);
	snprintf(start, sizeof(start), "connect to localhost:%d: SSL certificate problem: ", tls.port);
	ck_assert_int_eq(outcome.status, 0);
	ck_assert_msg(strncmp(outcome.error, start, strlen(start)) == 0, "%s", outcome.error);
	ck_assert(!outcome.sent);
	outcome_clear(&outcome);
	python_server_stop(&tls);
}
END_TEST

START_TEST(test_timeout)
{
	static const struct script_step steps[] = {
		{ .bytes = "" }, { .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf" },
	};
	struct http_request request = fixture_request("GET");
	struct outcome outcome;
	char end[64];
	int i;

	fixture_serve(steps, COUNT(steps));
	request.timeout_usec = 50000;
	snprintf(end, sizeof(end), " waiting for 127.0.0.1:%d", script_server_port(server));
	for (i = 0; i < 2; i++) {
		fixture_exchange(&request, &outcome);
		ck_assert_int_eq(outcome.status, 0);
		ck_assert_msg(strncmp(outcome.error, "timed out after ", 16) == 0, "%s", outcome.error);
		ck_assert_str_eq(strstr(outcome.error, " waiting"), end);
		ck_assert(outcome.sent);
		ck_assert(outcome.timed_out);
		outcome_clear(&outcome);
	}
	ck_assert_uint_eq(script_server_requests(server), 2);
}
END_TEST

/* Ends that are no end of a response; all on fresh connections, so that none is sent again. */
START_TEST(test_broken_responses)
{
	static const struct {
		struct script_step step;
		const char *error;         /* after the peer's name */
	} table[] = {
		{ { .bytes = "", .then = SCRIPT_CLOSE }, "connection closed without a response" },
		{ { .bytes = "", .then = SCRIPT_RESET }, "Recv failure: Connection reset by peer" },
		{ { .bytes = "HTTP/1.1 200 OK\r\nX: y\r\n", .then = SCRIPT_RESET }, "Recv failure: Connection reset by peer" },
		{ { .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", .then = SCRIPT_CLOSE },
		  "response cut short: transfer closed with 97 bytes remaining to read" },
		{ { .bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", .then = SCRIPT_CLOSE },
		  "response cut short: transfer closed with outstanding read data remaining" },
		{ { .bytes = "SSH-2.0-OpenSSH_9.2\r\n", .then = SCRIPT_CLOSE }, "not an HTTP response" },
		{ { .bytes = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde" },
		  "response body cannot be decompressed" },
	};
	size_t i;

	for (i = 0; i < COUNT(table); i++) {
		struct http_request request = fixture_request("GET");
		struct outcome outcome;

		fixture_serve(&table[i].step, 1);
		fixture_exchange(&request, &outcome);
		ck_assert_error(&outcome, "127.0.0.1:%d: %s", script_server_port(server), table[i].error);
		ck_assert(outcome.sent);
		ck_assert(!outcome.too_large);
		ck_assert_uint_eq(outcome.resends, 0);
		ck_assert_uint_eq(script_server_requests(server), 1);
		outcome_clear(&outcome);
		script_server_free(server);
		server = NULL;
	}
}
END_TEST

START_TEST(test_endless_headers)
{
	static const char wide[] = "HTTP/1.1 200 OK\r\nX: "
	    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";
	struct script_step steps[] = {
		{ .bytes = "HTTP/1.1 200 OK\r\n", .then = SCRIPT_REPEAT, .repeat = "X-Header: value\r\n" },
		{ .bytes = "", .then = SCRIPT_REPEAT, .repeat = "HTTP/1.1 100 Continue\r\n\r\n" },
		{ .bytes = wide, .then = SCRIPT_REPEAT, .repeat = wide + 20 },
	};
	struct outcome outcome;
	size_t i;

	steps[1].bytes = steps[1].repeat;
	for (i = 0; i < COUNT(steps); i++) {
		struct http_request request = fixture_request("GET");

		fixture_serve(&steps[i], 1);
		fixture_exchange(&request, &outcome);
		ck_assert_int_eq(outcome.status, 0);
		/* a single line without end is stopped by libcurl's own limit */
		if (i < 2)
			ck_assert_error(&outcome, "127.0.0.1:%d: response headers over 256 lines or 65536 bytes",
			    script_server_port(server));
		ck_assert(!outcome.too_large);
		outcome_clear(&outcome);
		script_server_free(server);
		server = NULL;
	}
}
END_TEST

START_TEST(test_body_max)
{
	static const struct script_step steps[] = {
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n12345678" },
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789" },
		{ .bytes = "HTTP/1.1 200 OK\r\n\r\n", .then = SCRIPT_REPEAT, .repeat = "endless" },
	};
	static const struct http_config config = { .body_max = 8 };
	struct http_request request = fixture_request("GET");
	struct outcome outcome;
	int i;

	http_configure(http, &config);
	fixture_serve(steps, COUNT(steps));
	fixture_exchange(&request, &outcome);
	ck_assert_int_eq(outcome.status, 200);
	ck_assert_str_eq(outcome.body, "12345678");
	ck_assert(!outcome.too_large);
	ck_assert(!request_has("User-Agent"));
	outcome_clear(&outcome);
	for (i = 0; i < 2; i++) {
		fixture_exchange(&request, &outcome);
		ck_assert_error(&outcome, "127.0.0.1:%d: response body over 8 bytes", script_server_port(server));
		ck_assert(outcome.too_large);
		ck_assert(outcome.sent);
		outcome_clear(&outcome);
	}
}
END_TEST

/* 24 bytes in 29, and a mebibyte of zeros in 1051 bytes. */
START_TEST(test_decompression)
{
	static const char hello[] = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 29\r\n\r\n"
	    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8"
	    "\x40\x27\xb9\x00\x00\x88\x59\x0b\x18\x00\x00\x00";
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1051\r\n\r\n";
	static const char front[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xf5\x4f\x6d\x08"
	    "\x5f\xa0";
	static const char back[] = "\x3e\x03\x1c\xea\x38\xa7\x00\x00\x10\x00";
	char *bomb = calloc(1, sizeof(head) + 1051);
	struct script_step steps[] = {
		{ .bytes = hello, .len = sizeof(hello) - 1 }, { .bytes = bomb, .len = sizeof(head) - 1 + 1051 },
	};
	struct http_request request = fixture_request("GET");
	struct outcome outcome;

	ck_assert_ptr_nonnull(bomb);
	memcpy(bomb, head, sizeof(head) - 1);
	memcpy(bomb + sizeof(head) - 1, front, sizeof(front) - 1);
	memcpy(bomb + sizeof(head) - 1 + 1051 - (sizeof(back) - 1), back, sizeof(back) - 1);
	fixture_serve(steps, COUNT(steps));
	fixture_exchange(&request, &outcome);
	ck_assert_msg(outcome.status == 200, "%s", outcome.error);
	ck_assert_str_eq(outcome.body, "hello hello hello hello\n");
	outcome_clear(&outcome);
	fixture_exchange(&request, &outcome);
	ck_assert_error(&outcome, "127.0.0.1:%d: response body over %d bytes", script_server_port(server), BODY_MAX);
	ck_assert(outcome.too_large);
	outcome_clear(&outcome);
	free(bomb);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_response, test_request_get, test_request_methods, test_request_head, test_request_large,
		test_redirect_not_followed, test_no_ambient_state, test_unix_socket, test_bad_requests, test_refused,
		test_handshake_timeout, test_untrusted, test_timeout, test_broken_responses, test_endless_headers,
		test_body_max, test_decompression,
	};

	return fixture_run("http_transfer", tests, COUNT(tests));
}
