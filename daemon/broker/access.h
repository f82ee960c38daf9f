/* access.h - who may see a future, and who may change it. */
#ifndef BROKER_ACCESS_H
#define BROKER_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A peer as the kernel named it. groups is borrowed: supplementary groups, gid not necessarily among them. */
struct caller {
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t n_groups;
};

/* Only 0600, 0640, 0644, 0660 and 0666 are modes of a future. */
bool access_mode_valid(uint64_t mode);

/* root sees and changes everything; the owner his own; others by the mode's group and other bits. */
bool access_may_read(const struct caller *caller, uint32_t uid, uint32_t gid, uint32_t mode);
bool access_may_write(const struct caller *caller, uint32_t uid, uint32_t gid, uint32_t mode);

#endif
