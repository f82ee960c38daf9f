/* plan_check.h - what is looked at once, when a future is created: that its requests fit together and can be filled. */
#ifndef REMOTE_PLAN_CHECK_H
#define REMOTE_PLAN_CHECK_H

#include "daemon/remote/plan.h"
#include "daemon/remote/problems.h"

#include <jansson.h>

/* Stand-ins for the values that are known only when a step's request is sent. A new object, or NULL: no memory. */
json_t *plan_stand_ins(const struct spec *spec, enum step step);

/*
 * Every template can be filled when its request is first sent, every name that a rule sets is used, `fetch` can be
 * reached, and the requests that params alone fill can be built and have URLs. ERROR_INVALID_SPEC names the place
 * and the nearest name.
 */
int plan_check(const struct remote_plan *plan, struct error *error);

/*
 * The same where all complaints are wanted. Of the plan only spec and params are there, and the spec may be one that
 * could not be read in full, as the problems already say.
 *   open   object: names of params whose values are not known here
 * 0 or -ENOMEM.
 */
int plan_examine(const struct remote_plan *plan, const json_t *open, struct problems *problems);

#endif
