/* test_completion.c - as_completed: in the order of completion, each once, and what a timeout leaves. */
#include "tests/client/peer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static struct peer peer;
static futured *c;
static futured_future *f[3];
static uint32_t ids[3];
static futured_completion *it;

/* Three handles whose requests have arrived. */
static void setup(void)
{
	static const char *const texts[] = { ID_A, ID_B, ID_C };

	peer_init(&peer);
	c = peer_connect(&peer, 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(futured_attach(c, texts[i], 0, NULL, NULL, &f[i]), 0);
	pump(c);
	for (int i = 0; i < 3; i++)
		ids[i] = peer_expect(&peer, "future.result");
}

static void teardown(void)
{
	it = futured_completion_free(it);
	for (int i = 0; i < 3; i++)
		f[i] = futured_future_unref(f[i]);
	futured_unref(c);
	peer_done(&peer);
}

static void succeed(int i)
{
	peer_reply_text(&peer, ids[i], "1");
}

static void fail_it(int i)
{
	peer_reply_error(&peer, ids[i], ERROR_FAILED, "no", NULL);
}

/* The next that it gives is that of number i. */
static void expect(int i)
{
	futured_future *next = NULL;

	ck_assert_int_eq(futured_completion_next(it, &next), 1);
	ck_assert_ptr_eq(next, f[i]);
}

static void expect_end(int r)
{
	futured_future *untouched = (futured_future *)&peer;

	ck_assert_int_eq(futured_completion_next(it, &untouched), r);
	ck_assert_ptr_eq(untouched, (futured_future *)&peer);
}

START_TEST(order_of_completion)
{
	ck_assert_int_eq(futured_as_completed(c, f, 3, FUTURED_TIME_NONE, &it), 0);
	ck_assert_uint_eq(futured_completion_left(it), 3);
	succeed(2);
	fail_it(0);
	succeed(1);
	expect(2);
	expect(0);
	ck_assert_uint_eq(futured_completion_left(it), 1);
	expect(1);
	expect_end(0);
	expect_end(0);
}
END_TEST

START_TEST(done_before_in_the_order_in_which_they_were)
{
	succeed(2);
	ck_assert_int_eq(futured_future_wait(f[2], FUTURED_TIME_NONE), 1);
	succeed(0);
	ck_assert_int_eq(futured_future_wait(f[0], FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_as_completed(c, f, 3, FUTURED_TIME_NONE, &it), 0);
	succeed(1);
	expect(2);
	expect(0);
	expect(1);
	expect_end(0);
}
END_TEST

START_TEST(a_timeout_leaves_the_rest_waitable)
{
	succeed(1);
	ck_assert_int_eq(futured_future_wait(f[1], FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_as_completed(c, f, 3, 0, &it), 0);
	expect(1);
	expect_end(-ETIMEDOUT);
	expect_end(-ETIMEDOUT);
	ck_assert_uint_eq(futured_completion_left(it), 2);
	/* What comes later is still given, by it and by others. */
	succeed(0);
	ck_assert_int_eq(futured_future_wait(f[0], FUTURED_TIME_NONE), 1);
	expect(0);
	expect_end(-ETIMEDOUT);
	futured_completion_free(it);
	ck_assert_int_eq(futured_as_completed(c, f, 3, 20000, &it), 0);
	expect(1);
	expect(0);
	expect_end(-ETIMEDOUT);
}
END_TEST

START_TEST(duplicates_are_given_once)
{
	futured_future *twice[] = { f[0], f[1], f[0], f[1], f[1] };

	succeed(1);
	ck_assert_int_eq(futured_future_wait(f[1], FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_as_completed(c, twice, 5, FUTURED_TIME_NONE, &it), 0);
	ck_assert_uint_eq(futured_completion_left(it), 2);
	succeed(0);
	expect(1);
	expect(0);
	expect_end(0);
}
END_TEST

START_TEST(of_none)
{
	ck_assert_int_eq(futured_as_completed(c, NULL, 0, FUTURED_TIME_NONE, &it), 0);
	expect_end(0);
	ck_assert_ptr_null(futured_completion_free(NULL));
}
END_TEST

START_TEST(several_at_a_time)
{
	futured_completion *other;
	futured_future *next;

	ck_assert_int_eq(futured_as_completed(c, f, 3, FUTURED_TIME_NONE, &it), 0);
	ck_assert_int_eq(futured_as_completed(c, f, 2, FUTURED_TIME_NONE, &other), 0);
	succeed(1);
	succeed(2);
	succeed(0);
	expect(1);
	expect(2);
	ck_assert_int_eq(futured_completion_next(other, &next), 1);
	ck_assert_ptr_eq(next, f[1]);
	futured_completion_free(other);
	expect(0);
}
END_TEST

START_TEST(it_holds_what_it_has_not_given)
{
	futured_future *next;

	ck_assert_int_eq(futured_as_completed(c, f, 3, FUTURED_TIME_NONE, &it), 0);
	for (int i = 0; i < 3; i++)
		f[i] = futured_future_unref(f[i]);
	succeed(1);
	ck_assert_int_eq(futured_completion_next(it, &next), 1);
	ck_assert_str_eq(futured_future_id(next), ID_B);
	ck_assert_int_eq(futured_future_result(next, NULL, NULL), 0);
	succeed(0);
	ck_assert_int_eq(futured_completion_next(it, &next), 1);
	ck_assert_str_eq(futured_future_id(next), ID_A);
	/* The third is released with it, the other two were before. */
}
END_TEST

static int called;

static void count(futured_future *future, void *userdata)
{
	called++;
}

static void drop(futured_future *future, void *userdata)
{
	it = futured_completion_free(it);
}

static void next_inside(futured_future *future, void *userdata)
{
	futured_future *next;

	ck_assert_int_eq(futured_completion_next(it, &next), -EBUSY);
	count(future, userdata);
}

START_TEST(callbacks_have_run)
{
	called = 0;
	ck_assert_int_eq(futured_future_on_done(f[0], count, NULL), 0);
	ck_assert_int_eq(futured_future_on_done(f[0], next_inside, NULL), 0);
	ck_assert_int_eq(futured_as_completed(c, f, 3, FUTURED_TIME_NONE, &it), 0);
	succeed(0);
	expect(0);
	ck_assert_int_eq(called, 2);
}
END_TEST

START_TEST(a_callback_may_release_it)
{
	futured_completion *kept;
	futured_future *next;

	ck_assert_int_eq(futured_future_on_done(f[0], drop, NULL), 0);
	ck_assert_int_eq(futured_as_completed(c, f, 3, FUTURED_TIME_NONE, &it), 0);
	kept = it;
	succeed(0);
	ck_assert_int_eq(futured_completion_next(kept, &next), -ECONNABORTED);
}
END_TEST

START_TEST(a_closed_connection_completes_all)
{
	ck_assert_int_eq(futured_as_completed(c, f, 3, FUTURED_TIME_NONE, &it), 0);
	c = futured_unref(c);
	for (int i = 0; i < 3; i++)
		expect(i);
	expect_end(0);
	ck_assert_int_eq(futured_future_result(f[0], NULL, NULL), -ECONNABORTED);
}
END_TEST

START_TEST(handles_of_another_connection)
{
	futured *other;

	ck_assert_int_eq(futured_open(peer.path, NULL, &other), 0);
	ck_assert_int_eq(futured_as_completed(other, f, 3, FUTURED_TIME_NONE, &it), -EINVAL);
	ck_assert_int_eq(futured_wait(other, f, 3, FUTURED_ALL_COMPLETED, 0), -EINVAL);
	futured_unref(other);
}
END_TEST

#define MANY 10000

/* A daemon with so many futures, all over. */
static void answer_many(void)
{
	struct slice method = peer.request.method;
	const msgpack_object *asked = peer_param(&peer, "ids");
	uint32_t id = peer.request.id;
	struct pack *pack;

	if (slice_equals(method, "future.result")) {
		peer_reply_text(&peer, id, "1");
		return;
	}
	if (slice_equals(method, "future.unsubscribe")) {
		peer_reply_empty(&peer, id);
		return;
	}
	if (asked)
		ck_assert_uint_le(asked->via.array.size, 500);
	if (slice_equals(method, "future.wait")) {
		pack = peer_begin_reply(&peer, id);
		pack_map(pack, 1);
		pack_str(pack, "states");
		pack_array(pack, asked->via.array.size);
		for (uint32_t i = 0; i < asked->via.array.size; i++)
			pack_str(pack, "succeeded");
		peer_send(&peer);
		return;
	}
	ck_assert(slice_equals(method, asked ? "future.subscribe" : "server.stats"));
	peer_reply_subscribed(&peer, id, id, 5, false);
}

static void *serve(void *unused)
{
	struct pollfd pollfd = { .fd = peer.fd, .events = POLLIN };
	char byte;

	while (poll(&pollfd, 1, -1) == 1 && recv(peer.fd, &byte, 1, MSG_PEEK) > 0)
		peer_expect_any(&peer, answer_many);
	return NULL;
}

/* More than one request may name: several are made, and all come. */
START_TEST(very_many)
{
	static futured_future *many[MANY];
	char text[ID_TEXT_LEN + 1];
	futured_future *next;
	pthread_t thread;
	futured *other;

	peer.wait_ids = 500;
	peer.may_leave = true;
	other = peer_connect(&peer, FUTURED_NO_RECONNECT);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "01900000-0000-7000-8000-%012x", (unsigned)i);
		ck_assert_int_eq(futured_attach(other, text, FUTURED_NO_RESULT, NULL, NULL, &many[i]), 0);
	}
	ck_assert_int_eq(futured_as_completed(other, many, MANY, FUTURED_TIME_NONE, &it), 0);
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(futured_completion_next(it, &next), 1);
		ck_assert_int_eq(futured_future_state(next), FUTURED_SUCCEEDED);
	}
	expect_end(0);
	ck_assert_int_eq(futured_wait(other, many, MANY, FUTURED_FIRST_EXCEPTION, 0), 1);
	for (int i = 0; i < MANY; i++)
		futured_future_unref(many[i]);
	futured_unref(other);
	pthread_join(thread, NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("completion");
	TCase *tcase = tcase_create("completion");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, order_of_completion);
	tcase_add_test(tcase, done_before_in_the_order_in_which_they_were);
	tcase_add_test(tcase, a_timeout_leaves_the_rest_waitable);
	tcase_add_test(tcase, duplicates_are_given_once);
	tcase_add_test(tcase, of_none);
	tcase_add_test(tcase, several_at_a_time);
	tcase_add_test(tcase, it_holds_what_it_has_not_given);
	tcase_add_test(tcase, callbacks_have_run);
	tcase_add_test(tcase, a_callback_may_release_it);
	tcase_add_test(tcase, a_closed_connection_completes_all);
	tcase_add_test(tcase, handles_of_another_connection);
	tcase_add_test(tcase, very_many);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
