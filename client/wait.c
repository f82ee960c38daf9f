/* wait.c - the functions that block: the pump run until something holds. */
#include "client/future.h"

#include <errno.h>

/* What conn_drive() asks about. What is done stays done, so the search for one that is not goes on where it stopped. */
struct wait {
	futured_future *const *futures;
	size_t n;
	enum futured_wait_mode mode;
	size_t first_live;         /* those before are over */
};

/* Over, and its callbacks have run. */
static bool wait_is_over(const futured_future *f)
{
	return f->done && !f->due.queued;
}

static bool wait_counts(const struct wait *wait, const futured_future *f)
{
	if (!wait_is_over(f))
		return false;
	return wait->mode == FUTURED_FIRST_COMPLETED || (f->outcome < 0 && f->state != FUTURED_CANCELLED);
}

static int wait_holds(void *arg)
{
	struct wait *wait = arg;

	while (wait->first_live < wait->n && wait_is_over(wait->futures[wait->first_live]))
		wait->first_live++;
	if (wait->first_live == wait->n)
		return 1;
	if (wait->mode == FUTURED_ALL_COMPLETED)
		return 0;
	for (size_t i = 0; i < wait->n; i++) {
		if (wait_counts(wait, wait->futures[i]))
			return 1;
	}
	return 0;
}

int futured_wait(futured *c, futured_future *const *futures, size_t n, enum futured_wait_mode mode,
    uint64_t timeout_usec)
{
	struct wait wait = { .futures = futures, .n = n, .mode = mode };
	int r;

	if ((unsigned)mode > FUTURED_FIRST_EXCEPTION)
		return -EINVAL;
	/* A callback may release what is waited for here. */
	for (size_t i = 0; i < n; i++)
		futured_future_ref(futures[i]);
	r = conn_drive(c, wait_holds, &wait, timeout_usec);
	for (size_t i = 0; i < n; i++)
		futured_future_unref(futures[i]);
	return r;
}

static int wait_one(void *arg)
{
	return wait_is_over(arg);
}

int futured_future_wait(futured_future *f, uint64_t timeout_usec)
{
	int r;

	if (wait_is_over(f))
		return 1;
	if (!f->conn)
		return -ENOTCONN;
	futured_future_ref(f);
	r = conn_drive(f->conn, wait_one, f, timeout_usec);
	futured_future_unref(f);
	return r;
}

static int wait_created(void *arg)
{
	const futured_future *f = arg;

	if (f->has_id)
		return 1;
	return f->done ? f->outcome : 0;
}

int futured_future_wait_created(futured_future *f, uint64_t timeout_usec)
{
	int r;

	r = wait_created(f);
	if (r != 0)
		return r;
	if (!f->conn)
		return -ENOTCONN;
	futured_future_ref(f);
	r = conn_drive(f->conn, wait_created, f, timeout_usec);
	futured_future_unref(f);
	return r;
}
