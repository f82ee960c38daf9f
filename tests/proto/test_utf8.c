/* test_utf8.c - what is valid UTF-8, at every edge of RFC 3629's table. */
#include "proto/utf8.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Encode any number below 2^21 as UTF-8 would, in len bytes, valid or not. */
static size_t encode(uint32_t code, size_t len, char *ret)
{
	static const uint8_t marks[] = { 0, 0x00, 0xc0, 0xe0, 0xf0 };

	for (size_t i = len - 1; i > 0; i--) {
		ret[i] = (char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	ret[0] = (char)(marks[len] | code);
	return len;
}

/* How many bytes UTF-8 gives to code. */
static size_t encoded_len(uint32_t code)
{
	return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

START_TEST(every_code_point)
{
	for (uint32_t code = 0; code < 0x200000; code++) {
		char text[4];
		size_t len = encode(code, encoded_len(code), text);
		int valid = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);

		if (utf8_valid_len(text, len) != (valid ? len : 0))
			ck_abort_msg("U+%X", code);
	}
}
END_TEST

START_TEST(overlong_forms_are_refused)
{
	for (uint32_t code = 0; code < 0x10000; code++) {
		for (size_t len = encoded_len(code) + 1; len <= 4; len++) {
			char text[4];

			if (utf8_valid_len(text, encode(code, len, text)) != 0)
				ck_abort_msg("U+%X in %zu bytes", code, len);
		}
	}
}
END_TEST

START_TEST(every_cut_is_refused)
{
	static const char *const texts[] = { "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t len = 1; len < strlen(texts[i]); len++)
			ck_assert_uint_eq(utf8_valid_len(texts[i], len), 0);
		ck_assert_uint_eq(utf8_valid_len(texts[i], strlen(texts[i])), strlen(texts[i]));
	}
}
END_TEST

START_TEST(every_wrong_follower_is_refused)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		const char two[] = { '\xc3', (char)byte };
		const char three[] = { '\xe2', '\x82', (char)byte };
		const char four[] = { '\xf0', '\x9f', '\x98', (char)byte };
		int follows = byte >= 0x80 && byte < 0xc0;

		ck_assert_uint_eq(utf8_valid_len(two, 2), follows ? 2 : 0);
		ck_assert_uint_eq(utf8_valid_len(three, 3), follows ? 3 : 0);
		ck_assert_uint_eq(utf8_valid_len(four, 4), follows ? 4 : 0);
	}
}
END_TEST

START_TEST(position_of_the_first_bad_byte)
{
	ck_assert_uint_eq(utf8_valid_len("", 0), 0);
	ck_assert_uint_eq(utf8_valid_len("abc", 3), 3);
	ck_assert_uint_eq(utf8_valid_len("a\0c", 3), 3);
	ck_assert_uint_eq(utf8_valid_len("ab\xff" "c", 4), 2);
	ck_assert_uint_eq(utf8_valid_len("a\xe2\x82\xac\x80", 5), 4);
}
END_TEST

START_TEST(make_line_keeps_text_and_length)
{
	char text[] = "a\r\n\xe2\x82\xac\x1b[0m \xf0\x9f\x98\x80 \xed\xa0\x80 \xc2\x9b end\xe2\x82";

	utf8_make_line(text);
	ck_assert_str_eq(text, "a??\xe2\x82\xac?[0m \xf0\x9f\x98\x80 ??? ?? end??");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proto/utf8");
	TCase *tcase = tcase_create("utf8");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, every_code_point);
	tcase_add_test(tcase, overlong_forms_are_refused);
	tcase_add_test(tcase, every_cut_is_refused);
	tcase_add_test(tcase, every_wrong_follower_is_refused);
	tcase_add_test(tcase, position_of_the_first_bad_byte);
	tcase_add_test(tcase, make_line_keeps_text_and_length);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
