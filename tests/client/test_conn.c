/* test_conn.c - the connection: opening, the pump, its end, forks. */
#include "tests/client/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct peer peer;

static void setup(void)
{
	peer_init(&peer);
}

static void teardown(void)
{
	peer_done(&peer);
}

START_TEST(opens_with_a_hello)
{
	struct futured_options options = FUTURED_OPTIONS_INIT;
	futured *c;
	uint32_t id;

	options.client = "tester";
	ck_assert_int_eq(futured_open(peer.path, &options, &c), 0);
	ck_assert_str_eq(futured_socket_path(c), peer.path);
	ck_assert_int_ge(futured_get_fd(c), 0);
	ck_assert_int_ne(fcntl(futured_get_fd(c), F_GETFD) & FD_CLOEXEC, 0);
	ck_assert_int_ne(fcntl(futured_get_fd(c), F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(futured_get_events(c), POLLIN | POLLOUT);
	pump(c);
	ck_assert_int_eq(futured_get_events(c), POLLIN);
	peer_accept(&peer);
	id = peer_expect(&peer, "server.hello");
	ck_assert_uint_ne(id, 0);
	ck_assert(peer_param_is(&peer, "client", "tester"));
	ck_assert(peer_param_is(&peer, "errors", "map"));
	ck_assert_ptr_null(futured_unref(c));
}
END_TEST

START_TEST(nothing_is_sent_before_the_hello_is_answered)
{
	futured_future *f;
	futured *c;

	ck_assert_int_eq(futured_open(peer.path, NULL, &c), 0);
	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, NULL), 0);
	pump(c);
	peer_welcome(&peer);
	ck_assert(peer_is_quiet(&peer));
	pump(c);
	peer_expect(&peer, "server.stats");
	peer_expect(&peer, "future.result");
	futured_future_unref(f);
	futured_unref(c);
}
END_TEST

START_TEST(no_daemon)
{
	char long_path[200];
	futured *c = NULL;

	peer_down(&peer);
	ck_assert_int_eq(futured_open(peer.path, NULL, &c), -ENOENT);
	peer_up(&peer);
	close(peer.listener);
	peer.listener = -1;
	ck_assert_int_eq(futured_open(peer.path, NULL, &c), -ECONNREFUSED);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	ck_assert_int_eq(futured_open(long_path, NULL, &c), -ENAMETOOLONG);
	ck_assert_ptr_null(c);
}
END_TEST

START_TEST(bad_options)
{
	struct futured_options options = FUTURED_OPTIONS_INIT;
	futured *c = NULL;

	options.flags = 1u << 30;
	ck_assert_int_eq(futured_open(peer.path, &options, &c), -EINVAL);
	options.flags = 0;
	options.size = 1;
	ck_assert_int_eq(futured_open(peer.path, &options, &c), -EINVAL);
	options = (struct futured_options)FUTURED_OPTIONS_INIT;
	options.client = "\xff";
	ck_assert_int_eq(futured_open(peer.path, &options, &c), -EINVAL);
	ck_assert_ptr_null(c);
}
END_TEST

START_TEST(without_reconnection_all_ends)
{
	futured *c = peer_connect(&peer, FUTURED_NO_RECONNECT);
	futured_future *f, *other;
	futured_reply *reply;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, &reply), 0);
	pump(c);
	peer_hang_up(&peer);
	ck_assert_int_eq(futured_future_wait(f, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_future_result(f, NULL, NULL), -ECONNRESET);
	ck_assert_int_eq(futured_reply_status(reply), -ECONNRESET);
	ck_assert_int_eq(futured_process(c), -ENOTCONN);
	ck_assert_int_eq(futured_get_fd(c), -ENOTCONN);
	ck_assert_int_eq(futured_wait_io(c, 0), -ENOTCONN);
	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &other), -ENOTCONN);
	futured_reply_unref(reply);
	futured_future_unref(f);
	futured_unref(c);
}
END_TEST

START_TEST(no_sigpipe)
{
	futured *c = peer_connect(&peer, FUTURED_NO_RECONNECT);
	futured_reply *reply;

	signal(SIGPIPE, SIG_DFL);
	peer_hang_up(&peer);
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, &reply), 0);
	ck_assert_int_eq(futured_reply_wait(reply, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_reply_status(reply), -ECONNRESET);
	futured_reply_unref(reply);
	futured_unref(c);
}
END_TEST

static void count_call(futured_future *f, void *userdata)
{
	++*(int *)userdata;
}

/* What a child may do with its parent's connection. The number of what went wrong. */
static int in_child(futured *c, futured_future *f, const int *called)
{
	uint64_t deadline;
	futured_future *other;

	if (futured_process(c) != -ECHILD || futured_get_fd(c) != -ECHILD || futured_get_events(c) != -ECHILD)
		return 1;
	if (futured_get_timeout(c, &deadline) != -ECHILD || futured_wait_io(c, 0) != -ECHILD)
		return 2;
	if (futured_attach(c, ID_B, 0, NULL, NULL, &other) != -ECHILD || futured_future_wait(f, 0) != -ECHILD)
		return 3;
	if (futured_call(c, "server.stats", NULL, NULL, NULL, NULL) != -ECHILD)
		return 4;
	if (futured_future_cancel(f, NULL, NULL, NULL) != -ECHILD)
		return 5;
	futured_close(c);
	futured_future_unref(f);
	futured_unref(c);
	return *called ? 6 : 0;
}

START_TEST(a_child_stays_silent)
{
	futured *c = peer_connect(&peer, 0);
	int called = 0, status;
	futured_future *f;
	uint32_t id;
	pid_t child;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, count_call, &called, &f), 0);
	pump(c);
	id = peer_expect(&peer, "future.result");
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, NULL), 0);
	child = fork();
	if (child == 0)
		_exit(in_child(c, f, &called));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert(peer_is_quiet(&peer));
	/* The parent's connection is as it was. */
	pump(c);
	peer_expect(&peer, "server.stats");
	peer_reply_text(&peer, id, "1");
	pump(c);
	ck_assert_int_eq(called, 1);
	futured_future_unref(f);
	futured_unref(c);
}
END_TEST

/* What nested calls said. */
static struct { futured *c; int process, wait, wait_io; bool done; } nested;

static void nest(futured_future *f, void *userdata)
{
	nested.process = futured_process(nested.c);
	nested.wait = futured_future_wait(userdata, 0);
	nested.done = true;
}

START_TEST(nested_calls_are_refused)
{
	futured_future *f, *other;

	nested.c = peer_connect(&peer, 0);
	ck_assert_int_eq(futured_attach(nested.c, ID_B, 0, NULL, NULL, &other), 0);
	ck_assert_int_eq(futured_attach(nested.c, ID_A, 0, nest, other, &f), 0);
	pump(nested.c);
	peer_expect(&peer, "future.result");
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	pump(nested.c);
	ck_assert(nested.done);
	ck_assert_int_eq(nested.process, -EBUSY);
	ck_assert_int_eq(nested.wait, -EBUSY);
	futured_future_unref(f);
	futured_future_unref(other);
	futured_unref(nested.c);
}
END_TEST

static void unref_connection(futured_future *f, void *userdata)
{
	*(futured **)userdata = futured_unref(*(futured **)userdata);
	futured_future_unref(f);
}

START_TEST(a_callback_may_release_everything)
{
	futured *c = peer_connect(&peer, 0);
	futured_future *f;
	int called = 0;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, unref_connection, &c, &f), 0);
	/* Kept by the library alone, and still under way when the connection goes: called all the same. */
	ck_assert_int_eq(futured_attach(c, ID_B, 0, count_call, &called, NULL), 0);
	pump(c);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	while (c)
		ck_assert_int_ge(futured_process(c), 0);
	ck_assert_int_eq(called, 1);
}
END_TEST

static void close_connection(futured_future *f, void *userdata)
{
	futured_close(userdata);
}

START_TEST(a_callback_may_close)
{
	futured *c = peer_connect(&peer, 0);
	futured_future *f, *other;
	int called = 0;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, close_connection, c, &f), 0);
	ck_assert_int_eq(futured_attach(c, ID_B, 0, count_call, &called, &other), 0);
	pump(c);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	ck_assert_int_eq(futured_future_wait(other, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(called, 1);
	ck_assert_int_eq(futured_future_result(other, NULL, NULL), -ECONNABORTED);
	ck_assert_int_eq(futured_process(c), -ENOTCONN);
	futured_future_unref(f);
	futured_future_unref(other);
	futured_unref(c);
}
END_TEST

START_TEST(handles_outlive_the_connection)
{
	futured *c = peer_connect(&peer, 0);
	futured_future *done, *live;
	futured_reply *reply;
	const void *data;
	size_t len;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &done), 0);
	ck_assert_int_eq(futured_attach(c, ID_B, 0, NULL, NULL, &live), 0);
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, &reply), 0);
	pump(c);
	peer_expect(&peer, "server.stats");
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "[1]");
	pump(c);
	futured_unref(c);
	ck_assert_int_eq(futured_future_result(done, &data, &len), 0);
	ck_assert_str_eq(data, "[1]");
	ck_assert_int_eq(futured_future_result(live, NULL, NULL), -ECONNABORTED);
	ck_assert_int_eq(futured_future_wait(live, 0), 1);
	ck_assert_int_eq(futured_future_cancel(live, NULL, NULL, NULL), -ENOTCONN);
	ck_assert_int_eq(futured_future_retry(live, 0, NULL, NULL, NULL), -ENOTCONN);
	ck_assert_int_eq(futured_reply_status(reply), -ECONNABORTED);
	futured_future_unref(done);
	futured_future_unref(live);
	futured_reply_unref(reply);
}
END_TEST

START_TEST(the_pump_says_when_it_wants_to_run)
{
	futured *c = peer_connect(&peer, 0);
	uint64_t deadline;
	futured_future *f;

	ck_assert_int_eq(futured_get_timeout(c, &deadline), 0);
	ck_assert(deadline == FUTURED_TIME_NONE);
	ck_assert_int_eq(futured_wait_io(c, 0), 0);
	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	ck_assert_int_eq(futured_get_timeout(c, &deadline), 0);
	ck_assert_uint_eq(deadline, 0);
	ck_assert_int_eq(futured_wait_io(c, FUTURED_TIME_NONE), 1);
	pump(c);
	ck_assert_int_eq(futured_wait_io(c, 1000), 0);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	ck_assert_int_eq(futured_wait_io(c, FUTURED_TIME_NONE), 1);
	futured_future_unref(f);
	futured_unref(c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conn");
	TCase *tcase = tcase_create("conn");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, opens_with_a_hello);
	tcase_add_test(tcase, nothing_is_sent_before_the_hello_is_answered);
	tcase_add_test(tcase, no_daemon);
	tcase_add_test(tcase, bad_options);
	tcase_add_test(tcase, without_reconnection_all_ends);
	tcase_add_test(tcase, no_sigpipe);
	tcase_add_test(tcase, a_child_stays_silent);
	tcase_add_test(tcase, nested_calls_are_refused);
	tcase_add_test(tcase, a_callback_may_release_everything);
	tcase_add_test(tcase, a_callback_may_close);
	tcase_add_test(tcase, handles_outlive_the_connection);
	tcase_add_test(tcase, the_pump_says_when_it_wants_to_run);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
