/* test_plan.c - what a plan says of its requests: their origins, and which futures share a batch or a keepalive. */
#include "daemon/remote/origins.h"
#include "tests/daemon/remote/plan_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUBMIT "\"submit\": {\"url\": \"https://h/s\", \"capture\": {\"x\": {\"body\": \"/x\"}}}"

static const struct { const char *spec, *params, *origins; } ORIGINS[] = {
	{ "{\"base\": \"https://A.example/v1\", \"poll\": {\"url\": \"/p\"}}", "{}", "https://a.example:443 " },
	{ "{\"base\": \"{base}\", \"poll\": {\"url\": \"/p/{id}\"}}", "{\"base\": \"http://x:81\"}", "http://x:81 " },
	{ "{\"base\": \"http://x\", \"poll\": {\"url\": \"http://y:82/p\"}, \"cancel\": {\"url\": \"http://x:80/c\"},"
	  " \"ack\": {\"url\": \"http://y:82/a\"}}", "{}", "http://x:80 http://y:82 " },
	/* params make it known, wherever they are */
	{ "{\"poll\": {\"url\": \"{+loc}\"}}", "{\"loc\": \"http://h/a?b\"}", "http://h:80 " },
	{ "{\"poll\": {\"url\": \"http://{host}:{port}/p\"}}", "{\"host\": \"h\", \"port\": 8080}", "http://h:8080 " },
	/* a captured value in path or query plays no part */
	{ "{" SUBMIT ", \"poll\": {\"url\": \"https://p/{x}?y={x}\", \"query\": {\"q\": \"{x}\"}}}", "{}",
	  "https://h:443 https://p:443 " },
	{ "{\"base\": \"https://b\", \"poll\": {\"url\": \"{x}/more\"}, " SUBMIT "}", "{}",
	  "https://b:443 https://h:443 " },
	/* one that makes the origin gives none */
	{ "{" SUBMIT ", \"poll\": {\"url\": \"{+x}\"}}", "{}", "https://h:443 " },
	{ "{\"base\": \"https://b\", " SUBMIT ", \"poll\": {\"url\": \"{+x}\"}}", "{}", "https://b:443 https://h:443 " },
	{ "{" SUBMIT ", \"poll\": {\"url\": \"https://{x}/p\"}}", "{}", "https://h:443 " },
	{ "{" SUBMIT ", \"poll\": {\"url\": \"https://h:{x}/p\"}}", "{}", "https://h:443 " },
	/* a param that may be captured over: its own value is the spec's word */
	{ "{" SUBMIT ", \"poll\": {\"url\": \"{+x}\"}}", "{\"x\": \"https://q/1\"}", "https://h:443 https://q:443 " },
	{ "{\"base\": \"http://b\", \"poll\": {\"url\": \"/p\"}, \"polling\": {\"batch\": {\"url\": \"http://l/{ids}\","
	  " \"is\": \"{id}\", \"max\": 2, \"join\": \",\"}}}", "{}", "http://b:80 http://l:80 " },
};

START_TEST(origins)
{
	struct remote_plan *plan = plan_with(ORIGINS[_i].spec, ORIGINS[_i].params);
	char all[1024] = "";

	for (char **origin = plan->origins; *origin; origin++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s ", *origin);
	ck_assert_str_eq(all, ORIGINS[_i].origins);
	/* The bucket's is one of them, in its name. */
	ck_assert_ptr_nonnull(plan->plan.origin);
	ck_assert(origins_have(plan->origins, plan->plan.origin));
	ck_assert_ptr_nonnull(strstr(plan->plan.bucket, plan->plan.origin));
	plan_free(plan);
}
END_TEST

#define POLLED(url) "{\"credential\": \"c\", \"poll\": {\"url\": \"" url "\"}, \"polling\": {\"batch\": "
#define ASK "\"url\": \"http://h/l\", \"query\": {\"project\": \"{project}\", \"after\": \"{page}\"}, "\
	"\"headers\": {\"A\": \"{credential}\"}, \"next\": {\"page\": {\"body\": \"/n\"}}, \"is\": \"{op}\""

static const struct {
	const char *spec, *params;     /* compared with the first row */
	bool same;
} BATCHES[] = {
	{ POLLED("http://h/{op}") "{" ASK "}}}", "{\"project\": \"p\", \"op\": 1}", true },
	{ POLLED("http://h/{op}") "{" ASK "}}}", "{\"project\": \"p\", \"op\": 2}", true },
	/* another spec, but the same list */
	{ POLLED("http://h/x/{op}") "{" ASK ", \"rules\": [{\"then\": \"lost\"}]}, \"initial\": 3}}",
	  "{\"project\": \"p\", \"op\": 2}", true },
	{ POLLED("http://h/{op}") "{" ASK "}}}", "{\"project\": \"q\", \"op\": 1}", false },
	{ POLLED("http://h/{op}") "{" ASK ", \"items\": \"/data\"}}}", "{\"project\": \"p\", \"op\": 1}", false },
	{ POLLED("http://h/{op}") "{" ASK ", \"method\": \"POST\"}}}", "{\"project\": \"p\", \"op\": 1}", false },
	{ POLLED("http://h/{op}") "{" ASK ", \"json\": {\"a\": 1}}}}", "{\"project\": \"p\", \"op\": 1}", false },
	{ POLLED("http://h/{op}") "{" ASK ", \"unix_socket\": \"/s\"}}}", "{\"project\": \"p\", \"op\": 1}", false },
	{ POLLED("http://h/{op}") "{" ASK "}}, \"headers\": {\"B\": \"1\"}}", "{\"project\": \"p\", \"op\": 1}", false },
	{ POLLED("http://h/{op}") "{" ASK "}}, \"http2\": true}", "{\"project\": \"p\", \"op\": 1}", false },
};

START_TEST(who_shares_a_batch)
{
	struct remote_plan *first = plan_with(BATCHES[0].spec, BATCHES[0].params);
	struct remote_plan *plan = plan_with(BATCHES[_i].spec, BATCHES[_i].params);

	ck_assert_ptr_nonnull(first->plan.batch);
	ck_assert_ptr_nonnull(plan->plan.batch);
	ck_assert((strcmp(first->plan.batch, plan->plan.batch) == 0) == BATCHES[_i].same);
	plan_free(first);
	plan_free(plan);
}
END_TEST

START_TEST(a_stored_future_whose_list_cannot_be_asked_for_is_polled_alone)
{
	struct spec_cache *cache = spec_cache_new();
	struct remote_plan *plan;

	ck_assert_int_eq(plan_new(cache, BATCHES[0].spec, "{\"op\": 1}", false, &plan, NULL), 0);
	ck_assert_ptr_null(plan->plan.batch);
	plan_free(plan);
	spec_cache_free(cache);
}
END_TEST

#define BEAT "{\"credential\": \"c\", \"headers\": {\"A\": \"{credential}\"}, " SUBMIT \
	", \"poll\": {\"url\": \"https://h/{x}\"}, \"keepalive\": {\"every\": 10, \"url\": \"https://h/b\", "

/* The name of a keepalive, or NULL while it cannot have one. */
static char *name_of(const char *spec, const char *params, const char *builtin, const char *captured)
{
	struct remote_plan *plan = plan_with(spec, params);
	struct error error = { .message = "none" };
	const struct values values = { .builtin = json_loads(builtin, 0, NULL),
		.captured = captured ? json_loads(captured, 0, NULL) : NULL, .params = plan->params };
	char *name = NULL;
	int r = plan_keepalive_name(plan, &values, &name, &error);

	ck_assert_int_eq(r, name ? 0 : -EAGAIN);
	ck_assert_str_eq(error.message, "none");
	json_decref((json_t *)values.builtin);
	json_decref((json_t *)values.captured);
	plan_free(plan);
	return name;
}

START_TEST(who_shares_a_keepalive)
{
	static const char spec[] = BEAT "\"json\": {\"session\": \"{s}\"}}}";
	static const char values[] = "{\"id\": \"1\", \"attempt\": 1, \"credential\": \"secret\"}";
	char *first = name_of(spec, "{\"s\": \"one\"}", values, NULL), *other;

	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_null(strstr(first, "secret"));
	/* another future, later, with another credential's value and another poll */
	other = name_of(spec, "{\"s\": \"one\"}", "{\"id\": \"2\", \"attempt\": 9, \"credential\": \"new\"}", "{\"x\": 1}");
	ck_assert_str_eq(first, other);
	free(other);
	other = name_of(spec, "{\"s\": \"one\"}", "{}", NULL);
	ck_assert_str_eq(first, other);
	free(other);
	other = name_of(spec, "{\"s\": \"two\"}", values, NULL);
	ck_assert_str_ne(first, other);
	free(other);
	other = name_of(BEAT "\"method\": \"PUT\", \"json\": {\"session\": \"{s}\"}}}", "{\"s\": \"one\"}", values, NULL);
	ck_assert_str_ne(first, other);
	free(other);
	free(first);
}
END_TEST

START_TEST(a_keepalive_without_its_values_has_no_name_yet)
{
	static const char spec[] = BEAT "\"json\": {\"session\": \"{x}\"}}}";
	char *name = name_of(spec, "{}", "{}", NULL);

	ck_assert_ptr_null(name);
	name = name_of(spec, "{}", "{}", "{\"y\": 1}");
	ck_assert_ptr_null(name);
	name = name_of(spec, "{}", "{}", "{\"x\": 1}");
	ck_assert_ptr_nonnull(name);
	free(name);
	name = name_of(BEAT "\"json\": {\"f\": \"{id}\"}}}", "{}", "{}", NULL);
	ck_assert_ptr_null(name);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("plan");

	tcase_add_loop_test(tcase, origins, 0, sizeof(ORIGINS) / sizeof(ORIGINS[0]));
	tcase_add_loop_test(tcase, who_shares_a_batch, 0, sizeof(BATCHES) / sizeof(BATCHES[0]));
	tcase_add_test(tcase, a_stored_future_whose_list_cannot_be_asked_for_is_polled_alone);
	tcase_add_test(tcase, who_shares_a_keepalive);
	tcase_add_test(tcase, a_keepalive_without_its_values_has_no_name_yet);
	return plan_run("plan", tcase);
}
