/* side.c - large results, each in a file of its own beside the database. */
#include "db/side.h"
#include "db/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The id in hexadecimal digits; with a suffix while it is being written. */
#define NAME_LEN (2 * STORE_ID_BYTES)
#define SUFFIX ".new"

struct name {
	char text[NAME_LEN + sizeof(SUFFIX)];
};

static struct name name_of(const uint8_t id[STORE_ID_BYTES], const char *suffix)
{
	struct name name;

	for (size_t i = 0; i < STORE_ID_BYTES; i++)
		snprintf(name.text + 2 * i, 3, "%02x", id[i]);
	strcpy(name.text + NAME_LEN, suffix);
	return name;
}

/* Is text the name of a whole result? */
static bool read_name(const char *text, uint8_t ret_id[STORE_ID_BYTES])
{
	if (strlen(text) != NAME_LEN || strspn(text, "0123456789abcdef") != NAME_LEN)
		return false;
	for (size_t i = 0; i < STORE_ID_BYTES; i++) {
		const char digits[] = { text[2 * i], text[2 * i + 1], '\0' };

		ret_id[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return true;
}

/* A quota that is used up is a full disk; that a file cannot be reached is the disk's failure. */
static int side_errno(void)
{
	return errno == EDQUOT || errno == EFBIG ? -ENOSPC : errno == ENOSPC || errno == ENOMEM || errno == ENOENT ? -errno :
	    -EIO;
}

int side_init(struct side *side, const char *dir)
{
	char *path = disk_path(dir, "results");
	int r = 0;

	side->dir = -1;
	if (!path)
		return -ENOMEM;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0) {
		side->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = side->dir < 0 ? -errno : 0;
	}
	if (r == 0)
		r = disk_sync(dir);
	free(path);
	return r;
}

void side_done(struct side *side)
{
	if (side->dir >= 0)
		close(side->dir);
	side->dir = -1;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return side_errno();
		data += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? side_errno() : 0;
}

int side_write(struct side *side, const uint8_t id[STORE_ID_BYTES], const void *data, size_t len)
{
	const struct name whole = name_of(id, ""), part = name_of(id, SUFFIX);
	int fd = openat(side->dir, part.text, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return side_errno();
	r = write_all(fd, data, len);
	close(fd);
	if (r == 0 && renameat(side->dir, part.text, side->dir, whole.text) < 0)
		r = side_errno();
	if (r == 0 && fsync(side->dir) < 0)
		r = side_errno();
	if (r < 0)
		unlinkat(side->dir, part.text, 0);
	return r;
}

/* Fill buffer from offset on. Returns the bytes that were there, or a negative errno. */
static ssize_t read_from(int fd, char *buffer, size_t len, uint64_t offset)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, buffer + done, len - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return side_errno();
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int side_read(struct side *side, const uint8_t id[STORE_ID_BYTES], uint64_t offset, size_t len, void **ret_data,
    size_t *ret_len)
{
	const struct name name = name_of(id, "");
	int fd = openat(side->dir, name.text, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat stat;
	char *data = NULL;
	uint64_t size;
	ssize_t n;

	if (fd < 0)
		return side_errno();
	n = fstat(fd, &stat) < 0 ? side_errno() : 0;
	if (n == 0) {
		size = (uint64_t)stat.st_size > offset ? (uint64_t)stat.st_size - offset : 0;
		if (len > size)
			len = (size_t)size;
		data = malloc(len + 1);
		n = data ? read_from(fd, data, len, offset) : -ENOMEM;
	}
	close(fd);
	if (n < 0) {
		free(data);
		return (int)n;
	}
	*ret_data = data;
	*ret_len = (size_t)n;
	return 0;
}

void side_remove(struct side *side, const uint8_t id[STORE_ID_BYTES])
{
	const struct name name = name_of(id, "");

	unlinkat(side->dir, name.text, 0);
}

int side_sweep(struct side *side, int (*keep)(void *arg, const uint8_t id[STORE_ID_BYTES]), void *arg)
{
	int fd = openat(side->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		r = side_errno();
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(dir))) {
		uint8_t id[STORE_ID_BYTES];

		if (entry->d_name[0] == '.')
			continue;
		r = read_name(entry->d_name, id) ? keep(arg, id) : 0;
		if (r == 0)
			unlinkat(side->dir, entry->d_name, 0);
		else if (r > 0)
			r = 0;
	}
	closedir(dir);
	return r;
}
