/* bucket.c - limits, pauses and fair turns of the services that are asked. */
#include "daemon/broker/bucket.h"

#include "daemon/broker/lane.h"
#include "daemon/broker/sched.h"
#include "daemon/broker/siphash.h"

#define HASH_NONFATAL_OOM 1

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* Buckets without members that are kept only because they are paused. */
#define BUCKET_KEPT_MAX 1024

enum { PLAIN, LONG, KINDS };

/* The key of the table is the uid's bytes, then the name's. */
struct bucket {
	UT_hash_handle hh;
	struct buckets *owner;
	struct lane lanes[KINDS];
	struct sched_entry resume;            /* waits while the bucket is paused and has a use for its end */
	uint64_t paused_until;
	bool held;
	unsigned limit;                       /* 0: the default */
	unsigned members;
	unsigned key_len;
	char key[];
};

struct buckets {
	uint8_t hash_key[SIPHASH_KEY_BYTES];
	struct bucket *table;
	struct lanes lanes[KINDS];
	struct sched paused;
	unsigned kept;
};

static void set_limits(struct buckets *buckets, const struct bucket_limits *limits)
{
	buckets->lanes[PLAIN].limit_total = limits->total;
	buckets->lanes[PLAIN].limit_default = limits->each;
	buckets->lanes[LONG].limit_total = limits->long_total;
	buckets->lanes[LONG].limit_default = limits->long_each;
}

struct buckets *buckets_new(const struct bucket_limits *limits, const uint8_t hash_key[16])
{
	struct buckets *buckets = calloc(1, sizeof(*buckets));

	if (!buckets)
		return NULL;
	memcpy(buckets->hash_key, hash_key, sizeof(buckets->hash_key));
	sched_init(&buckets->paused);
	set_limits(buckets, limits);
	return buckets;
}

/* What is configured for it. */
static unsigned most_of(const struct bucket *bucket, int kind)
{
	return bucket->limit ? bucket->limit : bucket->owner->lanes[kind].limit_default;
}

static unsigned limit_of(const struct bucket *bucket, int kind)
{
	return aimd_limit(&bucket->lanes[kind].aimd, most_of(bucket, kind));
}

/* Put the bucket where it belongs now: in the rings, to those that wait for the end of their pause, or nowhere. */
static void place(struct buckets *buckets, struct bucket *bucket)
{
	bool any = false;
	int r;

	for (int kind = 0; kind < KINDS; kind++) {
		struct lane *lane = &bucket->lanes[kind];
		bool wants = lane->waiting > 0 && lane->in_flight < limit_of(bucket, kind);

		any = any || wants;
		if (wants && !bucket->paused_until && !bucket->held)
			lane_ring_add(&buckets->lanes[kind], lane);
		else
			lane_ring_remove(&buckets->lanes[kind], lane);
	}
	if (bucket->paused_until && (any || bucket->members == 0)) {
		r = sched_set(&buckets->paused, &bucket->resume, bucket->paused_until);
		assert(r == 0);                 /* reserved by bucket_new() */
		(void)r;
	} else {
		sched_cancel(&buckets->paused, &bucket->resume);
	}
}

static struct bucket *bucket_free(struct buckets *buckets, struct bucket *bucket)
{
	for (int kind = 0; kind < KINDS; kind++)
		lane_ring_remove(&buckets->lanes[kind], &bucket->lanes[kind]);
	sched_cancel(&buckets->paused, &bucket->resume);
	free(bucket);
	return NULL;
}

static struct bucket *bucket_new(struct buckets *buckets, uid_t uid, const char *name)
{
	size_t name_len = strlen(name);
	struct bucket *bucket;

	if (name_len > UINT32_MAX - sizeof(uid))
		return NULL;
	if (sched_reserve(&buckets->paused, HASH_COUNT(buckets->table) + 1) < 0)
		return NULL;
	bucket = calloc(1, sizeof(*bucket) + sizeof(uid) + name_len);
	if (!bucket)
		return NULL;
	bucket->owner = buckets;
	bucket->key_len = (unsigned)(sizeof(uid) + name_len);
	memcpy(bucket->key, &uid, sizeof(uid));
	memcpy(bucket->key + sizeof(uid), name, name_len);
	sched_entry_init(&bucket->resume);
	return bucket;
}

/* The new one is made before the table is asked, because it holds the key to ask for. */
static struct bucket *find_or_add(struct buckets *buckets, uid_t uid, const char *name)
{
	struct bucket *bucket = bucket_new(buckets, uid, name), *known;
	unsigned hash;

	if (!bucket)
		return NULL;
	hash = (unsigned)siphash(bucket->key, bucket->key_len, buckets->hash_key);
	HASH_FIND_BYHASHVALUE(hh, buckets->table, bucket->key, bucket->key_len, hash, known);
	if (known) {
		bucket_free(buckets, bucket);
		return known;
	}
	HASH_ADD_KEYPTR_BYHASHVALUE(hh, buckets->table, bucket->key, bucket->key_len, hash, bucket);
	if (!bucket->hh.tbl)
		return bucket_free(buckets, bucket);
	return bucket;
}

static void drop(struct buckets *buckets, struct bucket *bucket)
{
	HASH_DEL(buckets->table, bucket);
	bucket_free(buckets, bucket);
}

/* Nobody is left in it. Its pause is remembered, so that leaving and coming back does not evade it. */
static void drop_or_keep(struct buckets *buckets, struct bucket *bucket)
{
	if (bucket->paused_until && buckets->kept < BUCKET_KEPT_MAX) {
		buckets->kept++;
		place(buckets, bucket);
		return;
	}
	drop(buckets, bucket);
}

struct buckets *buckets_free(struct buckets *buckets)
{
	struct bucket *bucket, *next;

	if (!buckets)
		return NULL;
	HASH_ITER(hh, buckets->table, bucket, next) {
		assert(bucket->members == 0);
		drop(buckets, bucket);
	}
	sched_done(&buckets->paused);
	free(buckets);
	return NULL;
}

void buckets_configure(struct buckets *buckets, const struct bucket_limits *limits)
{
	struct bucket *bucket, *next;

	set_limits(buckets, limits);
	HASH_ITER(hh, buckets->table, bucket, next)
		place(buckets, bucket);
}

int bucket_join(struct buckets *buckets, uid_t uid, const char *name, unsigned limit,
    struct bucket_slot *slot)
{
	struct bucket *bucket = find_or_add(buckets, uid, name);

	if (!bucket)
		return -ENOMEM;
	if (bucket->members++ == 0 && bucket->paused_until)
		buckets->kept--;
	bucket->limit = limit;
	place(buckets, bucket);
	slot->bucket = bucket;
	slot->next = slot->prev = NULL;
	slot->state = SLOT_IDLE;
	slot->number = 0;
	return 0;
}

void bucket_leave(struct buckets *buckets, struct bucket_slot *slot)
{
	struct bucket *bucket = slot->bucket;

	if (!bucket)
		return;
	bucket_release(buckets, slot);
	slot->bucket = NULL;
	if (--bucket->members == 0)
		drop_or_keep(buckets, bucket);
}

static void request(struct buckets *buckets, struct bucket_slot *slot, bool first)
{
	int kind = slot->long_poll ? LONG : PLAIN;

	if (slot->state != SLOT_IDLE)
		return;
	slot->long_now = slot->long_poll;
	lane_put(&buckets->lanes[kind], &slot->bucket->lanes[kind], slot, first);
	place(buckets, slot->bucket);
}

void bucket_request(struct buckets *buckets, struct bucket_slot *slot)
{
	request(buckets, slot, false);
}

void bucket_request_first(struct buckets *buckets, struct bucket_slot *slot)
{
	request(buckets, slot, true);
}

void bucket_release(struct buckets *buckets, struct bucket_slot *slot)
{
	int kind = slot->long_now ? LONG : PLAIN;

	switch (slot->state) {
	case SLOT_IDLE:
		return;
	case SLOT_WAITING:
		lane_take_out(&buckets->lanes[kind], &slot->bucket->lanes[kind], slot);
		break;
	case SLOT_HELD:
		slot->bucket->lanes[kind].in_flight--;
		buckets->lanes[kind].in_flight--;
		break;
	}
	slot->state = SLOT_IDLE;
	place(buckets, slot->bucket);
}

static void end_pauses(struct buckets *buckets, uint64_t now_usec)
{
	struct sched_entry *entry;

	while ((entry = sched_pop(&buckets->paused, now_usec))) {
		struct bucket *bucket = (struct bucket *)(void *)((char *)entry - offsetof(struct bucket, resume));

		bucket->paused_until = 0;
		if (bucket->members > 0) {
			place(buckets, bucket);
			continue;
		}
		buckets->kept--;
		drop(buckets, bucket);
	}
}

struct bucket_slot *bucket_grant(struct buckets *buckets, uint64_t now_usec)
{
	/* Before the limit is looked at, so that buckets_next() never names a time that has passed. */
	end_pauses(buckets, now_usec);
	for (int kind = 0; kind < KINDS; kind++) {
		struct lanes *lanes = &buckets->lanes[kind];
		struct bucket_slot *slot;

		if (!lanes->turn || lanes->in_flight >= lanes->limit_total)
			continue;
		slot = lane_grant(lanes);
		place(buckets, slot->bucket);
		return slot;
	}
	return NULL;
}

void bucket_answered(struct buckets *buckets, const struct bucket_slot *slot, enum bucket_answer answer,
    uint64_t now_usec)
{
	struct bucket *bucket = slot->bucket;
	int kind = slot->long_now ? LONG : PLAIN;
	struct lane *lane = &bucket->lanes[kind];

	if (answer == BUCKET_REFUSED)
		aimd_refused(&lane->aimd, most_of(bucket, kind), slot->number, lane->sent, now_usec);
	else
		aimd_fine(&lane->aimd, most_of(bucket, kind), slot->number);
	place(buckets, bucket);
}

unsigned bucket_limit(const struct bucket *bucket, bool long_poll)
{
	return limit_of(bucket, long_poll ? LONG : PLAIN);
}

bool bucket_pause(struct bucket *bucket, uint64_t until_usec)
{
	if (until_usec <= bucket->paused_until)
		return false;
	bucket->paused_until = until_usec;
	place(bucket->owner, bucket);
	return true;
}

int bucket_restore_pause(struct buckets *buckets, uid_t uid, const char *name, uint64_t until_usec)
{
	struct bucket *bucket = find_or_add(buckets, uid, name);
	bool fresh = bucket && bucket->members == 0 && !bucket->paused_until;

	if (!bucket)
		return -ENOMEM;
	(void)bucket_pause(bucket, until_usec);
	if (fresh)
		drop_or_keep(buckets, bucket);
	return 0;
}

uint64_t bucket_paused_until(const struct bucket *bucket, uint64_t now_usec)
{
	if (bucket->held)
		return UINT64_MAX;
	return bucket->paused_until > now_usec ? bucket->paused_until : 0;
}

void bucket_hold(struct bucket *bucket, bool held)
{
	bucket->held = held;
	place(bucket->owner, bucket);
}

uint64_t buckets_next(const struct buckets *buckets, uint64_t now_usec)
{
	uint64_t until = sched_next(&buckets->paused);

	return until > now_usec ? until : now_usec;
}

void buckets_stats(const struct buckets *buckets, uint64_t now_usec, struct buckets_stats *ret)
{
	const struct lanes *plain = &buckets->lanes[PLAIN], *held = &buckets->lanes[LONG];
	struct buckets_stats stats = {
		.buckets = HASH_COUNT(buckets->table),
		.in_flight = plain->in_flight + held->in_flight,
		.waiting = plain->waiting + held->waiting,
		.long_polls = held->in_flight
	};

	for (const struct bucket *bucket = buckets->table; bucket; bucket = bucket->hh.next) {
		stats.paused += bucket_paused_until(bucket, now_usec) != 0;
		stats.reduced += limit_of(bucket, PLAIN) < most_of(bucket, PLAIN) ||
		    limit_of(bucket, LONG) < most_of(bucket, LONG);
	}
	*ret = stats;
}
