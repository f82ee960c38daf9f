/* watching.c - listens to the stream of events in which a service says that it is time to look. */
#include "daemon/broker/watching.h"

#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/pace.h"
#include "daemon/broker/policy.h"
#include "daemon/broker/record.h"

#include <stdlib.h>
#include <string.h>

/* Not before the ladder's next delay is over. */
static void open_later(struct future *future)
{
	future->watching.not_before_usec = core_now_usec(future->broker) +
	    policy_next(&future->plan->retry, &future->watching.rung_usec, core_random(future->broker));
}

/* There is news: do not wait for the ladder. */
static void wake(struct future *future)
{
	uint64_t at;

	if (future->exchange) {
		future->woken = true;
		return;
	}
	at = core_now_usec(future->broker) + pace_wake(future);
	if (future->slot.state != SLOT_IDLE || at >= future->next_usec)
		return;
	future->next_usec = at;
	drive_arm(future);
}

static void on_told(void *arg, struct future *future, int status);

/* Write it down and tell subscribers. The stream may say more than the disk can take: what comes while that is under
 * way is told after it, the newest only. */
static void tell(struct future *future, struct slice progress)
{
	struct record_change change = { .progress = true, .then = on_told };
	struct future_rec draft;

	if (future->watching.telling) {
		free(future->watching.progress);
		future->watching.progress = strndup(progress.data, progress.len);
		return;
	}
	if (future->rec.progress && slice_equals(progress, future->rec.progress))
		return;
	record_draft(future, &draft);
	if (record_text(future, &draft, &draft.progress, progress) < 0)
		return;
	if (future->plan->reset_on_progress)
		draft.polling_delay_usec = 0;
	if (record_write(future, &draft, &change) == 0)
		future->watching.telling = true;
}

static void on_told(void *arg, struct future *future, int status)
{
	char *progress = future->watching.progress;

	(void)arg;
	future->watching.telling = false;
	future->watching.progress = NULL;
	if (progress && status == 0 && !future->removed && !future_state_terminal(future->rec.state))
		tell(future, slice_from_str(progress));
	free(progress);
}

static void on_event(void *arg, enum watch_event event, struct slice progress)
{
	struct future *future = arg;

	switch (event) {
	case WATCH_WAKE:
		wake(future);
		break;
	case WATCH_PROGRESS:
		tell(future, progress);
		break;
	case WATCH_CLOSED:
		future->watching.watch = NULL;
		/* One that was of use for a while begins anew. */
		if (core_now_usec(future->broker) - future->watching.opened_usec >= future->plan->retry.maximum_usec)
			future->watching.rung_usec = 0;
		open_later(future);
		break;
	}
}

void watching_open(struct future *future)
{
	struct broker *broker = future->broker;
	uint64_t now = core_now_usec(broker);
	struct step_input input;
	struct error error;

	if (!future->plan->has_events || !broker->remote.watch || future->watching.watch || broker->stopping ||
	    future_paused(future) ||
	    now < future->watching.not_before_usec)
		return;
	drive_input(future, STEP_EVENTS, &input);
	if (broker->remote.watch(broker->remote.self, future->plan, &input, on_event, future,
	    &future->watching.watch, &error) < 0)
		open_later(future);
	else
		future->watching.opened_usec = now;
}

void watching_close(struct future *future)
{
	struct broker *broker = future->broker;

	if (future->watching.watch)
		broker->remote.unwatch(broker->remote.self, future->watching.watch);
	future->watching.watch = NULL;
}
