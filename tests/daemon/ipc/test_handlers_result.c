/* test_handlers_result.c - future.result: waiting, ranges, failures, and many large results at once. */
#include "tests/daemon/ipc/fake_broker.h"
#include "tests/daemon/ipc/harness.h"

#include "proto/limits.h"

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

static void send_result(uint32_t id, const struct future *future, uint64_t offset, uint64_t length)
{
	struct pack pack;

	client_request(&pack, id, "future.result", 3);
	pack_str(&pack, "id");
	pack_id(&pack, &future->id);
	pack_str(&pack, "offset");
	pack_u64(&pack, offset);
	pack_str(&pack, "length");
	pack_u64(&pack, length);
	client_send(&client, &pack);
	harness_turn(&harness);
	fake_commit();
}

START_TEST(waits_reads_and_delivers)
{
	struct future *future = fake_future(1);
	const msgpack_object *reply;

	client_call(&client, 1, "future.result", "id", id_text(&future->id), NULL);
	client_quiet(&client);
	ck_assert_uint_eq(fake.reads, 0);
	fake_end(future, STORE_SUCCEEDED, "forty-two");
	future->rec.content_type = strdup("text/plain");
	harness_turn(&harness);
	ck_assert_uint_eq(fake.reads, 1);
	ck_assert_uint_eq(fake.delivered, 0);
	fake_commit();
	reply = client_result(&client, 1);
	ck_assert_int_eq(get(reply, "result")->type, MSGPACK_OBJECT_BIN);
	ck_assert_str_eq(get_text(reply, "result"), "forty-two");
	ck_assert_str_eq(get_text(reply, "content_type"), "text/plain");
	ck_assert_str_eq(get_text(reply, "state"), "succeeded");
	ck_assert_uint_eq(get_u64(reply, "offset"), 0);
	ck_assert_uint_eq(get_u64(reply, "size"), 9);
	ck_assert_uint_eq(fake.delivered, 1);
}
END_TEST

START_TEST(ranges)
{
	struct future *future = fake_future(1);
	const msgpack_object *reply;

	fake_end(future, STORE_SUCCEEDED, "0123456789");
	send_result(1, future, 2, 3);
	reply = client_result(&client, 1);
	ck_assert_str_eq(get_text(reply, "result"), "234");
	ck_assert_uint_eq(get_u64(reply, "offset"), 2);
	ck_assert_uint_eq(get_u64(reply, "size"), 10);
	ck_assert_uint_eq(fake.delivered, 0);      /* not its end */
	send_result(2, future, 8, 100);
	ck_assert_str_eq(get_text(client_result(&client, 2), "result"), "89");
	ck_assert_uint_eq(fake.delivered, 1);
	send_result(3, future, 4, 0);              /* nothing but the other keys */
	reply = client_result(&client, 3);
	ck_assert_uint_eq(get(reply, "result")->via.bin.size, 0);
	ck_assert_uint_eq(get_u64(reply, "size"), 10);
	ck_assert_uint_eq(fake.delivered, 1);
	send_result(4, future, 99, 5);             /* behind the end */
	ck_assert_uint_eq(get(client_result(&client, 4), "result")->via.bin.size, 0);
	send_result(5, future, UINT64_MAX, UINT64_MAX);
	ck_assert_uint_eq(get(client_result(&client, 5), "result")->via.bin.size, 0);
}
END_TEST

START_TEST(timeout_is_an_error)
{
	struct future *future = fake_future(1);

	client_call(&client, 1, "future.result", "id", id_text(&future->id), NULL);
	client_quiet(&client);
	fake_time_out();
	ck_assert_ptr_nonnull(strstr(client_error(&client, 1), "Timeout: future 01000000"));
}
END_TEST

START_TEST(forgotten_while_waiting)
{
	struct future *future = fake_future(1);

	client_call(&client, 1, "future.result", "id", id_text(&future->id), NULL);
	client_quiet(&client);
	future->gone = true;
	ck_assert_str_eq(client_error(&client, 1), "NotFound: no such future");
}
END_TEST

START_TEST(failure_as_string)
{
	struct future *future = fake_future(1);

	fake_end(future, STORE_FAILED, NULL);
	future->rec.error_kind = strdup("remote");
	future->rec.error_message = strdup("boom");
	client_call(&client, 1, "future.result", "id", id_text(&future->id), NULL);
	ck_assert_str_eq(client_error(&client, 1), "Failed: boom");
	ck_assert_uint_eq(fake.reads, 0);          /* nobody would see the details */
	ck_assert_uint_eq(fake.delivered, 1);
}
END_TEST

START_TEST(failure_as_map_with_details)
{
	struct future *future = fake_future(1);
	const msgpack_object *message, *data;

	fake_end(future, STORE_FAILED, NULL);
	future->rec.error_kind = strdup("remote");
	future->rec.error_message = strdup("boom");
	future->rec.error_code = strdup("3");
	future->rec.error_http_status = 500;
	future->details = "[1]";
	client_call(&client, 1, "server.hello", "errors", "map", NULL);
	client_result(&client, 1);
	client_call(&client, 2, "future.result", "id", id_text(&future->id), NULL);
	harness_turn(&harness);
	fake_commit();
	message = client_receive(&client);
	ck_assert_ptr_nonnull(message);
	ck_assert_str_eq(get_text(&message->via.array.ptr[2], "name"), "Failed");
	data = get(&message->via.array.ptr[2], "data");
	ck_assert_str_eq(get_text(data, "kind"), "remote");
	ck_assert_str_eq(get_text(data, "code"), "3");
	ck_assert_uint_eq(get_u64(data, "http_status"), 500);
	ck_assert_int_eq(get(data, "details")->type, MSGPACK_OBJECT_BIN);
	ck_assert_str_eq(get_text(data, "details"), "[1]");
}
END_TEST

START_TEST(cancelled)
{
	struct future *future = fake_future(1);

	fake_end(future, STORE_CANCELLED, NULL);
	client_call(&client, 1, "future.result", "id", id_text(&future->id), NULL);
	ck_assert_str_eq(client_error(&client, 1), "Cancelled: the future was cancelled");
}
END_TEST

START_TEST(gone_while_reading)
{
	struct future *future = fake_future(1);

	fake_end(future, STORE_SUCCEEDED, "x");
	client_call(&client, 1, "future.result", "id", id_text(&future->id), NULL);
	harness_turn(&harness);
	error_set(&fake.fail, ERROR_NOT_FOUND, "it was forgotten meanwhile");
	fake_commit();
	ck_assert_str_eq(client_error(&client, 1), "NotFound: it was forgotten meanwhile");
}
END_TEST

START_TEST(client_left_while_reading)
{
	struct future *future = fake_future(1);

	fake_end(future, STORE_SUCCEEDED, "x");
	client_call(&client, 1, "future.result", "id", id_text(&future->id), NULL);
	harness_turn(&harness);
	client_close(&client);
	harness_turn(&harness);
	ck_assert_int_eq(fake_commit(), 1);
	ck_assert_uint_eq(fake.delivered, 0);
	client_open(&harness, &client);
}
END_TEST

/* 64 results of half a mebibyte, asked for at once: four times what a connection may have in its output. */
START_TEST(many_large_results_are_read_as_there_is_room)
{
	struct future *futures[64];
	char *large = malloc(PROTO_RESULT_CHUNK_MAX + 1);
	bool answered[64] = { false };
	unsigned most = 0, seen = 0;

	memset(large, 'x', PROTO_RESULT_CHUNK_MAX);
	large[PROTO_RESULT_CHUNK_MAX] = '\0';
	for (unsigned i = 0; i < 64; i++) {
		futures[i] = fake_future(i);
		client_call(&client, i, "future.result", "id", id_text(&futures[i]->id), NULL);
	}
	client_quiet(&client);
	for (unsigned i = 0; i < 64; i++)
		fake_end(futures[i], STORE_SUCCEEDED, large);
	while (seen < 64) {
		const msgpack_object *message;

		harness_turn(&harness);
		most = fake.reads > most ? fake.reads : most;
		fake_commit();
		while ((message = client_receive(&client))) {
			uint64_t id = message->via.array.ptr[1].via.u64;
			const msgpack_object *result = get(&message->via.array.ptr[3], "result");

			ck_assert_uint_eq(result->via.bin.size, PROTO_RESULT_CHUNK_MAX);
			ck_assert(!answered[id]);
			answered[id] = true;
			seen++;
		}
		ck_assert_msg(!client.closed, "disconnected after %u of 64", seen);
	}
	ck_assert_uint_ge(most, 1);
	ck_assert_uint_le(most, 3);
	ck_assert_uint_eq(fake.delivered, 64);
	free(large);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handlers_result");
	TCase *tcase = tcase_create("handlers_result");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, waits_reads_and_delivers);
	tcase_add_test(tcase, ranges);
	tcase_add_test(tcase, timeout_is_an_error);
	tcase_add_test(tcase, forgotten_while_waiting);
	tcase_add_test(tcase, failure_as_string);
	tcase_add_test(tcase, failure_as_map_with_details);
	tcase_add_test(tcase, cancelled);
	tcase_add_test(tcase, gone_while_reading);
	tcase_add_test(tcase, client_left_while_reading);
	tcase_add_test(tcase, many_large_results_are_read_as_there_is_room);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
