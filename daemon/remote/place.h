/* place.h - where in a spec something is, for the messages about it. */
#ifndef REMOTE_PLACE_H
#define REMOTE_PLACE_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

struct problems;

/*
 * One step from an enclosing place, on the stack of the function that reads it. NULL is the whole spec; so is an
 * outermost place with problems, for those who want to hear all complaints: they are gathered there.
 */
struct place {
	const struct place *up;
	const char *key;               /* NULL: an array's element */
	size_t index;
	struct problems *problems;     /* of the outermost only */
};

/* "poll.rules[2].when.body["/done"]" into ret, cut to size; "" for the whole spec. */
void place_format(const struct place *place, char *ret, size_t size);

/* Every complaint about a spec passes here: ERROR_INVALID_SPEC with "PLACE: MESSAGE". Returns its errno. */
int place_fail(const struct place *place, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same about a place that was formatted earlier; within is where complaints may be gathered. */
int place_fail_at(const struct place *within, const char *where, struct error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * A reader of several things has read one of them within place, with the result r: is that the end? It is after a
 * failure, unless complaints are gathered and there may be others. The first failure is kept in *first, which begins
 * as 0 and is the reader's own result.
 */
bool place_ends(const struct place *place, int r, int *first);

/* The answer to an allocation that failed: ERROR_OUT_OF_MEMORY. Returns its errno. */
int place_no_memory(struct error *error);

#endif
