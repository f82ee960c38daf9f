/* explain.h - why rules hold for an answer or not, for the one who writes them. */
#ifndef REMOTE_EXPLAIN_H
#define REMOTE_EXPLAIN_H

#include "daemon/remote/http.h"
#include "daemon/remote/rules.h"

#include <stdbool.h>
#include <stddef.h>

/* why: one line, "" when it holds: `status is 200, not 404`, `body["/done"] is false, not true`. */
typedef void (*explain_cb)(void *arg, size_t rule, bool holds, const char *why);

/*
 * Go through a list up to the rule that decides, and tell of each. Pure.
 *   values   for templates; may be NULL when the list has none
 * Returns the number of rules told of, the last of which holds or is the last of all; or -ENOMEM.
 */
int explain_rules(const struct rules *rules, const struct values *values, const struct http_response *response,
    explain_cb each, void *arg);

#endif
