/* test_pack.c - what the writer writes, its ceiling, and that the first failure sticks. */
#include "proto/pack.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The linker puts this in realloc's place (--wrap=realloc). */
static bool memory_is_full;
static size_t reallocs;
void *__wrap_realloc(void *old, size_t size);
void *__real_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size)
{
	reallocs++;
	return memory_is_full ? NULL : __real_realloc(old, size);
}

static struct pack pack;

static void setup(void)
{
	memory_is_full = false;
	reallocs = 0;
	pack_init(&pack, 4096);
}

static void teardown(void)
{
	pack_done(&pack);
}

/* What was written since the last look. */
static void assert_written(const char *bytes, size_t len)
{
	struct slice written;

	ck_assert_int_eq(pack_finish(&pack, &written), 0);
	ck_assert_uint_eq(written.len, len);
	ck_assert_mem_eq(written.data, bytes, len);
	pack_done(&pack);
	pack_init(&pack, 4096);
}

#define ASSERT_WRITTEN(literal) assert_written(literal, sizeof(literal) - 1)

START_TEST(scalars_take_their_shortest_form)
{
	pack_nil(&pack);
	pack_bool(&pack, true);
	pack_bool(&pack, false);
	ASSERT_WRITTEN("\xc0\xc3\xc2");
	pack_u64(&pack, 127);
	pack_u64(&pack, 128);
	pack_u64(&pack, 65536);
	pack_u64(&pack, UINT64_MAX);
	ASSERT_WRITTEN("\x7f\xcc\x80\xce\x00\x01\x00\x00\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
	pack_i64(&pack, -1);
	pack_i64(&pack, -33);
	pack_i64(&pack, INT64_MIN);
	pack_i64(&pack, 5);
	ASSERT_WRITTEN("\xff\xd0\xdf\xd3\x80\x00\x00\x00\x00\x00\x00\x00\x05");
	pack_double(&pack, 1.5);
	ASSERT_WRITTEN("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00");
}
END_TEST

START_TEST(containers_and_texts)
{
	pack_map(&pack, 1);
	pack_str(&pack, "k");
	pack_array(&pack, 2);
	pack_slice(&pack, (struct slice){ "ab", 2 });
	pack_bin(&pack, (struct slice){ "\x00\xff", 2 });
	ASSERT_WRITTEN("\x81\xa1k\x92\xa2" "ab\xc4\x02\x00\xff");
	pack_array(&pack, 16);
	pack_map(&pack, 65536);
	ASSERT_WRITTEN("\xdc\x00\x10\xdf\x00\x01\x00\x00");
}
END_TEST

START_TEST(absent_is_nil_and_empty_is_empty)
{
	pack_str(&pack, NULL);
	pack_slice(&pack, (struct slice){ 0 });
	pack_bin(&pack, (struct slice){ 0 });
	pack_str(&pack, "");
	pack_slice(&pack, (struct slice){ "", 0 });
	pack_bin(&pack, (struct slice){ "", 0 });
	ASSERT_WRITTEN("\xc0\xc0\xc0\xa0\xa0\xc4\x00");
}
END_TEST

START_TEST(id_is_its_text)
{
	struct id id = { { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1 } };

	pack_id(&pack, &id);
	ASSERT_WRITTEN("\xd9\x24" "01234567-89ab-7000-8000-000000000001");
}
END_TEST

START_TEST(raw_is_copied)
{
	pack_array(&pack, 1);
	pack_raw(&pack, (struct slice){ "\x92\x01\x02", 3 });
	ASSERT_WRITTEN("\x91\x92\x01\x02");
	pack_raw(&pack, (struct slice){ 0 });
	ASSERT_WRITTEN("");
}
END_TEST

START_TEST(empty_pack_is_an_empty_slice)
{
	struct slice written;

	ck_assert_int_eq(pack_finish(&pack, &written), 0);
	ck_assert_ptr_nonnull(written.data);
	ck_assert_uint_eq(written.len, 0);
	ck_assert_int_eq(pack_finish(&pack, NULL), 0);
	ck_assert_uint_eq(reallocs, 0);
}
END_TEST

START_TEST(grows_by_doubling_up_to_the_ceiling)
{
	static const size_t max = 1000 * 1000;
	struct slice written;

	pack_done(&pack);
	pack_init(&pack, max);
	for (size_t i = 0; i < max; i++)
		pack_u64(&pack, i % 100);
	ck_assert_int_eq(pack_finish(&pack, &written), 0);
	ck_assert_uint_eq(written.len, max);
	ck_assert_uint_eq(pack.size, max);
	ck_assert_uint_lt(reallocs, 20);
	for (size_t i = 0; i < max; i++)
		if ((size_t)written.data[i] != i % 100)
			ck_abort_msg("byte %zu", i);
	pack_nil(&pack);
	ck_assert_int_eq(pack_finish(&pack, NULL), -EMSGSIZE);
}
END_TEST

START_TEST(over_the_ceiling_sticks)
{
	struct slice written = { "untouched", 9 };
	char *data = NULL;
	size_t len = 77;

	pack_done(&pack);
	pack_init(&pack, 4);
	pack_str(&pack, "abc");
	ck_assert_int_eq(pack_finish(&pack, NULL), 0);
	pack_done(&pack);
	pack_init(&pack, 4);
	pack_str(&pack, "abcd");
	/* There would be room for a nil, but the pack has failed. */
	pack_nil(&pack);
	ck_assert_int_eq(pack_finish(&pack, &written), -EMSGSIZE);
	ck_assert_str_eq(written.data, "untouched");
	ck_assert_int_eq(pack_take(&pack, &data, &len), -EMSGSIZE);
	ck_assert_ptr_null(data);
	ck_assert_uint_eq(len, 77);
}
END_TEST

START_TEST(ceiling_of_nothing)
{
	pack_done(&pack);
	pack_init(&pack, 0);
	ck_assert_int_eq(pack_finish(&pack, NULL), 0);
	pack_nil(&pack);
	ck_assert_int_eq(pack_finish(&pack, NULL), -EMSGSIZE);
}
END_TEST

START_TEST(length_that_msgpack_cannot_say)
{
	if (SIZE_MAX <= UINT32_MAX)
		return;
	pack_done(&pack);
	pack_init(&pack, SIZE_MAX);
	pack_slice(&pack, (struct slice){ "x", (size_t)UINT32_MAX + 1 });
	ck_assert_int_eq(pack_finish(&pack, NULL), -EMSGSIZE);
	pack_done(&pack);
	pack_init(&pack, SIZE_MAX);
	pack_bin(&pack, (struct slice){ "x", (size_t)UINT32_MAX + 1 });
	ck_assert_int_eq(pack_finish(&pack, NULL), -EMSGSIZE);
}
END_TEST

START_TEST(full_memory_sticks)
{
	pack_nil(&pack);
	memory_is_full = true;
	while (pack.len < pack.size)
		pack_nil(&pack);
	ck_assert_int_eq(pack_finish(&pack, NULL), 0);
	pack_nil(&pack);
	ck_assert_int_eq(pack_finish(&pack, NULL), -ENOMEM);
	memory_is_full = false;
	pack_nil(&pack);
	ck_assert_int_eq(pack_finish(&pack, NULL), -ENOMEM);
}
END_TEST

START_TEST(take_hands_over_and_starts_again)
{
	char *data;
	size_t len;

	pack_str(&pack, "one");
	ck_assert_int_eq(pack_take(&pack, &data, &len), 0);
	ck_assert_uint_eq(len, 4);
	ck_assert_mem_eq(data, "\xa3one", 4);
	free(data);
	pack_str(&pack, "two");
	ASSERT_WRITTEN("\xa3two");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proto/pack");
	TCase *tcase = tcase_create("pack");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, scalars_take_their_shortest_form);
	tcase_add_test(tcase, containers_and_texts);
	tcase_add_test(tcase, absent_is_nil_and_empty_is_empty);
	tcase_add_test(tcase, id_is_its_text);
	tcase_add_test(tcase, raw_is_copied);
	tcase_add_test(tcase, empty_pack_is_an_empty_slice);
	tcase_add_test(tcase, grows_by_doubling_up_to_the_ceiling);
	tcase_add_test(tcase, over_the_ceiling_sticks);
	tcase_add_test(tcase, ceiling_of_nothing);
	tcase_add_test(tcase, length_that_msgpack_cannot_say);
	tcase_add_test(tcase, full_memory_sticks);
	tcase_add_test(tcase, take_hands_over_and_starts_again);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
