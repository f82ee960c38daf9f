/* test_fields_write.c - how each type of field is written, and what is left out. */
#include "proto/fields.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* One of each. */
struct all {
	struct slice text;
	struct slice bytes;
	struct maybe_u64 count;
	struct maybe_u64 offset;
	bool flag;
	bool spoken;
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
	FIELD(all, spoken, FIELD_BOOL, FIELD_ALWAYS),
	FIELD(all, timeout, FIELD_SPAN, 0),
	FIELD(all, id, FIELD_ID, 0),
	FIELD(all, ids, FIELD_IDS, 0),
	FIELD(all, any, FIELD_ANY, 0),
	FIELDS_END
};

static struct pack pack;
static struct all all;

static void setup(void)
{
	memset(&all, 0, sizeof(all));
	pack_init(&pack, PROTO_MESSAGE_MAX);
}

static void teardown(void)
{
	pack_done(&pack);
}

/* Write all, and compare with what is expected. */
static void assert_written(const char *bytes, size_t len)
{
	struct slice written;

	fields_write(&pack, all_fields, &all);
	ck_assert_int_eq(pack_finish(&pack, &written), 0);
	ck_assert_uint_eq(written.len, len);
	ck_assert_mem_eq(written.data, bytes, len);
	pack_done(&pack);
	pack_init(&pack, PROTO_MESSAGE_MAX);
}

#define ID_PAIR "\xa2id\xd9\x24" "00000000-0000-0000-0000-000000000000"
#define ASSERT_WRITTEN(literal) assert_written(literal, sizeof(literal) - 1)

START_TEST(absent_is_left_out)
{
	ASSERT_WRITTEN("\x82\xa6spoken\xc2" ID_PAIR);
}
END_TEST

START_TEST(written_forms)
{
	struct id ids[1] = { { { 0 } } };

	all.text = slice_from_str("t");
	all.bytes = slice_from_str("b");
	all.count = (struct maybe_u64){ true, 0 };
	all.offset = (struct maybe_u64){ true, (uint64_t)-1 };
	all.flag = true;
	all.spoken = true;
	all.timeout = (struct span){ SPAN_NULL, 0 };
	all.ids = (struct id_list){ ids, 1 };
	ASSERT_WRITTEN("\x89\xa4text\xa1t\xa5" "bytes\xc4\x01" "b\xa5" "count\x00\xa6offset\xff\xa4" "flag\xc3\xa6spoken\xc3"
	    "\xa7timeout\xc0" ID_PAIR "\xa3ids\x91\xd9\x24" "00000000-0000-0000-0000-000000000000");
}
END_TEST

START_TEST(written_spans)
{
	all.timeout = (struct span){ SPAN_SET, 0 };
	ASSERT_WRITTEN("\x83\xa6spoken\xc2\xa7timeout\x00" ID_PAIR);
	all.timeout = (struct span){ SPAN_SET, 2000000 };
	ASSERT_WRITTEN("\x83\xa6spoken\xc2\xa7timeout\x02" ID_PAIR);
	all.timeout = (struct span){ SPAN_SET, 1500000 };
	ASSERT_WRITTEN("\x83\xa6spoken\xc2\xa7timeout\xcb\x3f\xf8\0\0\0\0\0\0" ID_PAIR);
}
END_TEST

START_TEST(a_float_comes_back_to_the_microsecond)
{
	static const uint64_t spans[] = { 1, 333333, 999999, 1000001, UINT64_C(3153599999999999), UINT64_C(2147483647654321) };

	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		struct slice written;
		msgpack_unpacked unpacked;
		size_t offset = 0;
		struct all again;

		all.timeout = (struct span){ SPAN_SET, spans[i] };
		fields_write(&pack, all_fields, &all);
		ck_assert_int_eq(pack_finish(&pack, &written), 0);
		msgpack_unpacked_init(&unpacked);
		ck_assert_int_eq(msgpack_unpack_next(&unpacked, written.data, written.len, &offset), MSGPACK_UNPACK_SUCCESS);
		ck_assert_int_eq(fields_read(&unpacked.data, all_fields, FIELDS_REFUSE_UNKNOWN, &again, NULL), 0);
		ck_assert_uint_eq(again.timeout.usec, spans[i]);
		msgpack_unpacked_destroy(&unpacked);
		teardown();
		setup();
	}
}
END_TEST

START_TEST(any_is_never_written)
{
	msgpack_object object = { .type = MSGPACK_OBJECT_NIL };

	all.any = &object;
	ASSERT_WRITTEN("\x82\xa6spoken\xc2" ID_PAIR);
}
END_TEST

START_TEST(write_with_counts_the_pairs_that_follow)
{
	struct slice written;

	fields_write_with(&pack, all_fields, &all, 2);
	ck_assert_int_eq(pack_finish(&pack, &written), 0);
	ck_assert_mem_eq(written.data, "\x84", 1);
	ck_assert_uint_eq(written.len, sizeof("\x84\xa6spoken\xc2" ID_PAIR) - 1);
}
END_TEST

START_TEST(failure_sticks_in_the_pack)
{
	pack_done(&pack);
	pack_init(&pack, 20);
	fields_write(&pack, all_fields, &all);
	ck_assert_int_lt(pack_finish(&pack, NULL), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proto/fields, writing");
	TCase *tcase = tcase_create("writing");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, absent_is_left_out);
	tcase_add_test(tcase, written_forms);
	tcase_add_test(tcase, written_spans);
	tcase_add_test(tcase, a_float_comes_back_to_the_microsecond);
	tcase_add_test(tcase, any_is_never_written);
	tcase_add_test(tcase, write_with_counts_the_pairs_that_follow);
	tcase_add_test(tcase, failure_sticks_in_the_pack);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
