/* rules.h - an ordered list of rules: the first whose condition holds says what a response means. */
#ifndef REMOTE_RULES_H
#define REMOTE_RULES_H

#include "daemon/remote/answer.h"
#include "daemon/remote/place.h"
#include "daemon/remote/pointer.h"
#include "daemon/remote/rule.h"
#include "daemon/remote/template.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct rules {
	struct rule *items;
	size_t count;
	struct pointer_set pointers;   /* all that the rules look at: found in one pass over a body */
	const json_t *json;            /* borrowed */
	json_t *kept;                  /* owned: texts that were filled, or NULL */
	bool templates;                /* some need values: rules_fill() before they are used */
	char name[64];                 /* of the request they are of: "poll" */
};

/*
 * Compile a list; borrows from json, which must outlive it. NULL after a failure.
 *   names   collects what its templates name -> where first; may be NULL
 */
int rules_read(const json_t *json, json_t *names, struct rules **ret, const struct place *place,
    struct error *error);
struct rules *rules_free(struct rules *rules);

/* Does one of them have this outcome, by itself or when its budget is used up? rules may be NULL. */
bool rules_can(const struct rules *rules, enum outcome outcome);

/*
 * The same list with its templates filled. A rule that lacks a value, or makes no sense with it, is there but does
 * not hold. 0 or -ENOMEM.
 */
int rules_fill(const struct rules *rules, const struct values *values, struct rules **ret);

/*
 * Find the rule that decides. answer was made with the list's pointers; the list needs no values.
 *   ret_rule         NULL: no rule holds
 *   ret_unreadable   a rule before the deciding one asked for a `body`, but the body is not JSON, and the
 *                    deciding rule does not ask for an empty body: what a service says is not known then
 * 0 or -ENOMEM.
 */
int rules_find(const struct rules *rules, struct answer *answer, const struct rule **ret_rule,
    bool *ret_unreadable);

#endif
