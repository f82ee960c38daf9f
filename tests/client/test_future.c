/* test_future.c - handles: completion exactly once, results in pieces, waits left behind, and errors. */
#include "client/conn.h"
#include "client/future.h"
#include "tests/client/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct peer peer;
static futured *c;

/* A journal of callbacks: one letter for each, which is its userdata. */
#define LETTER(letter) ((void *)(intptr_t)(letter))
static char journal[64];

static void setup(void)
{
	journal[0] = '\0';
	peer_init(&peer);
	c = peer_connect(&peer, 0);
}

static void teardown(void)
{
	futured_unref(c);
	peer_done(&peer);
}

static void note(futured_future *f, void *userdata)
{
	size_t len = strlen(journal);

	ck_assert_int_eq(futured_future_is_done(f), 1);
	ck_assert_uint_lt(len + 1, sizeof(journal));
	journal[len] = (char)(intptr_t)userdata;
	journal[len + 1] = '\0';
}

START_TEST(callbacks_run_once_and_in_order)
{
	futured_future *a, *b;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, note, LETTER('a'), &a), 0);
	ck_assert_int_eq(futured_attach(c, ID_B, 0, note, LETTER('b'), &b), 0);
	ck_assert_int_eq(futured_future_on_done(a, note, LETTER('x')), 0);
	ck_assert_int_eq(futured_future_on_done(a, note, LETTER('y')), 0);
	pump(c);
	ck_assert_str_eq(journal, "");
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "2");
	pump(c);
	ck_assert_str_eq(journal, "axyb");
	/* Already over: still once, and not from inside the registration. */
	ck_assert_int_eq(futured_future_on_done(a, note, LETTER('z')), 0);
	ck_assert_str_eq(journal, "axyb");
	pump(c);
	pump(c);
	ck_assert_str_eq(journal, "axybz");
	futured_future_unref(a);
	futured_future_unref(b);
}
END_TEST

START_TEST(a_released_handle_is_not_called)
{
	futured_future *f;
	uint32_t id;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, note, LETTER('a'), &f), 0);
	pump(c);
	id = peer_expect(&peer, "future.result");
	futured_future_unref(f);
	peer_reply_text(&peer, id, "1");
	pump(c);
	ck_assert_str_eq(journal, "");
	ck_assert_uint_eq(c->n_live, 0);
}
END_TEST

static void release(futured_future *f, void *userdata)
{
	note(f, userdata);
	futured_future_unref(f);
}

START_TEST(releasing_inside_a_callback_ends_the_callbacks)
{
	futured_future *f;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, note, LETTER('a'), &f), 0);
	ck_assert_int_eq(futured_future_on_done(f, release, LETTER('b')), 0);
	ck_assert_int_eq(futured_future_on_done(f, note, LETTER('c')), 0);
	pump(c);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	pump(c);
	ck_assert_str_eq(journal, "ab");
}
END_TEST

static void register_again(futured_future *f, void *userdata)
{
	note(f, LETTER('r'));
	ck_assert_int_eq(futured_future_on_done(f, note, userdata), 0);
}

START_TEST(registering_inside_a_callback)
{
	futured_future *f;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, register_again, LETTER('n'), &f), 0);
	ck_assert_int_eq(futured_future_on_done(f, note, LETTER('s')), 0);
	pump(c);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	pump(c);
	ck_assert_str_eq(journal, "rsn");
	futured_future_unref(f);
}
END_TEST

static void register_itself(futured_future *f, void *userdata)
{
	note(f, userdata);
	ck_assert_int_eq(futured_future_on_done(f, register_itself, userdata), 0);
}

/* One that always has itself called once more is called once by each turn: the others have theirs. */
START_TEST(registering_itself_inside_a_callback)
{
	futured_future *a, *b;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, register_itself, LETTER('a'), &a), 0);
	ck_assert_int_eq(futured_attach(c, ID_B, 0, note, LETTER('b'), &b), 0);
	pump(c);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "2");
	ck_assert_int_eq(futured_future_wait(b, FUTURED_TIME_NONE), 1);
	ck_assert_ptr_eq(strchr(journal, 'b'), journal + 1);
	futured_future_unref(a);
	pump(c);
	futured_future_unref(b);
}
END_TEST

START_TEST(without_a_handle_of_its_own)
{
	ck_assert_int_eq(futured_attach(c, ID_A, 0, note, LETTER('a'), NULL), 0);
	pump(c);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	pump(c);
	ck_assert_str_eq(journal, "a");
	ck_assert(TAILQ_EMPTY(&c->futures));
}
END_TEST

START_TEST(results_come_in_pieces)
{
	const size_t size = 3 * 400000 + 7;
	futured_future *f;
	const void *data;
	char *whole = malloc(size);
	size_t len;

	for (size_t i = 0; i < size; i++)
		whole[i] = (char)(i * 31 + (i >> 9));
	ck_assert_int_eq(futured_attach(c, ID_A, 0, note, LETTER('a'), &f), 0);
	pump(c);
	for (size_t at = 0; at < size; at += 400000) {
		uint32_t id = peer_expect(&peer, "future.result");

		if (at > 0)
			ck_assert_uint_eq(peer_param(&peer, "offset")->via.u64, at);
		else
			ck_assert_ptr_null(peer_param(&peer, "timeout"));
		ck_assert_str_eq(journal, "");
		/* More than the socket takes at once. */
		len = size - at < 400000 ? size - at : 400000;
		peer_begin_reply(&peer, id);
		pack_map(&peer.out, 4);
		pack_str(&peer.out, "state");
		pack_str(&peer.out, "succeeded");
		pack_str(&peer.out, "offset");
		pack_u64(&peer.out, at);
		pack_str(&peer.out, "size");
		pack_u64(&peer.out, size);
		pack_str(&peer.out, "result");
		pack_bin(&peer.out, (struct slice){ .data = whole + at, .len = len });
		for (size_t sent = 0; sent < peer.out.len; sent += 50000) {
			size_t left = peer.out.len - sent;

			peer_send_bytes(&peer, peer.out.data + sent, left < 50000 ? left : 50000);
			pump(c);
		}
		pack_done(&peer.out);
	}
	ck_assert_str_eq(journal, "a");
	ck_assert_int_eq(futured_future_result(f, &data, &len), 0);
	ck_assert_uint_eq(len, size);
	ck_assert_int_eq(memcmp(data, whole, size), 0);
	ck_assert_uint_eq(futured_future_result_size(f), size);
	futured_future_unref(f);
	free(whole);
}
END_TEST

/* First pieces that promise what the library must not believe: offset, length, size of a reply to the first request. */
static const struct { uint64_t offset, len, size; int error; } pieces[] = {
	{ 5, 2, 10, -EBADMSG },                 /* not from where we asked */
	{ 0, 9, 4, -EBADMSG },                  /* more than the whole */
	{ 0, 0, 4, -EBADMSG },                  /* no way on */
	{ 0, 4, UINT64_MAX, -EMSGSIZE },        /* more than we take */
	{ 0, 4, (uint64_t)300 << 20, -EMSGSIZE },
};

START_TEST(pieces_that_make_no_sense)
{
	futured_future *f;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	pump(c);
	peer_reply_result(&peer, peer_expect(&peer, "future.result"), "0123456789", pieces[_i].len, pieces[_i].offset,
	    pieces[_i].size);
	ck_assert_int_eq(futured_future_wait(f, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_future_result(f, NULL, NULL), pieces[_i].error);
	futured_future_unref(f);
}
END_TEST

START_TEST(an_empty_result)
{
	const void *data = NULL;
	futured_future *f;
	size_t len = 1;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	pump(c);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "");
	ck_assert_int_eq(futured_future_wait(f, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_future_result(f, &data, &len), 0);
	ck_assert_uint_eq(len, 0);
	ck_assert_ptr_nonnull(data);
	futured_future_unref(f);
}
END_TEST

START_TEST(without_the_bytes)
{
	futured_future *f;

	ck_assert_int_eq(futured_attach(c, ID_A, FUTURED_NO_RESULT, NULL, NULL, &f), 0);
	pump(c);
	peer_expect(&peer, "future.result");
	ck_assert_uint_eq(peer_param(&peer, "length")->via.u64, 0);
	peer_reply_result(&peer, peer.request.id, "", 0, 0, 5000);
	pump(c);
	ck_assert_int_eq(futured_future_result(f, NULL, NULL), -ENODATA);
	ck_assert_int_eq(futured_future_state(f), FUTURED_SUCCEEDED);
	ck_assert_uint_eq(futured_future_result_size(f), 5000);
	ck_assert_str_eq(futured_future_content_type(f), "application/json");
	ck_assert(peer_is_quiet(&peer));
	futured_future_unref(f);
}
END_TEST

START_TEST(look_once)
{
	futured_future *f;

	ck_assert_int_eq(futured_attach(c, ID_A, FUTURED_LOOK_ONCE, NULL, NULL, &f), 0);
	pump(c);
	peer_expect(&peer, "future.result");
	ck_assert_uint_eq(peer_param(&peer, "timeout")->via.u64, 0);
	peer_reply_error(&peer, peer.request.id, ERROR_TIMEOUT, "not done", NULL);
	pump(c);
	ck_assert_int_eq(futured_future_result(f, NULL, NULL), -ETIMEDOUT);
	futured_future_unref(f);
}
END_TEST

START_TEST(how_it_failed)
{
	struct failure_wire failure = {
		.kind = slice_from_str("remote"),
		.message = slice_from_str("out of quota"),
		.code = slice_from_str("8"),
		.http_status = { .set = true, .value = 200 },
		.details = { .data = "\0\xff", .len = 2 },
		.attempts = { .set = true, .value = 3 },
	};
	const struct futured_error *error;
	futured_future *f;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	ck_assert_ptr_null(futured_future_error(f));
	ck_assert_int_eq(futured_future_result(f, NULL, NULL), -EINPROGRESS);
	pump(c);
	peer_reply_error(&peer, peer_expect(&peer, "future.result"), ERROR_FAILED, "out of quota", &failure);
	pump(c);
	ck_assert_int_eq(futured_future_state(f), FUTURED_FAILED);
	ck_assert_int_eq(futured_future_result(f, NULL, NULL), -EREMOTEIO);
	error = futured_future_error(f);
	ck_assert_int_eq(error->code, -EREMOTEIO);
	ck_assert_str_eq(error->name, "Failed");
	ck_assert_str_eq(error->message, "out of quota");
	ck_assert_str_eq(error->kind, "remote");
	ck_assert_str_eq(error->remote_code, "8");
	ck_assert_uint_eq(error->http_status, 200);
	ck_assert_uint_eq(error->attempts, 3);
	ck_assert_uint_eq(error->details_len, 2);
	ck_assert_int_eq(memcmp(error->details, "\0\xff", 2), 0);
	futured_future_unref(f);
}
END_TEST

/* What else a handle can end with. */
static const struct { enum error_code code; int error; int state; } ends[] = {
	{ ERROR_CANCELLED, -ECANCELED, FUTURED_CANCELLED },
	{ ERROR_NOT_FOUND, -ENOENT, FUTURED_PENDING },
	{ ERROR_INTERNAL, -EIO, FUTURED_PENDING },
	{ ERROR_LIMIT, -EDQUOT, FUTURED_PENDING },
};

START_TEST(other_ends)
{
	futured_future *f;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, note, LETTER('a'), &f), 0);
	pump(c);
	peer_reply_error(&peer, peer_expect(&peer, "future.result"), ends[_i].code, "so it is", NULL);
	pump(c);
	ck_assert_str_eq(journal, "a");
	ck_assert_int_eq(futured_future_result(f, NULL, NULL), ends[_i].error);
	ck_assert_int_eq(futured_future_state(f), ends[_i].state);
	ck_assert_str_eq(futured_future_error(f)->name, error_name(ends[_i].code));
	ck_assert_ptr_null(futured_future_error(f)->kind);
	futured_future_unref(f);
}
END_TEST

START_TEST(the_done_queue)
{
	futured_future *a, *b, *called, *next;

	ck_assert_int_eq(futured_next_done(c, &next), 0);
	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &a), 0);
	ck_assert_int_eq(futured_attach(c, ID_B, 0, NULL, NULL, &b), 0);
	ck_assert_int_eq(futured_attach(c, ID_C, 0, note, LETTER('c'), &called), 0);
	pump(c);
	peer_expect(&peer, "future.result");
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "2");
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "3");
	peer_reply_text(&peer, peer.request.id - 0x20000, "1");
	pump(c);
	ck_assert_int_eq(futured_next_done(c, &next), 1);
	ck_assert_ptr_eq(next, b);
	ck_assert_int_eq(futured_next_done(c, &next), 1);
	ck_assert_int_eq(futured_next_done(c, &next), 0);
	futured_future_unref(a);
	futured_future_unref(b);
	futured_future_unref(called);
}
END_TEST

/* The params of the request that was read last are one map: its only number. */
static uint64_t number_asked(void)
{
	const msgpack_object *map = &peer.request.params->via.array.ptr[0];

	ck_assert_uint_eq(map->via.map.size, 1);
	return map->via.map.ptr[0].val.via.u64;
}

START_TEST(a_wait_left_behind_is_cancelled)
{
	futured_future *f;
	const void *data;
	uint32_t first;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, note, LETTER('a'), &f), 0);
	pump(c);
	first = peer_expect(&peer, "future.result");
	futured_future_unref(f);
	/* The same future again: what was asked before is of no use any more. */
	ck_assert_int_eq(futured_attach(c, ID_A, 0, note, LETTER('b'), &f), 0);
	pump(c);
	peer_expect(&peer, "call.cancel");
	ck_assert_uint_eq(number_asked(), first);
	peer_reply_error(&peer, first, ERROR_CANCELLED, "the call was cancelled", NULL);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "7");
	ck_assert_int_eq(futured_future_wait(f, FUTURED_TIME_NONE), 1);
	ck_assert_str_eq(journal, "b");
	ck_assert_int_eq(futured_future_result(f, &data, NULL), 0);
	ck_assert_str_eq(data, "7");
	ck_assert_uint_eq(c->n_long, 0);
	futured_future_unref(f);
}
END_TEST

START_TEST(a_wait_that_was_not_sent_is_taken_back)
{
	futured_future *f;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	ck_assert_int_eq(future_flush(c), 1);
	ck_assert_uint_eq(c->n_long, 1);
	futured_future_unref(f);
	ck_assert_uint_eq(c->n_long, 0);
	pump(c);
	ck_assert(peer_is_quiet(&peer));
}
END_TEST

START_TEST(thousands_of_waits_left_behind_leave_nothing)
{
	futured_future *f;
	char id[ID_TEXT_LEN + 1];

	for (unsigned i = 0; i < 5000; i++) {
		uint32_t asked, cancel;

		snprintf(id, sizeof(id), "01900000-0000-7000-8000-%012x", 0x1000 + i);
		ck_assert_int_eq(futured_attach(c, id, 0, NULL, NULL, &f), 0);
		pump(c);
		asked = peer_expect(&peer, "future.result");
		futured_future_unref(f);
		pump(c);
		cancel = peer_expect(&peer, "call.cancel");
		peer_reply_error(&peer, asked, ERROR_CANCELLED, "the call was cancelled", NULL);
		pack_map(peer_begin_reply(&peer, cancel), 0);
		peer_send(&peer);
		pump(c);
	}
	ck_assert_uint_eq(c->n_long, 0);
	ck_assert_uint_eq(c->requests.n_sent, 0);
	ck_assert_uint_eq(c->requests.size, 16);
}
END_TEST

START_TEST(what_can_be_done_to_a_future)
{
	futured_reply *reply;
	futured_future *f, *next;
	struct pack *pack;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	pump(c);
	peer_expect(&peer, "future.result");
	ck_assert_int_eq(futured_future_cancel(f, NULL, NULL, &reply), 0);
	ck_assert_int_eq(futured_future_refresh(f, NULL, NULL, NULL), 0);
	ck_assert_int_eq(futured_future_extend(f, 2000000, NULL, NULL, NULL), 0);
	ck_assert_int_eq(futured_future_extend(f, FUTURED_TIME_NONE, NULL, NULL, NULL), 0);
	ck_assert_int_eq(futured_future_forget(f, NULL, NULL, NULL), 0);
	ck_assert_int_eq(futured_future_retry(f, 0, NULL, NULL, &next), 0);
	pump(c);
	pack = peer_begin_reply(&peer, peer_expect(&peer, "future.cancel"));
	ck_assert(peer_param_is(&peer, "id", ID_A));
	pack_map(pack, 2);
	pack_str(pack, "cancelled");
	pack_bool(pack, true);
	pack_str(pack, "state");
	pack_str(pack, "running");
	peer_send(&peer);
	peer_expect(&peer, "future.refresh");
	peer_expect(&peer, "future.extend");
	ck_assert_uint_eq(peer_param(&peer, "timeout")->via.u64, 2);
	peer_expect(&peer, "future.extend");
	ck_assert_int_eq(peer_param(&peer, "timeout")->type, MSGPACK_OBJECT_NIL);
	peer_expect(&peer, "future.forget");
	peer_reply_created(&peer, peer_expect(&peer, "future.retry"), ID_B, true);
	ck_assert_int_eq(futured_reply_wait(reply, FUTURED_TIME_NONE), 1);
	ck_assert_str_eq(futured_reply_json(reply), "{\"cancelled\":true,\"state\":\"running\"}");
	ck_assert_int_eq(futured_future_wait_created(next, FUTURED_TIME_NONE), 1);
	ck_assert_str_eq(futured_future_id(next), ID_B);
	futured_reply_unref(reply);
	futured_future_unref(next);
	futured_future_unref(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("future");
	TCase *tcase = tcase_create("future");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, callbacks_run_once_and_in_order);
	tcase_add_test(tcase, a_released_handle_is_not_called);
	tcase_add_test(tcase, releasing_inside_a_callback_ends_the_callbacks);
	tcase_add_test(tcase, registering_inside_a_callback);
	tcase_add_test(tcase, registering_itself_inside_a_callback);
	tcase_add_test(tcase, without_a_handle_of_its_own);
	tcase_add_test(tcase, results_come_in_pieces);
	tcase_add_loop_test(tcase, pieces_that_make_no_sense, 0, sizeof(pieces) / sizeof(pieces[0]));
	tcase_add_test(tcase, an_empty_result);
	tcase_add_test(tcase, without_the_bytes);
	tcase_add_test(tcase, look_once);
	tcase_add_test(tcase, how_it_failed);
	tcase_add_loop_test(tcase, other_ends, 0, sizeof(ends) / sizeof(ends[0]));
	tcase_add_test(tcase, the_done_queue);
	tcase_add_test(tcase, a_wait_left_behind_is_cancelled);
	tcase_add_test(tcase, a_wait_that_was_not_sent_is_taken_back);
	tcase_add_test(tcase, thousands_of_waits_left_behind_leave_nothing);
	tcase_add_test(tcase, what_can_be_done_to_a_future);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
