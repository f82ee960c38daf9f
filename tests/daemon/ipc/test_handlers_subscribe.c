/* test_handlers_subscribe.c - subscriptions: replies, names, and readers that do not keep up. */
#include "tests/daemon/ipc/harness.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct harness harness;
/* Events are told to client; what they tell of is done through maker. */
static struct client client, maker;

static void setup(void)
{
	harness_init(&harness);
	client_open(&harness, &client);
	client_open(&harness, &maker);
}

static void teardown(void)
{
	client_close(&maker);
	client_close(&client);
	harness_done(&harness);
}

/* Expect a notification, and return its params. */
static const msgpack_object_array *receive_event(const char *method)
{
	const msgpack_object *message = client_receive(&client);

	ck_assert_ptr_nonnull(message);
	ck_assert_uint_eq(message->via.array.size, 3);
	ck_assert_uint_eq(message->via.array.ptr[0].via.u64, 2);
	ck_assert_str_eq(text_of(&message->via.array.ptr[1]), method);
	return &message->via.array.ptr[2].via.array;
}

/* Expect an event about a future, and return it. */
static const msgpack_object *receive_about(const struct id *id, const char *event)
{
	const msgpack_object *told = &receive_event("future.changed")->ptr[0];

	ck_assert_str_eq(get_text(told, "id"), id_text(id));
	ck_assert_str_eq(get_text(told, "event"), event);
	return told;
}

START_TEST(reply_then_events)
{
	const msgpack_object *reply, *event;
	uint64_t seq;
	struct id id;

	client_future(&maker, "end=never");
	client_call(&client, 1, "future.subscribe", NULL);
	reply = client_result(&client, 1);
	ck_assert_uint_eq(get_u64(reply, "subscription"), 1);
	seq = get_u64(reply, "seq");
	ck_assert_uint_eq(seq, 2);                   /* created, running */
	ck_assert(!get_bool(reply, "truncated"));
	client_quiet(&client);
	id = client_future(&maker, "polls=1 progress end=failure result=boom");
	event = receive_about(&id, "created");
	ck_assert_uint_eq(get_u64(event, "subscription"), 1);
	ck_assert_uint_eq(get_u64(event, "seq"), seq + 1);
	ck_assert_str_eq(get_text(event, "state"), "pending");
	ck_assert_uint_eq(get_u64(event, "at_ms"), (uint64_t)sim_wall_ms(harness.sim));
	event = receive_about(&id, "changed");
	ck_assert_str_eq(get_text(event, "state"), "running");
	harness_run(&harness, 5 * SECOND);
	event = receive_about(&id, "progress");
	ck_assert_uint_eq(get_u64(event, "seq"), seq + 3);
	ck_assert_str_eq(get_text(event, "progress"), "{\"n\":1}");
	ck_assert(!has(event, "error"));
	event = receive_about(&id, "changed");
	ck_assert_str_eq(get_text(event, "state"), "failed");
	ck_assert_str_eq(get_text(get(event, "error"), "kind"), "remote");
	ck_assert_str_eq(get_text(get(event, "error"), "message"), "boom");
	ck_assert(!has(event, "progress"));
	client_call(&maker, 1, "future.forget", "id", id_text(&id), NULL);
	client_quiet(&client);
	harness_commit(&harness);
	event = receive_about(&id, "forgotten");
	ck_assert_uint_eq(get_u64(event, "seq"), seq + 5);
	ck_assert(!has(event, "error"));
	client_quiet(&client);
}
END_TEST

START_TEST(told_when_it_is_durable)
{
	client_call(&client, 1, "future.subscribe", NULL);
	client_result(&client, 1);
	client_call(&maker, 1, "future.create", "spec", "end=never", NULL);
	client_quiet(&client);
	harness_commit(&harness);
	receive_event("future.changed");
}
END_TEST

START_TEST(method_and_prefix_are_the_clients_choice)
{
	const msgpack_object_array *params;
	struct pack pack;

	client_begin(&pack, 1, "future.subscribe", 2);
	pack_str(&pack, "method");
	pack_str(&pack, "my.event");
	pack_str(&pack, "prefix");
	pack_array(&pack, 2);
	pack_str(&pack, "on_future(...)");
	pack_array(&pack, 1);
	pack_u64(&pack, 7);
	client_send(&client, &pack);
	client_result(&client, 1);
	client_future(&maker, "end=never");
	params = receive_event("my.event");
	ck_assert_uint_eq(params->size, 3);
	ck_assert_str_eq(text_of(&params->ptr[0]), "on_future(...)");
	ck_assert_uint_eq(params->ptr[1].via.array.ptr[0].via.u64, 7);
	ck_assert_uint_eq(get_u64(&params->ptr[2], "seq"), 1);
}
END_TEST

/* Neovim's functions have their arguments in an array; whoever else wants that says so. */
START_TEST(wrapped_events)
{
	static const struct { const char *method; bool wrap, wrapped; } cases[] = {
		{ "nvim_exec_lua", false, true }, { "nvim", false, false }, { "my.event", true, true }
	};
	const char *method = cases[_i].method;
	const msgpack_object_array *params;
	struct pack pack;

	client_begin(&pack, 1, "future.subscribe", 3);
	pack_str(&pack, "method");
	pack_str(&pack, method);
	pack_str(&pack, "prefix");
	pack_array(&pack, 1);
	pack_str(&pack, "code");
	pack_str(&pack, "wrap");
	pack_bool(&pack, cases[_i].wrap);
	client_send(&client, &pack);
	client_result(&client, 1);
	client_future(&maker, "end=never");
	params = receive_event(method);
	ck_assert_uint_eq(params->size, 2);
	ck_assert_str_eq(text_of(&params->ptr[0]), "code");
	if (cases[_i].wrapped) {
		ck_assert_int_eq(params->ptr[1].type, MSGPACK_OBJECT_ARRAY);
		ck_assert_uint_eq(params->ptr[1].via.array.size, 1);
		ck_assert_uint_eq(get_u64(&params->ptr[1].via.array.ptr[0], "seq"), 1);
	} else {
		ck_assert_uint_eq(get_u64(&params->ptr[1], "seq"), 1);
	}
}
END_TEST

/* Subscribe for one future, or for all, from since on. */
static void send_subscribe(uint32_t call, const struct id *id, uint64_t since)
{
	struct pack pack;

	client_begin(&pack, call, "future.subscribe", 1 + (id != NULL));
	if (id) {
		pack_str(&pack, "ids");
		pack_array(&pack, 1);
		pack_id(&pack, id);
	}
	pack_str(&pack, "since");
	pack_u64(&pack, since);
	client_send(&client, &pack);
}

START_TEST(some_ids_from_some_number_on)
{
	struct id other = client_future(&maker, "end=never"), id = client_future(&maker, "end=never");
	const msgpack_object *reply;

	send_subscribe(1, &id, 0);
	reply = client_result(&client, 1);
	ck_assert(!get_bool(reply, "truncated"));
	ck_assert_uint_eq(get_u64(reply, "seq"), 4);
	client_quiet(&client);                       /* the log is read as everything is */
	harness_commit(&harness);
	ck_assert_uint_eq(get_u64(receive_about(&id, "created"), "seq"), 3);
	ck_assert_uint_eq(get_u64(receive_about(&id, "changed"), "seq"), 4);
	client_quiet(&client);
	send_subscribe(2, NULL, 1);
	client_result(&client, 2);
	harness_commit(&harness);
	ck_assert_uint_eq(get_u64(receive_about(&other, "changed"), "subscription"), 2);
	receive_about(&id, "created");
	receive_about(&id, "changed");
	client_quiet(&client);
	send_subscribe(3, NULL, 5);
	ck_assert_str_eq(client_error(&client, 3), "InvalidArgument: since: 5 is ahead of the last event, 4");
}
END_TEST

START_TEST(labels_choose)
{
	struct pack pack;
	const msgpack_object *event;

	client_begin(&pack, 1, "future.subscribe", 1);
	pack_str(&pack, "labels");
	pack_map(&pack, 1);
	pack_str(&pack, "team");
	pack_str(&pack, "blue");
	client_send(&client, &pack);
	client_result(&client, 1);
	client_future(&maker, "end=never");
	client_quiet(&client);
	client_begin(&pack, 1, "future.create", 2);
	pack_str(&pack, "spec");
	pack_str(&pack, "end=never");
	pack_str(&pack, "labels");
	pack_map(&pack, 1);
	pack_str(&pack, "team");
	pack_str(&pack, "blue");
	client_send(&maker, &pack);
	harness_commit(&harness);
	event = &receive_event("future.changed")->ptr[0];
	ck_assert_uint_eq(get_u64(event, "seq"), 3);
}
END_TEST

START_TEST(refusals)
{
	struct pack pack;

	client_begin(&pack, 1, "future.subscribe", 2);
	pack_str(&pack, "ids");
	pack_array(&pack, 1);
	pack_str(&pack, "01970000-0000-7000-8000-000000000000");
	pack_str(&pack, "labels");
	pack_map(&pack, 0);
	client_send(&client, &pack);
	ck_assert_str_eq(client_error(&client, 1), "InvalidArgument: ids and labels: only one of them");
	client_begin(&pack, 2, "future.subscribe", 1);
	pack_str(&pack, "prefix");
	pack_array(&pack, 17);
	for (int i = 0; i < 17; i++)
		pack_nil(&pack);
	client_send(&client, &pack);
	ck_assert_str_eq(client_error(&client, 2), "TooLarge: prefix: 17 elements (at most 16)");
	client_call(&client, 3, "future.subscribe", "method", "", NULL);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 3), "InvalidArgument: method"));
	client_call(&client, 4, "future.subscribe", "prefix", "x", NULL);
	ck_assert_str_eq(client_error(&client, 4), "InvalidArgument: prefix: expected an array, got a string");
	client_begin(&pack, 5, "future.subscribe", 1);
	pack_str(&pack, "ids");
	pack_array(&pack, 0);
	client_send(&client, &pack);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 5), "InvalidArgument: ids: empty"));
	client_begin(&pack, 6, "future.subscribe", 1);
	pack_str(&pack, "ids");
	pack_array(&pack, 1);
	pack_str(&pack, "01970000-0000-7000-8000-000000000000");
	client_send(&client, &pack);
	ck_assert_str_eq(client_error(&client, 6),
	    "NotFound: ids[0]: no such future 01970000-0000-7000-8000-000000000000");
	ck_assert_uint_eq(harness_stats(&harness).subscriptions, 0);
}
END_TEST

START_TEST(unsubscribe)
{
	struct pack pack;

	client_call(&client, 1, "future.subscribe", NULL);
	client_result(&client, 1);
	for (uint32_t id = 2; id <= 3; id++) {
		client_begin(&pack, id, "future.unsubscribe", 1);
		pack_str(&pack, "subscription");
		pack_u64(&pack, 1);
		client_send(&client, &pack);
	}
	ck_assert_uint_eq(client_result(&client, 2)->via.map.size, 0);
	ck_assert_str_eq(client_error(&client, 3), "NotFound: no subscription 1 on this connection");
	ck_assert_uint_eq(harness_stats(&harness).subscriptions, 0);
}
END_TEST

/* --- readers that do not keep up -------------------------------------------------------------------------------- */

/* Every pending answer reports another progress of 60000 bytes. */
static char progress[60000];
static unsigned told;

static void put_progress(void *arg, const struct id *id, struct verdict *verdict)
{
	if (verdict->outcome != OUTCOME_PENDING)
		return;
	memset(progress, '1', sizeof(progress));
	memcpy(progress, (const char[]){ (char)('1' + told / 1000 % 9), (char)('1' + told / 100 % 9),
	    (char)('1' + told / 10 % 9), (char)('1' + told % 9) }, 4);
	told++;
	verdict->progress = (struct slice){ progress, sizeof(progress) };
}

START_TEST(slow_reader_is_held_and_resumed)
{
	uint64_t contiguous = 0, last = 0, seen = 0;
	const msgpack_object *message;

	client_call(&client, 1, "future.subscribe", NULL);
	client_result(&client, 1);
	service_on_answer(harness.sim->service, put_progress, NULL);
	client_future(&maker, "end=never polling=1/1/1");
	/* Nothing is read, of more than would have the connection closed: see CONN_OUTPUT_HARD. */
	harness_run(&harness, 200 * SECOND);
	ck_assert_uint_gt(harness_stats(&harness).seq, 190);
	while ((message = client_receive(&client))) {
		const msgpack_object *event = &message->via.array.ptr[2].via.array.ptr[0];
		uint64_t seq = get_u64(event, "seq");

		ck_assert_uint_gt(seq, last);        /* in order, once each */
		if (seq == contiguous + 1)
			contiguous = seq;
		last = seq;
		seen++;
		harness_commit(&harness);
	}
	ck_assert(!client.closed);
	ck_assert_uint_gt(contiguous, 16);           /* a mebibyte and more went into the output */
	ck_assert_uint_lt(contiguous, 60);
	ck_assert_uint_eq(last, harness_stats(&harness).seq);
	ck_assert_uint_lt(seen, contiguous + 10);    /* the rest was merged: the last progress counts */
	harness_run(&harness, 3 * SECOND / 2);       /* from now on as they happen */
	ck_assert_uint_eq(get_u64(&receive_event("future.changed")->ptr[0], "seq"), last + 1);
}
END_TEST

START_TEST(replay_is_held_and_resumed)
{
	uint64_t seen = 0, last = 0;
	struct id last_id = { 0 };
	const msgpack_object *message;

	service_on_answer(harness.sim->service, put_progress, NULL);
	for (int i = 0; i < 60; i++)
		client_future(&maker, "end=never polling=1000/1000/1");
	harness_run(&harness, 10 * SECOND);
	last = harness_stats(&harness).seq;
	ck_assert_uint_eq(last, 180);                /* created, running and progress, of each */
	send_subscribe(1, NULL, 0);
	client_result(&client, 1);
	for (int i = 0; i < 20; i++)
		harness_commit(&harness);
	while ((message = client_receive(&client))) {
		const msgpack_object *event = &message->via.array.ptr[2].via.array.ptr[0];

		ck_assert_uint_eq(get_u64(event, "seq"), ++seen);
		harness_commit(&harness);
	}
	ck_assert(!client.closed);
	ck_assert_uint_eq(seen, last);
	last_id = client_future(&maker, "end=never");
	ck_assert_uint_eq(get_u64(receive_about(&last_id, "created"), "seq"), last + 1);
}
END_TEST

START_TEST(unsubscribe_while_it_is_held)
{
	struct pack pack;
	unsigned events = 0;
	const msgpack_object *message;
	bool answered = false;

	client_call(&client, 1, "future.subscribe", NULL);
	client_result(&client, 1);
	service_on_answer(harness.sim->service, put_progress, NULL);
	client_future(&maker, "end=never polling=1/1/1");
	harness_run(&harness, 60 * SECOND);
	client_begin(&pack, 2, "future.unsubscribe", 1);
	pack_str(&pack, "subscription");
	pack_u64(&pack, 1);
	client_send(&client, &pack);
	while ((message = client_receive(&client))) {
		answered = answered || message->via.array.size == 4;
		events++;
	}
	ck_assert(answered);
	ck_assert_uint_lt(events, 50);
	ck_assert_uint_eq(harness_stats(&harness).subscriptions, 0);
	harness_run(&harness, 5 * SECOND);
	client_quiet(&client);
}
END_TEST

START_TEST(leaving_ends_subscriptions)
{
	client_call(&client, 1, "future.subscribe", NULL);
	client_call(&client, 2, "future.subscribe", NULL);
	client_result(&client, 1);
	client_result(&client, 2);
	ck_assert_uint_eq(harness_stats(&harness).subscriptions, 2);
	client_close(&client);
	harness_turn(&harness);
	ck_assert_uint_eq(harness_stats(&harness).subscriptions, 0);
	client_open(&harness, &client);
}
END_TEST

START_TEST(leaving_while_the_log_is_read)
{
	client_future(&maker, "end=never");
	send_subscribe(1, NULL, 0);
	client_result(&client, 1);
	ck_assert_uint_eq(store_sim_queued(harness.sim->store), 1);
	client_close(&client);
	harness_turn(&harness);
	ck_assert_uint_eq(harness_stats(&harness).subscriptions, 0);
	ck_assert_uint_eq(harness_commit_once(&harness), 1);
	client_open(&harness, &client);
}
END_TEST

/* --- a log that is short ---------------------------------------------------------------------------------------- */

START_TEST(a_log_that_does_not_reach_back)
{
	struct id id;

	client_close(&maker);
	client_close(&client);
	harness_done(&harness);
	harness_init_small_log(&harness, 3);
	client_open(&harness, &client);
	client_open(&harness, &maker);
	for (int i = 0; i < 3; i++)
		id = client_future(&maker, "end=never");
	send_subscribe(1, NULL, 1);                  /* 2 and 3 are gone */
	ck_assert(get_bool(client_result(&client, 1), "truncated"));
	harness_commit(&harness);
	ck_assert_uint_eq(get_u64(&receive_event("future.changed")->ptr[0], "seq"), 4);
	ck_assert_uint_eq(get_u64(receive_about(&id, "created"), "seq"), 5);
	ck_assert_uint_eq(get_u64(receive_about(&id, "changed"), "seq"), 6);
	send_subscribe(2, NULL, 3);
	ck_assert(!get_bool(client_result(&client, 2), "truncated"));
}
END_TEST

START_TEST(at_most_sixty_four)
{
	for (uint32_t id = 0; id < 64; id++) {
		client_call(&client, id, "future.subscribe", NULL);
		client_result(&client, id);
	}
	client_call(&client, 64, "future.subscribe", NULL);
	ck_assert_str_eq(client_error(&client, 64), "LimitExceeded: at most 64 subscriptions of one connection");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handlers_subscribe");
	TCase *tcase = tcase_create("handlers_subscribe");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, reply_then_events);
	tcase_add_test(tcase, told_when_it_is_durable);
	tcase_add_test(tcase, method_and_prefix_are_the_clients_choice);
	tcase_add_loop_test(tcase, wrapped_events, 0, 3);
	tcase_add_test(tcase, some_ids_from_some_number_on);
	tcase_add_test(tcase, labels_choose);
	tcase_add_test(tcase, refusals);
	tcase_add_test(tcase, unsubscribe);
	tcase_add_test(tcase, slow_reader_is_held_and_resumed);
	tcase_add_test(tcase, replay_is_held_and_resumed);
	tcase_add_test(tcase, unsubscribe_while_it_is_held);
	tcase_add_test(tcase, leaving_ends_subscriptions);
	tcase_add_test(tcase, leaving_while_the_log_is_read);
	tcase_add_test(tcase, a_log_that_does_not_reach_back);
	tcase_add_test(tcase, at_most_sixty_four);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
