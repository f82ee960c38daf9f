/* test_handlers_subscribe.c - subscriptions: replies, names, and readers that do not keep up. */
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

START_TEST(reply_then_events)
{
	struct future *future = fake_future(1);
	const msgpack_object *reply, *event;

	client_call(&client, 1, "future.subscribe", NULL);
	reply = client_result(&client, 1);
	ck_assert_uint_eq(get_u64(reply, "subscription"), 1);
	ck_assert_uint_eq(get_u64(reply, "seq"), 41);
	ck_assert(!get_bool(reply, "truncated"));
	ck_assert(!fake.last_has_since);
	future->rec.progress = strdup("{\"n\":1}");
	ck_assert_uint_eq(fake_publish(future, STORE_EVENT_PROGRESS, 42), 1);
	event = &receive_event("future.changed")->ptr[0];
	ck_assert_uint_eq(get_u64(event, "subscription"), 1);
	ck_assert_uint_eq(get_u64(event, "seq"), 42);
	ck_assert_str_eq(get_text(event, "id"), id_text(&future->id));
	ck_assert_str_eq(get_text(event, "event"), "progress");
	ck_assert_str_eq(get_text(event, "progress"), "{\"n\":1}");
	ck_assert(!has(event, "error"));
	fake_end(future, STORE_FAILED, NULL);
	future->rec.error_kind = strdup("lost");
	fake_publish(future, STORE_EVENT_CHANGED, 43);
	event = &receive_event("future.changed")->ptr[0];
	ck_assert_str_eq(get_text(event, "state"), "failed");
	ck_assert_str_eq(get_text(get(event, "error"), "kind"), "lost");
	ck_assert(!has(event, "progress"));
	future->gone = true;
	fake_publish(future, STORE_EVENT_FORGOTTEN, 44);
	event = &receive_event("future.changed")->ptr[0];
	ck_assert_str_eq(get_text(event, "event"), "forgotten");
	ck_assert(!has(event, "error"));
}
END_TEST

START_TEST(method_and_prefix_are_the_clients_choice)
{
	struct future *future = fake_future(1);
	const msgpack_object_array *params;
	struct pack pack;

	client_request(&pack, 1, "future.subscribe", 2);
	pack_str(&pack, "method");
	pack_str(&pack, "my.event");
	pack_str(&pack, "prefix");
	pack_array(&pack, 2);
	pack_str(&pack, "on_future(...)");
	pack_array(&pack, 1);
	pack_u64(&pack, 7);
	client_send(&client, &pack);
	client_result(&client, 1);
	fake_publish(future, STORE_EVENT_CREATED, 42);
	params = receive_event("my.event");
	ck_assert_uint_eq(params->size, 3);
	ck_assert_str_eq(text_of(&params->ptr[0]), "on_future(...)");
	ck_assert_uint_eq(params->ptr[1].via.array.ptr[0].via.u64, 7);
	ck_assert_uint_eq(get_u64(&params->ptr[2], "seq"), 42);
}
END_TEST

START_TEST(filter_and_since_reach_the_broker)
{
	struct future *future = fake_future(1);
	struct pack pack;

	client_request(&pack, 1, "future.subscribe", 2);
	pack_str(&pack, "ids");
	pack_array(&pack, 1);
	pack_id(&pack, &future->id);
	pack_str(&pack, "since");
	pack_u64(&pack, 0);
	client_send(&client, &pack);
	ck_assert(get_bool(client_result(&client, 1), "truncated"));
	ck_assert_uint_eq(fake.last_filter.n_ids, 1);
	ck_assert(fake.last_has_since);
	ck_assert_uint_eq(fake.last_since, 0);
}
END_TEST

START_TEST(refusals)
{
	struct pack pack;

	client_request(&pack, 1, "future.subscribe", 2);
	pack_str(&pack, "ids");
	pack_array(&pack, 1);
	pack_str(&pack, "01970000-0000-7000-8000-000000000000");
	pack_str(&pack, "labels");
	pack_map(&pack, 0);
	client_send(&client, &pack);
	ck_assert_str_eq(client_error(&client, 1), "InvalidArgument: ids and labels: only one of them");
	client_request(&pack, 2, "future.subscribe", 1);
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
	client_request(&pack, 5, "future.subscribe", 1);
	pack_str(&pack, "ids");
	pack_array(&pack, 0);
	client_send(&client, &pack);
	ck_assert_ptr_nonnull(strstr(client_error(&client, 5), "InvalidArgument: ids: empty"));
	ck_assert_uint_eq(fake_subscriptions(), 0);
}
END_TEST

START_TEST(unsubscribe)
{
	struct pack pack;

	client_call(&client, 1, "future.subscribe", NULL);
	client_result(&client, 1);
	for (uint32_t id = 2; id <= 3; id++) {
		client_request(&pack, id, "future.unsubscribe", 1);
		pack_str(&pack, "subscription");
		pack_u64(&pack, 1);
		client_send(&client, &pack);
	}
	ck_assert_uint_eq(client_result(&client, 2)->via.map.size, 0);
	ck_assert_str_eq(client_error(&client, 3), "NotFound: no subscription 1 on this connection");
	ck_assert_uint_eq(fake_subscriptions(), 0);
}
END_TEST

START_TEST(slow_reader_is_held_and_resumed)
{
	struct future *future = fake_future(1);
	uint64_t seq = 0, seen = 0;
	const msgpack_object *message;

	client_call(&client, 1, "future.subscribe", NULL);
	client_result(&client, 1);
	future->rec.progress = malloc(60001);
	memset(future->rec.progress, '1', 60000);
	future->rec.progress[60000] = '\0';
	/* Nothing is read: the output fills up, until an event is not taken. */
	while (fake_publish(future, STORE_EVENT_PROGRESS, ++seq) == 1) {
		ck_assert_uint_lt(seq, 1000);
		harness_turn(&harness);
	}
	ck_assert_uint_gt(seq, 16);          /* a mebibyte and more went into it */
	ck_assert_uint_lt(seq, 60);
	ck_assert_uint_eq(fake_publish(future, STORE_EVENT_PROGRESS, seq), 0);
	ck_assert_uint_eq(fake_resumes(), 0);
	while ((message = client_receive(&client))) {
		const msgpack_object *event = &message->via.array.ptr[2].via.array.ptr[0];

		ck_assert_uint_eq(get_u64(event, "seq"), ++seen);
	}
	ck_assert_uint_eq(seen, seq - 1);    /* all that were taken, once each, in order */
	ck_assert_uint_eq(fake_resumes(), 1);
	ck_assert_uint_eq(fake_publish(future, STORE_EVENT_PROGRESS, seq), 1);
}
END_TEST

START_TEST(leaving_ends_subscriptions)
{
	client_call(&client, 1, "future.subscribe", NULL);
	client_call(&client, 2, "future.subscribe", NULL);
	client_result(&client, 1);
	client_result(&client, 2);
	ck_assert_uint_eq(fake_subscriptions(), 2);
	client_close(&client);
	harness_turn(&harness);
	ck_assert_uint_eq(fake_subscriptions(), 0);
	client_open(&harness, &client);
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
	tcase_add_test(tcase, method_and_prefix_are_the_clients_choice);
	tcase_add_test(tcase, filter_and_since_reach_the_broker);
	tcase_add_test(tcase, refusals);
	tcase_add_test(tcase, unsubscribe);
	tcase_add_test(tcase, slow_reader_is_held_and_resumed);
	tcase_add_test(tcase, leaving_ends_subscriptions);
	tcase_add_test(tcase, at_most_sixty_four);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
