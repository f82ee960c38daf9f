/* ask.h - one request of a spec on its way: credential, templates, the exchange, redirects. */
#ifndef REMOTE_ASK_H
#define REMOTE_ASK_H

#include "daemon/remote/http.h"
#include "daemon/remote/plan.h"
#include "daemon/remote/poller_core.h"
#include "proto/id.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct ask;

/* For people who want to see what is sent: told before each request, which is not to be kept. In the place of the
 * credential it has "...". Within ask_start() too. */
typedef void (*ask_show_cb)(void *arg, const struct http_request *request);

/* Borrowed for the call but for plan, which lives until done or ask_abort(). */
struct ask_input {
	const struct remote_plan *plan;
	enum step step;
	const struct id *id;           /* {id} */
	uint32_t attempt;              /* {attempt} */
	const char *idempotency;       /* or NULL */
	json_t *captured;              /* object, or NULL; a reference is kept */
	json_t *more;                  /* further values for templates (page, ids), or NULL; a reference is kept */
	const char *url;               /* in place of the request's own and resolved against it, as a service gave it; or NULL */
	uint64_t timeout_usec;         /* at most; UINT64_MAX: the spec's, else the daemon's */
	http_data_cb on_data;          /* for a stream; NULL: an ordinary exchange. Its arg is that of done */
	ask_show_cb show;              /* or NULL; its arg is that of done */
};

/* Borrowed for the call of the callback. */
struct ask_answer {
	const struct http_response *response;  /* NULL: it could not be sent (again), reason says why */
	const char *reason;            /* never a secret */
	bool sent;                     /* the service may have acted on it */
	unsigned extra;                /* requests that were sent besides the last one, not those of response->resends */
	bool shared;                   /* the request of another ask had the same bytes: it is answered by that one's */
};

/* Called once for each ask that was started and not aborted, never from within ask_start(). The ask is gone after
 * it, unless ask_refresh() was called within it. */
typedef void (*ask_cb)(void *arg, const struct ask_answer *answer);

/*
 * Send it. The credential may have to be waited for. Headers that use {credential} go only to origins that the
 * spec itself names, or the configuration binds the credential to; a request that would carry it anywhere else in
 * its URL or body is not sent. Redirects are followed as often as the request allows; from https to http never.
 * Polls and fetches without side effects (GET, HEAD) that are under way already are not sent again.
 * Errors: as for struct remote's start().
 */
int ask_start(struct poller *poller, const struct ask_input *input, ask_cb done, void *arg, struct ask **ret,
    struct error *error);

/* Within done: the service refused the credential, send it again with a fresh one; done will be called again.
 * -EALREADY: that has been done; -ENOENT: the refused request had no credential; -EKEYREJECTED: there is no other;
 * another error: no fresh one can be had now. The ask is gone after done then. */
int ask_refresh(struct ask *ask);

/* Within done: where the answer is from, after redirects; "..." is in the place of a credential. Borrowed. */
const char *ask_url(const struct ask *ask);

/* Within done: the value of the credential as it was sent, or NULL: what it is to be kept out of. Borrowed. */
const char *ask_credential(const struct ask *ask);

/* done will not be called. NULL is allowed; returns NULL. */
struct ask *ask_abort(struct ask *ask);

#endif
