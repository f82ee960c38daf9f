/* test_fields.c - how each type of field is read, and the words of each refusal. */
#include "proto/fields.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The linker puts this in calloc's place (--wrap=calloc). */
static bool memory_is_full;
void *__wrap_calloc(size_t n, size_t size);
void *__real_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return memory_is_full ? NULL : __real_calloc(n, size);
}

/* One of each. */
struct all {
	struct slice text;
	struct slice bytes;
	struct maybe_u64 count;
	struct maybe_u64 offset;
	bool flag;
	struct span timeout;
	struct id id;
	struct id_list ids;
	const msgpack_object *any;
};

static const struct field all_fields[] = {
	FIELD(all, text, FIELD_TEXT, 0),
	FIELD(all, bytes, FIELD_BYTES, 0),
	FIELD(all, count, FIELD_U64, 0),
	FIELD(all, offset, FIELD_I64, 0),
	FIELD(all, flag, FIELD_BOOL, 0),
	FIELD(all, timeout, FIELD_SPAN, 0),
	FIELD(all, id, FIELD_ID, 0),
	FIELD(all, ids, FIELD_IDS, 0),
	FIELD(all, any, FIELD_ANY, 0),
	FIELDS_END
};

static const char id_text[] = "01900000-0000-7000-8000-000000000001";

static struct pack pack;
static msgpack_unpacked unpacked;
static struct all all;
static struct error error;

static void setup(void)
{
	memory_is_full = false;
	memset(&all, 0x5a, sizeof(all));
	memset(&error, 0, sizeof(error));
	pack_init(&pack, PROTO_MESSAGE_MAX);
	msgpack_unpacked_init(&unpacked);
}

static void teardown(void)
{
	msgpack_unpacked_destroy(&unpacked);
	pack_done(&pack);
}

/* Read what pack holds into all. */
static int read_packed(const struct field *table, enum fields_unknown unknown)
{
	struct slice bytes;
	size_t offset = 0;

	ck_assert_int_eq(pack_finish(&pack, &bytes), 0);
	ck_assert_int_eq(msgpack_unpack_next(&unpacked, bytes.data, bytes.len, &offset), MSGPACK_UNPACK_SUCCESS);
	return fields_read(&unpacked.data, table, unknown, &all, &error);
}

/* Start anew with a map of so many pairs, which follow. */
static void pack_pairs(uint32_t pairs)
{
	teardown();
	setup();
	pack_map(&pack, pairs);
}

/* Start anew with a map of one pair, whose value follows. */
static void pack_key(const char *key)
{
	pack_pairs(1);
	pack_str(&pack, key);
}

static void assert_read(void)
{
	if (read_packed(all_fields, FIELDS_REFUSE_UNKNOWN) < 0)
		ck_abort_msg("%s", error.message);
}

static void assert_refused(const char *message)
{
	int r = read_packed(all_fields, FIELDS_REFUSE_UNKNOWN);

	ck_assert_int_eq(r, -EINVAL);
	ck_assert_int_eq(error.code, ERROR_INVALID_ARGUMENT);
	ck_assert_str_eq(error.message, message);
	ck_assert_ptr_null(all.ids.ids);
	ck_assert_ptr_null(all.text.data);
}

START_TEST(nothing_given_is_all_absent)
{
	ck_assert_int_eq(fields_read(NULL, all_fields, FIELDS_REFUSE_UNKNOWN, &all, &error), 0);
	ck_assert_ptr_null(all.text.data);
	ck_assert_ptr_null(all.bytes.data);
	ck_assert(!all.count.set && !all.offset.set && !all.flag);
	ck_assert_int_eq(all.timeout.kind, SPAN_ABSENT);
	ck_assert_ptr_null(all.ids.ids);
	ck_assert_uint_eq(all.ids.count, 0);
	ck_assert_ptr_null(all.any);
	for (int i = 0; i < ID_BYTES; i++)
		ck_assert_uint_eq(all.id.bytes[i], 0);
}
END_TEST

START_TEST(nil_is_absent_but_for_a_span)
{
	pack_map(&pack, 9);
	for (const struct field *field = all_fields; field->name; field++) {
		pack_str(&pack, field->name);
		pack_nil(&pack);
	}
	assert_read();
	ck_assert_ptr_null(all.text.data);
	ck_assert(!all.count.set && !all.flag);
	ck_assert_int_eq(all.timeout.kind, SPAN_NULL);
	ck_assert_ptr_null(all.ids.ids);
	ck_assert_ptr_null(all.any);
}
END_TEST

START_TEST(only_a_map_will_do)
{
	pack_array(&pack, 0);
	assert_refused("expected a map, got an array");
	teardown();
	setup();
	pack_nil(&pack);
	assert_refused("expected a map, got nil");
}
END_TEST

START_TEST(text)
{
	pack_key("text");
	pack_str(&pack, "h\xc3\xa9");
	assert_read();
	ck_assert(slice_equals(all.text, "h\xc3\xa9"));

	pack_key("text");
	pack_bin(&pack, slice_from_str("abc"));
	assert_read();
	ck_assert(slice_equals(all.text, "abc"));

	pack_key("text");
	pack_str(&pack, "");
	assert_read();
	ck_assert(slice_equals(all.text, ""));

	pack_key("text");
	pack_str(&pack, "ab\xed\xa0\x80");
	assert_refused("text: not valid UTF-8 at byte 2");
	pack_key("text");
	pack_bin(&pack, slice_from_str("\xc0\x80"));
	assert_refused("text: not valid UTF-8 at byte 0");
	pack_key("text");
	pack_slice(&pack, (struct slice){ "abc\0d", 5 });
	assert_refused("text: a NUL at byte 3");
	pack_key("text");
	pack_u64(&pack, 5);
	assert_refused("text: expected a string, got an integer");
}
END_TEST

START_TEST(bytes)
{
	pack_key("bytes");
	pack_bin(&pack, (struct slice){ "\x00\xff", 2 });
	assert_read();
	ck_assert_uint_eq(all.bytes.len, 2);
	ck_assert_mem_eq(all.bytes.data, "\x00\xff", 2);

	pack_key("bytes");
	pack_slice(&pack, (struct slice){ "\x00\xff", 2 });
	assert_read();
	ck_assert_uint_eq(all.bytes.len, 2);

	pack_key("bytes");
	pack_map(&pack, 0);
	assert_refused("bytes: expected a binary or a string, got a map");
}
END_TEST

START_TEST(integers)
{
	pack_key("count");
	pack_u64(&pack, UINT64_MAX);
	assert_read();
	ck_assert(all.count.set && all.count.value == UINT64_MAX);
	pack_key("count");
	pack_i64(&pack, -3);
	assert_refused("count: expected an integer of at least 0, got -3");
	pack_key("count");
	pack_double(&pack, 3.0);
	assert_refused("count: expected an integer, got a float");
	pack_key("count");
	pack_str(&pack, "3");
	assert_refused("count: expected an integer, got a string");

	pack_key("offset");
	pack_i64(&pack, INT64_MIN);
	assert_read();
	ck_assert(all.offset.set && (int64_t)all.offset.value == INT64_MIN);
	pack_key("offset");
	pack_u64(&pack, INT64_MAX);
	assert_read();
	ck_assert(all.offset.value == INT64_MAX);
	pack_key("offset");
	pack_u64(&pack, (uint64_t)INT64_MAX + 1);
	assert_refused("offset: expected an integer of at most 9223372036854775807, got 9223372036854775808");
	pack_key("offset");
	pack_bool(&pack, true);
	assert_refused("offset: expected an integer, got a boolean");
}
END_TEST

START_TEST(booleans)
{
	pack_key("flag");
	pack_bool(&pack, true);
	assert_read();
	ck_assert(all.flag);
	pack_key("flag");
	pack_u64(&pack, 1);
	assert_refused("flag: expected true or false, got an integer");
}
END_TEST

static void assert_span(double seconds, uint64_t usec)
{
	pack_key("timeout");
	pack_double(&pack, seconds);
	assert_read();
	ck_assert_int_eq(all.timeout.kind, SPAN_SET);
	ck_assert_uint_eq(all.timeout.usec, usec);
}

START_TEST(spans)
{
	assert_span(0, 0);
	assert_span(-0.0, 0);
	assert_span(1.5, 1500000);
	assert_span(0.1, 100000);
	assert_span(1e-6, 1);
	assert_span(1e-300, 1);
	assert_span(2.0000004, 2000000);
	assert_span(PROTO_TIMEOUT_MAX, UINT64_C(3153600000000000));
	pack_key("timeout");
	pack_u64(&pack, 3153600000);
	assert_read();
	ck_assert_uint_eq(all.timeout.usec, UINT64_C(3153600000000000));
	pack_key("timeout");
	msgpack_pack_float(&pack.to, 0.25f);
	assert_read();
	ck_assert_uint_eq(all.timeout.usec, 250000);
}
END_TEST

START_TEST(bad_spans)
{
	static const struct {
		double seconds;
		const char *message;
	} cases[] = {
		{ -0.5, "timeout: expected seconds from 0 to 3153600000, got -0.5" },
		{ 3153600000.5, "timeout: expected seconds from 0 to 3153600000, got 3153600000.5" },
		{ 1e300, "timeout: expected seconds from 0 to 3153600000, got 1e+300" },
		{ INFINITY, "timeout: expected seconds from 0 to 3153600000, got inf" },
		{ -INFINITY, "timeout: expected seconds from 0 to 3153600000, got -inf" },
		{ NAN, "timeout: expected seconds from 0 to 3153600000, got nan" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pack_key("timeout");
		pack_double(&pack, cases[i].seconds);
		assert_refused(cases[i].message);
	}
	pack_key("timeout");
	pack_i64(&pack, -1);
	assert_refused("timeout: expected seconds from 0 to 3153600000, got -1");
	pack_key("timeout");
	pack_u64(&pack, 3153600001);
	assert_refused("timeout: expected seconds from 0 to 3153600000, got 3153600001");
	pack_key("timeout");
	pack_str(&pack, "5");
	assert_refused("timeout: expected seconds (a number or nil), got a string");
}
END_TEST

START_TEST(ids_of_one)
{
	struct id expected;

	id_parse(id_text, ID_TEXT_LEN, &expected);
	pack_key("id");
	pack_str(&pack, id_text);
	assert_read();
	ck_assert_int_eq(id_compare(&all.id, &expected), 0);
	pack_key("id");
	pack_bin(&pack, slice_from_str(id_text));
	assert_read();
	ck_assert_int_eq(id_compare(&all.id, &expected), 0);
	pack_key("id");
	pack_bin(&pack, (struct slice){ (const char *)expected.bytes, ID_BYTES });
	assert_read();
	ck_assert_int_eq(id_compare(&all.id, &expected), 0);

	pack_key("id");
	pack_str(&pack, "0123456789abcdef");
	assert_refused("id: expected an id (36 characters), got \"0123456789abcdef\"");
	pack_key("id");
	pack_str(&pack, "");
	assert_refused("id: expected an id (36 characters), got \"\"");
	pack_key("id");
	pack_u64(&pack, 7);
	assert_refused("id: expected an id (36 characters), got an integer");
}
END_TEST

START_TEST(ids_of_many)
{
	struct id expected;

	id_parse(id_text, ID_TEXT_LEN, &expected);
	pack_key("ids");
	pack_array(&pack, 2);
	pack_str(&pack, id_text);
	pack_bin(&pack, (struct slice){ (const char *)expected.bytes, ID_BYTES });
	assert_read();
	ck_assert_uint_eq(all.ids.count, 2);
	ck_assert_int_eq(id_compare(&all.ids.ids[0], &all.ids.ids[1]), 0);
	fields_done(all_fields, &all);
	ck_assert_ptr_null(all.ids.ids);
	ck_assert_uint_eq(all.ids.count, 0);
	fields_done(all_fields, &all);

	pack_key("ids");
	pack_array(&pack, 0);
	assert_read();
	ck_assert_ptr_nonnull(all.ids.ids);
	ck_assert_uint_eq(all.ids.count, 0);
	fields_done(all_fields, &all);

	pack_key("ids");
	pack_array(&pack, 4);
	pack_str(&pack, id_text);
	pack_str(&pack, id_text);
	pack_str(&pack, id_text);
	pack_str(&pack, "x\n");
	assert_refused("ids[3]: expected an id (36 characters), got \"x?\"");
	pack_key("ids");
	pack_array(&pack, 1);
	pack_nil(&pack);
	assert_refused("ids[0]: expected an id (36 characters), got nil");
	pack_key("ids");
	pack_str(&pack, id_text);
	assert_refused("ids: expected an array of ids, got a string");
}
END_TEST

START_TEST(number_of_ids_is_bounded)
{
	pack_key("ids");
	pack_array(&pack, PROTO_WAIT_IDS_MAX);
	for (int i = 0; i < PROTO_WAIT_IDS_MAX; i++)
		pack_str(&pack, id_text);
	assert_read();
	ck_assert_uint_eq(all.ids.count, PROTO_WAIT_IDS_MAX);
	fields_done(all_fields, &all);

	pack_key("ids");
	pack_array(&pack, PROTO_WAIT_IDS_MAX + 1);
	for (int i = 0; i < PROTO_WAIT_IDS_MAX + 1; i++)
		pack_nil(&pack);
	assert_refused("ids: expected at most 16384 ids, got 16385");
}
END_TEST

START_TEST(full_memory_is_an_answer)
{
	int r;

	pack_key("ids");
	pack_array(&pack, 1);
	pack_str(&pack, id_text);
	memory_is_full = true;
	r = read_packed(all_fields, FIELDS_REFUSE_UNKNOWN);
	memory_is_full = false;
	ck_assert_int_eq(r, -ENOMEM);
	ck_assert_int_eq(error.code, ERROR_OUT_OF_MEMORY);
	ck_assert_str_eq(error.message, "ids: no memory for 1 ids");
}
END_TEST

START_TEST(a_later_failure_frees_the_ids)
{
	pack_map(&pack, 2);
	pack_str(&pack, "ids");
	pack_array(&pack, 1);
	pack_str(&pack, id_text);
	pack_str(&pack, "flag");
	pack_str(&pack, "yes");
	assert_refused("flag: expected true or false, got a string");
}
END_TEST

START_TEST(keys)
{
	pack_key("timout");
	pack_u64(&pack, 1);
	assert_refused("unknown key \"timout\" (did you mean \"timeout\"?)");
	pack_key("something_else");
	pack_u64(&pack, 1);
	assert_refused("unknown key \"something_else\"");
	pack_key("a\x1b\xff" "b");
	pack_u64(&pack, 1);
	assert_refused("unknown key \"a??b\"");
	pack_key("timeout ");
	pack_u64(&pack, 1);
	assert_refused("unknown key \"timeout \" (did you mean \"timeout\"?)");

	pack_pairs(2);
	pack_str(&pack, "count");
	pack_nil(&pack);
	pack_bin(&pack, slice_from_str("count"));
	pack_u64(&pack, 1);
	assert_refused("count: given twice");

	pack_pairs(1);
	pack_u64(&pack, 5);
	pack_u64(&pack, 5);
	assert_refused("key: expected a string, got an integer");

	pack_pairs(1);
	pack_bin(&pack, slice_from_str("count"));
	pack_u64(&pack, 5);
	assert_read();
	ck_assert_uint_eq(all.count.value, 5);
}
END_TEST

START_TEST(unknown_keys_of_a_reply_are_ignored)
{
	pack_map(&pack, 3);
	pack_str(&pack, "new");
	pack_u64(&pack, 1);
	pack_str(&pack, "count");
	pack_u64(&pack, 2);
	pack_str(&pack, "new");
	pack_array(&pack, 0);
	ck_assert_int_eq(read_packed(all_fields, FIELDS_IGNORE_UNKNOWN), 0);
	ck_assert_uint_eq(all.count.value, 2);
}
END_TEST

START_TEST(required)
{
	static const struct field table[] = {
		FIELD(all, id, FIELD_ID, FIELD_REQUIRED),
		FIELD(all, timeout, FIELD_SPAN, FIELD_REQUIRED),
		FIELDS_END
	};
	static const struct id zero;

	ck_assert_int_eq(fields_read(NULL, table, FIELDS_REFUSE_UNKNOWN, &all, &error), -EINVAL);
	ck_assert_str_eq(error.message, "id: required");

	pack_map(&pack, 2);
	pack_str(&pack, "id");
	pack_nil(&pack);
	pack_str(&pack, "timeout");
	pack_nil(&pack);
	ck_assert_int_eq(read_packed(table, FIELDS_REFUSE_UNKNOWN), -EINVAL);
	ck_assert_str_eq(error.message, "id: required");

	pack_key("id");
	pack_id(&pack, &zero);
	ck_assert_int_eq(read_packed(table, FIELDS_REFUSE_UNKNOWN), -EINVAL);
	ck_assert_str_eq(error.message, "timeout: required");

	pack_pairs(2);
	pack_str(&pack, "id");
	pack_id(&pack, &zero);
	pack_str(&pack, "timeout");
	pack_nil(&pack);
	ck_assert_int_eq(read_packed(table, FIELDS_REFUSE_UNKNOWN), 0);
	ck_assert_int_eq(all.timeout.kind, SPAN_NULL);
}
END_TEST

START_TEST(any_is_as_it_came)
{
	pack_key("any");
	pack_array(&pack, 1);
	pack_u64(&pack, 9);
	assert_read();
	ck_assert_int_eq(all.any->type, MSGPACK_OBJECT_ARRAY);
	ck_assert_uint_eq(all.any->via.array.ptr[0].via.u64, 9);
}
END_TEST

START_TEST(no_error_wanted)
{
	struct slice written;
	size_t offset = 0;

	pack_array(&pack, 0);
	pack_finish(&pack, &written);
	msgpack_unpack_next(&unpacked, written.data, written.len, &offset);
	ck_assert_int_eq(fields_read(&unpacked.data, all_fields, FIELDS_REFUSE_UNKNOWN, &all, NULL), -EINVAL);
}
END_TEST

START_TEST(type_names)
{
	static const struct {
		msgpack_object_type type;
		const char *phrase;
	} cases[] = {
		{ MSGPACK_OBJECT_NIL, "nil" },
		{ MSGPACK_OBJECT_BOOLEAN, "a boolean" },
		{ MSGPACK_OBJECT_POSITIVE_INTEGER, "an integer" },
		{ MSGPACK_OBJECT_NEGATIVE_INTEGER, "an integer" },
		{ MSGPACK_OBJECT_FLOAT32, "a float" },
		{ MSGPACK_OBJECT_FLOAT64, "a float" },
		{ MSGPACK_OBJECT_STR, "a string" },
		{ MSGPACK_OBJECT_BIN, "a binary" },
		{ MSGPACK_OBJECT_ARRAY, "an array" },
		{ MSGPACK_OBJECT_MAP, "a map" },
		{ MSGPACK_OBJECT_EXT, "an extension" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		msgpack_object object = { .type = cases[i].type };

		ck_assert_str_eq(fields_type_phrase(&object), cases[i].phrase);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proto/fields");
	TCase *tcase = tcase_create("reading");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, nothing_given_is_all_absent);
	tcase_add_test(tcase, nil_is_absent_but_for_a_span);
	tcase_add_test(tcase, only_a_map_will_do);
	tcase_add_test(tcase, text);
	tcase_add_test(tcase, bytes);
	tcase_add_test(tcase, integers);
	tcase_add_test(tcase, booleans);
	tcase_add_test(tcase, spans);
	tcase_add_test(tcase, bad_spans);
	tcase_add_test(tcase, ids_of_one);
	tcase_add_test(tcase, ids_of_many);
	tcase_add_test(tcase, number_of_ids_is_bounded);
	tcase_add_test(tcase, full_memory_is_an_answer);
	tcase_add_test(tcase, a_later_failure_frees_the_ids);
	tcase_add_test(tcase, keys);
	tcase_add_test(tcase, unknown_keys_of_a_reply_are_ignored);
	tcase_add_test(tcase, required);
	tcase_add_test(tcase, any_is_as_it_came);
	tcase_add_test(tcase, no_error_wanted);
	tcase_add_test(tcase, type_names);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
