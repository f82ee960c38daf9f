/* test_handlers_future_list.c - what future.get and future.list show. */
#include "tests/daemon/ipc/harness.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
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

START_TEST(get_shows_what_is_known)
{
	const struct future_rec *rec;
	const msgpack_object *snapshot;
	struct id id;

	service_set_down(harness.sim->service, true);
	id = client_future(&client, "retry=10/10/1");
	harness_run(&harness, 15 * SECOND);
	rec = &harness_durable(&harness, &id)->rec;
	ck_assert_int_eq(rec->next_at_ms, rec->created_at_ms + 20020);
	client_call(&client, 1, "future.get", "id", id_text(&id), NULL);
	snapshot = client_result(&client, 1);
	ck_assert_str_eq(get_text(snapshot, "id"), id_text(&id));
	ck_assert_str_eq(get_text(snapshot, "state"), "running");
	ck_assert_str_eq(get_text(snapshot, "kind"), "http");
	ck_assert_uint_eq(get_u64(snapshot, "uid"), getuid());
	ck_assert_uint_eq(get_u64(snapshot, "mode"), 0600);
	ck_assert_str_eq(get_text(snapshot, "condition"), "unreachable");
	ck_assert_uint_eq(get_u64(snapshot, "condition_since_ms"), (uint64_t)rec->unreachable_since_ms);
	ck_assert_str_eq(get_text(snapshot, "last_error"), "no route to host");
	ck_assert_uint_eq(get_u64(snapshot, "attempts"), 2);
	ck_assert_uint_eq(get_u64(snapshot, "created_at_ms"), (uint64_t)rec->created_at_ms);
	ck_assert_uint_eq(get_u64(snapshot, "next_poll_at_ms"), (uint64_t)rec->next_at_ms);
	ck_assert_uint_eq(get_u64(snapshot, "seq"), rec->seq);
	ck_assert(!has(snapshot, "key"));
	ck_assert(!has(snapshot, "profile"));
	ck_assert(!has(snapshot, "error"));
	ck_assert(!has(snapshot, "labels"));
	ck_assert(!has(snapshot, "result_size"));
	ck_assert(!has(snapshot, "finished_at_ms"));
	ck_assert(!has(snapshot, "deadline_at_ms"));
}
END_TEST

START_TEST(get_shows_a_success_once_it_is_durable)
{
	struct id id = client_future(&client, "result=forty-two progress");
	const msgpack_object *snapshot;

	harness.sim->commit_usec = UINT64_MAX;
	harness_run(&harness, SECOND);
	client_call(&client, 1, "future.get", "id", id_text(&id), NULL);
	snapshot = client_result(&client, 1);
	ck_assert_str_eq(get_text(snapshot, "state"), "running");
	ck_assert(!has(snapshot, "result_size"));
	ck_assert(!has(snapshot, "finished_at_ms"));
	harness_commit(&harness);
	client_call(&client, 2, "future.get", "id", id_text(&id), NULL);
	snapshot = client_result(&client, 2);
	ck_assert_str_eq(get_text(snapshot, "state"), "succeeded");
	ck_assert_uint_eq(get_u64(snapshot, "result_size"), 9);
	ck_assert_str_eq(get_text(snapshot, "content_type"), "text/plain");
	ck_assert(has(snapshot, "expires_at_ms"));
	ck_assert(!has(snapshot, "next_poll_at_ms"));
	ck_assert(!has(snapshot, "error"));
}
END_TEST

START_TEST(get_shows_error_and_labels_of_one_that_failed)
{
	const msgpack_object *snapshot;
	const struct disk_future *durable;
	struct pack pack;
	struct id id;

	client_begin(&pack, 1, "future.create", 2);
	pack_str(&pack, "spec");
	pack_str(&pack, "end=failure result=boom");
	pack_str(&pack, "labels");
	pack_map(&pack, 2);
	pack_str(&pack, "team");
	pack_str(&pack, "blue");
	pack_str(&pack, "run");
	pack_str(&pack, "7");
	client_send(&client, &pack);
	harness_run(&harness, SECOND);
	client_result(&client, 1);
	durable = disk_at(harness.sim->disk, 0);
	memcpy(id.bytes, durable->rec.id, sizeof(id.bytes));
	client_call(&client, 2, "future.get", "id", id_text(&id), NULL);
	snapshot = client_result(&client, 2);
	ck_assert_str_eq(get_text(get(snapshot, "error"), "kind"), "remote");
	ck_assert_str_eq(get_text(get(snapshot, "error"), "message"), "boom");
	ck_assert_str_eq(get_text(get(snapshot, "error"), "code"), "E1");
	ck_assert_uint_eq(get_u64(get(snapshot, "error"), "http_status"), 200);
	ck_assert_str_eq(get_text(get(snapshot, "labels"), "team"), "blue");
	ck_assert_str_eq(get_text(get(snapshot, "labels"), "run"), "7");
	ck_assert(!has(snapshot, "next_poll_at_ms"));
	ck_assert(!has(snapshot, "result_size"));
	ck_assert_uint_eq(get_u64(snapshot, "finished_at_ms"), (uint64_t)durable->rec.finished_at_ms);
}
END_TEST

START_TEST(get_of_nothing)
{
	client_call(&client, 1, "future.get", "id", "01970000-0000-7000-8000-000000000000", NULL);
	ck_assert_str_eq(client_error(&client, 1), "NotFound: no such future 01970000-0000-7000-8000-000000000000");
	client_call(&client, 2, "future.get", "id", "x", NULL);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 2), "InvalidArgument: id:"));
}
END_TEST

START_TEST(list_pages_by_count)
{
	const msgpack_object *page;
	struct id ids[150];
	char cursor[64];

	for (unsigned i = 0; i < 150; i++)
		ids[i] = client_future(&client, "end=never");
	client_call(&client, 1, "future.list", NULL);
	page = client_result(&client, 1);
	ck_assert_uint_eq(get(page, "futures")->via.array.size, 100);
	strcpy(cursor, get_text(page, "cursor"));
	ck_assert_str_eq(cursor, id_text(&ids[99]));
	client_call(&client, 2, "future.list", "cursor", cursor, NULL);
	page = client_result(&client, 2);
	ck_assert_uint_eq(get(page, "futures")->via.array.size, 50);
	ck_assert_str_eq(get_text(&get(page, "futures")->via.array.ptr[0], "id"), id_text(&ids[100]));
	ck_assert_int_eq(get(page, "cursor")->type, MSGPACK_OBJECT_NIL);
}
END_TEST

static void put_progress(void *arg, const struct id *id, struct verdict *verdict)
{
	static char progress[65536];

	memset(progress, '7', sizeof(progress));
	verdict->progress = (struct slice){ progress, sizeof(progress) };
}

START_TEST(list_pages_by_bytes)
{
	const msgpack_object *page;
	struct id ids[40];
	struct pack pack;
	size_t seen;

	service_on_answer(harness.sim->service, put_progress, NULL);
	for (unsigned i = 0; i < 40; i++)
		ids[i] = client_future(&client, "end=never");
	harness_run(&harness, SECOND);
	client_begin(&pack, 1, "future.list", 1);
	pack_str(&pack, "limit");
	pack_u64(&pack, 1000);
	client_send(&client, &pack);
	page = client_result(&client, 1);
	seen = get(page, "futures")->via.array.size;
	ck_assert_uint_gt(seen, 5);
	ck_assert_uint_lt(seen, 16);
	ck_assert_str_eq(get_text(page, "cursor"), id_text(&ids[seen - 1]));
}
END_TEST

START_TEST(list_filters)
{
	const msgpack_object *page;
	struct id done = client_future(&client, "");

	client_future(&client, "end=never");
	harness_run(&harness, SECOND);
	client_call(&client, 1, "future.list", "state", "succeeded", NULL);
	page = client_result(&client, 1);
	ck_assert_uint_eq(get(page, "futures")->via.array.size, 1);
	ck_assert_str_eq(get_text(&get(page, "futures")->via.array.ptr[0], "id"), id_text(&done));
	client_call(&client, 2, "future.list", "state", "succeded", NULL);
	ck_assert_str_eq(client_error(&client, 2), "InvalidArgument: state: no such state (did you mean succeeded?)");
	client_call(&client, 3, "future.list", "cursor", "soon", NULL);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 3), "cursor"));
	client_call(&client, 4, "future.list", "profile", "other", NULL);
	ck_assert_uint_eq(get(client_result(&client, 4), "futures")->via.array.size, 0);
	client_call(&client, 5, "future.list", "prefix", id_text(&done), NULL);
	ck_assert_uint_eq(get(client_result(&client, 5), "futures")->via.array.size, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handlers_future_list");
	TCase *tcase = tcase_create("handlers_future_list");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, get_shows_what_is_known);
	tcase_add_test(tcase, get_shows_a_success_once_it_is_durable);
	tcase_add_test(tcase, get_shows_error_and_labels_of_one_that_failed);
	tcase_add_test(tcase, get_of_nothing);
	tcase_add_test(tcase, list_pages_by_count);
	tcase_add_test(tcase, list_pages_by_bytes);
	tcase_add_test(tcase, list_filters);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
