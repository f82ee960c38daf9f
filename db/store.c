/* store.c - the durable state behind its interface: opening, the thread, the queue's two ends. */
#include "db/store.h"
#include "db/ballast.h"
#include "db/database.h"
#include "db/disk.h"
#include "db/queue.h"
#include "db/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct store {
	struct queue queue;
	struct writer writer;           /* the thread's, as are the next two, while it runs */
	struct database database;
	struct ballast ballast;

	pthread_t thread;
	bool started, closing;
	int lock_fd;
	uint8_t epoch[16];
	uint64_t loaded_seq;            /* greatest number that a future had */
	struct queue_report report;     /* as of the last dispatch */
};

/* --- life -------------------------------------------------------------------------------------- */

static int read_epoch(struct store *store)
{
	sqlite3_stmt *stmt = NULL;
	int r = -EUCLEAN;

	if (sqlite3_prepare_v2(store->database.sqlite, "SELECT value FROM meta WHERE name = 'epoch'", -1, &stmt,
	    NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_bytes(stmt, 0) == 16) {
		memcpy(store->epoch, sqlite3_column_blob(stmt, 0), 16);
		r = 0;
	}
	sqlite3_finalize(stmt);
	return r;
}

/* Hand every future to the daemon. */
static int load(struct store *store, const char *dir, store_load_cb on_future, void *arg, char text[256])
{
	int r = read_epoch(store);

	if (r == 0)
		r = future_rows_load(store->database.sqlite, on_future, arg, &store->loaded_seq);
	if (r < 0)
		snprintf(text, 256, "%.150s/state.db: cannot be loaded: %s", dir, strerror(-r));
	return r;
}

/* Everything that takes the lock for granted. */
static int open_locked(struct store *store, const struct store_config *config, store_load_cb on_future, void *arg,
    char text[256])
{
	int r = database_open(&store->database, config->dir, config->events_max, text);

	if (r < 0)
		return r;
	r = load(store, config->dir, on_future, arg, text);
	if (r < 0)
		goto fail_database;
	r = ballast_init(&store->ballast, config->dir, config->ballast_bytes);
	if (r < 0)
		goto fail_memory;
	r = ballast_take(&store->ballast);
	if (r < 0 && r != -ENOSPC) {
		snprintf(text, 256, "%.150s/ballast: %s", config->dir, strerror(-r));
		goto fail_ballast;
	}
	r = writer_init(&store->writer, config->dir, &store->queue, &store->database, &store->ballast);
	if (r == 0)
		return 0;
	snprintf(text, 256, "%s", strerror(-r));
fail_ballast:
	ballast_done(&store->ballast);
fail_memory:
	if (r == -ENOMEM)
		snprintf(text, 256, "%s", strerror(-r));
fail_database:
	database_close(&store->database, true);
	return r;
}

int store_open(const struct store_config *config, store_load_cb on_future, void *arg,
    struct store **ret, char text[256])
{
	struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store) {
		snprintf(text, 256, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	r = disk_check(config->dir, text);
	if (r < 0)
		goto fail;
	r = disk_lock(config->dir, text);
	if (r < 0)
		goto fail;
	store->lock_fd = r;
	r = queue_init(&store->queue);
	if (r < 0) {
		snprintf(text, 256, "%s", strerror(-r));
		goto fail_lock;
	}
	r = open_locked(store, config, on_future, arg, text);
	if (r < 0)
		goto fail_queue;
	writer_report(&store->writer, &store->report);
	*ret = store;
	return 0;
fail_queue:
	queue_done(&store->queue);
fail_lock:
	close(store->lock_fd);
fail:
	free(store);
	return r;
}

static void *thread_main(void *arg)
{
	struct store *store = arg;

	writer_run(&store->writer);
	return NULL;
}

int store_start(struct store *store)
{
	sigset_t all, before;
	int r;

	/* Signals are for the loop's thread: this one inherits a mask that blocks them all. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&store->thread, NULL, thread_main, store);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	store->started = r == 0;
	return -r;
}

int store_fd(const struct store *store)
{
	return store->queue.fd;
}

int store_dispatch(struct store *store)
{
	struct op_list answered;
	struct op *op;
	int n = 0;

	queue_collect(&store->queue, &answered, &store->report);
	while ((op = op_list_pop(&answered))) {
		if (op_finish(op))
			n++;
		op_free(op);
	}
	if (store->report.failed == 0)
		return n;
	/* Whoever waits for the descriptor shall come back to be told again. */
	eventfd_write(store->queue.fd, 1);
	return store->report.failed;
}

const char *store_failure(const struct store *store)
{
	return store->report.failed ? store->report.text : NULL;
}

struct store *store_close(struct store *store)
{
	if (!store)
		return NULL;
	store->closing = true;
	queue_stop(&store->queue);
	if (store->started)
		pthread_join(store->thread, NULL);
	else
		writer_run(&store->writer);
	store_dispatch(store);
	database_close(&store->database, store->report.failed == 0);
	writer_done(&store->writer);
	ballast_done(&store->ballast);
	queue_done(&store->queue);
	close(store->lock_fd);
	free(store);
	return NULL;
}

/* --- what is known without asking ----------------------------------------------------------------- */

uint64_t store_last_seq(const struct store *store)
{
	uint64_t newest = store->report.events_newest;

	return newest > store->loaded_seq ? newest : store->loaded_seq;
}

uint64_t store_oldest_seq(const struct store *store)
{
	return store->report.events_oldest;
}

const uint8_t *store_epoch(const struct store *store)
{
	return store->epoch;
}

void store_stats(const struct store *store, struct store_stats *ret)
{
	const struct queue_report *report = &store->report;

	*ret = (struct store_stats){
		.commits = report->commits,
		.operations = report->operations,
		.events_oldest = report->events_oldest,
		.database_bytes = report->database_bytes,
		.wal_bytes = report->wal_bytes,
		.queued = store->queue.under_way,
		.disk_full = report->disk_full,
	};
}

int store_each_pause(struct store *store, int64_t now_ms, store_pause_cb each, void *arg)
{
	return pause_rows_each(&store->database.pauses, now_ms, each, arg);
}

int store_each_stop(struct store *store, store_stop_cb each, void *arg)
{
	return stop_rows_each(&store->database.stops, each, arg);
}

/* --- operations ----------------------------------------------------------------------------------- */

/* Queue a new operation (NULL: there was no memory for it), or free it. */
static int ask(struct store *store, struct op *op, void *arg)
{
	int r;

	if (!op)
		return -ENOMEM;
	op->arg = arg;
	if (store->closing)
		r = -ESHUTDOWN;
	else if (store->report.failed)
		r = store->report.failed;
	else
		r = queue_ask(&store->queue, op);
	if (r < 0)
		op_free(op);
	return r;
}

static int ask_write(struct store *store, struct op *op, store_cb done, void *arg)
{
	if (op)
		op->done.write = done;
	return ask(store, op, arg);
}

int store_create(struct store *store, const struct future_rec *rec, const struct store_texts *texts,
    const struct event_rec *event, store_cb done, void *arg)
{
	return ask_write(store, op_new_create(rec, texts, event), done, arg);
}

int store_update(struct store *store, const struct future_rec *rec, const struct event_rec *event,
    struct store_blob result, struct store_blob error_details, store_cb done, void *arg)
{
	return ask_write(store, op_new_update(rec, event, result, error_details), done, arg);
}

int store_continue(struct store *store, const struct future_rec *rec, const struct store_texts *texts,
    const struct event_rec *event, store_cb done, void *arg)
{
	return ask_write(store, op_new_continue(rec, texts, event), done, arg);
}

int store_forget(struct store *store, const uint8_t id[STORE_ID_BYTES], const struct event_rec *event,
    store_cb done, void *arg)
{
	return ask_write(store, op_new_forget(id, event), done, arg);
}

int store_pause(struct store *store, uint32_t uid, const char *bucket, int64_t until_ms, int64_t now_ms)
{
	return ask_write(store, op_new_pause(uid, bucket, until_ms, now_ms), NULL, NULL);
}

int store_stop(struct store *store, uint32_t uid, const char *origin, bool stopped, store_cb done, void *arg)
{
	return ask_write(store, op_new_stop(stopped ? OP_STOP : OP_GO, uid, origin), done, arg);
}

static int ask_bytes(struct store *store, struct op *op, store_bytes_cb done, void *arg)
{
	if (op)
		op->done.bytes = done;
	return ask(store, op, arg);
}

int store_read_result(struct store *store, const uint8_t id[STORE_ID_BYTES], uint64_t offset, size_t len,
    store_bytes_cb done, void *arg)
{
	return ask_bytes(store, op_new_read(OP_READ_RESULT, id, offset, len), done, arg);
}

int store_read_error_details(struct store *store, const uint8_t id[STORE_ID_BYTES], store_bytes_cb done,
    void *arg)
{
	return ask_bytes(store, op_new_read(OP_READ_DETAILS, id, 0, 0), done, arg);
}

int store_read_texts(struct store *store, const uint8_t id[STORE_ID_BYTES], store_texts_cb done, void *arg)
{
	struct op *op = op_new_read(OP_READ_TEXTS, id, 0, 0);

	if (op)
		op->done.texts = done;
	return ask(store, op, arg);
}

int store_read_events(struct store *store, uint64_t since, size_t limit, store_events_cb done, void *arg)
{
	struct op *op = op_new_read(OP_READ_EVENTS, NULL, since, limit);

	if (op)
		op->done.events = done;
	return ask(store, op, arg);
}
