/* bucket.c - limits, pauses and fair turns of the services that are asked. */
#include "daemon/broker/bucket.h"

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

/* The key of the table is the uid's bytes, then the name's. */
struct bucket {
	UT_hash_handle hh;
	struct buckets *owner;
	struct bucket *next, *prev;           /* in the ring of turns, when in_ring */
	bool in_ring;
	struct sched_entry resume;            /* waits while the bucket is paused and has a use for its end */
	uint64_t paused_until;
	struct bucket_slot *first, *last;     /* that wait, first come first served */
	unsigned limit;                       /* 0: the default */
	unsigned members, waiting, in_flight;
	unsigned key_len;
	char key[];
};

struct buckets {
	uint8_t hash_key[SIPHASH_KEY_BYTES];
	struct bucket *table;
	struct bucket *turn;                  /* whose turn it is: a ring of all that could go now */
	struct sched paused;
	unsigned limit_total, limit_default;
	unsigned waiting, in_flight, kept;
};

struct buckets *buckets_new(unsigned limit_total, unsigned limit_default, const uint8_t hash_key[16])
{
	struct buckets *buckets = calloc(1, sizeof(*buckets));

	if (!buckets)
		return NULL;
	memcpy(buckets->hash_key, hash_key, sizeof(buckets->hash_key));
	sched_init(&buckets->paused);
	buckets->limit_total = limit_total;
	buckets->limit_default = limit_default;
	return buckets;
}

static void ring_add(struct buckets *buckets, struct bucket *bucket)
{
	struct bucket *turn = buckets->turn;

	if (bucket->in_ring)
		return;
	bucket->next = turn ? turn : bucket;
	bucket->prev = turn ? turn->prev : bucket;
	bucket->next->prev = bucket;
	bucket->prev->next = bucket;
	if (!turn)
		buckets->turn = bucket;
	bucket->in_ring = true;
}

static void ring_remove(struct buckets *buckets, struct bucket *bucket)
{
	if (!bucket->in_ring)
		return;
	if (buckets->turn == bucket)
		buckets->turn = bucket->next != bucket ? bucket->next : NULL;
	bucket->next->prev = bucket->prev;
	bucket->prev->next = bucket->next;
	bucket->in_ring = false;
}

static unsigned limit_of(const struct buckets *buckets, const struct bucket *bucket)
{
	return bucket->limit ? bucket->limit : buckets->limit_default;
}

/* Put the bucket where it belongs now: in the ring, to those that wait for the end of their pause, or nowhere. */
static void place(struct buckets *buckets, struct bucket *bucket)
{
	bool wants = bucket->waiting > 0 && bucket->in_flight < limit_of(buckets, bucket);
	int r;

	if (wants && !bucket->paused_until)
		ring_add(buckets, bucket);
	else
		ring_remove(buckets, bucket);
	if (bucket->paused_until && (wants || bucket->members == 0)) {
		r = sched_set(&buckets->paused, &bucket->resume, bucket->paused_until);
		assert(r == 0);                 /* reserved by bucket_new() */
		(void)r;
	} else {
		sched_cancel(&buckets->paused, &bucket->resume);
	}
}

static struct bucket *bucket_free(struct buckets *buckets, struct bucket *bucket)
{
	ring_remove(buckets, bucket);
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

void buckets_configure(struct buckets *buckets, unsigned limit_total, unsigned limit_default)
{
	struct bucket *bucket, *next;

	buckets->limit_total = limit_total;
	buckets->limit_default = limit_default;
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
	*slot = (struct bucket_slot){ .bucket = bucket };
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

static void queue_remove(struct buckets *buckets, struct bucket *bucket, struct bucket_slot *slot)
{
	if (slot->prev)
		slot->prev->next = slot->next;
	else
		bucket->first = slot->next;
	if (slot->next)
		slot->next->prev = slot->prev;
	else
		bucket->last = slot->prev;
	slot->next = slot->prev = NULL;
	bucket->waiting--;
	buckets->waiting--;
}

void bucket_request(struct buckets *buckets, struct bucket_slot *slot)
{
	struct bucket *bucket = slot->bucket;

	if (slot->state != SLOT_IDLE)
		return;
	slot->state = SLOT_WAITING;
	slot->prev = bucket->last;
	slot->next = NULL;
	if (bucket->last)
		bucket->last->next = slot;
	else
		bucket->first = slot;
	bucket->last = slot;
	bucket->waiting++;
	buckets->waiting++;
	place(buckets, bucket);
}

void bucket_release(struct buckets *buckets, struct bucket_slot *slot)
{
	struct bucket *bucket = slot->bucket;

	switch (slot->state) {
	case SLOT_IDLE:
		return;
	case SLOT_WAITING:
		queue_remove(buckets, bucket, slot);
		break;
	case SLOT_HELD:
		bucket->in_flight--;
		buckets->in_flight--;
		break;
	}
	slot->state = SLOT_IDLE;
	place(buckets, bucket);
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
	struct bucket *bucket;
	struct bucket_slot *slot;

	/* Before the limit is looked at, so that buckets_next() never names a time that has passed. */
	end_pauses(buckets, now_usec);
	bucket = buckets->turn;
	if (!bucket || buckets->in_flight >= buckets->limit_total)
		return NULL;
	buckets->turn = bucket->next;
	slot = bucket->first;
	queue_remove(buckets, bucket, slot);
	slot->state = SLOT_HELD;
	bucket->in_flight++;
	buckets->in_flight++;
	place(buckets, bucket);
	return slot;
}

void bucket_pause(struct bucket *bucket, uint64_t until_usec)
{
	if (until_usec <= bucket->paused_until)
		return;
	bucket->paused_until = until_usec;
	place(bucket->owner, bucket);
}

uint64_t bucket_paused_until(const struct bucket *bucket, uint64_t now_usec)
{
	return bucket->paused_until > now_usec ? bucket->paused_until : 0;
}

uint64_t buckets_next(const struct buckets *buckets, uint64_t now_usec)
{
	uint64_t until = sched_next(&buckets->paused);

	return until > now_usec ? until : now_usec;
}

void buckets_stats(const struct buckets *buckets, uint64_t now_usec, struct buckets_stats *ret)
{
	struct buckets_stats stats = {
		.buckets = HASH_COUNT(buckets->table),
		.in_flight = buckets->in_flight,
		.waiting = buckets->waiting
	};

	for (const struct bucket *bucket = buckets->table; bucket; bucket = bucket->hh.next)
		stats.paused += bucket_paused_until(bucket, now_usec) != 0;
	*ret = stats;
}
