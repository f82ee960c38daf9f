/* stop_rows.h - the rows of stops: the origins that users asked to send nothing to. */
#ifndef DB_STOP_ROWS_H
#define DB_STOP_ROWS_H

#include "db/store.h"

#include <sqlite3.h>

/* Its prepared statements. */
struct stop_rows {
	sqlite3_stmt *put, *remove, *each;
};

/* Prepare; db outlives it. Negative errno: call stop_rows_done() all the same. */
int stop_rows_init(struct stop_rows *rows, sqlite3 *db);
void stop_rows_done(struct stop_rows *rows);

/* These block on the disk and answer as sql_errno() does. A stop that is put twice, or removed without being there, is
 * no error. What each() is, is told in store.h. */
int stop_rows_put(struct stop_rows *rows, uint32_t uid, const char *origin);
int stop_rows_remove(struct stop_rows *rows, uint32_t uid, const char *origin);
int stop_rows_each(struct stop_rows *rows, store_stop_cb each, void *arg);

#endif
