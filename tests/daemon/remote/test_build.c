/* test_build.c - requests as they are sent. */
#include "daemon/remote/build.h"
#include "daemon/remote/plan.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct spec_cache *cache;

static void setup(void)
{
	cache = spec_cache_new();
	ck_assert_ptr_nonnull(cache);
}

static void teardown(void)
{
	spec_cache_free(cache);
}

static struct remote_plan *plan_of(const char *spec)
{
	struct error error = { 0 };
	struct remote_plan *plan;

	ck_assert_msg(plan_new(cache, spec, "{}", true, &plan, &error) == 0, "%s: %s", spec, error.message);
	return plan;
}

static const struct {
	const char *spec;          /* of poll; base is http://h/b/ */
	const char *url;
	const char *method;
	const char *type;          /* Content-Type, or NULL */
	const char *body;          /* or NULL */
} REQUESTS[] = {
	{ "\"url\": \"/p\"", "http://h/p", "GET", NULL, NULL },
	{ "\"url\": \"p/{s}\"", "http://h/b/p/a%2Fb%20c", "GET", NULL, NULL },
	{ "\"url\": \"/p/{+s}:x\"", "http://h/p/a/b%20c:x", "GET", NULL, NULL },
	{ "\"url\": \"{+loc}\"", "https://other:8/x?y=%2F", "GET", NULL, NULL },
	{ "\"url\": \"{+path}\"", "http://h/abs?z=1", "GET", NULL, NULL },
	{ "\"url\": \"{+s}\"", "http://h/b/a/b%20c", "GET", NULL, NULL },
	{ "\"url\": \"{+path}&more={s}\"", "http://h/abs?z=1&more=a%2Fb%20c", "GET", NULL, NULL },
	{ "\"url\": \"{+loc}/cancel\"", "https://other:8/x/cancel?y=%2F", "GET", NULL, NULL },
	{ "\"url\": \"{+s}:cancel\"", "http://h/b/a/b%20c:cancel", "GET", NULL, NULL },
	{ "\"url\": \"/p\", \"text\": \"{s:base64}\"", "http://h/p", "GET", "text/plain; charset=utf-8", "YS9iIGM=" },
	{ "\"url\": \"/p?k={s}\"", "http://h/p?k=a%2Fb%20c", "GET", NULL, NULL },
	{ "\"url\": \"/p\", \"query\": {\"a\": \"{s}\", \"l\": \"{list}\", \"n\": 3, \"t\": [true, \"{n}\"]}",
	  "http://h/p?a=a%2Fb%20c&l=1&l=x%26&n=3&t=true&t=12", "GET", NULL, NULL },
	{ "\"url\": \"/p?q=1\", \"query\": {\"a b\": \"\"}", "http://h/p?q=1&a%20b=", "GET", NULL, NULL },
	{ "\"url\": \"/p\", \"method\": \"POST\", \"json\": {\"s\": \"{s}\", \"n\": \"{n}\", \"l\": \"{list}\", "
	  "\"i\": \"{id}\"}",
	  "http://h/p", "POST", "application/json", "{\"s\":\"a/b c\",\"n\":12,\"l\":[1,\"x&\"],\"i\":\"the-id\"}" },
	{ "\"url\": \"/p\", \"json\": {}", "http://h/p", "GET", "application/json", "{}" },
	{ "\"url\": \"/p\", \"form\": {\"a\": \"{s}\", \"l\": [\"{n}\", 2]}", "http://h/p", "GET",
	  "application/x-www-form-urlencoded", "a=a%2Fb%20c&l=12&l=2" },
	{ "\"url\": \"/p\", \"text\": \"hi {s}\"", "http://h/p", "GET", "text/plain; charset=utf-8", "hi a/b c" },
	{ "\"url\": \"/p\", \"bytes\": \"aGkA/w==\"", "http://h/p", "GET", "application/octet-stream", "hi" },
	{ "\"url\": \"/p\", \"text\": \"<x/>\", \"headers\": {\"content-type\": \"text/xml\"}", "http://h/p", "GET",
	  "text/xml",
	  "<x/>" },
};

START_TEST(requests_are_built)
{
	json_t *builtin = json_pack("{s:s}", "id", "the-id");
	struct built_request built;
	struct build_input input = { .step = STEP_POLL, .timeout_usec = 30000000, .timeout_max_usec = 5000000 };
	struct remote_plan *plan;
	struct error error = { 0 };
	const char *type;
	char text[1024];

	snprintf(text, sizeof(text), "{\"base\": \"http://h/b/\", \"poll\": {%s}}", REQUESTS[_i].spec);
	ck_assert_int_eq(plan_new(cache, text, "{\"s\": \"a/b c\", \"n\": 12, \"list\": [1, \"x&\"],"
	    " \"loc\": \"https://other:8/x?y=%2F\", \"path\": \"/abs?z=1\"}", true, &plan, &error), 0);
	input.spec = plan->spec;
	input.values = (struct values){ .builtin = builtin, .params = plan->params };
	ck_assert_msg(build_request(&input, &built, &error) == 0, "%s", error.message);
	ck_assert_str_eq(built.http.url, REQUESTS[_i].url);
	ck_assert_str_eq(built.http.method, REQUESTS[_i].method);
	ck_assert_uint_eq(built.http.timeout_usec, 5000000);
	type = http_header_find(built.http.headers, built.http.n_headers, "Content-Type");
	if (REQUESTS[_i].body) {
		ck_assert_str_eq(type, REQUESTS[_i].type);
		ck_assert_uint_ge(built.http.body_len, strlen(REQUESTS[_i].body));
		ck_assert(memcmp(built.http.body, REQUESTS[_i].body, strlen(REQUESTS[_i].body)) == 0);
	} else {
		ck_assert_ptr_null(type);
		ck_assert_ptr_null(built.http.body);
	}
	built_request_done(&built);
	plan_free(plan);
	json_decref(builtin);
}
END_TEST

/* What is relative is below all of the base's path, whether or not that ends with a slash. */
START_TEST(a_base_is_a_directory)
{
	static const struct { const char *base, *url, *expected; } rows[] = {
		{ "http://h/api/v2", "jobs/1", "http://h/api/v2/jobs/1" },
		{ "http://h/api/v2/", "jobs/1", "http://h/api/v2/jobs/1" },
		{ "http://h", "jobs/1", "http://h/jobs/1" },
		{ "http://h/api/v2?x=1", "jobs", "http://h/api/v2/jobs" },
		{ "http://h/api/v2", "/jobs", "http://h/jobs" },
		{ "http://h/api/v2", "?q=1", "http://h/api/v2/?q=1" },
	};
	const struct values values = { 0 };
	struct remote_plan *plan;
	char text[256], *url;

	snprintf(text, sizeof(text), "{\"base\": \"%s\", \"poll\": {\"url\": \"%s\"}}", rows[_i].base, rows[_i].url);
	plan = plan_of(text);
	ck_assert_int_eq(build_url(plan->spec, STEP_POLL, &values, &url, NULL), 0);
	ck_assert_str_eq(url, rows[_i].expected);
	free(url);
	plan_free(plan);
}
END_TEST

START_TEST(what_follows_a_given_url_does_not_leave_it)
{
	struct remote_plan *plan;
	struct error error;
	char *url;

	ck_assert_int_eq(plan_new(cache, "{\"base\": \"http://h\", \"poll\": {\"url\": \"{+at}/{x}\"}}",
	    "{\"at\": \"/a/b\", \"x\": \"..\"}", false, &plan, &error), 0);
	ck_assert_int_lt(build_url(plan->spec, STEP_POLL, &(struct values){ .params = plan->params }, &url, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.message, "\"..\" in its path"));
	plan_free(plan);
}
END_TEST

START_TEST(headers_of_a_request_win_over_those_of_all)
{
	json_t *builtin = json_pack("{s:s,s:i}", "credential", "s3cret", "attempt", 4);
	struct remote_plan *plan = plan_of("{\"credential\": \"c\", \"headers\": {\"Authorization\": \"Bearer "
	    "{credential}\","
	    " \"X-A\": \"all\"}, \"poll\": {\"url\": \"http://h/\"}, \"submit\": {\"url\": \"http://h/\","
	    " \"headers\": {\"x-a\": \"one {attempt}\"}, \"idempotency\": \"X-Request-Id\"}}");
	const struct build_input input = { .spec = plan->spec, .step = STEP_SUBMIT, .values = { .builtin = builtin },
		.idempotency = "key-1", .timeout_usec = 7000, .timeout_max_usec = UINT64_MAX };
	struct built_request built;

	ck_assert_int_eq(build_request(&input, &built, NULL), 0);
	ck_assert_uint_eq(built.http.n_headers, 3);
	ck_assert_str_eq(http_header_find(built.http.headers, 3, "authorization"), "Bearer s3cret");
	ck_assert_str_eq(http_header_find(built.http.headers, 3, "x-a"), "one 4");
	ck_assert_str_eq(http_header_find(built.http.headers, 3, "x-request-id"), "key-1");
	ck_assert_str_eq(built.http.method, "POST");
	ck_assert_uint_eq(built.http.timeout_usec, 7000);
	built_request_done(&built);
	plan_free(plan);
	json_decref(builtin);
}
END_TEST

START_TEST(a_credential_is_not_sent_without_the_tls_of_its_base)
{
	json_t *builtin = json_pack("{s:s}", "credential", "s3cret");
	json_t *captured = json_pack("{s:s}", "loc", "http://h/op");
	struct remote_plan *plan = plan_of("{\"base\": \"https://h\", \"credential\": \"c\","
	    " \"headers\": {\"Authorization\": \"{credential}\"}, \"poll\": {\"url\": \"{+loc}\"},"
	    " \"submit\": {\"url\": \"/s\", \"capture\": {\"loc\": {\"header\": \"Location\"}}}}");
	const struct build_input input = { .spec = plan->spec, .step = STEP_POLL,
		.values = { .builtin = builtin, .captured = captured }, .timeout_max_usec = UINT64_MAX };
	struct built_request built;
	struct error error;

	ck_assert_int_lt(build_request(&input, &built, &error), 0);
	ck_assert_str_eq(error.message, "poll.url: it would send the credential without TLS, which base has");
	ck_assert_int_eq(json_object_set_new(captured, "loc", json_string("https://h2/op")), 0);
	ck_assert_int_eq(build_request(&input, &built, &error), 0);
	ck_assert_str_eq(built.http.url, "https://h2/op");
	built_request_done(&built);
	plan_free(plan);
	json_decref(builtin);
	json_decref(captured);
}
END_TEST

#define SECRET "{\"base\": \"https://h\", \"credential\": \"c\", \"headers\": {\"Authorization\": \"Bearer {credential}\"," \
	" \"X-A\": \"1\"}, \"poll\": {\"url\": \"/p\", \"headers\": {\"X-Key\": \"{credential}\", \"X-B\": \"2\"}"

/* Build a poll for a place that the spec does not name. */
static int build_foreign(const struct remote_plan *plan, const char *url, struct built_request *ret,
    struct error *error)
{
	json_t *builtin = json_pack("{s:s}", "credential", "s3cret");
	const struct build_input input = { .spec = plan->spec, .step = STEP_POLL, .values = { .builtin = builtin },
		.url = url, .foreign = true, .timeout_max_usec = UINT64_MAX };
	int r = build_request(&input, ret, error);

	json_decref(builtin);
	return r;
}

START_TEST(a_foreign_place_gets_no_credential)
{
	struct remote_plan *plan = plan_of(SECRET "}}");
	struct built_request built;
	struct error error = { 0 };

	/* without TLS too: there is nothing to protect */
	ck_assert_msg(build_foreign(plan, "http://other/x?sig=1", &built, &error) == 0, "%s", error.message);
	ck_assert_str_eq(built.http.url, "http://other/x?sig=1");
	ck_assert_uint_eq(built.n_headers, 2);
	ck_assert_str_eq(http_header_find(built.headers, 2, "X-A"), "1");
	ck_assert_str_eq(http_header_find(built.headers, 2, "X-B"), "2");
	built_request_done(&built);
	plan_free(plan);
}
END_TEST

static const struct { const char *spec, *url, *error; } LEAKS[] = {
	{ SECRET ", \"query\": {\"key\": \"{credential}\"}}}", NULL, "poll.query.key" },
	{ SECRET ", \"query\": {\"key\": \"{credential}\"}}}", "https://other/", NULL },
	{ SECRET ", \"json\": {\"a\": [\"{credential}\"]}}}", "https://other/", "poll.json.a[0]" },
	{ SECRET ", \"form\": {\"a\": \"{credential}\"}}}", "https://other/", "poll.form.a" },
	{ SECRET ", \"text\": \"k={credential}\"}}", "https://other/", "poll.text" },
	{ "{\"credential\": \"c\", \"poll\": {\"url\": \"http://h/{credential}\"}}", NULL, "poll.url" },
	{ "{\"credential\": \"c\", \"poll\": {\"url\": \"http://h/{credential}\"}}", "http://o/", NULL },
	{ "{\"credential\": \"c\", \"base\": \"http://h/{credential}/\", \"poll\": {\"url\": \"p\"}}", NULL, "base" },
	{ "{\"credential\": \"c\", \"poll\": {\"url\": \"http://h/\", \"unix_socket\": \"/{credential}\"}}", NULL,
	  "poll.unix_socket" },
};

START_TEST(a_credential_that_cannot_be_left_out_is_an_error)
{
	struct remote_plan *plan = plan_of(LEAKS[_i].spec);
	struct built_request built;
	struct error error = { 0 };
	int r = build_foreign(plan, LEAKS[_i].url, &built, &error);
	char expected[200];

	if (LEAKS[_i].error) {
		ck_assert_int_lt(r, 0);
		snprintf(expected, sizeof(expected),
		    "%s: it would carry the credential to a place that only an answer named", LEAKS[_i].error);
		ck_assert_str_eq(error.message, expected);
	} else {
		ck_assert_msg(r == 0, "%s", error.message);
		ck_assert_ptr_null(strstr(built.http.url, "s3cret"));
		built_request_done(&built);
	}
	plan_free(plan);
}
END_TEST

static const struct { const char *given, *url, *error; } GIVEN[] = {
	{ "https://other:8/x?a=%2F", "https://other:8/x?a=%2F", NULL },
	{ "/x?page=2", "http://h/x?page=2", NULL },
	{ "../y", "http://h/y", NULL },
	{ "//other/x", "http://other/x", NULL },
	{ "?page=2", "http://h/b/?page=2", NULL },
	{ "ftp://other/x", NULL, "poll.url: \"ftp://other/x\" is not an http or https URL" },
	{ "http://a b/", NULL, "poll.url: the service gave \"http://a b/\", which is not a URL" },
};

START_TEST(a_url_that_a_service_gave)
{
	struct remote_plan *plan = plan_of("{\"base\": \"http://h/b/\", \"poll\": {\"url\": \"/p\", \"query\": {\"q\": 1}}}");
	const struct build_input input = { .spec = plan->spec, .step = STEP_POLL, .url = GIVEN[_i].given,
		.timeout_max_usec = UINT64_MAX };
	struct built_request built;
	struct error error = { 0 };
	int r = build_request(&input, &built, &error);

	if (GIVEN[_i].error) {
		ck_assert_int_lt(r, 0);
		ck_assert_str_eq(error.message, GIVEN[_i].error);
	} else {
		ck_assert_msg(r == 0, "%s", error.message);
		ck_assert_str_eq(built.http.url, GIVEN[_i].url);
		built_request_done(&built);
	}
	plan_free(plan);
}
END_TEST

#define LISTING "{\"poll\": {\"url\": \"http://h/p\"}, \"polling\": {\"batch\": {\"url\": \"http://h/l\", " \
	"\"is\": \"{id}\", \"next\": {\"page\": {\"body\": \"/n\"}}, "
#define IDS "\"max\": 9, "

static const struct { const char *list, *builtin, *url, *body; } LISTS[] = {
	{ "\"query\": {\"limit\": 5, \"after\": \"{page}\"}", "{}", "http://h/l?limit=5", NULL },
	{ "\"query\": {\"limit\": 5, \"after\": \"{page}\"}", "{\"page\": \"a/b\"}", "http://h/l?limit=5&after=a%2Fb", NULL },
	{ "\"query\": {\"q\": [\"x\", \"p:{page}\", \"{{page}}\"]}", "{}", "http://h/l?q=x&q=%7Bpage%7D", NULL },
	{ "\"form\": {\"n\": 1, \"after\": \"{page}\"}", "{}", "http://h/l", "n=1" },
	{ "\"form\": {\"n\": 1, \"after\": \"{page}\"}", "{\"page\": \"2\"}", "http://h/l", "n=1&after=2" },
	{ "\"json\": {\"n\": 1, \"in\": {\"after\": \"{page}\", \"all\": [true, \"{page}\"]}}", "{}", "http://h/l",
	  "{\"n\":1,\"in\":{\"all\":[true]}}" },
	{ "\"json\": {\"after\": \"{page}\"}", "{\"page\": \"2\"}", "http://h/l", "{\"after\":\"2\"}" },
	/* ids, as one text or as a list */
	{ IDS "\"query\": {\"id\": \"{ids}\", \"p\": \"{page}\"}", "{\"ids\": [\"a\", \"b\"]}", "http://h/l?id=a&id=b", NULL },
	{ IDS "\"join\": \",\", \"query\": {\"id\": \"{ids}\", \"p\": \"{page}\"}", "{\"ids\": \"a,b\"}",
	  "http://h/l?id=a%2Cb", NULL },
	{ IDS "\"json\": {\"ids\": \"{ids}\", \"p\": \"{page}\"}", "{\"ids\": [\"a\", \"b\"], \"page\": \"3\"}", "http://h/l",
	  "{\"ids\":[\"a\",\"b\"],\"p\":\"3\"}" },
};

START_TEST(pages_and_ids_of_a_list)
{
	json_t *builtin = json_loads(LISTS[_i].builtin, 0, NULL);
	struct build_input input = { .step = STEP_LIST, .values = { .builtin = builtin }, .timeout_max_usec = UINT64_MAX };
	struct built_request built;
	struct error error = { 0 };
	struct remote_plan *plan;
	char spec[1024];

	snprintf(spec, sizeof(spec), "%s%s}}}", LISTING, LISTS[_i].list);
	plan = plan_of(spec);
	input.spec = plan->spec;
	ck_assert_msg(build_request(&input, &built, &error) == 0, "%s", error.message);
	ck_assert_str_eq(built.http.url, LISTS[_i].url);
	if (LISTS[_i].body) {
		ck_assert_uint_eq(built.http.body_len, strlen(LISTS[_i].body));
		ck_assert(memcmp(built.http.body, LISTS[_i].body, built.http.body_len) == 0);
	}
	built_request_done(&built);
	plan_free(plan);
	json_decref(builtin);
}
END_TEST

START_TEST(a_stream_and_its_accept)
{
	struct remote_plan *plan = plan_of("{\"http2\": true, \"headers\": {\"Accept\": \"application/json\"},"
	    " \"poll\": {\"url\": \"http://h/\"}, \"events\": {\"url\": \"http://h/e\", \"idle\": 5}}");
	struct build_input input = { .spec = plan->spec, .step = STEP_EVENTS, .timeout_max_usec = UINT64_MAX };
	struct built_request built;

	ck_assert_int_eq(build_request(&input, &built, NULL), 0);
	ck_assert_uint_eq(built.n_headers, 1);
	ck_assert_str_eq(http_header_find(built.headers, 1, "accept"), "text/event-stream");
	ck_assert_uint_eq(built.http.idle_usec, 5000000);
	ck_assert(built.http.http2);
	built_request_done(&built);
	input.step = STEP_POLL;
	ck_assert_int_eq(build_request(&input, &built, NULL), 0);
	ck_assert_str_eq(http_header_find(built.headers, 1, "accept"), "application/json");
	ck_assert_uint_eq(built.http.idle_usec, 0);
	built_request_done(&built);
	plan_free(plan);
	plan = plan_of("{\"poll\": {\"url\": \"http://h/\"},"
	    " \"events\": {\"url\": \"http://h/e\", \"headers\": {\"accept\": \"*/*\"}}}");
	input.spec = plan->spec;
	input.step = STEP_EVENTS;
	ck_assert_int_eq(build_request(&input, &built, NULL), 0);
	ck_assert_str_eq(http_header_find(built.headers, built.n_headers, "accept"), "*/*");
	ck_assert(!built.http.http2);
	built_request_done(&built);
	plan_free(plan);
}
END_TEST

START_TEST(the_text_of_a_request_tells_bodies_apart)
{
	struct remote_plan *plan = plan_of("{\"poll\": {\"url\": \"http://h/\", \"bytes\": \"{b}\"}, \"submit\": {"
	    "\"url\": \"http://h/s\", \"capture\": {\"b\": {\"body\": \"\"}}}}");
	static const char *const BYTES[] = { "AAAB", "AAAC" };
	char *texts[2];

	for (int i = 0; i < 2; i++) {
		json_t *captured = json_pack("{s:s}", "b", BYTES[i]);
		const struct build_input input = { .spec = plan->spec, .step = STEP_POLL,
			.values = { .captured = captured }, .timeout_max_usec = UINT64_MAX };
		struct built_request built;

		ck_assert_int_eq(build_request(&input, &built, NULL), 0);
		ck_assert_int_eq(built_request_text(&built, &texts[i]), 0);
		built_request_done(&built);
		json_decref(captured);
	}
	ck_assert_str_eq(texts[0], "GET http://h/\n\nContent-Type: application/octet-stream\n%00%00%01");
	ck_assert_str_ne(texts[0], texts[1]);
	free(texts[0]);
	free(texts[1]);
	plan_free(plan);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("build");
	TCase *tcase = tcase_create("build");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, requests_are_built, 0, sizeof(REQUESTS) / sizeof(REQUESTS[0]));
	tcase_add_loop_test(tcase, a_base_is_a_directory, 0, 6);
	tcase_add_test(tcase, what_follows_a_given_url_does_not_leave_it);
	tcase_add_test(tcase, headers_of_a_request_win_over_those_of_all);
	tcase_add_test(tcase, a_credential_is_not_sent_without_the_tls_of_its_base);
	tcase_add_test(tcase, a_foreign_place_gets_no_credential);
	tcase_add_loop_test(tcase, a_credential_that_cannot_be_left_out_is_an_error, 0, sizeof(LEAKS) / sizeof(LEAKS[0]));
	tcase_add_loop_test(tcase, a_url_that_a_service_gave, 0, sizeof(GIVEN) / sizeof(GIVEN[0]));
	tcase_add_loop_test(tcase, pages_and_ids_of_a_list, 0, sizeof(LISTS) / sizeof(LISTS[0]));
	tcase_add_test(tcase, a_stream_and_its_accept);
	tcase_add_test(tcase, the_text_of_a_request_tells_bodies_apart);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
