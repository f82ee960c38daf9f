/* test_scan.c - where messages end, what is refused and with which words, whatever the reads are. */
#include "proto/scan.h"

#include "tests/proto/corpus.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct scan_limits limits = {
	.bytes = PROTO_MESSAGE_MAX, .depth = PROTO_DEPTH_MAX, .items = PROTO_ITEMS_MAX,
};

/* Feed bytes in steps of step; *ret_used counts all of them. */
static int feed_in_steps(struct scan *scan, const uint8_t *bytes, size_t len, size_t step, size_t *ret_used)
{
	size_t at = 0;
	int r = 0;

	while (r == 0 && at < len) {
		size_t n = len - at < step ? len - at : step, used = SIZE_MAX;
		/* A copy of its own, so that a look beyond what was fed is seen. */
		uint8_t *copy = malloc(n);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, bytes + at, n);
		r = scan_feed(scan, copy, n, &used);
		free(copy);
		if (r < 0)
			break;
		ck_assert_uint_le(used, n);
		if (r == 0)
			ck_assert_uint_eq(used, n);
		at += used;
	}
	*ret_used = at;
	return r;
}

/* Check bytes against what name and reason promise, for one step size. */
static void check_frame(const struct frame *frame, size_t step)
{
	struct scan scan;
	size_t used;
	int r;

	scan_init(&scan, &limits);
	r = feed_in_steps(&scan, frame->bytes, frame->len, step, &used);
	switch (frame->name[0]) {
	case 'y':
		ck_assert_msg(r == 1 && used == frame->len, "%s by %zu: %d after %zu: %s", frame->name, step, r, used,
		    scan_reason(&scan));
		ck_assert_uint_eq(scan_pending(&scan), 0);
		ck_assert_str_eq(scan_reason(&scan), "");
		break;
	case 'i':
		ck_assert_msg(r == 0 && used == frame->len, "%s by %zu: %d after %zu", frame->name, step, r, used);
		ck_assert_uint_eq(scan_pending(&scan), frame->len);
		ck_assert_str_eq(scan_reason(&scan), "");
		break;
	case 'n':
		ck_assert_msg(r == -EBADMSG || r == -EMSGSIZE, "%s by %zu: %d", frame->name, step, r);
		ck_assert_msg(strcmp(scan_reason(&scan), frame->reason) == 0, "%s by %zu: \"%s\"", frame->name, step,
		    scan_reason(&scan));
		ck_assert_int_eq(r, strstr(frame->reason, "not msgpack") ? -EBADMSG : -EMSGSIZE);
		break;
	default:
		ck_abort_msg("%s", frame->name);
	}
}

START_TEST(corpus_in_every_step_size)
{
	size_t count;
	struct frame *frames = corpus_read(CORPUS_DIR "/scan", &count);

	for (size_t i = 0; i < count; i++)
		for (size_t step = 1; step <= frames[i].len; step++)
			check_frame(&frames[i], step);
	corpus_free(frames, count);
}
END_TEST

START_TEST(good_frames_end_nowhere_earlier)
{
	size_t count;
	struct frame *frames = corpus_read(CORPUS_DIR "/scan", &count);

	for (size_t i = 0; i < count; i++) {
		struct scan scan;
		size_t used;

		if (frames[i].name[0] != 'y')
			continue;
		scan_init(&scan, &limits);
		ck_assert_int_eq(scan_feed(&scan, frames[i].bytes, frames[i].len - 1, &used), 0);
		ck_assert_uint_eq(scan_pending(&scan), frames[i].len - 1);
	}
	corpus_free(frames, count);
}
END_TEST

START_TEST(nothing_fed_is_nothing_seen)
{
	struct scan scan;
	size_t used = 7;

	scan_init(&scan, &limits);
	ck_assert_int_eq(scan_feed(&scan, "", 0, &used), 0);
	ck_assert_uint_eq(used, 0);
	ck_assert_uint_eq(scan_pending(&scan), 0);
}
END_TEST

START_TEST(pipelined_messages_end_one_by_one)
{
	static const uint8_t bytes[] = { 0x93, 0x02, 0xa1, 'a', 0x90, 0xc0, 0x91, 0x81, 0x01, 0x02, 0x92, 0x01 };
	static const size_t ends[] = { 5, 1, 4 };
	struct scan scan;
	size_t at = 0, used;

	scan_init(&scan, &limits);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(scan_feed(&scan, bytes + at, sizeof(bytes) - at, &used), 1);
		ck_assert_uint_eq(used, ends[i]);
		at += used;
	}
	ck_assert_int_eq(scan_feed(&scan, bytes + at, sizeof(bytes) - at, &used), 0);
	ck_assert_uint_eq(scan_pending(&scan), 2);
}
END_TEST

START_TEST(failure_sticks)
{
	struct scan scan;
	size_t used = 77;

	scan_init(&scan, &limits);
	ck_assert_int_eq(scan_feed(&scan, "\x92\xc1", 2, &used), -EBADMSG);
	ck_assert_str_eq(scan_reason(&scan), "0xc1 at byte 1 is not msgpack");
	ck_assert_int_eq(scan_feed(&scan, "\xc0", 1, &used), -EBADMSG);
	ck_assert_int_eq(scan_feed(&scan, "", 0, &used), -EBADMSG);
	ck_assert_uint_eq(used, 77);
	ck_assert_str_eq(scan_reason(&scan), "0xc1 at byte 1 is not msgpack");

	scan_init(&scan, &limits);
	ck_assert_int_eq(scan_feed(&scan, "\xdd\xff\xff\xff\xff", 5, &used), -EMSGSIZE);
	ck_assert_int_eq(scan_feed(&scan, "\xc0", 1, &used), -EMSGSIZE);
	scan_init(&scan, &limits);
	ck_assert_int_eq(scan_feed(&scan, "\xc0", 1, &used), 1);
}
END_TEST

START_TEST(limits_are_per_message)
{
	static const struct scan_limits small = { .bytes = 4, .depth = 2, .items = 4 };
	struct scan scan;
	size_t used;

	scan_init(&scan, &small);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(scan_feed(&scan, "\x92\x91\xc0\xc0", 4, &used), 1);
		ck_assert_uint_eq(used, 4);
	}
}
END_TEST

/* What the small limits below say to each of these. */
START_TEST(limits_are_exact)
{
	static const struct scan_limits small = { .bytes = 8, .depth = 2, .items = 6 };
	static const struct {
		const char *bytes;
		size_t len;
		const char *reason;      /* NULL: good */
	} cases[] = {
		{ "\xa7" "1234567", 8, NULL },
		{ "\xa8", 1, "str of 8 bytes at byte 0 (at most 8 bytes in a message)" },
		{ "\x92\xa5" "12345\xc0", 8, NULL },
		{ "\x92\xa6" "123456\xc0", 9, "message goes on at byte 8 (at most 8 bytes in a message)" },
		{ "\x95\xc0\xc0\xc0\xc0\xc0", 6, NULL },
		{ "\x96", 1, "array of 6 elements at byte 0 (at most 6 objects in a message)" },
		{ "\x82\x01\x02\x03\x04", 5, NULL },
		{ "\x83", 1, "map of 3 pairs at byte 0 (at most 6 objects in a message)" },
		{ "\x91\x90", 2, NULL },
		{ "\x91\x91\xc0", 3, NULL },
		{ "\x91\x91\x90", 3, "array at byte 2 is nested 3 deep (at most 2)" },
		{ "\x91\x91\x80", 3, "map at byte 2 is nested 3 deep (at most 2)" },
		{ "\x92\xa5" "12345\x91", 8, "array of 1 elements at byte 7 (at most 8 bytes in a message)" },
		{ "\x92\xa4" "1234\x81", 7, "map of 1 pairs at byte 6 (at most 8 bytes in a message)" },
		{ "\x92\xa2" "12\xcb", 5, "float of 8 bytes at byte 4 (at most 8 bytes in a message)" },
		{ "\x91\xd5", 2, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scan scan;
		size_t used;
		int r;

		scan_init(&scan, &small);
		r = feed_in_steps(&scan, (const uint8_t *)cases[i].bytes, cases[i].len, 1, &used);
		ck_assert_str_eq(scan_reason(&scan), cases[i].reason ? cases[i].reason : "");
		if (cases[i].reason)
			ck_assert_int_eq(r, -EMSGSIZE);
		else
			ck_assert_int_ge(r, 0);
	}
}
END_TEST

START_TEST(largest_message_byte_by_byte)
{
	size_t len = PROTO_MESSAGE_MAX, used;
	uint8_t *bytes = malloc(len);
	struct scan scan;

	/* An array of four: one bin, then nil, nil, nil. Byte by byte this takes milliseconds; looking at
	 * each read from the message's start would take hours, and the test would run out of time. */
	ck_assert_ptr_nonnull(bytes);
	memset(bytes, 0xc0, len);
	memcpy(bytes, "\x94\xc6", 2);
	for (int i = 0; i < 4; i++)
		bytes[2 + i] = (uint8_t)((len - 9) >> (24 - 8 * i));
	scan_init(&scan, &limits);
	for (size_t i = 0; i < len - 1; i++)
		if (scan_feed(&scan, bytes + i, 1, &used) != 0 || used != 1)
			ck_abort_msg("byte %zu: %s", i, scan_reason(&scan));
	ck_assert_uint_eq(scan_pending(&scan), len - 1);
	ck_assert_int_eq(scan_feed(&scan, bytes + len - 1, 1, &used), 1);
	free(bytes);
}
END_TEST

START_TEST(most_objects_byte_by_byte)
{
	size_t len = 3 + PROTO_ITEMS_MAX - 1, used;
	uint8_t *bytes = malloc(len);
	struct scan scan;

	ck_assert_ptr_nonnull(bytes);
	memset(bytes, 0x00, len);
	memcpy(bytes, "\xdc\xff\xff", 3);
	scan_init(&scan, &limits);
	ck_assert_int_eq(feed_in_steps(&scan, bytes, len, 1, &used), 1);
	ck_assert_uint_eq(used, len);

	/* One of them is a container: one object too many. */
	bytes[len - 1] = 0x91;
	ck_assert_int_eq(feed_in_steps(&scan, bytes, len, 1000, &used), -EMSGSIZE);
	ck_assert_str_eq(scan_reason(&scan), "array of 1 elements at byte 65537 (at most 65536 objects in a message)");
	free(bytes);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proto/scan");
	TCase *tcase = tcase_create("scan");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, corpus_in_every_step_size);
	tcase_add_test(tcase, good_frames_end_nowhere_earlier);
	tcase_add_test(tcase, nothing_fed_is_nothing_seen);
	tcase_add_test(tcase, pipelined_messages_end_one_by_one);
	tcase_add_test(tcase, failure_sticks);
	tcase_add_test(tcase, limits_are_per_message);
	tcase_add_test(tcase, limits_are_exact);
	tcase_add_test(tcase, largest_message_byte_by_byte);
	tcase_add_test(tcase, most_objects_byte_by_byte);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
