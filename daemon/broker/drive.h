/* drive.h - moves one live future on: when its next request is sent, and how it ends. */
#ifndef BROKER_DRIVE_H
#define BROKER_DRIVE_H

#include "daemon/broker/future.h"

struct broker;

/* Make room for the timer of one more future: drive_arm() cannot fail then. 0 or -ENOMEM. */
int drive_reserve(struct broker *broker);

/* Stop looking after it: aborts the exchange, leaves bucket and timers. */
void drive_end(struct future *future);

/* Wait delay_usec before the next request, not past the deadline. */
void drive_wait(struct future *future, struct future_rec *draft, uint64_t delay_usec);

/* Queue for a slot of the kind that the next request takes; no-op while one is waited for or held, and while it is
 * paused. */
void drive_ask(struct future *future);

/* Send the next request now, as far as the bucket allows; while one is under way, right after it. */
void drive_now(struct future *future);

/* Begin to look after a durable future, or its next request, deadline or expiry moved: set its timer. One that is
 * not at rest has its plan and next_usec. */
void drive_arm(struct future *future);

/* Its owner wishes to cancel it: as drive_now(), and a poll that the service holds does not keep the cancel request
 * waiting. */
void drive_cancel(struct future *future);

/* The next step is to cancel: the service is to be told, and was not yet. draft may be its record. */
bool drive_wants_cancel(const struct future *future, const struct future_rec *draft);

/* The deadline has come, or comes with what is under way. */
bool drive_late(const struct future *future);
/* It came with news that one more request is worth: whether the grace is left for that. */
bool drive_once_more(struct future *future);

/* What a request needs that is not in the plan. Borrowed from the future. */
void drive_input(const struct future *future, enum step step, struct step_input *ret);

/* In struct record_change of a write after which its phase has other requests: they wait until it is durable.
 * Count future->settling up once that write is under way. */
void drive_settled(void *arg, struct future *future, int status);

/* Memory was too short for what had to be done: come back to it in a second. */
void drive_postpone(struct future *future);

/* The timer of a future went off that is not at rest. */
void drive_due(struct future *future);

/* A future's slot was granted: for struct bucket_slot. */
void drive_granted(struct bucket_slot *slot);

/* Hand free slots to those that wait for one. */
void drive_grant(struct broker *broker);

/* No more requests: abort what is under way, but a submit whose answer must not be lost. */
void drive_stop(struct future *future);

/* How a live future ends. Texts and bytes are borrowed. */
struct ending {
	enum store_state state;
	struct failure failure;         /* kind NULL: none */
	struct slice result;            /* absent: none */
	struct slice content_type;
	bool ack;                       /* the service is to be told that it is stored; then is not called */
	/* As in struct record_change; may be NULL. */
	void (*then)(void *arg, struct future *future, int status);
	void *arg;
};

/* End a live future: state and result are one commit; it is told when durable. draft may hold changes that go
 * with it, and is used up. -ENOMEM: nothing changed. */
int drive_finish(struct future *future, struct future_rec *draft, const struct ending *ending);

/* As drive_finish, with STORE_FAILED and a kind of our own; when memory is short it is tried again later.
 * http_status: of the last answer, 0: none. */
void drive_fail(struct future *future, struct future_rec *draft, const char *kind, const char *message,
    int http_status);

/* As drive_fail, because of the deadline. */
void drive_fail_late(struct future *future, struct future_rec *draft);

#endif
