/* store_sim.h - db/store.h in memory, with the moment of each commit in the hands of the test. */
#ifndef TESTS_SIM_STORE_SIM_H
#define TESTS_SIM_STORE_SIM_H

#include "tests/sim/disk.h"

/*
 * Behind the same functions as the real store, but for store_open(), store_start(), store_fd() and
 * store_close(): a simulation has no files and no thread. Operations gather in a queue until
 * store_sim_commit() makes the first of them durable on the disk; their callbacks wait for
 * store_dispatch().
 */

/* Load all that is durable. 0 or the negative errno of on_future. */
int store_sim_open(struct disk *disk, store_load_cb on_future, void *arg, struct store **ret);

/* Operations that are not committed. */
size_t store_sim_queued(const struct store *store);
/* Commit the first count of them, or all if there are fewer. Reads read now. */
void store_sim_commit(struct store *store, size_t count);
/* Callbacks that wait for store_dispatch(). */
size_t store_sim_finished(const struct store *store);

/* The nth operation from here on is not even queued: -ENOMEM. 1: the next one; 0: none. */
void store_sim_refuse(struct store *store, unsigned nth);

/* The next update, of a future or of what is paused, that comes to be committed has no effect: -ENOMEM. */
void store_sim_fail_update(struct store *store);

/*
 * The power goes: what is not committed is lost. Callbacks that were outstanding run with -EIO, so that a
 * broker gives back the memory that hangs on them; nothing that it does in them has an effect. Then the
 * store takes no more operations. Free it after the broker.
 */
void store_sim_crash(struct store *store);
/* Everything must be committed and dispatched, or the store crashed. NULL is allowed; returns NULL. */
struct store *store_sim_free(struct store *store);

#endif
