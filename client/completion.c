/* completion.c - handles in the order in which they are done. */
#include "client/completion.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

void completion_reached(futured_future *f)
{
	struct completion_entry *entry;

	while ((entry = TAILQ_FIRST(&f->observers))) {
		TAILQ_REMOVE(&f->observers, entry, of_future);
		TAILQ_REMOVE(&entry->set->waiting, entry, turn);
		TAILQ_INSERT_TAIL(&entry->set->ready, entry, turn);
	}
}

static int completion_compare(const void *left, const void *right)
{
	const struct completion_entry *const *a = left, *const *b = right;

	if ((*a)->future->done_number != (*b)->future->done_number)
		return (*a)->future->done_number < (*b)->future->done_number ? -1 : 1;
	return 0;
}

/* Those that were done before the set was made are ready in the order in which they were done. */
static int completion_sort(struct completion *set)
{
	struct completion_entry **sorted, *entry;
	size_t n = 0;

	TAILQ_FOREACH(entry, &set->ready, turn)
		n++;
	if (n < 2)
		return 0;
	sorted = calloc(n, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		sorted[i] = TAILQ_FIRST(&set->ready);
		TAILQ_REMOVE(&set->ready, sorted[i], turn);
	}
	qsort(sorted, n, sizeof(*sorted), completion_compare);
	for (size_t i = 0; i < n; i++)
		TAILQ_INSERT_TAIL(&set->ready, sorted[i], turn);
	free(sorted);
	return 0;
}

/* Whether f is in set already: only asked about the set that was made last, whose entries come last. */
static bool completion_has(const struct completion *set, futured_future *f)
{
	const struct completion_entry *last = TAILQ_LAST(&f->observers, completion_list);

	return last && last->set == set;
}

static void completion_add(struct completion *set, struct completion_entry *entry, futured_future *f)
{
	*entry = (struct completion_entry){ .set = set, .future = futured_future_ref(f) };
	TAILQ_INSERT_TAIL(&f->observers, entry, of_future);
	TAILQ_INSERT_TAIL(&set->waiting, entry, turn);
	set->left++;
}

int completion_init(struct completion *set, const struct futured *c, futured_future *const *futures, size_t n)
{
	struct completion_entry *entry, *next;
	int r;

	*set = (struct completion){ 0 };
	TAILQ_INIT(&set->waiting);
	TAILQ_INIT(&set->ready);
	for (size_t i = 0; i < n; i++) {
		if (c && futures[i]->conn && futures[i]->conn != c)
			return -EINVAL;
	}
	set->entries = calloc(n > 0 ? n : 1, sizeof(*set->entries));
	if (!set->entries)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!completion_has(set, futures[i]))
			completion_add(set, &set->entries[set->left], futures[i]);
	}
	for (entry = TAILQ_FIRST(&set->waiting); entry; entry = next) {
		next = TAILQ_NEXT(entry, turn);
		if (!entry->future->done)
			continue;
		TAILQ_REMOVE(&entry->future->observers, entry, of_future);
		TAILQ_REMOVE(&set->waiting, entry, turn);
		TAILQ_INSERT_TAIL(&set->ready, entry, turn);
	}
	r = completion_sort(set);
	if (r < 0)
		completion_done(set);
	return r;
}

void completion_done(struct completion *set)
{
	struct completion_entry *entry;

	while ((entry = TAILQ_FIRST(&set->waiting))) {
		TAILQ_REMOVE(&set->waiting, entry, turn);
		TAILQ_REMOVE(&entry->future->observers, entry, of_future);
		futured_future_unref(entry->future);
	}
	while ((entry = TAILQ_FIRST(&set->ready))) {
		TAILQ_REMOVE(&set->ready, entry, turn);
		futured_future_unref(entry->future);
	}
	free(set->entries);
	set->entries = NULL;
	set->left = 0;
}

/* The head of those that are ready, when its callbacks have run. */
static struct completion_entry *completion_head(const struct completion *set)
{
	struct completion_entry *head = TAILQ_FIRST(&set->ready);

	return head && !head->future->due.queued ? head : NULL;
}

futured_future *completion_take(struct completion *set)
{
	struct completion_entry *head = completion_head(set);
	futured_future *f;

	if (!head)
		return NULL;
	f = head->future;
	head->future = NULL;
	TAILQ_REMOVE(&set->ready, head, turn);
	set->left--;
	return f;
}

static int completion_holds(void *arg)
{
	const struct completion *set = arg;

	return set->left == 0 || completion_head(set);
}

int completion_drive(struct completion *set, uint64_t timeout_usec)
{
	struct completion_entry *any = TAILQ_FIRST(&set->ready);

	if (completion_holds(set))
		return 1;
	if (!any)
		any = TAILQ_FIRST(&set->waiting);
	/* A handle whose connection is gone is done, and nothing of it is queued. */
	return conn_drive(any->future->conn, completion_holds, set, timeout_usec);
}
