/* disk.h - the files around the database: who may be its home, its lock, and how files are made. */
#ifndef DB_DISK_H
#define DB_DISK_H

#include <stdint.h>

/* The name of a network or user-space file system, by the f_type of statfs(2): NULL when it is none. On
 * those, locks and the order of writes cannot be relied on, and SQLite's WAL loses data. */
const char *disk_network_name(uint32_t f_type);

/* May a database be in dir? 0; -EMEDIUMTYPE: a network file system; -ENOTDIR; or another negative errno,
 * with the reason and dir in text. */
int disk_check(const char *dir, char text[256]);

/* The path of a file in dir, which the caller frees. NULL: no memory. */
char *disk_path(const char *dir, const char *name);

/* Take dir's lock file, state.lock, and write our pid into it. The lock lasts as long as the returned file
 * descriptor is open, which the caller closes. Does not wait: -EBUSY when another process has it, named in
 * text; or another negative errno. */
int disk_lock(const char *dir, char text[256]);

/* Make an empty file for its owner only (0600). -EEXIST: it is there; or another negative errno. */
int disk_create(const char *path);

/* fsync a file or directory. 0 or a negative errno. */
int disk_sync(const char *path);

/* Size of a file in bytes, 0 when there is none. */
uint64_t disk_size(const char *path);

#endif
