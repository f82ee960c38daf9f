/* test_schema.c - a new database, an old one, a newer one, a foreign one, a damaged one. */
#include "db/database.h"
#include "db/disk.h"
#include "db/schema.h"
#include "db/sql.h"
#include "tests/db/fixture.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t number(sqlite3 *db, const char *query)
{
	int64_t value = -1;

	ck_assert_msg(sql_number(db, query, &value) == 0, "%s: %s", query, sqlite3_errmsg(db));
	return value;
}

static sqlite3 *open_plain(const char *dir, const char *name)
{
	char *path = disk_path(dir, name);
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
	    SQLITE_OPEN_EXRESCODE, NULL), SQLITE_OK);
	free(path);
	return db;
}

static void exec_plain(const char *dir, const char *sql)
{
	sqlite3 *db = open_plain(dir, "state.db");

	ck_assert_msg(sql_exec(db, sql) == 0, "%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void make_store(const char *dir)
{
	struct store *store = fixture_open(dir, 0, 100, NULL);

	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
	ck_assert_int_eq(fixture_create(store, 2, 2), 0);
	store_close(store);
}

START_TEST(a_new_database_has_its_settings)
{
	char text[256];
	char *dir = fixture_dir();
	char *path = disk_path(dir, "state.db");
	struct database database;
	struct stat st;

	umask(0);
	ck_assert_msg(database_open(&database, dir, 100, text) == 0, "%s", text);
	ck_assert_int_eq(number(database.sqlite, "PRAGMA user_version"), (int64_t)schema_steps_count);
	ck_assert_int_eq(number(database.sqlite, "PRAGMA application_id"), SCHEMA_APPLICATION_ID);
	ck_assert_int_eq(number(database.sqlite, "PRAGMA auto_vacuum"), 2);
	ck_assert_int_eq(number(database.sqlite, "PRAGMA synchronous"), 2);
	ck_assert_int_eq(number(database.sqlite, "PRAGMA foreign_keys"), 1);
	ck_assert_int_eq(number(database.sqlite, "PRAGMA trusted_schema"), 0);
	ck_assert_int_eq(number(database.sqlite, "PRAGMA cell_size_check"), 1);
	ck_assert_int_eq(number(database.sqlite, "PRAGMA temp_store"), 2);
	ck_assert_int_eq(number(database.sqlite, "SELECT locking_mode = 'exclusive' FROM pragma_locking_mode"), 1);
	ck_assert_int_eq(number(database.sqlite, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	ck_assert_int_eq(number(database.sqlite, "SELECT length(value) FROM meta WHERE name = 'epoch'"), 16);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	free(path);
	path = disk_path(dir, "state.db-wal");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	free(path);
	path = disk_path(dir, "state.db-shm");
	ck_assert_int_ne(stat(path, &st), 0);
	ck_assert_int_eq(database_close(&database, true), 0);
	free(path);
	fixture_remove(dir);
}
END_TEST

START_TEST(opening_again_changes_nothing)
{
	char *dir = fixture_dir();
	char *backup = disk_path(dir, "state.db.v1");
	struct store *store = fixture_open(dir, 0, 100, NULL);
	uint8_t epoch[16];

	memcpy(epoch, store_epoch(store), 16);
	store_close(store);
	store = fixture_open(dir, 0, 100, NULL);
	ck_assert_mem_eq(epoch, store_epoch(store), 16);
	store_close(store);
	ck_assert_int_ne(access(backup, F_OK), 0);
	free(backup);
	fixture_remove(dir);

	dir = fixture_dir();
	store = fixture_open(dir, 0, 100, NULL);
	ck_assert_mem_ne(epoch, store_epoch(store), 16);
	store_close(store);
	fixture_remove(dir);
}
END_TEST

/* Try to open, and expect to be refused with a text that has these two in it. */
static void expect_refusal(const char *dir, int error, const char *word, const char *other)
{
	char text[256] = "";
	struct store *store = NULL;

	ck_assert_int_eq(fixture_try_open(dir, &store, text), error);
	ck_assert_ptr_null(store);
	ck_assert_msg(strstr(text, dir) && strstr(text, word) && strstr(text, other), "text is: %s", text);
}

START_TEST(a_newer_database_is_refused)
{
	char *dir = fixture_dir();
	char version[32];

	make_store(dir);
	exec_plain(dir, "PRAGMA user_version = 4711");
	snprintf(version, sizeof(version), "up to %zu:", schema_steps_count);
	expect_refusal(dir, -EPROTO, "4711", version);
	fixture_remove(dir);
}
END_TEST

START_TEST(another_programs_database_is_left_alone)
{
	char *dir = fixture_dir();
	sqlite3 *db;

	exec_plain(dir, "CREATE TABLE bookmarks (url TEXT)");
	expect_refusal(dir, -EUCLEAN, "state.db", "not a database of futured");
	db = open_plain(dir, "state.db");
	ck_assert_int_eq(number(db, "SELECT count(*) FROM sqlite_schema"), 1);
	ck_assert_int_eq(number(db, "SELECT journal_mode = 'delete' FROM pragma_journal_mode"), 1);
	sqlite3_close(db);
	fixture_remove(dir);
}
END_TEST

/* Write over a part of state.db. */
static void damage(const char *dir, off_t offset, size_t len)
{
	char *path = disk_path(dir, "state.db");
	char *junk = malloc(len);
	int fd = open(path, O_WRONLY);

	memset(junk, 0xa5, len);
	ck_assert_int_eq(pwrite(fd, junk, len, offset), (ssize_t)len);
	close(fd);
	free(junk);
	free(path);
}

START_TEST(a_damaged_database_is_refused)
{
	char *dir = fixture_dir();
	sqlite3 *db;
	int64_t page;

	make_store(dir);
	db = open_plain(dir, "state.db");
	page = number(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'futures'");
	sqlite3_close(db);
	damage(dir, (page - 1) * 4096, 4096);
	expect_refusal(dir, -EUCLEAN, "state.db", "damaged");
	damage(dir, 0, 100);
	expect_refusal(dir, -EUCLEAN, "state.db", "not a database");
	fixture_remove(dir);
}
END_TEST

/* The real steps, and more after them. */
static size_t longer(struct schema_step steps[16], const char *sql, const char *more)
{
	size_t count = schema_steps_count;

	memcpy(steps, schema_steps, count * sizeof(*steps));
	steps[count] = (struct schema_step){ .version = (int)count + 1, .sql = sql };
	steps[count + 1] = (struct schema_step){ .version = (int)count + 2, .sql = more };
	return count + 2;
}

/* Step 2 makes the table of futures anew, step 3 that of events: nothing that hangs below it may go with the old one. */
START_TEST(a_database_of_version_1_keeps_everything)
{
	char *dir = fixture_dir();
	char text[256] = "";
	struct fixture_loaded loaded;
	struct database database;
	struct store *store;
	sqlite3 *db = open_plain(dir, "state.db");

	ck_assert_msg(schema_migrate(db, dir, schema_steps, 1, text) == 0, "%s", text);
	ck_assert_msg(sql_exec(db,
	    "INSERT INTO futures VALUES (x'00000000000000000000000000000007', 1000, 100, 384, 0, 'p', 'k', 11, 2, 2, 5, "
	    "12, 13, -1, 0, 0, 14, 15, 16, 17, 18, 19, 20, 21, 'e', 1, 'i', '{\"a\":1}', '0.5', 'remote', 'm', 'c', 503, "
	    "'text/plain', 4);"
	    "INSERT INTO labels SELECT id, 'project', 'a' FROM futures;"
	    "INSERT INTO texts SELECT id, '{}', '{\"x\":1}', '{}' FROM futures;"
	    "INSERT INTO results SELECT id, x'01020304' FROM futures;"
	    "INSERT INTO error_details SELECT id, x'05' FROM futures;"
	    "INSERT INTO events SELECT 5, 1, id, 1000, 100, 384, 1, 2 FROM futures") == 0, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);

	store = fixture_open(dir, 0, 100, &loaded);
	ck_assert_uint_eq(loaded.count, 1);
	ck_assert_str_eq(loaded.recs[0].key, "k");
	ck_assert_str_eq(loaded.recs[0].captured, "{\"a\":1}");
	ck_assert_ptr_null(loaded.recs[0].budgets);
	ck_assert_str_eq(loaded.recs[0].progress, "0.5");
	ck_assert_int_eq(loaded.recs[0].result_size, 4);
	ck_assert_int_eq(loaded.recs[0].next_at_ms, 15);
	ck_assert_uint_eq(loaded.recs[0].n_labels, 1);
	ck_assert(!loaded.recs[0].held && !loaded.recs[0].paused && !loaded.recs[0].pinned && loaded.recs[0].n_after == 0);
	ck_assert_str_eq(loaded.params, "{\"x\":1}");
	ck_assert_uint_eq(store_last_seq(store), 5);
	fixture_loaded_done(&loaded);
	store_close(store);

	ck_assert_msg(database_open(&database, dir, 100, text) == 0, "%s", text);
	ck_assert_int_eq(number(database.sqlite, "SELECT count(*) FROM results WHERE data = x'01020304' AND side = 0"), 1);
	ck_assert_int_eq(number(database.sqlite, "SELECT count(*) FROM error_details"), 1);
	ck_assert_int_eq(number(database.sqlite, "SELECT at_ms FROM events WHERE seq = 5"), 1);
	ck_assert_int_eq(number(database.sqlite, "PRAGMA foreign_keys"), 1);
	/* And the rows below still hang on it. */
	ck_assert_int_eq(sql_exec(database.sqlite, "DELETE FROM futures"), 0);
	ck_assert_int_eq(number(database.sqlite, "SELECT (SELECT count(*) FROM labels) + (SELECT count(*) FROM texts) + "
	    "(SELECT count(*) FROM results) + (SELECT count(*) FROM error_details)"), 0);
	database_close(&database, true);
	fixture_remove(dir);
}
END_TEST

/* What step 2 has brought is there after step 3, and what that adds is as nobody asked for it. */
START_TEST(a_database_of_version_2_keeps_everything)
{
	char *dir = fixture_dir(), *results = disk_path(dir, "results"), *file;
	char text[256] = "";
	struct fixture_loaded loaded;
	struct database database;
	sqlite3 *db = open_plain(dir, "state.db");

	ck_assert_msg(schema_migrate(db, dir, schema_steps, 2, text) == 0, "%s", text);
	ck_assert_msg(sql_exec(db,
	    "INSERT INTO futures VALUES (x'00000000000000000000000000000008', 1000, 100, 420, 0, 'p', 'k', 11, 2, 4, 5, "
	    "12, 13, -1, 0, 1, 14, 15, 16, 17, 18, 19, 20, 21, 'e', 1, 'i', '{\"a\":1}', '{\"b\":2}', '0.5',"
	    "NULL, NULL, NULL, 0, "
	    "'text/plain', 300000);"
	    "INSERT INTO texts SELECT id, '{}', '{\"x\":1}', '{}' FROM futures;"
	    "INSERT INTO results SELECT id, x'', 1 FROM futures;"
	    "INSERT INTO pauses VALUES (1000, 'bucket', 99);"
	    "INSERT INTO events SELECT 5, 1, id, 1000, 100, 420, 3, 2 FROM futures") == 0, "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
	ck_assert_int_eq(mkdir(results, 0700), 0);
	file = disk_path(results, "00000000000000000000000000000008");
	ck_assert_int_eq(disk_create(file), 0);

	store_close(fixture_open(dir, 0, 100, &loaded));
	ck_assert_uint_eq(loaded.count, 1);
	ck_assert_int_eq(loaded.recs[0].phase, STORE_PHASE_ACK);
	ck_assert_str_eq(loaded.recs[0].budgets, "{\"b\":2}");
	ck_assert_uint_eq(loaded.recs[0].mode, 0644);
	ck_assert(loaded.recs[0].keep_until_delivered);
	ck_assert(!loaded.recs[0].held && !loaded.recs[0].paused && !loaded.recs[0].pinned && loaded.recs[0].n_after == 0);
	ck_assert(!loaded.recs[0].claim && loaded.recs[0].hops == 0 && loaded.recs[0].start_at_ms == 0);
	fixture_loaded_done(&loaded);
	ck_assert_int_eq(access(file, F_OK), 0);

	ck_assert_msg(database_open(&database, dir, 100, text) == 0, "%s", text);
	ck_assert_int_eq(number(database.sqlite, "SELECT until_ms FROM pauses WHERE uid = 1000 AND bucket = 'bucket'"), 99);
	ck_assert_int_eq(number(database.sqlite, "SELECT event FROM events WHERE seq = 5"), 3);
	ck_assert_int_eq(number(database.sqlite, "SELECT side FROM results"), 1);
	ck_assert_int_eq(number(database.sqlite, "SELECT count(*) FROM stops"), 0);
	database_close(&database, true);
	ck_assert_int_eq(unlink(file), 0);
	free(file);
	free(results);
	fixture_remove(dir);
}
END_TEST

/* With a hundred thousand futures a statement of every day must find its rows, not look through all. */
START_TEST(no_statement_looks_through_a_table)
{
	static const char *const allowed[] = {
		"SCAN pauses",       /* few: those that services ask for at present */
		"SCAN stops",        /* at the start only */
		"SCAN events",       /* to trim it, once for thousands of them */
	};
	char *dir = fixture_dir(), text[256];
	struct database database;
	unsigned plans = 0;

	ck_assert_msg(database_open(&database, dir, 100, text) == 0, "%s", text);
	for (sqlite3_stmt *stmt = NULL; (stmt = sqlite3_next_stmt(database.sqlite, stmt));) {
		char *query = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sqlite3_sql(stmt));
		sqlite3_stmt *plan = NULL;
		bool explained = sqlite3_prepare_v2(database.sqlite, query, -1, &plan, NULL) == SQLITE_OK;

		while (explained && sqlite3_step(plan) == SQLITE_ROW) {
			const char *detail = (const char *)sqlite3_column_text(plan, 3);
			bool fine = strncmp(detail, "SCAN", 4) != 0;

			for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
				fine = fine || strcmp(detail, allowed[i]) == 0;
			ck_assert_msg(fine, "%s: %s", sqlite3_sql(stmt), detail);
			plans++;
		}
		sqlite3_finalize(plan);
		sqlite3_free(query);
	}
	/* Those of a future and of what hangs on it, at least. */
	ck_assert_uint_gt(plans, 15);
	database_close(&database, true);
	fixture_remove(dir);
}
END_TEST

START_TEST(a_step_that_leaves_rows_without_theirs_is_undone)
{
	struct schema_step steps[16];
	size_t count = longer(steps, "SELECT 1", "DELETE FROM futures");
	char *dir = fixture_dir();
	char text[256] = "";
	sqlite3 *db;

	make_store(dir);
	db = open_plain(dir, "state.db");
	ck_assert_int_eq(schema_migrate(db, dir, steps, count, text), -EUCLEAN);
	ck_assert_ptr_nonnull(strstr(text, "rows that it needs are missing"));
	ck_assert_int_eq(number(db, "SELECT count(*) FROM futures"), 2);
	sqlite3_close(db);
	fixture_remove(dir);
}
END_TEST

START_TEST(an_old_database_is_copied_and_migrated)
{
	struct schema_step steps[16];
	size_t count = longer(steps, "ALTER TABLE futures ADD COLUMN colour TEXT",
	    "UPDATE futures SET colour = 'blue' WHERE uid = 1000");
	char *dir = fixture_dir();
	char name[32], text[256] = "";
	struct stat st;
	sqlite3 *db;
	char *path;

	make_store(dir);
	db = open_plain(dir, "state.db");
	ck_assert_msg(schema_migrate(db, dir, steps, count, text) == 0, "%s", text);
	ck_assert_int_eq(number(db, "PRAGMA user_version"), (int64_t)count);
	ck_assert_int_eq(number(db, "SELECT count(*) FROM futures WHERE colour = 'blue'"), 2);
	sqlite3_close(db);

	/* The copy is a database of the version before, for its owner only. */
	snprintf(name, sizeof(name), "state.db.v%zu", schema_steps_count);
	path = disk_path(dir, name);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	db = open_plain(dir, name);
	ck_assert_int_eq(number(db, "PRAGMA user_version"), (int64_t)schema_steps_count);
	ck_assert_int_eq(number(db, "PRAGMA application_id"), SCHEMA_APPLICATION_ID);
	ck_assert_int_eq(number(db, "SELECT count(*) FROM futures"), 2);
	sqlite3_close(db);
	free(path);
	fixture_remove(dir);
}
END_TEST

START_TEST(a_step_that_fails_leaves_the_version_before_it)
{
	struct schema_step steps[16];
	size_t count = longer(steps, "ALTER TABLE futures ADD COLUMN colour TEXT",
	    "UPDATE futures SET colour = 'blue'; INSERT INTO nowhere VALUES (1)");
	char *dir = fixture_dir();
	char text[256] = "";
	sqlite3 *db;

	make_store(dir);
	db = open_plain(dir, "state.db");
	ck_assert_int_lt(schema_migrate(db, dir, steps, count, text), 0);
	ck_assert_ptr_nonnull(strstr(text, "nowhere"));
	ck_assert_int_eq(number(db, "PRAGMA user_version"), (int64_t)count - 1);
	ck_assert_int_eq(number(db, "SELECT count(*) FROM futures WHERE colour IS NULL"), 2);

	/* Mended, it goes on from there, and the copy is made anew. */
	steps[count - 1].sql = "UPDATE futures SET colour = 'red'";
	ck_assert_msg(schema_migrate(db, dir, steps, count, text) == 0, "%s", text);
	ck_assert_int_eq(number(db, "SELECT count(*) FROM futures WHERE colour = 'red'"), 2);
	sqlite3_close(db);
	fixture_remove(dir);
}
END_TEST

static void expect_text(sqlite3 *db, const char *query, const char *expected)
{
	sqlite3_stmt *stmt;

	ck_assert_msg(sqlite3_prepare_v2(db, query, -1, &stmt, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	ck_assert_str_eq((const char *)sqlite3_column_text(stmt, 0), expected);
	sqlite3_finalize(stmt);
}

START_TEST(the_views_read_well)
{
	char *dir = fixture_dir();
	sqlite3 *db;

	make_store(dir);
	db = open_plain(dir, "state.db");
	sql_exec(db, "PRAGMA trusted_schema = OFF");
	expect_text(db, "SELECT id FROM future_list ORDER BY id", "00000000-0000-0000-0000-000000000001");
	expect_text(db, "SELECT state || ' ' || phase || ' ' || mode FROM future_list", "running poll 0640");
	expect_text(db, "SELECT created FROM future_list", "2023-11-14 22:13:20");
	expect_text(db, "SELECT seq || ' ' || event || ' ' || id FROM event_list WHERE seq = 2",
	    "2 created 00000000-0000-0000-0000-000000000002");
	sqlite3_close(db);
	fixture_remove(dir);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("schema");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, a_new_database_has_its_settings);
	tcase_add_test(tcase, opening_again_changes_nothing);
	tcase_add_test(tcase, a_newer_database_is_refused);
	tcase_add_test(tcase, another_programs_database_is_left_alone);
	tcase_add_test(tcase, a_damaged_database_is_refused);
	tcase_add_test(tcase, a_database_of_version_1_keeps_everything);
	tcase_add_test(tcase, a_database_of_version_2_keeps_everything);
	tcase_add_test(tcase, no_statement_looks_through_a_table);
	tcase_add_test(tcase, a_step_that_leaves_rows_without_theirs_is_undone);
	tcase_add_test(tcase, an_old_database_is_copied_and_migrated);
	tcase_add_test(tcase, a_step_that_fails_leaves_the_version_before_it);
	tcase_add_test(tcase, the_views_read_well);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
