/* ballast.c - room set aside on the disk: given up when it is full, taken back when there is room again. */
#include "db/ballast.h"
#include "db/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RETRY_USEC (30 * UINT64_C(1000000))

/* Without a file, the disk has room again when this is free. */
#define ROOM_MIN (1024 * 1024)

int ballast_init(struct ballast *ballast, const char *dir, uint64_t bytes)
{
	memset(ballast, 0, sizeof(*ballast));
	ballast->dir = strdup(dir);
	ballast->path = disk_path(dir, "ballast");
	ballast->bytes = bytes;
	if (ballast->dir && ballast->path)
		return 0;
	ballast_done(ballast);
	return -ENOMEM;
}

void ballast_done(struct ballast *ballast)
{
	free(ballast->dir);
	free(ballast->path);
	memset(ballast, 0, sizeof(*ballast));
}

/* Is the file there, with all its blocks? A daemon that was killed may have left a part. */
static bool is_whole(const struct ballast *ballast)
{
	struct stat st;

	return lstat(ballast->path, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == ballast->bytes &&
	    (uint64_t)st.st_blocks * 512 >= ballast->bytes;
}

int ballast_take(struct ballast *ballast)
{
	int fd, r;

	ballast->held = true;
	if (ballast->bytes && is_whole(ballast))
		return 0;
	if (unlink(ballast->path) < 0 && errno != ENOENT)
		goto fail;
	if (!ballast->bytes)
		return 0;
	fd = open(ballast->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		goto fail;
	r = posix_fallocate(fd, 0, (off_t)ballast->bytes);
	close(fd);
	if (r == 0)
		return 0;
	unlink(ballast->path);
	errno = r;
fail:
	ballast->held = false;
	return errno == EDQUOT ? -ENOSPC : -errno;
}

bool ballast_release(struct ballast *ballast, uint64_t now_usec)
{
	bool gave = ballast->held && ballast->bytes && unlink(ballast->path) == 0;

	ballast->held = false;
	ballast->try_at_usec = now_usec + RETRY_USEC;
	return gave;
}

/* Is there room for the file, and as much again? */
static bool has_room(const struct ballast *ballast)
{
	uint64_t wanted = ballast->bytes ? 2 * ballast->bytes : ROOM_MIN;
	struct statvfs fs;

	return statvfs(ballast->dir, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize >= wanted;
}

bool ballast_restore(struct ballast *ballast, uint64_t now_usec)
{
	if (ballast->held)
		return true;
	if (now_usec < ballast->try_at_usec)
		return false;
	ballast->try_at_usec = now_usec + RETRY_USEC;
	return has_room(ballast) && ballast_take(ballast) == 0;
}
