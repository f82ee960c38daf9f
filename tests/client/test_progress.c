/* test_progress.c - what a handle that is followed hears before its end: state, progress, trouble; and google's codes. */
#include "client/conn.h"
#include "tests/client/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct peer peer;
static futured *c;
static futured_future *f;
static uint32_t waiting, get;
static char journal[1024];

static void write_down(const char *what, const char *text)
{
	size_t len = strlen(journal);

	snprintf(journal + len, sizeof(journal) - len, "%s %s; ", what, text);
}

/* What a callback calls itself. */
static void *name(const char *text)
{
	return (void *)(uintptr_t)text;
}

static void on_progress(futured_future *future, void *userdata)
{
	ck_assert_int_eq(futured_future_is_done(future), 0);
	write_down(userdata, futured_future_progress(future));
}

static void on_trouble(futured_future *future, void *userdata)
{
	ck_assert_int_eq(futured_future_is_done(future), 0);
	write_down(userdata, futured_future_trouble(future));
}

static void expect_journal(const char *expected)
{
	pump(c);
	ck_assert_str_eq(journal, expected);
	journal[0] = '\0';
}

/* The requests that come when a handle is followed first: the event number 10 was the last. */
static void expect_followed(void)
{
	uint32_t id;

	pump(c);
	peer_reply_subscribed(&peer, peer_expect(&peer, "server.stats"), 0, 10, false);
	pump(c);
	id = peer_expect(&peer, "future.subscribe");
	ck_assert_uint_eq(peer_param(&peer, "since")->via.u64, 10);
	peer_reply_subscribed(&peer, id, 1, 10, false);
	get = peer_expect(&peer, "future.get");
	ck_assert(peer_param_is(&peer, "id", ID_A));
}

/* How the future is, as of number seq. */
static void reply_snapshot(uint64_t seq, const char *state, const char *progress, const char *last_error)
{
	struct snapshot snapshot = {
		.state = slice_from_str(state),
		.progress = slice_from_str(progress),
		.last_error = slice_from_str(last_error),
		.attempts = { .set = true, .value = 7 },
		.seq = { .set = true, .value = seq },
	};

	fields_write(peer_begin_reply(&peer, get), snapshot_fields, &snapshot);
	peer_send(&peer);
}

/* message NULL: it is over when it is told. progress: the newest, or NULL. */
static void send_trouble_with(uint64_t seq, const char *message, uint64_t attempts, const char *progress)
{
	struct event_wire wire = {
		.subscription = { .set = true, .value = 1 },
		.seq = { .set = true, .value = seq },
		.event = slice_from_str("trouble"),
		.state = slice_from_str("running"),
		.message = slice_from_str(message),
		.attempts = { .set = message, .value = attempts },
		.progress = slice_from_str(progress),
	};

	ck_assert_int_eq(id_parse(ID_A, strlen(ID_A), &wire.id), 0);
	fields_write(peer_begin_event(&peer), event_fields, &wire);
	peer_send(&peer);
}

static void send_trouble(uint64_t seq, const char *message, uint64_t attempts)
{
	send_trouble_with(seq, message, attempts, NULL);
}

static void setup(void)
{
	journal[0] = '\0';
	peer_init(&peer);
	c = peer_connect(&peer, 0);
	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	pump(c);
	waiting = peer_expect(&peer, "future.result");
}

static void teardown(void)
{
	f = futured_future_unref(f);
	futured_unref(c);
	peer_done(&peer);
}

START_TEST(nothing_is_known_of_one_that_is_not_followed)
{
	ck_assert_ptr_null(futured_future_progress(f));
	ck_assert_ptr_null(futured_future_trouble(f));
	ck_assert_uint_eq(futured_future_attempts(f), 0);
	ck_assert_int_eq(futured_future_is_running(f), 0);
	ck_assert_int_eq(futured_future_is_cancelled(f), 0);
	ck_assert(peer_is_quiet(&peer));
}
END_TEST

START_TEST(each_change_is_told_once)
{
	ck_assert_int_eq(futured_future_on_progress(f, on_progress, name("first")), 0);
	ck_assert_int_eq(futured_future_on_trouble(f, on_trouble, name("trouble")), 0);
	ck_assert_int_eq(futured_future_on_progress(f, on_progress, name("second")), 0);
	expect_followed();
	reply_snapshot(9, "running", "{\"n\":1}", NULL);
	expect_journal("first {\"n\":1}; second {\"n\":1}; ");
	ck_assert_int_eq(futured_future_is_running(f), 1);
	peer_send_event(&peer, 1, 11, ID_A, "progress", "running", "{\"n\":2}");
	peer_send_event(&peer, 1, 12, ID_A, "progress", "running", "{\"n\":2}");
	peer_send_event(&peer, 1, 12, ID_A, "progress", "running", "{\"n\":3}");
	send_trouble(13, "503 from the service", 2);
	send_trouble(14, "503 from the service", 3);
	expect_journal("first {\"n\":2}; second {\"n\":2}; trouble 503 from the service; trouble 503 from the service; ");
	ck_assert_str_eq(futured_future_progress(f), "{\"n\":2}");
	ck_assert_uint_eq(futured_future_attempts(f), 3);
	peer_send_event(&peer, 1, 15, ID_A, "changed", "cancelled", NULL);
	peer_reply_error(&peer, waiting, ERROR_CANCELLED, "stopped", NULL);
	pump(c);
	ck_assert_int_eq(futured_future_is_running(f), 0);
	ck_assert_int_eq(futured_future_is_cancelled(f), 1);
	/* What was known stays known, and nothing more is told. */
	ck_assert_str_eq(futured_future_progress(f), "{\"n\":2}");
	peer_expect(&peer, "future.unsubscribe");
	expect_journal("");
}
END_TEST

/* Its requests fail already when it is followed, or did so while the connection was away. */
START_TEST(trouble_that_is_there_is_told)
{
	ck_assert_int_eq(futured_future_on_trouble(f, on_trouble, name("first")), 0);
	ck_assert_int_eq(futured_future_on_progress(f, on_progress, name("progress")), 0);
	ck_assert_int_eq(futured_future_on_trouble(f, on_trouble, name("second")), 0);
	expect_followed();
	reply_snapshot(10, "running", "1", "503 from the service");
	expect_journal("first 503 from the service; progress 1; second 503 from the service; ");
	ck_assert_uint_eq(futured_future_attempts(f), 7);
	/* That one is the event that was told already. */
	send_trouble(10, "503 from the service", 7);
	expect_journal("");
	send_trouble(11, "503 from the service", 8);
	expect_journal("first 503 from the service; second 503 from the service; ");
}
END_TEST

/* For a slow reader, or in a replay, older progress is left out where a trouble follows, and a trouble may be over. */
START_TEST(a_trouble_that_stands_for_more)
{
	ck_assert_int_eq(futured_future_on_trouble(f, on_trouble, name("trouble")), 0);
	ck_assert_int_eq(futured_future_on_progress(f, on_progress, name("progress")), 0);
	expect_followed();
	reply_snapshot(9, "running", NULL, NULL);
	send_trouble_with(11, NULL, 0, NULL);
	expect_journal("");
	send_trouble_with(12, "503 from the service", 2, "{\"n\":1}");
	expect_journal("trouble 503 from the service; progress {\"n\":1}; ");
	ck_assert_str_eq(futured_future_progress(f), "{\"n\":1}");
	send_trouble_with(13, NULL, 0, "{\"n\":2}");
	expect_journal("progress {\"n\":2}; ");
	ck_assert_str_eq(futured_future_trouble(f), "503 from the service");
	ck_assert_uint_eq(futured_future_attempts(f), 2);
}
END_TEST

/* Who comes when it is followed already hears what there is, and nobody else hears it again. */
START_TEST(one_more_who_follows)
{
	ck_assert_int_eq(futured_future_on_trouble(f, on_trouble, name("trouble")), 0);
	expect_followed();
	reply_snapshot(9, "running", "1", "503 from the service");
	expect_journal("trouble 503 from the service; ");
	ck_assert_int_eq(futured_future_on_progress(f, on_progress, name("late")), 0);
	pump(c);
	get = peer_expect(&peer, "future.get");
	reply_snapshot(9, "running", "1", "503 from the service");
	expect_journal("late 1; ");
	/* The trouble that was there is over, and so there is none. */
	ck_assert_int_eq(futured_future_on_trouble(f, on_trouble, name("later")), 0);
	ck_assert_int_eq(futured_future_on_progress(f, on_progress, name("last")), 0);
	pump(c);
	get = peer_expect(&peer, "future.get");
	peer_send_event(&peer, 1, 11, ID_A, "progress", "running", "2");
	expect_journal("late 2; last 2; ");
	reply_snapshot(11, "running", "2", NULL);
	expect_journal("");
	send_trouble(12, "500 from the service", 1);
	expect_journal("trouble 500 from the service; later 500 from the service; ");
	ck_assert_int_eq(futured_future_on_progress(f, NULL, NULL), 0);
	pump(c);
	ck_assert(peer_is_quiet(&peer));
}
END_TEST

START_TEST(only_to_know_the_state)
{
	ck_assert_int_eq(futured_future_on_progress(f, NULL, NULL), 0);
	expect_followed();
	reply_snapshot(9, "pending", NULL, "503 from the service");
	pump(c);
	ck_assert_int_eq(futured_future_is_running(f), 0);
	ck_assert_str_eq(futured_future_trouble(f), "503 from the service");
	ck_assert_uint_eq(futured_future_attempts(f), 7);
	peer_send_event(&peer, 1, 11, ID_A, "changed", "running", NULL);
	pump(c);
	ck_assert_int_eq(futured_future_is_running(f), 1);
	/* A promise whose producer is gone may be free again. */
	peer_send_event(&peer, 1, 12, ID_A, "changed", "pending", NULL);
	pump(c);
	ck_assert_int_eq(futured_future_state(f), FUTURED_PENDING);
}
END_TEST

START_TEST(an_answer_that_is_older_than_an_event)
{
	ck_assert_int_eq(futured_future_on_progress(f, on_progress, name("p")), 0);
	expect_followed();
	peer_send_event(&peer, 1, 11, ID_A, "progress", "running", "2");
	expect_journal("p 2; ");
	reply_snapshot(9, "pending", "1", NULL);
	expect_journal("");
	ck_assert_str_eq(futured_future_progress(f), "2");
}
END_TEST

START_TEST(two_handles_on_one_future)
{
	futured_future *other;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &other), 0);
	ck_assert_int_eq(futured_future_on_progress(f, on_progress, name("one")), 0);
	ck_assert_int_eq(futured_future_on_progress(other, on_progress, name("two")), 0);
	pump(c);
	peer_expect(&peer, "future.result");
	expect_followed();
	peer_expect(&peer, "future.get");
	peer_send_event(&peer, 1, 11, ID_A, "progress", "running", "1");
	expect_journal("one 1; two 1; ");
	futured_future_unref(other);
	peer_send_event(&peer, 1, 12, ID_A, "progress", "running", "2");
	expect_journal("one 2; ");
}
END_TEST

START_TEST(from_its_creation_on)
{
	struct futured_create_options options = FUTURED_CREATE_INIT;
	futured_future *made;

	futured_future_unref(f);
	f = NULL;
	options.profile = "p";
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, &made), 0);
	ck_assert_int_eq(futured_future_on_progress(made, on_progress, name("p")), 0);
	pump(c);
	peer_expect(&peer, "call.cancel");
	peer_reply_created(&peer, peer_expect(&peer, "future.create"), ID_A, true);
	pump(c);
	/* Which of the two comes first is of no interest. */
	peer_expect(&peer, "future.result");
	expect_followed();
	peer_send_event(&peer, 1, 11, ID_A, "progress", "running", "1");
	expect_journal("p 1; ");
	futured_future_unref(made);
}
END_TEST

static void release(futured_future *future, void *userdata)
{
	write_down(userdata, futured_future_progress(future));
	f = futured_future_unref(f);
}

START_TEST(a_callback_may_release_it)
{
	ck_assert_int_eq(futured_future_on_progress(f, release, name("p")), 0);
	ck_assert_int_eq(futured_future_on_progress(f, on_progress, name("never")), 0);
	expect_followed();
	peer_send_event(&peer, 1, 11, ID_A, "progress", "running", "1");
	peer_send_event(&peer, 1, 12, ID_A, "progress", "running", "2");
	expect_journal("p 1; ");
	peer_expect(&peer, "call.cancel");
	peer_expect(&peer, "future.unsubscribe");
}
END_TEST

static void release_connection(futured_future *future, void *userdata)
{
	futured_close(c);
}

START_TEST(a_callback_may_release_what_is_in_trouble)
{
	ck_assert_int_eq(futured_future_on_progress(f, release, name("p")), 0);
	ck_assert_int_eq(futured_future_on_trouble(f, on_trouble, name("never")), 0);
	expect_followed();
	reply_snapshot(10, "running", "1", "503 from the service");
	expect_journal("p 1; ");
	peer_expect(&peer, "future.unsubscribe");
	peer_expect(&peer, "call.cancel");
}
END_TEST

START_TEST(a_callback_may_close_the_connection)
{
	ck_assert_int_eq(futured_future_on_progress(f, release_connection, NULL), 0);
	expect_followed();
	peer_send_event(&peer, 1, 11, ID_A, "progress", "running", "1");
	pump(c);
	ck_assert_int_eq(futured_future_result(f, NULL, NULL), -ECONNABORTED);
	ck_assert_str_eq(futured_future_progress(f), "1");
	ck_assert_int_eq(futured_future_on_progress(f, on_progress, NULL), -ENOTCONN);
}
END_TEST

START_TEST(one_that_is_done)
{
	peer_reply_text(&peer, waiting, "1");
	pump(c);
	ck_assert_int_eq(futured_future_on_progress(f, on_progress, name("p")), 0);
	ck_assert_int_eq(futured_future_on_trouble(f, on_trouble, name("t")), 0);
	expect_journal("");
	ck_assert(peer_is_quiet(&peer));
}
END_TEST

static void on_done(futured_future *future, void *userdata)
{
	write_down(userdata, futured_future_is_done(future) ? "done" : "not done");
}

/* The daemon sends the last step and the end together, in either order. */
START_TEST(the_last_step_comes_before_the_end_or_not_at_all)
{
	ck_assert_int_eq(futured_future_on_done(f, on_done, name("end")), 0);
	ck_assert_int_eq(futured_future_on_progress(f, on_progress, name("p")), 0);
	ck_assert_int_eq(futured_future_on_trouble(f, on_trouble, name("t")), 0);
	expect_followed();
	peer_send_event(&peer, 1, 11, ID_A, "progress", "running", "1");
	peer_reply_text(&peer, waiting, "1");
	peer_send_event(&peer, 1, 12, ID_A, "progress", "running", "2");
	send_trouble(13, "503 from the service", 2);
	expect_journal("p 1; end done; ");
}
END_TEST

START_TEST(a_wait_ends_after_the_last_step)
{
	futured_future *given;

	ck_assert_int_eq(futured_future_on_progress(f, on_progress, name("p")), 0);
	expect_followed();
	reply_snapshot(10, "running", "0", NULL);
	peer_send_event(&peer, 1, 11, ID_A, "progress", "running", "1");
	peer_reply_text(&peer, waiting, "1");
	ck_assert_int_eq(futured_future_wait(f, FUTURED_TIME_NONE), 1);
	ck_assert_str_eq(journal, "p 0; p 1; ");
	ck_assert_int_eq(futured_next_done(c, &given), 1);
	ck_assert_ptr_eq(given, f);
	peer_send_event(&peer, 1, 12, ID_A, "progress", "running", "2");
	expect_journal("p 0; p 1; ");
}
END_TEST

START_TEST(what_was_missed_is_asked_for)
{
	uint32_t id;

	ck_assert_int_eq(futured_future_on_progress(f, on_progress, name("p")), 0);
	pump(c);
	peer_reply_subscribed(&peer, peer_expect(&peer, "server.stats"), 0, 10, false);
	pump(c);
	id = peer_expect(&peer, "future.subscribe");
	/* The log does not reach back so far any more. */
	peer_reply_subscribed(&peer, id, 1, 500, true);
	get = peer_expect(&peer, "future.get");
	pump(c);
	get = peer_expect(&peer, "future.get");
	reply_snapshot(499, "running", "5", NULL);
	expect_journal("p 5; ");
}
END_TEST

/* What is still to be handed on then asks for nothing more. */
START_TEST(events_are_missing_and_the_connection_ends)
{
	uint32_t id;

	ck_assert_int_eq(futured_future_on_progress(f, on_progress, name("p")), 0);
	pump(c);
	peer_reply_subscribed(&peer, peer_expect(&peer, "server.stats"), 0, 10, false);
	pump(c);
	id = peer_expect(&peer, "future.subscribe");
	peer_reply_subscribed(&peer, id, 1, 500, true);
	peer_send_bytes(&peer, "\xc1", 1);
	while (futured_process(c) >= 0)
		;
	ck_assert_int_eq(futured_future_result(f, NULL, NULL), -EBADMSG);
	ck_assert(TAILQ_EMPTY(&c->requests.unsent));
}
END_TEST

START_TEST(codes_of_google)
{
	static const struct { const char *code; int number; } rows[] = {
		{ "0", 0 }, { "5", 5 }, { "16", 16 }, { "17", -1 }, { "404", -1 }, { "05", -1 }, { "-1", -1 }, { "", -1 },
		{ "NOT_FOUND", 5 }, { "\"NOT_FOUND\"", 5 }, { "\"5\"", 5 }, { "CANCELLED", 1 }, { "UNAUTHENTICATED", 16 },
		{ "not_found", -1 }, { "\"", -1 }, { "5.0", -1 }, { "null", -1 }, { "UNAVAILABLE ", -1 }, { "14", 14 },
	};
	struct futured_error error = { .http_status = 404 };

	ck_assert_int_eq(futured_error_grpc_code(NULL), -1);
	ck_assert_int_eq(futured_error_grpc_code(&error), -1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		error.remote_code = rows[i].code;
		ck_assert_msg(futured_error_grpc_code(&error) == rows[i].number, "%s", rows[i].code);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("progress");
	TCase *tcase = tcase_create("progress");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, nothing_is_known_of_one_that_is_not_followed);
	tcase_add_test(tcase, each_change_is_told_once);
	tcase_add_test(tcase, trouble_that_is_there_is_told);
	tcase_add_test(tcase, a_trouble_that_stands_for_more);
	tcase_add_test(tcase, one_more_who_follows);
	tcase_add_test(tcase, only_to_know_the_state);
	tcase_add_test(tcase, an_answer_that_is_older_than_an_event);
	tcase_add_test(tcase, two_handles_on_one_future);
	tcase_add_test(tcase, from_its_creation_on);
	tcase_add_test(tcase, a_callback_may_release_it);
	tcase_add_test(tcase, a_callback_may_release_what_is_in_trouble);
	tcase_add_test(tcase, a_callback_may_close_the_connection);
	tcase_add_test(tcase, one_that_is_done);
	tcase_add_test(tcase, the_last_step_comes_before_the_end_or_not_at_all);
	tcase_add_test(tcase, a_wait_ends_after_the_last_step);
	tcase_add_test(tcase, what_was_missed_is_asked_for);
	tcase_add_test(tcase, events_are_missing_and_the_connection_ends);
	tcase_add_test(tcase, codes_of_google);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
