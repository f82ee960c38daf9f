/* credential.h - secrets by name, in files that only their owner can read. */
#ifndef REMOTE_CREDENTIAL_H
#define REMOTE_CREDENTIAL_H

#include "proto/error.h"

#include <stdbool.h>

/* A plain file name: no way out of the directory, no hidden file, nothing that a terminal would act on. */
bool credential_valid_name(const char *name);

/*
 * Read the credential called name: $CREDENTIALS_DIRECTORY/NAME, else directory/NAME. The file must be ours,
 * a regular file, not readable by others (mode 0600 or 0400; files in $CREDENTIALS_DIRECTORY are the
 * service manager's and exempt), at most 64 KiB, one value without NUL or control characters; one
 * trailing newline is dropped. It is read afresh each time, so a change is seen at once.
 *   directory   the per-user credentials directory; NULL: none
 *   ret         to be freed with credential_free, which wipes it
 * ERROR_INVALID_SPEC with the name and the path tried, never the value.
 */
int credential_read(const char *name, const char *directory, char **ret, struct error *error);

/* As credential_read, but of directory alone. -ENOENT, with error as it was: there is no such file. */
int credential_read_own(const char *name, const char *directory, char **ret, struct error *error);

/* Write value to directory/NAME, which is made or replaced as a whole, with mode 0600. Blocks until it is on the
 * disk. ERROR_INVALID_SPEC with the name and the path, never the value. */
int credential_write(const char *name, const char *directory, const char *value, struct error *error);

char *credential_free(char *value);

#endif
