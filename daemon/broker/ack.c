/* ack.c - tells the service that the end of its operation is stored here, so that it may forget it. */
#include "daemon/broker/ack.h"

#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/pace.h"
#include "daemon/broker/record.h"
#include "daemon/broker/watching.h"

#include <string.h>

/* After the end it is tried for so long, even if the future is kept for a shorter time. */
#define ACK_LEAST_MS 60000

bool ack_wanted(const struct future *future, const struct future_rec *draft, const struct verdict *verdict)
{
	/* Without an accepted submit there is nothing that the service could forget. */
	if (!future->plan->has_ack || (draft->phase != STORE_PHASE_POLL && draft->phase != STORE_PHASE_FETCH))
		return false;
	/* Not when it was us who could not take the answer: somebody may want to look at it. */
	if (verdict->outcome == OUTCOME_FAILURE && !(verdict->failure.kind && strcmp(verdict->failure.kind, "remote") == 0))
		return false;
	return future->plan->ack_on & 1u << verdict->outcome;
}

void ack_resume(struct future *future)
{
	const struct future_rec *rec = &future->rec;
	uint64_t now = core_now_usec(future->broker);
	int64_t until_ms = rec->finished_at_ms + ACK_LEAST_MS;
	int64_t left_ms;

	if (rec->expires_at_ms == 0) {
		future->deadline_usec = SCHED_NEVER;
		return;
	}
	if (until_ms < rec->expires_at_ms)
		until_ms = rec->expires_at_ms;
	left_ms = until_ms - core_wall_ms(future->broker);
	future->deadline_usec = now + (left_ms > 0 ? (uint64_t)left_ms * 1000 : 0);
}

void ack_begin(struct future *future)
{
	watching_close(future);
	future->again = future->woken = future->last_attempt = false;
	future->next_usec = core_now_usec(future->broker);
	ack_resume(future);
	drive_arm(future);
}

void ack_end(struct future *future)
{
	struct broker *broker = future->broker;
	struct future_rec draft;

	record_draft(future, &draft);
	draft.phase = STORE_PHASE_ACKED;
	draft.next_at_ms = 0;
	if (record_write(future, &draft, NULL) < 0) {
		drive_postpone(future);
		return;
	}
	drive_end(future);
	broker->remote.plan_free(broker->remote.self, future->plan);
	future->plan = NULL;
	drive_arm(future);
}

/* The service could not be asked: up the retry ladder. Its numbers of failures are those of the operation. */
static void again(struct future *future, const struct verdict *verdict)
{
	struct future_rec draft;

	future->broker->stats.retries++;
	if (verdict->throttled)
		pace_pause(future, verdict->retry_after_usec);
	record_draft(future, &draft);
	(void)record_text(future, &draft, &draft.last_error, slice_from_str(verdict->reason));  /* for people only */
	drive_wait(future, &draft, pace_retry(future, &draft, verdict));
	if (record_write(future, &draft, NULL) < 0)
		drive_postpone(future);
	else
		drive_arm(future);
}

void ack_apply(struct future *future, const struct verdict *verdict)
{
	unsigned requests = verdict->extra_requests + verdict->sent;

	future->broker->stats.requests += requests;
	if (future->forgetting) {
		drive_postpone(future);
		return;
	}
	future->rec.requests += requests;
	if (verdict->outcome == OUTCOME_RETRY)
		again(future, verdict);
	else
		ack_end(future);
}
