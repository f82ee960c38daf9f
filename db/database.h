/* database.h - the one SQLite connection: opened, checked, migrated, with its transactions. */
#ifndef DB_DATABASE_H
#define DB_DATABASE_H

#include "db/event_rows.h"
#include "db/future_rows.h"
#include "db/pause_rows.h"
#include "db/side.h"
#include "db/stop_rows.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* Belongs to one thread at a time. What blocks, and the errors, as sql_errno() has them. */
struct database {
	sqlite3 *sqlite;
	struct side side;
	struct future_rows futures;
	struct event_rows events;
	struct pause_rows pauses;
	struct stop_rows stops;
	sqlite3_stmt *begin, *commit, *rollback;
	sqlite3_stmt *savepoint, *release, *undo;
	unsigned wal_pages;             /* written since the last checkpoint */
};

/* Open or create state.db in dir, whose lock the caller has. database must stay where it is. On failure
 * nothing is left open and text says what is wrong, with the path. */
int database_open(struct database *database, const char *dir, uint64_t events_max, char text[256]);

/* clean: bring everything into the main file. Otherwise the files are left for the next start to recover.
 * Returns 0 or, when the former could not be done, a negative errno; it is closed in any case. */
int database_close(struct database *database, bool clean);

int database_begin(struct database *database);
/* On failure, but for -ENOSPC, it is not known whether the transaction is durable. */
int database_commit(struct database *database);
/* Undo the transaction, if there is one still. */
void database_rollback(struct database *database);
/* Did a failure end the transaction on its own? */
bool database_is_idle(const struct database *database);

/* A part of the transaction that can be undone alone. */
int database_savepoint(struct database *database);
int database_release(struct database *database);
int database_undo(struct database *database);

/* Copy the WAL into the main file. truncate: and empty it. */
int database_checkpoint(struct database *database, bool truncate);

/* Give some free pages back to the file system. more: there are more of them. */
int database_vacuum(struct database *database, bool *ret_more);

#endif
