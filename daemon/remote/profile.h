/* profile.h - profiles: specs with parameters, kept in files under a name. */
#ifndef REMOTE_PROFILE_H
#define REMOTE_PROFILE_H

#include "proto/error.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * NAME.json is looked for in a list of directories, in order; the first file found is the profile, also when it
 * is not usable. A file is read again when its size, modification time or inode changed. At most 256 KiB.
 */
struct profiles;

/* dirs ends with NULL and is copied. NULL: no memory. */
struct profiles *profiles_new(const char *const *dirs);
struct profiles *profiles_free(struct profiles *profiles);

/* Letters, digits, '.', '_', '-', no leading dot, at most REMOTE_NAME_MAX bytes: also of credentials. */
bool profile_name_valid(const char *name);

/*
 * The profile called name, as JSON object; *ret is a new reference, ret_path (may be NULL) is borrowed until the
 * next call. ERROR_NOT_FOUND with the nearest name; ERROR_INVALID_SPEC for a file that is no JSON object, with
 * path, line and column. Reads files.
 */
int profile_get(struct profiles *profiles, const char *name, json_t **ret, const char **ret_path,
    struct error *error);

/* The same as text, as it is in the file: for profile.get. Both are borrowed until the next call. */
int profile_text(struct profiles *profiles, const char *name, const char **ret_text, const char **ret_path,
    struct error *error);

/* Call each for every profile, in order of name: for profile.list. help is its text for people, "" without one; for
 * a file that cannot be used it says why. Reads files. 0, -ENOMEM. */
typedef void (*profile_each_cb)(void *arg, const char *name, const char *path, const char *help);
int profile_each(struct profiles *profiles, profile_each_cb each, void *arg);

#endif
