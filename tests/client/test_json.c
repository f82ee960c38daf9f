/* test_json.c - JSON to msgpack and back: what is taken, what is refused, and that nothing is lost on the way. */
#include "client/json.h"
#include "proto/document.h"

#include <check.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Pack text, unpack it, write it again: text must come out as expected. */
static void check_round(const char *text, const char *expected)
{
	msgpack_unpacked unpacked;
	struct slice bytes;
	struct pack pack;
	char *again;

	pack_init(&pack, 1024 * 1024);
	ck_assert_msg(document_pack(&pack, text) == 0, "refused: %s", text);
	ck_assert_int_eq(pack_finish(&pack, &bytes), 0);
	msgpack_unpacked_init(&unpacked);
	ck_assert_int_eq(msgpack_unpack_next(&unpacked, bytes.data, bytes.len, NULL), MSGPACK_UNPACK_SUCCESS);
	ck_assert_int_eq(json_write_text(&unpacked.data, &again), 0);
	ck_assert_str_eq(again, expected);
	free(again);
	msgpack_unpacked_destroy(&unpacked);
	pack_done(&pack);
}

static const struct { const char *text, *expected; } good[] = {
	{ "{}", "{}" },
	{ " \t\r\n{ \"a\" : [ ] } \n", "{\"a\":[]}" },
	{ "{\"a\":[1,2,[3]],\"b\":{\"c\":null,\"d\":true,\"e\":false}}",
	  "{\"a\":[1,2,[3]],\"b\":{\"c\":null,\"d\":true,\"e\":false}}" },
	{ "{\"n\":[0,-0,-1,18446744073709551615,-9223372036854775808]}",
	  "{\"n\":[0,0,-1,18446744073709551615,-9223372036854775808]}" },
	{ "{\"n\":[0.5,1e3,-2.5E-1,1.0,18446744073709551616,0.1]}",
	  "{\"n\":[0.5,1000,-0.25,1,1.8446744073709552e+19,0.1]}" },
	{ "{\"n\":[0.30000000000000004,5e-324]}", "{\"n\":[0.30000000000000004,4.94065645841247e-324]}" },
	{ "{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "{\"s\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}" },
	{ "{\"s\":\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\u0001\"}",
	  "{\"s\":\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\\u0001\"}" },
	{ "{\"\xc3\xa9\":\"\xf0\x9f\x98\x80\"}", "{\"\xc3\xa9\":\"\xf0\x9f\x98\x80\"}" },
};

START_TEST(there_and_back)
{
	check_round(good[_i].text, good[_i].expected);
}
END_TEST

static const char *const bad[] = {
	"", " ", "1", "[]", "null", "\"x\"", "{", "}", "{]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",
	"{\"a\":1} x", "{\"a\":1}{}", "{,}", "{\"a\":[1,]}", "{\"a\":[1 2]}", "{\"a\" 1}", "{\"a\":01}",
	"{\"a\":-}", "{\"a\":+1}", "{\"a\":.5}", "{\"a\":1.}", "{\"a\":1e}", "{\"a\":1e+}", "{\"a\":0x10}",
	"{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":1e999}", "{\"a\":tru}", "{\"a\":nul", "{\"a\":\"",
	"{\"a\":\"\\\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\u00g0\"}", "{\"a\":\"\\ud800\"}",
	"{\"a\":\"\\ud800\\u0041\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\n\"}",
	"{\"a\":\"\xff\"}", "{\"a\":\"\xc3\"}", "{\"a\":'x'}", "{\"a\":1/*x*/}", "{\"a\":\"\\u", "{\"a\":\"\\",
	"\xef\xbb\xbf{}",
};

START_TEST(refused)
{
	struct pack pack;

	pack_init(&pack, 1024 * 1024);
	ck_assert_msg(document_pack(&pack, bad[_i]) == -EINVAL, "taken: %s", bad[_i]);
	pack_done(&pack);
}
END_TEST

/* An object with arrays nested in it, depth levels in all. */
static char *nest(size_t depth)
{
	char *text = calloc(1, 2 * depth + 16), *to = text;

	to += sprintf(to, "{\"a\":");
	memset(to, '[', depth - 1);
	memset(to + depth - 1, ']', depth - 1);
	to[2 * (depth - 1)] = '}';
	return text;
}

START_TEST(depth)
{
	char *within = nest(DOCUMENT_DEPTH_MAX), *over = nest(DOCUMENT_DEPTH_MAX + 1), *far_over = nest(1000000);
	struct pack pack;

	pack_init(&pack, 1024 * 1024);
	ck_assert_int_eq(document_pack(&pack, within), 0);
	ck_assert_int_eq(document_pack(&pack, over), -EINVAL);
	ck_assert_int_eq(document_pack(&pack, far_over), -EINVAL);
	pack_done(&pack);
	free(within);
	free(over);
	free(far_over);
}
END_TEST

/* A number that looks random, the same in each run. */
static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

START_TEST(whatever_comes)
{
	static const char odd[] = "{}[]\",:\\u0\x80\xc3 e-.9tn";
	uint32_t seed = 1;
	int taken = 0;

	for (int i = 0; i < 50000; i++) {
		const char *from = good[draw(&seed) % (sizeof(good) / sizeof(good[0]))].text;
		char *text = strdup(from), *again;
		size_t len = strlen(text), n = draw(&seed) % 4;
		msgpack_unpacked unpacked;
		struct slice bytes;
		struct pack pack;

		while (n-- > 0)
			text[draw(&seed) % len] = odd[draw(&seed) % (sizeof(odd) - 1)];
		if (draw(&seed) % 8 == 0)
			text[draw(&seed) % len] = '\0';
		pack_init(&pack, 1024 * 1024);
		/* What is taken is one message, and can be written. */
		if (document_pack(&pack, text) == 0) {
			ck_assert_int_eq(pack_finish(&pack, &bytes), 0);
			msgpack_unpacked_init(&unpacked);
			ck_assert_int_eq(msgpack_unpack_next(&unpacked, bytes.data, bytes.len, NULL),
			    MSGPACK_UNPACK_SUCCESS);
			ck_assert_int_eq(json_write_text(&unpacked.data, &again), 0);
			msgpack_unpacked_destroy(&unpacked);
			free(again);
			taken++;
		}
		pack_done(&pack);
		free(text);
	}
	ck_assert_int_gt(taken, 1000);
}
END_TEST

START_TEST(over_the_bound_of_a_message)
{
	struct pack pack;

	pack_init(&pack, 16);
	ck_assert_int_eq(document_pack(&pack, "{\"a\":\"0123456789abcdef\",\"b\":[{},[1]]}"), -EMSGSIZE);
	pack_done(&pack);
}
END_TEST

/* Write one object built by hand. */
static char *text_of(const msgpack_object *object)
{
	char *text = NULL;

	ck_assert_int_eq(json_write_text(object, &text), 0);
	return text;
}

START_TEST(bytes_become_text_where_they_are)
{
	static const struct { const char *bytes; uint32_t len; const char *expected; } cases[] = {
		{ "plain", 5, "\"plain\"" },
		{ "", 0, "\"\"" },
		{ "a\0b", 3, "\"a\\u0000b\"" },
		{ "\xff", 1, "{\"base64\":\"/w==\"}" },
		{ "\xff\xfe", 2, "{\"base64\":\"//4=\"}" },
		{ "\xff\xfe\xfd", 3, "{\"base64\":\"//79\"}" },
		{ "\xff\xfe\xfd\x00", 4, "{\"base64\":\"//79AA==\"}" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		msgpack_object object = {
			.type = MSGPACK_OBJECT_BIN, .via.bin = { .ptr = cases[i].bytes, .size = cases[i].len },
		};
		char *text = text_of(&object);

		ck_assert_str_eq(text, cases[i].expected);
		free(text);
	}
}
END_TEST

START_TEST(what_json_has_no_words_for)
{
	msgpack_object nan = { .type = MSGPACK_OBJECT_FLOAT64, .via.f64 = NAN };
	msgpack_object ext = { .type = MSGPACK_OBJECT_EXT };
	msgpack_object number = { .type = MSGPACK_OBJECT_POSITIVE_INTEGER, .via.u64 = 7 };
	msgpack_object_kv pair = { .key = number, .val = nan };
	msgpack_object map = { .type = MSGPACK_OBJECT_MAP, .via.map = { .size = 1, .ptr = &pair } };
	char *text = text_of(&map);

	ck_assert_str_eq(text, "{\"7\":null}");
	free(text);
	text = text_of(&ext);
	ck_assert_str_eq(text, "null");
	free(text);
}
END_TEST

START_TEST(whatever_the_locale)
{
	/* A locale with another decimal point, if the machine has one. */
	static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "C.UTF-8" };
	size_t i = 0;

	while (i < 3 && !setlocale(LC_ALL, names[i]))
		i++;
	check_round("{\"n\":[0.5,-1.25e10]}", "{\"n\":[0.5,-12500000000]}");
	setlocale(LC_ALL, "C");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json");
	TCase *tcase = tcase_create("json");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(tcase, there_and_back, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tcase, refused, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tcase, depth);
	tcase_add_test(tcase, whatever_comes);
	tcase_add_test(tcase, over_the_bound_of_a_message);
	tcase_add_test(tcase, bytes_become_text_where_they_are);
	tcase_add_test(tcase, what_json_has_no_words_for);
	tcase_add_test(tcase, whatever_the_locale);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
