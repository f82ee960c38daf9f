/* upload.h - a result that comes in parts, since it is longer than a message. */
#ifndef IPC_UPLOAD_H
#define IPC_UPLOAD_H

#include "proto/error.h"
#include "proto/id.h"
#include "proto/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct session;

/* What has come of it, in memory. A session has at most one. */
struct upload {
	struct id id;                   /* of the promise */
	char *data;
	size_t len, size;
};

/*
 * Put a part behind those that session has. One with offset 0 begins anew, whatever was there; another one must
 * follow on the last: ERROR_INVALID_ARGUMENT. At most config.result_max for each user: ERROR_TOO_LARGE where one result
 * is longer, ERROR_LIMIT where others of his are in the way. On failure nothing is left of it.
 */
int upload_add(struct session *session, const struct id *id, uint64_t offset, struct slice part, struct error *error);

/* NULL is allowed; returns NULL. */
struct upload *upload_free(struct upload *upload);

#endif
