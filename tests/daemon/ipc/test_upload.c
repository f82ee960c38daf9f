/* test_upload.c - a result in parts: in order, within the limits, gone with its connection. */
#include "daemon/ipc/upload.h"

#include "daemon/ipc/context.h"
#include "daemon/ipc/session.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct ipc ipc;
static struct session sessions[3];
static const struct id one = { { 1 } }, two = { { 2 } };
static struct error error;

static void setup(void)
{
	memset(&ipc, 0, sizeof(ipc));
	ipc.setup.config.result_max = 10;
	memset(sessions, 0, sizeof(sessions));
	for (size_t i = 0; i < 3; i++) {
		sessions[i].ipc = &ipc;
		sessions[i].peer.caller.uid = i < 2 ? 1000 : 1001;
		LIST_INSERT_HEAD(&ipc.sessions, &sessions[i], link);
	}
}

static void teardown(void)
{
	for (size_t i = 0; i < 3; i++)
		upload_free(sessions[i].upload);
}

static int add(size_t i, const struct id *id, uint64_t offset, const char *part)
{
	return upload_add(&sessions[i], id, offset, slice_from_str(part), &error);
}

static void expect(size_t i, const char *text)
{
	const struct upload *upload = sessions[i].upload;

	ck_assert_ptr_nonnull(upload);
	ck_assert_uint_eq(upload->len, strlen(text));
	ck_assert_mem_eq(upload->data, text, upload->len);
}

START_TEST(parts_in_order)
{
	ck_assert_int_eq(add(0, &one, 0, "abc"), 0);
	ck_assert_int_eq(add(0, &one, 3, ""), 0);
	ck_assert_int_eq(add(0, &one, 3, "defghij"), 0);
	expect(0, "abcdefghij");
	ck_assert_int_eq(add(0, &one, 0, "x"), 0);
	expect(0, "x");
	ck_assert_int_eq(add(0, &two, 0, "y"), 0);
	expect(0, "y");
}
END_TEST

START_TEST(parts_that_do_not_follow)
{
	ck_assert_int_eq(add(0, &one, 5, "x"), -EINVAL);
	ck_assert_str_eq(error.message, "offset: 5, but 0 bytes of this result have come on this connection");
	ck_assert_int_eq(add(0, &one, 0, "abc"), 0);
	ck_assert_int_eq(add(1, &one, 3, "x"), -EINVAL);
	ck_assert_int_eq(add(0, &two, 3, "x"), -EINVAL);
	ck_assert_ptr_null(sessions[0].upload);
	ck_assert_int_eq(add(0, &one, 0, "abc"), 0);
	ck_assert_int_eq(add(0, &one, 2, "c"), -EINVAL);
	ck_assert_str_eq(error.message, "offset: 2, but 3 bytes of this result have come on this connection");
	ck_assert_ptr_null(sessions[0].upload);
}
END_TEST

START_TEST(longer_than_a_result_may_be)
{
	ck_assert_int_eq(add(0, &one, 0, "0123456789a"), -EMSGSIZE);
	ck_assert_str_eq(error.message, "result: more than 10 bytes (limits.result_max)");
	ck_assert_int_eq(add(0, &one, 0, "0123456789"), 0);
	ck_assert_int_eq(add(0, &one, 10, "a"), -EMSGSIZE);
	ck_assert_ptr_null(sessions[0].upload);
}
END_TEST

START_TEST(more_than_a_user_may_have_unfinished)
{
	ck_assert_int_eq(add(0, &one, 0, "a"), 0);
	ck_assert_int_eq(add(1, &two, 0, "b"), -EDQUOT);
	ck_assert_int_eq(add(2, &two, 0, "b"), 0);
	sessions[0].upload = upload_free(sessions[0].upload);
	ck_assert_int_eq(add(1, &two, 0, "b"), 0);
	/* A limit that was lowered meanwhile. */
	ipc.setup.config.result_max = 5;
	ck_assert_int_eq(add(0, &one, 0, "a"), -EDQUOT);
	ck_assert_int_eq(add(1, &two, 1, "01234"), -EMSGSIZE);
	ipc.setup.config.result_max = 0;
	ck_assert_int_eq(add(2, &two, 1, "c"), -EMSGSIZE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("upload");
	TCase *tcase = tcase_create("upload");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, parts_in_order);
	tcase_add_test(tcase, parts_that_do_not_follow);
	tcase_add_test(tcase, longer_than_a_result_may_be);
	tcase_add_test(tcase, more_than_a_user_may_have_unfinished);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
