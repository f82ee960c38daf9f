/* aimd.h - a limit that a service moves: halved when it refuses a request, one more after a round of good answers. */
#ifndef BROKER_AIMD_H
#define BROKER_AIMD_H

#include <stdint.h>

/*
 * Requests are numbered as they are sent, from 1. Those that were under way when the limit was halved belong to the
 * round that is judged already: whatever they come to neither halves it again nor raises it. Zeroed: not reduced.
 */
struct aimd {
	unsigned allowed;       /* 0: as much as is configured */
	unsigned fine;          /* good answers since it was last raised or halved */
	uint64_t cut_usec;      /* when it was last halved */
	uint64_t cut_number;    /* the last request of the round that did it */
};

/* How many may be under way; configured: the most. */
unsigned aimd_limit(const struct aimd *aimd, unsigned configured);

/* Request number was answered, and not with a refusal. */
void aimd_fine(struct aimd *aimd, unsigned configured, uint64_t number);

/* Request number was refused because there are too many; newest: the last number that was given. Halves, but never
 * below one, once in a round and once in a second. */
void aimd_refused(struct aimd *aimd, unsigned configured, uint64_t number, uint64_t newest, uint64_t now_usec);

#endif
