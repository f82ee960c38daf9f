/* disk.c - the files around the database: who may be its home, its lock, and how files are made. */
#include "db/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* From linux/magic.h and, for those outside the kernel tree, statfs(2). */
static const struct {
	uint32_t f_type;
	const char *name;
} network_types[] = {
	{ 0x00006969, "NFS" },
	{ 0x0000517b, "SMB" },
	{ 0xff534d42, "CIFS" },
	{ 0xfe534d42, "SMB2" },
	{ 0x0bd00bd0, "Lustre" },
	{ 0x47504653, "GPFS" },
	{ 0x5346414f, "AFS" },
	{ 0x6b414653, "AFS" },
	{ 0x01021997, "9P" },
	{ 0x00c36400, "Ceph" },
	{ 0x65735546, "FUSE" },
	{ 0x73757245, "Coda" },
	{ 0x7461636f, "OCFS2" },
	{ 0x01161970, "GFS2" },
	{ 0x19830326, "BeeGFS" },
	{ 0x20030528, "OrangeFS" },
	{ 0xaad7aaea, "PanFS" },
};

const char *disk_network_name(uint32_t f_type)
{
	for (size_t i = 0; i < sizeof(network_types) / sizeof(network_types[0]); i++)
		if (network_types[i].f_type == f_type)
			return network_types[i].name;
	return NULL;
}

int disk_check(const char *dir, char text[256])
{
	struct stat st;
	struct statfs fs;
	const char *name;
	int r = 0;

	if (stat(dir, &st) < 0 || statfs(dir, &fs) < 0)
		r = -errno;
	else if (!S_ISDIR(st.st_mode))
		r = -ENOTDIR;
	if (r < 0) {
		snprintf(text, 256, "%.150s: %s", dir, strerror(-r));
		return r;
	}
	name = disk_network_name((uint32_t)fs.f_type);
	if (name) {
		snprintf(text, 256, "%.120s is on %s, where a database would be damaged: choose a state directory on a "
		    "disk of this machine", dir, name);
		return -EMEDIUMTYPE;
	}
	return 0;
}

char *disk_path(const char *dir, const char *name)
{
	size_t size = strlen(dir) + strlen(name) + 2;
	char *path = malloc(size);

	if (path)
		snprintf(path, size, "%s/%s", dir, name);
	return path;
}

/* Who has the lock, from what it wrote into the file; 0 when that cannot be told. */
static long read_holder(int fd)
{
	char buffer[32] = "";
	ssize_t n = pread(fd, buffer, sizeof(buffer) - 1, 0);
	long pid = n > 0 ? strtol(buffer, NULL, 10) : 0;

	return pid > 0 ? pid : 0;
}

static void write_holder(int fd)
{
	/* For people only: the lock itself is what counts, so a full disk does not matter here. */
	if (ftruncate(fd, 0) == 0)
		dprintf(fd, "%ld\n", (long)getpid());
}

/* Take the lock of the open file, which is dir's. */
static int lock_file(int fd, const char *dir, char text[256])
{
	long pid;
	int r;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		write_holder(fd);
		return 0;
	}
	r = errno == EWOULDBLOCK ? -EBUSY : -errno;
	pid = read_holder(fd);
	if (r != -EBUSY)
		snprintf(text, 256, "%.150s: cannot be locked: %s", dir, strerror(-r));
	else if (pid)
		snprintf(text, 256, "%.150s is in use by another futured, process %ld", dir, pid);
	else
		snprintf(text, 256, "%.150s is in use by another futured", dir);
	return r;
}

int disk_lock(const char *dir, char text[256])
{
	char *path = disk_path(dir, "state.lock");
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	int r = path ? -errno : -ENOMEM;

	free(path);
	if (fd < 0) {
		snprintf(text, 256, "%.150s/state.lock: %s", dir, strerror(-r));
		return r;
	}
	r = lock_file(fd, dir, text);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

int disk_create(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int disk_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

uint64_t disk_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}
