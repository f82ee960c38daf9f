/* answer.c - fills in the verdict of an exchange. */
#include "tests/sim/answer.h"

#include <stdio.h>

void answer_unreachable(struct exchange *exchange, bool sent, const char *reason)
{
	exchange->verdict.outcome = OUTCOME_RETRY;
	exchange->verdict.sent = sent;
	exchange->verdict.unreachable = true;
	snprintf(exchange->verdict.reason, sizeof(exchange->verdict.reason), "%s", reason);
}

void answer_status(struct exchange *exchange, enum outcome outcome, int http_status)
{
	exchange->verdict.outcome = outcome;
	exchange->verdict.http_status = http_status;
	if (outcome == OUTCOME_RETRY)
		snprintf(exchange->verdict.reason, sizeof(exchange->verdict.reason), "HTTP %d", http_status);
}

void answer_end(struct exchange *exchange, const struct script *script, enum outcome outcome)
{
	struct verdict *verdict = &exchange->verdict;

	answer_status(exchange, outcome, outcome == OUTCOME_LOST ? 404 : 200);
	snprintf(exchange->result, sizeof(exchange->result), "%s", script->result);
	if (outcome == OUTCOME_SUCCESS) {
		verdict->result = slice_from_str(exchange->result);
		verdict->content_type = slice_from_str("text/plain");
	} else if (outcome == OUTCOME_FAILURE) {
		verdict->failure = (struct failure){ .kind = "remote", .message = slice_from_str(exchange->result),
			.code = slice_from_str("E1"), .details = slice_from_str("details"), .http_status = 200 };
	} else if (outcome == OUTCOME_LOST) {
		verdict->failure = (struct failure){ .kind = "lost", .message = slice_from_str("unknown there"),
			.http_status = 404 };
	}
}

void answer_throttle(struct exchange *exchange, const struct script *script)
{
	struct verdict *verdict = &exchange->verdict;
	uint64_t max = script->plan.retry_after_max_usec;

	answer_status(exchange, OUTCOME_RETRY, 429);
	verdict->throttled = true;
	verdict->has_retry_after = true;
	verdict->retry_after_usec = script->throttle_usec < max ? script->throttle_usec : max;
}

void answer_pending(struct exchange *exchange, const struct script *script, unsigned answered)
{
	struct verdict *verdict = &exchange->verdict;

	answer_status(exchange, OUTCOME_PENDING, 200);
	verdict->has_retry_after = script->has_wait;
	verdict->retry_after_usec = script->wait_usec;
	verdict->has_delay = script->has_delay;
	verdict->delay_usec = script->delay_usec;
	if (script->progress) {
		snprintf(exchange->progress, sizeof(exchange->progress), "{\"n\":%u}", answered);
		verdict->progress = slice_from_str(exchange->progress);
	}
}
