/* rules.h - an ordered list of rules: the first whose condition holds says what a response means. */
#ifndef REMOTE_RULES_H
#define REMOTE_RULES_H

#include "daemon/broker/remote.h"
#include "daemon/remote/answer.h"
#include "daemon/remote/condition.h"
#include "daemon/remote/place.h"
#include "daemon/remote/pointer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text that is given as it is, or as a pointer to it. */
struct rule_text {
	const char *text;              /* NULL: not given */
	bool is_pointer;
	size_t pointer;                /* index in the list's set */
};

/* Where the parts of an error are. */
struct rule_error {
	struct rule_text object;       /* `error` is one pointer: to an object with the parts, or to a message */
	struct rule_text code;
	struct rule_text message;
	struct rule_text details;
};

struct rule {
	struct condition *when;        /* NULL: always */
	enum outcome outcome;
	struct rule_text result;       /* not given: the whole body */
	struct rule_text progress;
	struct rule_error error;
	bool has_delay;
	uint64_t delay_usec;
};

struct rules {
	struct rule *items;
	size_t count;
	struct pointer_set pointers;   /* all that the rules look at: found in one pass over a body */
};

/* Compile a list; borrows from json, which must outlive it. NULL after a failure. */
int rules_read(const json_t *json, struct rules **ret, const struct place *place, struct error *error);
struct rules *rules_free(struct rules *rules);

/* Does one of them have this outcome? rules may be NULL. */
bool rules_can(const struct rules *rules, enum outcome outcome);

/*
 * Find the rule that decides. answer was made with the list's pointers.
 *   ret_rule         NULL: no rule holds
 *   ret_unreadable   a rule before the deciding one asked for a `body`, but the body is not JSON, and the
 *                    deciding rule does not ask for an empty body: what a service says is not known then
 * 0 or -ENOMEM.
 */
int rules_find(const struct rules *rules, struct answer *answer, const struct rule **ret_rule,
    bool *ret_unreadable);

#endif
