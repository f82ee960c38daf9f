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
	bool long_poll;                      /* what it asks for is a slot for a long poll: set before bucket_request */
	bool long_now;                       /* what it waits for, or holds, is one */
	enum { SLOT_IDLE = 0, SLOT_WAITING, SLOT_HELD } state;
	uint64_t number;                     /* of the grant, among those of its kind in the bucket */
	void (*granted)(struct bucket_slot *slot);  /* for whoever hands slots out; not called here */
};

/* Requests in flight: of all buckets together, and of one that has no limit of its own. Long polls have slots of
 * their own kind, so that those that the service holds do not keep the others waiting, nor the other way round. */
struct bucket_limits {
	unsigned total, each;
	unsigned long_total, long_each;
};

/* hash_key: random bytes, copied, because names come from peers. NULL: no memory. */
struct buckets *buckets_new(const struct bucket_limits *limits, const uint8_t hash_key[16]);
/* Every slot must have left before. */
struct buckets *buckets_free(struct buckets *buckets);

/* New limits, from now on; what is in flight beyond them stays. */
void buckets_configure(struct buckets *buckets, const struct bucket_limits *limits);

/* Join the bucket of (uid, name), made on first use, dropped when the last slot has left and no pause is
 * left to remember. limit: of each kind; 0: the default; a later join with another limit sets it anew. long_poll and
 * granted of slot stay as they are. 0 or -ENOMEM. */
int bucket_join(struct buckets *buckets, uid_t uid, const char *name, unsigned limit,
    struct bucket_slot *slot);
/* Leave; gives back a held slot and drops a waiting one. Allowed when never joined. */
void bucket_leave(struct buckets *buckets, struct bucket_slot *slot);

/* Ask for a turn: queued behind those of the same bucket and kind. No-op when waiting or held already. */
void bucket_request(struct buckets *buckets, struct bucket_slot *slot);
/* The same, but before all that wait. */
void bucket_request_first(struct buckets *buckets, struct bucket_slot *slot);
/* Give the slot back, or stop waiting. */
void bucket_release(struct buckets *buckets, struct bucket_slot *slot);

/* The next slot that may go now: buckets take turns, paused and full ones are passed over. It is HELD
 * from then on. NULL when none may go. */
struct bucket_slot *bucket_grant(struct buckets *buckets, uint64_t now_usec);

enum bucket_answer {
	BUCKET_FINE,                 /* the service had time for the request */
	BUCKET_REFUSED               /* there are too many: 429 or 503 */
};

/* What came of the last request that slot was granted for; the slot may have been given back. A refusal halves the
 * bucket's limit of that kind, each round of good answers raises it by one, up to what is configured. */
void bucket_answered(struct buckets *buckets, const struct bucket_slot *slot, enum bucket_answer answer,
    uint64_t now_usec);

/* No requests of this bucket before until_usec (monotonic); a shorter pause never cuts a longer one. Whether it is
 * longer than the one that was. */
bool bucket_pause(struct bucket *bucket, uint64_t until_usec);
/* The same for a bucket that nobody may have joined yet. 0, also when too many are remembered already; -ENOMEM. */
int bucket_restore_pause(struct buckets *buckets, uid_t uid, const char *name, uint64_t until_usec);
/* End of the pause; 0 when not paused at now_usec, UINT64_MAX while it is held. */
uint64_t bucket_paused_until(const struct bucket *bucket, uint64_t now_usec);

/* No requests of this bucket until it is let go; what is in flight stays. To be said anew when it was joined: a bucket
 * without members is not remembered for that. */
void bucket_hold(struct bucket *bucket, bool held);

/* How many requests of a kind may be in flight now. */
unsigned bucket_limit(const struct bucket *bucket, bool long_poll);

/* When the first pause ends that keeps a slot waiting, now_usec at the earliest; UINT64_MAX: none. */
uint64_t buckets_next(const struct buckets *buckets, uint64_t now_usec);

struct buckets_stats {
	unsigned buckets, paused;
	unsigned in_flight, waiting;         /* of both kinds */
	unsigned long_polls;                 /* in flight */
	unsigned reduced;                    /* buckets that may have fewer in flight than is configured */
};
void buckets_stats(const struct buckets *buckets, uint64_t now_usec, struct buckets_stats *ret);

#endif
