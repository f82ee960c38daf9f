/* op.c - one operation on the store: what is asked, how it is carried out, who is told. */
#include "db/op.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- making them ------------------------------------------------------------------------------- */

static struct op *op_new(enum op_kind kind, const struct event_rec *event)
{
	struct op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->kind = kind;
	op->bytes = sizeof(*op);
	if (event) {
		op->has_event = true;
		op->event = *event;
	}
	return op;
}

static int copy_text(struct op *op, const char *text, char **ret)
{
	if (!text)
		return 0;
	*ret = strdup(text);
	op->bytes += strlen(text);
	return *ret ? 0 : -ENOMEM;
}

static int copy_texts(struct op *op, const struct store_texts *texts)
{
	if (copy_text(op, texts->spec, &op->spec) < 0 || copy_text(op, texts->params, &op->params) < 0)
		return -ENOMEM;
	return copy_text(op, texts->request, &op->request);
}

static int copy_blob(struct op *op, struct store_blob blob, struct op_bytes *ret)
{
	if (!blob.data)
		return 0;
	ret->data = malloc(blob.len + 1);
	if (!ret->data)
		return -ENOMEM;
	memcpy(ret->data, blob.data, blob.len);
	ret->len = blob.len;
	op->bytes += blob.len;
	return 0;
}

static int copy_rec(struct op *op, const struct future_rec *rec)
{
	op->bytes += future_rec_bytes(rec);
	return future_rec_copy(rec, &op->rec);
}

struct op *op_new_create(const struct future_rec *rec, const struct store_texts *texts,
    const struct event_rec *event)
{
	struct op *op = op_new(OP_CREATE, event);

	if (!op)
		return NULL;
	if (copy_rec(op, rec) < 0 || copy_texts(op, texts) < 0)
		return op_free(op);
	return op;
}

/* Those parts of a record that an update writes. */
static int copy_changing(struct op *op, const struct future_rec *rec)
{
	struct future_rec changing = *rec;

	changing.labels = NULL;
	changing.n_labels = 0;
	changing.after = NULL;
	changing.n_after = 0;
	changing.profile = NULL;
	changing.key = NULL;
	return copy_rec(op, &changing);
}

struct op *op_new_update(const struct future_rec *rec, const struct event_rec *event, struct store_blob result,
    struct store_blob details)
{
	struct op *op = op_new(OP_UPDATE, event);

	if (!op)
		return NULL;
	if (copy_changing(op, rec) < 0 || copy_blob(op, result, &op->result) < 0 ||
	    copy_blob(op, details, &op->details) < 0)
		return op_free(op);
	return op;
}

struct op *op_new_continue(const struct future_rec *rec, const struct store_texts *texts,
    const struct event_rec *event)
{
	struct op *op = op_new(OP_CONTINUE, event);

	if (!op)
		return NULL;
	return copy_rec(op, rec) < 0 || copy_texts(op, texts) < 0 ? op_free(op) : op;
}

struct op *op_new_forget(const uint8_t id[STORE_ID_BYTES], const struct event_rec *event)
{
	struct op *op = op_new(OP_FORGET, event);

	if (op)
		memcpy(op->rec.id, id, STORE_ID_BYTES);
	return op;
}

struct op *op_new_pause(uint32_t uid, const char *bucket, int64_t until_ms, int64_t now_ms)
{
	struct op *op = op_new(OP_PAUSE, NULL);

	if (!op)
		return NULL;
	op->rec.uid = uid;
	op->until_ms = until_ms;
	op->now_ms = now_ms;
	return copy_text(op, bucket, &op->bucket) < 0 ? op_free(op) : op;
}

struct op *op_new_stop(enum op_kind kind, uint32_t uid, const char *origin)
{
	struct op *op = op_new(kind, NULL);

	if (!op)
		return NULL;
	op->rec.uid = uid;
	return copy_text(op, origin, &op->bucket) < 0 ? op_free(op) : op;
}

struct op *op_new_read(enum op_kind kind, const uint8_t id[STORE_ID_BYTES], uint64_t offset, size_t limit)
{
	struct op *op = op_new(kind, NULL);

	if (!op)
		return NULL;
	if (id)
		memcpy(op->rec.id, id, STORE_ID_BYTES);
	op->offset = offset;
	op->limit = limit;
	return op;
}

/* Free an answer, as when the operation has to be done again. */
static void drop_answer(struct op *op)
{
	free(op->bytes_read.data);
	op->bytes_read = (struct op_bytes){ NULL, 0 };
	free(op->events);
	op->events = NULL;
	op->n_events = 0;
	if (op->kind == OP_READ_TEXTS) {
		free(op->spec);
		free(op->params);
		free(op->request);
		op->spec = op->params = op->request = NULL;
	}
}

struct op *op_free(struct op *op)
{
	if (!op)
		return NULL;
	drop_answer(op);
	future_rec_done(&op->rec);
	free(op->spec);
	free(op->params);
	free(op->request);
	free(op->bucket);
	free(op->result.data);
	free(op->details.data);
	free(op);
	return NULL;
}

/* --- carrying them out -------------------------------------------------------------------------- */

static int run_create(struct op *op, struct database *database)
{
	struct store_texts texts = { op->spec, op->params, op->request };

	return future_rows_insert(&database->futures, &op->rec, &texts);
}

static int run_update(struct op *op, struct database *database)
{
	struct store_blob result = { op->result.data, op->result.len };
	struct store_blob details = { op->details.data, op->details.len };

	return future_rows_update(&database->futures, &op->rec, result, details);
}

static int run_continue(struct op *op, struct database *database)
{
	struct store_texts texts = { op->spec, op->params, op->request };
	struct store_blob none = { NULL, 0 };
	int r = future_rows_update(&database->futures, &op->rec, none, none);

	return r < 0 ? r : future_rows_replace(&database->futures, &op->rec, &texts);
}

static int run_forget(struct op *op, struct database *database)
{
	return future_rows_remove(&database->futures, op->rec.id);
}

static int run_pause(struct op *op, struct database *database)
{
	return pause_rows_put(&database->pauses, op->rec.uid, op->bucket, op->until_ms, op->now_ms);
}

static int run_stop(struct op *op, struct database *database)
{
	return stop_rows_put(&database->stops, op->rec.uid, op->bucket);
}

static int run_go(struct op *op, struct database *database)
{
	return stop_rows_remove(&database->stops, op->rec.uid, op->bucket);
}

static int run_read_result(struct op *op, struct database *database)
{
	return future_rows_read_result(&database->futures, op->rec.id, op->offset, op->limit,
	    &op->bytes_read.data, &op->bytes_read.len);
}

static int run_read_details(struct op *op, struct database *database)
{
	return future_rows_read_details(&database->futures, op->rec.id, &op->bytes_read.data,
	    &op->bytes_read.len);
}

static int run_read_texts(struct op *op, struct database *database)
{
	char *texts[3];
	int r = future_rows_read_texts(&database->futures, op->rec.id, texts);

	if (r < 0)
		return r;
	op->spec = texts[0];
	op->params = texts[1];
	op->request = texts[2];
	return 0;
}

static int run_read_events(struct op *op, struct database *database)
{
	return event_rows_read(&database->events, op->offset, op->limit, &op->events, &op->n_events);
}

/* --- telling who asked --------------------------------------------------------------------------- */

static void tell_write(const struct op *op)
{
	op->done.write(op->arg, op->status);
}

static void tell_bytes(const struct op *op)
{
	op->done.bytes(op->arg, op->status, op->bytes_read.data, op->bytes_read.len);
}

static void tell_texts(const struct op *op)
{
	struct store_texts texts = { op->spec, op->params, op->request };

	op->done.texts(op->arg, op->status, op->status == 0 ? &texts : NULL);
}

static void tell_events(const struct op *op)
{
	op->done.events(op->arg, op->status, op->events, op->n_events);
}

static const struct {
	bool writes;
	int (*run)(struct op *op, struct database *database);
	void (*tell)(const struct op *op);
} kinds[] = {
	[OP_CREATE] = { true, run_create, tell_write },
	[OP_UPDATE] = { true, run_update, tell_write },
	[OP_CONTINUE] = { true, run_continue, tell_write },
	[OP_FORGET] = { true, run_forget, tell_write },
	[OP_PAUSE] = { true, run_pause, tell_write },
	[OP_STOP] = { true, run_stop, tell_write },
	[OP_GO] = { true, run_go, tell_write },
	[OP_READ_RESULT] = { false, run_read_result, tell_bytes },
	[OP_READ_DETAILS] = { false, run_read_details, tell_bytes },
	[OP_READ_TEXTS] = { false, run_read_texts, tell_texts },
	[OP_READ_EVENTS] = { false, run_read_events, tell_events },
};

bool op_writes(const struct op *op)
{
	return kinds[op->kind].writes;
}

bool op_depends_on(const struct op *read, const struct op *write)
{
	if (read->kind == OP_READ_EVENTS)
		return write->has_event;
	return memcmp(read->rec.id, write->rec.id, STORE_ID_BYTES) == 0;
}

int op_run(struct op *op, struct database *database)
{
	drop_answer(op);
	op->status = kinds[op->kind].run(op, database);
	if (op->status == 0 && op->has_event)
		op->status = event_rows_insert(&database->events, &op->event);
	return op->status;
}

void op_settle(const struct op *op, struct database *database)
{
	/* A file that is left behind is found at the next start. */
	if (op->kind == OP_FORGET && op->status == 0)
		side_remove(&database->side, op->rec.id);
}

bool op_finish(const struct op *op)
{
	if (!op->done.write)
		return false;
	kinds[op->kind].tell(op);
	return true;
}

/* --- lists --------------------------------------------------------------------------------------- */

void op_list_push(struct op_list *list, struct op *op)
{
	op->next = NULL;
	if (list->last)
		list->last->next = op;
	else
		list->first = op;
	list->last = op;
	list->count++;
	list->bytes += op->bytes;
}

struct op *op_list_pop(struct op_list *list)
{
	struct op *op = list->first;

	if (!op)
		return NULL;
	list->first = op->next;
	if (!list->first)
		list->last = NULL;
	list->count--;
	list->bytes -= op->bytes;
	op->next = NULL;
	return op;
}

void op_list_append(struct op_list *list, struct op_list *source)
{
	if (!source->first)
		return;
	if (list->last)
		list->last->next = source->first;
	else
		list->first = source->first;
	list->last = source->last;
	list->count += source->count;
	list->bytes += source->bytes;
	*source = (struct op_list){ NULL, NULL, 0, 0 };
}

void op_list_done(struct op_list *list)
{
	while (list->first)
		op_free(op_list_pop(list));
}
