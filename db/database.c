/* database.c - the one SQLite connection: opened, checked, migrated, with its transactions. */
#include "db/database.h"
#include "db/disk.h"
#include "db/schema.h"
#include "db/sql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pages given back in one step, and pages that are kept because they will be needed again. */
#define VACUUM_PAGES "256"
#define VACUUM_KEEP 256

/*
 * In this order. The locking mode comes before the first access to the WAL, so that its index is in our
 * memory and no other process can get in: two connections are what the WAL-reset bug of SQLite before
 * 3.51.3 needs. auto_vacuum can be chosen only while the file is empty, and would be written to any other
 * at each start. A checkpoint is ours to begin: SQLite does not report the failure of one of its own.
 */
static const char SQL_FIRST_SETTINGS[] =
    "PRAGMA locking_mode = EXCLUSIVE;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA mmap_size = 0;";
static const char SQL_NEW_SETTINGS[] = "PRAGMA auto_vacuum = INCREMENTAL";
static const char SQL_SETTINGS[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA wal_autocheckpoint = 0;"
    "PRAGMA journal_size_limit = 8388608;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA temp_store = MEMORY;";

static int on_wal(void *arg, sqlite3 *sqlite, const char *name, int pages)
{
	struct database *database = arg;

	database->wal_pages = (unsigned)pages;
	return SQLITE_OK;
}

/* What the connection itself is told, rather than the database. */
static int configure(sqlite3 *sqlite)
{
	static const struct {
		int option, value;
	} options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
		/* After a failed commit, closing must not decide what became of it. */
		{ SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1 },
	};
	int rc = SQLITE_OK;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && rc == SQLITE_OK; i++)
		rc = sqlite3_db_config(sqlite, options[i].option, options[i].value, NULL);
	return sql_errno(rc);
}

/* Look for damage. The report's first line goes to text. */
static int quick_check(sqlite3 *sqlite, char text[256])
{
	sqlite3_stmt *stmt = NULL;
	const char *line;
	int r = sql_errno(sqlite3_prepare_v2(sqlite, "PRAGMA quick_check(1)", -1, &stmt, NULL));

	if (r == 0) {
		int rc = sqlite3_step(stmt);

		r = rc == SQLITE_ROW ? 0 : sql_errno(rc);
	}
	if (r < 0) {
		snprintf(text, 256, "%s", sqlite3_errmsg(sqlite));
	} else {
		line = (const char *)sqlite3_column_text(stmt, 0);
		if (!line || strcmp(line, "ok") != 0) {
			snprintf(text, 256, "is damaged: %.200s", line ? line : "no report");
			r = -EUCLEAN;
		}
	}
	sqlite3_finalize(stmt);
	return r;
}

/* Make the file if it is not there, and connect to it. */
static int connect_file(struct database *database, const char *path, char text[256])
{
	int r = disk_create(path);
	int rc;

	if (r < 0 && r != -EEXIST) {
		snprintf(text, 256, "%s", strerror(-r));
		return r;
	}
	rc = sqlite3_open_v2(path, &database->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
	    SQLITE_OPEN_EXRESCODE, NULL);
	if (!database->sqlite) {
		snprintf(text, 256, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	r = sql_errno(rc);
	if (r == 0)
		r = configure(database->sqlite);
	if (r == 0)
		r = sql_exec(database->sqlite, SQL_FIRST_SETTINGS);
	if (r < 0)
		snprintf(text, 256, "%s", sqlite3_errmsg(database->sqlite));
	return r;
}

/* Make sure that it is ours and whole, and bring it to the newest schema. Nothing is written before. */
static int check_file(struct database *database, const char *dir, char text[256])
{
	int version;
	int r = schema_version(database->sqlite, &version, text);

	if (r < 0)
		return r;
	if (version == 0)
		r = sql_exec(database->sqlite, SQL_NEW_SETTINGS);
	if (r == 0)
		r = sql_exec(database->sqlite, SQL_SETTINGS);
	if (r < 0) {
		snprintf(text, 256, "%s", sqlite3_errmsg(database->sqlite));
		return r;
	}
	sqlite3_wal_hook(database->sqlite, on_wal, database);
	r = quick_check(database->sqlite, text);
	if (r < 0)
		return r;
	return schema_migrate(database->sqlite, dir, schema_steps, schema_steps_count, text);
}

static int prepare(struct database *database, uint64_t events_max)
{
	const struct {
		const char *sql;
		sqlite3_stmt **stmt;
	} statements[] = {
		{ "BEGIN IMMEDIATE", &database->begin },
		{ "COMMIT", &database->commit },
		{ "ROLLBACK", &database->rollback },
		{ "SAVEPOINT op", &database->savepoint },
		{ "RELEASE op", &database->release },
		{ "ROLLBACK TO op", &database->undo },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]) && r == 0; i++)
		r = sql_prepare(database->sqlite, statements[i].sql, statements[i].stmt);
	if (r == 0)
		r = future_rows_init(&database->futures, database->sqlite, &database->side);
	if (r == 0)
		r = event_rows_init(&database->events, database->sqlite, events_max);
	if (r == 0)
		r = pause_rows_init(&database->pauses, database->sqlite);
	if (r == 0)
		r = stop_rows_init(&database->stops, database->sqlite);
	return r;
}

static void finalize(struct database *database)
{
	stop_rows_done(&database->stops);
	pause_rows_done(&database->pauses);
	event_rows_done(&database->events);
	future_rows_done(&database->futures);
	sqlite3_finalize(database->begin);
	sqlite3_finalize(database->commit);
	sqlite3_finalize(database->rollback);
	sqlite3_finalize(database->savepoint);
	sqlite3_finalize(database->release);
	sqlite3_finalize(database->undo);
}

/* Close, whatever state it is in. */
static void disconnect(struct database *database)
{
	finalize(database);
	side_done(&database->side);
	sqlite3_close(database->sqlite);
	memset(database, 0, sizeof(*database));
}

static int is_side(void *arg, const uint8_t id[STORE_ID_BYTES])
{
	struct database *database = arg;

	return future_rows_has_side(&database->futures, id);
}

int database_open(struct database *database, const char *dir, uint64_t events_max, char text[256])
{
	char *path = disk_path(dir, "state.db");
	char reason[256] = "out of memory";
	int r = -ENOMEM;

	memset(database, 0, sizeof(*database));
	database->side.dir = -1;
	if (path)
		r = connect_file(database, path, reason);
	if (r == 0)
		r = check_file(database, dir, reason);
	if (r == 0) {
		r = prepare(database, events_max);
		if (r < 0)
			snprintf(reason, sizeof(reason), "%s", sqlite3_errmsg(database->sqlite));
	}
	if (r == 0) {
		r = side_init(&database->side, dir);
		if (r == 0)
			r = side_sweep(&database->side, is_side, database);
		if (r < 0)
			snprintf(reason, sizeof(reason), "its directory of results: %s", strerror(-r));
	}
	if (r < 0) {
		snprintf(text, 256, "%.100s/state.db: %.140s", dir, reason);
		disconnect(database);
	}
	free(path);
	return r;
}

int database_close(struct database *database, bool clean)
{
	int r = 0;

	if (clean)
		r = database_checkpoint(database, true);
	if (clean && r == 0)
		sqlite3_db_config(database->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	disconnect(database);
	return r;
}

static int run(sqlite3_stmt *stmt)
{
	struct sql_params params = { .stmt = stmt };

	return sql_run(&params);
}

int database_begin(struct database *database)
{
	return run(database->begin);
}

int database_commit(struct database *database)
{
	return run(database->commit);
}

void database_rollback(struct database *database)
{
	if (!database_is_idle(database))
		run(database->rollback);
}

bool database_is_idle(const struct database *database)
{
	return sqlite3_get_autocommit(database->sqlite) != 0;
}

int database_savepoint(struct database *database)
{
	return run(database->savepoint);
}

int database_release(struct database *database)
{
	return run(database->release);
}

int database_undo(struct database *database)
{
	int r = run(database->undo);

	return r < 0 ? r : run(database->release);
}

int database_checkpoint(struct database *database, bool truncate)
{
	int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
	int rc;

	errno = 0;
	rc = sqlite3_wal_checkpoint_v2(database->sqlite, NULL, mode, NULL, NULL);
	if (rc == SQLITE_OK)
		database->wal_pages = 0;
	return sql_errno(rc);
}

int database_vacuum(struct database *database, bool *ret_more)
{
	int64_t free_pages = 0;
	int r = sql_number(database->sqlite, "PRAGMA freelist_count", &free_pages);

	if (r == 0 && free_pages > VACUUM_KEEP)
		r = sql_exec(database->sqlite, "PRAGMA incremental_vacuum(" VACUUM_PAGES ")");
	if (r == 0)
		*ret_more = free_pages > 2 * VACUUM_KEEP;
	return r;
}
