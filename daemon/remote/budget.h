/* budget.h - what rules have used up of their budgets: {"poll.2": [times, first_at_ms]}, durable with the future. */
#ifndef REMOTE_BUDGET_H
#define REMOTE_BUDGET_H

#include "daemon/remote/rules.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Rule number i of a list holds: count it. *ret_used_up: more often, or longer, than its budget allows.
 *   state   changed; what is not as written above counts as nothing
 * 0 or -ENOMEM.
 */
int budget_spend(json_t *state, const struct rules *rules, size_t i, int64_t now_ms, bool *ret_used_up);

/*
 * The operation goes on well: give budgets back but for that of one rule (the one that says so).
 *   own_only   those of this list only
 *   except     number of the rule; SIZE_MAX: none
 */
void budget_give_back(json_t *state, const struct rules *rules, bool own_only, size_t except);

#endif
