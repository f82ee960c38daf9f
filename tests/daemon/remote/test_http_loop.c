/* test_http_loop.c - the loop when libcurl or the resolver does not do its part. */
#include "config.h"

#include "tests/daemon/remote/http_fixture.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What the stand-ins below do instead of calling the real function. */
static bool wedged;                    /* socket actions do nothing */
static CURLMcode action_result;        /* the next socket action's, once */
static CURLMcode add_result;           /* the next added handle's, once */
static pthread_mutex_t resolver = PTHREAD_MUTEX_INITIALIZER;
static unsigned lookups;

CURLMcode curl_multi_socket_action(CURLM *multi, curl_socket_t fd, int what, int *running)
{
	CURLMcode (*real)(CURLM *, curl_socket_t, int, int *) =
	    (CURLMcode (*)(CURLM *, curl_socket_t, int, int *))dlsym(RTLD_NEXT, "curl_multi_socket_action");
	CURLMcode result = action_result;

	action_result = CURLM_OK;
	if (result != CURLM_OK || wedged)
		return result;
	return real(multi, fd, what, running);
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy)
{
	CURLMcode (*real)(CURLM *, CURL *) = (CURLMcode (*)(CURLM *, CURL *))dlsym(RTLD_NEXT, "curl_multi_add_handle");
	CURLMcode result = add_result;

	add_result = CURLM_OK;
	return result != CURLM_OK ? result : real(multi, easy);
}

/* Called by libcurl's resolver thread: no such name, after waiting for the test when the name is slow.test. */
__attribute__((visibility("default")))
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	__atomic_add_fetch(&lookups, 1, __ATOMIC_SEQ_CST);
	if (strcmp(node, "slow.test") == 0) {
		pthread_mutex_lock(&resolver);
		pthread_mutex_unlock(&resolver);
	}
	return EAI_NONAME;
}

START_TEST(test_resolve)
{
	struct http_request request = fixture_request("GET");
	struct outcome outcome;

	request.url = "http://No-Such-Host.invalid:81/?token=s3cret";
	fixture_exchange(&request, &outcome);
	ck_assert_error(&outcome, "resolve no-such-host.invalid: no address found");
	ck_assert(!outcome.sent);
	ck_assert_uint_ge(__atomic_load_n(&lookups, __ATOMIC_SEQ_CST), 1);
	outcome_clear(&outcome);
}
END_TEST

/* A resolver that hangs holds up neither the timeout, nor an abort, nor other transfers, nor the end. */
START_TEST(test_slow_resolver)
{
	static const struct script_step steps[] = { { .bytes = OK } };
	struct http_request request = fixture_request("GET");
	struct outcome outcome, other, never;

	pthread_mutex_lock(&resolver);
	fixture_serve(steps, COUNT(steps));
	fixture_start(&request, &other);
	request.url = "http://slow.test/";
	fixture_start(&request, &never);
	fixture_wait(&other);
	ck_assert_int_eq(other.status, 200);
	outcome_clear(&other);
	http_abort(never.transfer);
	request.timeout_usec = 50000;
	fixture_exchange(&request, &outcome);
	ck_assert_msg(strncmp(outcome.error, "timed out after ", 16) == 0, "%s", outcome.error);
	ck_assert_str_eq(strstr(outcome.error, " connecting"), " connecting to slow.test:80");
	ck_assert(!outcome.sent);
	outcome_clear(&outcome);
	http = http_free(http);
	pthread_mutex_unlock(&resolver);
}
END_TEST

/* libcurl says that the multi handle is unusable: what was in flight ends as a transport error, what follows works. */
START_TEST(test_broken_multi)
{
	static const struct script_step steps[] = { { .bytes = "" }, { .bytes = "" }, { .bytes = OK } };
	struct http_request request = fixture_request("GET");
	struct outcome first, second, outcome;

	fixture_serve(steps, COUNT(steps));
	fixture_start(&request, &first);
	fixture_start(&request, &second);
	while (script_server_requests(server) < 2)
		event_base_loop(base, EVLOOP_ONCE);
	action_result = CURLM_INTERNAL_ERROR;
	/* its timer calls for a socket action */
	fixture_start(&request, &outcome);
	fixture_wait(&first);
	fixture_wait(&second);
	fixture_wait(&outcome);
	ck_assert_error(&first, "127.0.0.1:%d: interrupted, the HTTP transport had to be restarted",
	    script_server_port(server));
	ck_assert(first.sent);
	ck_assert_str_eq(second.error, first.error);
	ck_assert_str_eq(outcome.error, first.error);
	ck_assert(!outcome.sent);
	outcome_clear(&first);
	outcome_clear(&second);
	outcome_clear(&outcome);
	fixture_exchange(&request, &outcome);
	ck_assert_int_eq(outcome.status, 200);
	outcome_clear(&outcome);
}
END_TEST

/* It refuses a new transfer: that one goes to a new multi handle. Nothing is called back from within http_start. */
START_TEST(test_broken_add)
{
	static const struct script_step steps[] = { { .bytes = "" }, { .bytes = OK } };
	struct http_request request = fixture_request("GET");
	struct outcome first, outcome;

	fixture_serve(steps, COUNT(steps));
	fixture_start(&request, &first);
	while (script_server_requests(server) < 1)
		event_base_loop(base, EVLOOP_ONCE);
	add_result = CURLM_ABORTED_BY_CALLBACK;
	fixture_start(&request, &outcome);
	ck_assert_uint_eq(first.calls, 0);
	fixture_wait(&first);
	fixture_wait(&outcome);
	ck_assert_error(&first, "127.0.0.1:%d: interrupted, the HTTP transport had to be restarted",
	    script_server_port(server));
	ck_assert_int_eq(outcome.status, 200);
	outcome_clear(&first);
	outcome_clear(&outcome);
}
END_TEST

START_TEST(test_add_no_memory)
{
	struct http_request request = fixture_request("GET");
	struct http_transfer *transfer = NULL;
	struct error error = { 0 };

	fixture_serve(NULL, 0);
	add_result = CURLM_OUT_OF_MEMORY;
	ck_assert_int_eq(http_start(http, &request, fixture_done, NULL, &transfer, &error), -ENOMEM);
	ck_assert_ptr_null(transfer);
	ck_assert_int_eq(error.code, ERROR_OUT_OF_MEMORY);
}
END_TEST

/* libcurl forgets about a transfer: our own watchdog ends it. */
START_TEST(test_watchdog)
{
	struct http_request request = fixture_request("GET");
	struct outcome outcome;

	fixture_serve(NULL, 0);
	request.timeout_usec = 1000;
	wedged = true;
	fixture_exchange(&request, &outcome);
	ck_assert_int_eq(outcome.status, 0);
	ck_assert_msg(strncmp(outcome.error, "timed out after 1.", 18) == 0, "%s", outcome.error);
	ck_assert(!outcome.sent);
	outcome_clear(&outcome);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_resolve, test_slow_resolver, test_broken_multi, test_broken_add, test_add_no_memory, test_watchdog,
	};

	return fixture_run("http_loop", tests, COUNT(tests));
}
