/* test_http.c - the life of transfers: connections reused and lost, requests sent again, aborts, ends. */
#include "config.h"

#include "tests/daemon/remote/http_fixture.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define MANY 300
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

START_TEST(test_keep_alive)
{
	static const struct script_step steps[] = { { .bytes = OK }, { .bytes = OK } };
	struct http_request request = fixture_request("GET");
	struct outcome outcome;
	int i;

	fixture_serve(steps, COUNT(steps));
	for (i = 0; i < 2; i++) {
		/* HTTP/2 is for TLS: in the clear it makes no difference */
		request.http2 = i == 1;
		fixture_exchange(&request, &outcome);
		ck_assert_int_eq(outcome.status, 200);
		outcome_clear(&outcome);
	}
	ck_assert_ptr_null(strstr(script_server_last(server), "Upgrade"));
	ck_assert_uint_eq(script_server_requests(server), 2);
	ck_assert_uint_eq(script_server_connections(server), 1);
}
END_TEST

/* Put a used connection into the pool. */
static void warm_up(void)
{
	struct http_request request = fixture_request("GET");
	struct outcome outcome;

	fixture_exchange(&request, &outcome);
	ck_assert_int_eq(outcome.status, 200);
	outcome_clear(&outcome);
}

/* A connection that was used before dies, with and without a part of a response: sent again, once, unseen. */
START_TEST(test_resend)
{
	static const struct script_step deaths[] = {
		{ .bytes = "", .then = SCRIPT_CLOSE },
		{ .bytes = "", .then = SCRIPT_RESET },
		{ .bytes = "HTTP/1.1 200 OK\r\nX-Half: a\r\n", .then = SCRIPT_RESET },
		{ .bytes = "HTTP/1.1 200 OK\r\nX-Old: a\r\nContent-Length: 9\r\n\r\nhalf", .then = SCRIPT_RESET },
	};
	struct script_step steps[] = { { .bytes = OK }, { .bytes = NULL }, { .bytes = OK } };
	struct http_request request = fixture_request("POST");
	struct outcome outcome;
	size_t i;

	request.body = "again";
	request.body_len = 5;
	for (i = 0; i < COUNT(deaths); i++) {
		steps[1] = deaths[i];
		fixture_serve(steps, COUNT(steps));
		warm_up();
		fixture_exchange(&request, &outcome);
		ck_assert_msg(outcome.status == 200, "%zu: %s", i, outcome.error);
		ck_assert_str_eq(outcome.body, "ok");
		ck_assert_uint_eq(outcome.n_headers, 1);
		ck_assert_uint_eq(outcome.resends, 1);
		ck_assert(outcome.sent);
		ck_assert_uint_eq(script_server_requests(server), 3);
		ck_assert_uint_eq(script_server_connections(server), 2);
		ck_assert_str_eq(strstr(script_server_last(server), "\r\n\r\n") + 4, "again");
		outcome_clear(&outcome);
		script_server_free(server);
		server = NULL;
	}
}
END_TEST

START_TEST(test_resend_once)
{
	static const struct script_step steps[] = {
		{ .bytes = OK },
		{ .bytes = "HTTP/1.1 200 OK\r\nX-Half", .then = SCRIPT_RESET },
		{ .bytes = "HTTP/1.1 200 OK\r\nX-Half", .then = SCRIPT_RESET },
		{ .bytes = OK },
	};
	struct http_request request = fixture_request("GET");
	struct outcome outcome;

	fixture_serve(steps, COUNT(steps));
	warm_up();
	fixture_exchange(&request, &outcome);
	ck_assert_error(&outcome, "127.0.0.1:%d: Recv failure: Connection reset by peer", script_server_port(server));
	ck_assert_uint_eq(outcome.resends, 1);
	ck_assert_uint_eq(script_server_requests(server), 3);
	outcome_clear(&outcome);
}
END_TEST

/* A response cut short in good order is the service's doing, on whatever connection. */
START_TEST(test_cut_short)
{
	static const struct script_step steps[] = {
		{ .bytes = OK },
		{ .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", .then = SCRIPT_CLOSE },
		{ .bytes = OK },
	};
	struct http_request request = fixture_request("GET");
	struct outcome outcome;

	fixture_serve(steps, COUNT(steps));
	warm_up();
	fixture_exchange(&request, &outcome);
	ck_assert_error(&outcome, "127.0.0.1:%d: response cut short: transfer closed with 5 bytes remaining to read",
	    script_server_port(server));
	ck_assert_uint_eq(script_server_requests(server), 2);
	outcome_clear(&outcome);
}
END_TEST

/* A request that must not arrive twice goes out on a connection of its own and is never sent again. */
START_TEST(test_unsafe)
{
	static const struct script_step steps[] = {
		{ .bytes = OK }, { .bytes = "", .then = SCRIPT_CLOSE }, { .bytes = OK },
	};
	struct http_request request = fixture_request("POST");
	struct outcome outcome;

	fixture_serve(steps, COUNT(steps));
	warm_up();
	request.safe_to_resend = false;
	fixture_exchange(&request, &outcome);
	ck_assert_error(&outcome, "127.0.0.1:%d: connection closed without a response", script_server_port(server));
	ck_assert(outcome.sent);
	ck_assert_uint_eq(outcome.resends, 0);
	ck_assert_uint_eq(script_server_requests(server), 2);
	ck_assert_uint_eq(script_server_connections(server), 2);
	outcome_clear(&outcome);
}
END_TEST

struct chain {
	struct outcome outcome;
	struct outcome *victim;        /* aborted in the callback */
	struct http_request next;      /* started in the callback when it has a method */
	struct outcome *next_outcome;
	bool abort_self;
};

static void on_chain(void *arg, const struct http_response *response)
{
	struct chain *chain = arg;
	struct http_transfer *self = chain->outcome.transfer;

	fixture_done(&chain->outcome, response);
	if (chain->victim)
		chain->victim->transfer = http_abort(chain->victim->transfer);
	if (chain->abort_self)
		ck_assert_ptr_null(http_abort(self));
	if (chain->next.method)
		fixture_start(&chain->next, chain->next_outcome);
}

static void start_chain(const struct http_request *request, struct chain *chain)
{
	ck_assert_int_eq(http_start(http, request, on_chain, chain, &chain->outcome.transfer, NULL), 0);
}

START_TEST(test_start_and_abort_in_callback)
{
	static const struct script_step steps[] = { { .bytes = "" }, { .bytes = OK }, { .bytes = OK } };
	struct http_request request = fixture_request("GET");
	struct outcome victim, next;
	struct chain chain = { .victim = &victim, .next = request, .next_outcome = &next, .abort_self = true };
	unsigned requests = 0;

	fixture_serve(steps, COUNT(steps));
	fixture_start(&request, &victim);
	while (requests < 1) {
		event_base_loop(base, EVLOOP_ONCE);
		requests = script_server_requests(server);
	}
	start_chain(&request, &chain);
	fixture_wait(&chain.outcome);
	ck_assert_int_eq(chain.outcome.status, 200);
	fixture_wait(&next);
	ck_assert_int_eq(next.status, 200);
	ck_assert_uint_eq(victim.calls, 0);
	outcome_clear(&chain.outcome);
	outcome_clear(&next);
}
END_TEST

/* Two have ended in the same turn; the first one's callback aborts the second, whose own is then not called. */
START_TEST(test_abort_ended)
{
	struct http_request request = fixture_request("GET");
	struct outcome first, second = { 0 };
	struct chain chain = { .victim = &second };

	/* nobody listens: both fail in one turn of the loop, as soon as connecting is tried */
	fixture_serve(NULL, 0);
	script_server_free(server);
	server = NULL;
	start_chain(&request, &chain);
	fixture_start(&request, &second);
	fixture_start(&request, &first);
	fixture_wait(&first);
	ck_assert_uint_eq(chain.outcome.calls, 1);
	ck_assert_uint_eq(second.calls, 0);
	outcome_clear(&first);
	outcome_clear(&chain.outcome);
}
END_TEST

START_TEST(test_abort)
{
	static const struct script_step steps[] = { { .bytes = "" }, { .bytes = OK } };
	struct http_request request = fixture_request("GET");
	struct outcome never, outcome;

	fixture_serve(steps, COUNT(steps));
	/* before the loop has run at all */
	fixture_start(&request, &never);
	ck_assert_ptr_null(http_abort(never.transfer));
	/* with the request on its way */
	fixture_start(&request, &never);
	while (script_server_requests(server) < 1)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_ptr_null(http_abort(never.transfer));
	ck_assert_ptr_null(http_abort(NULL));
	fixture_exchange(&request, &outcome);
	ck_assert_int_eq(outcome.status, 200);
	ck_assert_uint_eq(never.calls, 0);
	outcome_clear(&outcome);
}
END_TEST

/* The fixture's teardown frees the transport with these under way: one waiting, one not yet connected. */
START_TEST(test_free_in_flight)
{
	static const struct script_step steps[] = { { .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf" } };
	static struct outcome outcomes[2];
	struct http_request request = fixture_request("GET");

	fixture_serve(steps, COUNT(steps));
	fixture_start(&request, &outcomes[0]);
	while (script_server_requests(server) < 1)
		event_base_loop(base, EVLOOP_ONCE);
	fixture_start(&request, &outcomes[1]);
	ck_assert_uint_eq(outcomes[0].calls, 0);
}
END_TEST

static void on_evhttp(struct evhttp_request *request, void *arg)
{
	struct evbuffer *body = evbuffer_new();
	unsigned *requests = arg;

	(*requests)++;
	ck_assert_ptr_nonnull(body);
	evbuffer_add_printf(body, "%s", evhttp_request_get_uri(request));
	evhttp_send_reply(request, 200, "OK", body);
	evbuffer_free(body);
}

/* Many at once against an ordinary server: each gets its own answer, once. */
START_TEST(test_many)
{
	struct http_request request = fixture_request("GET");
	struct outcome *outcomes = calloc(MANY, sizeof(*outcomes));
	struct evhttp *evhttp = evhttp_new(base);
	struct evhttp_bound_socket *bound;
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	unsigned requests = 0;
	char path[128];
	int i, round;

	ck_assert(outcomes && evhttp);
	bound = evhttp_bind_socket_with_handle(evhttp, "127.0.0.1", 0);
	ck_assert_ptr_nonnull(bound);
	ck_assert_int_eq(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &len), 0);
	evhttp_set_gencb(evhttp, on_evhttp, &requests);
	request.url = path;
	request.timeout_usec = 30000000;
	for (round = 0; round < 2; round++) {
		for (i = 0; i < MANY; i++) {
			snprintf(path, sizeof(path), "http://127.0.0.1:%d/%d/%d",
			    ntohs(((struct sockaddr_in *)&address)->sin_port), round, i);
			fixture_start(&request, &outcomes[i]);
		}
		for (i = 0; i < MANY; i++) {
			fixture_wait(&outcomes[i]);
			ck_assert_msg(outcomes[i].status == 200, "%d: %s", i, outcomes[i].error);
			snprintf(path, sizeof(path), "/%d/%d", round, i);
			ck_assert_str_eq(outcomes[i].body, path);
			outcome_clear(&outcomes[i]);
		}
	}
	ck_assert_uint_eq(requests, 2 * MANY);
	http = http_free(http);
	evhttp_free(evhttp);
	free(outcomes);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_keep_alive, test_resend, test_resend_once, test_cut_short, test_unsafe,
		test_start_and_abort_in_callback, test_abort_ended, test_abort, test_free_in_flight, test_many,
	};

	return fixture_run("http", tests, COUNT(tests));
}
