/* record.c - changes a future's record: a draft is written to the store, then becomes the record. */
#include "daemon/broker/record.h"

#include "daemon/broker/core.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void record_draft(const struct future *future, struct future_rec *ret_draft)
{
	*ret_draft = future->rec;
}

void record_drop(const struct future *future, struct future_rec *draft)
{
	future_rec_done_unshared(draft, &future->rec);
}

int record_text(const struct future *future, struct future_rec *draft, char **slot, struct slice text)
{
	char *const *old = (char *const *)((const char *)&future->rec + ((char *)slot - (char *)draft));
	char *copy = NULL;

	if (text.data) {
		copy = strndup(text.data, text.len);
		if (!copy)
			return -ENOMEM;
	}
	if (*slot != *old)
		free(*slot);
	*slot = copy;
	return 0;
}

void record_move(const struct future *future, struct future_rec *draft, enum store_state to)
{
	/* For each state, the set of states that may follow. What is over stays as it is. */
	enum { OVER = 1u << STORE_SUCCEEDED | 1u << STORE_FAILED | 1u << STORE_CANCELLED };
	static const unsigned moves[] = {
		[STORE_PENDING] = 1u << STORE_RUNNING | OVER,
		[STORE_RUNNING] = OVER,
		[STORE_SUCCEEDED] = 0,
		[STORE_FAILED] = 0,
		[STORE_CANCELLED] = 0,
	};
	/* A promise whose producer is gone may be free again. */
	unsigned back = draft->kind == STORE_KIND_PROMISE && draft->state == STORE_RUNNING ? 1u << STORE_PENDING : 0;
	int64_t now_ms = core_wall_ms(future->broker);

	assert((moves[draft->state] | back) & 1u << to);
	draft->state = to;
	if (to == STORE_RUNNING)
		draft->started_at_ms = now_ms;
	else if (to == STORE_PENDING)
		draft->started_at_ms = 0;
	if (future_state_terminal(to)) {
		draft->finished_at_ms = now_ms;
		draft->expires_at_ms = draft->ttl_ms < 0 ? 0 : now_ms + draft->ttl_ms;
		draft->next_at_ms = 0;
		draft->paused = false;
	}
}

void record_drop_claim(const struct future *future, struct future_rec *draft)
{
	const struct slice none = { 0 };

	(void)record_text(future, draft, &draft->claim, none);  /* cannot fail without a text */
	draft->lease_until_ms = 0;
}

void record_event(struct future *future, enum store_event event, struct event_rec *ret)
{
	const struct future_rec *rec = &future->rec;

	*ret = (struct event_rec){
		.seq = ++future->broker->seq,
		.at_ms = core_wall_ms(future->broker),
		.uid = rec->uid,
		.gid = rec->gid,
		.mode = rec->mode,
		.event = event,
		.state = rec->state,
	};
	memcpy(ret->id, rec->id, sizeof ret->id);
}

/* One write under way that somebody will hear of. */
struct write {
	struct future *future;
	bool has_event;
	struct event_rec event;
	struct trouble trouble;         /* its message belongs to the write */
	void (*then)(void *arg, struct future *future, int status);
	void *arg;
};

static void write_free(struct write *write)
{
	if (!write)
		return;
	free((char *)write->trouble.message);
	free(write);
}

/* A write that nobody waits for. */
static void on_noted(void *arg, int status)
{
	struct broker *broker = arg;

	if (status < 0)
		broker->lost = true;
}

static void on_written(void *arg, int status)
{
	struct write *write = arg;
	struct future *future = write->future;

	on_noted(future->broker, status);
	if (status == 0 && write->has_event)
		core_durable(future->broker, future, &write->event, write->trouble.message ? &write->trouble : NULL);
	if (write->then)
		write->then(write->arg, future, status);
	write_free(write);
	future_unpin(future);
}

static enum store_event event_of(const struct record_change *change, bool moved)
{
	if (moved)
		return STORE_EVENT_CHANGED;
	return change->progress ? STORE_EVENT_PROGRESS : STORE_EVENT_TROUBLE;
}

static int note_trouble(struct write *write, const struct future_rec *draft)
{
	write->trouble.message = strdup(draft->last_error ? draft->last_error : "");
	write->trouble.attempts = draft->attempts;
	return write->trouble.message ? 0 : -ENOMEM;
}

/* write: NULL when nobody will hear of it. */
static int queue_write(struct broker *broker, const struct future_rec *draft, struct write *write,
    const struct record_change *change)
{
	const struct event_rec *event = write && write->has_event ? &write->event : NULL;
	store_cb done = write ? on_written : on_noted;
	void *arg = write ? (void *)write : broker;

	if (change->texts)
		return store_continue(broker->store, draft, change->texts, event, done, arg);
	return store_update(broker->store, draft, event, change->result, change->error_details, done, arg);
}

int record_write(struct future *future, struct future_rec *draft, const struct record_change *change)
{
	static const struct record_change plain;
	bool moved = draft->state != future->rec.state;
	struct write *write = NULL;
	int r = -ENOMEM;

	if (!change)
		change = &plain;
	if (moved || change->progress || change->trouble || change->then) {
		write = calloc(1, sizeof *write);
		if (!write)
			goto fail;
		write->future = future;
		write->then = change->then;
		write->arg = change->arg;
		write->has_event = moved || change->progress || change->trouble;
		if (change->trouble && note_trouble(write, draft) < 0)
			goto fail;
	}
	if (write && write->has_event) {
		record_event(future, event_of(change, moved), &write->event);
		write->event.state = draft->state;
		draft->seq = write->event.seq;
	}
	r = queue_write(future->broker, draft, write, change);
	if (r < 0)
		goto fail;
	if (write)
		future_pin(future);
	future_rec_done_unshared(&future->rec, draft);
	future->rec = *draft;
	return 0;
fail:
	write_free(write);
	record_drop(future, draft);
	return r;
}
