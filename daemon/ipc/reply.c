/* reply.c - what clients are told of a future: snapshots, events and failures. */
#include "daemon/ipc/reply.h"

static const char *const event_names[] = {
	[STORE_EVENT_CREATED] = "created",
	[STORE_EVENT_CHANGED] = "changed",
	[STORE_EVENT_PROGRESS] = "progress",
	[STORE_EVENT_FORGOTTEN] = "forgotten",
	[STORE_EVENT_TROUBLE] = "trouble",
};

/* Records have 0 where there is no time or number. */
static struct maybe_u64 if_set(int64_t value)
{
	return (struct maybe_u64){ .set = value > 0, .value = (uint64_t)value };
}

static struct maybe_u64 always(uint64_t value)
{
	return (struct maybe_u64){ .set = true, .value = value };
}

bool reply_failure(const struct future_view *view, struct failure_wire *ret)
{
	const struct future_rec *rec = view->rec;

	if (!view->terminal || view->state == STORE_SUCCEEDED || !rec->error_kind)
		return false;
	*ret = (struct failure_wire){
		.kind = slice_from_str(rec->error_kind),
		.message = slice_from_str(rec->error_message),
		.code = slice_from_str(rec->error_code),
		.http_status = if_set(rec->error_http_status),
		.attempts = if_set(rec->attempts),
	};
	return true;
}

static void pack_labels(struct pack *pack, const struct future_rec *rec)
{
	pack_str(pack, "labels");
	pack_map(pack, (uint32_t)rec->n_labels);
	for (size_t i = 0; i < rec->n_labels; i++) {
		pack_str(pack, rec->labels[i].name);
		pack_str(pack, rec->labels[i].value);
	}
}

static void pack_after(struct pack *pack, const struct future_rec *rec)
{
	struct id id;

	pack_str(pack, "after");
	pack_array(pack, (uint32_t)rec->n_after);
	for (size_t i = 0; i < rec->n_after; i++) {
		memcpy(id.bytes, rec->after[i], sizeof(id.bytes));
		pack_id(pack, &id);
	}
}

static void pack_failure(struct pack *pack, const struct failure_wire *failure)
{
	pack_str(pack, "error");
	fields_write(pack, failure_fields, failure);
}

void reply_snapshot(struct pack *pack, const struct future *future)
{
	struct failure_wire failure;
	struct future_view view;
	struct snapshot snapshot;
	const struct future_rec *rec;
	bool failed, labelled, dependent;

	future_view(future, &view);
	rec = view.rec;
	snapshot = (struct snapshot){
		.id = view.id,
		.state = slice_from_str(future_state_name(view.state)),
		.kind = slice_from_str(future_kind_name(rec->kind)),
		.profile = slice_from_str(rec->profile),
		.key = slice_from_str(rec->key),
		.uid = always(rec->uid),
		.mode = always(rec->mode),
		.created_at_ms = if_set(rec->created_at_ms),
		.started_at_ms = if_set(rec->started_at_ms),
		.deadline_at_ms = if_set(rec->deadline_at_ms),
		.requests = always(rec->requests),
		.hops = if_set(rec->hops),
		.attempts = always(rec->attempts),
		.condition = slice_from_str(view.condition),
		.condition_since_ms = if_set(view.condition ? view.condition_since_ms : 0),
		.last_error = slice_from_str(rec->last_error),
		.cancel_requested = rec->cancel_requested,
		.paused = rec->paused,
		.pinned = rec->pinned,
		.progress = slice_from_str(rec->progress),
		.claimed = view.claimed,
		.lease_until_ms = if_set(view.claimed ? rec->lease_until_ms : 0),
		.seq = always(view.seq),
		.held = rec->held && !view.terminal,
		.start_at_ms = if_set(rec->start_at_ms),
	};
	if (view.terminal) {
		snapshot.finished_at_ms = if_set(rec->finished_at_ms);
		snapshot.expires_at_ms = if_set(rec->expires_at_ms);
		snapshot.content_type = slice_from_str(rec->content_type);
		snapshot.result_size = (struct maybe_u64){ rec->result_size >= 0, (uint64_t)rec->result_size };
	} else {
		snapshot.next_poll_at_ms = if_set(rec->next_at_ms);
	}
	failed = reply_failure(&view, &failure);
	labelled = rec->n_labels > 0;
	dependent = rec->n_after > 0;
	fields_write_with(pack, snapshot_fields, &snapshot, (uint32_t)failed + (uint32_t)labelled + (uint32_t)dependent);
	if (labelled)
		pack_labels(pack, rec);
	if (dependent)
		pack_after(pack, rec);
	if (failed)
		pack_failure(pack, &failure);
}

void reply_created(struct pack *pack, const struct future *future, bool created)
{
	struct future_view view;
	struct create_reply reply;

	future_view(future, &view);
	reply = (struct create_reply){
		.id = view.id,
		.state = slice_from_str(future_state_name(view.state)),
		.created = created,
	};
	fields_write(pack, create_reply_fields, &reply);
}

void reply_event(struct pack *pack, uint64_t subscription, const struct broker_event *event)
{
	struct event_wire wire = {
		.subscription = always(subscription),
		.seq = always(event->seq),
		.id = event->id,
		.event = slice_from_str(event_names[event->event]),
		.state = slice_from_str(future_state_name(event->state)),
		.at_ms = if_set(event->at_ms),
	};
	struct failure_wire failure;
	struct future_view view;
	bool failed = false;

	if (event->future) {
		future_view(event->future, &view);
		/* Older ones may have been left out for this one. */
		if (event->event == STORE_EVENT_PROGRESS || event->event == STORE_EVENT_TROUBLE)
			wire.progress = slice_from_str(view.rec->progress);
		if (event->message) {
			wire.message = slice_from_str(event->message);
			wire.attempts = always(event->attempts);
		}
		/* A replayed event may be older than what the future is by now. */
		failed = event->state == view.state && reply_failure(&view, &failure);
	}
	fields_write_with(pack, event_fields, &wire, failed);
	if (failed)
		pack_failure(pack, &failure);
}
