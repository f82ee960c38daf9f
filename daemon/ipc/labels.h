/* labels.h - the labels of a request as the store wants them. */
#ifndef IPC_LABELS_H
#define IPC_LABELS_H

#include "daemon/broker/broker.h"
#include "proto/error.h"

#include <msgpack.h>
#include <stddef.h>

/* Owns its items and their texts. */
struct labels {
	struct store_label *items;
	size_t count;
};

/*
 * Read a map of text to text: at most PROTO_LABELS_MAX, each name and value at most PROTO_LABEL_MAX bytes of UTF-8
 * without NUL, no name empty, none twice. NULL is an empty map. Returns 0 and the caller calls labels_done(),
 * or the negative errno of error.
 */
int labels_read(const msgpack_object *map, struct labels *ret, struct error *error);
void labels_done(struct labels *labels);

#endif
