/* wait.c - the functions that block: the pump run until something holds. */
#include "client/wait.h"

#include "client/completion.h"

#include <errno.h>

/* Over, and its callbacks have run. */
static bool wait_is_over(const futured_future *f)
{
	return f->done && !f->due.queued;
}

/* Whether a wait in this mode ends with f. */
static bool wait_ends_with(enum futured_wait_mode mode, const futured_future *f)
{
	if (mode == FUTURED_FIRST_COMPLETED)
		return true;
	return mode == FUTURED_FIRST_EXCEPTION && f->outcome < 0 && f->state != FUTURED_CANCELLED;
}

/* Whether the condition holds now. Needs no memory: a caller that waits again and again for the next one often finds it
 * there. */
static bool wait_holds(futured_future *const *futures, size_t n, enum futured_wait_mode mode)
{
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		if (!wait_is_over(futures[i]))
			all = false;
		else if (wait_ends_with(mode, futures[i]))
			return true;
		if (!all && mode == FUTURED_ALL_COMPLETED)
			return false;
	}
	return all;
}

/* Take one after the other until the condition holds. */
static int wait_for_set(struct completion *set, enum futured_wait_mode mode, uint64_t timeout_usec)
{
	uint64_t now = conn_now(), deadline = FUTURED_TIME_NONE;
	futured_future *f;
	int r;

	if (timeout_usec < FUTURED_TIME_NONE - now)
		deadline = now + timeout_usec;
	for (;;) {
		uint64_t left = deadline;
		bool last;

		if (deadline != FUTURED_TIME_NONE)
			left = deadline > now ? deadline - now : 0;
		r = completion_drive(set, left);
		if (r <= 0)
			return r;
		while ((f = completion_take(set))) {
			last = wait_ends_with(mode, f);
			futured_future_unref(f);
			if (last)
				return 1;
		}
		if (set->left == 0)
			return 1;
		now = deadline == FUTURED_TIME_NONE ? 0 : conn_now();
	}
}

int wait_for(const struct futured *c, futured_future *const *futures, size_t n, enum futured_wait_mode mode,
    uint64_t timeout_usec)
{
	struct completion set;
	int r;

	if ((unsigned)mode > FUTURED_FIRST_EXCEPTION)
		return -EINVAL;
	if (wait_holds(futures, n, mode))
		return 1;
	r = completion_init(&set, c, futures, n);
	if (r < 0)
		return r;
	r = wait_for_set(&set, mode, timeout_usec);
	completion_done(&set);
	return r;
}

int futured_wait(futured *c, futured_future *const *futures, size_t n, enum futured_wait_mode mode,
    uint64_t timeout_usec)
{
	return wait_for(c, futures, n, mode, timeout_usec);
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
