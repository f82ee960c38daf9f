/* disk.h - what a simulated store has made durable: it outlives the store, as a disk outlives a process. */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include "db/store.h"

struct disk;

/* An empty disk that keeps so many events. Aborts when memory runs out, as all of tests/sim does. */
struct disk *disk_new(uint64_t events_max);
struct disk *disk_free(struct disk *disk);

/* The next futures to be created find it full (or not any more); what exists can be written. */
void disk_set_full(struct disk *disk, bool full);
bool disk_is_full(const struct disk *disk);

/* The changes of db/store.h, carried out at once. 0 or the status that the callback is given. */
int disk_create(struct disk *disk, const struct future_rec *rec, const struct store_texts *texts,
    const struct event_rec *event);
int disk_update(struct disk *disk, const struct future_rec *rec, const struct event_rec *event,
    struct store_blob result, struct store_blob error_details);
int disk_continue(struct disk *disk, const struct future_rec *rec, const struct store_texts *texts,
    const struct event_rec *event);
int disk_forget(struct disk *disk, const uint8_t id[STORE_ID_BYTES], const struct event_rec *event);

/* Of store_pause() and store_each_pause(). */
int disk_pause(struct disk *disk, uint32_t uid, const char *bucket, int64_t until_ms, int64_t now_ms);
int disk_each_pause(const struct disk *disk, int64_t now_ms, store_pause_cb each, void *arg);

/* Of store_stop() and store_each_stop(). */
int disk_stop(struct disk *disk, uint32_t uid, const char *origin, bool stopped);
int disk_each_stop(const struct disk *disk, store_stop_cb each, void *arg);

/* What is durable of a future; NULL: nothing. Borrowed until the next change. */
struct disk_future {
	struct future_rec rec;
	struct store_texts texts;
	struct store_blob result, error_details;
};
const struct disk_future *disk_find(const struct disk *disk, const uint8_t id[STORE_ID_BYTES]);
/* By place in the order of ids. */
size_t disk_count(const struct disk *disk);
const struct disk_future *disk_at(const struct disk *disk, size_t i);

/* The log: ascending. */
const struct event_rec *disk_events_after(const struct disk *disk, uint64_t since, size_t *ret_count);
uint64_t disk_last_seq(const struct disk *disk);
uint64_t disk_oldest_seq(const struct disk *disk);
const uint8_t *disk_epoch(const struct disk *disk);

/* How many changes there were. */
uint64_t disk_writes(const struct disk *disk);

#endif
