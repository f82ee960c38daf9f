/* schema.h - brings a database to this version's schema, step by step, forward only. */
#ifndef DB_SCHEMA_H
#define DB_SCHEMA_H

#include <sqlite3.h>
#include <stddef.h>

/* In the database's header, so that file(1) and we know what it is: "Futd". */
#define SCHEMA_APPLICATION_ID 0x46757464

struct schema_step {
	int version;                    /* 1, 2, 3, ... */
	const char *sql;
};

/* What schema.sql holds; the build makes the table from it. */
extern const struct schema_step schema_steps[];
extern const size_t schema_steps_count;

/* Which step a database has seen last; 0: it is new and empty. -EUCLEAN: it belongs to another program; or
 * another negative errno, with what is wrong in text. */
int schema_version(sqlite3 *db, int *ret, char text[256]);

/*
 * Run the steps the database does not have yet, each in a transaction of its own, on a database that is
 * at path in the directory dir. An existing one is first copied to state.db.vN, N being the version it
 * has. Blocks. 0; -EPROTO: it has more steps than these; -EUCLEAN: it belongs to another program; or
 * another negative errno, with what is wrong in text.
 */
int schema_migrate(sqlite3 *db, const char *dir, const struct schema_step *steps, size_t count, char text[256]);

#endif
