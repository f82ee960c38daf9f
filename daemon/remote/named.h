/* named.h - the origins that people named for a future that goes on: an answer cannot name one for its credential. */
#ifndef REMOTE_NAMED_H
#define REMOTE_NAMED_H

#include "daemon/remote/plan.h"

#include <jansson.h>

/*
 * The origins of all URLs in the texts of a creation, and in the profiles that it went on with: what a `with` makes of
 * an answer is not among them, though it stands in the next operation's spec and params.
 *   from      the operation that is over
 *   profile   of the next one; may be NULL
 *   ret       an object with origins as http_origin() has them, a new reference
 * 0 or -ENOMEM.
 */
int named_after(const struct remote_plan *from, const json_t *profile, json_t **ret);

/* Strike what is not in named from origins, a list with NULL at the end. */
void named_only(const json_t *named, char **origins);

#endif
