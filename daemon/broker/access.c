/* access.c - ownership and mode bits, as files have them. */
#include "daemon/broker/access.h"

enum { ACCESS_READ = 4, ACCESS_WRITE = 2 };

bool access_mode_valid(uint64_t mode)
{
	return mode == 0600 || mode == 0640 || mode == 0644 || mode == 0660 || mode == 0666;
}

static bool in_group(const struct caller *caller, uint32_t gid)
{
	if (caller->gid == gid)
		return true;
	for (size_t i = 0; i < caller->n_groups; i++)
		if (caller->groups[i] == gid)
			return true;
	return false;
}

static bool may(const struct caller *caller, uint32_t uid, uint32_t gid, uint32_t mode, unsigned bit)
{
	if (caller->uid == 0 || caller->uid == uid)
		return true;
	if (mode & bit)
		return true;
	return (mode & bit << 3) && in_group(caller, gid);
}

bool access_may_read(const struct caller *caller, uint32_t uid, uint32_t gid, uint32_t mode)
{
	return may(caller, uid, gid, mode, ACCESS_READ);
}

bool access_may_write(const struct caller *caller, uint32_t uid, uint32_t gid, uint32_t mode)
{
	return may(caller, uid, gid, mode, ACCESS_WRITE);
}
