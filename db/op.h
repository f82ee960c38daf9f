/* op.h - one operation on the store: what is asked, how it is carried out, who is told. */
#ifndef DB_OP_H
#define DB_OP_H

#include "db/database.h"
#include "db/store.h"

enum op_kind {
	OP_CREATE,
	OP_UPDATE,
	OP_CONTINUE,
	OP_FORGET,
	OP_PAUSE,
	OP_STOP,
	OP_GO,
	OP_READ_RESULT,
	OP_READ_DETAILS,
	OP_READ_TEXTS,
	OP_READ_EVENTS
};

struct op_bytes {
	void *data;                     /* NULL: none; never NULL for an empty value */
	size_t len;
};

struct op {
	struct op *next;
	enum op_kind kind;
	size_t bytes;                   /* that its copies take, about */

	/* What is asked. All memory that a write needs is here from the start. */
	struct future_rec rec;          /* of an update or create; otherwise only its id */
	char *spec, *params, *request;  /* of a create, or replaced by an update; the answer to OP_READ_TEXTS */
	char *bucket;                   /* of a pause: rec.uid's; of a stop, or its end, the origin */
	int64_t until_ms, now_ms;       /* of a pause */
	bool has_event;
	struct event_rec event;
	struct op_bytes result, details; /* of an update */
	uint64_t offset;                /* of a part of a result; the number events come after */
	size_t limit;

	/* What came of it. */
	int status;
	bool given_up;                  /* status stands, whatever becomes of the transaction */
	struct op_bytes bytes_read;
	struct event_rec *events;
	size_t n_events;

	union {
		store_cb write;
		store_bytes_cb bytes;
		store_texts_cb texts;
		store_events_cb events;
	} done;
	void *arg;
};

/* Each returns NULL when there is no memory. They copy what they are given. */
struct op *op_new_create(const struct future_rec *rec, const struct store_texts *texts,
    const struct event_rec *event);
struct op *op_new_update(const struct future_rec *rec, const struct event_rec *event, struct store_blob result,
    struct store_blob details);
/* An update that replaces the texts. */
struct op *op_new_continue(const struct future_rec *rec, const struct store_texts *texts,
    const struct event_rec *event);
struct op *op_new_forget(const uint8_t id[STORE_ID_BYTES], const struct event_rec *event);
struct op *op_new_pause(uint32_t uid, const char *bucket, int64_t until_ms, int64_t now_ms);
/* kind: OP_STOP, or OP_GO for its end. */
struct op *op_new_stop(enum op_kind kind, uint32_t uid, const char *origin);
/* One of the reads; id NULL for OP_READ_EVENTS. */
struct op *op_new_read(enum op_kind kind, const uint8_t id[STORE_ID_BYTES], uint64_t offset, size_t limit);
struct op *op_free(struct op *op);

bool op_writes(const struct op *op);

/* May a read be answered while an earlier write has not been carried out? */
bool op_depends_on(const struct op *read, const struct op *write);

/* Carry it out, within a transaction if it writes. Blocks. Its answer is kept in it; returns the status. Can
 * be done again after that transaction was rolled back. */
int op_run(struct op *op, struct database *database);

/* Its transaction is durable: do what had to wait for that. Blocks. */
void op_settle(const struct op *op, struct database *database);

/* Call back with status and answer. Returns whether there was someone to call. */
bool op_finish(const struct op *op);

/* A queue of them. */
struct op_list {
	struct op *first, *last;
	unsigned count;
	size_t bytes;
};
void op_list_push(struct op_list *list, struct op *op);
/* NULL when it is empty. */
struct op *op_list_pop(struct op_list *list);
/* Move all of source to the end of list. */
void op_list_append(struct op_list *list, struct op_list *source);
/* Free what is in it. */
void op_list_done(struct op_list *list);

#endif
