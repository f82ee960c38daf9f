/* condition_logic.h - what can be said of conditions without an answer. */
#ifndef REMOTE_CONDITION_LOGIC_H
#define REMOTE_CONDITION_LOGIC_H

#include "daemon/remote/condition.h"
#include "daemon/remote/matcher_logic.h"

#include <stdbool.h>
#include <stdint.h>

/* Statuses from 100 to 599, a bit each. */
struct condition_statuses {
	uint64_t bits[8];
};

void condition_statuses_add(struct condition_statuses *to, const struct condition_statuses *from);
/* Is each of a's in b too? */
bool condition_statuses_within(const struct condition_statuses *a, const struct condition_statuses *b);
bool condition_statuses_meet(const struct condition_statuses *a, const struct condition_statuses *b);

/* All statuses with which it may hold; none is forgotten. */
struct condition_statuses condition_may(const struct condition *condition, struct logic *logic);
/* Statuses with which it holds whatever else the answer has; some may be forgotten. */
struct condition_statuses condition_must(const struct condition *condition, struct logic *logic);

/* As in matcher_logic.h: true is a proof. */
bool condition_implies(const struct condition *a, const struct condition *b, struct logic *logic);
bool condition_disjoint(const struct condition *a, const struct condition *b, struct logic *logic);
/* When it never holds, error says so of the place within it. */
bool condition_never(const struct condition *condition, struct logic *logic, const struct place *place,
    struct error *error);

#endif
