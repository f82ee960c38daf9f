/* credential.h - secrets by name: read where the request is built, never stored. */
#ifndef REMOTE_CREDENTIAL_H
#define REMOTE_CREDENTIAL_H

#include "proto/error.h"

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
char *credential_free(char *value);

#endif
