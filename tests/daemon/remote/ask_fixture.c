/* ask_fixture.c - two services on loopback that answer by path, and credentials that a test decides about. */
#include "config.h"

#include "tests/daemon/remote/ask_fixture.h"
#include "daemon/remote/credential.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PAGES_MAX 16
#define HELD_MAX 16

struct event_base *base;
struct http *http;
struct poller poller;
struct seen seen[SERVICES];
char origins[SERVICES][64];
struct wallet wallet;

static struct evhttp *servers[SERVICES];
static struct page pages[PAGES_MAX];
static size_t n_pages;
static struct {
	struct evhttp_request *request;
	const struct page *page;
} held[HELD_MAX];
static unsigned n_held;

/* --- the services ------------------------------------------------------------------------------------------------- */

void serve(const struct page *list, size_t count)
{
	ck_assert_uint_le(count, PAGES_MAX);
	memcpy(pages, list, count * sizeof(*list));
	n_pages = count;
}

static void reply(struct evhttp_request *request, const struct page *page)
{
	struct evbuffer *output = evbuffer_new();
	char location[256];

	if (page->location) {
		const char *origin = *page->location == '@' ? origins[THERE] : *page->location == '!' ? origins[HERE] : NULL;

		snprintf(location, sizeof(location), "%s%s", origin ? origin : "", page->location + (origin ? 1 : 0));
		evhttp_add_header(evhttp_request_get_output_headers(request), "Location", location);
	}
	if (page->body)
		evbuffer_add(output, page->body, strlen(page->body));
	evhttp_send_reply(request, page->status, "Fine", output);
	evbuffer_free(output);
}

void release(void)
{
	while (n_held > 0) {
		n_held--;
		reply(held[n_held].request, held[n_held].page);
	}
}

void wait_held(unsigned count)
{
	while (n_held < count)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert_uint_eq(n_held, count);
}

static void copy_header(char *ret, size_t size, struct evhttp_request *request, const char *name)
{
	const char *value = evhttp_find_header(evhttp_request_get_input_headers(request), name);

	snprintf(ret, size, "%s", value ? value : "");
}

static void look(struct evhttp_request *request, struct seen *ret)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(request);
	enum evhttp_cmd_type command = evhttp_request_get_command(request);

	ret->requests++;
	snprintf(ret->line, sizeof(ret->line), "%s %s", command == EVHTTP_REQ_GET ? "GET" :
	    command == EVHTTP_REQ_HEAD ? "HEAD" : command == EVHTTP_REQ_PUT ? "PUT" : "POST",
	    evhttp_request_get_uri(request));
	copy_header(ret->key, sizeof(ret->key), request, "X-Key");
	copy_header(ret->authorization, sizeof(ret->authorization), request, "Authorization");
	copy_header(ret->plain, sizeof(ret->plain), request, "X-Plain");
	copy_header(ret->type, sizeof(ret->type), request, "Content-Type");
	snprintf(ret->body, sizeof(ret->body), "%.*s", (int)evbuffer_get_length(input),
	    (const char *)evbuffer_pullup(input, -1));
}

static void on_request(struct evhttp_request *request, void *arg)
{
	static const struct page unknown = { .status = 404 }, refused = { .status = 401 };
	int service = (int)((struct seen *)arg - seen);
	const struct page *page = &unknown;

	look(request, arg);
	for (size_t i = 0; i < n_pages; i++)
		if (pages[i].service == service && strcmp(pages[i].path, evhttp_request_get_uri(request)) == 0)
			page = &pages[i];
	if (page->wants && strcmp(page->wants, seen[service].key) != 0) {
		reply(request, &refused);
		return;
	}
	if (!page->held) {
		reply(request, page);
		return;
	}
	ck_assert_uint_lt(n_held, HELD_MAX);
	held[n_held].request = request;
	held[n_held++].page = page;
}

static void start_service(int i)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);
	struct evhttp_bound_socket *bound;

	servers[i] = evhttp_new(base);
	evhttp_set_gencb(servers[i], on_request, &seen[i]);
	bound = evhttp_bind_socket_with_handle(servers[i], "127.0.0.1", 0);
	ck_assert_ptr_nonnull(bound);
	getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &len);
	snprintf(origins[i], sizeof(origins[i]), "http://127.0.0.1:%d", ntohs(address.sin_port));
}

/* --- the credentials: all of credentials.h that a request needs ------------------------------------------------- */

struct credential_wait {
	credential_cb done;
	void *arg;
};
static struct credential_wait waits[HELD_MAX];

int credentials_get(struct credentials *credentials, const char *name, const char *rejected, credential_cb done,
    void *arg, char **ret_value, struct credential_wait **ret_wait, struct error *error)
{
	const char *value = rejected && strcmp(rejected, wallet.value) == 0 ? wallet.fresh : wallet.value;
	size_t i = 0;

	ck_assert_str_eq(name, "pass");
	wallet.asked++;
	if (wallet.later) {
		while (waits[i].done)
			ck_assert_uint_lt(++i, HELD_MAX);
		waits[i].done = done;
		waits[i].arg = arg;
		*ret_wait = &waits[i];
		return 0;
	}
	if (!value && rejected)
		return -EKEYREJECTED;
	if (!value)
		return error_set(error, ERROR_INVALID_SPEC, "credential pass: nowhere");
	*ret_value = strdup(value);
	return 1;
}

void credentials_cancel(struct credential_wait *wait)
{
	ck_assert_ptr_nonnull(wait->done);
	wait->done = NULL;
}

bool credentials_allow(const struct credentials *credentials, const char *name, const char *origin, bool *ret_bound)
{
	*ret_bound = wallet.bound != NULL;
	return !wallet.bound || strstr(wallet.bound, origin);
}

void grant(const char *value)
{
	struct error error = { 0 };

	wallet.later = false;
	error_set(&error, ERROR_INVALID_SPEC, "credential pass: the token endpoint is down");
	for (size_t i = 0; i < HELD_MAX; i++) {
		credential_cb done = waits[i].done;

		waits[i].done = NULL;
		if (done)
			done(waits[i].arg, value, &error);
	}
}

/* --- asks --------------------------------------------------------------------------------------------------------- */

struct remote_plan *plan_of(const char *spec)
{
	struct error error = { 0 };
	struct remote_plan *plan;
	char params[256];

	snprintf(params, sizeof(params), "{\"here\": \"%s\", \"there\": \"%s\"}", origins[HERE], origins[THERE]);
	ck_assert_msg(plan_new(poller.specs, spec, params, false, &plan, &error) == 0, "%s", error.message);
	return plan;
}

struct remote_plan *plan_with(const char *spec, unsigned redirects)
{
	struct remote_plan *plan = plan_of(spec);

	for (enum step step = STEP_SUBMIT; step < STEPS; step++)
		plan->spec->requests[step].redirects = redirects;
	return plan;
}

struct ask_input ask_of(const struct remote_plan *plan, enum step step)
{
	static const struct id id = { .bytes = { 0x01, 0x97, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1 } };

	return (struct ask_input){ .plan = plan, .step = step, .id = &id, .attempt = 1, .timeout_usec = UINT64_MAX };
}

void on_told(void *arg, const struct ask_answer *answer)
{
	struct told *told = arg;

	told->calls++;
	told->none = !answer->response;
	told->shared = answer->shared;
	told->sent = answer->sent;
	told->extra = answer->extra;
	told->status = answer->response ? answer->response->status : 0;
	snprintf(told->reason, sizeof(told->reason), "%s", answer->reason ? answer->reason : "");
	snprintf(told->body, sizeof(told->body), "%.*s", answer->response ? (int)answer->response->body_len : 0,
	    answer->response ? (const char *)answer->response->body : "");
	if (told->refreshes && told->status == 401) {
		told->refresh = ask_refresh(told->ask);
		if (told->refresh == 0)
			return;
	}
	told->ask = NULL;
}

static void on_show(void *arg, const struct http_request *request)
{
	struct told *told = arg;
	const char *key = http_header_find(request->headers, request->n_headers, "X-Key");

	told->shown++;
	snprintf(told->shown_url, sizeof(told->shown_url), "%s %s", request->method, request->url);
	snprintf(told->shown_key, sizeof(told->shown_key), "%s", key ? key : "");
	told->shown_timeout = request->timeout_usec;
}

void begin(const struct ask_input *input, struct told *told)
{
	struct ask_input copy = *input;
	struct error error = { 0 };
	bool refreshes = told->refreshes;

	memset(told, 0, sizeof(*told));
	told->refreshes = refreshes;
	copy.show = on_show;
	ck_assert_msg(ask_start(&poller, &copy, on_told, told, &told->ask, &error) == 0, "%s", error.message);
	ck_assert_uint_eq(told->calls, 0);
}

void await(struct told *told)
{
	while (told->ask)
		ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
}

void perform(const struct ask_input *input, struct told *told)
{
	begin(input, told);
	await(told);
}

static void setup(void)
{
	static const struct http_config config = { .body_max = 1000, .user_agent = "futured-test" };

	signal(SIGPIPE, SIG_IGN);
	memset(seen, 0, sizeof(seen));
	memset(waits, 0, sizeof(waits));
	n_pages = n_held = 0;
	wallet = (struct wallet){ .value = "s3cret" };
	base = event_base_new();
	http = http_new(base, &config);
	ck_assert(base && http);
	for (int i = 0; i < SERVICES; i++)
		start_service(i);
	poller = (struct poller){ .http = http, .specs = spec_cache_new(), .timeout_usec = 10000000 };
}

static void teardown(void)
{
	/* requests that are still held go with their service */
	ck_assert_ptr_null(poller.flights);
	spec_cache_free(poller.specs);
	http_free(http);
	for (int i = 0; i < SERVICES; i++)
		evhttp_free(servers[i]);
	event_base_free(base);
}

int ask_run(const char *name, const TTest *const *tests, size_t n_tests)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	for (size_t i = 0; i < n_tests; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
