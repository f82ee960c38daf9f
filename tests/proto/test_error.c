/* test_error.c - names, errno, messages and suggestions. */
#include "proto/error.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

START_TEST(names_are_those_of_the_protocol)
{
	static const struct {
		enum error_code code;
		const char *name;
		int errno_value;
	} expected[] = {
		{ ERROR_MALFORMED, "Malformed", EBADMSG },
		{ ERROR_TOO_LARGE, "TooLarge", EMSGSIZE },
		{ ERROR_METHOD_NOT_FOUND, "MethodNotFound", ENOSYS },
		{ ERROR_INVALID_ARGUMENT, "InvalidArgument", EINVAL },
		{ ERROR_INVALID_SPEC, "InvalidSpec", ENOEXEC },
		{ ERROR_NOT_FOUND, "NotFound", ENOENT },
		{ ERROR_PERMISSION_DENIED, "PermissionDenied", EACCES },
		{ ERROR_KEY_CONFLICT, "KeyConflict", EEXIST },
		{ ERROR_INVALID_STATE, "InvalidState", EBUSY },
		{ ERROR_TIMEOUT, "Timeout", ETIMEDOUT },
		{ ERROR_FAILED, "Failed", EREMOTEIO },
		{ ERROR_CANCELLED, "Cancelled", ECANCELED },
		{ ERROR_LIMIT, "LimitExceeded", EDQUOT },
		{ ERROR_DISK_FULL, "DiskFull", ENOSPC },
		{ ERROR_OUT_OF_MEMORY, "OutOfMemory", ENOMEM },
		{ ERROR_SHUTTING_DOWN, "ShuttingDown", ESHUTDOWN },
		{ ERROR_INTERNAL, "Internal", EIO },
	};
	size_t n = sizeof(expected) / sizeof(expected[0]);

	ck_assert_uint_eq(n, ERROR__COUNT - 1);
	for (size_t i = 0; i < n; i++) {
		ck_assert_str_eq(error_name(expected[i].code), expected[i].name);
		ck_assert_int_eq(error_errno(expected[i].code), -expected[i].errno_value);
		ck_assert_int_eq(error_from_name(expected[i].name, strlen(expected[i].name)), expected[i].code);
	}
}
END_TEST

START_TEST(each_errno_stands_for_one_code)
{
	for (int a = ERROR_NONE; a < ERROR__COUNT; a++)
		for (int b = a + 1; b < ERROR__COUNT; b++)
			ck_assert_int_ne(error_errno((enum error_code)a), error_errno((enum error_code)b));
	ck_assert_int_eq(error_errno(ERROR_NONE), 0);
}
END_TEST

START_TEST(unknown_names_are_internal)
{
	ck_assert_int_eq(error_from_name("Teapot", 6), ERROR_INTERNAL);
	ck_assert_int_eq(error_from_name("", 0), ERROR_INTERNAL);
	ck_assert_int_eq(error_from_name("NotFoundX", 9), ERROR_INTERNAL);
	ck_assert_int_eq(error_from_name("NotFoundX", 8), ERROR_NOT_FOUND);
	ck_assert_int_eq(error_from_name("None", 4), ERROR_INTERNAL);
	ck_assert_str_eq(error_name((enum error_code)1000), "Internal");
	ck_assert_int_eq(error_errno((enum error_code)1000), -EIO);
}
END_TEST

START_TEST(set_returns_the_errno)
{
	struct error error;

	ck_assert_int_eq(error_set(&error, ERROR_NOT_FOUND, "no such future %d", 7), -ENOENT);
	ck_assert_int_eq(error.code, ERROR_NOT_FOUND);
	ck_assert_str_eq(error.message, "no such future 7");
	ck_assert_int_eq(error_set(NULL, ERROR_DISK_FULL, "x"), -ENOSPC);
}
END_TEST

START_TEST(set_may_quote_the_message_it_replaces)
{
	struct error error;

	error_set(&error, ERROR_INTERNAL, "inner");
	error_set(&error, ERROR_NOT_FOUND, "outer: %s: %s", error.message, error.message);
	ck_assert_str_eq(error.message, "outer: inner: inner");
}
END_TEST

START_TEST(set_makes_one_line_of_utf8)
{
	struct error error;

	error_set(&error, ERROR_INTERNAL, "%s", "a\nb\tc\x7f" "d\xff" "e\xc2\x85" "f\xc3\xa9");
	ck_assert_str_eq(error.message, "a?b?c?d?e??f\xc3\xa9");
}
END_TEST

START_TEST(set_cuts_between_characters)
{
	char text[600], expected[600];
	struct error error;

	/* Three bytes each: 511 is not a multiple, so the last one cannot stay whole. */
	for (size_t i = 0; i + 3 < sizeof(text); i += 3) {
		memcpy(text + i, "\xe2\x82\xac", 3);
		text[i + 3] = '\0';
	}
	error_set(&error, ERROR_INTERNAL, "%s", text);
	memcpy(expected, text, 510);
	expected[510] = '\0';
	ck_assert_str_eq(error.message, expected);

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(&error, ERROR_INTERNAL, "%s", text);
	ck_assert_uint_eq(strlen(error.message), PROTO_ERROR_TEXT_MAX - 1);
}
END_TEST

START_TEST(wrap_puts_context_in_front)
{
	struct error error;

	error_set(&error, ERROR_INVALID_SPEC, "no host");
	error_wrap(&error, "url %d", 2);
	error_wrap(&error, "submit");
	ck_assert_str_eq(error.message, "submit: url 2: no host");
	ck_assert_int_eq(error.code, ERROR_INVALID_SPEC);
	error_wrap(NULL, "x");
}
END_TEST

START_TEST(wrap_cuts_the_end)
{
	struct error error;
	char text[PROTO_ERROR_TEXT_MAX];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(&error, ERROR_INTERNAL, "%s", text);
	error_wrap(&error, "front");
	ck_assert_uint_eq(strlen(error.message), PROTO_ERROR_TEXT_MAX - 1);
	ck_assert_int_eq(strncmp(error.message, "front: xxx", 10), 0);
}
END_TEST

START_TEST(nearest_finds_the_slip)
{
	static const char *const keys[] = { "timeout", "labels", "id", "ids", "return_when", "key", NULL };
	static const struct {
		const char *word, *nearest;
	} cases[] = {
		{ "timout", "timeout" },          /* left out */
		{ "timeoout", "timeout" },        /* twice */
		{ "tmieout", "timeout" },         /* swapped */
		{ "tumeouz", "timeout" },         /* two others */
		{ "lables", "labels" },
		{ "returnwhen", "return_when" },
		{ "kye", "key" },                 /* a swap is one edit, a third of three */
		{ "timeout", "timeout" },
		{ "wzw", NULL },
		{ "xy", NULL },
		{ "", NULL },
		{ "completely_else", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *nearest = error_nearest(cases[i].word, strlen(cases[i].word), keys);

		if (cases[i].nearest)
			ck_assert_pstr_eq(nearest, cases[i].nearest);
		else
			ck_assert_ptr_null(nearest);
	}
}
END_TEST

START_TEST(nearest_prefers_the_nearer_then_the_first)
{
	static const char *const keys[] = { "abcdxx", "abcdex", "abcdey", NULL };

	ck_assert_str_eq(error_nearest("abcdef", 6, keys), "abcdex");
}
END_TEST

START_TEST(nearest_reads_no_further_than_len)
{
	static const char *const keys[] = { "state", NULL };
	const char word[] = { 's', 't', 'a', 't', 'e', 'X', 'X', 'X' };

	ck_assert_str_eq(error_nearest(word, 5, keys), "state");
	ck_assert_ptr_null(error_nearest(word, 8, keys));
}
END_TEST

START_TEST(nearest_ignores_very_long_words)
{
	char word[65], longer[66];
	const char *const keys[] = { longer, word, NULL };

	memset(word, 'a', 64);
	word[64] = '\0';
	memset(longer, 'a', 65);
	longer[65] = '\0';
	ck_assert_str_eq(error_nearest(word, 64, keys), word);
	ck_assert_ptr_null(error_nearest(longer, 65, keys));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proto/error");
	TCase *tcase = tcase_create("error");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, names_are_those_of_the_protocol);
	tcase_add_test(tcase, each_errno_stands_for_one_code);
	tcase_add_test(tcase, unknown_names_are_internal);
	tcase_add_test(tcase, set_returns_the_errno);
	tcase_add_test(tcase, set_may_quote_the_message_it_replaces);
	tcase_add_test(tcase, set_makes_one_line_of_utf8);
	tcase_add_test(tcase, set_cuts_between_characters);
	tcase_add_test(tcase, wrap_puts_context_in_front);
	tcase_add_test(tcase, wrap_cuts_the_end);
	tcase_add_test(tcase, nearest_finds_the_slip);
	tcase_add_test(tcase, nearest_prefers_the_nearer_then_the_first);
	tcase_add_test(tcase, nearest_reads_no_further_than_len);
	tcase_add_test(tcase, nearest_ignores_very_long_words);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
