/* judge.h - what a response means for its future: rules first, then the defaults. Pure. */
#ifndef REMOTE_JUDGE_H
#define REMOTE_JUDGE_H

#include "daemon/broker/remote.h"
#include "daemon/remote/capture.h"
#include "daemon/remote/http.h"
#include "daemon/remote/onward.h"
#include "daemon/remote/rules.h"
#include "daemon/remote/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All borrowed. An item of a list is judged as a poll that was answered 200 with the item as body. */
struct judge_input {
	enum step step;
	const struct http_response *response;
	const struct rules *rules;         /* NULL: none */
	const struct captures *captures;   /* NULL: none */
	const char *id;                    /* {id} in rules and captures; NULL: it has no value */
	const char *idempotency;           /* likewise */
	const json_t *captured;            /* values so far; NULL: none */
	const json_t *budgets;             /* what rules have used up; NULL: nothing */
	const json_t *params;
	const json_t *poll_names;          /* object: what the poll request names; NULL: nothing */
	const json_t *fetch_names;         /* the same of the fetch request */
	const struct status_set *retry_on;
	uint64_t retry_after_max_usec;
	bool long_poll;                    /* no answer in time, or a 408, is "not yet" */
	bool repeatable;                   /* it does no harm to send the request once more */
	size_t body_max;                   /* for the message about a longer body */
	int64_t now_ms;                    /* wall clock, for Retry-After dates and budgets */
};

/* verdict borrows from the rest and from the response. */
struct judgement {
	struct verdict verdict;
	bool refresh_credential;           /* with RETRY: first with a fresh credential, at once */
	char *code;
	char *message;
	char *captured;
	char *budgets;
	char *progress;
	struct rules *filled;
	struct onward onward;
};

/*
 * Judge a response. The first rule that holds decides. When none does:
 *   no response at all            retry, unreachable; but of a long poll whose time was over, pending at once
 *   2xx                           pending; of a fetch, success: the body is the result
 *   408 of a long poll            pending at once
 *   a status of retry_on          retry
 *   another status                failure "HTTP 403 Forbidden: ..."; but of a cancel, pending: the service would not
 *                                 cancel, and polling goes on; of an ack and a keepalive, pending: done with it
 * An ack and a keepalive say no more than that: RETRY, or PENDING whatever their rules say.
 * A 2xx response that rules ask for its `body`, but that is not JSON (cut short, an error page of a proxy), is a
 * retry and never "pending": nothing is known. For a submit that cannot be repeated it is a failure
 * "invalid_response". So are a result that is not where the rule says, a body that is too long, and an accepted
 * submit, or an answer that leads to the fetch, without a value that later requests need.
 * Captures are taken when the answer means pending, success, fetch or continue, and it is a 2xx or a rule says so. The deciding
 * rule's own come over those of the request, and what it sets over both; these two also with retry. Budgets are
 * given back when it means that, but for the budget of the rule that says so. No memory is a retry.
 */
void judge(const struct judge_input *input, struct judgement *ret);
void judgement_done(struct judgement *judgement);

#endif
