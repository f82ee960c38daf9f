/* test_handlers_wait.c - future.wait as the futures end, one by one. */
#include "tests/daemon/ipc/harness.h"

#include <check.h>
#include <stdio.h>
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

/* Wait for count futures; once: with a timeout of 0. */
static void send_wait(uint32_t call, const struct id *ids, size_t count, const char *when, bool once)
{
	struct pack pack;

	client_begin(&pack, call, "future.wait", 1 + (when != NULL) + once);
	pack_str(&pack, "ids");
	pack_array(&pack, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		pack_id(&pack, &ids[i]);
	if (when) {
		pack_str(&pack, "return_when");
		pack_str(&pack, when);
	}
	if (once) {
		pack_str(&pack, "timeout");
		pack_u64(&pack, 0);
	}
	client_send(&client, &pack);
}

static const char *element(const msgpack_object *map, const char *key, uint32_t i)
{
	ck_assert_uint_lt(i, get(map, key)->via.array.size);
	return text_of(&get(map, key)->via.array.ptr[i]);
}

static uint32_t length(const msgpack_object *map, const char *key)
{
	return get(map, key)->via.array.size;
}

START_TEST(all_completed_in_input_order_with_duplicates)
{
	struct id a = client_future(&client, "polls=1 polling=10/10/1");
	struct id b = client_future(&client, "polls=2 polling=10/10/1 end=failure");
	struct id ids[] = { b, a, b };
	const msgpack_object *reply;

	send_wait(1, ids, 3, NULL, false);
	client_quiet(&client);
	harness_run(&harness, 15 * SECOND);
	ck_assert_int_eq(harness_durable(&harness, &a)->rec.state, STORE_SUCCEEDED);
	client_quiet(&client);
	harness_run(&harness, 10 * SECOND);
	reply = client_result(&client, 1);
	ck_assert_uint_eq(length(reply, "done"), 3);
	ck_assert_uint_eq(length(reply, "not_done"), 0);
	ck_assert_str_eq(element(reply, "done", 0), id_text(&b));
	ck_assert_str_eq(element(reply, "done", 1), id_text(&a));
	ck_assert_str_eq(element(reply, "done", 2), id_text(&b));
	ck_assert_str_eq(element(reply, "states", 0), "failed");
	ck_assert_str_eq(element(reply, "states", 1), "succeeded");
	ck_assert(!get_bool(reply, "timed_out"));
}
END_TEST

START_TEST(done_is_what_is_durable)
{
	struct id id = client_future(&client, "");

	send_wait(1, &id, 1, NULL, false);
	harness.sim->commit_usec = UINT64_MAX;
	harness_run(&harness, SECOND);
	ck_assert_uint_eq(harness_stats(&harness).requests, 1);      /* the service has said it */
	client_quiet(&client);
	harness_commit(&harness);
	ck_assert_str_eq(element(client_result(&client, 1), "states", 0), "succeeded");
}
END_TEST

START_TEST(first_completed_and_its_rest)
{
	struct id ids[] = { client_future(&client, "end=never"), client_future(&client, "polls=1 end=cancelled") };
	const msgpack_object *reply;

	send_wait(1, ids, 2, "first_completed", false);
	client_quiet(&client);
	harness_run(&harness, 5 * SECOND);
	reply = client_result(&client, 1);
	ck_assert_str_eq(element(reply, "done", 0), id_text(&ids[1]));
	ck_assert_str_eq(element(reply, "not_done", 0), id_text(&ids[0]));
	ck_assert_str_eq(element(reply, "states", 0), "running");
	ck_assert_str_eq(element(reply, "states", 1), "cancelled");
	ck_assert(!get_bool(reply, "timed_out"));
}
END_TEST

START_TEST(first_failure_is_first_exception)
{
	struct id ids[] = {
		client_future(&client, "polls=1 polling=10/10/1 end=cancelled"),
		client_future(&client, "end=never"),
		client_future(&client, "polls=2 polling=10/10/1 end=failure"),
	};

	send_wait(1, ids, 3, "first_failure", false);
	send_wait(2, ids, 3, "first_exception", false);
	harness_run(&harness, 15 * SECOND);
	ck_assert_int_eq(harness_durable(&harness, &ids[0])->rec.state, STORE_CANCELLED);
	client_quiet(&client);
	harness_run(&harness, 10 * SECOND);
	ck_assert_uint_eq(length(client_result(&client, 1), "done"), 2);
	ck_assert_uint_eq(length(client_result(&client, 2), "not_done"), 1);
	ck_assert_uint_eq(harness_stats(&harness).waits, 0);
}
END_TEST

START_TEST(looking_once_times_out_without_error)
{
	struct id id = client_future(&client, "end=never");
	const msgpack_object *reply;

	send_wait(1, &id, 1, NULL, true);
	reply = client_result(&client, 1);
	ck_assert(get_bool(reply, "timed_out"));
	ck_assert_uint_eq(length(reply, "not_done"), 1);
}
END_TEST

START_TEST(seconds_are_waited_and_the_future_goes_on)
{
	struct id id = client_future(&client, "polls=1 polling=100/100/1");
	struct pack pack;
	const msgpack_object *reply;

	client_begin(&pack, 1, "future.wait", 2);
	pack_str(&pack, "ids");
	pack_array(&pack, 1);
	pack_id(&pack, &id);
	pack_str(&pack, "timeout");
	pack_double(&pack, 2.5);
	client_send(&client, &pack);
	harness_run(&harness, 2499000);
	client_quiet(&client);
	harness_run(&harness, 1000);
	reply = client_result(&client, 1);
	ck_assert(get_bool(reply, "timed_out"));
	ck_assert_str_eq(element(reply, "not_done", 0), id_text(&id));
	ck_assert_str_eq(element(reply, "states", 0), "running");
	send_wait(2, &id, 1, NULL, false);
	harness_run(&harness, 100 * SECOND);
	ck_assert_uint_eq(length(client_result(&client, 2), "done"), 1);
}
END_TEST

START_TEST(forgotten_meanwhile_counts_as_done)
{
	struct id ids[] = { client_future(&client, ""), client_future(&client, "polls=1") };
	const msgpack_object *reply;

	harness_run(&harness, SECOND / 2);
	send_wait(1, ids, 2, NULL, false);
	client_quiet(&client);
	client_call(&client, 2, "future.forget", "id", id_text(&ids[0]), NULL);
	harness_commit(&harness);
	client_result(&client, 2);
	harness_run(&harness, 5 * SECOND);
	reply = client_result(&client, 1);
	ck_assert_str_eq(element(reply, "done", 0), id_text(&ids[0]));
	ck_assert_str_eq(element(reply, "states", 0), "forgotten");
	ck_assert_str_eq(element(reply, "states", 1), "succeeded");
}
END_TEST

START_TEST(no_ids_is_done_at_once)
{
	const msgpack_object *reply;

	send_wait(1, NULL, 0, NULL, false);
	reply = client_result(&client, 1);
	ck_assert_uint_eq(length(reply, "done"), 0);
	ck_assert(!get_bool(reply, "timed_out"));
}
END_TEST

START_TEST(refusals)
{
	struct id ids[] = { client_future(&client, "end=never"), client_future(&client, "") };
	char expected[128];

	send_wait(1, ids, 1, "eventually", false);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 1), "InvalidArgument: return_when"));
	harness_run(&harness, SECOND);
	client_call(&client, 2, "future.forget", "id", id_text(&ids[1]), NULL);
	harness_commit(&harness);
	client_result(&client, 2);
	send_wait(3, &ids[1], 1, NULL, false);
	snprintf(expected, sizeof(expected), "NotFound: no such future %s", id_text(&ids[1]));
	ck_assert_str_eq(client_error(&client, 3), expected);
	send_wait(4, ids, 2, NULL, false);
	snprintf(expected, sizeof(expected), "NotFound: ids[1]: no such future %s", id_text(&ids[1]));
	ck_assert_str_eq(client_error(&client, 4), expected);
	client_call(&client, 5, "future.wait", NULL);
	ck_assert_str_eq(client_error(&client, 5), "InvalidArgument: ids: required");
	ck_assert_uint_eq(harness_stats(&harness).waits, 0);
}
END_TEST

START_TEST(leaving_ends_the_wait)
{
	struct id id = client_future(&client, "polls=1");

	send_wait(1, &id, 1, NULL, false);
	client_quiet(&client);
	ck_assert_uint_eq(harness_stats(&harness).waits, 1);
	client_close(&client);
	harness_turn(&harness);
	ck_assert_uint_eq(harness_stats(&harness).waits, 0);
	harness_run(&harness, 5 * SECOND);
	ck_assert_int_eq(harness_durable(&harness, &id)->rec.state, STORE_SUCCEEDED);
	client_open(&harness, &client);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handlers_wait");
	TCase *tcase = tcase_create("handlers_wait");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, all_completed_in_input_order_with_duplicates);
	tcase_add_test(tcase, done_is_what_is_durable);
	tcase_add_test(tcase, first_completed_and_its_rest);
	tcase_add_test(tcase, first_failure_is_first_exception);
	tcase_add_test(tcase, looking_once_times_out_without_error);
	tcase_add_test(tcase, seconds_are_waited_and_the_future_goes_on);
	tcase_add_test(tcase, forgotten_meanwhile_counts_as_done);
	tcase_add_test(tcase, no_ids_is_done_at_once);
	tcase_add_test(tcase, refusals);
	tcase_add_test(tcase, leaving_ends_the_wait);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
