/* test_handlers_future.c - create, cancel, refresh, extend, retry and forget, each to its end. */
#include "tests/daemon/ipc/harness.h"

#include <check.h>
#include <stdio.h>
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

/* A creation with all that a creation can have. */
static void send_full_create(void)
{
	struct pack pack;

	client_begin(&pack, 1, "future.create", 8);
	pack_str(&pack, "profile");
	pack_str(&pack, "alpha");
	pack_str(&pack, "params");
	pack_map(&pack, 2);
	pack_str(&pack, "name");
	pack_str(&pack, "a\"b");
	pack_str(&pack, "n");
	pack_i64(&pack, -3);
	pack_str(&pack, "spec");
	pack_str(&pack, "polls=3");
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
	const struct disk_future *durable;
	const msgpack_object *reply;
	const char *text;
	struct id id;

	send_full_create();
	client_quiet(&client);      /* the answer comes after the commit */
	harness_commit(&harness);
	reply = client_result(&client, 1);
	ck_assert_str_eq(get_text(reply, "state"), "pending");
	ck_assert(get_bool(reply, "created"));
	text = get_text(reply, "id");
	ck_assert_int_eq(id_parse(text, strlen(text), &id), 0);
	durable = harness_durable(&harness, &id);
	ck_assert_str_eq(durable->texts.params, "{\"name\":\"a\\\"b\",\"n\":-3}");
	ck_assert_str_eq(durable->texts.spec, "polls=3");
	ck_assert_str_eq(durable->rec.profile, "alpha");
	ck_assert_str_eq(durable->rec.key, "k1");
	ck_assert_uint_eq(durable->rec.n_labels, 1);
	ck_assert_str_eq(durable->rec.labels[0].name, "team");
	ck_assert_str_eq(durable->rec.labels[0].value, "blue");
	ck_assert_uint_eq(durable->rec.mode, 0640);
	ck_assert_uint_eq(durable->rec.uid, getuid());
	ck_assert_uint_eq(durable->rec.gid, getgid());
	ck_assert_int_eq(durable->rec.ttl_ms, -1);
	ck_assert_int_eq(durable->rec.deadline_at_ms, sim_wall_ms(harness.sim) + 1500);
}
END_TEST

START_TEST(create_without_options_has_the_defaults)
{
	const struct disk_future *durable;

	client_call(&client, 1, "future.create", "profile", "alpha", NULL);
	harness_commit(&harness);
	client_result(&client, 1);
	ck_assert_uint_eq(disk_count(harness.sim->disk), 1);
	durable = disk_at(harness.sim->disk, 0);
	ck_assert_str_eq(durable->texts.request, "alpha|{}|");
	ck_assert_uint_eq(durable->rec.mode, 0600);
	ck_assert_int_eq(durable->rec.ttl_ms, INT64_C(7) * 24 * 3600 * 1000);
	ck_assert_int_eq(durable->rec.deadline_at_ms, 0);
	ck_assert_ptr_null(durable->rec.key);
	ck_assert_uint_eq(durable->rec.n_labels, 0);
}
END_TEST

START_TEST(create_hands_over_what_it_waits_for)
{
	struct id first = client_future(&client, "end=never");
	const struct disk_future *durable;
	const msgpack_object *reply;
	struct pack pack;

	client_begin(&pack, 1, "future.create", 3);
	pack_str(&pack, "spec");
	pack_str(&pack, "polls=3");
	pack_str(&pack, "after");
	pack_array(&pack, 2);
	pack_id(&pack, &first);
	pack_id(&pack, &first);
	pack_str(&pack, _i == 0 ? "delay" : "start_at");
	if (_i == 0)
		pack_double(&pack, 1.5);
	else
		pack_u64(&pack, _i == 1 ? (uint64_t)sim_wall_ms(harness.sim) + 1500 : 0);
	client_send(&client, &pack);
	harness_commit(&harness);
	client_result(&client, 1);
	durable = disk_at(harness.sim->disk, 1);
	ck_assert(durable->rec.held);
	ck_assert_uint_eq(durable->rec.n_after, 1);
	ck_assert_mem_eq(durable->rec.after[0], first.bytes, sizeof(first.bytes));
	ck_assert_int_eq(durable->rec.start_at_ms, _i < 2 ? sim_wall_ms(harness.sim) + 1500 : 1);
	client_call(&client, 2, "future.get", "id", id_text((const struct id *)durable->rec.id), NULL);
	reply = client_result(&client, 2);
	ck_assert(get_bool(reply, "held"));
	ck_assert_str_eq(get_text(reply, "condition"), "waiting");
	ck_assert_str_eq(get_text(reply, "kind"), "http");
	ck_assert_uint_eq(get_u64(reply, "start_at_ms"), (uint64_t)durable->rec.start_at_ms);
	ck_assert_uint_eq(get(reply, "after")->via.array.size, 1);
	ck_assert_str_eq(text_of(&get(reply, "after")->via.array.ptr[0]), id_text(&first));
}
END_TEST

/* Absent, nil and a number are three things: here of a spec that has a timeout of its own. */
START_TEST(timeout_absent_nil_or_given)
{
	int64_t now_ms = sim_wall_ms(harness.sim);
	const int64_t expected[] = { now_ms + 60000, 0, now_ms + 5000 };
	struct pack pack;

	client_begin(&pack, 1, "future.create", _i == 0 ? 1 : 2);
	pack_str(&pack, "spec");
	pack_str(&pack, "end=never polling_timeout=60");
	if (_i > 0)
		pack_str(&pack, "timeout");
	if (_i == 1)
		pack_nil(&pack);
	else if (_i == 2)
		pack_u64(&pack, 5);
	client_send(&client, &pack);
	harness_commit(&harness);
	client_result(&client, 1);
	ck_assert_int_eq(disk_at(harness.sim->disk, 0)->rec.deadline_at_ms, expected[_i]);
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
	ck_assert_str_eq(client_error(&client, 2), "InvalidArgument: key: 257 bytes; it must have 1 to 256");
	client_begin(&pack, 3, "future.create", 2);
	pack_str(&pack, "profile");
	pack_str(&pack, "p");
	pack_str(&pack, "mode");
	pack_u64(&pack, 0777);
	client_send(&client, &pack);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 3), "mode: expected 0600"));
	client_call(&client, 4, "future.create", "profile", "p", "spec", "\xff", NULL);
	ck_assert_str_eq(client_error(&client, 4), "InvalidSpec: spec: not valid UTF-8");
	ck_assert_uint_eq(store_sim_queued(harness.sim->store), 0);
	ck_assert_uint_eq(disk_count(harness.sim->disk), 0);
}
END_TEST

START_TEST(create_passes_the_brokers_errors_on)
{
	struct broker_config config = harness.sim->config;
	char expected[128];

	client_call(&client, 1, "future.create", "spec", "invalid", NULL);
	ck_assert_str_eq(client_error(&client, 1), "InvalidSpec: spec: invalid");
	store_sim_refuse(harness.sim->store, 1);
	client_call(&client, 2, "future.create", "spec", "end=never", NULL);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 2), "OutOfMemory: "));
	disk_set_full(harness.sim->disk, true);
	client_call(&client, 3, "future.create", "spec", "end=never", NULL);
	client_quiet(&client);
	harness_commit(&harness);
	ck_assert_str_eq(client_error(&client, 3),
	    "DiskFull: the disk of the daemon's state is full; new futures are refused for now");
	disk_set_full(harness.sim->disk, false);
	client_future(&client, "end=never");
	config.futures_per_uid = 1;
	broker_configure(harness.sim->broker, &config);
	client_call(&client, 4, "future.create", "spec", "end=never", NULL);
	snprintf(expected, sizeof(expected),
	    "LimitExceeded: user %u has 1 futures already, which is the limit; forget some", (unsigned)getuid());
	ck_assert_str_eq(client_error(&client, 4), expected);
	broker_stop(harness.sim->broker);
	client_call(&client, 5, "future.create", "spec", "end=never", NULL);
	ck_assert_str_eq(client_error(&client, 5),
	    "ShuttingDown: the daemon is stopping; try again after its restart");
	ck_assert_uint_eq(disk_count(harness.sim->disk), 1);
}
END_TEST

START_TEST(a_key_is_created_once)
{
	const msgpack_object *reply;
	struct client other;
	char id[64];

	client_open(&harness, &other);
	client_call(&client, 1, "future.create", "spec", "end=never", "key", "k", NULL);
	client_call(&other, 1, "future.create", "spec", "end=never", "key", "k", NULL);
	client_call(&other, 2, "future.create", "spec", "polls=1", "key", "k", NULL);
	harness_commit(&harness);
	reply = client_result(&client, 1);
	ck_assert(get_bool(reply, "created"));
	strcpy(id, get_text(reply, "id"));
	reply = client_result(&other, 1);
	ck_assert(!get_bool(reply, "created"));
	ck_assert_str_eq(get_text(reply, "id"), id);
	ck_assert_ptr_nonnull(strstr(client_error(&other, 2), "KeyConflict: key \"k\" stands for future "));
	client_close(&other);
}
END_TEST

/* Its callback finds the call still there, and what was asked for is done. */
START_TEST(created_for_a_client_that_left)
{
	client_call(&client, 1, "future.create", "spec", "end=never", NULL);
	harness_turn(&harness);
	client_close(&client);
	harness_turn(&harness);
	ck_assert_uint_eq(harness_commit_once(&harness), 1);
	ck_assert_uint_eq(disk_count(harness.sim->disk), 1);
	client_open(&harness, &client);
}
END_TEST

/* Ask for a change of a future that can be changed so. */
static struct id send_change(int which)
{
	static const char *const methods[] = { "future.cancel", "future.forget", "future.retry", "future.extend" };
	bool live = which == 0 || which == 3;
	struct id id = client_future(&client, live ? "end=never" : "end=failure");
	struct pack pack;

	harness_run(&harness, SECOND / 2);
	client_begin(&pack, 1, methods[which], 1 + (which == 3));
	pack_str(&pack, "id");
	pack_id(&pack, &id);
	if (which == 3) {
		pack_str(&pack, "timeout");
		pack_u64(&pack, 30);
	}
	client_send(&client, &pack);
	client_quiet(&client);
	return id;
}

START_TEST(changed_for_a_client_that_left)
{
	struct id id = send_change(_i);

	client_close(&client);
	harness_turn(&harness);
	ck_assert_uint_eq(harness_commit_once(&harness), 1);
	harness_commit(&harness);
	if (_i == 0)
		ck_assert_int_eq(harness_durable(&harness, &id)->rec.state, STORE_CANCELLED);
	else if (_i == 3)
		ck_assert_int_ne(harness_durable(&harness, &id)->rec.deadline_at_ms, 0);
	else
		ck_assert_uint_eq(disk_count(harness.sim->disk), _i == 1 ? 0 : 2);
	client_open(&harness, &client);
}
END_TEST

START_TEST(changes_that_cannot_be_stored)
{
	send_change(_i);
	store_sim_crash(harness.sim->store);
	ck_assert_str_eq(client_error(&client, 1), "Internal: store: Input/output error");
}
END_TEST

/* One call about a future, and what is written for it. */
static void call_for(uint32_t call, const char *method, const struct id *id)
{
	client_call(&client, call, method, "id", id_text(id), NULL);
	harness_commit(&harness);
}

START_TEST(cancel_is_a_wish)
{
	struct id id = client_future(&client, "submit cancel end=never");
	const msgpack_object *reply;

	harness_run(&harness, SECOND / 2);
	client_call(&client, 1, "future.cancel", "id", id_text(&id), NULL);
	client_quiet(&client);
	harness_commit(&harness);
	reply = client_result(&client, 1);
	ck_assert(get_bool(reply, "cancelled"));
	ck_assert_str_eq(get_text(reply, "state"), "running");
	call_for(2, "future.get", &id);
	ck_assert(get_bool(client_result(&client, 2), "cancel_requested"));
	harness_run(&harness, 10 * SECOND);          /* the service is asked, and says that it did so */
	ck_assert_uint_eq(service_asked(harness.sim->service, &id)->cancels, 1);
	call_for(3, "future.cancel", &id);
	reply = client_result(&client, 3);
	ck_assert(!get_bool(reply, "cancelled"));
	ck_assert_str_eq(get_text(reply, "state"), "cancelled");
}
END_TEST

START_TEST(refresh_asks_at_once)
{
	struct id id = client_future(&client, "polls=1 polling=1000/1000/1");

	harness_run(&harness, SECOND);
	call_for(1, "future.refresh", &id);
	ck_assert_str_eq(get_text(client_result(&client, 1), "state"), "running");
	harness_run(&harness, SECOND);
	ck_assert_uint_eq(service_asked(harness.sim->service, &id)->polls, 2);
	call_for(2, "future.refresh", &id);
	ck_assert_str_eq(get_text(client_result(&client, 2), "state"), "succeeded");
}
END_TEST

START_TEST(retry_is_another_future)
{
	struct id id = client_future(&client, "submit polls=1 end=failure");
	const msgpack_object *reply;

	call_for(1, "future.retry", &id);
	ck_assert_str_eq(client_error(&client, 1),
	    "InvalidState: the future is running; only a failed or cancelled one can be retried");
	harness_run(&harness, 5 * SECOND);
	call_for(2, "future.retry", &id);
	reply = client_result(&client, 2);
	ck_assert(get_bool(reply, "created"));
	ck_assert_str_eq(get_text(reply, "state"), "pending");
	ck_assert_str_ne(get_text(reply, "id"), id_text(&id));
	ck_assert_uint_eq(disk_count(harness.sim->disk), 2);
}
END_TEST

START_TEST(forget_what_is_over)
{
	struct id id = client_future(&client, "polls=1");

	call_for(1, "future.forget", &id);
	ck_assert_str_eq(client_error(&client, 1), "InvalidState: the future is running; cancel it first");
	harness_run(&harness, 5 * SECOND);
	client_call(&client, 2, "future.forget", "id", id_text(&id), NULL);
	client_quiet(&client);
	harness_commit(&harness);
	ck_assert_uint_eq(client_result(&client, 2)->via.map.size, 0);
	ck_assert_uint_eq(disk_count(harness.sim->disk), 0);
	call_for(3, "future.get", &id);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 3), "NotFound: no such future"));
}
END_TEST

/* future.extend with a timeout of nil, or of seconds. */
static void send_extend(uint32_t call, const struct id *id, bool nil)
{
	struct pack pack;

	client_begin(&pack, call, "future.extend", 2);
	pack_str(&pack, "id");
	pack_id(&pack, id);
	pack_str(&pack, "timeout");
	if (nil)
		pack_nil(&pack);
	else
		pack_u64(&pack, 30);
	client_send(&client, &pack);
	client_quiet(&client);
	harness_commit(&harness);
}

START_TEST(extend)
{
	struct id id = client_future(&client, "end=never");
	uint64_t deadline = (uint64_t)sim_wall_ms(harness.sim) + 30000;

	send_extend(1, &id, false);
	ck_assert_uint_eq(get_u64(client_result(&client, 1), "deadline_at_ms"), deadline);
	ck_assert_int_eq(harness_durable(&harness, &id)->rec.deadline_at_ms, (int64_t)deadline);
	send_extend(2, &id, true);
	ck_assert(!has(client_result(&client, 2), "deadline_at_ms"));
	ck_assert_int_eq(harness_durable(&harness, &id)->rec.deadline_at_ms, 0);
	client_call(&client, 3, "future.extend", "id", id_text(&id), NULL);
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
	tcase_add_loop_test(tcase, create_hands_over_what_it_waits_for, 0, 3);
	tcase_add_loop_test(tcase, timeout_absent_nil_or_given, 0, 3);
	tcase_add_test(tcase, create_refuses_what_is_wrong);
	tcase_add_test(tcase, create_passes_the_brokers_errors_on);
	tcase_add_test(tcase, a_key_is_created_once);
	tcase_add_test(tcase, created_for_a_client_that_left);
	tcase_add_loop_test(tcase, changed_for_a_client_that_left, 0, 4);
	tcase_add_loop_test(tcase, changes_that_cannot_be_stored, 0, 4);
	tcase_add_test(tcase, cancel_is_a_wish);
	tcase_add_test(tcase, refresh_asks_at_once);
	tcase_add_test(tcase, retry_is_another_future);
	tcase_add_test(tcase, forget_what_is_over);
	tcase_add_test(tcase, extend);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
