/* test_id.c - ids are UUIDv7, strictly increasing whatever the clock does, and survive their text. */
#include "proto/id.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t zeros[8];
static const uint8_t ones[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static struct id id_from(const char *text)
{
	struct id id;

	ck_assert_int_eq(id_parse(text, strlen(text), &id), 0);
	return id;
}

static void assert_text(const struct id *id, const char *expected)
{
	char text[ID_TEXT_LEN + 1];

	id_format(id, text);
	ck_assert_str_eq(text, expected);
}

START_TEST(layout_is_uuid_version_7)
{
	struct id_source source = { 0 };
	const uint8_t random[8] = { 0xc1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	struct id id;

	id_next(&source, UINT64_C(0x0123456789ab), random, &id);
	assert_text(&id, "01234567-89ab-7000-8123-456789abcdef");
	id_next(&source, UINT64_C(0x0123456789ab), ones, &id);
	assert_text(&id, "01234567-89ab-7001-bfff-ffffffffffff");
}
END_TEST

START_TEST(increasing_within_a_millisecond)
{
	struct id_source source = { 0 };
	struct id last, id;

	id_next(&source, 1000, ones, &last);
	for (int i = 0; i < 10000; i++) {
		id_next(&source, 1000, i % 2 ? zeros : ones, &id);
		ck_assert_int_gt(id_compare(&id, &last), 0);
		ck_assert_uint_eq(id.bytes[6] >> 4, 7);
		ck_assert_uint_eq(id.bytes[8] >> 6, 2);
		last = id;
	}
}
END_TEST

START_TEST(full_counter_borrows_a_millisecond)
{
	struct id_source source = { .last_ms = 1000, .counter = 0xffe };
	struct id id;

	id_next(&source, 1000, zeros, &id);
	assert_text(&id, "00000000-03e8-7fff-8000-000000000000");
	id_next(&source, 1000, zeros, &id);
	assert_text(&id, "00000000-03e9-7000-8000-000000000000");
	id_next(&source, 1001, zeros, &id);
	assert_text(&id, "00000000-03e9-7001-8000-000000000000");
	id_next(&source, 1002, zeros, &id);
	assert_text(&id, "00000000-03ea-7000-8000-000000000000");
}
END_TEST

START_TEST(increasing_when_the_clock_steps_back)
{
	static const uint64_t times[] = { 5000, 4000, 0, 5000, 5001, 1, 1, 5002, 4999 };
	struct id_source source = { 0 };
	struct id last, id;

	id_next(&source, 5000, ones, &last);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		id_next(&source, times[i], zeros, &id);
		ck_assert_int_gt(id_compare(&id, &last), 0);
		last = id;
	}
	ck_assert_uint_eq(source.last_ms, 5002);
}
END_TEST

START_TEST(clock_beyond_48_bits_is_not_believed)
{
	struct id_source source = { .last_ms = 5000 };
	struct id id;

	id_next(&source, UINT64_MAX, zeros, &id);
	assert_text(&id, "00000000-1388-7001-8000-000000000000");
}
END_TEST

START_TEST(continues_after_the_greatest_stored_id)
{
	struct id stored = id_from("00000000-1388-7041-bfff-ffffffffffff");
	struct id older = id_from("00000000-1388-7040-bfff-ffffffffffff");
	struct id_source source = { 0 };
	struct id id;

	id_source_seen(&source, &stored);
	id_source_seen(&source, &older);
	id_next(&source, 17, zeros, &id);
	ck_assert_int_gt(id_compare(&id, &stored), 0);
	assert_text(&id, "00000000-1388-7042-8000-000000000000");

	/* A stored id of the past changes nothing. */
	id_next(&source, 6000, zeros, &id);
	id_source_seen(&source, &stored);
	ck_assert_uint_eq(source.last_ms, 6000);
}
END_TEST

START_TEST(text_survives_both_ways)
{
	struct id id;

	for (int i = 0; i < ID_BYTES; i++)
		id.bytes[i] = (uint8_t)(i * 17);
	assert_text(&id, "00112233-4455-6677-8899-aabbccddeeff");
	ck_assert_int_eq(memcmp(id_from("00112233-4455-6677-8899-AABBccddEEFF").bytes, id.bytes, ID_BYTES), 0);
}
END_TEST

START_TEST(bad_text_is_refused)
{
	static const char *const bad[] = {
		"",
		"00112233-4455-6677-8899-aabbccddeef",
		"00112233-4455-6677-8899-aabbccddeeff0",
		"00112233445566778899aabbccddeeff0000",
		"00112233-4455-6677-8899_aabbccddeeff",
		"0011223-34455-6677-8899-aabbccddeeff",
		"g0112233-4455-6677-8899-aabbccddeeff",
		"00112233-4455-6677-8899-aabbccddeef:",
		"{0112233-4455-6677-8899-aabbccddeef}",
	};
	struct id id, untouched;

	memset(&id, 0x5a, sizeof(id));
	untouched = id;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(id_parse(bad[i], strlen(bad[i]), &id), -EINVAL);
		ck_assert_int_eq(id_compare(&id, &untouched), 0);
	}
}
END_TEST

START_TEST(compare_is_unsigned)
{
	struct id low = id_from("7fffffff-ffff-7fff-bfff-ffffffffffff");
	struct id high = id_from("80000000-0000-7000-8000-000000000000");

	ck_assert_int_lt(id_compare(&low, &high), 0);
	ck_assert_int_gt(id_compare(&high, &low), 0);
	ck_assert_int_eq(id_compare(&low, &low), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proto/id");
	TCase *tcase = tcase_create("id");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, layout_is_uuid_version_7);
	tcase_add_test(tcase, increasing_within_a_millisecond);
	tcase_add_test(tcase, full_counter_borrows_a_millisecond);
	tcase_add_test(tcase, increasing_when_the_clock_steps_back);
	tcase_add_test(tcase, clock_beyond_48_bits_is_not_believed);
	tcase_add_test(tcase, continues_after_the_greatest_stored_id);
	tcase_add_test(tcase, text_survives_both_ways);
	tcase_add_test(tcase, bad_text_is_refused);
	tcase_add_test(tcase, compare_is_unsigned);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
