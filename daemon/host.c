/* host.c - what the core gets from the world: clocks and randomness. */
#include "daemon/host.h"

#include <sys/random.h>
#include <time.h>

static uint64_t monotonic_usec(void *self)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int64_t wall_ms(void *self)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void fill_random(void *self, void *ret, size_t len)
{
	/* Never short, and never waits, once the kernel's pool is filled: which it is when anything may run. */
	for (size_t filled = 0; filled < len;) {
		ssize_t n = getrandom((char *)ret + filled, len - filled, 0);

		if (n > 0)
			filled += (size_t)n;
	}
}

const struct broker_host host = {
	.monotonic_usec = monotonic_usec,
	.wall_ms = wall_ms,
	.random = fill_random,
};
