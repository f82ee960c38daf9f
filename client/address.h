/* address.h - where the daemon's socket is, and whether the right one listens there. */
#ifndef CLIENT_ADDRESS_H
#define CLIENT_ADDRESS_H

#include <stdbool.h>

/*
 * Connect, without blocking, to the first of the places where a daemon may be.
 *   path          as given by the caller; NULL: look in the usual places
 *   ret_path      the one that was chosen, owned by the caller
 *   ret_explicit  the user named it: whoever listens there is the right one
 * Returns the socket; -EAGAIN with *ret_path set when the daemon is there but its backlog is full; or the error of the
 * most telling place: -ECONNREFUSED rather than -ENOENT.
 */
int address_find(const char *path, char **ret_path, bool *ret_explicit);

/* Connect to path. The socket; -EAGAIN with a full backlog, -ENOENT, -ECONNREFUSED, -EACCES, -ENAMETOOLONG, -EPERM
 * when the process that listens is not explicit and belongs neither to root, nor to us, nor to the owner of the
 * socket's directory. */
int address_connect(const char *path, bool explicit_path);

#endif
