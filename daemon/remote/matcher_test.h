/* matcher_test.h - the tests that matchers are made of: one row each in a table. */
#ifndef REMOTE_MATCHER_TEST_H
#define REMOTE_MATCHER_TEST_H

#include "daemon/remote/matcher.h"

enum matcher_kind {
	MATCHER_EXISTS,
	MATCHER_EQUALS,
	MATCHER_IN,
	MATCHER_PREFIX,
	MATCHER_CONTAINS,
	MATCHER_GT,
	MATCHER_LT,
	MATCHER_TYPE,
	MATCHER_ANY,
	MATCHER_ALL,
	MATCHER_NOT,
	MATCHER_KINDS
};

/* A map that each element of an array is held against, with pointers of its own. */
struct matcher_elements {
	struct pointer_set pointers;
	struct matcher_map map;
};

struct matcher_test {
	enum matcher_kind kind;
	const json_t *operand;         /* filled; borrowed from the spec or from what the filling keeps */
	bool open;                     /* the operand has templates that are not filled yet */
	unsigned types;                /* of `type`: bits of enum subject_type */
	struct matcher_elements *elements;   /* of `any` and `all` */
	struct matcher *inner;         /* of `not` */
};

/* By its name; MATCHER_KINDS: there is none. */
enum matcher_kind matcher_kind_find(const char *name);
const char *matcher_kind_name(enum matcher_kind kind);
/* Between a value and the operand it does not fulfil: "but not". */
const char *matcher_kind_words(enum matcher_kind kind);

/* Compile one; done after a failure too. */
int matcher_test_read(enum matcher_kind kind, const json_t *operand, const struct matcher_scope *scope,
    struct matcher_test *ret, const struct place *place, struct error *error);
void matcher_test_done(struct matcher_test *test);

/* 1, 0, or -ENOMEM. */
int matcher_test_holds(const struct matcher_test *test, bool ignore_case, const struct subject *subject);

/* The first element of the array value that fulfils an `any`. 1, 0, or -ENOMEM. */
int matcher_test_element(const struct matcher_test *test, struct slice value, struct slice *ret);

#endif
