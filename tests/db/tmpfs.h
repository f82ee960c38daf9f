/* tmpfs.h - a small file system of its own, to fill. */
#ifndef TESTS_DB_TMPFS_H
#define TESTS_DB_TMPFS_H

#include <stddef.h>

/* Mount a tmpfs of that size over the directory, which only this process (and its children) will see, and
 * which goes with it. Single-threaded processes only. 0; or a negative errno where it is not allowed. */
int tmpfs_mount(const char *dir, size_t bytes);
void tmpfs_unmount(const char *dir);

/* Use up everything that is free, in a file called "filler". */
void tmpfs_fill(const char *dir);
void tmpfs_empty(const char *dir);

#endif
