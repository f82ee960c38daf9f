/* test_event_rows.c - the event log: its newest rows stay, whatever is trimmed or undone. */
#include "db/database.h"
#include "tests/db/fixture.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *dir;
static struct database database;
static struct event_rows *rows;

static void open_with(uint64_t max)
{
	char text[256];

	ck_assert_msg(database_open(&database, dir, max, text) == 0, "%s", text);
	rows = &database.events;
}

static void setup(void)
{
	dir = fixture_dir();
	open_with(320);
}

static void teardown(void)
{
	database_close(&database, true);
	fixture_remove(dir);
}

static int insert(uint64_t seq)
{
	struct event_rec event = { .seq = seq, .at_ms = 1, .event = STORE_EVENT_CREATED };

	return event_rows_insert(rows, &event);
}

static size_t count(uint64_t since, size_t limit, uint64_t *ret_first)
{
	struct event_rec *events;
	size_t n;

	ck_assert_int_eq(event_rows_read(rows, since, limit, &events, &n), 0);
	if (ret_first)
		*ret_first = n ? events[0].seq : 0;
	free(events);
	return n;
}

START_TEST(an_empty_log_has_no_extent)
{
	ck_assert_uint_eq(rows->extent.count, 0);
	ck_assert_uint_eq(rows->extent.oldest, 0);
	ck_assert_uint_eq(rows->extent.newest, 0);
	ck_assert_int_eq(event_rows_trim(rows), 0);
	ck_assert_uint_eq(count(0, 10, NULL), 0);
}
END_TEST

START_TEST(numbers_are_taken_once)
{
	ck_assert_int_eq(insert(7), 0);
	ck_assert_int_eq(insert(7), -EINVAL);
	ck_assert_int_eq(insert(0), -EINVAL);
	ck_assert_int_eq(insert(UINT64_MAX), -EINVAL);
	ck_assert_uint_eq(rows->extent.count, 1);
	ck_assert_uint_eq(rows->extent.newest, 7);
}
END_TEST

/* The maximum is 320, and a sixteenth over it is allowed for a while. */
START_TEST(trimming_waits_and_then_goes_to_the_maximum)
{
	uint64_t first;

	for (uint64_t seq = 1; seq <= 340; seq++)
		ck_assert_int_eq(insert(2 * seq), 0);
	ck_assert_int_eq(event_rows_trim(rows), 0);
	ck_assert_uint_eq(count(0, SIZE_MAX, NULL), 340);
	ck_assert_int_eq(insert(682), 0);
	ck_assert_int_eq(event_rows_trim(rows), 0);
	ck_assert_uint_eq(count(0, SIZE_MAX, &first), 320);
	ck_assert_uint_eq(first, 44);
	ck_assert_uint_eq(rows->extent.count, 320);
	ck_assert_uint_eq(rows->extent.oldest, 44);
	ck_assert_uint_eq(rows->extent.newest, 682);
	ck_assert_uint_eq(count(0, 100, NULL), 100);
}
END_TEST

START_TEST(the_newest_row_stays_in_any_case)
{
	uint64_t first;

	database_close(&database, true);
	open_with(0);
	for (uint64_t seq = 1; seq <= 5; seq++)
		ck_assert_int_eq(insert(seq), 0);
	ck_assert_int_eq(event_rows_trim(rows), 0);
	ck_assert_uint_eq(count(0, 10, &first), 1);
	ck_assert_uint_eq(first, 5);
	database_close(&database, true);
	open_with(0);
	ck_assert_uint_eq(rows->extent.oldest, 5);
	ck_assert_uint_eq(rows->extent.newest, 5);
	ck_assert_uint_eq(rows->extent.count, 1);
}
END_TEST

START_TEST(a_smaller_maximum_applies_at_the_next_trim)
{
	for (uint64_t seq = 1; seq <= 300; seq++)
		ck_assert_int_eq(insert(seq), 0);
	database_close(&database, true);
	open_with(10);
	ck_assert_uint_eq(rows->extent.count, 300);
	ck_assert_int_eq(event_rows_trim(rows), 0);
	ck_assert_uint_eq(rows->extent.oldest, 291);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("event_rows");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_empty_log_has_no_extent);
	tcase_add_test(tcase, numbers_are_taken_once);
	tcase_add_test(tcase, trimming_waits_and_then_goes_to_the_maximum);
	tcase_add_test(tcase, the_newest_row_stays_in_any_case);
	tcase_add_test(tcase, a_smaller_maximum_applies_at_the_next_trim);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
