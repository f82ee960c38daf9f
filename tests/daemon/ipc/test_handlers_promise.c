/* test_handlers_promise.c - claim, renew, progress, resolve and reject, and connections that end. */
#include "tests/daemon/ipc/harness.h"

#include <check.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct harness harness;
static struct client client, other;

static void setup(void)
{
	harness_init(&harness);
	client_open(&harness, &client);
	client_open(&harness, &other);
}

static void teardown(void)
{
	client_close(&client);
	client_close(&other);
	harness_done(&harness);
}

static const struct future_rec *durable(const struct id *id)
{
	return &harness_durable(&harness, id)->rec;
}

/* Claim as long as the connection is there; the claim, until the next call. */
static const char *claim(struct client *producer, const struct id *id)
{
	static char text[64];

	client_call(producer, 90, "future.claim", "id", id_text(id), NULL);
	harness_commit(&harness);
	snprintf(text, sizeof(text), "%s", get_text(client_result(producer, 90), "claim"));
	return text;
}

START_TEST(claim_answers_after_the_commit)
{
	struct id id = client_future(&client, "promise");
	const msgpack_object *reply;
	struct pack pack;

	client_begin(&pack, 1, "future.claim", 2);
	pack_str(&pack, "id");
	pack_id(&pack, &id);
	pack_str(&pack, "lease");
	pack_double(&pack, 1.5);
	client_send(&client, &pack);
	client_quiet(&client);
	harness_commit(&harness);
	reply = client_result(&client, 1);
	ck_assert_str_eq(get_text(reply, "claim"), durable(&id)->claim);
	ck_assert_uint_eq(get_u64(reply, "lease_until_ms"), (uint64_t)sim_wall_ms(harness.sim) + 1500);
	ck_assert_int_eq(durable(&id)->lease_until_ms, sim_wall_ms(harness.sim) + 1500);
	ck_assert(!has(reply, "progress"));
	client_call(&client, 2, "future.get", "id", id_text(&id), NULL);
	reply = client_result(&client, 2);
	ck_assert_str_eq(get_text(reply, "kind"), "promise");
	ck_assert(get_bool(reply, "claimed"));
	ck_assert(has(reply, "lease_until_ms"));
	ck_assert(!has(reply, "claim"));
}
END_TEST

START_TEST(a_connection_that_closes)
{
	struct id lost = client_future(&client, "promise"), freed = client_future(&client, "promise release");
	struct id kept = client_future(&client, "promise");

	claim(&other, &lost);
	claim(&other, &freed);
	claim(&client, &kept);
	client_close(&other);
	harness_commit(&harness);
	ck_assert_int_eq(durable(&lost)->state, STORE_FAILED);
	ck_assert_str_eq(durable(&lost)->error_kind, "abandoned");
	ck_assert_int_eq(durable(&freed)->state, STORE_PENDING);
	ck_assert_int_eq(durable(&kept)->state, STORE_RUNNING);
	client_open(&harness, &other);
}
END_TEST

START_TEST(a_turn_follows_at_once_on_the_end_of_a_producer)
{
	struct id id = client_future(&client, "promise");

	claim(&other, &id);
	harness_turn(&harness);
	shutdown(other.fd, SHUT_RDWR);
	/* As daemon/server.c does: what ipc_turn() says is heeded, or the loop would sleep. */
	while (!ipc_turn(harness.ipc))
		event_base_loop(harness.base, EVLOOP_ONCE);
	broker_run(harness.sim->broker);
	ck_assert_uint_gt(store_sim_queued(harness.sim->store), 0);
}
END_TEST

START_TEST(half_closed_is_not_gone_before_its_answers)
{
	struct id id = client_future(&client, "promise"), awaited = client_future(&client, "promise");

	claim(&other, &id);
	client_call(&other, 1, "future.result", "id", id_text(&awaited), NULL);
	shutdown(other.fd, SHUT_WR);
	harness_commit(&harness);
	ck_assert_int_eq(durable(&id)->state, STORE_RUNNING);
	client_call(&client, 2, "future.resolve", "id", id_text(&awaited), NULL);
	harness_commit(&harness);
	client_result(&client, 2);
	client_result(&other, 1);
	harness_commit(&harness);
	ck_assert_int_eq(durable(&id)->state, STORE_FAILED);
}
END_TEST

START_TEST(renew_binds_to_the_connection_that_asks)
{
	struct id id = client_future(&client, "promise");
	const char *text = claim(&client, &id);
	struct pack pack;

	client_begin(&pack, 1, "future.renew", 3);
	pack_str(&pack, "id");
	pack_id(&pack, &id);
	pack_str(&pack, "claim");
	pack_str(&pack, text);
	pack_str(&pack, "lease");
	pack_nil(&pack);
	client_send(&other, &pack);
	harness_commit(&harness);
	ck_assert_uint_eq(client_result(&other, 1)->via.map.size, 0);
	client_close(&client);
	harness_commit(&harness);
	ck_assert_int_eq(durable(&id)->state, STORE_RUNNING);
	client_close(&other);
	harness_commit(&harness);
	ck_assert_int_eq(durable(&id)->state, STORE_FAILED);
	client_open(&harness, &client);
	client_open(&harness, &other);
}
END_TEST

START_TEST(progress_and_an_end)
{
	struct id id = client_future(&client, "promise");
	const char *text = claim(&client, &id);

	client_call(&client, 1, "future.progress", "id", id_text(&id), "claim", text, "progress", "[1, 2]", NULL);
	client_quiet(&client);
	harness_commit(&harness);
	ck_assert_uint_eq(client_result(&client, 1)->via.map.size, 0);
	ck_assert_str_eq(durable(&id)->progress, "[1, 2]");
	client_call(&other, 2, "future.resolve", "id", id_text(&id), "claim", text, "result", "bytes", "content_type", "a/b",
	    NULL);
	client_quiet(&other);
	harness_commit(&harness);
	ck_assert_str_eq(get_text(client_result(&other, 2), "state"), "succeeded");
	ck_assert_str_eq(durable(&id)->content_type, "a/b");
	ck_assert_int_eq(durable(&id)->result_size, 5);
}
END_TEST

START_TEST(rejections)
{
	struct id plain = client_future(&client, "promise"), full = client_future(&client, "promise");

	client_call(&client, 1, "future.reject", "id", id_text(&plain), NULL);
	client_call(&client, 2, "future.reject", "id", id_text(&full), "kind", "odd_1", "message", "m", "code", "c",
	    "details", "d", NULL);
	harness_commit(&harness);
	ck_assert_str_eq(get_text(client_result(&client, 1), "state"), "failed");
	ck_assert_str_eq(get_text(client_result(&client, 2), "state"), "failed");
	ck_assert_str_eq(durable(&plain)->error_kind, "rejected");
	ck_assert_ptr_null(durable(&plain)->error_message);
	ck_assert_str_eq(durable(&full)->error_kind, "odd_1");
	ck_assert_str_eq(durable(&full)->error_message, "m");
	ck_assert_str_eq(durable(&full)->error_code, "c");
}
END_TEST

static const struct { const char *method, *key, *value, *error; } BAD[] = {
	{ "future.claim", "lease", "1", "InvalidArgument: lease: expected seconds (a number or nil), got a string" },
	{ "future.renew", "claim", "x", "InvalidArgument: lease: required" },
	{ "future.progress", "claim", "x", "InvalidArgument: progress: required" },
	{ "future.progress", "progress", "50%",
	  "InvalidArgument: progress: text must be JSON (a JSON string has quotes of its own)" },
	{ "future.reject", "kind", "Odd", "InvalidArgument: kind: expected 1 to 64 of a-z, 0-9 and _" },
	{ "future.resolve", "clam", "x", "InvalidArgument: unknown key \"clam\" (did you mean \"claim\"?)" },
};

START_TEST(refused)
{
	struct id id = client_future(&client, "promise");

	client_call(&client, 1, BAD[_i].method, "id", id_text(&id), BAD[_i].key, BAD[_i].value, NULL);
	ck_assert_str_eq(client_error(&client, 1), BAD[_i].error);
	ck_assert_int_eq(durable(&id)->state, STORE_PENDING);
}
END_TEST

/* The last part, when there is no more. */
static void send_part(uint32_t call, const struct id *id, uint64_t offset, const char *part, bool more)
{
	struct pack pack;

	client_begin(&pack, call, "future.resolve", 4);
	pack_str(&pack, "id");
	pack_id(&pack, id);
	pack_str(&pack, "result");
	pack_bin(&pack, slice_from_str(part));
	pack_str(&pack, "offset");
	pack_u64(&pack, offset);
	pack_str(&pack, "more");
	pack_bool(&pack, more);
	client_send(&client, &pack);
}

START_TEST(a_result_in_parts)
{
	struct id id = client_future(&client, "promise");
	const msgpack_object *reply;

	send_part(1, &id, 0, "abc", true);
	reply = client_result(&client, 1);
	ck_assert_str_eq(get_text(reply, "state"), "pending");
	ck_assert_uint_eq(get_u64(reply, "offset"), 3);
	send_part(2, &id, 3, "de", false);
	harness_commit(&harness);
	reply = client_result(&client, 2);
	ck_assert_str_eq(get_text(reply, "state"), "succeeded");
	ck_assert(!has(reply, "offset"));
	ck_assert_int_eq(durable(&id)->result_size, 5);
	client_call(&client, 3, "future.result", "id", id_text(&id), NULL);
	harness_commit(&harness);
	ck_assert_str_eq(get_text(client_result(&client, 3), "result"), "abcde");
	send_part(4, &id, 5, "more", true);
	ck_assert_str_eq(client_error(&client, 4), "InvalidState: the promise is succeeded");
	send_part(5, &id, 5, "more", false);
	ck_assert_str_eq(client_error(&client, 5), "InvalidState: the promise is succeeded");
}
END_TEST

/* That it is over is not durable yet: nobody hears of it from a part. */
START_TEST(a_part_before_an_end_is_durable)
{
	struct id id = client_future(&client, "promise");

	client_call(&client, 1, "future.cancel", "id", id_text(&id), NULL);
	send_part(2, &id, 0, "abc", true);
	ck_assert_str_eq(get_text(client_result(&client, 2), "state"), "pending");
	harness_commit(&harness);
	ck_assert_str_eq(get_text(client_result(&client, 1), "state"), "cancelled");
	send_part(3, &id, 3, "de", true);
	ck_assert_str_eq(client_error(&client, 3), "InvalidState: the promise is cancelled");
}
END_TEST

START_TEST(parts_go_with_their_connection)
{
	struct id id = client_future(&client, "promise");

	send_part(1, &id, 0, "abc", true);
	client_result(&client, 1);
	client_close(&client);
	harness_turn(&harness);
	client_open(&harness, &client);
	send_part(2, &id, 3, "de", false);
	ck_assert_str_eq(client_error(&client, 2),
	    "InvalidArgument: offset: 3, but 0 bytes of this result have come on this connection");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handlers_promise");
	TCase *tcase = tcase_create("handlers_promise");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, claim_answers_after_the_commit);
	tcase_add_test(tcase, a_connection_that_closes);
	tcase_add_test(tcase, a_turn_follows_at_once_on_the_end_of_a_producer);
	tcase_add_test(tcase, half_closed_is_not_gone_before_its_answers);
	tcase_add_test(tcase, renew_binds_to_the_connection_that_asks);
	tcase_add_test(tcase, progress_and_an_end);
	tcase_add_test(tcase, rejections);
	tcase_add_loop_test(tcase, refused, 0, sizeof(BAD) / sizeof(BAD[0]));
	tcase_add_test(tcase, a_result_in_parts);
	tcase_add_test(tcase, a_part_before_an_end_is_durable);
	tcase_add_test(tcase, parts_go_with_their_connection);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
