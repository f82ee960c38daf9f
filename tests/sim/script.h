/* script.h - the made-up specs of the simulation: words that say how an operation behaves. */
#ifndef TESTS_SIM_SCRIPT_H
#define TESTS_SIM_SCRIPT_H

#include "daemon/broker/remote.h"

#define SCRIPT_TEXT 128

/*
 * A spec is words separated by blanks, `name` or `name=value`. Times are seconds, fractions allowed.
 *
 *   submit fetch cancel ack idempotency resubmit events long_poll
 *                                        what the plan has (poll it always has)
 *   reset deliver                        reset_on_progress, keep_until_delivered
 *   bucket=TEXT limit=N ttl=S|none       the plan's
 *   place=TEXT                           where the service counts requests and pauses; else the bucket
 *   polling=I/M/X retry=I/M/X            initial, maximum, multiplier
 *   polling_timeout=S retry_timeout=S    (none when not given)
 *   jitter                               both policies with full jitter; none without
 *   retry_after_max=S
 *   op=TEXT                              the operation's name where nothing is submitted; else the future's id
 *   polls=N                              readable answers that say "pending" before the end
 *   end=success|failure|cancelled|lost|never
 *   result=TEXT                          bytes of success, or message of failure
 *   fail=A:B                             polls A to B of the operation are not answered (transport error)
 *   throttle=N:S                         poll N is answered 429 with Retry-After S
 *   wait=S delay=S                       Retry-After, and a rule's delay, on each pending answer
 *   progress                             each pending answer says how many there were
 *   latency=S hang                       of each answer; hang: it never comes
 *   unsent=N lost=N busy=N               the first N submits cannot be sent; are taken but the answer is
 *                                        lost; are refused with 503
 *   at_once                              the answer to the submit is the end
 *   next=WORDS                           it ends in another operation, whose script has commas in the place of blanks,
 *                                        and semicolons in the place of commas
 *   stage=TEXT                           which of several operations it is: none comes back
 *   results=IDS                          it takes the operation's name out of their results, the last one's counts
 *   hops=N fetch_pending=N fetch_fail=N  the result is N places further; the first N fetches find it not ready yet,
 *                                        after the first N were not answered
 *   ack_on=N ack_fail=N                  the plan's set of ends, else all three; the first N are answered 503
 *   hold=S                               polls are answered so much later
 *   wake=S tells                         an event comes every so often: a wake, or progress instead
 *   events_busy=N events_close=S         the first N streams are refused; each is closed after a time
 *   deaf                                 cancel requests are answered, and ignored
 *   nostart                              no request can be built (a credential is missing)
 *   invalid                              refused by prepare
 *   promise release                      of that kind; one whose producer is gone may be claimed again
 *   kind=timer|group                     no operation at all:
 *   rings=S                              a timer's own delay
 *   of=ID,ID until=any|first_exception   a group's members, and when it is done, if not with all of them
 */
struct script {
	struct plan plan;               /* first: see remote.h */
	char bucket[SCRIPT_TEXT], place[SCRIPT_TEXT], op[SCRIPT_TEXT], result[SCRIPT_TEXT];
	char next[SCRIPT_TEXT], stage[SCRIPT_TEXT];
	enum outcome end;
	struct id *of, *results;        /* for the plan */
	bool never, progress, hang, at_once, deaf, nostart, invalid, jitter, tells, promise;
	unsigned polls, fail_from, fail_to, throttle_at, unsent, lost, busy;
	unsigned hops, fetch_pending, fetch_fail, ack_fail, events_busy;
	uint64_t throttle_usec, wait_usec, delay_usec, latency_usec, hold_usec, wake_usec, events_close_usec;
	bool has_wait, has_delay;
};

/* Aborts on a word that it does not know: that is the test's mistake. */
struct script *script_new(const char *text, size_t len);
struct script *script_free(struct script *script);

#endif
