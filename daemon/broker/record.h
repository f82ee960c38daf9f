/* record.h - changes a future's record: a draft is written to the store, then becomes the record. */
#ifndef BROKER_RECORD_H
#define BROKER_RECORD_H

#include "daemon/broker/future.h"

#include <stdbool.h>

/*
 * A draft starts as a shallow copy of the record. Change its numbers directly, its texts with
 * record_text(), its state with record_move(). Then record_write() or record_drop() ends it.
 */
void record_draft(const struct future *future, struct future_rec *ret_draft);

/* Replace the text *slot of draft by a copy (absent: by nothing). -ENOMEM with *slot untouched. */
int record_text(const struct future *future, struct future_rec *draft, char **slot, struct slice text);

/* Move to another state, with its times. An edge that the table of moves does not have is a bug. */
void record_move(const struct future *future, struct future_rec *draft, enum store_state to);

/* Nobody claims it any more. */
void record_drop_claim(const struct future *future, struct future_rec *draft);

/* Give the draft up. The record is as it was. */
void record_drop(const struct future *future, struct future_rec *draft);

/* What goes with a draft into the same transaction, and what happens then. */
struct record_change {
	bool progress;                  /* subscribers hear of it even if the state is the same */
	const struct store_texts *texts;  /* of the next operation: store_continue() takes them; NULL: unchanged */
	struct store_blob result;       /* data NULL: unchanged */
	struct store_blob error_details;
	/* Runs once, when it is durable or was refused (status); may be NULL. */
	void (*then)(void *arg, struct future *future, int status);
	void *arg;
};

/*
 * Queue the draft for the store and make it the record. Another state, or progress, becomes an event that is
 * published when durable. -ENOMEM: the draft was dropped, the record is as it was, then will not run.
 * change may be NULL.
 */
int record_write(struct future *future, struct future_rec *draft, const struct record_change *change);

/* Fill *ret with an event about future under the next number. */
void record_event(struct future *future, enum store_event event, struct event_rec *ret);

#endif
