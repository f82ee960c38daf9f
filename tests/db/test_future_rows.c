/* test_future_rows.c - the rows of a future: labels merged while loading, parts of long values, damage. */
#include "db/database.h"
#include "db/sql.h"
#include "tests/db/fixture.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *dir;
static struct database database;
static struct future_rows *rows;

static void setup(void)
{
	char text[256];

	dir = fixture_dir();
	ck_assert_msg(database_open(&database, dir, 10, text) == 0, "%s", text);
	rows = &database.futures;
}

static void teardown(void)
{
	database_close(&database, true);
	fixture_remove(dir);
}

/* A future with that many labels. */
static void insert(uint64_t n, size_t n_labels)
{
	struct future_rec rec = { .uid = 1, .result_size = -1, .seq = n };
	struct store_label labels[40];
	char names[40][32];

	fixture_id(rec.id, n);
	for (size_t i = 0; i < n_labels; i++) {
		snprintf(names[i], sizeof(names[i]), "name%02zu", i);
		labels[i] = (struct store_label){ names[i], names[i] };
	}
	rec.labels = labels;
	rec.n_labels = n_labels;
	ck_assert_int_eq(future_rows_insert(rows, &rec, &fixture_texts), 0);
}

static size_t loaded_labels[16];
static size_t loaded;

static int on_future(struct future_rec *rec, const struct store_texts *texts, void *arg)
{
	ck_assert_ptr_eq(arg, &loaded);
	ck_assert_uint_lt(loaded, 16);
	loaded_labels[loaded++] = rec->n_labels;
	for (size_t i = 0; i < rec->n_labels; i++)
		ck_assert_str_eq(rec->labels[i].name, rec->labels[i].value);
	return 0;
}

/* The pass over the labels must neither stop early nor give them to the wrong one. */
START_TEST(labels_go_to_their_futures)
{
	static const size_t wanted[] = { 0, 3, 0, 0, 32, 1, 0 };
	uint64_t seq = 0;

	for (size_t i = 0; i < 7; i++)
		insert(i + 1, wanted[i]);
	ck_assert_int_eq(future_rows_load(database.sqlite, on_future, &loaded, &seq), 0);
	ck_assert_uint_eq(loaded, 7);
	ck_assert_uint_eq(seq, 7);
	for (size_t i = 0; i < 7; i++)
		ck_assert_uint_eq(loaded_labels[i], wanted[i]);
}
END_TEST

START_TEST(a_label_without_its_future_is_damage)
{
	uint64_t seq = 0;

	insert(1, 1);
	insert(2, 1);
	ck_assert_int_eq(sql_exec(database.sqlite, "PRAGMA foreign_keys = OFF"), 0);
	ck_assert_int_eq(sql_exec(database.sqlite, "DELETE FROM futures WHERE seq = 1"), 0);
	ck_assert_int_eq(future_rows_load(database.sqlite, on_future, &loaded, &seq), -EUCLEAN);
	ck_assert_uint_eq(loaded, 0);
	ck_assert_uint_eq(seq, 0);
}
END_TEST

START_TEST(removing_takes_everything_along)
{
	static const char *const tables[] = { "futures", "labels", "texts", "results", "error_details" };
	struct future_rec rec = { .seq = 1 };
	struct store_blob blob = { "x", 1 };

	insert(1, 3);
	fixture_id(rec.id, 1);
	ck_assert_int_eq(future_rows_update(rows, &rec, blob, blob), 0);
	ck_assert_int_eq(future_rows_remove(rows, rec.id), 0);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		char query[64];
		int64_t n = -1;

		snprintf(query, sizeof(query), "SELECT count(*) FROM %s", tables[i]);
		ck_assert_int_eq(sql_number(database.sqlite, query, &n), 0);
		ck_assert_int_eq(n, 0);
	}
	ck_assert_int_eq(future_rows_remove(rows, rec.id), -ENOENT);
}
END_TEST

/* Both sides of the limit above which it has a file of its own. */
static const size_t long_results[] = { SIDE_ABOVE - 1, SIDE_ABOVE, SIDE_ABOVE + 1, 5 * 1024 * 1024 + 7 };

START_TEST(a_long_result_is_read_in_parts)
{
	size_t len = long_results[_i], part = 100 * 1000, at = 0;
	struct future_rec rec = { .seq = 1 };
	struct store_blob nothing = { NULL, 0 };
	unsigned char *data = malloc(len);

	for (size_t i = 0; i < len; i++)
		data[i] = (unsigned char)(i * 31 >> 3);
	insert(1, 0);
	fixture_id(rec.id, 1);
	ck_assert_int_eq(future_rows_update(rows, &rec, (struct store_blob){ data, len }, nothing), 0);
	while (at < len) {
		void *read;
		size_t n;

		ck_assert_int_eq(future_rows_read_result(rows, rec.id, at, part, &read, &n), 0);
		ck_assert_uint_eq(n, len - at < part ? len - at : part);
		ck_assert_mem_eq(read, data + at, n);
		free(read);
		at += n;
	}
	ck_assert_int_eq(future_rows_has_side(rows, rec.id), len > SIDE_ABOVE);
	free(data);
}
END_TEST

START_TEST(a_number_out_of_its_range_is_refused)
{
	struct future_rec rec = { .state = 9, .result_size = -1 };

	ck_assert_int_eq(future_rows_insert(rows, &rec, &fixture_texts), -EINVAL);
}
END_TEST

START_TEST(pages_that_are_free_go_back)
{
	struct future_rec rec = { .seq = 1 };
	struct store_blob nothing = { NULL, 0 };
	size_t len = 8 * 1024 * 1024;
	void *data = calloc(1, len);
	int64_t before = 0, after = 0;
	bool more = true;

	insert(1, 0);
	fixture_id(rec.id, 1);
	ck_assert_int_eq(future_rows_update(rows, &rec, nothing, (struct store_blob){ data, len }), 0);
	ck_assert_int_eq(future_rows_remove(rows, rec.id), 0);
	ck_assert_int_eq(sql_number(database.sqlite, "PRAGMA page_count", &before), 0);
	for (int steps = 0; more; steps++) {
		ck_assert_int_lt(steps, 20);
		ck_assert_int_eq(database_vacuum(&database, &more), 0);
	}
	ck_assert_int_eq(sql_number(database.sqlite, "PRAGMA page_count", &after), 0);
	ck_assert_int_gt(before, 2000);
	ck_assert_int_lt(after, 600);
	free(data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("future_rows");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, labels_go_to_their_futures);
	tcase_add_test(tcase, a_label_without_its_future_is_damage);
	tcase_add_test(tcase, removing_takes_everything_along);
	tcase_add_loop_test(tcase, a_long_result_is_read_in_parts, 0, sizeof(long_results) / sizeof(long_results[0]));
	tcase_add_test(tcase, a_number_out_of_its_range_is_refused);
	tcase_add_test(tcase, pages_that_are_free_go_back);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
