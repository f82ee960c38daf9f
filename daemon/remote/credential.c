/* credential.c - secrets by name, from files that only their owner can read. */
#include "config.h"

#include "daemon/remote/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREDENTIAL_MAX (64 * 1024)
#define NAME_MAX_LEN 128

bool credential_valid_name(const char *name)
{
	size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return len > 0 && len <= NAME_MAX_LEN && !name[len] && name[0] != '.';
}

static int refuse(struct error *error, const char *directory, const char *name, const char *why)
{
	return error_set(error, ERROR_INVALID_SPEC, "credential %s: %s/%s: %s", name, directory, name, why);
}

/* Who may have written or read the file; on the opened file, so that it cannot be exchanged meanwhile. */
static const char *check_file(const struct stat *st, bool managed)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (managed)
		return NULL;
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return "belongs to another user";
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return "others may read or write it (chmod 600)";
	return NULL;
}

/* All of fd into buffer, which has CREDENTIAL_MAX + 1 bytes. Bytes read or -errno. */
static ssize_t read_all(int fd, char *buffer)
{
	size_t len = 0;
	ssize_t n;

	while (len <= CREDENTIAL_MAX) {
		n = read(fd, buffer + len, CREDENTIAL_MAX + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* Drop one newline at the end; what is left must fit in a header. NULL when it does. */
static const char *check_value(char *value, size_t *len)
{
	size_t i;

	if (*len > CREDENTIAL_MAX)
		return "larger than 64 KiB";
	if (*len > 0 && value[*len - 1] == '\n')
		(*len)--;
	if (*len == 0)
		return "empty";
	for (i = 0; i < *len; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			return "control characters or more than one line";
	value[*len] = '\0';
	return NULL;
}

/* 0, or -ENOENT when there is no such file (error untouched), or another error that is final. */
static int read_from(const char *directory, const char *name, bool managed, char **ret, struct error *error)
{
	char *value = NULL;
	const char *why;
	struct stat st;
	ssize_t n;
	size_t len;
	int dir, fd = -1, r = 0;

	dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		/* O_NONBLOCK: a FIFO must not hold the daemon up */
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		r = errno == ENOENT ? -ENOENT : refuse(error, directory, name,
		    errno == ELOOP ? "a symbolic link" : strerror(errno));
		goto out;
	}
	if (fstat(fd, &st) < 0) {
		r = refuse(error, directory, name, strerror(errno));
		goto out;
	}
	why = check_file(&st, managed);
	if (why) {
		r = refuse(error, directory, name, why);
		goto out;
	}
	value = malloc(CREDENTIAL_MAX + 1);
	if (!value) {
		r = error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a credential");
		goto out;
	}
	n = read_all(fd, value);
	len = n < 0 ? 0 : (size_t)n;
	why = n < 0 ? strerror((int)-n) : check_value(value, &len);
	if (why) {
		explicit_bzero(value, CREDENTIAL_MAX + 1);
		r = refuse(error, directory, name, why);
		goto out;
	}
	*ret = value;
	value = NULL;
out:
	free(value);
	if (fd >= 0)
		close(fd);
	if (dir >= 0)
		close(dir);
	return r;
}

static int check_name(const char *name, struct error *error)
{
	if (credential_valid_name(name))
		return 0;
	return error_set(error, ERROR_INVALID_SPEC,
	    "a credential's name has 1 to %d letters, digits, '.', '_' and '-', and no leading dot", NAME_MAX_LEN);
}

int credential_read_own(const char *name, const char *directory, char **ret, struct error *error)
{
	int r = check_name(name, error);

	return r < 0 ? r : read_from(directory, name, false, ret, error);
}

int credential_read(const char *name, const char *directory, char **ret, struct error *error)
{
	const char *managed = getenv("CREDENTIALS_DIRECTORY");
	int r = check_name(name, error);

	if (r < 0)
		return r;
	r = -ENOENT;
	if (managed && *managed)
		r = read_from(managed, name, true, ret, error);
	if (r == -ENOENT && directory)
		r = read_from(directory, name, false, ret, error);
	if (r != -ENOENT)
		return r;
	if (directory)
		return refuse(error, directory, name, strerror(ENOENT));
	if (managed && *managed)
		return refuse(error, managed, name, strerror(ENOENT));
	return error_set(error, ERROR_INVALID_SPEC, "credential %s: there is no credentials directory", name);
}

/* All of value and a newline. 0 or -errno. */
static int write_all(int fd, const char *value)
{
	size_t len = strlen(value), written = 0;
	ssize_t n;

	while (written < len) {
		n = write(fd, value + written, len - written);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			written += (size_t)n;
	}
	do
		n = write(fd, "\n", 1);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* A new file beside the old one, which takes its place when it is on the disk. 0 or -errno. */
static int replace(int dir, const char *name, const char *value)
{
	char fresh[NAME_MAX_LEN + 8];
	int fd, r;

	snprintf(fresh, sizeof(fresh), ".%s.new", name);
	/* what an interrupted attempt left behind */
	unlinkat(dir, fresh, 0);
	fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, value);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(dir, fresh, dir, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir, fresh, 0);
	else if (fsync(dir) < 0)
		r = -errno;
	return r;
}

int credential_write(const char *name, const char *directory, const char *value, struct error *error)
{
	int dir, r;

	r = check_name(name, error);
	if (r < 0)
		return r;
	dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = dir < 0 ? -errno : replace(dir, name, value);
	if (dir >= 0)
		close(dir);
	return r < 0 ? refuse(error, directory, name, strerror(-r)) : 0;
}

char *credential_free(char *value)
{
	if (!value)
		return NULL;
	explicit_bzero(value, strlen(value));
	free(value);
	return NULL;
}
