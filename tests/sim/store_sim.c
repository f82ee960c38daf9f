/* store_sim.c - a queue of operations in front of a simulated disk. */
#include "tests/sim/store_sim.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum kind { CREATE, UPDATE, CONTINUE, FORGET, PAUSE, STOP, GO, READ_RESULT, READ_DETAILS, READ_TEXTS, READ_EVENTS };

/* One operation with copies of all that it was given, then of all that it found. */
struct operation {
	struct operation *next;
	enum kind kind;
	struct future_rec rec;          /* rec.id alone where no record was given */
	struct store_texts texts;
	bool has_event;
	struct event_rec event;
	struct store_blob result, details;
	char *bucket;                   /* of a pause; its owner is in rec.uid; of a stop, or its end, the origin */
	int64_t until_ms, now_ms;
	uint64_t offset, since;
	size_t len;                     /* bytes, or events */
	struct event_rec *events;
	size_t n_events;
	int status;
	union {
		store_cb plain;
		store_bytes_cb bytes;
		store_texts_cb texts;
		store_events_cb events;
	} done;
	void *arg;
};

struct queue {
	struct operation *first, **end;
	size_t count;
};

struct store {
	struct disk *disk;
	struct queue queued, finished;
	unsigned refuse;
	bool crashed, fail_update;
	uint64_t commits, operations;
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static void queue_init(struct queue *queue)
{
	*queue = (struct queue){ .end = &queue->first };
}

static void queue_put(struct queue *queue, struct operation *op)
{
	op->next = NULL;
	*queue->end = op;
	queue->end = &op->next;
	queue->count++;
}

static struct operation *queue_take(struct queue *queue)
{
	struct operation *op = queue->first;

	if (!op)
		return NULL;
	queue->first = op->next;
	if (!queue->first)
		queue->end = &queue->first;
	queue->count--;
	return op;
}

int store_sim_open(struct disk *disk, store_load_cb on_future, void *arg, struct store **ret)
{
	struct store *store;

	for (size_t i = 0; i < disk_count(disk); i++) {
		const struct disk_future *future = disk_at(disk, i);
		struct future_rec rec;
		int r;

		if (future_rec_copy(&future->rec, &rec) < 0)
			abort();
		r = on_future(&rec, &future->texts, arg);
		future_rec_done(&rec);
		if (r < 0)
			return r;
	}
	store = must(calloc(1, sizeof(*store)));
	store->disk = disk;
	queue_init(&store->queued);
	queue_init(&store->finished);
	*ret = store;
	return 0;
}

uint64_t store_last_seq(const struct store *store)
{
	return disk_last_seq(store->disk);
}

uint64_t store_oldest_seq(const struct store *store)
{
	return disk_oldest_seq(store->disk);
}

const uint8_t *store_epoch(const struct store *store)
{
	return disk_epoch(store->disk);
}

void store_stats(const struct store *store, struct store_stats *ret)
{
	*ret = (struct store_stats){
		.commits = store->commits,
		.operations = store->operations,
		.events_oldest = disk_oldest_seq(store->disk),
		.queued = (uint32_t)store->queued.count,
		.disk_full = disk_is_full(store->disk)
	};
}

static struct store_blob blob_copy(struct store_blob blob)
{
	void *copy;

	if (!blob.data)
		return (struct store_blob){ 0 };
	copy = must(malloc(blob.len + 1));
	memcpy(copy, blob.data, blob.len);
	return (struct store_blob){ copy, blob.len };
}

static void texts_done(struct store_texts *texts)
{
	free((void *)(uintptr_t)texts->spec);
	free((void *)(uintptr_t)texts->params);
	free((void *)(uintptr_t)texts->request);
}

static char *text_copy(const char *text)
{
	return text ? must(strdup(text)) : NULL;
}

static struct store_texts texts_copy(const struct store_texts *texts)
{
	return (struct store_texts){
		.spec = text_copy(texts->spec),
		.params = text_copy(texts->params),
		.request = text_copy(texts->request)
	};
}

static void operation_free(struct operation *op)
{
	future_rec_done(&op->rec);
	texts_done(&op->texts);
	free((void *)(uintptr_t)op->result.data);
	free((void *)(uintptr_t)op->details.data);
	free(op->bucket);
	free(op->events);
	free(op);
}

/* A new operation in the queue. NULL: refused. */
static struct operation *enqueue(struct store *store, enum kind kind, const uint8_t *id,
    const struct event_rec *event, void *arg)
{
	struct operation *op;

	if (store->crashed || (store->refuse > 0 && --store->refuse == 0))
		return NULL;
	op = must(calloc(1, sizeof(*op)));
	op->kind = kind;
	op->arg = arg;
	if (id)
		memcpy(op->rec.id, id, STORE_ID_BYTES);
	if (event) {
		op->has_event = true;
		op->event = *event;
	}
	queue_put(&store->queued, op);
	store->operations++;
	return op;
}

int store_create(struct store *store, const struct future_rec *rec, const struct store_texts *texts,
    const struct event_rec *event, store_cb done, void *arg)
{
	struct operation *op = enqueue(store, CREATE, NULL, event, arg);

	if (!op)
		return -ENOMEM;
	if (future_rec_copy(rec, &op->rec) < 0)
		abort();
	op->texts = texts_copy(texts);
	op->done.plain = done;
	return 0;
}

int store_update(struct store *store, const struct future_rec *rec, const struct event_rec *event,
    struct store_blob result, struct store_blob error_details, store_cb done, void *arg)
{
	struct operation *op = enqueue(store, UPDATE, NULL, event, arg);

	if (!op)
		return -ENOMEM;
	if (future_rec_copy(rec, &op->rec) < 0)
		abort();
	op->result = blob_copy(result);
	op->details = blob_copy(error_details);
	op->done.plain = done;
	return 0;
}

int store_continue(struct store *store, const struct future_rec *rec, const struct store_texts *texts,
    const struct event_rec *event, store_cb done, void *arg)
{
	struct operation *op = enqueue(store, CONTINUE, NULL, event, arg);

	if (!op)
		return -ENOMEM;
	if (future_rec_copy(rec, &op->rec) < 0)
		abort();
	op->texts = texts_copy(texts);
	op->done.plain = done;
	return 0;
}

int store_forget(struct store *store, const uint8_t id[STORE_ID_BYTES], const struct event_rec *event,
    store_cb done, void *arg)
{
	struct operation *op = enqueue(store, FORGET, id, event, arg);

	if (!op)
		return -ENOMEM;
	op->done.plain = done;
	return 0;
}

int store_pause(struct store *store, uint32_t uid, const char *bucket, int64_t until_ms, int64_t now_ms)
{
	struct operation *op = enqueue(store, PAUSE, NULL, NULL, NULL);

	if (!op)
		return -ENOMEM;
	op->rec.uid = uid;
	op->bucket = text_copy(bucket);
	op->until_ms = until_ms;
	op->now_ms = now_ms;
	return 0;
}

int store_each_pause(struct store *store, int64_t now_ms, store_pause_cb each, void *arg)
{
	return disk_each_pause(store->disk, now_ms, each, arg);
}

int store_stop(struct store *store, uint32_t uid, const char *origin, bool stopped, store_cb done, void *arg)
{
	struct operation *op = enqueue(store, stopped ? STOP : GO, NULL, NULL, arg);

	if (!op)
		return -ENOMEM;
	op->rec.uid = uid;
	op->bucket = text_copy(origin);
	op->done.plain = done;
	return 0;
}

int store_each_stop(struct store *store, store_stop_cb each, void *arg)
{
	return disk_each_stop(store->disk, each, arg);
}

int store_read_result(struct store *store, const uint8_t id[STORE_ID_BYTES], uint64_t offset, size_t len,
    store_bytes_cb done, void *arg)
{
	struct operation *op = enqueue(store, READ_RESULT, id, NULL, arg);

	if (!op)
		return -ENOMEM;
	op->offset = offset;
	op->len = len;
	op->done.bytes = done;
	return 0;
}

int store_read_error_details(struct store *store, const uint8_t id[STORE_ID_BYTES], store_bytes_cb done,
    void *arg)
{
	struct operation *op = enqueue(store, READ_DETAILS, id, NULL, arg);

	if (!op)
		return -ENOMEM;
	op->done.bytes = done;
	return 0;
}

int store_read_texts(struct store *store, const uint8_t id[STORE_ID_BYTES], store_texts_cb done, void *arg)
{
	struct operation *op = enqueue(store, READ_TEXTS, id, NULL, arg);

	if (!op)
		return -ENOMEM;
	op->done.texts = done;
	return 0;
}

int store_read_events(struct store *store, uint64_t since, size_t limit, store_events_cb done, void *arg)
{
	struct operation *op = enqueue(store, READ_EVENTS, NULL, NULL, arg);

	if (!op)
		return -ENOMEM;
	op->since = since;
	op->len = limit;
	op->done.events = done;
	return 0;
}

static int find_bytes(const struct store_blob *blob, struct operation *op, size_t max)
{
	struct store_blob part = *blob;

	if (!blob->data)
		return -ENOENT;
	if (op->offset >= part.len)
		part = (struct store_blob){ "", 0 };
	else
		part = (struct store_blob){ (const char *)part.data + op->offset, part.len - op->offset };
	if (part.len > max)
		part.len = max;
	op->result = blob_copy(part);
	return 0;
}

static int find_events(const struct disk *disk, struct operation *op)
{
	const struct event_rec *events = disk_events_after(disk, op->since, &op->n_events);

	if (op->n_events > op->len)
		op->n_events = op->len;
	op->events = must(calloc(op->n_events + 1, sizeof(*op->events)));
	if (op->n_events > 0)
		memcpy(op->events, events, op->n_events * sizeof(*op->events));
	return 0;
}

static int perform(struct disk *disk, struct operation *op)
{
	const struct event_rec *event = op->has_event ? &op->event : NULL;
	const struct disk_future *future;

	switch (op->kind) {
	case CREATE:
		return disk_create(disk, &op->rec, &op->texts, event);
	case UPDATE:
		return disk_update(disk, &op->rec, event, op->result, op->details);
	case CONTINUE:
		return disk_continue(disk, &op->rec, &op->texts, event);
	case FORGET:
		return disk_forget(disk, op->rec.id, event);
	case PAUSE:
		return disk_pause(disk, op->rec.uid, op->bucket, op->until_ms, op->now_ms);
	case STOP:
	case GO:
		return disk_stop(disk, op->rec.uid, op->bucket, op->kind == STOP);
	case READ_EVENTS:
		return find_events(disk, op);
	case READ_RESULT:
	case READ_DETAILS:
	case READ_TEXTS:
		break;
	}
	future = disk_find(disk, op->rec.id);
	if (!future)
		return -ENOENT;
	if (op->kind == READ_RESULT)
		return find_bytes(&future->result, op, op->len);
	if (op->kind == READ_DETAILS)
		return find_bytes(&future->error_details, op, SIZE_MAX);
	op->texts = texts_copy(&future->texts);
	return 0;
}

size_t store_sim_queued(const struct store *store)
{
	return store->queued.count;
}

size_t store_sim_finished(const struct store *store)
{
	return store->finished.count;
}

void store_sim_commit(struct store *store, size_t count)
{
	if (count > 0 && store->queued.first)
		store->commits++;
	while (count-- > 0 && store->queued.first) {
		struct operation *op = queue_take(&store->queued);

		if (store->fail_update && (op->kind == UPDATE || op->kind == STOP || op->kind == GO)) {
			store->fail_update = false;
			op->status = -ENOMEM;
		} else {
			op->status = perform(store->disk, op);
		}
		queue_put(&store->finished, op);
	}
}

void store_sim_fail_update(struct store *store)
{
	store->fail_update = true;
}

void store_sim_refuse(struct store *store, unsigned nth)
{
	store->refuse = nth;
}

static void call_back(struct operation *op)
{
	bool ok = op->status == 0;

	switch (op->kind) {
	case CREATE:
	case UPDATE:
	case CONTINUE:
	case FORGET:
	case PAUSE:
	case STOP:
	case GO:
		if (op->done.plain)
			op->done.plain(op->arg, op->status);
		break;
	case READ_RESULT:
	case READ_DETAILS:
		op->done.bytes(op->arg, op->status, ok ? op->result.data : NULL, ok ? op->result.len : 0);
		break;
	case READ_TEXTS:
		op->done.texts(op->arg, op->status, ok ? &op->texts : NULL);
		break;
	case READ_EVENTS:
		op->done.events(op->arg, op->status, op->events, ok ? op->n_events : 0);
		break;
	}
}

int store_dispatch(struct store *store)
{
	/* Only those that are there now: a callback may queue more, which are committed later. */
	size_t count = store->finished.count;

	for (size_t i = 0; i < count; i++) {
		struct operation *op = queue_take(&store->finished);

		call_back(op);
		operation_free(op);
	}
	return (int)count;
}

void store_sim_crash(struct store *store)
{
	struct operation *op;

	store->crashed = true;
	while ((op = queue_take(&store->finished)) || (op = queue_take(&store->queued))) {
		op->status = -EIO;
		call_back(op);
		operation_free(op);
	}
}

struct store *store_sim_free(struct store *store)
{
	if (!store)
		return NULL;
	assert(store->queued.count == 0 && store->finished.count == 0);
	free(store);
	return NULL;
}
