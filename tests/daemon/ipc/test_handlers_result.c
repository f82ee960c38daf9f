/* test_handlers_result.c - future.result: waiting, ranges, failures, and many large results at once. */
#include "tests/daemon/ipc/harness.h"

#include "proto/limits.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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

static void send_result(uint32_t call, const struct id *id, uint64_t offset, uint64_t length)
{
	struct pack pack;

	client_begin(&pack, call, "future.result", 3);
	pack_str(&pack, "id");
	pack_id(&pack, id);
	pack_str(&pack, "offset");
	pack_u64(&pack, offset);
	pack_str(&pack, "length");
	pack_u64(&pack, length);
	client_send(&client, &pack);
	harness_commit(&harness);
}

/* A future that is over. */
static struct id ended(const char *script)
{
	struct id id = client_future(&client, script);

	harness_run(&harness, SECOND / 2);
	ck_assert_int_ge(harness_durable(&harness, &id)->rec.state, STORE_SUCCEEDED);
	ck_assert_uint_eq(store_sim_queued(harness.sim->store), 0);
	return id;
}

/* Whether it is written down that somebody has got the result of a future that waits for that: see "deliver". */
static bool delivered(const struct id *id)
{
	return !harness_durable(&harness, id)->rec.keep_until_delivered;
}

/* Whether it is, once the client, which has read everything, says something again. */
static bool taken(const struct id *id)
{
	client_call(&client, 999, "server.stats", NULL);
	client_result(&client, 999);
	harness_commit(&harness);
	return delivered(id);
}

START_TEST(waits_reads_and_delivers)
{
	struct id id = client_future(&client, "polls=1 result=forty-two deliver");
	const msgpack_object *reply;

	client_call(&client, 1, "future.result", "id", id_text(&id), NULL);
	client_quiet(&client);
	ck_assert_uint_eq(store_sim_queued(harness.sim->store), 0);
	harness.sim->commit_usec = UINT64_MAX;
	harness_run(&harness, 5 * SECOND);
	client_quiet(&client);                       /* it has ended, which is not durable yet */
	harness_commit_once(&harness);
	client_quiet(&client);                       /* it is, and the result is being read */
	ck_assert_uint_eq(store_sim_queued(harness.sim->store), 1);
	harness_commit_once(&harness);
	reply = client_result(&client, 1);
	ck_assert_int_eq(get(reply, "result")->type, MSGPACK_OBJECT_BIN);
	ck_assert_str_eq(get_text(reply, "result"), "forty-two");
	ck_assert_str_eq(get_text(reply, "content_type"), "text/plain");
	ck_assert_str_eq(get_text(reply, "state"), "succeeded");
	ck_assert_uint_eq(get_u64(reply, "offset"), 0);
	ck_assert_uint_eq(get_u64(reply, "size"), 9);
	ck_assert(!delivered(&id));
	harness_commit(&harness);
	ck_assert(taken(&id));
}
END_TEST

/* Take what is in the client's socket, but for the last byte. */
static void take_most(void)
{
	char bytes[4096];
	int there;

	harness_turn(&harness);
	ck_assert_int_eq(ioctl(client.fd, FIONREAD, &there), 0);
	ck_assert_int_gt(there, 1);
	ck_assert_int_lt(there, (int)sizeof(bytes));
	ck_assert_int_eq(recv(client.fd, bytes, (size_t)there - 1, 0), there - 1);
}

/* A client that is busy never has an empty socket. */
START_TEST(delivered_while_there_is_always_more)
{
	struct id ids[2] = { ended("result=1 deliver"), ended("end=failure deliver") };

	for (uint32_t call = 0; call < 2; call++) {
		send_result(call, &ids[call], 0, 100);
		harness_turn(&harness);
		ck_assert(!delivered(&ids[call]));
		take_most();
		client_call(&client, 9, "server.stats", NULL);
		harness_commit(&harness);
		ck_assert(!delivered(&ids[call]));   /* a byte of it is left */
		for (unsigned i = 0; i < 10; i++) {
			take_most();
			client_call(&client, 9, "server.stats", NULL);
			harness_commit(&harness);
		}
		ck_assert(delivered(&ids[call]));
	}
}
END_TEST

START_TEST(ranges)
{
	struct id id = ended("result=0123456789 deliver");
	const msgpack_object *reply;

	send_result(1, &id, 2, 3);
	reply = client_result(&client, 1);
	ck_assert_str_eq(get_text(reply, "result"), "234");
	ck_assert_uint_eq(get_u64(reply, "offset"), 2);
	ck_assert_uint_eq(get_u64(reply, "size"), 10);
	send_result(2, &id, 4, 0);                   /* nothing but the other keys */
	reply = client_result(&client, 2);
	ck_assert_uint_eq(get(reply, "result")->via.bin.size, 0);
	ck_assert_uint_eq(get_u64(reply, "size"), 10);
	ck_assert(!delivered(&id));                  /* not its end */
	send_result(3, &id, 8, 100);
	ck_assert_str_eq(get_text(client_result(&client, 3), "result"), "89");
	ck_assert(taken(&id));
	send_result(4, &id, 99, 5);                  /* behind the end */
	ck_assert_uint_eq(get(client_result(&client, 4), "result")->via.bin.size, 0);
	send_result(5, &id, UINT64_MAX, UINT64_MAX);
	ck_assert_uint_eq(get(client_result(&client, 5), "result")->via.bin.size, 0);
}
END_TEST

START_TEST(asking_for_nothing_delivers_nothing)
{
	struct id id = ended("result=x deliver");

	send_result(1, &id, 0, 0);
	client_result(&client, 1);
	send_result(2, &id, 1, 0);
	client_result(&client, 2);
	send_result(3, &id, 2, 100);                 /* behind the end */
	client_result(&client, 3);
	ck_assert(!delivered(&id));
	send_result(4, &id, 1, 100);                 /* the rest, of which there is none */
	client_result(&client, 4);
	ck_assert(taken(&id));
}
END_TEST

START_TEST(timeout_is_an_error)
{
	struct id id = client_future(&client, "end=never");
	char expected[128];
	struct pack pack;

	client_begin(&pack, 1, "future.result", 2);
	pack_str(&pack, "id");
	pack_id(&pack, &id);
	pack_str(&pack, "timeout");
	pack_u64(&pack, 5);
	client_send(&client, &pack);
	harness_run(&harness, 5 * SECOND - 1);
	client_quiet(&client);
	harness_run(&harness, 1);
	snprintf(expected, sizeof(expected), "Timeout: future %s is not done yet", id_text(&id));
	ck_assert_str_eq(client_error(&client, 1), expected);
	ck_assert_int_eq(harness_durable(&harness, &id)->rec.state, STORE_RUNNING);
}
END_TEST

static void on_forgotten(void *arg, const struct error *error, const struct future *future, bool changed)
{
	ck_assert_ptr_null(error);
}

/* It ends, and is forgotten, in the very turn in which the waiting call would have asked for the result. */
START_TEST(forgotten_before_it_could_be_read)
{
	struct id id = client_future(&client, "polls=1");
	struct caller root = { .uid = 0 };
	struct error error;
	char expected[128];

	client_call(&client, 1, "future.result", "id", id_text(&id), NULL);
	client_quiet(&client);
	harness.sim->commit_usec = UINT64_MAX;
	harness_run(&harness, 5 * SECOND);
	store_sim_commit(harness.sim->store, SIZE_MAX);
	store_dispatch(harness.sim->store);
	ck_assert_int_eq(broker_forget(harness.sim->broker, &root, &id, on_forgotten, NULL, &error), 0);
	snprintf(expected, sizeof(expected), "NotFound: no such future %s", id_text(&id));
	ck_assert_str_eq(client_error(&client, 1), expected);
}
END_TEST

START_TEST(failure_as_string)
{
	struct id id = ended("end=failure result=boom deliver");

	client_call(&client, 1, "future.result", "id", id_text(&id), NULL);
	/* Nobody would see the details, and so they are not read. */
	ck_assert_str_eq(client_error(&client, 1), "Failed: boom");
	harness_commit(&harness);
	ck_assert(taken(&id));
}
END_TEST

START_TEST(failure_as_map_with_details)
{
	struct id id = ended("end=failure result=boom deliver");
	const msgpack_object *message, *data;

	client_call(&client, 1, "server.hello", "errors", "map", NULL);
	client_result(&client, 1);
	client_call(&client, 2, "future.result", "id", id_text(&id), NULL);
	client_quiet(&client);
	harness_commit_once(&harness);
	message = client_receive(&client);
	ck_assert_ptr_nonnull(message);
	ck_assert_str_eq(get_text(&message->via.array.ptr[2], "name"), "Failed");
	data = get(&message->via.array.ptr[2], "data");
	ck_assert_str_eq(get_text(data, "kind"), "remote");
	ck_assert_str_eq(get_text(data, "code"), "E1");
	ck_assert_uint_eq(get_u64(data, "http_status"), 200);
	ck_assert_int_eq(get(data, "details")->type, MSGPACK_OBJECT_BIN);
	ck_assert_str_eq(get_text(data, "details"), "details");
	ck_assert(!delivered(&id));
	harness_commit(&harness);
	ck_assert(taken(&id));
}
END_TEST

START_TEST(forgotten_while_its_details_are_read)
{
	struct id id = ended("end=failure");
	const msgpack_object *message;
	struct client other;

	client_call(&client, 1, "server.hello", "errors", "map", NULL);
	client_result(&client, 1);
	client_call(&client, 2, "future.result", "id", id_text(&id), NULL);
	client_quiet(&client);
	client_open(&harness, &other);
	client_call(&other, 1, "future.forget", "id", id_text(&id), NULL);
	harness_commit(&harness);
	client_result(&other, 1);
	client_close(&other);
	message = client_receive(&client);
	ck_assert_ptr_nonnull(message);
	ck_assert_str_eq(get_text(&message->via.array.ptr[2], "name"), "NotFound");
}
END_TEST

START_TEST(cancelled)
{
	struct id id = client_future(&client, "end=never");

	client_call(&client, 1, "future.cancel", "id", id_text(&id), NULL);
	harness_commit(&harness);
	client_result(&client, 1);
	client_call(&client, 2, "future.result", "id", id_text(&id), NULL);
	ck_assert_str_eq(client_error(&client, 2), "Cancelled: the future was cancelled");
}
END_TEST

START_TEST(gone_while_reading)
{
	struct id id = ended("result=x");

	client_call(&client, 1, "future.result", "id", id_text(&id), NULL);
	client_quiet(&client);
	disk_forget(harness.sim->disk, id.bytes, NULL);
	harness_commit(&harness);
	ck_assert_str_eq(client_error(&client, 1), "NotFound: it was forgotten meanwhile");
}
END_TEST

START_TEST(no_memory_to_read)
{
	struct id id = ended("result=x");

	client_call(&client, 1, "future.result", "id", id_text(&id), NULL);
	store_sim_refuse(harness.sim->store, 1);
	ck_assert_str_eq(client_error(&client, 1), "OutOfMemory: the store has no memory for it");
	send_result(2, &id, 0, 10);
	ck_assert_str_eq(get_text(client_result(&client, 2), "result"), "x");
}
END_TEST

START_TEST(client_left_while_reading)
{
	struct id id = ended("result=x deliver");

	client_call(&client, 1, "future.result", "id", id_text(&id), NULL);
	harness_turn(&harness);
	client_close(&client);
	harness_turn(&harness);
	ck_assert_uint_eq(harness_commit_once(&harness), 1);
	harness_commit(&harness);
	ck_assert(!delivered(&id));
	client_open(&harness, &client);
}
END_TEST

/* What lies in a socket is not delivered, whatever else the client says; it is when the client leaves with it. */
START_TEST(client_left_without_the_answer)
{
	const char *script = _i % 2 == 0 ? "result=x deliver" : "end=failure deliver";
	bool reads = _i >= 2;
	struct id id = ended(script);

	client_call(&client, 1, "future.result", "id", id_text(&id), NULL);
	harness_commit(&harness);
	client_call(&client, 2, "server.stats", NULL);
	harness_turn(&harness);
	harness_commit(&harness);
	ck_assert(!delivered(&id));
	if (reads) {
		ck_assert_ptr_nonnull(client_receive(&client));
		client_result(&client, 2);
	}
	client_close(&client);
	harness_turn(&harness);
	harness_commit(&harness);
	ck_assert(delivered(&id) == reads);
	client_open(&harness, &client);
}
END_TEST

START_TEST(client_left_while_details_are_read)
{
	struct id id = ended("end=failure deliver");

	client_call(&client, 1, "server.hello", "errors", "map", NULL);
	client_call(&client, 2, "future.result", "id", id_text(&id), NULL);
	harness_turn(&harness);
	client_close(&client);
	harness_turn(&harness);
	ck_assert_uint_eq(harness_commit_once(&harness), 1);
	harness_commit(&harness);
	ck_assert(!delivered(&id));
	client_open(&harness, &client);
}
END_TEST

/* Nobody gets what nobody is told. */
START_TEST(notification_delivers_nothing)
{
	struct id id = ended(_i == 0 ? "deliver" : "deliver end=failure");
	struct pack pack;

	pack_init(&pack, 4096);
	message_write_notification(&pack, slice_from_str("future.result"), 1);
	pack_map(&pack, 1);
	pack_str(&pack, "id");
	pack_id(&pack, &id);
	client_send(&client, &pack);
	harness_commit(&harness);
	client_quiet(&client);
	ck_assert(!delivered(&id));
}
END_TEST

/* --- results that are larger than the output may become --------------------------------------------------------- */

static char large[PROTO_RESULT_CHUNK_MAX * 4];

static void put_large(void *arg, const struct id *id, struct verdict *verdict)
{
	const size_t *len = arg;

	if (verdict->outcome == OUTCOME_SUCCESS)
		verdict->result = (struct slice){ large, *len };
}

static void make_large(size_t *len)
{
	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)(i * 7 + i / 1000);
	service_on_answer(harness.sim->service, put_large, len);
}

START_TEST(a_large_result_comes_in_pieces)
{
	size_t len = sizeof(large), got = 0;
	struct id id;

	make_large(&len);
	id = ended("deliver");
	for (uint32_t call = 0; got < len; call++) {
		const msgpack_object *reply, *piece;

		ck_assert(!delivered(&id));
		send_result(call, &id, got, UINT64_MAX);
		reply = client_result(&client, call);
		piece = get(reply, "result");
		ck_assert_uint_eq(get_u64(reply, "size"), len);
		ck_assert_uint_eq(piece->via.bin.size, PROTO_RESULT_CHUNK_MAX);
		ck_assert_mem_eq(piece->via.bin.ptr, large + got, piece->via.bin.size);
		got += piece->via.bin.size;
	}
	harness_commit(&harness);
	ck_assert(taken(&id));
}
END_TEST

/* One future.result each, for futures that are over by the time they are read. */
static void ask_for_many(struct id *ids, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ids[i] = client_future(&client, "polls=1");
	for (unsigned i = 0; i < count; i++)
		client_call(&client, i, "future.result", "id", id_text(&ids[i]), NULL);
	client_quiet(&client);
	harness.sim->commit_usec = UINT64_MAX;
	harness_run(&harness, 10 * SECOND);
	client_quiet(&client);
	harness_commit_once(&harness);
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(harness_durable(&harness, &ids[i])->rec.state, STORE_SUCCEEDED);
}

/* 64 results of half a mebibyte, asked for at once: four times what a connection may have in its output. */
START_TEST(many_large_results_are_read_as_there_is_room)
{
	size_t len = PROTO_RESULT_CHUNK_MAX, most = 0;
	bool answered[64] = { false };
	struct id ids[64];
	unsigned seen = 0;

	make_large(&len);
	ask_for_many(ids, 64);
	while (seen < 64) {
		size_t reads = harness_commit_once(&harness);
		const msgpack_object *message;
		unsigned before = seen;

		most = reads > most ? reads : most;
		while ((message = client_receive(&client))) {
			uint64_t call = message->via.array.ptr[1].via.u64;
			const msgpack_object *result = get(&message->via.array.ptr[3], "result");

			ck_assert_uint_eq(result->via.bin.size, len);
			ck_assert(!answered[call]);
			answered[call] = true;
			seen++;
		}
		ck_assert_msg(!client.closed, "disconnected after %u of 64", seen);
		ck_assert_msg(reads > 0 || seen > before, "nothing more after %u of 64", seen);
	}
	ck_assert_uint_ge(most, 1);
	ck_assert_uint_le(most, 3);
}
END_TEST

START_TEST(a_reader_that_takes_nothing_has_the_others_wait)
{
	size_t len = PROTO_RESULT_CHUNK_MAX, reads = 0, n;
	struct id ids[64];
	struct client other;

	make_large(&len);
	ask_for_many(ids, 64);
	while ((n = harness_commit_once(&harness)) > 0)
		reads += n;
	ck_assert_uint_ge(reads, 1);
	ck_assert_uint_le(reads, 3);                 /* and no more until it reads */
	client_open(&harness, &other);               /* which is of no concern to others */
	client_call(&other, 1, "future.result", "id", id_text(&ids[63]), NULL);
	harness_commit(&harness);
	ck_assert_uint_eq(get(client_result(&other, 1), "result")->via.bin.size, len);
	client_close(&other);
	client_close(&client);                       /* calls that are parked go with it */
	harness_turn(&harness);
	ck_assert_uint_eq(store_sim_queued(harness.sim->store), 0);
	client_open(&harness, &client);
	client_call(&client, 1, "server.stats", NULL);
	ck_assert_uint_eq(get_u64(client_result(&client, 1), "calls"), 1);
}
END_TEST

START_TEST(stopping_answers_parked_calls)
{
	size_t len = PROTO_RESULT_CHUNK_MAX;
	unsigned results = 0, refused = 0;
	const msgpack_object *message;
	struct id ids[20];

	make_large(&len);
	ask_for_many(ids, 20);
	ipc_stop(harness.ipc);
	for (int i = 0; i < 8; i++) {
		harness_commit(&harness);
		while ((message = client_receive(&client))) {
			const msgpack_object *error = &message->via.array.ptr[2];

			results += error->type == MSGPACK_OBJECT_NIL;
			if (error->type == MSGPACK_OBJECT_NIL)
				continue;
			ck_assert_str_eq(text_of(error), "ShuttingDown: the daemon is stopping");
			refused++;
		}
	}
	ck_assert_uint_ge(results, 1);               /* those that were being read */
	ck_assert_uint_eq(results + refused, 20);
	ck_assert_uint_gt(refused, 10);
	ck_assert(ipc_idle(harness.ipc));
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
	tcase_add_test(tcase, delivered_while_there_is_always_more);
	tcase_add_test(tcase, ranges);
	tcase_add_test(tcase, asking_for_nothing_delivers_nothing);
	tcase_add_test(tcase, timeout_is_an_error);
	tcase_add_test(tcase, forgotten_before_it_could_be_read);
	tcase_add_test(tcase, failure_as_string);
	tcase_add_test(tcase, failure_as_map_with_details);
	tcase_add_test(tcase, forgotten_while_its_details_are_read);
	tcase_add_test(tcase, cancelled);
	tcase_add_test(tcase, gone_while_reading);
	tcase_add_test(tcase, no_memory_to_read);
	tcase_add_test(tcase, client_left_while_reading);
	tcase_add_loop_test(tcase, client_left_without_the_answer, 0, 4);
	tcase_add_test(tcase, client_left_while_details_are_read);
	tcase_add_loop_test(tcase, notification_delivers_nothing, 0, 2);
	tcase_add_test(tcase, a_large_result_comes_in_pieces);
	tcase_add_test(tcase, many_large_results_are_read_as_there_is_room);
	tcase_add_test(tcase, a_reader_that_takes_nothing_has_the_others_wait);
	tcase_add_test(tcase, stopping_answers_parked_calls);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
