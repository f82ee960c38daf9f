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

int main(void)
{
	Suite *suite = suite_create("build");
	TCase *tcase = tcase_create("build");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, requests_are_built, 0, sizeof(REQUESTS) / sizeof(REQUESTS[0]));
	tcase_add_test(tcase, headers_of_a_request_win_over_those_of_all);
	tcase_add_test(tcase, a_credential_is_not_sent_without_the_tls_of_its_base);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
