/* group_file.c - a group as a file, from which another process takes it up again. */
#include "config.h"

#include "client/future.h"
#include "client/group.h"
#include "client/json.h"
#include "proto/document.h"
#include "proto/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP_FILE_VERSION 1
#define GROUP_FILE_MAX ((size_t)8 * 1024 * 1024)   /* bytes: more than as many ids as a connection has handles */
#define GROUP_FILE_QUOTE 40                        /* bytes of what is wrong that an error shows */

/* Remember what is wrong, behind the name of the file. Returns r. */
static int file_error_set(struct futured *c, int r, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int file_error_set(struct futured *c, int r, const char *path, const char *format, ...)
{
	char *what = NULL, *text = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&what, format, arguments) < 0)
		what = NULL;
	va_end(arguments);
	if (what && asprintf(&text, "%s%s", path, what) < 0)
		text = NULL;
	free(what);
	free(c->file_error);
	c->file_error = text;
	return r;
}

static int file_error_errno(struct futured *c, int r, const char *path)
{
	return file_error_set(c, r, path, ": %s", strerror(-r));
}

static void file_error_clear(struct futured *c)
{
	free(c->file_error);
	c->file_error = NULL;
}

const char *futured_group_file_error(futured *c)
{
	return c->file_error;
}

/* --- saving ------------------------------------------------------------------------------------- */

/* The path of the socket as JSON, owned by the caller; "null" for one that is no text. */
static char *group_file_socket(const struct futured *c)
{
	size_t len = strlen(c->path);
	msgpack_object object = { .type = MSGPACK_OBJECT_STR, .via.str = { .ptr = c->path, .size = (uint32_t)len } };
	char *text = NULL;

	if (utf8_valid_len(c->path, len) < len)
		return strdup("null");
	return json_write_text(&object, &text) < 0 ? NULL : text;
}

static int group_file_write(futured_group *group, FILE *file)
{
	char *socket = group_file_socket(group->conn);

	if (!socket)
		return -ENOMEM;
	fprintf(file, "{\n\"futured_group\": %d,\n\"single\": %s,\n\"socket\": %s,\n\"ids\": [", GROUP_FILE_VERSION,
	    futured_group_is_single(group) ? "true" : "false", socket);
	free(socket);
	for (size_t i = 0; i < group->n; i++)
		fprintf(file, "%s\n\"%s\"", i > 0 ? "," : "", futured_group_id(group, i));
	fputs("\n]\n}\n", file);
	errno = 0;
	if (fflush(file) != 0 || ferror(file))
		return errno ? -errno : -EIO;
	return fsync(fileno(file)) < 0 ? -errno : 0;
}

/* The name of the file is on disk, too. A file system that cannot do that for a directory has done what it can. */
static int group_file_sync_directory(const char *path)
{
	char *directory = strdup(path), *slash;
	int fd, r = 0;

	if (!directory)
		return -ENOMEM;
	slash = strrchr(directory, '/');
	if (slash)
		slash[slash == directory] = '\0';
	fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(directory);
	if (fd < 0)
		return 0;
	if (fsync(fd) < 0 && errno != EINVAL && errno != ENOTSUP)
		r = -errno;
	close(fd);
	return r;
}

/* Write a file beside path that takes its place when it is whole. */
static int group_file_replace(futured_group *group, const char *path)
{
	char *temporary = NULL, *real;
	FILE *file = NULL;
	int fd, r;

	/* What a link stands for is written, not the link. */
	real = realpath(path, NULL);
	path = real ? real : path;
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		temporary = NULL;
		r = -ENOMEM;
		goto out;
	}
	/* Made with 0600, whatever the umask. */
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		goto out;
	}
	file = fdopen(fd, "w");
	if (file)
		r = group_file_write(group, file);
	else
		r = -errno;
	if ((file ? fclose(file) : close(fd)) != 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r == 0)
		r = group_file_sync_directory(path);
	else
		unlink(temporary);
out:
	free(temporary);
	free(real);
	return r;
}

int futured_group_save(futured_group *group, const char *path)
{
	struct futured *c = group->conn;
	struct stat status;
	int r;

	if (!c)
		return -ENOTCONN;
	file_error_clear(c);
	for (size_t i = 0; i < group->n; i++) {
		const futured_future *f = group->futures[i];

		if (!f->has_id && f->done)
			return file_error_set(c, -ENODATA, path, ": future %zu was never created, and has no id", i);
		if (!f->has_id)
			return file_error_set(c, -EAGAIN, path, ": future %zu has no id yet", i);
	}
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
		return file_error_set(c, -EEXIST, path, ": is there, and is not a regular file");
	r = group_file_replace(group, path);
	return r < 0 ? file_error_errno(c, r, path) : 0;
}

/* --- opening ------------------------------------------------------------------------------------ */

struct group_file {
	struct maybe_u64 futured_group;
	bool single;
	const msgpack_object *ids;
};

static const struct field group_file_fields[] = {
	FIELD(group_file, futured_group, FIELD_U64, FIELD_REQUIRED),
	FIELD(group_file, single, FIELD_BOOL, 0),
	FIELD(group_file, ids, FIELD_ANY, FIELD_REQUIRED),
	FIELDS_END
};

/* The whole file as text, owned by the caller. */
static int group_file_read(const char *path, char **ret, size_t *ret_len)
{
	FILE *file = NULL;
	char *text;
	size_t len;
	int r = 0;

	text = malloc(GROUP_FILE_MAX + 2);
	if (!text)
		return -ENOMEM;
	errno = 0;
	file = fopen(path, "re");
	len = file ? fread(text, 1, GROUP_FILE_MAX + 1, file) : 0;
	if (!file || ferror(file))
		r = errno ? -errno : -EIO;
	else if (len > GROUP_FILE_MAX)
		r = -EFBIG;
	if (file)
		fclose(file);
	if (r < 0) {
		free(text);
		return r;
	}
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	return 0;
}

/* Turn the text into msgpack: bytes in pack, and what is in them, which borrows from there. */
static int group_file_unpack(struct futured *c, const char *path, const char *text, size_t len, struct pack *pack,
    msgpack_unpacked *ret)
{
	const char *at = text + strlen(text), *line = text, *newline;
	size_t offset = 0, number = 1;
	struct slice bytes;
	int r;

	r = document_pack_at(pack, text, &at);
	/* Behind a NUL there is more, and that is not JSON. */
	if (r == 0 && strlen(text) < len)
		r = -EINVAL;
	if (r == 0)
		r = pack_finish(pack, &bytes);
	if (r == -EINVAL) {
		while ((newline = memchr(line, '\n', (size_t)(at - line)))) {
			line = newline + 1;
			number++;
		}
		return file_error_set(c, r, path, ":%zu:%td: not JSON", number, at - line + 1);
	}
	if (r == 0 && msgpack_unpack_next(ret, bytes.data, bytes.len, &offset) != MSGPACK_UNPACK_SUCCESS)
		r = -ENOMEM;
	return r < 0 ? file_error_errno(c, r, path) : 0;
}

/* One element of ids. */
static int group_file_take_id(struct futured *c, const char *path, futured_group *group, size_t i,
    const msgpack_object *object)
{
	char text[ID_TEXT_LEN + 1];
	struct error error;
	struct slice slice;
	struct id id;
	int r;

	if (object->type != MSGPACK_OBJECT_STR || !fields_bytes(object, &slice))
		return file_error_set(c, -EINVAL, path, ": ids[%zu]: %s, not an id", i, fields_type_phrase(object));
	if (id_parse(slice.data, slice.len, &id) < 0) {
		error_set(&error, ERROR_INVALID_ARGUMENT, "%.*s",
		    (int)(slice.len < GROUP_FILE_QUOTE ? slice.len : GROUP_FILE_QUOTE), slice.data);
		return file_error_set(c, -EINVAL, path, ": ids[%zu]: \"%s\" is not an id", i, error.message);
	}
	id_format(&id, text);
	r = futured_group_add_id(group, text);
	return r < 0 ? file_error_set(c, r, path, ": ids[%zu]: %s", i, strerror(-r)) : 0;
}

/* Make the group that the file describes. */
static int group_file_take(struct futured *c, const char *path, const msgpack_object *object, futured_group **ret)
{
	struct group_file file;
	futured_group *group;
	struct error error;
	int r;

	r = fields_read(object, group_file_fields, FIELDS_IGNORE_UNKNOWN, &file, &error);
	if (r < 0)
		return file_error_set(c, r, path, ": %s", error.message);
	if (file.futured_group.value > GROUP_FILE_VERSION)
		return file_error_set(c, -ENOTSUP, path, ": futured_group: written by a later version");
	if (file.ids->type != MSGPACK_OBJECT_ARRAY)
		return file_error_set(c, -EINVAL, path, ": ids: %s, not an array", fields_type_phrase(file.ids));
	r = futured_group_new(c, NULL, 0, file.single ? FUTURED_GROUP_SINGLE : 0, &group);
	if (r < 0)
		return file_error_errno(c, r, path);
	for (uint32_t i = 0; r == 0 && i < file.ids->via.array.size; i++)
		r = group_file_take_id(c, path, group, i, &file.ids->via.array.ptr[i]);
	if (r < 0) {
		futured_group_unref(group);
		return r;
	}
	*ret = group;
	return 0;
}

int futured_group_open(futured *c, const char *path, futured_group **ret)
{
	msgpack_unpacked unpacked;
	char *text = NULL;
	struct pack pack;
	size_t len;
	int r;

	r = conn_check(c);
	if (r < 0)
		return r;
	file_error_clear(c);
	r = group_file_read(path, &text, &len);
	if (r < 0)
		return file_error_errno(c, r, path);
	pack_init(&pack, GROUP_FILE_MAX * 3);
	msgpack_unpacked_init(&unpacked);
	r = group_file_unpack(c, path, text, len, &pack, &unpacked);
	if (r == 0)
		r = group_file_take(c, path, &unpacked.data, ret);
	msgpack_unpacked_destroy(&unpacked);
	pack_done(&pack);
	free(text);
	return r;
}
