/* pause_rows.c - the rows of pauses: until when a user's requests with one credential to one service must wait. */
#include "db/pause_rows.h"
#include "db/sql.h"

#include <string.h>

static const char SQL_PUT[] =
    "INSERT INTO pauses (uid, bucket, until_ms) VALUES (?, ?, ?) "
    "ON CONFLICT (uid, bucket) DO UPDATE SET until_ms = max(until_ms, excluded.until_ms)";
static const char SQL_TRIM[] = "DELETE FROM pauses WHERE until_ms <= ?";
static const char SQL_EACH[] = "SELECT uid, bucket, until_ms FROM pauses WHERE until_ms > ?";

int pause_rows_init(struct pause_rows *rows, sqlite3 *db)
{
	int r;

	memset(rows, 0, sizeof(*rows));
	r = sql_prepare(db, SQL_PUT, &rows->put);
	if (r == 0)
		r = sql_prepare(db, SQL_TRIM, &rows->trim);
	if (r == 0)
		r = sql_prepare(db, SQL_EACH, &rows->each);
	return r;
}

void pause_rows_done(struct pause_rows *rows)
{
	sqlite3_finalize(rows->put);
	sqlite3_finalize(rows->trim);
	sqlite3_finalize(rows->each);
	memset(rows, 0, sizeof(*rows));
}

int pause_rows_put(struct pause_rows *rows, uint32_t uid, const char *bucket, int64_t until_ms, int64_t now_ms)
{
	struct sql_params put = { .stmt = rows->put }, trim = { .stmt = rows->trim };
	int r;

	sql_bind_number(&trim, now_ms);
	r = sql_run(&trim);
	if (r < 0)
		return r;
	sql_bind_number(&put, uid);
	sql_bind_text(&put, bucket);
	sql_bind_number(&put, until_ms);
	return sql_run(&put);
}

int pause_rows_each(struct pause_rows *rows, int64_t now_ms, store_pause_cb each, void *arg)
{
	struct sql_params params = { .stmt = rows->each };
	int r;

	sql_bind_number(&params, now_ms);
	while ((r = sql_step(&params)) > 0) {
		struct sql_columns columns = { .stmt = rows->each };
		uint32_t uid = (uint32_t)sql_read_number(&columns);
		const char *bucket = sql_peek_text(&columns);
		int64_t until_ms = sql_read_number(&columns);

		r = columns.error ? columns.error : each(arg, uid, bucket, until_ms);
		if (r < 0)
			break;
	}
	sql_reset(&params);
	return r < 0 ? r : 0;
}
