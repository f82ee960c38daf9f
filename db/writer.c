/* writer.c - carries out operations in groups, one transaction each, and looks after the files meanwhile. */
#include "db/writer.h"
#include "db/disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The WAL is copied into the main file when it has this many pages (8 MiB), or when nothing happens. */
#define WAL_PAGES_MAX 2048
#define IDLE_USEC UINT64_C(1000000)
#define FULL_RETRY_USEC UINT64_C(1000000)

/* A failure that is not the one operation's, nor a full disk: what follows cannot be trusted. */
static bool is_fatal(int r)
{
	return r == -EIO || r == -EUCLEAN;
}

int writer_init(struct writer *writer, const char *dir, struct queue *queue, struct database *database,
    struct ballast *ballast)
{
	memset(writer, 0, sizeof(*writer));
	writer->database_path = disk_path(dir, "state.db");
	writer->wal_path = disk_path(dir, "state.db-wal");
	if (!writer->database_path || !writer->wal_path) {
		writer_done(writer);
		return -ENOMEM;
	}
	writer->queue = queue;
	writer->database = database;
	writer->ballast = ballast;
	writer->room = ballast->held ? WRITER_ROOM : WRITER_NO_ROOM;
	writer->group_max = WRITER_GROUP_MAX;
	writer->vacuum = true;
	return 0;
}

void writer_done(struct writer *writer)
{
	op_list_done(&writer->pending);
	op_list_done(&writer->answered);
	free(writer->database_path);
	free(writer->wal_path);
}

/* --- telling the loop ---------------------------------------------------------------------------- */

void writer_report(struct writer *writer, struct queue_report *ret)
{
	struct queue_report *report = &writer->report;

	report->events_oldest = writer->database->events.extent.oldest;
	report->events_newest = writer->database->events.extent.newest;
	report->database_bytes = disk_size(writer->database_path);
	report->wal_bytes = disk_size(writer->wal_path);
	report->disk_full = writer->room != WRITER_ROOM;
	*ret = *report;
}

/* Hand back what is answered, with how things stand. */
static void hand_back(struct writer *writer)
{
	struct queue_report report;

	writer->report.operations += writer->answered.count;
	writer_report(writer, &report);
	queue_answer(writer->queue, &writer->answered, &report);
}

/* Failed for good. What was answered before is true and is handed back; the rest is not known. */
static void fail(struct writer *writer, int r, const char *what)
{
	writer->report.failed = r;
	snprintf(writer->report.text, sizeof(writer->report.text), "%s: %.80s: %.120s", writer->database_path, what,
	    sqlite3_errmsg(writer->database->sqlite));
	hand_back(writer);
}

/* --- one group ----------------------------------------------------------------------------------- */

/* One operation inside the transaction. 0: it is answered, perhaps with a failure of its own; -EAGAIN: that
 * failure may have taken the transaction with it, as lack of memory does; -ENOSPC; or fatal. */
static int run_in_group(struct writer *writer, struct op *op)
{
	struct database *database = writer->database;
	int r;

	if (op->given_up)
		return 0;
	if (op->kind == OP_CREATE && writer->room == WRITER_NO_ROOM) {
		op->status = -ENOSPC;
		return 0;
	}
	if (!op_writes(op)) {
		r = op_run(op, database);
	} else {
		r = database_savepoint(database);
		if (r == 0)
			r = op_run(op, database);
		if (r == 0)
			r = database_release(database);
	}
	if (r == 0 || r == -ENOSPC || is_fatal(r))
		return r;
	/* An event comes last in an operation, so one that failed has written none. */
	op->status = r;
	if (r == -ENOMEM || database_is_idle(database)) {
		op->given_up = true;
		return -EAGAIN;
	}
	return op_writes(op) ? database_undo(database) : 0;
}

/* There is no memory for the transaction as such: let one operation of the group pay for it. */
static int give_one_up(struct op *op, unsigned count)
{
	for (unsigned i = 0; i < count; i++, op = op->next) {
		if (op->given_up)
			continue;
		op->given_up = true;
		op->status = -ENOMEM;
		return -EAGAIN;
	}
	return -ENOMEM;
}

/*
 * The first operations of pending, as one transaction. 0: committed; -EAGAIN: undone, to be done again
 * without the one that was given up; -ENOSPC: undone; another negative errno: failed for good. A commit that
 * fails, be it for lack of memory, may have been written already: only a full disk is sure to have
 * prevented it.
 */
static int run_group(struct writer *writer, unsigned count, const char **ret_what)
{
	struct database *database = writer->database;
	struct event_extent extent = database->events.extent;
	struct op *op = writer->pending.first;
	int r = database_begin(database);

	*ret_what = "begin";
	for (unsigned i = 0; i < count && r == 0; i++, op = op->next) {
		*ret_what = op_writes(op) ? "write" : "read";
		r = run_in_group(writer, op);
	}
	if (r == 0) {
		*ret_what = "trim of the event log";
		r = event_rows_trim(&database->events);
	}
	if (r == -ENOMEM)
		r = give_one_up(writer->pending.first, count);
	if (r == 0) {
		*ret_what = "commit";
		r = database_commit(database);
	}
	if (r == 0)
		return 0;
	database->events.extent = extent;
	if (r == -EAGAIN || r == -ENOSPC)
		database_rollback(database);
	return r;
}

/* Move the first count of pending to what is answered, and count the commit if it had something to write. */
static void take_answers(struct writer *writer, unsigned count)
{
	bool wrote = false;

	for (unsigned i = 0; i < count; i++) {
		struct op *op = op_list_pop(&writer->pending);

		if (op->kind == OP_FORGET && op->status == 0)
			writer->vacuum = true;
		wrote |= op_writes(op) && op->status == 0;
		op_settle(op, writer->database);
		op_list_push(&writer->answered, op);
	}
	writer->report.commits += wrote;
}

/* --- a full disk --------------------------------------------------------------------------------- */

/* What to do before the group is tried again: first give up the ballast, then refuse what is new, then see
 * whether fewer operations fit, then wait. Meanwhile what is in the WAL may find room in the main file, and
 * the WAL start again from its beginning. Negative: failed for good. */
static int make_room(struct writer *writer, uint64_t now)
{
	int r;

	if (writer->room != WRITER_NO_ROOM) {
		bool gave = writer->room == WRITER_ROOM && ballast_release(writer->ballast, now);

		writer->room = gave ? WRITER_ROOM_LAST : WRITER_NO_ROOM;
		hand_back(writer);
		return 0;
	}
	if (writer->group_max > 1)
		writer->group_max /= 2;
	else
		writer->retry_at_usec = now + FULL_RETRY_USEC;
	r = database_checkpoint(writer->database, false);
	return is_fatal(r) ? r : 0;
}

/* Is a write that comes before op, and that op depends on, still waiting? */
static bool has_to_wait(const struct op_list *waiting, const struct op *op)
{
	if (op_writes(op))
		return true;
	for (const struct op *earlier = waiting->first; earlier; earlier = earlier->next)
		if (op_writes(earlier) && op_depends_on(op, earlier))
			return true;
	return false;
}

/*
 * While writes wait for room: refuse the creates and answer the reads that do not depend on a write that
 * waits; nobody should have to wait for those. give_up: refuse every write, so that nothing is left.
 */
static int answer_what_can_be(struct writer *writer, bool give_up)
{
	struct op_list waiting = { NULL, NULL, 0, 0 };
	struct op *op;
	int r = 0;

	while (!is_fatal(r) && (op = op_list_pop(&writer->pending))) {
		if (op_writes(op) && (give_up || op->kind == OP_CREATE)) {
			if (!op->given_up)
				op->status = -ENOSPC;
			op_list_push(&writer->answered, op);
		} else if (has_to_wait(&waiting, op)) {
			op_list_push(&waiting, op);
		} else {
			r = op_run(op, writer->database);
			op_list_push(is_fatal(r) ? &waiting : &writer->answered, op);
		}
	}
	op_list_append(&waiting, &writer->pending);
	writer->pending = waiting;
	return is_fatal(r) ? r : 0;
}

/* --- the loop ------------------------------------------------------------------------------------ */

/* Carry out the next group, or as much of it as there is room for. */
static int work(struct writer *writer, uint64_t now)
{
	unsigned count = writer->pending.count;
	const char *what;
	int r;

	if (count > writer->group_max)
		count = writer->group_max;
	do
		r = run_group(writer, count, &what);
	while (r == -EAGAIN);
	if (r == -ENOSPC) {
		what = "checkpoint";
		r = make_room(writer, now);
	} else if (r == 0) {
		writer->retry_at_usec = 0;
		if (writer->group_max < WRITER_GROUP_MAX)
			writer->group_max *= 2;
		if (writer->room == WRITER_ROOM_LAST)
			writer->room = WRITER_NO_ROOM;
		take_answers(writer, count);
		hand_back(writer);
	}
	if (r < 0)
		fail(writer, r, what);
	return r;
}

/* Not even one operation fits. stop: nor will it. */
static int wait_for_room(struct writer *writer, bool stop)
{
	int r = answer_what_can_be(writer, stop);

	if (r < 0)
		fail(writer, r, "read");
	else if (writer->answered.count)
		hand_back(writer);
	if (!writer->pending.first)
		writer->retry_at_usec = 0;
	return r;
}

static int checkpoint(struct writer *writer, uint64_t now)
{
	int r = database_checkpoint(writer->database, false);

	if (r < 0)
		writer->checkpoint_at_usec = now + IDLE_USEC;
	if (r == -ENOSPC && writer->room == WRITER_ROOM && ballast_release(writer->ballast, now)) {
		writer->room = WRITER_NO_ROOM;
		hand_back(writer);
	}
	return is_fatal(r) ? r : 0;
}

/* What is not urgent: room for the ballast, a WAL that has grown, and in quiet times one step of the rest. */
static int upkeep(struct writer *writer, uint64_t now)
{
	struct database *database = writer->database;
	bool idle = !writer->pending.first && now >= writer->idle_at_usec;
	const char *what = "checkpoint";
	int r = 0;

	if (writer->room == WRITER_NO_ROOM && ballast_restore(writer->ballast, now)) {
		writer->room = WRITER_ROOM;
		writer->group_max = WRITER_GROUP_MAX;
		writer->retry_at_usec = 0;
		hand_back(writer);
	}
	if (database->wal_pages >= WAL_PAGES_MAX && now >= writer->checkpoint_at_usec) {
		r = checkpoint(writer, now);
	} else if (idle && writer->vacuum) {
		what = "vacuum";
		r = database_vacuum(database, &writer->vacuum);
		/* No room to make room, for now; a later operation asks again. */
		if (r < 0)
			writer->vacuum = false;
	} else if (idle && database->wal_pages && now >= writer->checkpoint_at_usec) {
		r = checkpoint(writer, now);
	}
	if (!is_fatal(r))
		return 0;
	fail(writer, r, what);
	return r;
}

/* When there is something to do although nothing new was asked. */
static uint64_t wake_at(const struct writer *writer)
{
	const struct database *database = writer->database;
	uint64_t at = UINT64_MAX;

	if (writer->pending.first)
		at = writer->retry_at_usec;
	else if (writer->vacuum)
		at = writer->idle_at_usec;
	else if (database->wal_pages)
		at = writer->idle_at_usec > writer->checkpoint_at_usec ? writer->idle_at_usec :
		    writer->checkpoint_at_usec;
	if (writer->room == WRITER_NO_ROOM && writer->ballast->try_at_usec < at)
		at = writer->ballast->try_at_usec;
	return at;
}

void writer_run(struct writer *writer)
{
	bool stop = false;
	int r = 0;

	writer->idle_at_usec = queue_now_usec() + IDLE_USEC;
	while (r == 0 && !(stop && !writer->pending.first)) {
		uint64_t now;

		stop = queue_wait(writer->queue, stop ? 0 : wake_at(writer), &writer->pending);
		now = queue_now_usec();
		if (writer->pending.first) {
			if (now >= writer->retry_at_usec || stop)
				r = work(writer, now);
			if (r == 0 && writer->retry_at_usec)
				r = wait_for_room(writer, stop);
			writer->idle_at_usec = now + IDLE_USEC;
		}
		if (r == 0 && !stop)
			r = upkeep(writer, now);
	}
}
