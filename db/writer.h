/* writer.h - carries out operations in groups, one transaction each, and looks after the files meanwhile. */
#ifndef DB_WRITER_H
#define DB_WRITER_H

#include "db/ballast.h"
#include "db/database.h"
#include "db/queue.h"

/* Operations of one transaction at most. */
#define WRITER_GROUP_MAX 1024

/* How the disk is. */
enum writer_room {
	WRITER_ROOM,
	WRITER_ROOM_LAST,               /* the ballast was given up for the group that is written now */
	WRITER_NO_ROOM                  /* what is new is refused */
};

struct writer {
	struct queue *queue;
	struct database *database;
	struct ballast *ballast;
	char *database_path, *wal_path;

	struct op_list pending;         /* taken from the queue, not answered */
	struct op_list answered;        /* not handed back yet */
	struct queue_report report;

	enum writer_room room;
	unsigned group_max;             /* WRITER_GROUP_MAX, less while the disk is full */
	uint64_t retry_at_usec;         /* 0, or the time until which not even one operation fits */

	bool vacuum;                    /* there may be pages to give back */
	uint64_t idle_at_usec;          /* when it has been quiet for long enough */
	uint64_t checkpoint_at_usec;    /* not before: the last one found no room */
};

/* For operations from queue on database, both of which outlive it, as the ballast does. What the ballast's
 * state says of the disk is taken over. 0 or -ENOMEM. */
int writer_init(struct writer *writer, const char *dir, struct queue *queue, struct database *database,
    struct ballast *ballast);
void writer_done(struct writer *writer);

/* How things stand, as each answer carries it; not while writer_run() runs. */
void writer_report(struct writer *writer, struct queue_report *ret);

/*
 * Work until queue_stop() was called and everything is answered, or until something fails for good: then the
 * last report says so, and the operations of the group that failed and all after it stay unanswered.
 * Blocks: the body of a thread.
 */
void writer_run(struct writer *writer);

#endif
