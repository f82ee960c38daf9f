/* queue.h - the handover between the event loop and the writer's thread: operations there, answers back. */
#ifndef DB_QUEUE_H
#define DB_QUEUE_H

#include "db/op.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* What may be under way at once; more is refused. */
#define QUEUE_OPS_MAX (256 * 1024)
#define QUEUE_BYTES_MAX (256 * 1024 * 1024)

/* What the writer lets the loop know of itself, with each answer. */
struct queue_report {
	uint64_t commits, operations;
	uint64_t events_oldest, events_newest;
	uint64_t database_bytes, wal_bytes;
	bool disk_full;
	int failed;                     /* negative errno: for good */
	char text[256];                 /* why */
};

struct queue {
	int fd;                         /* eventfd: something came back */

	/* Of the loop. */
	unsigned under_way;             /* operations accepted and not answered */
	size_t bytes_under_way;

	/* Of both. */
	pthread_mutex_t lock;
	pthread_cond_t wake;            /* something for the writer; on the monotonic clock */
	struct op_list asked, answered;
	struct queue_report report;
	bool stop;
};

/* 0 or a negative errno. */
int queue_init(struct queue *queue);
void queue_done(struct queue *queue);

/* Monotonic time. */
uint64_t queue_now_usec(void);

/* Loop: hand an operation over. -ENOMEM: too much is under way, op is still the caller's. */
int queue_ask(struct queue *queue, struct op *op);
/* Loop: take the answers, and the report that belongs to them. */
void queue_collect(struct queue *queue, struct op_list *ret_answered, struct queue_report *ret_report);
/* Loop: no more will come. */
void queue_stop(struct queue *queue);

/* Writer: wait until there is something new, queue_stop() was called, or it is until_usec (0: do not wait;
 * UINT64_MAX: no end). Appends what is there to ret_asked. Returns whether to stop. */
bool queue_wait(struct queue *queue, uint64_t until_usec, struct op_list *ret_asked);
/* Writer: hand answers back, all of the list, with a new report. */
void queue_answer(struct queue *queue, struct op_list *answered, const struct queue_report *report);

#endif
