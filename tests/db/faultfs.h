/* faultfs.h - a layer under SQLite that makes writes and syncs fail on demand. */
#ifndef TESTS_DB_FAULTFS_H
#define TESTS_DB_FAULTFS_H

#include <stdatomic.h>

enum faultfs_write { FAULTFS_WRITE_OK, FAULTFS_WRITE_FULL, FAULTFS_WRITE_QUOTA, FAULTFS_WRITE_EIO };

/* May be changed while a store is open, from any thread. */
extern struct faultfs {
	atomic_int write;               /* enum faultfs_write: what every write meets */
	atomic_bool until_released;     /* only as long as the file is there that faultfs_watch() named */
	atomic_bool sync_wal, sync_main; /* fsync of that file fails */
	atomic_bool read;               /* reads fail */
	atomic_uint syncs;              /* how many there were */
} faultfs;

/* Make it the file system that SQLite uses by default. */
void faultfs_install(void);
/* The path is borrowed. */
void faultfs_watch(const char *path);

#endif
