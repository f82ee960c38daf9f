/* sched.h - due times: a heap that answers "what is due" and "sleep until". */
#ifndef BROKER_SCHED_H
#define BROKER_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHED_IDLE SIZE_MAX
#define SCHED_NEVER UINT64_MAX

/* Embed one in each object that waits for a time. Initialise with sched_entry_init. */
struct sched_entry {
	uint64_t due_usec;
	uint64_t order;        /* entries of equal time come out in the order they were set */
	size_t place;          /* in the heap; SCHED_IDLE when not waiting */
};

struct sched {
	struct sched_entry **heap;
	size_t count, size;
	uint64_t order;
};

void sched_init(struct sched *sched);
void sched_done(struct sched *sched);      /* entries are not touched */

/* Make room for so many entries in all: as long as no more than these wait, sched_set() cannot fail. 0 or
 * -ENOMEM with nothing changed. */
int sched_reserve(struct sched *sched, size_t entries);

void sched_entry_init(struct sched_entry *entry);
bool sched_waiting(const struct sched_entry *entry);

/* Wait until due_usec (monotonic); moves an entry that waits already, which cannot fail. 0 or -ENOMEM (see
 * sched_reserve), with nothing changed. */
int sched_set(struct sched *sched, struct sched_entry *entry, uint64_t due_usec);
void sched_cancel(struct sched *sched, struct sched_entry *entry);

/* Take out the entry that is due longest, NULL when none is due at now_usec. */
struct sched_entry *sched_pop(struct sched *sched, uint64_t now_usec);

/* The entry that is, or will be, due first; it stays. NULL when nothing waits. */
struct sched_entry *sched_first(const struct sched *sched);

/* When the next one is due; SCHED_NEVER when nothing waits. */
uint64_t sched_next(const struct sched *sched);

#endif
