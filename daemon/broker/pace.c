/* pace.c - delays that are asked for, and what keeps them from becoming a hot loop. */
#include "daemon/broker/pace.h"

#include "daemon/broker/core.h"
#include "daemon/broker/policy.h"

/* How often in a row it is asked at once on request. */
#define POLLS_AT_ONCE 2
#define RETRIES_AT_ONCE 3

/* Since its last request was sent. */
static uint64_t spent(const struct future *future)
{
	return core_now_usec(future->broker) - future->sent_usec;
}

/* Whether a delay can be had that was asked for. */
static bool granted(struct future *future, uint64_t delay_usec, const struct policy *policy, unsigned at_once)
{
	if (delay_usec >= policy->initial_usec || spent(future) >= policy->initial_usec) {
		future->hasty = 0;
		return true;
	}
	if (future->hasty >= at_once)
		return false;
	future->hasty++;
	return true;
}

static uint64_t by_ladder(const struct future *future, struct future_rec *draft)
{
	return policy_next(&future->plan->polling, &draft->polling_delay_usec, core_random(future->broker));
}

/* Where a delay was asked for: that one, if it is granted. */
static uint64_t by_wish(struct future *future, struct future_rec *draft, uint64_t delay_usec)
{
	bool hasty = future->hasty > 0;

	if (!granted(future, delay_usec, &future->plan->polling, POLLS_AT_ONCE))
		return by_ladder(future, draft);
	if (hasty && future->hasty == 0)
		draft->polling_delay_usec = 0;   /* the storm is over: the next one starts at the foot of the ladder */
	return delay_usec;
}

uint64_t pace_pending(struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	if (verdict->has_delay)
		return by_wish(future, draft, verdict->delay_usec);
	if (verdict->has_retry_after)
		return by_wish(future, draft, verdict->retry_after_usec);
	future->hasty = 0;
	return by_ladder(future, draft);
}

uint64_t pace_fetch(struct future *future, struct future_rec *draft, const struct verdict *verdict, bool hop)
{
	bool wish = verdict->has_delay || verdict->has_retry_after;

	if (hop)
		return wish ? pace_pending(future, draft, verdict) : by_wish(future, draft, 0);
	future->hasty = 0;
	draft->polling_delay_usec = 0;
	if (!wish)
		return 0;
	return verdict->has_delay ? verdict->delay_usec : verdict->retry_after_usec;
}

uint64_t pace_retry(struct future *future, struct future_rec *draft, const struct verdict *verdict)
{
	const struct policy *policy = &future->plan->retry;
	uint64_t delay;

	if (verdict->has_delay && granted(future, verdict->delay_usec, policy, RETRIES_AT_ONCE))
		delay = verdict->delay_usec;
	else
		delay = policy_next(policy, &draft->retry_delay_usec, core_random(future->broker));
	if (verdict->has_retry_after && verdict->retry_after_usec > delay)
		delay = verdict->retry_after_usec;
	return delay;
}

uint64_t pace_wake(struct future *future)
{
	uint64_t least = future->plan->polling.initial_usec;
	uint64_t since = spent(future);

	/* A stream that wakes all the time is followed at the foot of the ladder, which is not a pause of its own. */
	if (since / 2 >= least)
		future->hasty_wakes = 0;
	if (since >= least)
		return 0;
	if (future->hasty_wakes >= POLLS_AT_ONCE)
		return least - since;
	future->hasty_wakes++;
	return 0;
}

void pace_pause(struct future *future, uint64_t pause_usec)
{
	struct broker *broker = future->broker;
	uint64_t now = core_now_usec(broker);
	uint64_t until = pause_usec > UINT64_MAX - now ? UINT64_MAX : now + pause_usec;
	int64_t now_ms = core_wall_ms(broker);

	broker->stats.throttled++;
	if (!bucket_pause(future->slot.bucket, until))
		return;
	/* Both times are cut to milliseconds: one more, so that it is never over too early. Without memory in the store,
	 * a restart finds only the next time of this future. */
	(void)store_pause(broker->store, future->rec.uid, future->plan->bucket,
	    now_ms + 1 + (int64_t)(pause_usec / 1000) + (pause_usec % 1000 != 0), now_ms);
}
