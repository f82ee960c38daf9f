/* matcher.h - what a condition asks of one value. */
#ifndef REMOTE_MATCHER_H
#define REMOTE_MATCHER_H

#include "daemon/remote/place.h"
#include "daemon/remote/pointer.h"
#include "proto/slice.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * A matcher is a scalar (equals), a list (one of), or an object of tests that must all hold:
 *   exists       true: there is a value and it is not null (services write an unset member either way)
 *   equals, in   a scalar, one of several; types count (1 is not "1"), numbers are compared as numbers
 *   prefix, contains    of a string
 *   ignore_case  for equals, in, prefix, contains; ASCII
 *   gt, lt       of a number
 *   any          some element of the array fulfils this map of pointers to matchers
 * A value that is not there fulfils {"exists": false} and nothing else. A header's value is text without a type:
 * a number in the matcher is compared with it as text, by gt and lt as a number. A number too great for
 * jansson is compared by gt and lt as the nearest double, else as text with a string of the matcher.
 */
struct matcher_test;

struct matcher {
	bool ignore_case;
	size_t count;
	struct matcher_test *tests;
};

/* Pointers, each with the matcher for what it leads to. */
struct matcher_map {
	size_t count;
	struct matcher_item *items;
};

struct matcher_item {
	size_t pointer;                /* index in the set that the map was read with */
	struct matcher matcher;
};

/* Compile; borrows from json. Done after a failure too. */
int matcher_read(const json_t *json, struct matcher *ret, const struct place *place, struct error *error);
void matcher_done(struct matcher *matcher);

/* Compile an object of pointers, which are added to the set. depth: of `any` around it, 0 outside. */
int matcher_map_read(const json_t *json, struct pointer_set *set, unsigned depth, struct matcher_map *ret,
    const struct place *place, struct error *error);
void matcher_map_done(struct matcher_map *map);

/* Does it hold for a header's text, or NULL? 1, 0, or -ENOMEM. */
int matcher_holds_text(const struct matcher *matcher, const char *text);
/* Do all of a map hold? found: what the pointers of its set lead to. */
int matcher_map_holds(const struct matcher_map *map, const struct slice *found);

#endif
