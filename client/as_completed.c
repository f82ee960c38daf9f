/* as_completed.c - the public iterator over handles in the order in which they are done. */
#include "client/completion.h"

#include <errno.h>
#include <stdlib.h>

struct futured_completion {
	struct completion set;
	uint64_t deadline_usec;
	futured_future *given;      /* lent to the caller until the next call */
	bool inside;                /* futured_completion_next() is running */
	bool dropped;               /* and was released by a callback meanwhile */
};

int futured_as_completed(futured *c, futured_future *const *futures, size_t n, uint64_t timeout_usec,
    futured_completion **ret)
{
	uint64_t now = conn_now();
	futured_completion *it;
	int r;

	it = calloc(1, sizeof(*it));
	if (!it)
		return -ENOMEM;
	r = completion_init(&it->set, c, futures, n);
	if (r < 0) {
		free(it);
		return r;
	}
	it->deadline_usec = timeout_usec < FUTURED_TIME_NONE - now ? now + timeout_usec : FUTURED_TIME_NONE;
	*ret = it;
	return 0;
}

static void as_completed_release(futured_completion *it)
{
	futured_future_unref(it->given);
	completion_done(&it->set);
	free(it);
}

/* Wait until there is one to give. 1, 0 when none is left. */
static int as_completed_wait(futured_completion *it)
{
	uint64_t now = conn_now(), span = FUTURED_TIME_NONE;
	int r;

	if (it->deadline_usec != FUTURED_TIME_NONE)
		span = it->deadline_usec > now ? it->deadline_usec - now : 0;
	r = completion_drive(&it->set, span);
	if (r == 0)
		return -ETIMEDOUT;
	return r < 0 ? r : it->set.left > 0;
}

int futured_completion_next(futured_completion *it, futured_future **ret)
{
	int r;

	if (it->inside)
		return -EBUSY;
	it->given = futured_future_unref(it->given);
	it->inside = true;
	r = as_completed_wait(it);
	it->inside = false;
	if (it->dropped) {
		as_completed_release(it);
		return -ECONNABORTED;
	}
	if (r > 0)
		*ret = it->given = completion_take(&it->set);
	return r;
}

size_t futured_completion_left(futured_completion *it)
{
	return it->set.left;
}

futured_completion *futured_completion_free(futured_completion *it)
{
	if (it && it->inside)
		it->dropped = true;
	else if (it)
		as_completed_release(it);
	return NULL;
}
