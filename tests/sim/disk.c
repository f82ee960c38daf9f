/* disk.c - futures in an array ordered by id, events in a growing one, both plain enough to trust. */
#include "tests/sim/disk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct disk {
	struct disk_future *futures;
	size_t count, size;
	struct event_rec *events;
	size_t first_event, n_events, events_size;  /* those before first_event are dropped */
	uint64_t events_max, last_seq, writes;
	struct pause {
		uint32_t uid;
		char *bucket;
		int64_t until_ms;
	} *pauses;
	size_t n_pauses;
	struct stop {
		uint32_t uid;
		char *origin;
	} *stops;
	size_t n_stops;
	bool full;
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static struct store_blob blob_copy(struct store_blob blob)
{
	void *copy = must(malloc(blob.len + 1));

	memcpy(copy, blob.data, blob.len);
	return (struct store_blob){ copy, blob.len };
}

static void blob_done(struct store_blob *blob)
{
	free((void *)(uintptr_t)blob->data);
	*blob = (struct store_blob){ 0 };
}

static void future_done(struct disk_future *future)
{
	future_rec_done(&future->rec);
	free((void *)(uintptr_t)future->texts.spec);
	free((void *)(uintptr_t)future->texts.params);
	free((void *)(uintptr_t)future->texts.request);
	blob_done(&future->result);
	blob_done(&future->error_details);
}

struct disk *disk_new(uint64_t events_max)
{
	struct disk *disk = must(calloc(1, sizeof(*disk)));

	disk->events_max = events_max;
	return disk;
}

struct disk *disk_free(struct disk *disk)
{
	if (!disk)
		return NULL;
	for (size_t i = 0; i < disk->count; i++)
		future_done(&disk->futures[i]);
	for (size_t i = 0; i < disk->n_pauses; i++)
		free(disk->pauses[i].bucket);
	free(disk->pauses);
	for (size_t i = 0; i < disk->n_stops; i++)
		free(disk->stops[i].origin);
	free(disk->stops);
	free(disk->futures);
	free(disk->events);
	free(disk);
	return NULL;
}

void disk_set_full(struct disk *disk, bool full)
{
	disk->full = full;
}

bool disk_is_full(const struct disk *disk)
{
	return disk->full;
}

/* Where the future is, or would be. */
static size_t place_of(const struct disk *disk, const uint8_t *id)
{
	size_t low = 0, high = disk->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(disk->futures[middle].rec.id, id, STORE_ID_BYTES) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct disk_future *find(const struct disk *disk, const uint8_t *id)
{
	size_t place = place_of(disk, id);

	if (place == disk->count || memcmp(disk->futures[place].rec.id, id, STORE_ID_BYTES) != 0)
		return NULL;
	return &disk->futures[place];
}

const struct disk_future *disk_find(const struct disk *disk, const uint8_t id[STORE_ID_BYTES])
{
	return find(disk, id);
}

size_t disk_count(const struct disk *disk)
{
	return disk->count;
}

const struct disk_future *disk_at(const struct disk *disk, size_t i)
{
	assert(i < disk->count);
	return &disk->futures[i];
}

static void log_event(struct disk *disk, const struct event_rec *event)
{
	if (!event)
		return;
	/* The contract of store.h: numbers only rise. */
	assert(event->seq > disk->last_seq);
	disk->last_seq = event->seq;
	if (disk->n_events - disk->first_event == disk->events_max)
		disk->first_event++;
	if (disk->first_event > disk->events_max) {
		disk->n_events -= disk->first_event;
		memmove(disk->events, disk->events + disk->first_event, disk->n_events * sizeof(*disk->events));
		disk->first_event = 0;
	}
	if (disk->n_events == disk->events_size) {
		disk->events_size = disk->events_size ? 2 * disk->events_size : 256;
		disk->events = must(realloc(disk->events, disk->events_size * sizeof(*disk->events)));
	}
	disk->events[disk->n_events++] = *event;
}

static bool key_taken(const struct disk *disk, const struct future_rec *rec)
{
	for (size_t i = 0; rec->key && i < disk->count; i++) {
		const struct future_rec *other = &disk->futures[i].rec;

		if (other->key && other->uid == rec->uid && strcmp(other->key, rec->key) == 0)
			return true;
	}
	return false;
}

static char *text_copy(const char *text)
{
	return text ? must(strdup(text)) : NULL;
}

int disk_create(struct disk *disk, const struct future_rec *rec, const struct store_texts *texts,
    const struct event_rec *event)
{
	size_t place = place_of(disk, rec->id);
	struct disk_future *future;

	if (disk->full)
		return -ENOSPC;
	if (find(disk, rec->id) || key_taken(disk, rec))
		return -EEXIST;
	if (disk->count == disk->size) {
		disk->size = disk->size ? 2 * disk->size : 64;
		disk->futures = must(realloc(disk->futures, disk->size * sizeof(*disk->futures)));
	}
	future = &disk->futures[place];
	memmove(future + 1, future, (disk->count - place) * sizeof(*future));
	memset(future, 0, sizeof(*future));
	disk->count++;
	if (future_rec_copy(rec, &future->rec) < 0)
		abort();
	future->texts.spec = text_copy(texts->spec);
	future->texts.params = text_copy(texts->params);
	future->texts.request = text_copy(texts->request);
	log_event(disk, event);
	disk->writes++;
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* What an update must not change, because the real store does not write it. */
static void check_update(const struct future_rec *old, const struct future_rec *rec)
{
	assert(old->uid == rec->uid && old->gid == rec->gid && old->mode == rec->mode);
	assert(same_text(old->key, rec->key));
	assert(old->n_labels == rec->n_labels && old->created_at_ms == rec->created_at_ms);
	/* What is over stays so, and an acknowledgement belongs to what is over. */
	assert(old->state < STORE_SUCCEEDED || (old->state == rec->state && old->phase <= rec->phase));
	assert(rec->state >= STORE_SUCCEEDED || rec->phase < STORE_PHASE_ACK);
}

/* Likewise, of what changes when a future goes on to another operation. */
static void check_operation(const struct future_rec *old, const struct future_rec *rec)
{
	assert(old->kind == rec->kind && same_text(old->profile, rec->profile) && old->n_after == rec->n_after);
}

static void replace(struct disk_future *future, const struct future_rec *rec)
{
	struct future_rec copy;

	check_update(&future->rec, rec);
	if (future_rec_copy(rec, &copy) < 0)
		abort();
	future_rec_done(&future->rec);
	future->rec = copy;
}

int disk_update(struct disk *disk, const struct future_rec *rec, const struct event_rec *event,
    struct store_blob result, struct store_blob error_details)
{
	struct disk_future *future = find(disk, rec->id);

	if (!future)
		return -ENOENT;
	check_operation(&future->rec, rec);
	replace(future, rec);
	if (result.data) {
		blob_done(&future->result);
		future->result = blob_copy(result);
	}
	if (error_details.data) {
		blob_done(&future->error_details);
		future->error_details = blob_copy(error_details);
	}
	log_event(disk, event);
	disk->writes++;
	return 0;
}

int disk_continue(struct disk *disk, const struct future_rec *rec, const struct store_texts *texts,
    const struct event_rec *event)
{
	struct disk_future *future = find(disk, rec->id);

	if (!future)
		return -ENOENT;
	assert(rec->state < STORE_SUCCEEDED && rec->hops == future->rec.hops + 1);
	replace(future, rec);
	free((void *)(uintptr_t)future->texts.spec);
	free((void *)(uintptr_t)future->texts.params);
	future->texts.spec = text_copy(texts->spec);
	future->texts.params = text_copy(texts->params);
	log_event(disk, event);
	disk->writes++;
	return 0;
}

int disk_forget(struct disk *disk, const uint8_t id[STORE_ID_BYTES], const struct event_rec *event)
{
	struct disk_future *future = find(disk, id);

	if (!future)
		return -ENOENT;
	future_done(future);
	disk->count--;
	memmove(future, future + 1, (disk->count - (size_t)(future - disk->futures)) * sizeof(*future));
	log_event(disk, event);
	disk->writes++;
	return 0;
}

int disk_pause(struct disk *disk, uint32_t uid, const char *bucket, int64_t until_ms, int64_t now_ms)
{
	size_t kept = 0;

	for (size_t i = 0; i < disk->n_pauses; i++) {
		struct pause *pause = &disk->pauses[i];

		if (pause->until_ms > now_ms && (pause->uid != uid || strcmp(pause->bucket, bucket) != 0))
			disk->pauses[kept++] = *pause;
		else
			free(pause->bucket);
	}
	disk->pauses = must(realloc(disk->pauses, (kept + 1) * sizeof(*disk->pauses)));
	disk->pauses[kept] = (struct pause){ .uid = uid, .bucket = text_copy(bucket), .until_ms = until_ms };
	disk->n_pauses = kept + 1;
	disk->writes++;
	return 0;
}

int disk_each_pause(const struct disk *disk, int64_t now_ms, store_pause_cb each, void *arg)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < disk->n_pauses; i++) {
		if (disk->pauses[i].until_ms > now_ms)
			r = each(arg, disk->pauses[i].uid, disk->pauses[i].bucket, disk->pauses[i].until_ms);
	}
	return r < 0 ? r : 0;
}

int disk_stop(struct disk *disk, uint32_t uid, const char *origin, bool stopped)
{
	size_t kept = 0;

	for (size_t i = 0; i < disk->n_stops; i++) {
		if (disk->stops[i].uid != uid || strcmp(disk->stops[i].origin, origin) != 0)
			disk->stops[kept++] = disk->stops[i];
		else
			free(disk->stops[i].origin);
	}
	if (stopped) {
		disk->stops = must(realloc(disk->stops, (kept + 1) * sizeof(*disk->stops)));
		disk->stops[kept++] = (struct stop){ .uid = uid, .origin = text_copy(origin) };
	}
	disk->n_stops = kept;
	disk->writes++;
	return 0;
}

int disk_each_stop(const struct disk *disk, store_stop_cb each, void *arg)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < disk->n_stops; i++)
		r = each(arg, disk->stops[i].uid, disk->stops[i].origin);
	return r < 0 ? r : 0;
}

const struct event_rec *disk_events_after(const struct disk *disk, uint64_t since, size_t *ret_count)
{
	size_t low = disk->first_event, high = disk->n_events;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (disk->events[middle].seq <= since)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_count = disk->n_events - low;
	return disk->events + low;
}

uint64_t disk_last_seq(const struct disk *disk)
{
	return disk->last_seq;
}

uint64_t disk_oldest_seq(const struct disk *disk)
{
	return disk->n_events > disk->first_event ? disk->events[disk->first_event].seq : 0;
}

const uint8_t *disk_epoch(const struct disk *disk)
{
	static const uint8_t epoch[16] = "simulated epoch";

	(void)disk;
	return epoch;
}

uint64_t disk_writes(const struct disk *disk)
{
	return disk->writes;
}
