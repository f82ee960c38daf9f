/* test_watch.c - streams of server-sent events over loopback: what wakes, what is told, and how they end. */
#include "tests/daemon/remote/loopback.h"

#include "daemon/remote/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEC(events) \
	"{\"base\": \"{base}\", \"poll\": {\"url\": \"/jobs/{job}\"}, \"events\": {\"url\": \"/jobs/{job}/events\"" events "}}"

/* The stream that was opened last, and all that were not ended. */
static struct evhttp_request *stream, *streams[16];
static size_t n_streams;
static const char *type = "text/event-stream";
static int status;
static unsigned gone;

/* What the broker was told: 'w', 'p' and 'c', in order, and the last progress. */
static char told[64];
static size_t n_told;
static char progress[256];
static struct watch *opened;
static char unwatch_at;

static void on_gone(struct evhttp_connection *connection, void *arg)
{
	gone++;
}

static void open_stream(struct evhttp_request *request)
{
	if (status != 200) {
		reply(request, status, "no");
		return;
	}
	ck_assert_uint_lt(n_streams, sizeof(streams) / sizeof(*streams));
	stream = streams[n_streams++] = request;
	evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_gone, NULL);
	if (type)
		reply_header(request, "Content-Type", type);
	evhttp_send_reply_start(request, 200, "Fine");
}

static void send_text(const char *text)
{
	struct evbuffer *buffer = evbuffer_new();

	evbuffer_add(buffer, text, strlen(text));
	evhttp_send_reply_chunk(stream, buffer);
	evbuffer_free(buffer);
}

/* The last one is over. */
static struct evhttp_request *take_stream(void)
{
	struct evhttp_request *last = streams[--n_streams];

	ck_assert_ptr_eq(last, stream);
	stream = NULL;
	return last;
}

static void end_stream(void)
{
	evhttp_send_reply_end(take_stream());
}

static void setup(void)
{
	loopback_setup();
	on_request = open_stream;
	stream = NULL;
	n_streams = 0;
	status = 200;
	type = "text/event-stream; charset=utf-8";
	gone = 0;
	n_told = 0;
	memset(told, 0, sizeof(told));
	memset(progress, 0, sizeof(progress));
	opened = NULL;
	unwatch_at = '\0';
}

static void teardown(void)
{
	/* those whose connection has gone are still ours to free */
	while (n_streams > 0)
		evhttp_send_reply_end(streams[--n_streams]);
	loopback_teardown();
}

static void on_event(void *arg, enum watch_event event, struct slice news)
{
	static const char letters[] = { [WATCH_WAKE] = 'w', [WATCH_PROGRESS] = 'p', [WATCH_CLOSED] = 'c' };

	ck_assert_uint_lt(n_told, sizeof(told) - 1);
	told[n_told++] = letters[event];
	if (event == WATCH_PROGRESS)
		snprintf(progress, sizeof(progress), "%.*s", (int)news.len, news.data);
	else
		ck_assert_ptr_null(news.data);
	if (letters[event] == unwatch_at)
		remote.unwatch(remote.self, opened);
}

static int try_watch(const struct plan *plan, struct error *error)
{
	const struct step_input input = input_of(STEP_EVENTS);

	return remote.watch(remote.self, plan, &input, on_event, NULL, &opened, error);
}

static void watch(const struct plan *plan)
{
	struct error error = { 0 };

	ck_assert_msg(try_watch(plan, &error) == 0, "%s", error.message);
	ck_assert_uint_eq(n_told, 0);
}

/* Send, and run until it was told, this and no more. */
static void expect(const char *text, const char *what)
{
	n_told = 0;
	memset(told, 0, sizeof(told));
	send_text(text);
	run_until(n_told >= strlen(what));
	run_a_little();
	ck_assert_str_eq(told, what);
}

START_TEST(an_event_wakes)
{
	struct plan *plan = make_plan(SPEC(""), "\"job\": 7");

	ck_assert(plan->has_events);
	watch(plan);
	run_until(stream);
	ck_assert_str_eq(lines[0], "GET /jobs/7/events");
	expect(": keep-alive\n\nevent: x\nid: 1\n\ndata: {\"a\": 1}\n\n", "w");
	expect("data: not json\n\n", "w");
	/* cut anywhere; and many at once are one */
	send_text("da");
	run_a_little();
	send_text("ta: 1\r\n\r");
	expect("\ndata: 2\n\ndata: 3\n\ndata: 4", "w");
	expect("\n\n", "w");
	remote.unwatch(remote.self, opened);
	run_until(gone == 1);
	remote.plan_free(remote.self, plan);
}
END_TEST

START_TEST(only_some_events_wake_and_some_have_news)
{
	struct plan *plan = make_plan(SPEC(", \"wake\": {\"/done\": {\"exists\": true}}, \"progress\": \"/percent\""),
	    "\"job\": 7");

	watch(plan);
	run_until(stream);
	expect("data: {\"percent\": 1}\n\ndata: {\"percent\": 2}\n\ndata: 1\n\ndata: no\n\ndata: {\"done\": null}\n\n", "p");
	ck_assert_str_eq(progress, "2");
	expect("data: {\"done\": true, \"percent\":\ndata: [3]}\n\ndata: {}\n\n", "pw");
	ck_assert_str_eq(progress, "[3]");
	expect("data: {\"done\": true}\n\n", "w");
	expect("data: {\"percent\": 5}\n\n", "p");
	remote.unwatch(remote.self, opened);
	remote.plan_free(remote.self, plan);
}
END_TEST

START_TEST(what_is_too_long_to_be_read_wakes)
{
	struct plan *plan = make_plan(SPEC(", \"wake\": {\"/done\": true}"), "\"job\": 7");
	char *text = malloc(REMOTE_EVENT_MAX + 100);
	int len = sprintf(text, "data: \"");

	memset(text + len, 'x', REMOTE_EVENT_MAX);
	strcpy(text + len + REMOTE_EVENT_MAX, "\"\n\n");
	watch(plan);
	run_until(stream);
	expect(text, "w");
	expect("data: {\"done\": true}\n\n", "w");
	remote.unwatch(remote.self, opened);
	remote.plan_free(remote.self, plan);
	free(text);
}
END_TEST

START_TEST(a_stream_that_ends)
{
	struct plan *plan = make_plan(SPEC(""), "\"job\": 7");

	watch(plan);
	run_until(stream);
	send_text("data: 1\n\ndata: never finished\n");
	end_stream();
	run_until(n_told >= 2);
	run_a_little();
	ck_assert_str_eq(told, "wc");
	/* and one that breaks */
	n_told = 0;
	watch(plan);
	run_until(requests == 2 && stream);
	expect("data: 1\n\n", "w");
	evhttp_connection_free(evhttp_request_get_connection(take_stream()));
	run_until(n_told > 1);
	ck_assert_str_eq(told, "wc");
	remote.plan_free(remote.self, plan);
}
END_TEST

START_TEST(what_is_no_stream_of_events)
{
	static const struct {
		int status;
		const char *type;
	} rows[] = {
		{ 404, NULL }, { 204, NULL }, { 500, NULL }, { 302, NULL }, { 200, "application/json" }, { 200, NULL },
		{ 200, "text/event-streams" },
	};
	struct plan *plan = make_plan(SPEC(""), "\"job\": 7");

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		status = rows[i].status;
		type = rows[i].type;
		n_told = 0;
		memset(told, 0, sizeof(told));
		watch(plan);
		run_until(requests == i + 1);
		if (stream)
			send_text("data: 1\n\n");
		run_until(n_told > 0);
		run_a_little();
		ck_assert_msg(strcmp(told, "c") == 0, "row %zu: %s", i, told);
	}
	port = 1;
	remote.plan_free(remote.self, plan);
	plan = make_plan(SPEC(""), "\"job\": 7");
	n_told = 0;
	watch(plan);
	run_until(n_told > 0);
	ck_assert_str_eq(told, "c");
	remote.plan_free(remote.self, plan);
}
END_TEST

START_TEST(a_stream_that_is_silent_is_given_up)
{
	struct plan *plan = make_plan(SPEC(", \"idle\": 1"), "\"job\": 7");

	watch(plan);
	run_until(stream);
	expect(":\n", "");
	run_until(n_told > 0);
	ck_assert_str_eq(told, "c");
	run_until(gone == 1);
	remote.plan_free(remote.self, plan);
}
END_TEST

START_TEST(so_many_and_no_more)
{
	struct watch *watches[LOOPBACK_STREAMS_MAX];
	struct plan *plan = make_plan(SPEC(""), "\"job\": 7");

	for (size_t i = 0; i < LOOPBACK_STREAMS_MAX; i++) {
		watch(plan);
		watches[i] = opened;
	}
	run_until(requests == LOOPBACK_STREAMS_MAX);
	ck_assert_int_eq(try_watch(plan, NULL), -EBUSY);
	remote.unwatch(remote.self, watches[1]);
	watch(plan);
	ck_assert_int_eq(try_watch(plan, NULL), -EBUSY);
	/* one that closes makes room too */
	run_until(requests == LOOPBACK_STREAMS_MAX + 1 && stream);
	end_stream();
	run_until(n_told > 0);
	n_told = 0;
	watch(plan);
	/* those that are open are left to poller_free */
	remote.plan_free(remote.self, plan);
}
END_TEST

START_TEST(given_up_within_the_callback)
{
	struct plan *plan = make_plan(SPEC(", \"progress\": \"/p\""), "\"job\": 7");
	static const char *const expected[] = { "p", "pw", "pwc" };

	for (size_t i = 0; i < 3; i++) {
		unwatch_at = "pwc"[i];
		n_told = 0;
		stream = NULL;
		memset(told, 0, sizeof(told));
		watch(plan);
		run_until(stream);
		send_text("data: {\"p\": 1}\n\n");
		if (unwatch_at == 'c')
			end_stream();
		run_until(n_told >= strlen(expected[i]));
		run_a_little();
		ck_assert_str_eq(told, expected[i]);
	}
	remote.plan_free(remote.self, plan);
	for (size_t i = 0; i < LOOPBACK_STREAMS_MAX; i++) {
		plan = make_plan(SPEC(""), "\"job\": 7");
		n_told = 0;
		watch(plan);
		remote.unwatch(remote.self, opened);
		remote.plan_free(remote.self, plan);
	}
}
END_TEST

START_TEST(a_captured_value_in_the_url)
{
	struct step_input input = input_of(STEP_EVENTS);
	struct plan *plan = make_plan("{\"base\": \"{base}\", \"poll\": {\"url\": \"/\", \"capture\": {\"job\": {\"body\": "
	    "\"\"}}}, \"events\": {\"url\": \"/{job}\"}}", "");
	struct error error = { 0 };

	ck_assert_int_lt(try_watch(plan, &error), 0);
	ck_assert_str_eq(error.message, "events.url: {job} has no value");
	input.captured = "{\"job\": \"a/b\"}";
	ck_assert_int_eq(remote.watch(remote.self, plan, &input, on_event, NULL, &opened, NULL), 0);
	run_until(requests == 1);
	ck_assert_str_eq(lines[0], "GET /a%2Fb");
	remote.unwatch(remote.self, opened);
	remote.unwatch(remote.self, NULL);
	remote.plan_free(remote.self, plan);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("watch");
	Suite *suite = suite_create("watch");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_event_wakes);
	tcase_add_test(tcase, only_some_events_wake_and_some_have_news);
	tcase_add_test(tcase, what_is_too_long_to_be_read_wakes);
	tcase_add_test(tcase, a_stream_that_ends);
	tcase_add_test(tcase, what_is_no_stream_of_events);
	tcase_add_test(tcase, a_stream_that_is_silent_is_given_up);
	tcase_add_test(tcase, so_many_and_no_more);
	tcase_add_test(tcase, given_up_within_the_callback);
	tcase_add_test(tcase, a_captured_value_in_the_url);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
