/* pause_rows.h - the rows of pauses: until when a user's requests with one credential to one service must wait. */
#ifndef DB_PAUSE_ROWS_H
#define DB_PAUSE_ROWS_H

#include "db/store.h"

#include <sqlite3.h>

/* Its prepared statements. */
struct pause_rows {
	sqlite3_stmt *put, *trim, *each;
};

/* Prepare; db outlives it. Negative errno: call pause_rows_done() all the same. */
int pause_rows_init(struct pause_rows *rows, sqlite3 *db);
void pause_rows_done(struct pause_rows *rows);

/* These block on the disk and answer as sql_errno() does; what they mean is told in store.h. */
int pause_rows_put(struct pause_rows *rows, uint32_t uid, const char *bucket, int64_t until_ms, int64_t now_ms);
int pause_rows_each(struct pause_rows *rows, int64_t now_ms, store_pause_cb each, void *arg);

#endif
