/* future_load.c - reads every future at boot, in one ordered pass over the tables. */
#include "db/future_rows.h"
#include "db/sql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char SQL_LOAD_FUTURES[] =
    "SELECT f.id, uid, gid, mode, kind, profile, key, created_at_ms, state, phase, seq, started_at_ms, "
    "finished_at_ms, ttl_ms, expires_at_ms, keep_until_delivered, deadline_at_ms, start_at_ms, held, paused, pinned, "
    "hops, claim, lease_until_ms, next_at_ms, "
    "polling_delay_usec, retry_delay_usec, retry_since_ms, requests, attempts, unreachable_since_ms, "
    "last_error, cancel_requested, idempotency, captured, budgets, progress, error_kind, error_message, error_code, "
    "error_http_status, content_type, result_size, spec, params, request "
    "FROM futures f LEFT JOIN texts t ON t.id = f.id ORDER BY f.id";
static const char SQL_LOAD_LABELS[] = "SELECT id, name, value FROM labels ORDER BY id, name";
static const char SQL_LOAD_DEPENDENCIES[] = "SELECT id, after FROM dependencies ORDER BY id, place";

/* Rows that belong to futures, in order of their id, as the futures are. */
struct parts {
	struct sql_params params;
	enum { PARTS_NEXT, PARTS_READY, PARTS_OVER } at; /* READY: on a row that is not used yet */
	int (*take)(struct sql_columns *columns, struct future_rec *rec);
};

struct loader {
	struct sql_params futures;
	struct parts labels, dependencies;
};

static void read_rec(struct sql_columns *columns, struct future_rec *rec)
{
	sql_read_id(columns, rec->id);
	rec->uid = (uint32_t)sql_read_number(columns);
	rec->gid = (uint32_t)sql_read_number(columns);
	rec->mode = (uint32_t)sql_read_number(columns);
	rec->kind = (enum store_kind)sql_read_number(columns);
	rec->profile = sql_read_text(columns);
	rec->key = sql_read_text(columns);
	rec->created_at_ms = sql_read_number(columns);
	rec->state = (enum store_state)sql_read_number(columns);
	rec->phase = (enum store_phase)sql_read_number(columns);
	rec->seq = (uint64_t)sql_read_number(columns);
	rec->started_at_ms = sql_read_number(columns);
	rec->finished_at_ms = sql_read_number(columns);
	rec->ttl_ms = sql_read_number(columns);
	rec->expires_at_ms = sql_read_number(columns);
	rec->keep_until_delivered = sql_read_number(columns) != 0;
	rec->deadline_at_ms = sql_read_number(columns);
	rec->start_at_ms = sql_read_number(columns);
	rec->held = sql_read_number(columns) != 0;
	rec->paused = sql_read_number(columns) != 0;
	rec->pinned = sql_read_number(columns) != 0;
	rec->hops = (uint32_t)sql_read_number(columns);
	rec->claim = sql_read_text(columns);
	rec->lease_until_ms = sql_read_number(columns);
	rec->next_at_ms = sql_read_number(columns);
	rec->polling_delay_usec = (uint64_t)sql_read_number(columns);
	rec->retry_delay_usec = (uint64_t)sql_read_number(columns);
	rec->retry_since_ms = sql_read_number(columns);
	rec->requests = (uint32_t)sql_read_number(columns);
	rec->attempts = (uint32_t)sql_read_number(columns);
	rec->unreachable_since_ms = sql_read_number(columns);
	rec->last_error = sql_read_text(columns);
	rec->cancel_requested = sql_read_number(columns) != 0;
	rec->idempotency = sql_read_text(columns);
	rec->captured = sql_read_text(columns);
	rec->budgets = sql_read_text(columns);
	rec->progress = sql_read_text(columns);
	rec->error_kind = sql_read_text(columns);
	rec->error_message = sql_read_text(columns);
	rec->error_code = sql_read_text(columns);
	rec->error_http_status = (int32_t)sql_read_number(columns);
	rec->content_type = sql_read_text(columns);
	rec->result_size = sql_read_number(columns);
}

static int take_label(struct sql_columns *columns, struct future_rec *rec)
{
	struct store_label *labels = realloc(rec->labels, (rec->n_labels + 1) * sizeof(*labels));

	if (!labels)
		return -ENOMEM;
	rec->labels = labels;
	labels[rec->n_labels].name = sql_read_text(columns);
	labels[rec->n_labels].value = sql_read_text(columns);
	rec->n_labels++;
	return columns->error;
}

static int take_dependency(struct sql_columns *columns, struct future_rec *rec)
{
	void *after = rec->after;

	/* Room grows by doubling: there may be thousands. */
	if ((rec->n_after & (rec->n_after - 1)) == 0) {
		after = realloc(after, (rec->n_after ? 2 * rec->n_after : 1) * sizeof(*rec->after));
		if (!after)
			return -ENOMEM;
		rec->after = after;
	}
	sql_read_id(columns, rec->after[rec->n_after++]);
	return columns->error;
}

/* Take the parts of rec, which come next; leave the statement on the first one of a later future. */
static int read_parts(struct parts *parts, struct future_rec *rec)
{
	int r;

	for (;;) {
		struct sql_columns columns = { .stmt = parts->params.stmt };
		uint8_t id[STORE_ID_BYTES] = { 0 };
		int order;

		if (parts->at == PARTS_NEXT) {
			r = sql_step(&parts->params);
			if (r < 0)
				return r;
			parts->at = r ? PARTS_READY : PARTS_OVER;
		}
		if (parts->at == PARTS_OVER)
			return 0;
		sql_read_id(&columns, id);
		if (columns.error)
			return columns.error;
		order = memcmp(id, rec->id, STORE_ID_BYTES);
		if (order > 0)
			return 0;
		/* The foreign key lets no part stand without its future. */
		r = order == 0 ? parts->take(&columns, rec) : -EUCLEAN;
		if (r < 0)
			return r;
		parts->at = PARTS_NEXT;
	}
}

/* Hand over the future that the statement stands on. */
static int load_one(struct loader *loader, store_load_cb on_future, void *arg, uint64_t *seq)
{
	struct sql_columns columns = { .stmt = loader->futures.stmt };
	struct store_texts texts;
	struct future_rec rec;
	int r;

	memset(&rec, 0, sizeof(rec));
	read_rec(&columns, &rec);
	texts.spec = sql_peek_text(&columns);
	texts.params = sql_peek_text(&columns);
	texts.request = sql_peek_text(&columns);
	r = columns.error;
	if (r == 0)
		r = read_parts(&loader->labels, &rec);
	if (r == 0)
		r = read_parts(&loader->dependencies, &rec);
	if (r == 0) {
		if (rec.seq > *seq)
			*seq = rec.seq;
		r = on_future(&rec, &texts, arg);
	}
	future_rec_done(&rec);
	return r < 0 ? r : 0;
}

int future_rows_load(sqlite3 *db, store_load_cb on_future, void *arg, uint64_t *ret_seq)
{
	struct loader loader = { .labels.take = take_label, .dependencies.take = take_dependency };
	uint64_t seq = 0;
	int r;

	r = sql_prepare(db, SQL_LOAD_FUTURES, &loader.futures.stmt);
	if (r == 0)
		r = sql_prepare(db, SQL_LOAD_LABELS, &loader.labels.params.stmt);
	if (r == 0)
		r = sql_prepare(db, SQL_LOAD_DEPENDENCIES, &loader.dependencies.params.stmt);
	while (r == 0) {
		r = sql_step(&loader.futures);
		if (r <= 0)
			break;
		r = load_one(&loader, on_future, arg, &seq);
	}
	if (r == 0)
		*ret_seq = seq;
	sqlite3_finalize(loader.futures.stmt);
	sqlite3_finalize(loader.labels.params.stmt);
	sqlite3_finalize(loader.dependencies.params.stmt);
	return r;
}
