/* assembly.h - a group's result: the list of its members, whose results are read from the store one after the other. */
#ifndef BROKER_ASSEMBLY_H
#define BROKER_ASSEMBLY_H

#include "daemon/broker/future.h"

#include <stdint.h>

/*
 * What a group is done with is the state of its members when it comes to each of them: one that is not over yet may be
 * over by then, one that was over may be forgotten. Groups wait in line; those at its head are worked at together, so
 * that the store reads and commits for many at once, but only the first when all together have more than
 * ASSEMBLY_TOTAL_MAX in memory: that is of two groups at most.
 */
struct assembly;
struct assemblies {
	struct assembly *first, *last;
	size_t bytes;                   /* that they have in memory, or read */
};

/* A single result that is larger is left out of the list. */
#define ASSEMBLY_RESULT_MAX (256 * 1024)
/* So is what would make all results and messages together larger. */
#define ASSEMBLY_TOTAL_MAX (8 * 1024 * 1024)

/* The group is done: make its result, then end it. No-op while that is under way. Tried again when memory is short. */
void assembly_begin(struct future *group);
/* The group is over for another reason. Also when it was never begun. */
void assembly_drop(struct future *group);

/* Work at the list that is next. */
void assemblies_due(struct broker *broker);
/* When there is more to do; SCHED_NEVER: nothing, or not before the store has answered. */
uint64_t assemblies_next(const struct broker *broker, uint64_t now_usec);

#endif
