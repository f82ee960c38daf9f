/* bucket.h - what futures of one owner, credential and origin share: a limit of requests in flight, a
 * pause, and turns. */
#ifndef BROKER_BUCKET_H
#define BROKER_BUCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buckets;
struct bucket;

/* Embed one in each object that wants a slot. */
struct bucket_slot {
	struct bucket *bucket;               /* joined; NULL before bucket_join */
	struct bucket_slot *next, *prev;     /* in the bucket's queue while it waits */
	bool long_poll;                      /* what it waits for, or holds, is a slot for a long poll */
	enum { SLOT_IDLE = 0, SLOT_WAITING, SLOT_HELD } state;
};

/* limit_total: requests in flight of all buckets together; limit_default: of one bucket. hash_key: random
 * bytes, copied, because names come from peers. NULL: no memory. */
struct buckets *buckets_new(unsigned limit_total, unsigned limit_default, const uint8_t hash_key[16]);
/* Every slot must have left before. */
struct buckets *buckets_free(struct buckets *buckets);

/* New limits, from now on; what is in flight beyond them stays. */
void buckets_configure(struct buckets *buckets, unsigned limit_total, unsigned limit_default);

/* Join the bucket of (uid, name), made on first use, dropped when the last slot has left and no pause is
 * left to remember. limit 0: the default; a later join with another limit sets it anew. 0 or -ENOMEM. */
int bucket_join(struct buckets *buckets, uid_t uid, const char *name, unsigned limit,
    struct bucket_slot *slot);
/* Leave; gives back a held slot and drops a waiting one. Allowed when never joined. */
void bucket_leave(struct buckets *buckets, struct bucket_slot *slot);

/* Ask for a turn: queued behind those of the same bucket. No-op when waiting or held already. */
void bucket_request(struct buckets *buckets, struct bucket_slot *slot);
/* Give the slot back, or stop waiting. */
void bucket_release(struct buckets *buckets, struct bucket_slot *slot);

/* The next slot that may go now: buckets take turns, paused and full ones are passed over. It is HELD
 * from then on. NULL when none may go. */
struct bucket_slot *bucket_grant(struct buckets *buckets, uint64_t now_usec);

/* No requests of this bucket before until_usec (monotonic); a shorter pause never cuts a longer one. */
void bucket_pause(struct bucket *bucket, uint64_t until_usec);
/* End of the pause; 0 when not paused at now_usec. */
uint64_t bucket_paused_until(const struct bucket *bucket, uint64_t now_usec);

/* When the first pause ends that keeps a slot waiting, now_usec at the earliest; UINT64_MAX: none. */
uint64_t buckets_next(const struct buckets *buckets, uint64_t now_usec);

struct buckets_stats {
	unsigned buckets, in_flight, waiting, paused;
};
void buckets_stats(const struct buckets *buckets, uint64_t now_usec, struct buckets_stats *ret);

#endif
