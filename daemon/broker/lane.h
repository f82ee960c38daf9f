/* lane.h - who waits in a bucket for one kind of slot, and whose turn among the buckets it is. */
#ifndef BROKER_LANE_H
#define BROKER_LANE_H

#include "daemon/broker/aimd.h"

#include <stdbool.h>
#include <stdint.h>

struct bucket_slot;

/* One bucket's share of one kind. */
struct lane {
	struct lane *next, *prev;            /* in the ring of turns, when in_ring */
	bool in_ring;
	struct bucket_slot *first, *last;    /* that wait */
	unsigned waiting, in_flight;
	uint64_t sent;                       /* slots that were ever granted: the number of the last one */
	struct aimd aimd;
};

/* One kind of all buckets. */
struct lanes {
	struct lane *turn;                   /* whose turn it is: a ring of all that could go now */
	unsigned waiting, in_flight;
	unsigned limit_total, limit_default;
};

/* Whether it could go now. */
void lane_ring_add(struct lanes *lanes, struct lane *lane);
void lane_ring_remove(struct lanes *lanes, struct lane *lane);

/* Queue a slot behind all others, or before them. */
void lane_put(struct lanes *lanes, struct lane *lane, struct bucket_slot *slot, bool first);
void lane_take_out(struct lanes *lanes, struct lane *lane, struct bucket_slot *slot);

/* Grant the lane whose turn it is its first slot, and turn to the next one. The ring is not empty. */
struct bucket_slot *lane_grant(struct lanes *lanes);

#endif
