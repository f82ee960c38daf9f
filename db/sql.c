/* sql.c - SQLite's answers as errno, and the binding and reading that the row files share. */
#include "db/sql.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* No room? SQLite knows ENOSPC; a used up quota it reports as a failed write, and at a commit without what
 * sqlite3_system_errno() would tell. */
static bool is_full(int rc)
{
	return (rc & 0xff) == SQLITE_FULL || (rc == SQLITE_IOERR_WRITE && errno == EDQUOT);
}

int sql_errno(int rc)
{
	switch (rc) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_ROWID:
		return -EEXIST;
	case SQLITE_IOERR_NOMEM:
		return -ENOMEM;
	}
	if (is_full(rc))
		return -ENOSPC;
	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:
		return -EINVAL;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_TOOBIG:
		return -EMSGSIZE;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	}
	return -EIO;
}

int sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **ret)
{
	return sql_errno(sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL));
}

int sql_exec(sqlite3 *db, const char *text)
{
	return sql_errno(sqlite3_exec(db, text, NULL, NULL, NULL));
}

int sql_number(sqlite3 *db, const char *query, int64_t *ret)
{
	sqlite3_stmt *stmt = NULL;
	int r = sql_errno(sqlite3_prepare_v2(db, query, -1, &stmt, NULL));

	if (r == 0) {
		int rc = sqlite3_step(stmt);

		if (rc == SQLITE_ROW)
			*ret = sqlite3_column_int64(stmt, 0);
		else
			r = rc == SQLITE_DONE ? -ENODATA : sql_errno(rc);
	}
	sqlite3_finalize(stmt);
	return r;
}

/* Keep the first failure of a row of binds. */
static void note(struct sql_params *params, int rc)
{
	if (params->rc == SQLITE_OK)
		params->rc = rc;
}

void sql_bind_number(struct sql_params *params, int64_t value)
{
	note(params, sqlite3_bind_int64(params->stmt, ++params->last, value));
}

void sql_bind_text(struct sql_params *params, const char *text)
{
	params->last++;
	if (text)
		note(params, sqlite3_bind_text64(params->stmt, params->last, text, strlen(text),
		    SQLITE_STATIC, SQLITE_UTF8));
	else
		note(params, sqlite3_bind_null(params->stmt, params->last));
}

void sql_bind_blob(struct sql_params *params, const void *data, size_t len)
{
	note(params, sqlite3_bind_blob64(params->stmt, ++params->last, data, len, SQLITE_STATIC));
}

int sql_step(struct sql_params *params)
{
	int rc = params->rc;

	errno = 0;
	if (rc == SQLITE_OK)
		rc = sqlite3_step(params->stmt);
	if (rc == SQLITE_ROW)
		return 1;
	return sql_errno(rc);
}

int sql_run(struct sql_params *params)
{
	int r = sql_step(params);

	sql_reset(params);
	return r;
}

void sql_reset(struct sql_params *params)
{
	sqlite3_reset(params->stmt);
	sqlite3_clear_bindings(params->stmt);
	params->last = 0;
	params->rc = SQLITE_OK;
}

int64_t sql_read_number(struct sql_columns *columns)
{
	return sqlite3_column_int64(columns->stmt, columns->next++);
}

const char *sql_peek_text(struct sql_columns *columns)
{
	int i = columns->next++;
	const char *text;

	if (sqlite3_column_type(columns->stmt, i) == SQLITE_NULL)
		return NULL;
	text = (const char *)sqlite3_column_text(columns->stmt, i);
	if (!text && !columns->error)
		columns->error = -ENOMEM;
	return text;
}

char *sql_read_text(struct sql_columns *columns)
{
	const char *text = sql_peek_text(columns);
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy && !columns->error)
		columns->error = -ENOMEM;
	return copy;
}

void sql_read_id(struct sql_columns *columns, uint8_t ret[16])
{
	int i = columns->next++;
	const void *bytes = sqlite3_column_blob(columns->stmt, i);

	if (bytes && sqlite3_column_bytes(columns->stmt, i) == 16)
		memcpy(ret, bytes, 16);
	else if (!columns->error)
		columns->error = -EUCLEAN;
}
