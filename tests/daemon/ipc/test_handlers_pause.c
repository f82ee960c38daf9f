/* test_handlers_pause.c - future.pause and future.resume, pin and unpin, each to its reply. */
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

/* The snapshot of a future. */
static const msgpack_object *snapshot(const struct id *id)
{
	client_call(&client, 99, "future.get", "id", id_text(id), NULL);
	return client_result(&client, 99);
}

static const msgpack_object *committed(uint32_t id)
{
	client_quiet(&client);
	harness_commit(&harness);
	return client_result(&client, id);
}

START_TEST(one_by_its_id)
{
	struct id id = client_future(&client, "end=never");

	client_call(&client, 1, "future.pause", "id", id_text(&id), NULL);
	ck_assert_uint_eq(get_u64(committed(1), "paused"), 1);
	ck_assert(harness_durable(&harness, &id)->rec.paused);
	ck_assert(get_bool(snapshot(&id), "paused"));
	ck_assert_str_eq(get_text(snapshot(&id), "condition"), "paused");
	client_call(&client, 2, "future.resume", "id", id_text(&id), NULL);
	ck_assert_uint_eq(get_u64(committed(2), "resumed"), 1);
	ck_assert(!has(snapshot(&id), "paused") && !has(snapshot(&id), "condition"));
	client_call(&client, 3, "future.resume", "id", id_text(&id), NULL);
	ck_assert_uint_eq(get_u64(committed(3), "resumed"), 0);
}
END_TEST

START_TEST(some_by_ids_and_labels)
{
	struct id one = client_future(&client, "end=never"), two = client_future(&client, "end=never");
	struct pack pack;

	client_begin(&pack, 1, "future.pause", 1);
	pack_str(&pack, "ids");
	pack_array(&pack, 2);
	pack_id(&pack, &one);
	pack_id(&pack, &two);
	client_send(&client, &pack);
	ck_assert_uint_eq(get_u64(committed(1), "paused"), 2);
	/* Nobody has that label: there is no write to wait for. */
	client_begin(&pack, 2, "future.resume", 1);
	pack_str(&pack, "labels");
	pack_map(&pack, 1);
	pack_str(&pack, "a");
	pack_str(&pack, "b");
	client_send(&client, &pack);
	ck_assert_uint_eq(get_u64(client_result(&client, 2), "resumed"), 0);
}
END_TEST

START_TEST(an_origin)
{
	struct id id = client_future(&client, "end=never origin=https://h:443");
	const msgpack_object *reply;

	client_call(&client, 1, "future.pause", "origin", "https://h:443", NULL);
	reply = committed(1);
	ck_assert_uint_eq(get_u64(reply, "paused"), 1);
	ck_assert_uint_eq(get(reply, "origins")->via.array.size, 1);
	ck_assert_str_eq(text_of(&get(reply, "origins")->via.array.ptr[0]), "https://h:443");
	ck_assert_str_eq(get_text(snapshot(&id), "condition"), "paused");
	ck_assert(!has(snapshot(&id), "paused"));
	client_call(&client, 2, "future.resume", "origin", "https://h:443", NULL);
	reply = committed(2);
	ck_assert_uint_eq(get_u64(reply, "resumed"), 1);
	ck_assert_uint_eq(get(reply, "origins")->via.array.size, 0);
}
END_TEST

START_TEST(what_is_not_a_target)
{
	struct id id = client_future(&client, "end=never");
	struct pack pack;

	client_call(&client, 1, "future.pause", NULL);
	ck_assert_str_eq(client_error(&client, 1),
	    "InvalidArgument: exactly one of id, ids, labels and origin is required");
	client_call(&client, 2, "future.resume", "id", id_text(&id), "origin", "https://h", NULL);
	ck_assert_str_eq(client_error(&client, 2),
	    "InvalidArgument: exactly one of id, ids, labels and origin is required");
	client_begin(&pack, 3, "future.pause", 1);
	pack_str(&pack, "ids");
	pack_array(&pack, 0);
	client_send(&client, &pack);
	ck_assert_str_eq(client_error(&client, 3), "InvalidArgument: ids: empty");
	client_begin(&pack, 4, "future.pause", 1);
	pack_str(&pack, "labels");
	pack_map(&pack, 0);
	client_send(&client, &pack);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 4), "labels: empty"));
	client_call(&client, 5, "future.pause", "id", "01900000-0000-7000-8000-000000000001", NULL);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 5), "NotFound: no such future"));
}
END_TEST

START_TEST(a_client_that_leaves_before_the_answer)
{
	struct id id = client_future(&client, "end=never");
	struct client other;

	client_open(&harness, &other);
	client_call(&other, 1, "future.pause", "id", id_text(&id), NULL);
	client_call(&other, 2, "future.pause", "origin", "https://h:443", NULL);
	client_call(&other, 3, "future.pin", "id", id_text(&id), NULL);
	harness_turn(&harness);
	client_close(&other);
	harness_turn(&harness);
	harness_commit(&harness);
	ck_assert(harness_durable(&harness, &id)->rec.paused && harness_durable(&harness, &id)->rec.pinned);
}
END_TEST

START_TEST(pins)
{
	struct id id = client_future(&client, "end=never");

	client_call(&client, 1, "future.pin", "id", id_text(&id), NULL);
	ck_assert(get_bool(committed(1), "pinned"));
	ck_assert(harness_durable(&harness, &id)->rec.pinned);
	ck_assert(get_bool(snapshot(&id), "pinned"));
	client_call(&client, 2, "future.unpin", "id", id_text(&id), NULL);
	ck_assert(!get_bool(committed(2), "pinned"));
	ck_assert(!has(snapshot(&id), "pinned"));
	client_call(&client, 3, "future.pin", "id", "01900000-0000-7000-8000-000000000001", NULL);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 3), "NotFound: no such future"));
}
END_TEST

START_TEST(trouble_is_told_with_its_reason)
{
	const msgpack_object *message, *event;
	unsigned attempts = 0;

	client_call(&client, 1, "future.subscribe", NULL);
	client_result(&client, 1);
	client_call(&client, 2, "future.create", "spec", "fail=1:2 retry=1/1/1", NULL);
	harness_run(&harness, 10 * SECOND);
	while ((message = client_receive(&client))) {
		if (message->via.array.ptr[0].via.u64 != MESSAGE_NOTIFICATION)
			continue;
		event = &message->via.array.ptr[2].via.array.ptr[0];
		if (strcmp(get_text(event, "event"), "trouble") != 0) {
			ck_assert(!has(event, "message") && !has(event, "attempts"));
			continue;
		}
		ck_assert_uint_eq(get_u64(event, "attempts"), ++attempts);
		ck_assert_uint_gt(strlen(get_text(event, "message")), 0);
	}
	ck_assert_uint_eq(attempts, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handlers_pause");
	TCase *tcase = tcase_create("handlers_pause");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, one_by_its_id);
	tcase_add_test(tcase, some_by_ids_and_labels);
	tcase_add_test(tcase, an_origin);
	tcase_add_test(tcase, what_is_not_a_target);
	tcase_add_test(tcase, a_client_that_leaves_before_the_answer);
	tcase_add_test(tcase, pins);
	tcase_add_test(tcase, trouble_is_told_with_its_reason);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
