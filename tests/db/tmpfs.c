/* tmpfs.c - a small file system of its own, to fill. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE                     /* unshare */
#endif
#include "tests/db/tmpfs.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* root may have a mount namespace; others may in a user namespace where they are root. */
static int own_namespace(void)
{
	char map[64];
	unsigned uid = (unsigned)getuid(), gid = (unsigned)getgid();
	int r;

	if (unshare(CLONE_NEWNS) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	r = write_text("/proc/self/uid_map", map);
	if (r == 0)
		r = write_text("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", gid);
	if (r == 0)
		r = write_text("/proc/self/gid_map", map);
	return r;
}

int tmpfs_mount(const char *dir, size_t bytes)
{
	char options[64];
	int r = own_namespace();

	if (r < 0)
		return r;
	snprintf(options, sizeof(options), "size=%zu,mode=700", bytes);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		return -errno;
	return 0;
}

void tmpfs_unmount(const char *dir)
{
	ck_assert_int_eq(umount2(dir, MNT_DETACH), 0);
}

void tmpfs_fill(const char *dir)
{
	static const char block[4096] = "x";
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/filler", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	ck_assert_int_eq(errno, ENOSPC);
	close(fd);
}

void tmpfs_empty(const char *dir)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/filler", dir);
	ck_assert_int_eq(unlink(path), 0);
}
