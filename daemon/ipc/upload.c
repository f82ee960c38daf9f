/* upload.c - a result that comes in parts, since it is longer than a message. */
#include "daemon/ipc/upload.h"

#include "daemon/ipc/context.h"
#include "daemon/ipc/session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_FIRST ((size_t)1024 * 1024)

struct upload *upload_free(struct upload *upload)
{
	if (upload)
		free(upload->data);
	free(upload);
	return NULL;
}

/* Bytes of what all connections of its user have. */
static size_t taken(const struct session *session)
{
	const struct session *other;
	size_t bytes = 0;

	LIST_FOREACH(other, &session->ipc->sessions, link) {
		if (other->upload && other->peer.caller.uid == session->peer.caller.uid)
			bytes += other->upload->size;
	}
	return bytes;
}

/* Make room for len more bytes. */
static int grow(struct session *session, size_t len, struct error *error)
{
	struct upload *upload = session->upload;
	size_t max = session->ipc->setup.config.result_max, size = upload->size ? upload->size : SIZE_FIRST;
	char *data;

	/* The limit may be lower than it was. */
	if (upload->len > max || len > max - upload->len)
		return error_set(error, ERROR_TOO_LARGE, "result: more than %zu bytes (limits.result_max)", max);
	if (len <= upload->size - upload->len)
		return 0;
	while (size < upload->len + len)
		size *= 2;
	if (size > max)
		size = max;
	if (taken(session) - upload->size + size > max)
		return error_set(error, ERROR_LIMIT, "the unfinished results of one user have at most %zu bytes "
		    "(limits.result_max)", max);
	data = realloc(upload->data, size);
	if (!data)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a result of %zu bytes", size);
	upload->data = data;
	upload->size = size;
	return 0;
}

int upload_add(struct session *session, const struct id *id, uint64_t offset, struct slice part, struct error *error)
{
	struct upload *upload = session->upload;
	uint64_t len;
	int r = 0;

	if (offset == 0) {
		upload_free(upload);
		session->upload = upload = calloc(1, sizeof(*upload));
		if (!upload)
			return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a result");
		upload->id = *id;
	}
	len = upload && id_compare(&upload->id, id) == 0 ? upload->len : 0;
	if (offset != len)
		r = error_set(error, ERROR_INVALID_ARGUMENT,
		    "offset: %" PRIu64 ", but %" PRIu64 " bytes of this result have come on this connection", offset, len);
	if (r == 0)
		r = grow(session, part.len, error);
	if (r == 0 && part.len > 0) {
		memcpy(upload->data + upload->len, part.data, part.len);
		upload->len += part.len;
	}
	if (r < 0)
		session->upload = upload_free(session->upload);
	return r;
}
