/* test_json.c - pointers and exact byte ranges, malformed texts, numbers that no C type can hold. */
#include "daemon/remote/json.h"
#include "daemon/remote/limits.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* RFC 6901, section 5. */
static const char DOCUMENT[] =
    "{\"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2, \"e^f\": 3, \"g|h\": 4, \"i\\\\j\": 5,"
    " \"k\\\"l\": 6, \" \": 7, \"m~n\": 8, \"deep\": {\"er\": [ [1, 2] , {\"x\":null} ]}, \"\\u0061\\ud83d\\ude00\": 9,"
    " \"01\": 10, \"twice\": {\"a\": 1}, \"twice\": {\"b\": 2} }";

static const struct {
	const char *pointer;
	const char *value;         /* NULL: nothing is there */
} LOOKUPS[] = {
	{ "/foo", "[\"bar\", \"baz\"]" },
	{ "/foo/0", "\"bar\"" },
	{ "/foo/1", "\"baz\"" },
	{ "/foo/2", NULL },
	{ "/foo/-", NULL },
	{ "/foo/00", NULL },
	{ "/foo/01", NULL },
	{ "/foo/+1", NULL },
	{ "/foo/1 ", NULL },
	{ "/foo/99999999999999999999", NULL },
	{ "/foo/0/x", NULL },
	{ "/", "0" },
	{ "/a~1b", "1" },
	{ "/a/b", NULL },
	{ "/c%d", "2" },
	{ "/e^f", "3" },
	{ "/g|h", "4" },
	{ "/i\\j", "5" },
	{ "/k\"l", "6" },
	{ "/ ", "7" },
	{ "/m~0n", "8" },
	{ "/deep/er/0", "[1, 2]" },
	{ "/deep/er/0/1", "2" },
	{ "/deep/er/1/x", "null" },
	{ "/a\xf0\x9f\x98\x80", "9" },
	{ "/01", "10" },
	{ "/twice", "{\"b\": 2}" },
	{ "/twice/a", NULL },
	{ "/twice/b", "2" },
	{ "/fo", NULL },
	{ "/fooo", NULL },
};

static void check_found(const char *text, const char *pointer, const char *value)
{
	struct pointer_set set = { 0 };
	struct slice found;
	struct json_fault fault;
	size_t index;

	ck_assert_int_eq(pointer_set_add(&set, pointer, &index), 0);
	ck_assert_int_eq(json_scan(slice_from_str(text), &set, &found, &fault), 0);
	if (!value) {
		ck_assert_msg(!found.data, "%s: found %.*s", pointer, (int)found.len, found.data);
	} else {
		ck_assert_msg(found.data != NULL, "%s: nothing found", pointer);
		ck_assert_msg(slice_equals(found, value), "%s: %.*s", pointer, (int)found.len, found.data);
		ck_assert(found.data >= text && found.data + found.len <= text + strlen(text));
	}
	pointer_set_done(&set);
}

START_TEST(pointers_find_exact_bytes)
{
	check_found(DOCUMENT, LOOKUPS[_i].pointer, LOOKUPS[_i].value);
}
END_TEST

START_TEST(the_whole_document_is_without_the_space_around_it)
{
	check_found(" \n{\"a\" : 1}\t ", "", "{\"a\" : 1}");
	check_found("\xef\xbb\xbf[1]", "", "[1]");
	check_found("[1]", "/0", "1");
}
END_TEST

START_TEST(many_pointers_are_found_in_one_pass)
{
	struct pointer_set set = { 0 };
	struct slice found[REMOTE_POINTERS_MAX];
	struct json_fault fault;
	char text[16];
	size_t index;

	for (int i = 0; i < REMOTE_POINTERS_MAX; i++) {
		snprintf(text, sizeof(text), "/%d", i);
		ck_assert_int_eq(pointer_set_add(&set, text, &index), 0);
		ck_assert_uint_eq(index, (size_t)i);
	}
	ck_assert_int_eq(pointer_set_add(&set, "/63", &index), 0);
	ck_assert_uint_eq(index, 63);
	ck_assert_int_eq(pointer_set_add(&set, "/64", &index), -E2BIG);
	ck_assert_int_eq(json_scan(slice_from_str("[10,11,12]"), &set, found, &fault), 0);
	ck_assert(slice_equals(found[0], "10") && slice_equals(found[2], "12") && !found[3].data && !found[63].data);
	pointer_set_done(&set);
}
END_TEST

START_TEST(what_is_not_a_pointer_is_refused)
{
	struct pointer_set set = { 0 };
	size_t index = 7;

	ck_assert_int_eq(pointer_set_add(&set, "a", &index), -EINVAL);
	ck_assert_int_eq(pointer_set_add(&set, "/a~", &index), -EINVAL);
	ck_assert_int_eq(pointer_set_add(&set, "/a~2", &index), -EINVAL);
	ck_assert_uint_eq(index, 7);
	ck_assert_uint_eq(set.count, 0);
	pointer_set_done(&set);
}
END_TEST

/* Numbers are only passed over, so none is too great. */
START_TEST(no_number_makes_a_document_unreadable)
{
	static const char text[] = "{\"big\": 18446744073709551616000, \"huge\": 1e400, \"tiny\": -1.5E-9999, "
	                           "\"long\": 0.1000000000000000055511151231257827021181583404541015625, \"done\": "
	                           "true}";

	check_found(text, "/big", "18446744073709551616000");
	check_found(text, "/huge", "1e400");
	check_found(text, "/tiny", "-1.5E-9999");
	check_found(text, "/long", "0.1000000000000000055511151231257827021181583404541015625");
	check_found(text, "/done", "true");
}
END_TEST

static const struct {
	const char *text;
	size_t len;                /* 0: strlen */
	size_t at;
	const char *what;
} MALFORMED[] = {
	{ "", 0, 0, "it is empty" },
	{ " ", 0, 1, "it ends where a value was expected" },
	{ "{", 0, 1, "it ends within an object" },
	{ "{\"a\"", 0, 4, "it ends within an object" },
	{ "{\"a\":", 0, 5, "it ends where a value was expected" },
	{ "{\"a\":1", 0, 6, "it ends within an object" },
	{ "{\"a\":1,}", 0, 7, "a key was expected" },
	{ "{a:1}", 0, 1, "a key was expected" },
	{ "{\"a\" 1}", 0, 5, "\":\" was expected" },
	{ "[1,2", 0, 4, "it ends within an array" },
	{ "[1,]", 0, 3, "a value was expected" },
	{ "[1 2]", 0, 3, "\",\" or \"]\" was expected" },
	{ "{\"a\":1 \"b\":2}", 0, 7, "\",\" or \"}\" was expected" },
	{ "[1]]", 0, 3, "something follows the value" },
	{ "1 2", 0, 2, "something follows the value" },
	{ "\"abc", 0, 4, "it ends within a string" },
	{ "\"a\nb\"", 0, 2, "control character in a string" },
	{ "\"\0\"", 3, 1, "control character in a string" },
	{ "\"\\x\"", 0, 2, "unknown escape in a string" },
	{ "\"\\u12g4\"", 0, 5, "\\u without four hexadecimal digits" },
	{ "\"\\", 0, 2, "it ends within a string" },
	{ "\"\xff\"", 0, 1, "not UTF-8" },
	{ "\"\xc0\xaf\"", 0, 1, "not UTF-8" },
	{ "\"\xed\xa0\x80\"", 0, 1, "not UTF-8" },
	{ "\"\xf4\x90\x80\x80\"", 0, 1, "not UTF-8" },
	{ "\"\xe2\x82", 0, 1, "not UTF-8" },
	{ "\xff\xfe{\0}\0", 6, 0, "a value was expected" },
	{ "tru", 0, 0, "a value was expected" },
	{ "True", 0, 0, "a value was expected" },
	{ "NaN", 0, 0, "a value was expected" },
	{ "<html>", 0, 0, "a value was expected" },
	{ "nullx", 0, 4, "something follows the value" },
	{ "01", 0, 1, "leading zero in a number" },
	{ "-", 0, 1, "it ends within a number" },
	{ "-a", 0, 1, "a digit is missing in a number" },
	{ "1.", 0, 2, "it ends within a number" },
	{ "1.e5", 0, 2, "a digit is missing in a number" },
	{ "1e", 0, 2, "it ends within a number" },
	{ "+1", 0, 0, "a value was expected" },
	{ ".5", 0, 0, "a value was expected" },
	{ "[1,2]\0", 6, 5, "something follows the value" },
};

START_TEST(malformed_texts_are_refused_with_their_place)
{
	size_t len = MALFORMED[_i].len ? MALFORMED[_i].len : strlen(MALFORMED[_i].text);
	char *copy = malloc(len ? len : 1);
	struct json_fault fault;

	/* of exactly that size, so that a sanitizer sees a read behind it */
	memcpy(copy, MALFORMED[_i].text, len);
	ck_assert_int_eq(json_scan((struct slice){ copy, len }, NULL, NULL, &fault), -EBADMSG);
	ck_assert_str_eq(fault.what, MALFORMED[_i].what);
	ck_assert_uint_eq(fault.at, MALFORMED[_i].at);
	free(copy);
}
END_TEST

/* Every proper prefix of a document is refused, and none is read beyond its end. */
START_TEST(no_prefix_of_an_object_is_a_document)
{
	struct json_fault fault;

	for (size_t len = 0; len < strlen(DOCUMENT); len++) {
		char *copy = malloc(len ? len : 1);

		memcpy(copy, DOCUMENT, len);
		ck_assert_int_eq(json_scan((struct slice){ copy, len }, NULL, NULL, &fault), -EBADMSG);
		ck_assert_uint_le(fault.at, len);
		free(copy);
	}
}
END_TEST

START_TEST(depth_is_bounded)
{
	char text[2 * REMOTE_JSON_DEPTH_MAX + 3];
	struct json_fault fault;

	memset(text, '[', REMOTE_JSON_DEPTH_MAX);
	memset(text + REMOTE_JSON_DEPTH_MAX, ']', REMOTE_JSON_DEPTH_MAX);
	ck_assert_int_eq(json_scan((struct slice){ text, 2 * REMOTE_JSON_DEPTH_MAX }, NULL, NULL, &fault), 0);
	memset(text, '[', REMOTE_JSON_DEPTH_MAX + 1);
	memset(text + REMOTE_JSON_DEPTH_MAX + 1, ']', REMOTE_JSON_DEPTH_MAX + 1);
	ck_assert_int_eq(json_scan((struct slice){ text, 2 * REMOTE_JSON_DEPTH_MAX + 2 }, NULL, NULL, &fault),
	    -EBADMSG);
	ck_assert_str_eq(fault.what, "nested too deeply");
}
END_TEST

START_TEST(arrays_are_stepped_through)
{
	static const char *const expected[] = { "1", "\"a,]\"", "[2, 3]", "{\"x\": [4]}", "null" };
	struct slice array = slice_from_str("[ 1,\"a,]\" , [2, 3],{\"x\": [4]},null ]"), element;
	size_t at = 0;

	for (size_t i = 0; i < 5; i++) {
		ck_assert(json_array_next(array, &at, &element));
		ck_assert_msg(slice_equals(element, expected[i]), "%.*s", (int)element.len, element.data);
	}
	ck_assert(!json_array_next(array, &at, &element));
	at = 0;
	ck_assert(!json_array_next(slice_from_str("[ ]"), &at, &element));
	at = 0;
	ck_assert(!json_array_next(slice_from_str("{\"a\": 1}"), &at, &element));
}
END_TEST

START_TEST(members_of_an_object)
{
	static const char *const expected[][2] = {
		{ "\"a\"", "1" }, { "\"b\\\"}\"", "{\"c\": [2, {}]}" }, { "\"a\"", "null" }, { "\"\"", "\"x\"" },
	};
	struct slice object = slice_from_str("{ \"a\":1 , \"b\\\"}\" : {\"c\": [2, {}]},\"a\":null,\"\": \"x\" }"), key, value;
	size_t at = 0;

	for (size_t i = 0; i < 4; i++) {
		ck_assert(json_object_next(object, &at, &key, &value));
		ck_assert_msg(slice_equals(key, expected[i][0]), "%.*s", (int)key.len, key.data);
		ck_assert_msg(slice_equals(value, expected[i][1]), "%.*s", (int)value.len, value.data);
	}
	ck_assert(!json_object_next(object, &at, &key, &value));
	at = 0;
	ck_assert(!json_object_next(slice_from_str("{ }"), &at, &key, &value));
	at = 0;
	ck_assert(!json_object_next(slice_from_str("[1]"), &at, &key, &value));
}
END_TEST

START_TEST(strings_are_decoded)
{
	static const struct { const char *json, *text; } cases[] = {
		{ "\"\"", "" },
		{ "\"a\\n\\t\\\"\\\\\\/\\b\\f\\r\"", "a\n\t\"\\/\b\f\r" },
		{ "\"\\u00e9\\u20AC\\ud83d\\ude00\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\"\\ud800\"", "\xef\xbf\xbd" },
		{ "\"\\ud800\\ud800x\"", "\xef\xbf\xbd\xef\xbf\xbdx" },
		{ "\"\\udc00\\u0041\"", "\xef\xbf\xbd" "A" },
	};
	char *text;
	size_t len;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(json_string_decode(slice_from_str(cases[i].json), &text, &len), 0);
		ck_assert_str_eq(text, cases[i].text);
		ck_assert_uint_eq(len, strlen(cases[i].text));
		free(text);
	}
	ck_assert_int_eq(json_string_decode(slice_from_str("\"a\\u0000b\""), &text, &len), 0);
	ck_assert_uint_eq(len, 3);
	ck_assert_int_eq(text[1], '\0');
	free(text);
	ck_assert_int_eq(json_string_decode(slice_from_str("12"), &text, &len), -EINVAL);
}
END_TEST

static unsigned allocations;            /* that still succeed */

static void *allocate(size_t size)
{
	return allocations == 0 || --allocations == 0 ? NULL : malloc(size);
}

/* A value must not become another one, or none, for that. */
START_TEST(no_memory_is_no_fault_of_a_value)
{
	static const char *const texts[] = { "5", "-2.5", "true", "[1, [2.5]]" };
	json_t *value;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int r = -ENOMEM;

		for (unsigned n = 1; r < 0; n++) {
			ck_assert_int_eq(r, -ENOMEM);
			allocations = n;
			json_set_alloc_funcs(allocate, free);
			r = json_value_decode(slice_from_str(texts[i]), &value);
			json_set_alloc_funcs(malloc, free);
		}
		json_decref(value);
	}
}
END_TEST

START_TEST(values_that_jansson_cannot_hold_are_told_apart)
{
	json_t *value;

	ck_assert_int_eq(json_value_decode(slice_from_str("[1, {\"a\": 2.5}]"), &value), 0);
	ck_assert_int_eq(json_integer_value(json_array_get(value, 0)), 1);
	json_decref(value);
	ck_assert_int_eq(json_value_decode(slice_from_str("1e400"), &value), -ERANGE);
	ck_assert_int_eq(json_value_decode(slice_from_str("9223372036854775808"), &value), -ERANGE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json");
	TCase *tcase = tcase_create("json");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, pointers_find_exact_bytes, 0, sizeof(LOOKUPS) / sizeof(LOOKUPS[0]));
	tcase_add_test(tcase, the_whole_document_is_without_the_space_around_it);
	tcase_add_test(tcase, many_pointers_are_found_in_one_pass);
	tcase_add_test(tcase, what_is_not_a_pointer_is_refused);
	tcase_add_test(tcase, no_number_makes_a_document_unreadable);
	tcase_add_loop_test(tcase, malformed_texts_are_refused_with_their_place, 0,
	    sizeof(MALFORMED) / sizeof(MALFORMED[0]));
	tcase_add_test(tcase, no_prefix_of_an_object_is_a_document);
	tcase_add_test(tcase, depth_is_bounded);
	tcase_add_test(tcase, arrays_are_stepped_through);
	tcase_add_test(tcase, members_of_an_object);
	tcase_add_test(tcase, strings_are_decoded);
	tcase_add_test(tcase, no_memory_is_no_fault_of_a_value);
	tcase_add_test(tcase, values_that_jansson_cannot_hold_are_told_apart);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
