/* test_handlers_server.c - server.hello and server.stats. */
#include "tests/daemon/ipc/harness.h"

#include "proto/limits.h"

#include <check.h>
#include <stdlib.h>
#include <unistd.h>

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

START_TEST(hello_introduces_the_daemon)
{
	const msgpack_object *reply, *limits;

	client_call(&client, 1, "server.hello", "client", "a test", NULL);
	reply = client_result(&client, 1);
	ck_assert_str_eq(get_text(reply, "server"), "futured");
	ck_assert_uint_eq(get_u64(reply, "protocol"), PROTOCOL_VERSION);
	ck_assert_str_eq(get_text(reply, "epoch"), "73696d756c617465642065706f636800");
	ck_assert_str_eq(get_text(reply, "boot_id"), "cd020000000000000000000000000000");
	ck_assert_uint_eq(get_u64(reply, "uid"), getuid());
	ck_assert_uint_eq(get_u64(reply, "gid"), getgid());
	ck_assert_int_eq(get(reply, "features")->type, MSGPACK_OBJECT_ARRAY);
	limits = get(reply, "limits");
	ck_assert_uint_eq(get_u64(limits, "message"), PROTO_MESSAGE_MAX);
	ck_assert_uint_eq(get_u64(limits, "depth"), PROTO_DEPTH_MAX);
	ck_assert_uint_eq(get_u64(limits, "items"), PROTO_ITEMS_MAX);
	ck_assert_uint_eq(get_u64(limits, "wait_ids"), PROTO_WAIT_IDS_MAX);
	ck_assert_uint_eq(get_u64(limits, "after"), PROTO_AFTER_MAX);
	ck_assert_uint_eq(get_u64(limits, "calls"), harness.config.calls_per_connection);
	ck_assert_uint_eq(get_u64(limits, "connections"), harness.config.connections_per_uid);
	ck_assert_uint_eq(get_u64(limits, "futures"), harness.config.futures_per_uid);
}
END_TEST

START_TEST(hello_knows_two_shapes_of_errors)
{
	client_call(&client, 1, "server.hello", "errors", "xml", NULL);
	ck_assert_str_eq(client_error(&client, 1), "InvalidArgument: errors: expected \"string\" or \"map\"");
	client_call(&client, 2, "server.hello", "errors", "map", NULL);
	client_result(&client, 2);
	client_call(&client, 3, "server.hello", NULL);
	client_result(&client, 3);
	client_call(&client, 4, "nothing", NULL);
	client_error(&client, 4);      /* strings again */
}
END_TEST

START_TEST(stats_have_every_key_of_the_protocol)
{
	static const char *const keys[] = { "uptime", "connections", "calls", "futures", "created", "completed",
		"requests", "retries", "throttled", "in_flight", "queued", "buckets", "paused", "waits",
		"subscriptions", "seq", "commits", "operations", "database_bytes", "wal_bytes", "disk_full",
		"next_due" };
	const msgpack_object *reply;
	struct broker_stats stats;
	struct store_stats store;

	client_future(&client, "");
	client_future(&client, "end=never polling=1.5/1.5/1");
	client_call(&client, 7, "future.subscribe", NULL);
	client_result(&client, 7);
	harness_run(&harness, SECOND);
	while (client_receive(&client))
		;
	stats = harness_stats(&harness);
	store_stats(harness.sim->store, &store);
	client_call(&client, 1, "server.stats", NULL);
	reply = client_result(&client, 1);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		get(reply, keys[i]);
	ck_assert_uint_eq(reply->via.map.size, sizeof(keys) / sizeof(keys[0]));
	ck_assert_uint_eq(get_u64(reply, "connections"), 1);
	ck_assert_uint_eq(get_u64(reply, "calls"), 1);
	ck_assert_uint_eq(get_u64(get(reply, "futures"), "running"), 1);
	ck_assert_uint_eq(get_u64(get(reply, "futures"), "succeeded"), 1);
	ck_assert_uint_eq(get_u64(reply, "created"), 2);
	ck_assert_uint_eq(get_u64(reply, "completed"), 1);
	ck_assert_uint_eq(get_u64(reply, "requests"), 2);
	ck_assert_uint_eq(get_u64(reply, "subscriptions"), 1);
	ck_assert_uint_eq(get_u64(reply, "seq"), stats.seq);
	ck_assert_uint_eq(get_u64(reply, "commits"), store.commits);
	ck_assert_uint_gt(store.commits, 0);
	ck_assert(!get_bool(reply, "disk_full"));
	/* It was asked a moment after the beginning, and a second has passed. */
	ck_assert(get(reply, "next_due")->via.f64 == (double)stats.next_due_in_usec / 1e6);
	ck_assert_uint_gt(stats.next_due_in_usec, SECOND / 2);
	ck_assert_uint_lt(stats.next_due_in_usec, SECOND);
}
END_TEST

START_TEST(stats_of_a_daemon_with_nothing_to_do)
{
	const msgpack_object *reply;

	disk_set_full(harness.sim->disk, true);
	client_call(&client, 1, "server.stats", NULL);
	reply = client_result(&client, 1);
	ck_assert_int_eq(get(reply, "next_due")->type, MSGPACK_OBJECT_NIL);
	ck_assert(get_bool(reply, "disk_full"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handlers_server");
	TCase *tcase = tcase_create("handlers_server");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, hello_introduces_the_daemon);
	tcase_add_test(tcase, hello_knows_two_shapes_of_errors);
	tcase_add_test(tcase, stats_have_every_key_of_the_protocol);
	tcase_add_test(tcase, stats_of_a_daemon_with_nothing_to_do);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
