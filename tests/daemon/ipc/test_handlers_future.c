/* test_handlers_future.c - create, get, list, cancel, refresh, extend, retry and forget over the fake broker. */
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

/* A creation with all that a creation can have. */
static void send_full_create(void)
{
	struct pack pack;

	client_request(&pack, 1, "future.create", 8);
	pack_str(&pack, "profile");
	pack_str(&pack, "alpha");
	pack_str(&pack, "params");
	pack_map(&pack, 2);
	pack_str(&pack, "name");
	pack_str(&pack, "a\"b");
	pack_str(&pack, "n");
	pack_i64(&pack, -3);
	pack_str(&pack, "spec");
	pack_str(&pack, "{\"poll\":{}}");
	pack_str(&pack, "labels");
	pack_map(&pack, 1);
	pack_str(&pack, "team");
	pack_str(&pack, "blue");
	pack_str(&pack, "key");
	pack_str(&pack, "k1");
	pack_str(&pack, "mode");
	pack_u64(&pack, 0640);
	pack_str(&pack, "ttl");
	pack_nil(&pack);
	pack_str(&pack, "timeout");
	pack_double(&pack, 1.5);
	client_send(&client, &pack);
}

START_TEST(create_hands_everything_to_the_broker)
{
	const msgpack_object *reply;

	send_full_create();
	harness_turn(&harness);
	ck_assert_uint_eq(fake.creates, 1);
	ck_assert_str_eq(fake.last_params, "{\"name\":\"a\\\"b\",\"n\":-3}");
	ck_assert_str_eq(fake.last_spec, "{\"poll\":{}}");
	ck_assert_str_eq(fake.last_key, "k1");
	ck_assert_uint_eq(fake.last_create.n_labels, 1);
	ck_assert_uint_eq(fake.last_create.mode, 0640);
	ck_assert_int_eq(fake.last_create.ttl_kind, CREATE_NONE);
	ck_assert_int_eq(fake.last_create.timeout_kind, CREATE_GIVEN);
	ck_assert_uint_eq(fake.last_create.timeout_usec, 1500000);
	client_quiet(&client);      /* the answer comes after the commit */
	fake_commit();
	reply = client_result(&client, 1);
	ck_assert_str_eq(get_text(reply, "id"), id_text(&fake.futures[0].id));
	ck_assert_str_eq(get_text(reply, "state"), "running");
	ck_assert(get_bool(reply, "created"));
}
END_TEST

START_TEST(create_without_options_has_the_defaults)
{
	client_call(&client, 1, "future.create", "profile", "alpha", NULL);
	harness_turn(&harness);
	ck_assert_uint_eq(fake.last_create.mode, 0);
	ck_assert_int_eq(fake.last_create.ttl_kind, CREATE_DEFAULT);
	ck_assert_int_eq(fake.last_create.timeout_kind, CREATE_DEFAULT);
	ck_assert_ptr_null(fake.last_create.source.spec.data);
	fake_commit();
	client_result(&client, 1);
}
END_TEST

START_TEST(create_refuses_what_is_wrong)
{
	char key[400];
	struct pack pack;

	client_call(&client, 1, "future.create", "key", "k", NULL);
	ck_assert_str_eq(client_error(&client, 1), "InvalidArgument: profile, spec or both are required");
	memset(key, 'k', sizeof(key));
	key[257] = '\0';
	client_call(&client, 2, "future.create", "profile", "p", "key", key, NULL);
	ck_assert_str_eq(client_error(&client, 2), "InvalidArgument: key: has 257 bytes (1 to 256)");
	client_request(&pack, 3, "future.create", 2);
	pack_str(&pack, "profile");
	pack_str(&pack, "p");
	pack_str(&pack, "mode");
	pack_u64(&pack, 0777);
	client_send(&client, &pack);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 3), "mode: expected 0600"));
	client_call(&client, 4, "future.create", "profile", "p", "spec", "\xff", NULL);
	ck_assert_str_eq(client_error(&client, 4), "InvalidSpec: spec: not valid UTF-8");
	ck_assert_uint_eq(fake.creates, 0);
}
END_TEST

START_TEST(create_passes_the_brokers_errors_on)
{
	error_set(&fake.refuse, ERROR_INVALID_SPEC, "poll.urk: unknown key");
	client_call(&client, 1, "future.create", "profile", "p", NULL);
	ck_assert_str_eq(client_error(&client, 1), "InvalidSpec: poll.urk: unknown key");
	fake.refuse.code = ERROR_NONE;
	client_call(&client, 2, "future.create", "profile", "p", NULL);
	harness_turn(&harness);
	error_set(&fake.fail, ERROR_DISK_FULL, "full");
	fake_commit();
	ck_assert_str_eq(client_error(&client, 2), "DiskFull: full");
}
END_TEST

START_TEST(created_for_a_client_that_left)
{
	client_call(&client, 1, "future.create", "profile", "p", NULL);
	harness_turn(&harness);
	client_close(&client);
	harness_turn(&harness);
	ck_assert_int_eq(fake_commit(), 1);    /* must find its call still there */
	client_open(&harness, &client);
}
END_TEST

START_TEST(get_shows_what_is_known)
{
	struct future *future = fake_future(3);
	const msgpack_object *snapshot;

	future->rec.profile = strdup("alpha");
	future->rec.next_at_ms = 555;
	future->rec.attempts = 2;
	future->condition = "unreachable";
	client_call(&client, 1, "future.get", "id", id_text(&future->id), NULL);
	snapshot = client_result(&client, 1);
	ck_assert_str_eq(get_text(snapshot, "id"), id_text(&future->id));
	ck_assert_str_eq(get_text(snapshot, "state"), "running");
	ck_assert_str_eq(get_text(snapshot, "kind"), "http");
	ck_assert_str_eq(get_text(snapshot, "profile"), "alpha");
	ck_assert_str_eq(get_text(snapshot, "condition"), "unreachable");
	ck_assert_uint_eq(get_u64(snapshot, "condition_since_ms"), 77);
	ck_assert_uint_eq(get_u64(snapshot, "attempts"), 2);
	ck_assert_uint_eq(get_u64(snapshot, "next_poll_at_ms"), 555);
	ck_assert(!has(snapshot, "key"));
	ck_assert(!has(snapshot, "error"));
	ck_assert(!has(snapshot, "labels"));
	ck_assert(!has(snapshot, "result_size"));
	ck_assert(!has(snapshot, "finished_at_ms"));
}
END_TEST

START_TEST(get_shows_error_and_labels_of_one_that_failed)
{
	static struct store_label labels[] = { { (char *)"team", (char *)"blue" }, { (char *)"run", (char *)"7" } };
	struct future *future = fake_future(3);
	const msgpack_object *snapshot;

	fake_end(future, STORE_FAILED, NULL);
	future->rec.labels = labels;
	future->rec.n_labels = 2;
	future->rec.error_kind = strdup("remote");
	future->rec.error_message = strdup("boom");
	future->rec.error_http_status = 500;
	client_call(&client, 1, "future.get", "id", id_text(&future->id), NULL);
	snapshot = client_result(&client, 1);
	ck_assert_str_eq(get_text(get(snapshot, "error"), "kind"), "remote");
	ck_assert_str_eq(get_text(get(snapshot, "error"), "message"), "boom");
	ck_assert_uint_eq(get_u64(get(snapshot, "error"), "http_status"), 500);
	ck_assert_str_eq(get_text(get(snapshot, "labels"), "team"), "blue");
	ck_assert_str_eq(get_text(get(snapshot, "labels"), "run"), "7");
	ck_assert(!has(snapshot, "next_poll_at_ms"));
	ck_assert_uint_eq(get_u64(snapshot, "finished_at_ms"), 2000);
	future->rec.labels = NULL;
	future->rec.n_labels = 0;
}
END_TEST

START_TEST(get_of_nothing)
{
	client_call(&client, 1, "future.get", "id", "01970000-0000-7000-8000-000000000000", NULL);
	ck_assert_str_eq(client_error(&client, 1), "NotFound: no such future");
	client_call(&client, 2, "future.get", "id", "x", NULL);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 2), "InvalidArgument: id:"));
}
END_TEST

START_TEST(list_pages_by_count)
{
	const msgpack_object *page;
	char cursor[64];

	for (unsigned i = 0; i < 150; i++)
		fake_future(i);
	client_call(&client, 1, "future.list", NULL);
	page = client_result(&client, 1);
	ck_assert_uint_eq(get(page, "futures")->via.array.size, 100);
	strcpy(cursor, get_text(page, "cursor"));
	ck_assert_str_eq(cursor, id_text(&fake.futures[99].id));
	client_call(&client, 2, "future.list", "cursor", cursor, NULL);
	page = client_result(&client, 2);
	ck_assert_uint_eq(get(page, "futures")->via.array.size, 50);
	ck_assert_str_eq(get_text(&get(page, "futures")->via.array.ptr[0], "id"), id_text(&fake.futures[100].id));
	ck_assert_int_eq(get(page, "cursor")->type, MSGPACK_OBJECT_NIL);
}
END_TEST

START_TEST(list_pages_by_bytes)
{
	const msgpack_object *page;
	struct pack pack;
	size_t seen;

	for (unsigned i = 0; i < 40; i++) {
		struct future *future = fake_future(i);

		future->rec.progress = malloc(65537);
		memset(future->rec.progress, '7', 65536);
		future->rec.progress[65536] = '\0';
	}
	client_request(&pack, 1, "future.list", 1);
	pack_str(&pack, "limit");
	pack_u64(&pack, 1000);
	client_send(&client, &pack);
	page = client_result(&client, 1);
	seen = get(page, "futures")->via.array.size;
	ck_assert_uint_gt(seen, 5);
	ck_assert_uint_lt(seen, 16);
	ck_assert_str_eq(get_text(page, "cursor"), id_text(&fake.futures[seen - 1].id));
}
END_TEST

START_TEST(list_filters)
{
	const msgpack_object *page;

	fake_end(fake_future(1), STORE_SUCCEEDED, "x");
	fake_future(2);
	client_call(&client, 1, "future.list", "state", "succeeded", NULL);
	page = client_result(&client, 1);
	ck_assert_uint_eq(get(page, "futures")->via.array.size, 1);
	client_call(&client, 2, "future.list", "state", "succeded", NULL);
	ck_assert_str_eq(client_error(&client, 2), "InvalidArgument: state: no such state (did you mean succeeded?)");
	client_call(&client, 3, "future.list", "cursor", "soon", NULL);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 3), "cursor"));
}
END_TEST

START_TEST(cancel_refresh_forget_and_retry)
{
	struct future *future = fake_future(1);
	const msgpack_object *reply;
	const char *id = id_text(&future->id);

	client_call(&client, 1, "future.cancel", "id", id, NULL);
	harness_turn(&harness);
	fake_commit();
	reply = client_result(&client, 1);
	ck_assert(get_bool(reply, "cancelled"));
	ck_assert_str_eq(get_text(reply, "state"), "running");
	fake_end(future, STORE_CANCELLED, NULL);
	client_call(&client, 2, "future.cancel", "id", id, NULL);
	harness_turn(&harness);
	fake_commit();
	reply = client_result(&client, 2);
	ck_assert(!get_bool(reply, "cancelled"));
	ck_assert_str_eq(get_text(reply, "state"), "cancelled");
	client_call(&client, 3, "future.refresh", "id", id, NULL);
	ck_assert_str_eq(get_text(client_result(&client, 3), "state"), "cancelled");
	client_call(&client, 4, "future.retry", "id", id, NULL);
	harness_turn(&harness);
	fake_commit();
	ck_assert(get_bool(client_result(&client, 4), "created"));
	client_call(&client, 5, "future.forget", "id", id, NULL);
	harness_turn(&harness);
	fake_commit();
	ck_assert_uint_eq(client_result(&client, 5)->via.map.size, 0);
}
END_TEST

/* future.extend with a timeout of nil, or of seconds. */
static void send_extend(uint32_t id, const struct future *future, bool nil)
{
	struct pack pack;

	client_request(&pack, id, "future.extend", 2);
	pack_str(&pack, "id");
	pack_id(&pack, &future->id);
	pack_str(&pack, "timeout");
	if (nil)
		pack_nil(&pack);
	else
		pack_u64(&pack, 30);
	client_send(&client, &pack);
	harness_turn(&harness);
	fake_commit();
}

START_TEST(extend)
{
	struct future *future = fake_future(1);

	future->rec.deadline_at_ms = 9000;
	send_extend(1, future, false);
	ck_assert_uint_eq(get_u64(client_result(&client, 1), "deadline_at_ms"), 9000);
	ck_assert_uint_eq(fake.last_timeout, 30000000);
	future->rec.deadline_at_ms = 0;
	send_extend(2, future, true);
	ck_assert(!has(client_result(&client, 2), "deadline_at_ms"));
	ck_assert_uint_eq(fake.last_timeout, UINT64_MAX);
	client_call(&client, 3, "future.extend", "id", id_text(&future->id), NULL);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 3), "timeout: required"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handlers_future");
	TCase *tcase = tcase_create("handlers_future");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, create_hands_everything_to_the_broker);
	tcase_add_test(tcase, create_without_options_has_the_defaults);
	tcase_add_test(tcase, create_refuses_what_is_wrong);
	tcase_add_test(tcase, create_passes_the_brokers_errors_on);
	tcase_add_test(tcase, created_for_a_client_that_left);
	tcase_add_test(tcase, get_shows_what_is_known);
	tcase_add_test(tcase, get_shows_error_and_labels_of_one_that_failed);
	tcase_add_test(tcase, get_of_nothing);
	tcase_add_test(tcase, list_pages_by_count);
	tcase_add_test(tcase, list_pages_by_bytes);
	tcase_add_test(tcase, list_filters);
	tcase_add_test(tcase, cancel_refresh_forget_and_retry);
	tcase_add_test(tcase, extend);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
