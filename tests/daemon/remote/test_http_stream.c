/* test_http_stream.c - responses without an end, and addresses that may not be connected to. */
#include "config.h"

#include "tests/daemon/remote/http_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

/* What a stream's reader was told. */
struct reading {
	struct outcome outcome;        /* its end; first, because it is the callbacks' argument */
	unsigned heads, pieces;
	int status;
	char type[64];
	char text[256];
	int answer;                    /* what the reader returns */
	struct reading *victim;        /* aborted in on_data; may be itself */
	bool at_head;                  /* as soon as the head is there, and not only at the first piece */
};

static struct evhttp *evhttp;
static struct evhttp_request *held;   /* the last request that evhttp was sent; the test answers it */
static unsigned held_count;

static int on_data(void *arg, const struct http_response *head, const void *data, size_t len)
{
	struct reading *reading = arg;
	const char *type = http_header_find(head->headers, head->n_headers, "content-type");

	ck_assert_uint_eq(reading->outcome.calls, 0);
	reading->status = head->status;
	snprintf(reading->type, sizeof(reading->type), "%s", type ? type : "");
	if (!data) {
		ck_assert_uint_eq(len, 0);
		ck_assert_uint_eq(reading->pieces, 0);
		reading->heads++;
	} else {
		ck_assert_uint_eq(reading->heads, 1);
		reading->pieces++;
		snprintf(reading->text + strlen(reading->text), sizeof(reading->text) - strlen(reading->text), "%.*s",
		    (int)len, (const char *)data);
	}
	if (reading->victim && (data || reading->at_head)) {
		reading->victim->outcome.transfer = http_abort(reading->victim->outcome.transfer);
		reading->victim = NULL;
	}
	return data ? reading->answer : 0;
}

static void start_stream(struct reading *reading, uint64_t idle_usec)
{
	struct http_request request = fixture_request("GET");

	request.timeout_usec = 0;
	request.idle_usec = idle_usec;
	ck_assert_int_eq(http_start_stream(http, &request, on_data, fixture_done, reading, &reading->outcome.transfer,
	    NULL), 0);
}

static void on_request(struct evhttp_request *request, void *arg)
{
	held = request;
	held_count++;
}

/* A server whose answers the test gives piece by piece. */
static void hold(void)
{
	struct evhttp_bound_socket *bound;
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	evhttp = evhttp_new(base);
	ck_assert_ptr_nonnull(evhttp);
	bound = evhttp_bind_socket_with_handle(evhttp, "127.0.0.1", 0);
	ck_assert_ptr_nonnull(bound);
	ck_assert_int_eq(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &len), 0);
	evhttp_set_gencb(evhttp, on_request, NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/events", ntohs(address.sin_port));
}

static void say(const char *text)
{
	struct evbuffer *piece = evbuffer_new();

	evbuffer_add(piece, text, strlen(text));
	evhttp_send_reply_chunk(held, piece);
	evbuffer_free(piece);
}

/* Until the server has the request, and has begun to answer it. */
static void wait_for_request(unsigned count)
{
	fixture_wait_count(&held_count, count);
	evhttp_add_header(evhttp_request_get_output_headers(held), "Content-Type", "text/event-stream");
	evhttp_send_reply_start(held, 200, "OK");
}

START_TEST(test_pieces)
{
	struct reading reading = { 0 };

	hold();
	start_stream(&reading, 60000000);
	wait_for_request(1);
	fixture_wait_count(&reading.heads, 1);
	ck_assert_int_eq(reading.status, 200);
	ck_assert_str_eq(reading.type, "text/event-stream");
	ck_assert_uint_eq(reading.pieces, 0);
	say("data: 1\n\n");
	fixture_wait_count(&reading.pieces, 1);
	ck_assert_str_eq(reading.text, "data: 1\n\n");
	say("data: 2\n\n");
	fixture_wait_count(&reading.pieces, 2);
	say("data: 3\n\n");
	evhttp_send_reply_end(held);
	fixture_wait(&reading.outcome);
	ck_assert_str_eq(reading.text, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
	ck_assert_uint_eq(reading.heads, 1);
	ck_assert_int_eq(reading.outcome.status, 200);
	ck_assert_uint_eq(reading.outcome.body_len, 0);
	ck_assert(!reading.outcome.timed_out);
	outcome_clear(&reading.outcome);
}
END_TEST

/* A whole answer in one turn: all of it comes before the end. */
START_TEST(test_at_once)
{
	static const struct script_step steps[] = {
		{ .bytes = "HTTP/1.1 103 Early Hints\r\n\r\n" OK }, { .bytes = "HTTP/1.1 204 No Content\r\n\r\n" },
	};
	struct reading first = { 0 }, second = { 0 };

	fixture_serve(steps, COUNT(steps));
	start_stream(&first, 60000000);
	fixture_wait(&first.outcome);
	ck_assert_uint_eq(first.heads, 1);
	ck_assert_str_eq(first.text, "ok");
	ck_assert_int_eq(first.outcome.status, 200);
	outcome_clear(&first.outcome);
	start_stream(&second, 60000000);
	fixture_wait(&second.outcome);
	ck_assert_uint_eq(second.heads, 1);
	ck_assert_uint_eq(second.pieces, 0);
	ck_assert_int_eq(second.outcome.status, 204);
	outcome_clear(&second.outcome);
}
END_TEST

/* No stream at all: the body is kept as usual, and the reader hears nothing. */
START_TEST(test_other_status)
{
	static const struct script_step steps[] = { { .bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno" } };
	struct reading reading = { 0 };

	fixture_serve(steps, COUNT(steps));
	start_stream(&reading, 60000000);
	fixture_wait(&reading.outcome);
	ck_assert_uint_eq(reading.heads, 0);
	ck_assert_int_eq(reading.outcome.status, 404);
	ck_assert_str_eq(reading.outcome.body, "no");
	outcome_clear(&reading.outcome);
}
END_TEST

/* The service breaks it off. It is not sent again, although the connection was a used one: a part has been read. */
START_TEST(test_cut_off)
{
	static const struct script_step steps[] = {
		{ .bytes = OK },
		{ .bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", .then = SCRIPT_RESET },
		{ .bytes = OK },
	};
	struct http_request request = fixture_request("GET");
	struct reading reading = { 0 };
	struct outcome outcome;

	fixture_serve(steps, COUNT(steps));
	fixture_exchange(&request, &outcome);
	outcome_clear(&outcome);
	start_stream(&reading, 60000000);
	fixture_wait(&reading.outcome);
	ck_assert_str_eq(reading.text, "abc");
	ck_assert_error(&reading.outcome, "127.0.0.1:%d: Recv failure: Connection reset by peer",
	    script_server_port(server));
	ck_assert_uint_eq(script_server_requests(server), 2);
	outcome_clear(&reading.outcome);
}
END_TEST

START_TEST(test_idle)
{
	static const struct script_step steps[] = { { .bytes = "" }, { .bytes = HEAD "data: x\n\n" } };
	int i;

	fixture_serve(steps, COUNT(steps));
	for (i = 0; i < 2; i++) {
		struct reading reading = { 0 };

		start_stream(&reading, 50000);
		fixture_wait(&reading.outcome);
		ck_assert_error(&reading.outcome, "127.0.0.1:%d: not a byte for 50 ms", script_server_port(server));
		ck_assert(reading.outcome.timed_out);
		ck_assert(reading.outcome.sent);
		ck_assert_uint_eq(reading.heads, (unsigned)i);
		outcome_clear(&reading.outcome);
	}
}
END_TEST

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
	unsigned *beats = arg;

	say(": still here\n\n");
	(*beats)++;
}

/* Any byte keeps it open. */
START_TEST(test_not_idle)
{
	struct timeval beat = { .tv_usec = 20000 };
	struct reading reading = { 0 };
	struct event *timer;
	unsigned beats = 0;

	hold();
	timer = event_new(base, -1, EV_PERSIST, on_beat, &beats);
	start_stream(&reading, 500000);
	wait_for_request(1);
	event_add(timer, &beat);
	fixture_wait_count(&beats, 60);
	event_free(timer);
	ck_assert_uint_eq(reading.outcome.calls, 0);
	ck_assert_uint_gt(reading.pieces, 1);
	http_abort(reading.outcome.transfer);
}
END_TEST

START_TEST(test_reader_has_enough)
{
	static const struct script_step steps[] = {
		{ .bytes = HEAD "data: x\n\n" }, { .bytes = OK },
		{ .bytes = HEAD, .then = SCRIPT_REPEAT, .repeat = "data: y\n\n" },
	};
	size_t i;

	fixture_serve(steps, COUNT(steps));
	for (i = 0; i < COUNT(steps); i++) {
		struct reading reading = { .answer = -ECANCELED };

		start_stream(&reading, 60000000);
		fixture_wait(&reading.outcome);
		ck_assert_uint_eq(reading.pieces, 1);
		ck_assert_error(&reading.outcome, "127.0.0.1:%d: the stream was given up", script_server_port(server));
		ck_assert(!reading.outcome.timed_out);
		outcome_clear(&reading.outcome);
	}
}
END_TEST

/* More at a time than a body may have. */
START_TEST(test_burst)
{
	size_t len = strlen(HEAD) + BODY_MAX + 2;
	struct script_step step = { .bytes = malloc(len), .len = len };
	struct reading reading = { 0 };

	memset((char *)step.bytes, 'x', len);
	memcpy((char *)step.bytes, HEAD, strlen(HEAD));
	fixture_serve(&step, 1);
	start_stream(&reading, 60000000);
	while (reading.outcome.calls == 0 && reading.pieces == 0)
		event_base_loop(base, EVLOOP_ONCE);
	/* whether it comes in one turn is up to the kernel: it is read to the end, or refused */
	ck_assert(reading.pieces > 0 || reading.outcome.too_large);
	if (reading.outcome.calls)
		outcome_clear(&reading.outcome);
	else
		http_abort(reading.outcome.transfer);
	free((char *)step.bytes);
}
END_TEST

START_TEST(test_abort_itself)
{
	struct reading reading = { .at_head = _i == 0 };

	reading.victim = &reading;
	hold();
	start_stream(&reading, 60000000);
	wait_for_request(1);
	say("data: x\n\n");
	while (reading.outcome.transfer)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(reading.pieces, (unsigned)_i);
	ck_assert_uint_eq(reading.outcome.calls, 0);
}
END_TEST

/* The whole answer has arrived, and its end waits for the same turn. */
START_TEST(test_abort_itself_at_the_end)
{
	static const struct script_step steps[] = { { .bytes = OK }, { .bytes = OK } };
	struct http_request request = fixture_request("GET");
	struct reading reading = { .victim = &reading };
	struct outcome outcome;

	fixture_serve(steps, COUNT(steps));
	start_stream(&reading, 60000000);
	fixture_exchange(&request, &outcome);
	ck_assert_uint_eq(reading.outcome.calls, 0);
	outcome_clear(&outcome);
}
END_TEST

/* Two streams with news in the same turn: one reader aborts both. */
START_TEST(test_abort_another)
{
	struct reading first = { 0 }, second = { 0 };
	struct evhttp_request *one;

	hold();
	start_stream(&first, 60000000);
	wait_for_request(1);
	one = held;
	start_stream(&second, 60000000);
	wait_for_request(2);
	fixture_wait_count(&second.heads, 1);
	first.victim = &second;
	second.victim = &first;
	say("data: 2\n\n");
	held = one;
	say("data: 1\n\n");
	while (first.outcome.transfer && second.outcome.transfer)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(first.outcome.calls + second.outcome.calls, 0);
	http_abort(first.outcome.transfer);
	http_abort(second.outcome.transfer);
}
END_TEST

/* --- addresses ---------------------------------------------------------------------------------- */

static bool vet_nothing(void *arg, const struct sockaddr *address)
{
	unsigned *asked = arg;

	ck_assert(address->sa_family == AF_INET || address->sa_family == AF_INET6);
	(*asked)++;
	return false;
}

static bool vet_ipv4(void *arg, const struct sockaddr *address)
{
	return address->sa_family == AF_INET;
}

static void configure(http_vet vet, void *arg)
{
	struct http_config config = { .body_max = BODY_MAX, .user_agent = "futured-test", .vet = vet, .vet_arg = arg };

	http_configure(http, &config);
}

START_TEST(test_vet)
{
	static const struct script_step steps[] = { { .bytes = OK } };
	static const struct {
		const char *host, *address;
	} table[] = {
		{ "127.0.0.1", "127.0.0.1" }, { "2130706433", "127.0.0.1" }, { "0x7f.1", "127.0.0.1" }, { "[::1]", "::1" },
		{ "[::ffff:127.0.0.1]", "::ffff:127.0.0.1" },
	};
	struct http_request request = fixture_request("GET");
	struct outcome outcome;
	unsigned asked = 0;
	size_t i;

	fixture_serve(steps, COUNT(steps));
	configure(vet_nothing, &asked);
	for (i = 0; i < COUNT(table); i++) {
		char end[128];

		snprintf(url, sizeof(url), "http://%s:%d/", table[i].host, script_server_port(server));
		snprintf(end, sizeof(end), ": address %s is not allowed", table[i].address);
		fixture_exchange(&request, &outcome);
		ck_assert_int_eq(outcome.status, 0);
		ck_assert_msg(strstr(outcome.error, end) && strcmp(strstr(outcome.error, end), end) == 0, "%s", outcome.error);
		ck_assert(!outcome.sent);
		outcome_clear(&outcome);
		ck_assert_uint_eq(asked, i + 1);
	}
	ck_assert_uint_eq(script_server_connections(server), 0);
}
END_TEST

static bool vet_as_told(void *arg, const struct sockaddr *address)
{
	ck_assert_int_eq(address->sa_family, AF_INET);
	return *(const bool *)arg;
}

/* What is not allowed any more gets no further request, though a connection stands. */
START_TEST(test_vet_again)
{
	static const struct script_step steps[] = { { .bytes = OK }, { .bytes = OK }, { .bytes = OK } };
	struct http_request request = fixture_request("GET");
	struct outcome outcome;
	bool allowed = true;

	fixture_serve(steps, COUNT(steps));
	configure(vet_as_told, &allowed);
	for (int i = 0; i < 2; i++) {
		fixture_exchange(&request, &outcome);
		ck_assert_msg(outcome.status == 200, "%s", outcome.error);
		outcome_clear(&outcome);
	}
	ck_assert_uint_eq(script_server_connections(server), 1);
	allowed = false;
	for (int i = 0; i < 2; i++) {
		fixture_exchange(&request, &outcome);
		ck_assert_msg(strstr(outcome.error, ": address 127.0.0.1 is not allowed") != NULL, "%s", outcome.error);
		ck_assert(!outcome.sent);
		outcome_clear(&outcome);
	}
	ck_assert_uint_eq(script_server_connections(server), 1);
	allowed = true;
	fixture_exchange(&request, &outcome);
	ck_assert_msg(outcome.status == 200, "%s", outcome.error);
	outcome_clear(&outcome);
}
END_TEST

/* A name with two addresses of which one is allowed. */
START_TEST(test_vet_one_of_two)
{
	static const struct script_step steps[] = { { .bytes = OK } };
	struct http_request request = fixture_request("GET");
	struct outcome outcome;

	fixture_serve(steps, COUNT(steps));
	configure(vet_ipv4, NULL);
	snprintf(url, sizeof(url), "http://localhost:%d/", script_server_port(server));
	fixture_exchange(&request, &outcome);
	ck_assert_msg(outcome.status == 200, "%s", outcome.error);
	outcome_clear(&outcome);
	/* and that one is tried in vain: that counts */
	script_server_free(server);
	server = NULL;
	fixture_exchange(&request, &outcome);
	ck_assert_msg(strstr(outcome.error, "Connection refused") != NULL, "%s", outcome.error);
	outcome_clear(&outcome);
}
END_TEST

START_TEST(test_vet_not_unix)
{
	static const struct script_step steps[] = { { .bytes = OK } };
	struct http_request request = fixture_request("GET");
	const char *tmp = getenv("TMPDIR");
	struct outcome outcome;
	unsigned asked = 0;
	char path[128];

	snprintf(path, sizeof(path), "%s/vet-%d", tmp ? tmp : "/tmp", (int)getpid());
	server = script_server_new(base, path, steps, COUNT(steps));
	configure(vet_nothing, &asked);
	request.url = "http://lxd/1.0";
	request.unix_socket = path;
	fixture_exchange(&request, &outcome);
	ck_assert_msg(outcome.status == 200, "%s", outcome.error);
	ck_assert_uint_eq(asked, 0);
	outcome_clear(&outcome);
	unlink(path);
}
END_TEST

static void teardown(void)
{
	http = http_free(http);
	if (evhttp)
		evhttp_free(evhttp);
	evhttp = NULL;
	fixture_teardown();
}

int main(void)
{
	const TTest *const tests[] = {
		test_pieces, test_at_once, test_other_status, test_cut_off, test_idle, test_not_idle, test_reader_has_enough,
		test_burst, test_abort_itself_at_the_end, test_abort_another, test_vet, test_vet_again, test_vet_one_of_two,
		test_vet_not_unix,
	};
	Suite *suite = suite_create("http_stream");
	TCase *tcase = tcase_create("http_stream");
	SRunner *runner;
	size_t i;
	int failed;

	tcase_add_checked_fixture(tcase, fixture_setup, teardown);
	tcase_set_timeout(tcase, 60);
	for (i = 0; i < COUNT(tests); i++)
		tcase_add_test(tcase, tests[i]);
	tcase_add_loop_test(tcase, test_abort_itself, 0, 2);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
