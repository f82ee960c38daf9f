/* test_sse.c - server-sent events: the standard's grammar, in pieces of any size, and its bounds. */
#include "daemon/remote/sse.h"
#include "daemon/remote/limits.h"
#include "tests/draw.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was told, written down: "TYPE|ID|DATA" and a ';' for each event, newlines of data as '/'. */
static char told[65536];
static size_t told_len;
static int answer;

static void put(const char *data, size_t len)
{
	/* not an assertion of Check, which writes down each that holds */
	if (told_len + len >= sizeof(told))
		ck_abort_msg("too much was told");
	for (size_t i = 0; i < len; i++)
		told[told_len++] = data[i] == '\n' ? '/' : data[i] == '\0' ? '0' : data[i];
	told[told_len] = '\0';
}

static int on_event(void *arg, const struct sse_event *event)
{
	put(event->type.data, event->type.len);
	put("|", 1);
	put(event->id.data, event->id.len);
	put("|", 1);
	put(event->data.data, event->data.len);
	put(event->cut ? "...;" : ";", event->cut ? 4 : 1);
	return answer;
}

static void setup(void)
{
	told_len = 0;
	told[0] = '\0';
	answer = 0;
}

/* Read a stream in pieces of at most piece bytes; of random sizes when there is a seed. Returns what it says of retry. */
static uint64_t read_stream(const char *stream, size_t len, size_t piece, uint64_t *seed)
{
	struct sse sse;
	uint64_t retry;

	setup();
	sse_init(&sse, on_event, NULL);
	for (size_t at = 0; at < len;) {
		size_t n = seed ? draw(seed) % piece + 1 : piece;
		/* of its own size, so that a sanitizer sees a byte read beyond it */
		char *copy = malloc(n);

		n = n < len - at ? n : len - at;
		memcpy(copy, stream + at, n);
		if (sse_feed(&sse, copy, n) != 0)
			ck_abort_msg("a piece was refused");
		free(copy);
		at += n;
	}
	retry = sse_retry_ms(&sse);
	sse_done(&sse);
	return retry;
}

#define S(text) text, sizeof(text) - 1

static const struct {
	const char *stream;
	size_t len;
	const char *told;
} streams[] = {
	/* the examples of the standard */
	{ S("data: YHOO\ndata: +2\ndata: 10\n\n"), "message||YHOO/+2/10;" },
	{ S(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"),
	  "message|1|first event;message||second event;message|| third event;" },
	{ S("data\n\ndata\ndata\n\ndata:"), "message||;message||/;" },
	{ S("data:test\n\ndata: test\n\n"), "message||test;message||test;" },
	{ S("event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n"), "add||73857293;remove||2153;" },
	/* ends of lines */
	{ S("data: a\r\rdata: b\r\n\r\ndata: c\n\n"), "message||a;message||b;message||c;" },
	{ S("data: a\r\ndata: b\rdata: c\ndata: d\r\n\n"), "message||a/b/c/d;" },
	{ S("data: a\n\rdata: b\r\r\n"), "message||a;message||b;" },
	{ S("\r\n\r\n\n\r"), "" },
	{ S("data: no end"), "" },
	{ S("data: no empty line\n"), "" },
	/* the mark at the beginning, and what only looks like one */
	{ S("\xef\xbb\xbf" "data: a\n\n"), "message||a;" },
	{ S("\xef\xbb\xbf\xef\xbb\xbf" "data: a\n\ndata: b\n\n"), "message||b;" },
	{ S("\xef\xbb" "data: a\n\ndata: b\n\n"), "message||b;" },
	{ S("\xef\xbb:\ndata: b\n\n"), "message||b;" },
	{ S("data: \xef\xbb\xbf\n\n"), "message||\xef\xbb\xbf;" },
	/* fields */
	{ S(":\n:comment\n: data: x\n :data: y\n\n"), "" },
	{ S("data : a\nDATA: b\ndatas: c\ndat: d\nverylongname: e\ndata: f\n\n"), "message||f;" },
	{ S("data: a:b: c\n\n"), "message||a:b: c;" },
	{ S("event: x\n\ndata: a\n\n"), "message||a;" },
	{ S("event: x\nevent\ndata: a\n\n"), "message||a;" },
	{ S("event: x\nevent: y\ndata: a\n\ndata: b\n\n"), "y||a;message||b;" },
	{ S("id: 7\n\ndata: a\n\nid: 8\ndata: b\n\ndata: c\n\n"), "message|7|a;message|8|b;message|8|c;" },
	{ S("id: 7\nid: 8\0 9\ndata: a\n\n"), "message|7|a;" },
	{ S("data: a\0b\n\n"), "message||a0b;" },
	{ S("data:\ndata:\n\n"), "message||/;" },
};

START_TEST(the_grammar_in_pieces_of_any_size)
{
	for (size_t i = 0; i < sizeof(streams) / sizeof(*streams); i++) {
		for (size_t piece = 1; piece <= streams[i].len; piece++) {
			read_stream(streams[i].stream, streams[i].len, piece, NULL);
			ck_assert_msg(strcmp(told, streams[i].told) == 0, "stream %zu by %zu: \"%s\", not \"%s\"", i, piece,
			    told, streams[i].told);
		}
	}
}
END_TEST

START_TEST(when_to_come_back)
{
	static const struct {
		const char *stream;
		uint64_t ms;
	} retries[] = {
		{ "data: a\n\n", 0 }, { "retry: 1500\n", 1500 }, { "retry: 1500\nretry: 1s\n\n", 1500 },
		{ "retry: -1\n", 0 }, { "retry:\n", 0 }, { "retry: 5", 0 }, { "retry: 5\n\nretry: 07\n", 7 },
		{ "retry: 5\nretry\nretry:\n\n", 5 },
	};

	for (size_t i = 0; i < sizeof(retries) / sizeof(*retries); i++)
		ck_assert_uint_eq(read_stream(retries[i].stream, strlen(retries[i].stream), 3, NULL), retries[i].ms);
	ck_assert_uint_gt(read_stream(S("retry: 99999999999999999999999\n"), 3, NULL), 1000000000000);
}
END_TEST

START_TEST(an_event_is_told_as_soon_as_its_line_ends)
{
	struct sse sse;

	sse_init(&sse, on_event, NULL);
	ck_assert_int_eq(sse_feed(&sse, S("data: a\r\n\r")), 0);
	ck_assert_str_eq(told, "message||a;");
	ck_assert_int_eq(sse_feed(&sse, S("\ndata: b\n\n")), 0);
	ck_assert_str_eq(told, "message||a;message||b;");
	answer = -ECANCELED;
	ck_assert_int_eq(sse_feed(&sse, S("data: c\n\ndata: d\n\n")), -ECANCELED);
	ck_assert_str_eq(told, "message||a;message||b;message||c;");
	sse_done(&sse);
}
END_TEST

static char last_type[16];
static size_t last_len;
static bool last_cut;
static unsigned events;

static int measure(void *arg, const struct sse_event *event)
{
	ck_assert_uint_le(event->type.len, REMOTE_EVENT_NAME_MAX);
	ck_assert_uint_le(event->id.len, REMOTE_EVENT_NAME_MAX);
	snprintf(last_type, sizeof(last_type), "%.*s", (int)event->type.len, event->type.data);
	last_len = event->data.len;
	last_cut = event->cut;
	events++;
	return 0;
}

static void feed_many(struct sse *sse, const char *text, size_t times)
{
	for (size_t i = 0; i < times; i++)
		if (sse_feed(sse, text, strlen(text)) != 0)
			ck_abort_msg("a piece was refused");
}

START_TEST(what_is_too_long_is_cut_and_the_stream_goes_on)
{
	struct sse sse;

	sse_init(&sse, measure, NULL);
	feed_many(&sse, "data: ", 1);
	feed_many(&sse, "12345678", REMOTE_EVENT_MAX / 8);
	feed_many(&sse, "\n\n", 1);
	ck_assert(events == 1 && last_len == REMOTE_EVENT_MAX && !last_cut);
	feed_many(&sse, "data: ", 1);
	feed_many(&sse, "1234567", REMOTE_EVENT_MAX / 7 + 1);
	feed_many(&sse, "\n\n", 1);
	ck_assert(events == 2 && last_len == REMOTE_EVENT_MAX && last_cut);
	feed_many(&sse, "data: 1\n", REMOTE_EVENT_MAX);
	feed_many(&sse, "\n", 1);
	ck_assert(events == 3 && last_len == REMOTE_EVENT_MAX && last_cut);
	/* neither a comment, nor a name without end, nor a field that is not known takes memory */
	feed_many(&sse, ":", 1);
	feed_many(&sse, "comment", REMOTE_EVENT_MAX);
	feed_many(&sse, "\n", 1);
	feed_many(&sse, "name", REMOTE_EVENT_MAX);
	feed_many(&sse, "\nunknown:", 1);
	feed_many(&sse, "value", REMOTE_EVENT_MAX);
	ck_assert_uint_eq(sse.data.cap + sse.value.cap + sse.type.cap + sse.id.cap, 0);
	feed_many(&sse, "\nevent: ", 1);
	feed_many(&sse, "type", REMOTE_EVENT_NAME_MAX);
	feed_many(&sse, "\nid: ", 1);
	feed_many(&sse, "id", REMOTE_EVENT_NAME_MAX);
	feed_many(&sse, "\ndata: end\n\n", 1);
	ck_assert(events == 4 && last_len == 3 && !last_cut);
	ck_assert_str_eq(last_type, "message");
	feed_many(&sse, "event: short\ndata: end\n\n", 1);
	ck_assert_str_eq(last_type, "short");
	sse_done(&sse);
}
END_TEST

/* The standard's words taken literally: the whole text, line by line. Appends to expected as on_event() does to told. */
static void model(const char *at, const char *end, char *expected)
{
	char data[4096] = "", type[4096] = "", id[4096] = "", value[4096];

	while (at < end) {
		size_t n = strcspn(at, "\r\n"), name;

		if (at + n >= end)
			return;
		name = n;
		for (size_t i = n; i > 0; i--)
			if (at[i - 1] == ':')
				name = i - 1;
		snprintf(value, sizeof(value), "%.*s", name < n ? (int)(n - name - 1) : 0, at + name + 1);
		if (value[0] == ' ')
			memmove(value, value + 1, strlen(value));
		if (n == 0 && data[0]) {
			data[strlen(data) - 1] = '\0';
			sprintf(expected + strlen(expected), "%s|%s|%s;", type[0] ? type : "message", id, data);
		}
		if (n == 0)
			data[0] = type[0] = '\0';
		if (name == 4 && memcmp(at, "data", 4) == 0)
			strcat(strcat(data, value), "/");
		if (name == 5 && memcmp(at, "event", 5) == 0)
			strcpy(type, value);
		if (name == 2 && memcmp(at, "id", 2) == 0)
			strcpy(id, value);
		at += n + (at[n] == '\r' && at[n + 1] == '\n' ? 2 : 1);
	}
}

START_TEST(random_streams_mean_what_the_standard_says)
{
	static const char *const pieces[] = { "data", "event", "id", ":", ": ", " ", "\n", "\r", "\r\n", "\n\n", "x", "{}",
		"data: 1\n", "id: 2\r\n", "event: e\r", ":ping\n\n" };
	static char stream[4096], expected[65536];
	uint64_t seed = 20240229;

	for (unsigned round = 0; round < 20000; round++) {
		size_t n = draw(&seed) % 60, len;

		stream[0] = expected[0] = '\0';
		while (n-- > 0)
			strcat(stream, pieces[draw(&seed) % (sizeof(pieces) / sizeof(*pieces))]);
		len = strlen(stream);
		model(stream, stream + len, expected);
		read_stream(stream, len, 1 + draw(&seed) % 12, &seed);
		ck_assert_msg(strcmp(told, expected) == 0, "round %u: \"%s\" told \"%s\", not \"%s\"", round, stream, told,
		    expected);
	}
}
END_TEST

START_TEST(random_bytes_mean_the_same_in_any_pieces)
{
	static const char alphabet[] = "\xef\xbb\xbf\r\n: datevinr0\0";
	static char stream[512], whole[sizeof(told)];
	uint64_t seed = 7;

	for (unsigned round = 0; round < 20000; round++) {
		size_t len = draw(&seed) % sizeof(stream) + 1;

		for (size_t i = 0; i < len; i++)
			stream[i] = alphabet[draw(&seed) % sizeof(alphabet)];
		read_stream(stream, len, len, NULL);
		memcpy(whole, told, told_len + 1);
		read_stream(stream, len, 1 + draw(&seed) % 20, &seed);
		ck_assert_str_eq(told, whole);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sse");
	TCase *tcase = tcase_create("sse");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, the_grammar_in_pieces_of_any_size);
	tcase_add_test(tcase, when_to_come_back);
	tcase_add_test(tcase, an_event_is_told_as_soon_as_its_line_ends);
	tcase_add_test(tcase, what_is_too_long_is_cut_and_the_stream_goes_on);
	tcase_add_test(tcase, random_streams_mean_what_the_standard_says);
	tcase_add_test(tcase, random_bytes_mean_the_same_in_any_pieces);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
