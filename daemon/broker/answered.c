/* answered.c - what an answer tells about the service, whoever asked. */
#include "daemon/broker/answered.h"

#include "daemon/broker/core.h"
#include "daemon/broker/pace.h"

void answered_limit(struct broker *broker, const struct bucket_slot *slot, const struct verdict *verdict)
{
	int status = verdict->http_status;

	/* No answer says nothing of how much the service can take; one that is shared was counted already. */
	if (status == 0 || verdict->shared || !slot->bucket)
		return;
	if (status == 429 || status == 503)
		bucket_answered(broker->buckets, slot, BUCKET_REFUSED, core_now_usec(broker));
	else if (status < 500)
		bucket_answered(broker->buckets, slot, BUCKET_FINE, core_now_usec(broker));
}

void answered_group(struct broker *broker, struct future *member, const struct bucket_slot *slot,
    const struct verdict *verdict)
{
	if (!verdict->shared)
		broker->stats.requests += verdict->extra_requests + verdict->sent;
	answered_limit(broker, slot, verdict);
	if (!verdict->throttled || !member)
		return;
	pace_pause(member, verdict->retry_after_usec);
}
