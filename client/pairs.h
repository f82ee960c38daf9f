/* pairs.h - lists of names and values, as callers give them. */
#ifndef CLIENT_PAIRS_H
#define CLIENT_PAIRS_H

#include "proto/pack.h"

#include <stdbool.h>

/* Whether text is UTF-8. Anything else the daemon would refuse, so it is refused here. NULL is fine. */
bool pairs_text_ok(const char *text);

/* Write name, value, ..., NULL as a map of strings. 0, or -EINVAL: not UTF-8, or a value is missing. NULL is an
 * empty list. */
int pairs_pack(struct pack *pack, const char *const *pairs);

#endif
