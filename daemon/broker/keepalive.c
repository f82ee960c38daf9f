/* keepalive.c - tells services that somebody is there: one heartbeat for all futures of a session. */
#include "daemon/broker/keepalive.h"

#include "daemon/broker/answered.h"
#include "daemon/broker/core.h"
#include "daemon/broker/drive.h"
#include "daemon/broker/policy.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct keepalive {
	struct group group;             /* first: see group.h */
	struct broker *broker;
	struct future *first;           /* its members */
	struct bucket_slot slot;
	struct exchange *exchange;
	struct future *through;         /* the member whose plan the request under way needs */
	struct sched_entry timer;
	uint64_t sent_usec;             /* the last beat */
	uint64_t rung_usec;             /* of the retry ladder */
};

void keepalives_init(struct keepalives *keepalives, const uint8_t hash_key[16])
{
	groups_init(&keepalives->sessions, hash_key);
	sched_init(&keepalives->timers);
}

void keepalives_done(struct keepalives *keepalives)
{
	assert(!keepalives->sessions.table);
	sched_done(&keepalives->timers);
}

/* The shortest interval that a member asks for. */
static uint64_t every(const struct keepalive *session)
{
	uint64_t least = UINT64_MAX;

	for (const struct future *member = session->first; member; member = member->session.next) {
		if (member->plan->keepalive_usec < least)
			least = member->plan->keepalive_usec;
	}
	return least;
}

/* The next beat is due then, or at once if that has passed. */
static void beat_at(struct keepalive *session, uint64_t due_usec)
{
	uint64_t now = core_now_usec(session->broker);
	int r = sched_set(&session->broker->keepalives.timers, &session->timer, due_usec > now ? due_usec : now);

	assert(r == 0);  /* session_new() made room */
	(void)r;
}

/* A beat that failed comes again up the retry ladder, but no later than the next one would. */
static void plan_next(struct keepalive *session, const struct verdict *verdict)
{
	uint64_t now = core_now_usec(session->broker), interval = every(session), delay;

	if (verdict->outcome != OUTCOME_RETRY) {
		session->rung_usec = 0;
		beat_at(session, session->sent_usec + interval);
		return;
	}
	session->broker->stats.retries++;
	delay = policy_next(&session->first->plan->retry, &session->rung_usec, core_random(session->broker));
	if (delay > interval)
		delay = interval;
	if (verdict->has_retry_after && verdict->retry_after_usec > delay)
		delay = verdict->retry_after_usec;
	beat_at(session, now + delay);
}

static void on_beat(void *arg, const struct verdict *verdict)
{
	struct keepalive *session = arg;

	session->exchange = NULL;
	session->through = NULL;
	bucket_release(session->broker->buckets, &session->slot);
	answered_group(session->broker, session->first, &session->slot, verdict);
	plan_next(session, verdict);
}

/* The slot is held. */
static void send_beat(struct keepalive *session)
{
	struct broker *broker = session->broker;
	struct future *member = session->first;
	struct verdict verdict = { .step = STEP_KEEPALIVE, .outcome = OUTCOME_RETRY };
	struct step_input input;
	struct error error = { 0 };

	drive_input(member, STEP_KEEPALIVE, &input);
	/* When the next one is due, an answer to this one is of no use any more. */
	input.timeout_usec = every(session);
	session->sent_usec = core_now_usec(broker);
	if (broker->remote.start(broker->remote.self, member->plan, &input, on_beat, session, &session->exchange,
	    &error) == 0) {
		session->through = member;
		return;
	}
	bucket_release(broker->buckets, &session->slot);
	plan_next(session, &verdict);
}

/* The member is gone whose plan the beat under way needed: whether it was heard is not known, so another one says it
 * again. The slot is still held. */
static void send_again(struct keepalive *session)
{
	if (bucket_paused_until(session->slot.bucket, core_now_usec(session->broker)) == 0) {
		send_beat(session);
		return;
	}
	bucket_release(session->broker->buckets, &session->slot);
	beat_at(session, 0);
}

static void on_granted(struct bucket_slot *slot)
{
	send_beat((struct keepalive *)((char *)slot - offsetof(struct keepalive, slot)));
}

/* A session without members. NULL: no memory. */
static struct keepalive *session_new(struct future *future, const char *name)
{
	struct broker *broker = future->broker;
	struct keepalive *session = calloc(1, sizeof *session);
	const struct plan *plan = future->plan;

	if (!session)
		return NULL;
	session->broker = broker;
	session->slot.granted = on_granted;
	sched_entry_init(&session->timer);
	if (future_join_slot(future, &session->slot) < 0)
		goto fail;
	if (sched_reserve(&broker->keepalives.timers, HASH_COUNT(broker->keepalives.sessions.table) + 1) < 0 ||
	    group_add(&broker->keepalives.sessions, future->rec.uid, plan->bucket, name, &session->group) < 0)
		goto fail;
	return session;
fail:
	bucket_leave(broker->buckets, &session->slot);
	free(session);
	return NULL;
}

static void session_free(struct keepalive *session)
{
	struct broker *broker = session->broker;

	sched_cancel(&broker->keepalives.timers, &session->timer);
	bucket_leave(broker->buckets, &session->slot);
	group_remove(&broker->keepalives.sessions, &session->group);
	free(session);
}

static void add_member(struct keepalive *session, struct future *future)
{
	future->session.group = session;
	future->session.prev = NULL;
	future->session.next = session->first;
	if (session->first)
		session->first->session.prev = future;
	session->first = future;
}

/* Join the session of that name, made if need be. -ENOMEM. */
static int join_named(struct future *future, const char *name)
{
	struct broker *broker = future->broker;
	struct keepalive *session;
	struct group *group;

	if (future_join_bucket(future) < 0 ||
	    group_find(&broker->keepalives.sessions, future->rec.uid, future->plan->bucket, name, &group) < 0)
		return -ENOMEM;
	session = (struct keepalive *)(void *)group;
	if (session && session == future->session.group)
		return 0;
	keepalive_leave(future);
	if (session) {
		add_member(session, future);
		/* It may be in more of a hurry than those before it. */
		if (sched_waiting(&session->timer) && session->rung_usec == 0 &&
		    session->sent_usec + future->plan->keepalive_usec < session->timer.due_usec)
			beat_at(session, session->sent_usec + future->plan->keepalive_usec);
		return 0;
	}
	session = session_new(future, name);
	if (!session)
		return -ENOMEM;
	add_member(session, future);
	beat_at(session, 0);
	return 0;
}

void keepalive_join(struct future *future)
{
	struct broker *broker = future->broker;
	struct step_input input;
	struct error error = { 0 };
	char *name = NULL;
	int r;

	if (future->session.named || !future->plan || future->plan->keepalive_usec == 0 || broker->stopping ||
	    !broker->remote.keepalive_name || future_state_terminal(future->rec.state) || future->rec.paused)
		return;
	drive_input(future, STEP_KEEPALIVE, &input);
	r = broker->remote.keepalive_name(broker->remote.self, future->plan, &input, &name, &error);
	if (r == 0)
		r = join_named(future, name);
	else if (r != -ENOMEM)
		keepalive_leave(future);
	free(name);
	future->session.named = r != -ENOMEM;
}

void keepalive_renew(struct future *future)
{
	future->session.named = false;
	keepalive_join(future);
}

void keepalive_leave(struct future *future)
{
	struct keepalive *session = future->session.group;

	if (!session)
		return;
	future->session.group = NULL;
	if (future->session.prev)
		future->session.prev->session.next = future->session.next;
	else
		session->first = future->session.next;
	if (future->session.next)
		future->session.next->session.prev = future->session.prev;
	if (session->through == future) {
		session->broker->remote.abort(session->broker->remote.self, session->exchange);
		session->exchange = NULL;
		session->through = NULL;
		if (session->first)
			send_again(session);
	}
	if (!session->first)
		session_free(session);
}

void keepalives_due(struct broker *broker, uint64_t now_usec)
{
	struct sched_entry *entry;

	while ((entry = sched_pop(&broker->keepalives.timers, now_usec))) {
		struct keepalive *session = (struct keepalive *)(void *)((char *)entry -
		    offsetof(struct keepalive, timer));

		bucket_request_first(broker->buckets, &session->slot);
	}
}

uint64_t keepalives_next(const struct broker *broker)
{
	return sched_next(&broker->keepalives.timers);
}

void keepalives_stop(struct broker *broker)
{
	struct group *group, *next;

	HASH_ITER(hh, broker->keepalives.sessions.table, group, next) {
		struct keepalive *session = (struct keepalive *)(void *)group;

		if (session->exchange)
			broker->remote.abort(broker->remote.self, session->exchange);
		session->exchange = NULL;
		session->through = NULL;
		bucket_release(broker->buckets, &session->slot);
		sched_cancel(&broker->keepalives.timers, &session->timer);
	}
}
