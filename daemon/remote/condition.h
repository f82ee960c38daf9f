/* condition.h - the `when` of a rule. */
#ifndef REMOTE_CONDITION_H
#define REMOTE_CONDITION_H

#include "daemon/remote/answer.h"
#include "daemon/remote/matcher.h"
#include "daemon/remote/place.h"
#include "daemon/remote/pointer.h"
#include "daemon/remote/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct condition_list {
	bool given;                    /* an empty `any` never holds, an empty `all` always does */
	size_t count;
	struct condition *items;
};

struct condition_header {
	const char *name;
	struct matcher matcher;
};

/* All that is given must hold; an empty condition always does. */
struct condition {
	const json_t *json;                /* as it was written */
	bool open;                         /* some template in it is not filled yet */
	const struct status_set *status;   /* owned; NULL: any */
	const bool *empty;                 /* owned; NULL: any */
	struct condition_header *headers;
	size_t n_headers;
	struct matcher *text;              /* of the whole body; NULL: any */
	struct matcher_map body;
	struct condition_list any;
	struct condition_list all;
	struct condition_list none;        /* `not`: one condition */
	bool asks_empty;                   /* {"empty": true} is in it somewhere */
};

/* Compile; borrows from json, adds its pointers to the scope's set. Done after a failure too. */
int condition_read(const json_t *json, const struct matcher_scope *scope, struct condition *ret,
    const struct place *place, struct error *error);
void condition_done(struct condition *condition);

/* Does it ask for an element of an array with `any`, itself or in `all`? */
bool condition_has_element(const struct condition *condition);
/* The first element that the first such `any` finds. 1, 0, or -ENOMEM. */
int condition_element(const struct condition *condition, struct answer *answer, struct slice *ret);

/*
 * Does it hold? 1, 0, or -ENOMEM. The body is asked last; a `body` that is asked of a body that is not
 * JSON does not hold, and sets *ret_unreadable, which is untouched otherwise.
 */
int condition_holds(const struct condition *condition, struct answer *answer, bool *ret_unreadable);

/* What a header is to a matcher: its value, or absent. */
struct slice condition_header_text(const struct condition_header *header, const struct http_response *response);

#endif
