/* test_labels.c - labels of a request, within their limits. */
#include "daemon/ipc/labels.h"

#include "proto/limits.h"
#include "proto/pack.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pack pack;
static msgpack_unpacked unpacked;
static struct error error;
static struct labels labels;

static void setup(void)
{
	pack_init(&pack, 1024 * 1024);
	msgpack_unpacked_init(&unpacked);
	labels = (struct labels){ 0 };
}

static void teardown(void)
{
	labels_done(&labels);
	msgpack_unpacked_destroy(&unpacked);
	pack_done(&pack);
}

static int read_packed(void)
{
	struct slice bytes;
	size_t offset = 0;

	ck_assert_int_eq(pack_finish(&pack, &bytes), 0);
	ck_assert_int_eq(msgpack_unpack_next(&unpacked, bytes.data, bytes.len, &offset), MSGPACK_UNPACK_SUCCESS);
	return labels_read(&unpacked.data, &labels, &error);
}

static void expect_error(const char *message)
{
	ck_assert_int_eq(read_packed(), -EINVAL);
	ck_assert_str_eq(error.message, message);
	ck_assert_uint_eq(labels.count, 0);
}

START_TEST(none)
{
	ck_assert_int_eq(labels_read(NULL, &labels, &error), 0);
	ck_assert_uint_eq(labels.count, 0);
	pack_map(&pack, 0);
	ck_assert_int_eq(read_packed(), 0);
	ck_assert_uint_eq(labels.count, 0);
}
END_TEST

START_TEST(as_many_and_as_long_as_allowed)
{
	char name[PROTO_LABEL_MAX + 1];

	memset(name, 'n', sizeof(name));
	pack_map(&pack, PROTO_LABELS_MAX);
	for (int i = 0; i < PROTO_LABELS_MAX; i++) {
		name[0] = (char)('!' + i);
		pack_slice(&pack, (struct slice){ name, PROTO_LABEL_MAX });
		pack_bin(&pack, slice_from_str(i == 0 ? "" : "\xc3\xa4"));
	}
	ck_assert_msg(read_packed() == 0, "%s", error.message);
	ck_assert_uint_eq(labels.count, PROTO_LABELS_MAX);
	ck_assert_uint_eq(strlen(labels.items[7].name), PROTO_LABEL_MAX);
	ck_assert_str_eq(labels.items[0].value, "");
	ck_assert_str_eq(labels.items[7].value, "\xc3\xa4");
}
END_TEST

START_TEST(too_many)
{
	pack_map(&pack, PROTO_LABELS_MAX + 1);
	for (int i = 0; i <= PROTO_LABELS_MAX; i++) {
		pack_slice(&pack, (struct slice){ &"0123456789abcdefghijklmnopqrstuvwxyz"[i], 1 });
		pack_str(&pack, "");
	}
	expect_error("labels: 33 of them (at most 32)");
}
END_TEST

START_TEST(wrong_pairs)
{
	char large[PROTO_LABEL_MAX + 1];

	memset(large, 'x', sizeof(large));
	pack_map(&pack, _i == 5 ? 2 : 1);
	switch (_i) {
	case 0:
		pack_str(&pack, "");
		pack_str(&pack, "v");
		expect_error("labels: an empty name");
		break;
	case 1:
		pack_str(&pack, "n");
		pack_u64(&pack, 3);
		expect_error("labels: a value is an integer, not a string");
		break;
	case 2:
		pack_slice(&pack, (struct slice){ large, sizeof(large) });
		pack_str(&pack, "v");
		expect_error("labels: a name of 257 bytes (at most 256)");
		break;
	case 3:
		pack_str(&pack, "n");
		pack_str(&pack, "\xff");
		expect_error("labels: a value is not text");
		break;
	case 4:
		pack_str(&pack, "n");
		pack_slice(&pack, (struct slice){ "a\0b", 3 });
		expect_error("labels: a value is not text");
		break;
	default:
		pack_str(&pack, "n");
		pack_str(&pack, "1");
		pack_str(&pack, "n");
		pack_str(&pack, "2");
		expect_error("labels: n: given twice");
		break;
	}
}
END_TEST

START_TEST(not_a_map)
{
	pack_str(&pack, "a=b");
	expect_error("labels: expected a map, got a string");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("labels");
	TCase *tcase = tcase_create("labels");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, none);
	tcase_add_test(tcase, as_many_and_as_long_as_allowed);
	tcase_add_test(tcase, too_many);
	tcase_add_loop_test(tcase, wrong_pairs, 0, 6);
	tcase_add_test(tcase, not_a_map);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
