/* place.h - where in a spec something is, for the messages about it. */
#ifndef REMOTE_PLACE_H
#define REMOTE_PLACE_H

#include "proto/error.h"

#include <stddef.h>

/* One step from an enclosing place, on the stack of the function that reads it. NULL is the whole spec. */
struct place {
	const struct place *up;
	const char *key;               /* NULL: an array's element */
	size_t index;
};

/* "poll.rules[2].when.body["/done"]" into ret, cut to size; "" for the whole spec. */
void place_format(const struct place *place, char *ret, size_t size);

/* Every complaint about a spec passes here: ERROR_INVALID_SPEC with "PLACE: MESSAGE". Returns its errno. */
int place_fail(const struct place *place, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The answer to an allocation that failed: ERROR_OUT_OF_MEMORY. Returns its errno. */
int place_no_memory(struct error *error);

#endif
