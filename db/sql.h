/* sql.h - SQLite's answers as errno, and the binding and reading that the row files share. */
#ifndef DB_SQL_H
#define DB_SQL_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What SQLite's rc means:
 *   0         done, or a row
 *   -EEXIST   a primary key or unique column has that value already
 *   -EINVAL   another constraint
 *   -ENOSPC   no room on the disk, or in its owner's quota
 *   -ENOMEM   out of memory
 *   -EMSGSIZE a value is too long
 *   -EUCLEAN  the database is corrupt
 *   -EIO      anything else
 * Of a write error the system's errno decides: set it to 0 before the call, and ask right after it.
 */
int sql_errno(int rc);

/* Compile a statement that is kept. */
int sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **ret);

/* Run statements that give no rows. */
int sql_exec(sqlite3 *db, const char *text);

/* The one number that query gives. -ENODATA: it gave no row. */
int sql_number(sqlite3 *db, const char *query, int64_t *ret);

/* Parameters of a statement, bound one after the other. Values are borrowed until sql_reset(). */
struct sql_params {
	sqlite3_stmt *stmt;
	int last;                       /* number of the last one bound */
	int rc;                         /* the first failure */
};
void sql_bind_number(struct sql_params *params, int64_t value);
void sql_bind_text(struct sql_params *params, const char *text);    /* NULL: SQL's NULL */
void sql_bind_blob(struct sql_params *params, const void *data, size_t len);

/* Go to the next row. 1: there is one; 0: no more; negative errno, also of a failed bind. */
int sql_step(struct sql_params *params);

/* Step once, for a statement that gives no rows, and reset it. */
int sql_run(struct sql_params *params);

/* End a statement, whatever became of it: what it borrowed is not touched any more. */
void sql_reset(struct sql_params *params);

/* Columns of the current row, read one after the other. */
struct sql_columns {
	sqlite3_stmt *stmt;
	int next;
	int error;                      /* -ENOMEM or -EUCLEAN of the first that could not be read */
};
int64_t sql_read_number(struct sql_columns *columns);
char *sql_read_text(struct sql_columns *columns);                   /* a copy; NULL for SQL's NULL */
const char *sql_peek_text(struct sql_columns *columns);             /* valid until the next step */
void sql_read_id(struct sql_columns *columns, uint8_t ret[16]);     /* -EUCLEAN unless 16 bytes long */

#endif
