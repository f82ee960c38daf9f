/* test_handlers_profile.c - profiles that are listed, shown, checked and tried. */
#include "tests/daemon/ipc/harness.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct harness harness;
static struct client client;

static void setup(void)
{
	harness_init(&harness);
	client_open(&harness, &client);
}

static void teardown(void)
{
	client_close(&client);
	harness_done(&harness);
}

START_TEST(there_are_some)
{
	const msgpack_object *list;

	client_call(&client, 1, "profile.list", NULL);
	list = get(client_result(&client, 1), "profiles");
	ck_assert_uint_eq(list->via.array.size, 2);
	ck_assert_str_eq(get_text(&list->via.array.ptr[0], "name"), "alpha");
	ck_assert_str_eq(get_text(&list->via.array.ptr[0], "path"), "/p/alpha.json");
	ck_assert_str_eq(get_text(&list->via.array.ptr[0], "help"), "the first");
	ck_assert(!has(&list->via.array.ptr[1], "help"));
	client_call(&client, 2, "profile.get", "name", "alpha", NULL);
	ck_assert_str_eq(get_text(client_result(&client, 2), "text"), "{\"a\": 1}");
	client_call(&client, 3, "profile.get", "name", "gamma", NULL);
	ck_assert_str_eq(client_error(&client, 3), "NotFound: no profile gamma");
}
END_TEST

#define REPORT "{\"problems\": [{\"place\": \"poll\", \"message\": \"is \\u00e9\", \"line\": 3}], \"rules\": 2}"

START_TEST(a_report_travels_as_a_map)
{
	const msgpack_object *report, *problem;
	struct pack pack;

	client_begin(&pack, 1, "profile.check", 2);
	pack_str(&pack, "text");
	pack_str(&pack, REPORT);
	pack_str(&pack, "params");
	pack_map(&pack, 1);
	pack_str(&pack, "a");
	pack_u64(&pack, 1);
	client_send(&client, &pack);
	report = client_result(&client, 1);
	ck_assert_uint_eq(get_u64(report, "rules"), 2);
	problem = &get(report, "problems")->via.array.ptr[0];
	ck_assert_str_eq(get_text(problem, "place"), "poll");
	ck_assert_str_eq(get_text(problem, "message"), "is \xc3\xa9");
	ck_assert_uint_eq(get_u64(problem, "line"), 3);
	ck_assert_str_eq(trials.params, "{\"a\":1}");
}
END_TEST

static const char *const METHODS[] = { "profile.check", "profile.try" };

START_TEST(what_is_missing_or_too_much)
{
	client_call(&client, 1, METHODS[_i], NULL);
	ck_assert_str_eq(client_error(&client, 1), "InvalidArgument: one of profile and text is required");
	client_call(&client, 2, METHODS[_i], "profile", "a", "text", "{}", NULL);
	ck_assert_str_eq(client_error(&client, 2), "InvalidArgument: one of profile and text is required");
	client_call(&client, 3, METHODS[_i], "tetx", "{}", NULL);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 3), "InvalidArgument: "));
	client_call(&client, 4, METHODS[_i], "text", "{}", "params", "\xff", NULL);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 4), ": params: "));
	ck_assert_uint_eq(trials.started, 0);
}
END_TEST

START_TEST(errors_of_the_service_side)
{
	struct error error;

	client_call(&client, 1, "profile.check", "profile", "x", NULL);
	ck_assert_str_eq(client_error(&client, 1), "NotFound: no profile x");
	client_call(&client, 2, "profile.try", "profile", "x", NULL);
	ck_assert_str_eq(client_error(&client, 2), "InvalidSpec: profile: x");
	/* a report that cannot be sent is a bug of ours */
	client_call(&client, 3, "profile.check", "text", "[", NULL);
	ck_assert_str_eq(client_error(&client, 3), "Internal: the report cannot be sent");
	client_call(&client, 4, "profile.try", "text", "{}", NULL);
	client_quiet(&client);
	error_set(&error, ERROR_OUT_OF_MEMORY, "no memory");
	trials.done(trials.arg, NULL, &error);
	ck_assert_str_eq(client_error(&client, 4), "OutOfMemory: no memory");
}
END_TEST

START_TEST(one_at_a_time)
{
	client_call(&client, 1, "profile.try", "text", "{}", NULL);
	client_quiet(&client);
	ck_assert_uint_eq(trials.started, 1);
	client_call(&client, 2, "profile.try", "text", "{}", NULL);
	ck_assert_str_eq(client_error(&client, 2), "LimitExceeded: a connection has one try at a time");
	/* other calls go on */
	client_call(&client, 3, "profile.list", NULL);
	client_result(&client, 3);
	trials.done(trials.arg, REPORT, NULL);
	ck_assert_uint_eq(get_u64(client_result(&client, 1), "rules"), 2);
	client_call(&client, 4, "profile.try", "text", "{}", NULL);
	client_quiet(&client);
	ck_assert_uint_eq(trials.started, 2);
	trials.done(trials.arg, REPORT, NULL);
	client_result(&client, 4);
	ck_assert_uint_eq(trials.aborted, 0);
}
END_TEST

START_TEST(who_goes_aborts_it)
{
	struct client other;

	client_open(&harness, &other);
	client_call(&other, 1, "profile.try", "text", "{}", NULL);
	client_quiet(&other);
	client_close(&other);
	harness_turn(&harness);
	ck_assert_uint_eq(trials.aborted, 1);
}
END_TEST

START_TEST(the_end_of_the_daemon_aborts_it)
{
	client_call(&client, 1, "profile.try", "text", "{}", NULL);
	client_quiet(&client);
	ipc_stop(harness.ipc);
	ck_assert_uint_eq(trials.aborted, 1);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 1), "ShuttingDown"));
	client_call(&client, 2, "profile.try", "text", "{}", NULL);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 2), "ShuttingDown"));
	client_call(&client, 3, "profile.check", "text", "{}", NULL);
	client_result(&client, 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handlers_profile");
	TCase *tcase = tcase_create("handlers_profile");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, there_are_some);
	tcase_add_test(tcase, a_report_travels_as_a_map);
	tcase_add_loop_test(tcase, what_is_missing_or_too_much, 0, 2);
	tcase_add_test(tcase, errors_of_the_service_side);
	tcase_add_test(tcase, one_at_a_time);
	tcase_add_test(tcase, who_goes_aborts_it);
	tcase_add_test(tcase, the_end_of_the_daemon_aborts_it);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
