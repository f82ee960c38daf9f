/* event_rows.h - the event log: its newest rows are kept, the rest is trimmed. */
#ifndef DB_EVENT_ROWS_H
#define DB_EVENT_ROWS_H

#include "db/store.h"

#include <sqlite3.h>

/* What the log holds; follows every insert and trim, so it has to be put back when a transaction is undone. */
struct event_extent {
	uint64_t count;
	uint64_t oldest, newest;        /* 0: no rows */
};

struct event_rows {
	sqlite3 *db;
	sqlite3_stmt *insert, *trim, *find_oldest, *read;
	uint64_t max;                   /* rows to keep, at least 1 */
	struct event_extent extent;
};

/* Prepare, and measure the log; db outlives it. Negative errno: call event_rows_done() all the same. */
int event_rows_init(struct event_rows *rows, sqlite3 *db, uint64_t max);
void event_rows_done(struct event_rows *rows);

/* -EINVAL: seq is 0 or taken. */
int event_rows_insert(struct event_rows *rows, const struct event_rec *event);

/* Drop the oldest rows when there are more than the maximum and some slack. The newest row always stays:
 * it is the memory of how far the numbers went. */
int event_rows_trim(struct event_rows *rows);

/* Up to limit events after since into an array the caller frees (NULL when ret_count is 0). */
int event_rows_read(struct event_rows *rows, uint64_t since, size_t limit, struct event_rec **ret_events,
    size_t *ret_count);

#endif
