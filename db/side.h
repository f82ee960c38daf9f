/* side.h - large results, each in a file of its own beside the database. */
#ifndef DB_SIDE_H
#define DB_SIDE_H

#include "db/store.h"

#include <stddef.h>
#include <stdint.h>

/* A result of more bytes than this is put aside: the database stays small, and the WAL with it. */
#define SIDE_ABOVE ((size_t)256 * 1024)

struct side {
	int dir;                        /* results/, -1: not open */
};

/* All of these block on the disk and return a negative errno on failure; -ENOSPC also for a quota. */

/* Open, or make, the directory results in dir. side_done() is allowed after a failure, too. */
int side_init(struct side *side, const char *dir);
void side_done(struct side *side);

/* Write the result of a future, in place of an earlier one. When this returns 0 it is on the disk. */
int side_write(struct side *side, const uint8_t id[STORE_ID_BYTES], const void *data, size_t len);

/* Up to len bytes from offset on into a buffer the caller frees (never NULL). -ENOENT: there is no such file. */
int side_read(struct side *side, const uint8_t id[STORE_ID_BYTES], uint64_t offset, size_t len, void **ret_data,
    size_t *ret_len);

/* Remove it, if it is there. A failure is of no consequence: the next sweep finds it. */
void side_remove(struct side *side, const uint8_t id[STORE_ID_BYTES]);

/* Remove every file that keep() answers 0 for, and those that were being written. keep: 1, 0 or a negative errno. */
int side_sweep(struct side *side, int (*keep)(void *arg, const uint8_t id[STORE_ID_BYTES]), void *arg);

#endif
