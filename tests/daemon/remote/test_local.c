/* test_local.c - specs of the kinds that ask no service: what the broker is told of them, and what they may not have. */
#include "tests/daemon/remote/plan_fixture.h"

#include "daemon/remote/examine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000)

START_TEST(a_promise)
{
	struct remote_plan *plan = plan_with("{\"kind\": \"promise\"}", "{}");

	ck_assert_int_eq(plan->plan.kind, STORE_KIND_PROMISE);
	ck_assert(!plan->plan.release);
	ck_assert(!plan->plan.keep_until_delivered);
	ck_assert_uint_eq(plan->plan.ttl_usec, 7 * 86400 * SECOND);
	ck_assert_uint_eq(plan->plan.polling.timeout_usec, POLICY_NO_TIMEOUT);
	ck_assert_ptr_null(plan->plan.bucket);
	ck_assert_ptr_null(plan->plan.batch);
	ck_assert(!plan->plan.has_submit && !plan->plan.has_cancel && !plan->plan.has_ack);
	plan_free(plan);
}
END_TEST

START_TEST(a_promise_with_everything)
{
	struct remote_plan *plan = plan_with("{\"kind\": \"promise\", \"on_abandon\": \"release\", \"ttl\": \"{ttl}\", "
	    "\"keep_until_delivered\": true}", "{\"ttl\": 5}");

	ck_assert(plan->plan.release);
	ck_assert(plan->plan.keep_until_delivered);
	ck_assert_uint_eq(plan->plan.ttl_usec, 5 * SECOND);
	plan_free(plan);
	plan = plan_with("{\"kind\": \"promise\", \"on_abandon\": \"fail\", \"ttl\": null}", "{}");
	ck_assert(!plan->plan.release);
	ck_assert_uint_eq(plan->plan.ttl_usec, UINT64_MAX);
	plan_free(plan);
}
END_TEST

START_TEST(http_is_the_kind_of_those_who_name_none)
{
	struct remote_plan *plan = plan_with("{\"poll\": {\"url\": \"http://h/p\"}}", "{}");

	ck_assert_int_eq(plan->plan.kind, STORE_KIND_HTTP);
	ck_assert_ptr_nonnull(plan->plan.bucket);
	plan_free(plan);
}
END_TEST

static const struct { const char *spec, *params, *why; } BAD[] = {
	{ "{\"kind\": \"promis\"}", "{}", "kind: unknown kind \"promis\" (did you mean \"promise\"?)" },
	{ "{\"kind\": null}", "{}", "kind: must be a string" },
	{ "{\"kind\": \"promise\", \"retry\": {}}", "{}", "unknown key \"retry\"" },
	{ "{\"kind\": \"promise\", \"submit\": {\"url\": \"http://h\"}}", "{}", "unknown key \"submit\"" },
	{ "{\"kind\": \"promise\", \"on_abandon\": null}", "{}", "on_abandon: must be a string" },
	{ "{\"kind\": \"promise\", \"on_abandon\": \"releas\"}", "{}", "on_abandon: must be \"fail\" or \"release\"" },
	{ "{\"kind\": \"promise\", \"ttl\": \"{ttl}\"}", "{}", "ttl: {ttl} has no value: no param has that name" },
};

START_TEST(refused)
{
	ck_assert_str_eq(plan_refused(BAD[_i].spec, BAD[_i].params), BAD[_i].why);
}
END_TEST

/* Whoever looks at a whole text hears of its kind first, and of the rest in the words of http where there is none. */
START_TEST(all_that_is_wrong)
{
	static const char *const dirs[] = { NULL };
	static const struct { const char *text; size_t problems; const char *first; } rows[] = {
		{ "{\"kind\": \"promise\", \"on_abandon\": \"release\", \"parameters\": {\"a\": {}}, \"help\": \"x\"}", 0, NULL },
		{ "{\"poll\": 1, \"kind\": \"promise\", \"ttl\": -1}", 2, "unknown key \"poll\"" },
		{ "{\"poll\": {\"url\": \"http://h\"}, \"kind\": \"no\", \"http2\": 3}", 2, "unknown kind \"no\"" },
	};
	struct profiles *profiles = profiles_new(dirs);
	const struct profile_source source = { .text = slice_from_str(rows[_i].text) };
	struct examined examined;
	struct error error;

	ck_assert_int_eq(examine(profiles, &source, &examined, &error), 0);
	ck_assert_uint_eq(examined.problems.count, rows[_i].problems);
	if (rows[_i].first)
		ck_assert_str_eq(examined.problems.items[0].message, rows[_i].first);
	examined_done(&examined);
	profiles_free(profiles);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("local");

	tcase_add_test(tcase, a_promise);
	tcase_add_test(tcase, a_promise_with_everything);
	tcase_add_test(tcase, http_is_the_kind_of_those_who_name_none);
	tcase_add_loop_test(tcase, refused, 0, sizeof(BAD) / sizeof(BAD[0]));
	tcase_add_loop_test(tcase, all_that_is_wrong, 0, 3);
	return plan_run("local", tcase);
}
