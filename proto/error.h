/* error.h - the error names of the protocol, their errno, and an error with a message for people. */
#ifndef PROTO_ERROR_H
#define PROTO_ERROR_H

#include "proto/limits.h"

#include <stddef.h>

/* Names are what travels; numbers are private to this build. PROTOCOL.md says when each is used. */
enum error_code {
	ERROR_NONE = 0,
	ERROR_MALFORMED,          /* Malformed: not a MessagePack-RPC message            -EBADMSG */
	ERROR_TOO_LARGE,          /* TooLarge: over a limit named in the message         -EMSGSIZE */
	ERROR_METHOD_NOT_FOUND,   /* MethodNotFound                                      -ENOSYS */
	ERROR_INVALID_ARGUMENT,   /* InvalidArgument: a key or value of a request        -EINVAL */
	ERROR_INVALID_SPEC,       /* InvalidSpec: a spec, profile or params              -ENOEXEC */
	ERROR_NOT_FOUND,          /* NotFound: no such future, or not one you may see    -ENOENT */
	ERROR_PERMISSION_DENIED,  /* PermissionDenied: visible, but not yours to change  -EACCES */
	ERROR_KEY_CONFLICT,       /* KeyConflict: the key stands for another spec        -EEXIST */
	ERROR_INVALID_STATE,      /* InvalidState: not possible in the future's state    -EBUSY */
	ERROR_TIMEOUT,            /* Timeout: the wait ended, the future did not         -ETIMEDOUT */
	ERROR_FAILED,             /* Failed: the future itself failed                    -EREMOTEIO */
	ERROR_CANCELLED,          /* Cancelled: the future was cancelled                 -ECANCELED */
	ERROR_LIMIT,              /* LimitExceeded: a quota of this daemon               -EDQUOT */
	ERROR_DISK_FULL,          /* DiskFull: new futures are refused for now           -ENOSPC */
	ERROR_OUT_OF_MEMORY,      /* OutOfMemory                                         -ENOMEM */
	ERROR_SHUTTING_DOWN,      /* ShuttingDown: try again after the restart           -ESHUTDOWN */
	ERROR_INTERNAL,           /* Internal: a bug or a failing store                  -EIO */
	ERROR__COUNT
};

/* An error on its way to a client. The message is one line, UTF-8, without the name. */
struct error {
	enum error_code code;
	char message[PROTO_ERROR_TEXT_MAX];
};

/* The wire name of code ("NotFound"). Static; never NULL. */
const char *error_name(enum error_code code);

/* The code behind a wire name, ERROR_INTERNAL for a name this build does not know. */
enum error_code error_from_name(const char *name, size_t len);

/* The negative errno that stands for code inside C programs. */
int error_errno(enum error_code code);

/* Fill error (which may be NULL) and return error_errno(code), so that a failing function can end
 * with `return error_set(error, ERROR_NOT_FOUND, "no such future %s", id);`. Too long a message is cut
 * between characters; control characters and what is not UTF-8 become '?', so that a peer's own
 * bytes may be arguments. The arguments may point into error. */
int error_set(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "format: " before the message that error already has: "submit: url: ...". Cuts and cleans like
 * error_set(). No-op on NULL. */
void error_wrap(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The candidate nearest to word (edit distance, a swap of neighbours counting one; at most a third of
 * word's length; the first of equals), or NULL when none is near or word is over 64 bytes: the
 * "did you mean" of every unknown key. candidates ends with NULL. */
const char *error_nearest(const char *word, size_t len, const char *const *candidates);

#endif
