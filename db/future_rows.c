/* future_rows.c - the rows of a future: the record itself, its labels, texts, result and error details. */
#include "db/future_rows.h"
#include "db/sql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* In the order of bind_changing(). */
#define CHANGING_COLUMNS \
	"state, phase, seq, started_at_ms, finished_at_ms, ttl_ms, expires_at_ms, keep_until_delivered, " \
	"deadline_at_ms, start_at_ms, held, paused, pinned, hops, claim, lease_until_ms, next_at_ms, " \
	"polling_delay_usec, retry_delay_usec, retry_since_ms, requests, attempts, " \
	"unreachable_since_ms, last_error, cancel_requested, idempotency, captured, budgets, progress, error_kind, " \
	"error_message, error_code, error_http_status, content_type, result_size"

static const char SQL_INSERT_FUTURE[] =
    "INSERT INTO futures (id, uid, gid, mode, kind, profile, key, created_at_ms, " CHANGING_COLUMNS ") "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
    "?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char SQL_UPDATE_FUTURE[] =
    "UPDATE futures SET (" CHANGING_COLUMNS ") = "
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "WHERE id = ?";
static const char SQL_DELETE_FUTURE[] = "DELETE FROM futures WHERE id = ?";

static const char SQL_INSERT_LABEL[] = "INSERT INTO labels (id, name, value) VALUES (?, ?, ?)";
static const char SQL_INSERT_DEPENDENCY[] = "INSERT INTO dependencies (id, place, after) VALUES (?, ?, ?)";
static const char SQL_INSERT_TEXTS[] = "INSERT INTO texts (id, spec, params, request) VALUES (?, ?, ?, ?)";
static const char SQL_REPLACE[] = "UPDATE futures SET (kind, profile) = (?, ?) WHERE id = ?";
static const char SQL_REPLACE_TEXTS[] = "UPDATE texts SET (spec, params) = (?, ?) WHERE id = ?";
static const char SQL_REMOVE_DEPENDENCIES[] = "DELETE FROM dependencies WHERE id = ?";
static const char SQL_PUT_RESULT[] =
    "INSERT INTO results (id, data, side) VALUES (?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET (data, side) = (excluded.data, excluded.side)";
static const char SQL_PUT_DETAILS[] =
    "INSERT INTO error_details (id, data) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET data = excluded.data";

static const char SQL_FIND_RESULT[] = "SELECT rowid FROM results WHERE id = ?";
static const char SQL_FIND_SIDE[] = "SELECT 1 FROM results WHERE id = ? AND side = 1";
static const char SQL_FIND_DETAILS[] = "SELECT rowid FROM error_details WHERE id = ?";
static const char SQL_FIND_TEXTS[] = "SELECT spec, params, request FROM texts WHERE id = ?";

static const struct {
	size_t offset;
	const char *sql;
} statements[] = {
	{ offsetof(struct future_rows, insert), SQL_INSERT_FUTURE },
	{ offsetof(struct future_rows, insert_label), SQL_INSERT_LABEL },
	{ offsetof(struct future_rows, insert_dependency), SQL_INSERT_DEPENDENCY },
	{ offsetof(struct future_rows, insert_texts), SQL_INSERT_TEXTS },
	{ offsetof(struct future_rows, replace), SQL_REPLACE },
	{ offsetof(struct future_rows, replace_texts), SQL_REPLACE_TEXTS },
	{ offsetof(struct future_rows, remove_dependencies), SQL_REMOVE_DEPENDENCIES },
	{ offsetof(struct future_rows, update), SQL_UPDATE_FUTURE },
	{ offsetof(struct future_rows, put_result), SQL_PUT_RESULT },
	{ offsetof(struct future_rows, put_details), SQL_PUT_DETAILS },
	{ offsetof(struct future_rows, remove), SQL_DELETE_FUTURE },
	{ offsetof(struct future_rows, find_result), SQL_FIND_RESULT },
	{ offsetof(struct future_rows, find_side), SQL_FIND_SIDE },
	{ offsetof(struct future_rows, find_details), SQL_FIND_DETAILS },
	{ offsetof(struct future_rows, find_texts), SQL_FIND_TEXTS },
};

static sqlite3_stmt **statement_at(struct future_rows *rows, size_t i)
{
	return (sqlite3_stmt **)((char *)rows + statements[i].offset);
}

int future_rows_init(struct future_rows *rows, sqlite3 *db, struct side *side)
{
	int r = 0;

	memset(rows, 0, sizeof(*rows));
	rows->db = db;
	rows->side = side;
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]) && r == 0; i++)
		r = sql_prepare(db, statements[i].sql, statement_at(rows, i));
	return r;
}

void future_rows_done(struct future_rows *rows)
{
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		sqlite3_finalize(*statement_at(rows, i));
	memset(rows, 0, sizeof(*rows));
}

/* In the order of CHANGING_COLUMNS. */
static void bind_changing(struct sql_params *params, const struct future_rec *rec)
{
	sql_bind_number(params, rec->state);
	sql_bind_number(params, rec->phase);
	sql_bind_number(params, (int64_t)rec->seq);
	sql_bind_number(params, rec->started_at_ms);
	sql_bind_number(params, rec->finished_at_ms);
	sql_bind_number(params, rec->ttl_ms);
	sql_bind_number(params, rec->expires_at_ms);
	sql_bind_number(params, rec->keep_until_delivered);
	sql_bind_number(params, rec->deadline_at_ms);
	sql_bind_number(params, rec->start_at_ms);
	sql_bind_number(params, rec->held);
	sql_bind_number(params, rec->paused);
	sql_bind_number(params, rec->pinned);
	sql_bind_number(params, rec->hops);
	sql_bind_text(params, rec->claim);
	sql_bind_number(params, rec->lease_until_ms);
	sql_bind_number(params, rec->next_at_ms);
	sql_bind_number(params, (int64_t)rec->polling_delay_usec);
	sql_bind_number(params, (int64_t)rec->retry_delay_usec);
	sql_bind_number(params, rec->retry_since_ms);
	sql_bind_number(params, rec->requests);
	sql_bind_number(params, rec->attempts);
	sql_bind_number(params, rec->unreachable_since_ms);
	sql_bind_text(params, rec->last_error);
	sql_bind_number(params, rec->cancel_requested);
	sql_bind_text(params, rec->idempotency);
	sql_bind_text(params, rec->captured);
	sql_bind_text(params, rec->budgets);
	sql_bind_text(params, rec->progress);
	sql_bind_text(params, rec->error_kind);
	sql_bind_text(params, rec->error_message);
	sql_bind_text(params, rec->error_code);
	sql_bind_number(params, rec->error_http_status);
	sql_bind_text(params, rec->content_type);
	sql_bind_number(params, rec->result_size);
}

static int insert_dependencies(struct future_rows *rows, const struct future_rec *rec)
{
	struct sql_params params = { .stmt = rows->insert_dependency };
	int r = 0;

	for (size_t i = 0; i < rec->n_after && r == 0; i++) {
		sql_bind_blob(&params, rec->id, STORE_ID_BYTES);
		sql_bind_number(&params, (int64_t)i);
		sql_bind_blob(&params, rec->after[i], STORE_ID_BYTES);
		r = sql_run(&params);
	}
	return r;
}

/* What hangs below the row of futures. A constraint that fails here is the caller's mistake, not a
 * future that exists. */
static int insert_parts(struct future_rows *rows, const struct future_rec *rec, const struct store_texts *texts)
{
	struct sql_params params = { .stmt = rows->insert_texts };
	int r;

	sql_bind_blob(&params, rec->id, STORE_ID_BYTES);
	sql_bind_text(&params, texts->spec);
	sql_bind_text(&params, texts->params);
	sql_bind_text(&params, texts->request);
	r = sql_run(&params);
	params.stmt = rows->insert_label;
	for (size_t i = 0; i < rec->n_labels && r == 0; i++) {
		sql_bind_blob(&params, rec->id, STORE_ID_BYTES);
		sql_bind_text(&params, rec->labels[i].name);
		sql_bind_text(&params, rec->labels[i].value);
		r = sql_run(&params);
	}
	if (r == 0)
		r = insert_dependencies(rows, rec);
	return r == -EEXIST ? -EINVAL : r;
}

int future_rows_insert(struct future_rows *rows, const struct future_rec *rec, const struct store_texts *texts)
{
	struct sql_params params = { .stmt = rows->insert };
	int r;

	sql_bind_blob(&params, rec->id, STORE_ID_BYTES);
	sql_bind_number(&params, rec->uid);
	sql_bind_number(&params, rec->gid);
	sql_bind_number(&params, rec->mode);
	sql_bind_number(&params, rec->kind);
	sql_bind_text(&params, rec->profile);
	sql_bind_text(&params, rec->key);
	sql_bind_number(&params, rec->created_at_ms);
	bind_changing(&params, rec);
	r = sql_run(&params);
	return r < 0 ? r : insert_parts(rows, rec, texts);
}

/* A large result goes into a file of its own, which is whole and on the disk before the row is committed. */
static int put_result(struct future_rows *rows, const uint8_t id[STORE_ID_BYTES], struct store_blob blob)
{
	struct sql_params params = { .stmt = rows->put_result };
	bool aside = blob.len > SIDE_ABOVE;
	int r = aside ? side_write(rows->side, id, blob.data, blob.len) : 0;

	if (r < 0)
		return r;
	sql_bind_blob(&params, id, STORE_ID_BYTES);
	sql_bind_blob(&params, blob.data, aside ? 0 : blob.len);
	sql_bind_number(&params, aside);
	return sql_run(&params);
}

static int put_details(struct future_rows *rows, const uint8_t id[STORE_ID_BYTES], struct store_blob blob)
{
	struct sql_params params = { .stmt = rows->put_details };

	sql_bind_blob(&params, id, STORE_ID_BYTES);
	sql_bind_blob(&params, blob.data, blob.len);
	return sql_run(&params);
}

int future_rows_update(struct future_rows *rows, const struct future_rec *rec, struct store_blob result,
    struct store_blob details)
{
	struct sql_params params = { .stmt = rows->update };
	int r;

	bind_changing(&params, rec);
	sql_bind_blob(&params, rec->id, STORE_ID_BYTES);
	r = sql_run(&params);
	if (r == 0 && sqlite3_changes(rows->db) == 0)
		return -ENOENT;
	if (r == 0 && result.data)
		r = put_result(rows, rec->id, result);
	if (r == 0 && details.data)
		r = put_details(rows, rec->id, details);
	return r;
}

int future_rows_replace(struct future_rows *rows, const struct future_rec *rec, const struct store_texts *texts)
{
	struct sql_params params = { .stmt = rows->replace };
	int r;

	sql_bind_number(&params, rec->kind);
	sql_bind_text(&params, rec->profile);
	sql_bind_blob(&params, rec->id, STORE_ID_BYTES);
	r = sql_run(&params);
	if (r == 0) {
		params.stmt = rows->replace_texts;
		sql_bind_text(&params, texts->spec);
		sql_bind_text(&params, texts->params);
		sql_bind_blob(&params, rec->id, STORE_ID_BYTES);
		r = sql_run(&params);
	}
	if (r == 0 && sqlite3_changes(rows->db) == 0)
		return -ENOENT;
	if (r == 0) {
		params.stmt = rows->remove_dependencies;
		sql_bind_blob(&params, rec->id, STORE_ID_BYTES);
		r = sql_run(&params);
	}
	if (r == 0)
		r = insert_dependencies(rows, rec);
	return r == -EEXIST ? -EINVAL : r;
}

int future_rows_remove(struct future_rows *rows, const uint8_t id[STORE_ID_BYTES])
{
	struct sql_params params = { .stmt = rows->remove };
	int r;

	sql_bind_blob(&params, id, STORE_ID_BYTES);
	r = sql_run(&params);
	return r == 0 && sqlite3_changes(rows->db) == 0 ? -ENOENT : r;
}

/* Read a part of one value. The incremental interface does not load the rest of it. */
static int read_part(struct future_rows *rows, const char *table, int64_t rowid, uint64_t offset, size_t len,
    void **ret_data, size_t *ret_len)
{
	sqlite3_blob *blob = NULL;
	size_t size;
	void *data = NULL;
	int r;

	r = sql_errno(sqlite3_blob_open(rows->db, "main", table, "data", rowid, 0, &blob));
	if (r < 0)
		goto out;
	size = (size_t)sqlite3_blob_bytes(blob);
	size = offset < size ? size - (size_t)offset : 0;
	if (size > len)
		size = len;
	data = malloc(size + 1);
	r = data ? 0 : -ENOMEM;
	if (r == 0 && size)
		r = sql_errno(sqlite3_blob_read(blob, data, (int)size, (int)offset));
	if (r < 0)
		goto out;
	*ret_data = data;
	*ret_len = size;
	data = NULL;
out:
	free(data);
	sqlite3_blob_close(blob);
	return r;
}

/* Find the row, then read from it. */
static int read_blob(struct future_rows *rows, sqlite3_stmt *find, const char *table,
    const uint8_t id[STORE_ID_BYTES], uint64_t offset, size_t len, void **ret_data, size_t *ret_len)
{
	struct sql_params params = { .stmt = find };
	int64_t rowid = 0;
	int r;

	sql_bind_blob(&params, id, STORE_ID_BYTES);
	r = sql_step(&params);
	if (r == 1)
		rowid = sqlite3_column_int64(find, 0);
	sql_reset(&params);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	return read_part(rows, table, rowid, offset, len, ret_data, ret_len);
}

int future_rows_has_side(struct future_rows *rows, const uint8_t id[STORE_ID_BYTES])
{
	struct sql_params params = { .stmt = rows->find_side };
	int r;

	sql_bind_blob(&params, id, STORE_ID_BYTES);
	r = sql_step(&params);
	sql_reset(&params);
	return r;
}

int future_rows_read_result(struct future_rows *rows, const uint8_t id[STORE_ID_BYTES], uint64_t offset,
    size_t len, void **ret_data, size_t *ret_len)
{
	int r = future_rows_has_side(rows, id);

	if (r < 0)
		return r;
	if (r > 0)
		return side_read(rows->side, id, offset, len, ret_data, ret_len);
	return read_blob(rows, rows->find_result, "results", id, offset, len, ret_data, ret_len);
}

int future_rows_read_details(struct future_rows *rows, const uint8_t id[STORE_ID_BYTES], void **ret_data,
    size_t *ret_len)
{
	return read_blob(rows, rows->find_details, "error_details", id, 0, SIZE_MAX, ret_data, ret_len);
}

int future_rows_read_texts(struct future_rows *rows, const uint8_t id[STORE_ID_BYTES], char *ret[3])
{
	struct sql_params params = { .stmt = rows->find_texts };
	char *texts[3] = { NULL, NULL, NULL };
	int r;

	sql_bind_blob(&params, id, STORE_ID_BYTES);
	r = sql_step(&params);
	if (r == 1) {
		struct sql_columns columns = { .stmt = params.stmt };

		for (int i = 0; i < 3; i++)
			texts[i] = sql_read_text(&columns);
		r = columns.error;
	} else if (r == 0) {
		r = -ENOENT;
	}
	sql_reset(&params);
	for (int i = 0; i < 3; i++) {
		if (r < 0)
			free(texts[i]);
		else
			ret[i] = texts[i];
	}
	return r;
}
