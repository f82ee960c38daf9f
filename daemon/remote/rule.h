/* rule.h - one rule: when it holds, what an answer means. */
#ifndef REMOTE_RULE_H
#define REMOTE_RULE_H

#include "daemon/broker/remote.h"
#include "daemon/remote/capture.h"
#include "daemon/remote/condition.h"
#include "daemon/remote/filling.h"
#include "daemon/remote/place.h"
#include "daemon/remote/pointer.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Something that is given as it is, or with where it is in the answer. */
struct rule_text {
	const char *text;              /* the text itself, the pointer, or the header's name; NULL: not given */
	enum {
		RULE_TEXT_ITSELF,
		RULE_TEXT_POINTER,
		RULE_TEXT_ELEMENT,     /* "@" and a pointer into the element that an `any` of the rule's `when` found */
		RULE_TEXT_HEADER
	} from;
	size_t pointer;                /* index in the list's set */
};

/* Where the parts of an error are. */
struct rule_error {
	struct rule_text object;       /* `error` is one pointer: to an object with the parts, or to a message */
	struct rule_text code;
	struct rule_text message;
	struct rule_text details;
};

/* When to come back. */
struct rule_delay {
	bool given;
	uint64_t usec;                 /* unless it is in the answer */
	struct rule_text at;
	bool milliseconds;             /* of what is there */
};

/* How often in a row, or for how long, a rule applies, and what it says after that. */
struct rule_budget {
	bool given;
	unsigned times;                /* 0: any number */
	uint64_t usec;                 /* 0: any time */
	enum outcome then;
};

struct rule {
	struct condition *when;        /* NULL: always */
	enum outcome outcome;
	bool refresh_credential;       /* with OUTCOME_RETRY */
	struct rule_text result;       /* not given: the whole body */
	struct rule_text progress;
	struct rule_error error;
	struct rule_delay delay;
	const json_t *with;            /* what OUTCOME_CONTINUE goes on with: see onward.h; or NULL */
	const json_t *set;             /* object of values, or NULL */
	struct captures *captures;     /* taken when it decides; NULL: none */
	struct rule_budget budget;
	bool open;                     /* a template beside `when` is not filled yet */
	char *unfilled;                /* why it could not be filled: it does not hold. NULL: it could */
};

/*
 * Compile; borrows from json and from what the filling keeps; adds its pointers to the set. Done after a failure too.
 */
int rule_read(const json_t *json, struct pointer_set *pointers, struct filling *filling, struct rule *ret,
    const struct place *place, struct error *error);
void rule_done(struct rule *rule);

/* May it say this, by itself or when its budget is used up? */
bool rule_may_say(const struct rule *rule, enum outcome outcome);

/*
 * What a text of this rule leads to: JSON when it is a pointer, else text; absent when nothing is there, or no memory.
 * answer was made with the pointers of the rule's list.
 */
struct slice rule_text_find(const struct rule *rule, const struct rule_text *text, struct answer *answer);

/* Is what it leads to JSON? */
bool rule_text_is_json(const struct rule_text *text);

#endif
