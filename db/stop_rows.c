/* stop_rows.c - the rows of stops: the origins that users asked to send nothing to. */
#include "db/stop_rows.h"
#include "db/sql.h"

#include <string.h>

static const char SQL_PUT[] = "INSERT INTO stops (uid, origin) VALUES (?, ?) ON CONFLICT DO NOTHING";
static const char SQL_REMOVE[] = "DELETE FROM stops WHERE uid = ? AND origin = ?";
static const char SQL_EACH[] = "SELECT uid, origin FROM stops";

int stop_rows_init(struct stop_rows *rows, sqlite3 *db)
{
	int r;

	memset(rows, 0, sizeof(*rows));
	r = sql_prepare(db, SQL_PUT, &rows->put);
	if (r == 0)
		r = sql_prepare(db, SQL_REMOVE, &rows->remove);
	if (r == 0)
		r = sql_prepare(db, SQL_EACH, &rows->each);
	return r;
}

void stop_rows_done(struct stop_rows *rows)
{
	sqlite3_finalize(rows->put);
	sqlite3_finalize(rows->remove);
	sqlite3_finalize(rows->each);
	memset(rows, 0, sizeof(*rows));
}

static int run(sqlite3_stmt *stmt, uint32_t uid, const char *origin)
{
	struct sql_params params = { .stmt = stmt };

	sql_bind_number(&params, uid);
	sql_bind_text(&params, origin);
	return sql_run(&params);
}

int stop_rows_put(struct stop_rows *rows, uint32_t uid, const char *origin)
{
	return run(rows->put, uid, origin);
}

int stop_rows_remove(struct stop_rows *rows, uint32_t uid, const char *origin)
{
	return run(rows->remove, uid, origin);
}

int stop_rows_each(struct stop_rows *rows, store_stop_cb each, void *arg)
{
	struct sql_params params = { .stmt = rows->each };
	int r;

	while ((r = sql_step(&params)) > 0) {
		struct sql_columns columns = { .stmt = rows->each };
		uint32_t uid = (uint32_t)sql_read_number(&columns);
		const char *origin = sql_peek_text(&columns);

		r = columns.error ? columns.error : each(arg, uid, origin);
		if (r < 0)
			break;
	}
	sql_reset(&params);
	return r < 0 ? r : 0;
}
