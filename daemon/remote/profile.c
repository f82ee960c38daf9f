/* profile.c - profiles: specs with parameters, kept in files under a name. */
#include "config.h"

#include "daemon/remote/profile.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/place.h"
#include "daemon/remote/spec.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES_MAX = 1000 };

/* A file as it was when it was read. */
struct profile {
	struct profile *next;
	char *path;
	struct stat stat;
	char *text;
	json_t *json;
};

struct profiles {
	char **dirs;
	struct profile *cached;        /* most recently used first */
};

bool profile_name_valid(const char *name)
{
	if (*name == '\0' || *name == '.' || strlen(name) > REMOTE_NAME_MAX)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			return false;
	return true;
}

struct profiles *profiles_new(const char *const *dirs)
{
	struct profiles *profiles = calloc(1, sizeof(*profiles));
	size_t count = 0;

	if (!profiles)
		return NULL;
	while (dirs[count])
		count++;
	profiles->dirs = calloc(count + 1, sizeof(*profiles->dirs));
	if (!profiles->dirs)
		return profiles_free(profiles);
	for (size_t i = 0; i < count; i++) {
		profiles->dirs[i] = strdup(dirs[i]);
		if (!profiles->dirs[i])
			return profiles_free(profiles);
	}
	return profiles;
}

static struct profile *profile_free(struct profile *profile)
{
	json_decref(profile->json);
	free(profile->text);
	free(profile->path);
	free(profile);
	return NULL;
}

struct profiles *profiles_free(struct profiles *profiles)
{
	if (!profiles)
		return NULL;
	while (profiles->cached) {
		struct profile *next = profiles->cached->next;

		profile_free(profiles->cached);
		profiles->cached = next;
	}
	for (size_t i = 0; profiles->dirs && profiles->dirs[i]; i++)
		free(profiles->dirs[i]);
	free(profiles->dirs);
	free(profiles);
	return NULL;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Take the cached file of that path out of the list, or NULL. */
static struct profile *uncache(struct profiles *profiles, const char *path)
{
	for (struct profile **at = &profiles->cached; *at; at = &(*at)->next)
		if (strcmp((*at)->path, path) == 0) {
			struct profile *profile = *at;

			*at = profile->next;
			return profile;
		}
	return NULL;
}

/* Put a file in front; the one that was not used for longest goes when there are too many. */
static void cache(struct profiles *profiles, struct profile *profile)
{
	struct profile **at = &profiles->cached;

	for (int i = 1; *at && i < REMOTE_PROFILES_CACHED_MAX; i++)
		at = &(*at)->next;
	if (*at)
		*at = profile_free(*at);
	profile->next = profiles->cached;
	profiles->cached = profile;
}

/* The bytes of an open file; it may shrink or grow meanwhile. */
static int read_all(int fd, const char *path, size_t size, char **ret, size_t *ret_len, struct error *error)
{
	char *text = malloc(size + 1);
	size_t len = 0;

	if (!text)
		return place_no_memory(error);
	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			free(text);
			return error_set(error, ERROR_INVALID_SPEC, "profile %s: %s", path, strerror(errno));
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	*ret = text;
	*ret_len = len;
	return 0;
}

static int check_file(const char *path, const struct stat *stat, struct error *error)
{
	if (!S_ISREG(stat->st_mode))
		return error_set(error, ERROR_INVALID_SPEC, "profile %s: not a regular file", path);
	if (stat->st_size > REMOTE_SPEC_MAX)
		return error_set(error, ERROR_INVALID_SPEC, "profile %s: longer than %d bytes", path, REMOTE_SPEC_MAX);
	return 0;
}

/* Read the open file at path into the cache. */
static int load(struct profiles *profiles, const char *path, int fd, const struct stat *stat,
    struct profile **ret, struct error *error)
{
	struct profile *profile;
	char what[256];
	size_t len = 0;
	int r;

	r = check_file(path, stat, error);
	if (r < 0)
		return r;
	profile = calloc(1, sizeof(*profile));
	if (!profile)
		return place_no_memory(error);
	profile->stat = *stat;
	profile->path = strdup(path);
	r = profile->path ? read_all(fd, path, (size_t)stat->st_size, &profile->text, &len, error)
	    : place_no_memory(error);
	if (r == 0) {
		snprintf(what, sizeof(what), "profile %s", path);
		r = spec_parse_json(what, (struct slice){ profile->text, len }, &profile->json, error);
	}
	if (r < 0) {
		profile_free(profile);
		return r;
	}
	cache(profiles, profile);
	*ret = profile;
	return 0;
}

/* The file at path. -ENOENT without a message: there is none. */
static int get_file(struct profiles *profiles, const char *path, struct profile **ret, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;
	struct profile *profile;
	struct stat stat;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return -ENOENT;
	if (fd < 0 || fstat(fd, &stat) < 0) {
		r = error_set(error, ERROR_INVALID_SPEC, "profile %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return r;
	}
	profile = uncache(profiles, path);
	if (profile && same_file(&profile->stat, &stat)) {
		cache(profiles, profile);
		*ret = profile;
		r = 0;
	} else {
		if (profile)
			profile_free(profile);
		r = load(profiles, path, fd, &stat, ret, error);
	}
	close(fd);
	return r;
}

/* Names of all profiles, sorted, each once. */
struct name_list {
	char **names;
	size_t count;
};

static void names_free(struct name_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->names[i]);
	free(list->names);
}

static int names_add(struct name_list *list, const char *file)
{
	char name[REMOTE_NAME_MAX + 1], **grown;
	size_t len = strlen(file);

	if (len <= 5 || len - 5 > REMOTE_NAME_MAX || strcmp(file + len - 5, ".json") != 0)
		return 0;
	memcpy(name, file, len - 5);
	name[len - 5] = '\0';
	if (!profile_name_valid(name) || list->count == NAMES_MAX)
		return 0;
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->names[i], name) == 0)
			return 0;
	grown = reallocarray(list->names, list->count + 2, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	list->names = grown;
	grown[list->count] = strdup(name);
	if (!grown[list->count])
		return -ENOMEM;
	grown[++list->count] = NULL;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int names_read(const struct profiles *profiles, struct name_list *ret)
{
	struct name_list list = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && profiles->dirs[i]; i++) {
		DIR *dir = opendir(profiles->dirs[i]);
		struct dirent *entry;

		while (dir && r == 0 && (entry = readdir(dir)))
			r = names_add(&list, entry->d_name);
		if (dir)
			closedir(dir);
	}
	if (r < 0) {
		names_free(&list);
		return r;
	}
	if (list.count > 0)
		qsort(list.names, list.count, sizeof(*list.names), compare_names);
	*ret = list;
	return 0;
}

static int not_found(const struct profiles *profiles, const char *name, struct error *error)
{
	struct name_list list;
	const char *nearest;
	int r;

	if (names_read(profiles, &list) < 0)
		return place_no_memory(error);
	nearest = list.count > 0 ? error_nearest(name, strlen(name), (const char *const *)list.names) : NULL;
	if (nearest)
		r = error_set(error, ERROR_NOT_FOUND, "no profile \"%s\" (did you mean \"%s\"?)", name, nearest);
	else
		r = error_set(error, ERROR_NOT_FOUND, "no profile \"%s\"", name);
	names_free(&list);
	return r;
}

static int find(struct profiles *profiles, const char *name, struct profile **ret, struct error *error)
{
	if (!profile_name_valid(name))
		return error_set(error, ERROR_NOT_FOUND, "\"%.64s\" is not the name of a profile", name);
	for (size_t i = 0; profiles->dirs[i]; i++) {
		char *path;
		int r;

		if (asprintf(&path, "%s/%s.json", profiles->dirs[i], name) < 0)
			return place_no_memory(error);
		r = get_file(profiles, path, ret, error);
		free(path);
		if (r != -ENOENT)
			return r;
	}
	return not_found(profiles, name, error);
}

int profile_get(struct profiles *profiles, const char *name, json_t **ret, const char **ret_path,
    struct error *error)
{
	struct profile *profile;
	int r = find(profiles, name, &profile, error);

	if (r < 0)
		return r;
	*ret = json_incref(profile->json);
	if (ret_path)
		*ret_path = profile->path;
	return 0;
}

int profile_text(struct profiles *profiles, const char *name, const char **ret_text, const char **ret_path,
    struct error *error)
{
	struct profile *profile;
	int r = find(profiles, name, &profile, error);

	if (r < 0)
		return r;
	*ret_text = profile->text;
	*ret_path = profile->path;
	return 0;
}

int profile_each(struct profiles *profiles, profile_each_cb each, void *arg)
{
	struct name_list list;
	int r = names_read(profiles, &list);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++) {
		struct profile *profile;
		struct error error;
		const char *help;

		if (find(profiles, list.names[i], &profile, &error) < 0) {
			each(arg, list.names[i], "", error.message);
			continue;
		}
		help = json_string_value(json_object_get(profile->json, "help"));
		each(arg, list.names[i], profile->path, help ? help : "");
	}
	names_free(&list);
	return 0;
}
