/* test_handlers_wait.c - future.wait over the fake broker. */
#include "tests/daemon/ipc/fake_broker.h"
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

/* Wait for count futures; once: with a timeout of 0. */
static void send_wait(uint32_t id, struct future *const *futures, size_t count, const char *when, bool once)
{
	struct pack pack;

	client_request(&pack, id, "future.wait", 1 + (when != NULL) + once);
	pack_str(&pack, "ids");
	pack_array(&pack, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		pack_id(&pack, &futures[i]->id);
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
	struct future *a = fake_future(1), *b = fake_future(2);
	struct future *futures[] = { b, a, b };
	const msgpack_object *reply;

	send_wait(1, futures, 3, NULL, false);
	client_quiet(&client);
	fake_end(a, STORE_SUCCEEDED, "x");
	client_quiet(&client);
	fake_end(b, STORE_FAILED, NULL);
	reply = client_result(&client, 1);
	ck_assert_uint_eq(length(reply, "done"), 3);
	ck_assert_uint_eq(length(reply, "not_done"), 0);
	ck_assert_str_eq(element(reply, "done", 0), id_text(&b->id));
	ck_assert_str_eq(element(reply, "done", 1), id_text(&a->id));
	ck_assert_str_eq(element(reply, "done", 2), id_text(&b->id));
	ck_assert_str_eq(element(reply, "states", 0), "failed");
	ck_assert_str_eq(element(reply, "states", 1), "succeeded");
	ck_assert(!get_bool(reply, "timed_out"));
}
END_TEST

START_TEST(first_completed_and_its_rest)
{
	struct future *futures[] = { fake_future(1), fake_future(2) };
	const msgpack_object *reply;

	send_wait(1, futures, 2, "first_completed", false);
	client_quiet(&client);
	fake_end(futures[1], STORE_CANCELLED, NULL);
	reply = client_result(&client, 1);
	ck_assert_str_eq(element(reply, "done", 0), id_text(&futures[1]->id));
	ck_assert_str_eq(element(reply, "not_done", 0), id_text(&futures[0]->id));
	ck_assert_str_eq(element(reply, "states", 0), "running");
	ck_assert_str_eq(element(reply, "states", 1), "cancelled");
}
END_TEST

START_TEST(first_failure_is_first_exception)
{
	struct future *futures[] = { fake_future(1), fake_future(2), fake_future(3) };

	send_wait(1, futures, 3, "first_failure", false);
	send_wait(2, futures, 3, "first_exception", false);
	fake_end(futures[0], STORE_CANCELLED, NULL);
	client_quiet(&client);
	fake_end(futures[2], STORE_FAILED, NULL);
	harness_turn(&harness);
	ck_assert_uint_eq(fake_waits(), 0);
}
END_TEST

START_TEST(looking_once_times_out_without_error)
{
	struct future *future = fake_future(1);
	const msgpack_object *reply;

	send_wait(1, &future, 1, NULL, true);
	reply = client_result(&client, 1);
	ck_assert(get_bool(reply, "timed_out"));
	ck_assert_uint_eq(length(reply, "not_done"), 1);
}
END_TEST

START_TEST(forgotten_meanwhile_counts_as_done)
{
	struct future *future = fake_future(1);
	const msgpack_object *reply;

	send_wait(1, &future, 1, NULL, false);
	client_quiet(&client);
	future->gone = true;
	reply = client_result(&client, 1);
	ck_assert_str_eq(element(reply, "done", 0), id_text(&future->id));
	ck_assert_str_eq(element(reply, "states", 0), "forgotten");
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
	struct future *future = fake_future(1);

	send_wait(1, &future, 1, "eventually", false);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 1), "InvalidArgument: return_when"));
	future->gone = true;
	send_wait(2, &future, 1, NULL, false);
	ck_assert_str_eq(client_error(&client, 2), "NotFound: no such future");
	client_call(&client, 3, "future.wait", NULL);
	ck_assert_str_eq(client_error(&client, 3), "InvalidArgument: ids: required");
}
END_TEST

START_TEST(leaving_ends_the_wait)
{
	struct future *future = fake_future(1);

	send_wait(1, &future, 1, NULL, false);
	client_quiet(&client);
	ck_assert_uint_eq(fake_waits(), 1);
	client_close(&client);
	harness_turn(&harness);
	ck_assert_uint_eq(fake_waits(), 0);
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
	tcase_add_test(tcase, first_completed_and_its_rest);
	tcase_add_test(tcase, first_failure_is_first_exception);
	tcase_add_test(tcase, looking_once_times_out_without_error);
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
