/* test_group.c - groups: order, states, a refresh that does not wait, and what holds them. */
#include "tests/client/peer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

static struct peer peer;
static futured *c;
static futured_group *group;
static uint32_t ids[3];
/* A group of three handles, the third the same as the first; the requests of the two have arrived. */
static void setup(void)
{
	static const char *const texts[] = { ID_A, ID_B, ID_A };

	peer_init(&peer);
	c = peer_connect(&peer, 0);
	ck_assert_int_eq(futured_group_new(c, NULL, 0, 0, &group), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(futured_group_add_id(group, texts[i]), 0);
	pump(c);
	for (int i = 0; i < 2; i++)
		ids[i] = peer_expect(&peer, "future.result");
	ck_assert(peer_is_quiet(&peer));
}

static void teardown(void)
{
	group = futured_group_unref(group);
	futured_unref(c);
	peer_done(&peer);
}

static void check_counts(size_t pending, size_t running, size_t succeeded, size_t failed, size_t cancelled, size_t others)
{
	size_t counts[FUTURED_STATES];

	ck_assert_uint_eq(futured_group_counts(group, counts), others);
	ck_assert_uint_eq(counts[FUTURED_PENDING], pending);
	ck_assert_uint_eq(counts[FUTURED_RUNNING], running);
	ck_assert_uint_eq(counts[FUTURED_SUCCEEDED], succeeded);
	ck_assert_uint_eq(counts[FUTURED_FAILED], failed);
	ck_assert_uint_eq(counts[FUTURED_CANCELLED], cancelled);
}

START_TEST(order_and_duplicates)
{
	ck_assert_uint_eq(futured_group_count(group), 3);
	ck_assert_str_eq(futured_group_id(group, 0), ID_A);
	ck_assert_str_eq(futured_group_id(group, 1), ID_B);
	ck_assert_ptr_eq(futured_group_at(group, 2), futured_group_at(group, 0));
	ck_assert_ptr_null(futured_group_at(group, 3));
	ck_assert_ptr_null(futured_group_id(group, 3));
	ck_assert_int_eq(futured_group_is_single(group), 0);
	ck_assert_int_eq(futured_group_add_id(group, "nonsense"), -EINVAL);
	ck_assert_uint_eq(futured_group_count(group), 3);
}
END_TEST

START_TEST(of_handles)
{
	futured_future *f[2] = { futured_group_at(group, 1), futured_group_at(group, 0) };
	futured_group *other;

	ck_assert_int_eq(futured_group_new(c, f, 2, 0x8000, &other), -EINVAL);
	ck_assert_int_eq(futured_group_new(c, f, 2, FUTURED_GROUP_SINGLE, &other), 0);
	ck_assert_int_eq(futured_group_is_single(other), 1);
	ck_assert_ptr_eq(futured_group_ref(other), other);
	futured_group_unref(other);
	ck_assert_str_eq(futured_group_id(other, 0), ID_B);
	group = futured_group_unref(group);
	/* It holds its own. */
	ck_assert_int_eq(futured_future_is_done(futured_group_at(other, 0)), 0);
	futured_group_unref(other);
	ck_assert_ptr_null(futured_group_unref(NULL));
}
END_TEST

START_TEST(waits)
{
	ck_assert_int_eq(futured_group_wait(group, FUTURED_FIRST_COMPLETED, 0), 0);
	peer_reply_text(&peer, ids[0], "1");
	ck_assert_int_eq(futured_group_wait(group, FUTURED_FIRST_COMPLETED, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_group_is_ready(group), 0);
	check_counts(1, 0, 2, 0, 0, 0);
	ck_assert_int_eq(futured_group_wait(group, FUTURED_ALL_COMPLETED, 1000), 0);
	peer_reply_error(&peer, ids[1], ERROR_FAILED, "no", NULL);
	ck_assert_int_eq(futured_group_wait(group, FUTURED_ALL_COMPLETED, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_group_is_ready(group), 1);
	check_counts(0, 0, 2, 1, 0, 0);
}
END_TEST

START_TEST(in_order_of_completion)
{
	futured_completion *it;
	futured_future *next;

	ck_assert_int_eq(futured_group_as_completed(group, FUTURED_TIME_NONE, &it), 0);
	peer_reply_error(&peer, ids[1], ERROR_CANCELLED, "no", NULL);
	peer_reply_text(&peer, ids[0], "1");
	ck_assert_int_eq(futured_completion_next(it, &next), 1);
	ck_assert_ptr_eq(next, futured_group_at(group, 1));
	ck_assert_int_eq(futured_completion_next(it, &next), 1);
	ck_assert_ptr_eq(next, futured_group_at(group, 0));
	ck_assert_int_eq(futured_completion_next(it, &next), 0);
	futured_completion_free(it);
	check_counts(0, 0, 2, 0, 1, 0);
}
END_TEST

/* Answers to future.wait: by the last digit of each id. */
static const char *states[16];
static int waits_asked, missing;

static void answer(void)
{
	const msgpack_object *asked = peer_param(&peer, "ids");
	const msgpack_object *timeout = peer_param(&peer, "timeout");
	struct pack *pack;

	if (!slice_equals(peer.request.method, "future.wait")) {
		ck_assert(slice_equals(peer.request.method, "future.result"));
		ids[2] = peer.request.id;
		return;
	}
	waits_asked++;
	ck_assert_ptr_nonnull(timeout);
	ck_assert_uint_eq(timeout->via.u64, 0);
	for (uint32_t i = 0; i < asked->via.array.size; i++) {
		if (missing && asked->via.array.ptr[i].via.str.ptr[ID_TEXT_LEN - 1] == missing) {
			peer_reply_error(&peer, peer.request.id, ERROR_NOT_FOUND, "no such future", NULL);
			return;
		}
	}
	pack = peer_begin_reply(&peer, peer.request.id);
	pack_map(pack, 1);
	pack_str(pack, "states");
	pack_array(pack, asked->via.array.size);
	for (uint32_t i = 0; i < asked->via.array.size; i++) {
		char digit = asked->via.array.ptr[i].via.str.ptr[ID_TEXT_LEN - 1];

		pack_str(pack, states[digit - 'a' + 10]);
	}
	peer_send(&peer);
}

static void *serve(void *unused)
{
	struct pollfd pollfd = { .fd = peer.fd, .events = POLLIN };
	char byte;

	while (poll(&pollfd, 1, -1) == 1 && recv(peer.fd, &byte, 1, MSG_PEEK) > 0)
		peer_expect_any(&peer, answer);
	return NULL;
}

/* Refresh with a peer that answers. */
static int refresh(uint64_t timeout_usec)
{
	pthread_t thread;
	int r;

	waits_asked = 0;
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
	r = futured_group_refresh(group, timeout_usec);
	shutdown(peer.fd, SHUT_RD);
	pthread_join(thread, NULL);
	return r;
}

START_TEST(a_refresh_does_not_wait)
{
	states[10] = "running";
	states[11] = "pending";
	ck_assert_int_eq(refresh(FUTURED_TIME_NONE), 1);
	check_counts(1, 2, 0, 0, 0, 0);
	ck_assert_int_eq(futured_future_state(futured_group_at(group, 0)), FUTURED_RUNNING);
	ck_assert_int_eq(futured_group_is_ready(group), 0);
	ck_assert_int_eq(waits_asked, 1);
}
END_TEST

START_TEST(a_refresh_fetches_what_is_over)
{
	states[10] = "succeeded";
	states[11] = "running";
	/* The answer that its handle has been waiting for is on its way. */
	peer_reply_text(&peer, ids[0], "1");
	ck_assert_int_eq(refresh(FUTURED_TIME_NONE), 1);
	check_counts(0, 1, 2, 0, 0, 0);
	ck_assert_int_eq(futured_future_is_done(futured_group_at(group, 0)), 1);
}
END_TEST

START_TEST(a_refresh_that_times_out)
{
	states[10] = "failed";
	states[11] = "running";
	/* It is over, and how it ended never comes. */
	ck_assert_int_eq(refresh(50000), 0);
	check_counts(0, 1, 0, 2, 0, 0);
	ck_assert_int_eq(futured_future_is_done(futured_group_at(group, 0)), 0);
}
END_TEST

START_TEST(a_refresh_of_one_that_is_forgotten)
{
	states[10] = "running";
	missing = 'b';
	peer_reply_error(&peer, ids[1], ERROR_NOT_FOUND, "no such future", NULL);
	ck_assert_int_eq(futured_future_on_done(futured_group_at(group, 1), NULL, NULL), -EINVAL);
	ck_assert_int_eq(refresh(FUTURED_TIME_NONE), 1);
	check_counts(0, 2, 0, 0, 0, 1);
	ck_assert_int_eq(futured_future_result(futured_group_at(group, 1), NULL, NULL), -ENOENT);
	missing = 0;
}
END_TEST

START_TEST(a_refresh_of_none)
{
	futured_group *empty;

	ck_assert_int_eq(futured_group_new(c, NULL, 0, 0, &empty), 0);
	ck_assert_int_eq(futured_group_refresh(empty, 0), 1);
	ck_assert_int_eq(futured_group_is_ready(empty), 1);
	ck_assert_int_eq(futured_group_wait(empty, FUTURED_ALL_COMPLETED, 0), 1);
	ck_assert_int_eq(futured_group_wait_created(empty, 0), 1);
	futured_group_unref(empty);
}
END_TEST

START_TEST(creations)
{
	struct futured_create_options options = FUTURED_CREATE_INIT;
	futured_future *f;

	options.profile = "p";
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, &f), 0);
	ck_assert_int_eq(futured_group_add(group, f), 0);
	futured_future_unref(f);
	ck_assert_ptr_null(futured_group_id(group, 3));
	ck_assert_int_eq(futured_group_wait_created(group, 1000), 0);
	peer_reply_created(&peer, peer_expect(&peer, "future.create"), ID_C, true);
	ck_assert_int_eq(futured_group_wait_created(group, FUTURED_TIME_NONE), 1);
	ck_assert_str_eq(futured_group_id(group, 3), ID_C);
	pump(c);
	peer_expect(&peer, "future.result");
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, &f), 0);
	ck_assert_int_eq(futured_group_add(group, f), 0);
	futured_future_unref(f);
	pump(c);
	peer_expect(&peer, "future.create");
	peer_reply_error(&peer, peer.request.id, ERROR_DISK_FULL, "full", NULL);
	ck_assert_int_eq(futured_group_wait_created(group, FUTURED_TIME_NONE), -ENOSPC);
	check_counts(4, 0, 0, 0, 0, 1);
}
END_TEST

START_TEST(it_outlives_its_connection)
{
	futured *other = peer_connect(&peer, 0);
	futured_future *foreign;

	ck_assert_int_eq(futured_attach(other, ID_C, 0, NULL, NULL, &foreign), 0);
	ck_assert_int_eq(futured_group_add(group, foreign), -EINVAL);
	futured_future_unref(foreign);
	futured_unref(other);
	c = futured_unref(c);
	ck_assert_int_eq(futured_group_is_ready(group), 1);
	ck_assert_str_eq(futured_group_id(group, 1), ID_B);
	check_counts(0, 0, 0, 0, 0, 3);
	ck_assert_int_eq(futured_group_refresh(group, 0), 1);
	ck_assert_int_eq(futured_group_wait(group, FUTURED_ALL_COMPLETED, 0), 1);
	ck_assert_int_eq(futured_group_add_id(group, ID_C), -ENOTCONN);
	ck_assert_int_eq(futured_group_save(group, "/nonexistent/x"), -ENOTCONN);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("group");
	TCase *tcase = tcase_create("group");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, order_and_duplicates);
	tcase_add_test(tcase, of_handles);
	tcase_add_test(tcase, waits);
	tcase_add_test(tcase, in_order_of_completion);
	tcase_add_test(tcase, a_refresh_does_not_wait);
	tcase_add_test(tcase, a_refresh_fetches_what_is_over);
	tcase_add_test(tcase, a_refresh_that_times_out);
	tcase_add_test(tcase, a_refresh_of_one_that_is_forgotten);
	tcase_add_test(tcase, a_refresh_of_none);
	tcase_add_test(tcase, creations);
	tcase_add_test(tcase, it_outlives_its_connection);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
