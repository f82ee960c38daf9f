/* lane.c - who waits in a bucket for one kind of slot, and whose turn among the buckets it is. */
#include "daemon/broker/lane.h"

#include "daemon/broker/bucket.h"

#include <stddef.h>

void lane_ring_add(struct lanes *lanes, struct lane *lane)
{
	struct lane *turn = lanes->turn;

	if (lane->in_ring)
		return;
	lane->next = turn ? turn : lane;
	lane->prev = turn ? turn->prev : lane;
	lane->next->prev = lane;
	lane->prev->next = lane;
	if (!turn)
		lanes->turn = lane;
	lane->in_ring = true;
}

void lane_ring_remove(struct lanes *lanes, struct lane *lane)
{
	if (!lane->in_ring)
		return;
	if (lanes->turn == lane)
		lanes->turn = lane->next != lane ? lane->next : NULL;
	lane->next->prev = lane->prev;
	lane->prev->next = lane->next;
	lane->in_ring = false;
}

void lane_put(struct lanes *lanes, struct lane *lane, struct bucket_slot *slot, bool first)
{
	struct bucket_slot *before = first ? NULL : lane->last, *after = first ? lane->first : NULL;

	slot->prev = before;
	slot->next = after;
	if (before)
		before->next = slot;
	else
		lane->first = slot;
	if (after)
		after->prev = slot;
	else
		lane->last = slot;
	slot->state = SLOT_WAITING;
	lane->waiting++;
	lanes->waiting++;
}

void lane_take_out(struct lanes *lanes, struct lane *lane, struct bucket_slot *slot)
{
	if (slot->prev)
		slot->prev->next = slot->next;
	else
		lane->first = slot->next;
	if (slot->next)
		slot->next->prev = slot->prev;
	else
		lane->last = slot->prev;
	slot->next = slot->prev = NULL;
	slot->state = SLOT_IDLE;
	lane->waiting--;
	lanes->waiting--;
}

struct bucket_slot *lane_grant(struct lanes *lanes)
{
	struct lane *lane = lanes->turn;
	struct bucket_slot *slot = lane->first;

	lanes->turn = lane->next;
	lane_take_out(lanes, lane, slot);
	slot->state = SLOT_HELD;
	slot->number = ++lane->sent;
	lane->in_flight++;
	lanes->in_flight++;
	return slot;
}
