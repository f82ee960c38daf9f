/* test_dispatch.c - method lookup, params, notifications, and messages that are none. */
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

START_TEST(unknown_method_names_the_nearest)
{
	client_call(&client, 7, "future.craete", NULL);
	ck_assert_str_eq(client_error(&client, 7), "MethodNotFound: future.craete (did you mean future.create?)");
	client_call(&client, 8, "xyzzy", NULL);
	ck_assert_str_eq(client_error(&client, 8), "MethodNotFound: xyzzy");
}
END_TEST

START_TEST(unknown_key_is_refused_by_name)
{
	client_call(&client, 1, "server.hello", "erors", "map", NULL);
	ck_assert_str_eq(client_error(&client, 1), "InvalidArgument: unknown key \"erors\" (did you mean \"errors\"?)");
}
END_TEST

START_TEST(params_may_be_empty_where_nothing_is_required)
{
	static const char request[] = "\x94\x00\x03\xacserver.stats\x90";
	static const char lacking[] = "\x94\x00\x04\xaa" "future.get\x90";

	client_future(&client, "end=never");
	client_future(&client, "end=never");
	client_write(&client, request, sizeof(request) - 1);
	ck_assert_uint_eq(get_u64(client_result(&client, 3), "created"), 2);
	client_write(&client, lacking, sizeof(lacking) - 1);
	ck_assert_str_eq(client_error(&client, 4), "InvalidArgument: id: required");
}
END_TEST

START_TEST(params_are_one_map)
{
	static const char two[] = "\x94\x00\x03\xacserver.stats\x92\x80\x80";
	static const char nil[] = "\x94\x00\x04\xacserver.stats\x91\xc0";

	client_write(&client, two, sizeof(two) - 1);
	ck_assert_str_eq(client_error(&client, 3), "InvalidArgument: params: expected one map, got 2 elements");
	client_write(&client, nil, sizeof(nil) - 1);
	ck_assert_str_eq(client_error(&client, 4), "InvalidArgument: expected a map, got nil");
}
END_TEST

START_TEST(method_may_be_bin)
{
	static const char request[] = "\x94\x00\x05\xc4\x0cserver.stats\x90";

	client_write(&client, request, sizeof(request) - 1);
	client_result(&client, 5);
}
END_TEST

START_TEST(unknown_notification_is_ignored)
{
	static const char notification[] = "\x93\x02\xb4nvim_set_client_info\x91\x01";

	client_write(&client, notification, sizeof(notification) - 1);
	client_quiet(&client);
	ck_assert(!client.closed);
}
END_TEST

START_TEST(known_notification_is_carried_out_without_reply)
{
	struct id id = client_future(&client, "end=never");
	struct pack pack;

	pack_init(&pack, 4096);
	message_write_notification(&pack, slice_from_str("future.cancel"), 1);
	pack_map(&pack, 1);
	pack_str(&pack, "id");
	pack_id(&pack, &id);
	client_send(&client, &pack);
	harness_commit(&harness);
	client_quiet(&client);
	ck_assert_int_eq(harness_durable(&harness, &id)->rec.state, STORE_CANCELLED);
}
END_TEST

START_TEST(response_of_a_client_is_ignored)
{
	static const char response[] = "\x94\x01\x05\xc0\xc0";

	client_write(&client, response, sizeof(response) - 1);
	client_quiet(&client);
	ck_assert(!client.closed);
}
END_TEST

START_TEST(not_an_envelope_is_answered_and_survived)
{
	client_write(&client, "\x93\x00\x09\xa1x", 5);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 9), "Malformed"));
	client_call(&client, 10, "server.stats", NULL);
	client_result(&client, 10);
}
END_TEST

/* Text, perhaps: each byte of it is a message. */
START_TEST(what_is_no_array_is_answered_once_and_the_end)
{
	client_write(&client, "\x80" "GET /", 6);
	ck_assert_str_eq(client_error(&client, 0), "Malformed: a message is an array, not a map");
	ck_assert_ptr_null(client_receive(&client));
	ck_assert(client.closed);
}
END_TEST

START_TEST(error_as_map_after_hello)
{
	const msgpack_object *message;

	client_call(&client, 1, "server.hello", "errors", "map", NULL);
	client_result(&client, 1);
	client_call(&client, 2, "nothing", NULL);
	message = client_receive(&client);
	ck_assert_ptr_nonnull(message);
	ck_assert_str_eq(get_text(&message->via.array.ptr[2], "name"), "MethodNotFound");
	ck_assert_str_eq(get_text(&message->via.array.ptr[2], "message"), "nothing");
}
END_TEST

START_TEST(pipelined_requests_are_all_answered)
{
	for (uint32_t id = 0; id < 1000; id++)
		client_call(&client, id, "server.stats", NULL);
	for (uint32_t id = 0; id < 1000; id++)
		client_result(&client, id);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dispatch");
	TCase *tcase = tcase_create("dispatch");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, unknown_method_names_the_nearest);
	tcase_add_test(tcase, unknown_key_is_refused_by_name);
	tcase_add_test(tcase, params_may_be_empty_where_nothing_is_required);
	tcase_add_test(tcase, params_are_one_map);
	tcase_add_test(tcase, method_may_be_bin);
	tcase_add_test(tcase, unknown_notification_is_ignored);
	tcase_add_test(tcase, known_notification_is_carried_out_without_reply);
	tcase_add_test(tcase, response_of_a_client_is_ignored);
	tcase_add_test(tcase, not_an_envelope_is_answered_and_survived);
	tcase_add_test(tcase, what_is_no_array_is_answered_once_and_the_end);
	tcase_add_test(tcase, error_as_map_after_hello);
	tcase_add_test(tcase, pipelined_requests_are_all_answered);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
