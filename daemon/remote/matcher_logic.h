/* matcher_logic.h - what can be said of matchers without a value: that one never holds, or only when another does. */
#ifndef REMOTE_MATCHER_LOGIC_H
#define REMOTE_MATCHER_LOGIC_H

#include "daemon/remote/matcher.h"

#include <stdbool.h>

/* What a matcher is about. */
enum matcher_about {
	MATCHER_ABOUT_JSON,
	MATCHER_ABOUT_HEADER,          /* text, or nothing */
	MATCHER_ABOUT_BODY             /* text */
};

/* How much may still be thought; 0: the answer to everything is "not known". */
struct logic {
	unsigned left;
};

/* Take a step. false: no more. */
bool logic_step(struct logic *logic);

/*
 * true is a proof, false says "no" or "not known". Templates that are not filled may have any value, but what has the
 * same template has the same value.
 */
bool matcher_never(const struct matcher *matcher, enum matcher_about about, struct logic *logic);
/* Does b hold for each value that a holds for? */
bool matcher_implies(const struct matcher *a, const struct matcher *b, enum matcher_about about, struct logic *logic);
/* Is there no value that both hold for? */
bool matcher_disjoint(const struct matcher *a, const struct matcher *b, enum matcher_about about,
    struct logic *logic);

#endif
