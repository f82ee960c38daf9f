/* batch_core.h - the inside of struct batch, for batch.c (who is in it) and batch_turn.c (what is asked). */
#ifndef BROKER_BATCH_CORE_H
#define BROKER_BATCH_CORE_H

#include "daemon/broker/batch.h"
#include "daemon/broker/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A turn takes one request, or as many as it needs to name each member once: those that are still to be asked about in
 * this turn are at the head of the list.
 */
struct batch {
	struct group group;             /* first: see group.h */
	struct broker *broker;
	struct future *first, *last;    /* its members */
	size_t count;
	size_t todo;                    /* so many at the head of the list were not asked about in this turn */
	uint64_t turn;                  /* its number */
	struct bucket_slot slot;
	struct exchange *exchange;
	struct future **asked;          /* in the request under way; NULL in place of one that is answered or gone */
	size_t n_asked;
	bool judging;                   /* an answer is being applied: do not free it */
	bool fading;                    /* it is empty, and its timer among those of such */

	struct sched_entry timer;
	uint64_t next_usec;             /* of the next turn; during one, the earliest that newcomers ask for */
	uint64_t sent_usec;             /* the last request */
	struct policy polling, retry;   /* of the most eager of those asked last */
	uint64_t polling_rung, retry_rung;
	struct future *keeper;          /* whose record has the rungs on the disk; NULL: nobody's has */
	uint64_t kept_polling, kept_retry;

	/* What was learnt in this turn: */
	bool eager;                     /* its policies are known */
	bool ladder;                    /* a member leaves the next time to the ladder */
	uint64_t wish_usec;             /* the shortest delay that was asked for; UINT64_MAX: none */
	uint64_t later_usec;            /* the earliest time of those who are not to be asked about yet */
};

/* Put a member at the end of the list; take it out of it. No more than that. */
void batch_append(struct batch *batch, struct future *member);
void batch_take_out(struct batch *batch, struct future *member);

/* The regular polls of a member are the batch's business; what is left of its timer is the deadline. */
void batch_rest(struct future *member);

/* Learn how patient a member is: the policies of the most eager one count. */
void batch_take_policies(struct batch *batch, const struct plan *plan);

/* Set the timer for next_usec, but not while a turn is under way. */
void batch_arm(struct batch *batch);

/* Nobody is left in it. What is under way is aborted, and it is given back as soon as one who came now would not have
 * to be told how recently the service was asked. */
void batch_empty(struct batch *batch);
/* Give it back at once. */
void batch_free(struct batch *batch);

/* A slot was granted: send the next request of the turn that is under way. */
void batch_turn_ask(struct batch *batch);

#endif
