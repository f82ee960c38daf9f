/* ballast.h - room set aside on the disk: given up when it is full, taken back when there is room again. */
#ifndef DB_BALLAST_H
#define DB_BALLAST_H

#include <stdbool.h>
#include <stdint.h>

/* A full disk cannot be cured by deleting rows: that, too, has to write first. */
struct ballast {
	char *dir;
	char *path;                     /* dir/ballast */
	uint64_t bytes;                 /* 0: no file, the free room alone is looked at */
	bool held;                      /* the file is there in full */
	uint64_t try_at_usec;           /* when ballast_restore() looks again */
};

/* 0 or -ENOMEM. Touches no file; ballast_done() leaves the file where it is. */
int ballast_init(struct ballast *ballast, const char *dir, uint64_t bytes);
void ballast_done(struct ballast *ballast);

/* Make the file, or keep the one that is there. Blocks. 0; -ENOSPC: there is no room for it; or another
 * negative errno. */
int ballast_take(struct ballast *ballast);

/* Remove the file. Returns whether that gave room back. ballast_restore() waits from now_usec on. */
bool ballast_release(struct ballast *ballast, uint64_t now_usec);

/* When its time has come (every 30 s), see whether there is room for the file and as much again, so that it
 * is not given up at the next write, and make it. Returns whether it is held. */
bool ballast_restore(struct ballast *ballast, uint64_t now_usec);

#endif
