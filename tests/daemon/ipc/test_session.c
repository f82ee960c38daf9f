/* test_session.c - how many may connect and call, and how it ends. */
#include "tests/daemon/ipc/harness.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

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

START_TEST(one_connection_too_many)
{
	struct client more[4];

	for (int i = 0; i < 4; i++)
		client_open(&harness, &more[i]);
	ck_assert_str_eq(client_error(&more[3], 0),
	    "LimitExceeded: at most 4 connections of one user (limits.connections_per_uid)");
	client_quiet(&more[3]);
	ck_assert(more[3].closed);
	client_call(&more[2], 1, "server.stats", NULL);
	ck_assert_uint_eq(get_u64(client_result(&more[2], 1), "connections"), 4);
	client_close(&more[0]);
	harness_turn(&harness);
	client_close(&more[3]);
	client_open(&harness, &more[3]);             /* there is room again */
	client_call(&more[3], 1, "server.stats", NULL);
	client_result(&more[3], 1);
	for (int i = 1; i < 4; i++)
		client_close(&more[i]);
}
END_TEST

START_TEST(all_connections_together_are_limited)
{
	struct ipc_config config = harness.config;
	struct client more;

	config.connections = 1;
	ipc_configure(harness.ipc, &config);
	client_open(&harness, &more);
	ck_assert_str_eq(client_error(&more, 0), "LimitExceeded: at most 1 connections (limits.connections)");
	client_close(&more);
}
END_TEST

START_TEST(one_call_too_many)
{
	struct id id = client_future(&client, "end=never");
	struct client other;

	for (uint32_t call = 0; call < 101; call++)
		client_call(&client, call, "future.result", "id", id_text(&id), NULL);
	ck_assert_str_eq(client_error(&client, 100),
	    "LimitExceeded: at most 100 calls of one connection may await their reply");
	client_quiet(&client);
	ck_assert_uint_eq(harness_stats(&harness).waits, 100);
	client_open(&harness, &other);               /* the limit is each connection's own */
	client_call(&other, 1, "future.cancel", "id", id_text(&id), NULL);
	harness_commit(&harness);
	ck_assert(get_bool(client_result(&other, 1), "cancelled"));
	client_close(&other);
	for (uint32_t i = 0; i < 100; i++)
		ck_assert_ptr_nonnull(client_receive(&client));
	client_call(&client, 7, "server.stats", NULL);
	ck_assert_uint_eq(get_u64(client_result(&client, 7), "calls"), 1);
}
END_TEST

START_TEST(bad_bytes_are_answered_with_id_zero)
{
	client_write(&client, "\xdd\xff\xff\xff\xff", 5);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 0), "TooLarge: array of 4294967295 elements at byte 0"));
	client_quiet(&client);
	ck_assert(client.closed);
}
END_TEST

START_TEST(stopping_answers_what_waits)
{
	struct id id = client_future(&client, "end=never");

	client_call(&client, 1, "future.subscribe", NULL);
	client_result(&client, 1);
	client_call(&client, 2, "future.result", "id", id_text(&id), NULL);
	client_call(&client, 3, "future.create", "spec", "end=never", NULL);
	client_quiet(&client);
	broker_stop(harness.sim->broker);
	ipc_stop(harness.ipc);
	ck_assert(!ipc_idle(harness.ipc));
	ck_assert_str_eq(client_error(&client, 2), "ShuttingDown: the daemon is stopping");
	ck_assert_uint_eq(harness_stats(&harness).waits, 0);
	ck_assert_uint_eq(harness_stats(&harness).subscriptions, 0);
	client_call(&client, 4, "future.result", "id", id_text(&id), NULL);
	ck_assert_str_eq(client_error(&client, 4), "ShuttingDown: the daemon is stopping");
	client_call(&client, 5, "server.stats", NULL);
	client_result(&client, 5);
	ck_assert(!ipc_idle(harness.ipc));           /* the creation is not committed yet */
	harness_commit(&harness);
	ck_assert(get_bool(client_result(&client, 3), "created"));
	harness_turn(&harness);
	ck_assert(ipc_idle(harness.ipc));
}
END_TEST

START_TEST(half_closed_client_gets_its_answer)
{
	client_call(&client, 1, "future.create", "spec", "end=never", NULL);
	shutdown(client.fd, SHUT_WR);
	client_quiet(&client);
	ck_assert(!client.closed);
	harness_commit(&harness);
	client_result(&client, 1);
	client_quiet(&client);
	ck_assert(client.closed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session");
	TCase *tcase = tcase_create("session");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, one_connection_too_many);
	tcase_add_test(tcase, all_connections_together_are_limited);
	tcase_add_test(tcase, one_call_too_many);
	tcase_add_test(tcase, bad_bytes_are_answered_with_id_zero);
	tcase_add_test(tcase, stopping_answers_what_waits);
	tcase_add_test(tcase, half_closed_client_gets_its_answer);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
