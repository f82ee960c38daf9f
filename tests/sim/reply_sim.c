/* reply_sim.c - what the simulated service answers, as the verdict that the broker is given. */
#include "tests/sim/reply_sim.h"

#include <stdint.h>
#include <stdio.h>

void reply_unreachable(struct reply *reply, bool sent, const char *reason)
{
	reply->verdict.outcome = OUTCOME_RETRY;
	reply->verdict.sent = sent;
	reply->verdict.unreachable = true;
	snprintf(reply->verdict.reason, sizeof(reply->verdict.reason), "%s", reason);
}

void reply_status(struct reply *reply, enum outcome outcome, int http_status)
{
	reply->verdict.outcome = outcome;
	reply->verdict.http_status = http_status;
	if (outcome == OUTCOME_RETRY)
		snprintf(reply->verdict.reason, sizeof(reply->verdict.reason), "HTTP %d", http_status);
}

void reply_end(struct reply *reply, const struct script *script, enum outcome outcome)
{
	struct verdict *verdict = &reply->verdict;

	reply_status(reply, outcome, outcome == OUTCOME_LOST ? 404 : 200);
	snprintf(reply->result, sizeof(reply->result), "%s", script->result);
	if (outcome == OUTCOME_SUCCESS) {
		verdict->result = slice_from_str(reply->result);
		verdict->content_type = slice_from_str("text/plain");
	} else if (outcome == OUTCOME_FAILURE) {
		verdict->failure = (struct failure){ .kind = "remote", .message = slice_from_str(reply->result),
			.code = slice_from_str("E1"), .details = slice_from_str("details"), .http_status = 200 };
	} else if (outcome == OUTCOME_LOST) {
		verdict->failure = (struct failure){ .kind = "lost", .message = slice_from_str("unknown there"),
			.http_status = 404 };
	}
}

void reply_continue(struct reply *reply, const struct script *script)
{
	reply_status(reply, OUTCOME_CONTINUE, 200);
	for (size_t i = 0; i < sizeof(reply->next); i++)
		reply->next[i] = script->next[i] == ',' ? ' ' : script->next[i] == ';' ? ',' : script->next[i];
	reply->verdict.source.spec = slice_from_str(reply->next);
	reply->verdict.source.profile = slice_from_str(script->stage);
}

void reply_throttle(struct reply *reply, const struct script *script)
{
	struct verdict *verdict = &reply->verdict;
	uint64_t max = script->plan.retry_after_max_usec;

	reply_status(reply, OUTCOME_RETRY, 429);
	verdict->throttled = true;
	verdict->has_retry_after = true;
	verdict->retry_after_usec = script->throttle_usec < max ? script->throttle_usec : max;
}

void reply_pending(struct reply *reply, const struct script *script, unsigned answered)
{
	struct verdict *verdict = &reply->verdict;

	reply_status(reply, OUTCOME_PENDING, 200);
	verdict->has_retry_after = script->has_wait;
	verdict->retry_after_usec = script->wait_usec;
	verdict->has_delay = script->has_delay;
	verdict->delay_usec = script->delay_usec;
	if (script->progress) {
		snprintf(reply->progress, sizeof(reply->progress), "{\"n\":%u}", answered);
		verdict->progress = slice_from_str(reply->progress);
	}
}
