/* judge.h - what a response means for its future: rules first, then the defaults. Pure. */
#ifndef REMOTE_JUDGE_H
#define REMOTE_JUDGE_H

#include "daemon/broker/remote.h"
#include "daemon/remote/capture.h"
#include "daemon/remote/http.h"
#include "daemon/remote/rules.h"
#include "daemon/remote/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All borrowed. */
struct judge_input {
	enum step step;
	const struct http_response *response;
	const struct rules *rules;         /* NULL: none */
	const struct captures *captures;   /* NULL: none */
	const json_t *captured;            /* values so far; NULL: none */
	const json_t *budgets;             /* what rules have used up; NULL: nothing */
	const json_t *params;
	const struct status_set *retry_on;
	uint64_t retry_after_max_usec;
	bool long_poll;                    /* no answer in time, or a 408, is "not yet" */
	bool repeatable;                   /* it does no harm to send the request once more */
	size_t body_max;                   /* for the message about a longer body */
	int64_t now_ms;                    /* wall clock, for Retry-After dates */
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
};

/*
 * Judge a response. The first rule that holds decides. When none does:
 *   no response at all            retry, unreachable
 *   2xx                           pending
 *   a status of retry_on          retry
 *   another status                failure "HTTP 403 Forbidden: ..."; but of a cancel request, pending: the service
 *                                 would not cancel, and polling goes on
 * A 2xx response that rules ask for its `body`, but that is not JSON (cut short, an error page of a proxy), is a
 * retry and never "pending": nothing is known. For a submit that cannot be repeated it is a failure
 * "invalid_response". So are a result that is not where the rule says, a body that is too long, and an accepted
 * submit without a value that later requests need.
 * Captures are taken from responses that mean pending or success. No memory is a retry.
 */
void judge(const struct judge_input *input, struct judgement *ret);
void judgement_done(struct judgement *judgement);

#endif
