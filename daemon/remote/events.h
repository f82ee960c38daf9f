/* events.h - what a stream of server-sent events says about an operation. Pure. */
#ifndef REMOTE_EVENTS_H
#define REMOTE_EVENTS_H

#include "daemon/remote/json.h"
#include "daemon/remote/matcher.h"
#include "daemon/remote/place.h"
#include "daemon/remote/pointer.h"
#include "proto/slice.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `events` but for its request. */
struct events {
	struct pointer_set pointers;   /* into an event's data */
	bool has_wake;
	struct matcher_map wake;       /* not given: every event that has data */
	bool has_progress;
	size_t progress;               /* index in pointers */
	uint64_t idle_usec;            /* the stream is given up after so long without a byte */
};

/* Compile; borrows from json. *ret NULL after a failure. */
int events_read(const json_t *json, struct events **ret, const struct place *place, struct error *error);
struct events *events_free(struct events *events);

/* What one event's data means. 0 or -ENOMEM; data that is not JSON wakes when `wake` is not given. */
int events_judge(const struct events *events, struct slice data, bool *ret_wake, struct slice *ret_progress);

#endif
