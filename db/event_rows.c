/* event_rows.c - the event log: its newest rows are kept, the rest is trimmed. */
#include "db/event_rows.h"
#include "db/sql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Trimming waits until this part of the maximum is over it, and so costs next to nothing per event. */
#define SLACK_PART 16
#define SLACK_MAX 4096

static const char SQL_INSERT_EVENT[] =
    "INSERT INTO events (seq, at_ms, id, uid, gid, mode, event, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
/* The row that the subquery finds is the first one to stay. */
static const char SQL_DELETE_OLDEST[] =
    "DELETE FROM events WHERE seq < (SELECT seq FROM events ORDER BY seq LIMIT 1 OFFSET ?)";
static const char SQL_FIND_OLDEST[] = "SELECT min(seq) FROM events";
static const char SQL_SELECT_EVENTS[] =
    "SELECT seq, at_ms, id, uid, gid, mode, event, state FROM events WHERE seq > ? ORDER BY seq LIMIT ?";

int event_rows_init(struct event_rows *rows, sqlite3 *db, uint64_t max)
{
	int64_t count = 0, oldest = 0, newest = 0;
	int r;

	memset(rows, 0, sizeof(*rows));
	rows->db = db;
	rows->max = max ? max : 1;
	r = sql_prepare(db, SQL_INSERT_EVENT, &rows->insert);
	if (r == 0)
		r = sql_prepare(db, SQL_DELETE_OLDEST, &rows->trim);
	if (r == 0)
		r = sql_prepare(db, SQL_FIND_OLDEST, &rows->find_oldest);
	if (r == 0)
		r = sql_prepare(db, SQL_SELECT_EVENTS, &rows->read);
	if (r == 0)
		r = sql_number(db, "SELECT count(*) FROM events", &count);
	if (r == 0)
		r = sql_number(db, SQL_FIND_OLDEST, &oldest);
	if (r == 0)
		r = sql_number(db, "SELECT max(seq) FROM events", &newest);
	rows->extent.count = (uint64_t)count;
	rows->extent.oldest = (uint64_t)oldest;
	rows->extent.newest = (uint64_t)newest;
	return r;
}

void event_rows_done(struct event_rows *rows)
{
	sqlite3_finalize(rows->insert);
	sqlite3_finalize(rows->trim);
	sqlite3_finalize(rows->find_oldest);
	sqlite3_finalize(rows->read);
	memset(rows, 0, sizeof(*rows));
}

int event_rows_insert(struct event_rows *rows, const struct event_rec *event)
{
	struct sql_params params = { .stmt = rows->insert };
	int r;

	sql_bind_number(&params, (int64_t)event->seq);
	sql_bind_number(&params, event->at_ms);
	sql_bind_blob(&params, event->id, STORE_ID_BYTES);
	sql_bind_number(&params, event->uid);
	sql_bind_number(&params, event->gid);
	sql_bind_number(&params, event->mode);
	sql_bind_number(&params, event->event);
	sql_bind_number(&params, event->state);
	r = sql_run(&params);
	if (r < 0)
		return r == -EEXIST ? -EINVAL : r;
	rows->extent.count++;
	if (!rows->extent.oldest || event->seq < rows->extent.oldest)
		rows->extent.oldest = event->seq;
	if (event->seq > rows->extent.newest)
		rows->extent.newest = event->seq;
	return 0;
}

/* How many rows over the maximum are left standing for a while. */
static uint64_t slack(const struct event_rows *rows)
{
	uint64_t part = rows->max / SLACK_PART;

	return part < SLACK_MAX ? part : SLACK_MAX;
}

int event_rows_trim(struct event_rows *rows)
{
	struct sql_params params = { .stmt = rows->trim };
	uint64_t over;
	int r;

	if (rows->extent.count <= rows->max + slack(rows))
		return 0;
	over = rows->extent.count - rows->max;
	sql_bind_number(&params, (int64_t)over);
	r = sql_run(&params);
	if (r < 0)
		return r;
	rows->extent.count -= (uint64_t)sqlite3_changes64(rows->db);
	params.stmt = rows->find_oldest;
	r = sql_step(&params);
	if (r == 1)
		rows->extent.oldest = (uint64_t)sqlite3_column_int64(params.stmt, 0);
	sql_reset(&params);
	return r < 0 ? r : 0;
}

static int read_event(sqlite3_stmt *stmt, struct event_rec *event)
{
	struct sql_columns columns = { .stmt = stmt };

	event->seq = (uint64_t)sql_read_number(&columns);
	event->at_ms = sql_read_number(&columns);
	sql_read_id(&columns, event->id);
	event->uid = (uint32_t)sql_read_number(&columns);
	event->gid = (uint32_t)sql_read_number(&columns);
	event->mode = (uint32_t)sql_read_number(&columns);
	event->event = (enum store_event)sql_read_number(&columns);
	event->state = (enum store_state)sql_read_number(&columns);
	return columns.error;
}

/* Room for one more event in an array of count, growing it twofold. */
static int grow(struct event_rec **events, size_t count, size_t *room)
{
	size_t wanted = *room ? *room * 2 : 64;
	struct event_rec *more;

	if (count < *room)
		return 0;
	more = reallocarray(*events, wanted, sizeof(*more));
	if (!more)
		return -ENOMEM;
	*events = more;
	*room = wanted;
	return 0;
}

int event_rows_read(struct event_rows *rows, uint64_t since, size_t limit, struct event_rec **ret_events,
    size_t *ret_count)
{
	struct sql_params params = { .stmt = rows->read };
	struct event_rec *events = NULL;
	size_t count = 0, room = 0;
	int r;

	sql_bind_number(&params, since > INT64_MAX ? INT64_MAX : (int64_t)since);
	sql_bind_number(&params, limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
	while ((r = sql_step(&params)) == 1) {
		r = grow(&events, count, &room);
		if (r == 0)
			r = read_event(params.stmt, &events[count]);
		if (r < 0)
			break;
		count++;
	}
	sql_reset(&params);
	if (r < 0) {
		free(events);
		return r;
	}
	*ret_events = events;
	*ret_count = count;
	return 0;
}
