/* policy.h - how long to wait before the next request: pure arithmetic, no clock, no randomness. */
#ifndef BROKER_POLICY_H
#define BROKER_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#define POLICY_NO_TIMEOUT UINT64_MAX

enum policy_jitter {
	POLICY_JITTER_FULL,       /* uniform over 0 .. delay, as google.api_core has it */
	POLICY_JITTER_FRACTION,   /* uniform over delay x (1 - fraction) .. the lesser of delay x (1 + fraction) and maximum */
	POLICY_JITTER_NONE
};

/* Both `polling` and `retry` of a spec (semantics: docs of the spec language). */
struct policy {
	uint64_t initial_usec;
	uint64_t maximum_usec;
	double multiplier;
	enum policy_jitter jitter;
	double fraction;
	uint64_t timeout_usec;    /* POLICY_NO_TIMEOUT: never gives up */
};

/* google.api_core's DEFAULT_POLLING and Retry intervals; no timeout. */
extern const struct policy policy_polling_default;   /* 1 s, x1.5, at most 20 s, full jitter */
extern const struct policy policy_retry_default;     /* 1 s, x2, at most 60 s, full jitter */

/*
 * The next delay in microseconds.
 *   rung     the ladder's place: 0 before the first call, then the un-jittered delay to use next;
 *            moved on by this call. It is what is stored, so a restart goes on where it was.
 *   random   64 uniform random bits
 */
uint64_t policy_next(const struct policy *policy, uint64_t *rung, uint64_t random);

/*
 * Fit a delay to a deadline: a last attempt is made at the deadline instead of giving up early.
 * Returns the delay to use, at most what is left; *ret_last is true when that uses up all that is left.
 *   left_usec   until the deadline; POLICY_NO_TIMEOUT: none
 */
uint64_t policy_fit(uint64_t delay_usec, uint64_t left_usec, bool *ret_last);

#endif
