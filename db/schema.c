/* schema.c - brings a database to this version's schema, step by step, forward only. */
#include "db/schema.h"
#include "db/disk.h"
#include "db/sql.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Have SQLite write a compact copy into an empty file. */
static int vacuum_into(sqlite3 *db, const char *path)
{
	sqlite3_stmt *stmt = NULL;
	struct sql_params params = { 0 };
	int r = sql_errno(sqlite3_prepare_v2(db, "VACUUM INTO ?", -1, &stmt, NULL));

	if (r == 0) {
		params.stmt = stmt;
		sql_bind_text(&params, path);
		r = sql_step(&params);
	}
	sqlite3_finalize(stmt);
	return r;
}

/* Write the copy under another name first: it gets its own when it is whole and on the disk, which SQLite
 * does not see to. */
static int copy_to(sqlite3 *db, const char *dir, const char *temporary, const char *path)
{
	int r;

	if (unlink(temporary) < 0 && errno != ENOENT)
		return -errno;
	r = disk_create(temporary);
	if (r == 0)
		r = vacuum_into(db, temporary);
	if (r == 0)
		r = disk_sync(temporary);
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r == 0)
		r = disk_sync(dir);
	if (r < 0)
		unlink(temporary);
	return r;
}

/* Copy the database to state.db.vN. */
static int back_up(sqlite3 *db, const char *dir, int version)
{
	char name[32];
	char *path, *temporary;
	int r = -ENOMEM;

	snprintf(name, sizeof(name), "state.db.v%d", version);
	path = disk_path(dir, name);
	snprintf(name, sizeof(name), "state.db.v%d.new", version);
	temporary = disk_path(dir, name);
	if (path && temporary)
		r = copy_to(db, dir, temporary, path);
	free(path);
	free(temporary);
	return r;
}

/* Does every row that refers to another one find it? */
static int check_references(sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	struct sql_params params = { 0 };
	int r = sql_errno(sqlite3_prepare_v2(db, "PRAGMA foreign_key_check", -1, &stmt, NULL));

	if (r == 0) {
		params.stmt = stmt;
		r = sql_step(&params);
	}
	sqlite3_finalize(stmt);
	return r > 0 ? -EUCLEAN : r;
}

/* The foreign keys are off meanwhile: a table that is made anew takes none of the others' rows with it. */
static int run_step(sqlite3 *db, const struct schema_step *step)
{
	char header[128];
	int r;

	snprintf(header, sizeof(header), "PRAGMA application_id = %d; PRAGMA user_version = %d",
	    SCHEMA_APPLICATION_ID, step->version);
	r = sql_exec(db, "BEGIN IMMEDIATE");
	if (r == 0)
		r = sql_exec(db, step->sql);
	if (r == 0)
		r = check_references(db);
	if (r == 0)
		r = sql_exec(db, header);
	if (r == 0)
		r = sql_exec(db, "COMMIT");
	return r;
}

int schema_version(sqlite3 *db, int *ret, char text[256])
{
	int64_t application = 0, version = 0, tables = 0;
	int r = sql_number(db, "PRAGMA application_id", &application);

	if (r == 0)
		r = sql_number(db, "PRAGMA user_version", &version);
	if (r == 0)
		r = sql_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r < 0) {
		snprintf(text, 256, "cannot read the version: %s", sqlite3_errmsg(db));
		return r;
	}
	if ((application != SCHEMA_APPLICATION_ID && (version || tables)) || (!version && tables) || version < 0) {
		snprintf(text, 256, "is not a database of futured");
		return -EUCLEAN;
	}
	*ret = (int)version;
	return 0;
}

int schema_migrate(sqlite3 *db, const char *dir, const struct schema_step *steps, size_t count, char text[256])
{
	int newest = count ? steps[count - 1].version : 0;
	int version = 0;
	int r = schema_version(db, &version, text);

	if (r < 0)
		return r;
	if (version > newest) {
		snprintf(text, 256, "has schema version %d, this futured knows up to %d: a newer futured wrote it",
		    version, newest);
		return -EPROTO;
	}
	if (version && version < newest) {
		r = back_up(db, dir, version);
		if (r < 0) {
			snprintf(text, 256, "cannot be copied to state.db.v%d before its migration: %s", version,
			    strerror(-r));
			return r;
		}
	}
	r = sql_exec(db, "PRAGMA foreign_keys = OFF");
	for (size_t i = 0; i < count && r == 0; i++) {
		if (steps[i].version <= version)
			continue;
		r = run_step(db, &steps[i]);
		if (r < 0) {
			snprintf(text, 256, "migration to schema version %d: %s", steps[i].version,
			    r == -EUCLEAN ? "rows that it needs are missing" : sqlite3_errmsg(db));
			if (!sqlite3_get_autocommit(db))
				sql_exec(db, "ROLLBACK");
			return r;
		}
	}
	if (r == 0)
		r = sql_exec(db, "PRAGMA foreign_keys = ON");
	if (r < 0)
		snprintf(text, 256, "foreign keys: %s", sqlite3_errmsg(db));
	return r;
}
