/* test_json_text.c - documents as JSON text: exact values, exact places of what cannot be one. */
#include "daemon/ipc/json_text.h"

#include "proto/limits.h"
#include "proto/pack.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct pack pack;
static msgpack_unpacked unpacked;
static struct error error;
static struct slice text;

static void setup(void)
{
	pack_init(&pack, 4 * 1024 * 1024);
	msgpack_unpacked_init(&unpacked);
	text = (struct slice){ 0 };
}

static void teardown(void)
{
	free((char *)(uintptr_t)text.data);
	msgpack_unpacked_destroy(&unpacked);
	pack_done(&pack);
}

/* Convert what was packed, under the name "spec". */
static int convert(void)
{
	struct slice bytes;
	size_t offset = 0;

	ck_assert_int_eq(pack_finish(&pack, &bytes), 0);
	ck_assert_int_eq(msgpack_unpack_next(&unpacked, bytes.data, bytes.len, &offset), MSGPACK_UNPACK_SUCCESS);
	return json_text_from(&unpacked.data, "spec", &text, &error);
}

static void expect(const char *json)
{
	int r = convert();

	ck_assert_msg(r == 0, "%s", error.message);
	ck_assert_uint_eq(text.len, strlen(json));
	ck_assert_str_eq(text.data, json);
}

static void expect_error(int r, const char *message)
{
	ck_assert_int_eq(convert(), r);
	ck_assert_str_eq(error.message, message);
	ck_assert_ptr_null(text.data);
}

/* {"v": <what is packed next>} */
static void begin(void)
{
	pack_map(&pack, 1);
	pack_str(&pack, "v");
}

START_TEST(absent_stays_absent)
{
	text.data = "untouched";
	ck_assert_int_eq(json_text_from(NULL, "spec", &text, &error), 0);
	ck_assert_ptr_null(text.data);
}
END_TEST

START_TEST(scalars_and_containers)
{
	pack_map(&pack, 4);
	pack_str(&pack, "a");
	pack_array(&pack, 3);
	pack_nil(&pack);
	pack_bool(&pack, true);
	pack_bool(&pack, false);
	pack_str(&pack, "b");
	pack_map(&pack, 0);
	pack_bin(&pack, slice_from_str("c"));
	pack_bin(&pack, slice_from_str("bytes"));
	pack_str(&pack, "d");
	pack_array(&pack, 0);
	expect("{\"a\":[null,true,false],\"b\":{},\"c\":\"bytes\",\"d\":[]}");
}
END_TEST

START_TEST(integers_keep_every_digit)
{
	begin();
	pack_array(&pack, 4);
	pack_u64(&pack, UINT64_MAX);
	pack_i64(&pack, INT64_MIN);
	pack_u64(&pack, 9007199254740993);
	pack_i64(&pack, -1);
	expect("{\"v\":[18446744073709551615,-9223372036854775808,9007199254740993,-1]}");
}
END_TEST

START_TEST(floats_stay_floats)
{
	begin();
	pack_array(&pack, 6);
	pack_double(&pack, 1.0);
	pack_double(&pack, 0.1);
	pack_double(&pack, 1e300);
	pack_double(&pack, -0.0);
	pack_double(&pack, 123456789012345680.0);
	msgpack_pack_float(&pack.to, 0.5f);
	expect("{\"v\":[1.0,0.1,1e+300,-0.0,1.2345678901234568e+17,0.5]}");
}
END_TEST

START_TEST(floats_read_back)
{
	static const double values[] = { 1.0 / 3, 5e-324, 1.7976931348623157e308, 2.2250738585072014e-308,
		0.30000000000000004, 4503599627370497.5 };
	double value = values[_i];

	begin();
	pack_double(&pack, value);
	ck_assert_int_eq(convert(), 0);
	ck_assert(strtod(text.data + strlen("{\"v\":"), NULL) == value);
}
END_TEST

START_TEST(strings_are_escaped_where_they_must)
{
	begin();
	pack_str(&pack, "\"\\\b\f\n\r\t\x01\x1f\x7f/\xc3\xa4\xf0\x9f\x98\x80");
	expect("{\"v\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f/\xc3\xa4\xf0\x9f\x98\x80\"}");
}
END_TEST

START_TEST(json_text_passes_through)
{
	pack_str(&pack, "{ \"as\": 1.50 }");
	expect("{ \"as\": 1.50 }");
}
END_TEST

START_TEST(places_are_named)
{
	pack_map(&pack, 1);
	pack_str(&pack, "submit");
	pack_map(&pack, 2);
	pack_str(&pack, "url");
	pack_str(&pack, "/x");
	pack_str(&pack, "text");
	pack_array(&pack, 2);
	pack_nil(&pack);
	pack_bin(&pack, (struct slice){ "\xff", 1 });
	expect_error(-ENOEXEC, "spec.submit.text[1]: not valid UTF-8");
}
END_TEST

START_TEST(not_representable)
{
	begin();
	switch (_i) {
	case 0:
		pack_double(&pack, NAN);
		expect_error(-ENOEXEC, "spec.v: JSON has no NaN and no infinity");
		break;
	case 1:
		pack_double(&pack, -INFINITY);
		expect_error(-ENOEXEC, "spec.v: JSON has no NaN and no infinity");
		break;
	case 2:
		msgpack_pack_ext(&pack.to, 1, 5);
		msgpack_pack_ext_body(&pack.to, "x", 1);
		expect_error(-ENOEXEC, "spec.v: an extension type has no JSON form");
		break;
	case 3:
		pack_slice(&pack, (struct slice){ "a\0b", 3 });
		expect_error(-ENOEXEC, "spec.v: a NUL byte");
		break;
	case 4:
		pack_map(&pack, 1);
		pack_u64(&pack, 7);
		pack_nil(&pack);
		expect_error(-ENOEXEC, "spec.v: a key that is not a string");
		break;
	default:
		pack_slice(&pack, (struct slice){ "\xed\xa0\x80", 3 });
		expect_error(-ENOEXEC, "spec.v: not valid UTF-8");
		break;
	}
}
END_TEST

START_TEST(neither_map_nor_text)
{
	pack_array(&pack, 0);
	expect_error(-EINVAL, "spec: expected a map or JSON text, got an array");
}
END_TEST

/* Any value, under the name "progress". */
static int convert_value(void)
{
	struct slice bytes;
	size_t offset = 0;

	ck_assert_int_eq(pack_finish(&pack, &bytes), 0);
	ck_assert_int_eq(msgpack_unpack_next(&unpacked, bytes.data, bytes.len, &offset), MSGPACK_UNPACK_SUCCESS);
	return json_text_value(&unpacked.data, "progress", &text, &error);
}

START_TEST(any_value)
{
	pack_array(&pack, 3);
	pack_u64(&pack, 3);
	pack_str(&pack, "a\"b");
	pack_nil(&pack);
	ck_assert_int_eq(convert_value(), 0);
	ck_assert_str_eq(text.data, "[3,\"a\\\"b\",null]");
}
END_TEST

START_TEST(text_as_a_value_is_json)
{
	static const struct { const char *given; bool good; } table[] = {
		{ "null", true }, { " 1.5e3 ", true }, { "\"half\"", true }, { "{\"a\":[1,{}]}", true },
		{ "", false }, { "half", false }, { "1 2", false }, { "[1,]", false }, { "\"a", false },
	};

	pack_str(&pack, table[_i].given);
	if (table[_i].good) {
		ck_assert_int_eq(convert_value(), 0);
		ck_assert_str_eq(text.data, table[_i].given);
	} else {
		ck_assert_int_eq(convert_value(), -EINVAL);
		ck_assert_str_eq(error.message, "progress: text must be JSON (a JSON string has quotes of its own)");
		ck_assert_ptr_null(text.data);
	}
}
END_TEST

START_TEST(no_value_of_json)
{
	pack_double(&pack, NAN);
	ck_assert_int_eq(convert_value(), -EINVAL);
	ck_assert_str_eq(error.message, "progress: JSON has no NaN and no infinity");
}
END_TEST

START_TEST(size_is_bounded)
{
	char *large = malloc(PROTO_SPEC_MAX);

	/* {"v":"..."} has eight bytes more than the string. */
	memset(large, 'x', PROTO_SPEC_MAX);
	begin();
	pack_slice(&pack, (struct slice){ large, PROTO_SPEC_MAX - 8 + (size_t)_i });
	if (_i == 0) {
		ck_assert_int_eq(convert(), 0);
		ck_assert_uint_eq(text.len, PROTO_SPEC_MAX);
	} else {
		expect_error(-EMSGSIZE, "spec: more than 262144 bytes of JSON");
	}
	free(large);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json_text");
	TCase *tcase = tcase_create("json_text");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, absent_stays_absent);
	tcase_add_test(tcase, scalars_and_containers);
	tcase_add_test(tcase, integers_keep_every_digit);
	tcase_add_test(tcase, floats_stay_floats);
	tcase_add_loop_test(tcase, floats_read_back, 0, 6);
	tcase_add_test(tcase, strings_are_escaped_where_they_must);
	tcase_add_test(tcase, json_text_passes_through);
	tcase_add_test(tcase, places_are_named);
	tcase_add_loop_test(tcase, not_representable, 0, 6);
	tcase_add_test(tcase, neither_map_nor_text);
	tcase_add_test(tcase, any_value);
	tcase_add_loop_test(tcase, text_as_a_value_is_json, 0, 9);
	tcase_add_test(tcase, no_value_of_json);
	tcase_add_loop_test(tcase, size_is_bounded, 0, 2);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
