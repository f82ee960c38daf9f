/* try.h - one poll of a profile or spec, for the one who writes it: what is sent, what comes back, and what it means. */
#ifndef REMOTE_TRY_H
#define REMOTE_TRY_H

#include "daemon/remote/examine.h"
#include "daemon/remote/poller.h"
#include "proto/error.h"

/* One under way. */
struct trial;

/* report: JSON text as poller_try() has it, borrowed for the call; NULL: error says why there is none. */
typedef void (*trial_cb)(void *arg, const char *report, const struct error *error);

/*
 * Send the poll of a profile once, outside all buckets, and report:
 * {requests: [{method, url, headers: [{name, value}], body}], response: {status, reason, headers, body}, error,
 * rules: [{rule, then, holds, why}], verdict: {outcome, ...}}. Bodies are {size, text}, without text where it is no text,
 * and cut where it is long. In the place of the credential's value is "...", everywhere. The text has no NUL in it.
 * done is called once, never from within poller_try(), unless the trial is aborted; it is gone then.
 * ERROR_INVALID_SPEC: it has problems (the first is named), or a value is missing; ERROR_NOT_FOUND: no such profile;
 * ERROR_LIMIT: too many are under way; otherwise as for struct remote's start().
 */
int poller_try(struct poller *poller, const struct profile_source *source, trial_cb done, void *arg,
    struct trial **ret, struct error *error);

/* done will not be called. NULL is allowed; returns NULL. */
struct trial *trial_abort(struct trial *trial);

#endif
