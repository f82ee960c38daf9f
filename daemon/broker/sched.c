/* sched.c - a binary heap of due times in which each entry knows its place. */
#include "daemon/broker/sched.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define SCHED_SIZE_MIN 64

void sched_init(struct sched *sched)
{
	*sched = (struct sched){ 0 };
}

void sched_done(struct sched *sched)
{
	free(sched->heap);
	*sched = (struct sched){ 0 };
}

int sched_reserve(struct sched *sched, size_t entries)
{
	size_t size = sched->size ? sched->size : SCHED_SIZE_MIN;
	struct sched_entry **heap;

	if (entries <= sched->size)
		return 0;
	/* Doubling keeps the cost of growing one by one linear. */
	while (size < entries) {
		if (size > SIZE_MAX / 2 / sizeof(*heap))
			return -ENOMEM;
		size *= 2;
	}
	heap = realloc(sched->heap, size * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	sched->heap = heap;
	sched->size = size;
	return 0;
}

void sched_entry_init(struct sched_entry *entry)
{
	*entry = (struct sched_entry){ .due_usec = SCHED_NEVER, .place = SCHED_IDLE };
}

bool sched_waiting(const struct sched_entry *entry)
{
	return entry->place != SCHED_IDLE;
}

static bool before(const struct sched_entry *a, const struct sched_entry *b)
{
	return a->due_usec != b->due_usec ? a->due_usec < b->due_usec : a->order < b->order;
}

static void put(struct sched *sched, size_t place, struct sched_entry *entry)
{
	sched->heap[place] = entry;
	entry->place = place;
}

/* Let entry find its place from here towards the root ... */
static void sift_up(struct sched *sched, size_t place, struct sched_entry *entry)
{
	while (place > 0) {
		size_t parent = (place - 1) / 2;

		if (!before(entry, sched->heap[parent]))
			break;
		put(sched, place, sched->heap[parent]);
		place = parent;
	}
	put(sched, place, entry);
}

/* ... or towards the leaves. */
static void sift_down(struct sched *sched, size_t place, struct sched_entry *entry)
{
	for (;;) {
		size_t child = 2 * place + 1;

		if (child >= sched->count)
			break;
		if (child + 1 < sched->count && before(sched->heap[child + 1], sched->heap[child]))
			child++;
		if (!before(sched->heap[child], entry))
			break;
		put(sched, place, sched->heap[child]);
		place = child;
	}
	put(sched, place, entry);
}

static void sift(struct sched *sched, size_t place, struct sched_entry *entry)
{
	if (place > 0 && before(entry, sched->heap[(place - 1) / 2]))
		sift_up(sched, place, entry);
	else
		sift_down(sched, place, entry);
}

int sched_set(struct sched *sched, struct sched_entry *entry, uint64_t due_usec)
{
	int r;

	if (!sched_waiting(entry)) {
		r = sched_reserve(sched, sched->count + 1);
		if (r < 0)
			return r;
		entry->place = sched->count++;
	}
	entry->due_usec = due_usec;
	entry->order = sched->order++;
	sift(sched, entry->place, entry);
	return 0;
}

void sched_cancel(struct sched *sched, struct sched_entry *entry)
{
	size_t place = entry->place;
	struct sched_entry *last;

	if (!sched_waiting(entry))
		return;
	last = sched->heap[--sched->count];
	if (last != entry)
		sift(sched, place, last);
	entry->place = SCHED_IDLE;
}

struct sched_entry *sched_first(const struct sched *sched)
{
	return sched->count > 0 ? sched->heap[0] : NULL;
}

struct sched_entry *sched_pop(struct sched *sched, uint64_t now_usec)
{
	struct sched_entry *first = sched_first(sched);

	if (!first || first->due_usec > now_usec)
		return NULL;
	sched_cancel(sched, first);
	return first;
}

uint64_t sched_next(const struct sched *sched)
{
	return sched->count > 0 ? sched->heap[0]->due_usec : SCHED_NEVER;
}
