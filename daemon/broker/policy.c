/* policy.c - the two ladders of delays, and the fit to a deadline. */
#include "daemon/broker/policy.h"

#define SECOND UINT64_C(1000000)

const struct policy policy_polling_default = {
	.initial_usec = 1 * SECOND, .maximum_usec = 20 * SECOND, .multiplier = 1.5,
	.jitter = POLICY_JITTER_FULL, .timeout_usec = POLICY_NO_TIMEOUT
};

const struct policy policy_retry_default = {
	.initial_usec = 1 * SECOND, .maximum_usec = 60 * SECOND, .multiplier = 2,
	.jitter = POLICY_JITTER_FULL, .timeout_usec = POLICY_NO_TIMEOUT
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* usec x factor to the nearest microsecond; too much is UINT64_MAX. */
static uint64_t scale(uint64_t usec, double factor)
{
	double product = (double)usec * factor + 0.5;

	if (product >= 18446744073709551616.0)
		return UINT64_MAX;
	return product > 0 ? (uint64_t)product : 0;
}

/* Uniform over low .. high, both included: random x (high - low + 1) / 2^64, in halves of 32 bits because
 * the product has 128. */
static uint64_t uniform(uint64_t low, uint64_t high, uint64_t random)
{
	uint64_t n = high - low + 1;
	uint64_t a = random >> 32, b = random & UINT32_MAX, c = n >> 32, d = n & UINT32_MAX;
	uint64_t middle;

	if (n == 0)                     /* the full 64 bits */
		return random;
	middle = a * d + (b * d >> 32);
	return low + a * c + (middle >> 32) + ((b * c + (middle & UINT32_MAX)) >> 32);
}

static uint64_t jitter(const struct policy *policy, uint64_t delay, uint64_t random)
{
	uint64_t width, low, high;

	switch (policy->jitter) {
	case POLICY_JITTER_FULL:
		return uniform(0, delay, random);
	case POLICY_JITTER_FRACTION:
		width = scale(delay, policy->fraction);
		low = delay - least(width, delay);
		high = least(delay + least(width, UINT64_MAX - delay), policy->maximum_usec);
		return uniform(low, high, random);
	case POLICY_JITTER_NONE:
		break;
	}
	return delay;
}

uint64_t policy_next(const struct policy *policy, uint64_t *rung, uint64_t random)
{
	/* A stored rung may come from before a restart with other texts: hold it to today's ceiling. */
	uint64_t delay = least(*rung ? *rung : policy->initial_usec, policy->maximum_usec);
	uint64_t next = least(scale(delay, policy->multiplier), policy->maximum_usec);

	/* 0 means the foot of the ladder: a multiplier below 1 must not lead back there. */
	*rung = next || !delay ? next : 1;
	return jitter(policy, delay, random);
}

uint64_t policy_fit(uint64_t delay_usec, uint64_t left_usec, bool *ret_last)
{
	if (left_usec == POLICY_NO_TIMEOUT) {
		*ret_last = false;
		return delay_usec;
	}
	*ret_last = delay_usec >= left_usec;
	return least(delay_usec, left_usec);
}
