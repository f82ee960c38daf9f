/* handlers_future.c - what a client does to single futures, and the list of them. */
#include "daemon/ipc/call.h"
#include "daemon/ipc/handlers.h"
#include "daemon/ipc/json_text.h"
#include "daemon/ipc/labels.h"
#include "daemon/ipc/reply.h"
#include "proto/limits.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_DEFAULT 100
#define LIST_BYTES (768 * 1024)  /* of snapshots in one page; leaves room for the largest one in a message */

/* --- create and retry -------------------------------------------------------------------------------------- */

static void on_created(void *arg, const struct error *error, const struct future *future, bool created)
{
	struct call *call = arg;
	struct pack pack;

	if (error) {
		call_fail(call, error, NULL);
	} else {
		call_begin(call, &pack);
		reply_created(&pack, future, created);
		call_reply(call, &pack);
	}
	call_unref(call);
}

/* The documents of a creation, owned. */
static void source_done(struct plan_source *source)
{
	free((char *)(uintptr_t)source->params.data);
	free((char *)(uintptr_t)source->spec.data);
	free((char *)(uintptr_t)source->polling.data);
	free((char *)(uintptr_t)source->retry.data);
}

static int source_read(const struct create_params *params, struct plan_source *ret, struct error *error)
{
	int r;

	ret->profile = params->profile;
	r = json_text_from(params->params, "params", &ret->params, error);
	if (r == 0)
		r = json_text_from(params->spec, "spec", &ret->spec, error);
	if (r == 0)
		r = json_text_from(params->polling, "polling", &ret->polling, error);
	if (r == 0)
		r = json_text_from(params->retry, "retry", &ret->retry, error);
	return r;
}

static int check_create(const struct create_params *params, struct error *error)
{
	if (!params->profile.data && !params->spec)
		return error_set(error, ERROR_INVALID_ARGUMENT, "profile, spec or both are required");
	if (params->mode.set && !access_mode_valid(params->mode.value))
		return error_set(error, ERROR_INVALID_ARGUMENT,
		    "mode: expected 0600, 0640, 0644, 0660 or 0666 (384, 416, 420, 432 or 438), got %llu",
		    (unsigned long long)params->mode.value);
	return 0;
}

int h_future_create(struct call *call, const void *arg, struct error *error)
{
	const struct create_params *params = arg;
	struct create_request request = {
		.key = params->key,
		.mode = (uint32_t)params->mode.value,
		.ttl_kind = params->ttl.kind == SPAN_SET ? CREATE_GIVEN : params->ttl.kind == SPAN_NULL ? CREATE_NONE :
		    CREATE_DEFAULT,
		.timeout_kind = params->timeout.kind == SPAN_SET ? CREATE_GIVEN :
		    params->timeout.kind == SPAN_NULL ? CREATE_NONE : CREATE_DEFAULT,
		.ttl_usec = params->ttl.usec,
		.timeout_usec = params->timeout.usec,
		.source = {
			.after = params->after.ids,
			.n_after = params->after.count,
			/* 0 stands for no time; the one before it is over as well. */
			.start_at_ms = params->start_at.set && params->start_at.value == 0 ? 1 :
			    params->start_at.value > INT64_MAX ? INT64_MAX : (int64_t)params->start_at.value,
			.has_delay = params->delay.kind == SPAN_SET,
			.delay_usec = params->delay.usec,
		},
	};
	struct labels labels = { 0 };
	int r;

	r = check_create(params, error);
	if (r == 0)
		r = labels_read(params->labels, &labels, error);
	if (r == 0)
		r = source_read(params, &request.source, error);
	if (r == 0) {
		request.labels = labels.items;
		request.n_labels = labels.count;
		r = broker_create(call_broker(call), call_caller(call), &request, on_created, call_ref(call), error);
		if (r < 0)
			call_unref(call);
	}
	source_done(&request.source);
	labels_done(&labels);
	return r;
}

int h_future_retry(struct call *call, const void *arg, struct error *error)
{
	const struct id_params *params = arg;
	int r = broker_retry(call_broker(call), call_caller(call), &params->id, on_created, call_ref(call), error);

	if (r < 0)
		call_unref(call);
	return r;
}

/* --- get ----------------------------------------------------------------------------------------------- */

int h_future_get(struct call *call, const void *arg, struct error *error)
{
	const struct id_params *params = arg;
	const struct future *future;
	struct pack pack;
	int r = broker_find(call_broker(call), call_caller(call), &params->id, &future, error);

	if (r < 0)
		return r;
	call_begin(call, &pack);
	reply_snapshot(&pack, future);
	call_reply(call, &pack);
	return 0;
}

/* --- list ---------------------------------------------------------------------------------------------- */

/* A page as it grows. */
struct page {
	struct pack snapshots;
	uint64_t limit, count;
	struct id last;
	bool more;
	int error;
};

static bool on_each(void *arg, const struct future *future)
{
	struct page *page = arg;
	struct slice one, all;
	struct future_view view;
	struct pack pack;

	if (page->count == page->limit) {
		page->more = true;
		return false;
	}
	pack_init(&pack, PROTO_MESSAGE_MAX);
	reply_snapshot(&pack, future);
	page->error = pack_finish(&pack, &one);
	if (page->error == 0 && pack_finish(&page->snapshots, &all) == 0) {
		page->more = page->count > 0 && all.len + one.len > LIST_BYTES;
		if (!page->more) {
			pack_raw(&page->snapshots, one);
			future_view(future, &view);
			page->last = view.id;
			page->count++;
		}
	}
	pack_done(&pack);
	return page->error == 0 && !page->more;
}

static int read_state(struct slice name, struct list_filter *filter, struct error *error)
{
	const char *names[STORE_CANCELLED + 2] = { NULL }, *nearest;

	if (!name.data)
		return 0;
	for (int state = STORE_PENDING; state <= STORE_CANCELLED; state++) {
		names[state] = future_state_name((enum store_state)state);
		if (slice_equals(name, names[state])) {
			filter->has_state = true;
			filter->state = (enum store_state)state;
			return 0;
		}
	}
	nearest = error_nearest(name.data, name.len, names);
	return error_set(error, ERROR_INVALID_ARGUMENT, "state: no such state (did you mean %s?)",
	    nearest ? nearest : names[STORE_PENDING]);
}

static int read_filter(const struct list_params *params, struct list_filter *filter, struct labels *labels,
    struct id *after, struct error *error)
{
	int r;

	filter->profile = params->profile;
	filter->prefix = params->prefix;
	r = read_state(params->state, filter, error);
	if (r == 0 && params->limit.set && (params->limit.value == 0 || params->limit.value > PROTO_LIST_MAX))
		r = error_set(error, ERROR_INVALID_ARGUMENT, "limit: expected 1 to %d", PROTO_LIST_MAX);
	if (r == 0 && params->cursor.data && id_parse(params->cursor.data, params->cursor.len, after) < 0)
		r = error_set(error, ERROR_INVALID_ARGUMENT, "cursor: not one that came from future.list");
	if (r == 0)
		r = labels_read(params->labels, labels, error);
	filter->labels = labels->items;
	filter->n_labels = labels->count;
	return r;
}

int h_future_list(struct call *call, const void *arg, struct error *error)
{
	const struct list_params *params = arg;
	struct page page = { .limit = params->limit.set ? params->limit.value : LIST_DEFAULT };
	struct list_filter filter = { 0 };
	struct labels labels = { 0 };
	struct slice snapshots;
	struct pack pack;
	struct id after;
	int r = read_filter(params, &filter, &labels, &after, error);

	if (r < 0)
		return r;
	pack_init(&page.snapshots, PROTO_MESSAGE_MAX);
	broker_list(call_broker(call), call_caller(call), &filter, params->cursor.data ? &after : NULL, on_each, &page);
	labels_done(&labels);
	r = page.error < 0 ? page.error : pack_finish(&page.snapshots, &snapshots);
	if (r < 0) {
		pack_done(&page.snapshots);
		return error_set(error, r == -ENOMEM ? ERROR_OUT_OF_MEMORY : ERROR_TOO_LARGE, "the list does not fit");
	}
	call_begin(call, &pack);
	pack_map(&pack, 2);
	pack_str(&pack, "futures");
	pack_array(&pack, (uint32_t)page.count);
	pack_raw(&pack, snapshots);
	pack_str(&pack, "cursor");
	if (page.more)
		pack_id(&pack, &page.last);
	else
		pack_nil(&pack);
	pack_done(&page.snapshots);
	call_reply(call, &pack);
	return 0;
}

/* --- changes ------------------------------------------------------------------------------------------- */

static void on_cancelled(void *arg, const struct error *error, const struct future *future, bool changed)
{
	struct call *call = arg;
	struct cancel_reply reply = { .cancelled = changed };
	struct future_view view;
	struct pack pack;

	if (error) {
		call_fail(call, error, NULL);
	} else {
		future_view(future, &view);
		reply.state = slice_from_str(future_state_name(view.state));
		call_begin(call, &pack);
		fields_write(&pack, cancel_reply_fields, &reply);
		call_reply(call, &pack);
	}
	call_unref(call);
}

int h_future_cancel(struct call *call, const void *arg, struct error *error)
{
	const struct id_params *params = arg;
	int r = broker_cancel(call_broker(call), call_caller(call), &params->id, on_cancelled, call_ref(call), error);

	if (r < 0)
		call_unref(call);
	return r;
}

int h_future_refresh(struct call *call, const void *arg, struct error *error)
{
	const struct id_params *params = arg;
	const struct future *future;
	struct future_view view;
	struct pack pack;
	int r = broker_refresh(call_broker(call), call_caller(call), &params->id, &future, error);

	if (r < 0)
		return r;
	future_view(future, &view);
	call_begin(call, &pack);
	pack_map(&pack, 1);
	pack_str(&pack, "state");
	pack_str(&pack, future_state_name(view.state));
	call_reply(call, &pack);
	return 0;
}

static void on_extended(void *arg, const struct error *error, const struct future *future, bool changed)
{
	struct call *call = arg;
	struct future_view view;
	struct pack pack;

	if (error) {
		call_fail(call, error, NULL);
	} else {
		future_view(future, &view);
		call_begin(call, &pack);
		pack_map(&pack, view.rec->deadline_at_ms != 0);
		if (view.rec->deadline_at_ms != 0) {
			pack_str(&pack, "deadline_at_ms");
			pack_i64(&pack, view.rec->deadline_at_ms);
		}
		call_reply(call, &pack);
	}
	call_unref(call);
}

int h_future_extend(struct call *call, const void *arg, struct error *error)
{
	const struct extend_params *params = arg;
	uint64_t timeout = params->timeout.kind == SPAN_SET ? params->timeout.usec : UINT64_MAX;
	int r;

	if (params->timeout.kind == SPAN_ABSENT)
		return error_set(error, ERROR_INVALID_ARGUMENT, "timeout: required (nil: no deadline)");
	r = broker_extend(call_broker(call), call_caller(call), &params->id, timeout, on_extended, call_ref(call),
	    error);
	if (r < 0)
		call_unref(call);
	return r;
}

static void on_forgotten(void *arg, const struct error *error, const struct future *future, bool changed)
{
	call_finish(arg, error);
}

int h_future_forget(struct call *call, const void *arg, struct error *error)
{
	const struct id_params *params = arg;
	int r = broker_forget(call_broker(call), call_caller(call), &params->id, on_forgotten, call_ref(call), error);

	if (r < 0)
		call_unref(call);
	return r;
}
