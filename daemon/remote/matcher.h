/* matcher.h - what a condition asks of one value. */
#ifndef REMOTE_MATCHER_H
#define REMOTE_MATCHER_H

#include "daemon/remote/filling.h"
#include "daemon/remote/place.h"
#include "daemon/remote/pointer.h"
#include "daemon/remote/subject.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * A matcher is a scalar (equals), a list (one of), or an object of tests that must all hold:
 *   exists       true: there is a value and it is not null (services write an unset member either way)
 *   equals, in   a scalar, one of several; types count (1 is not "1"), numbers are compared as numbers
 *   prefix       of a string
 *   contains     a string has this text within; an array has an element that equals this
 *   ignore_case  for equals, in, prefix, contains; ASCII
 *   gt, lt       of a number
 *   type         string, number, boolean, array, object, null; a list: one of them
 *   any          some element of the array fulfils this map of pointers to matchers
 *   all          the array is not empty, and each of its elements does
 *   not          a matcher that must not hold; a value that is not there fulfils it
 * A value that is not there fulfils {"exists": false} and a `not`, nothing else. A header's value, and a whole body
 * that is asked for its text, is text without a type: a number in the matcher is compared with it as text, by gt and
 * lt as a number. A number too great for jansson is compared by gt and lt as the nearest double, else as text with a
 * string of the matcher.
 */
struct matcher {
	bool ignore_case;
	bool open;                     /* some template in it is not filled yet */
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
	const char *text;              /* of the pointer */
	bool open;                     /* the pointer has templates that are not filled yet */
	struct matcher matcher;
};

/* Where a matcher is read. */
struct matcher_scope {
	struct pointer_set *pointers;  /* of a map */
	struct filling *filling;       /* NULL: braces mean nothing */
	unsigned depth;                /* of matchers and elements around it */
};

/* Compile; borrows from json. Done after a failure too. */
int matcher_read(const json_t *json, const struct matcher_scope *scope, struct matcher *ret,
    const struct place *place, struct error *error);
void matcher_done(struct matcher *matcher);

/* Compile an object of pointers, which are added to the scope's set. */
int matcher_map_fill(const json_t *json, const struct matcher_scope *scope, struct matcher_map *ret,
    const struct place *place, struct error *error);
/* The same without templates. depth: of what is around it, 0 outside. */
int matcher_map_read(const json_t *json, struct pointer_set *set, unsigned depth, struct matcher_map *ret,
    const struct place *place, struct error *error);
void matcher_map_done(struct matcher_map *map);

/* Does it hold? 1, 0, or -ENOMEM. ret_failed: the first test that does not, when it does not; may be NULL. */
int matcher_holds(const struct matcher *matcher, const struct subject *subject,
    const struct matcher_test **ret_failed);
/* Does it hold for text without a type, or NULL? 1, 0, or -ENOMEM. */
int matcher_holds_text(const struct matcher *matcher, struct slice text);
/* Does it hold for JSON that json_scan() found (absent: there is none)? 1, 0, or -ENOMEM. */
int matcher_holds_json(const struct matcher *matcher, struct slice value);
/* Is there an `any` among its tests? */
bool matcher_has_element(const struct matcher *matcher);
/* The first element of value that the first `any` is fulfilled by. 1, 0, or -ENOMEM. */
int matcher_element(const struct matcher *matcher, struct slice value, struct slice *ret);

/* Do all of a map hold? found: what the pointers of its set lead to. */
int matcher_map_holds(const struct matcher_map *map, const struct slice *found);

#endif
