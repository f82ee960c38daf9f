/* handlers_pause.c - future.pause and future.resume, future.pin and future.unpin. */
#include "daemon/broker/broker.h"
#include "daemon/ipc/call.h"
#include "daemon/ipc/handlers.h"
#include "daemon/ipc/labels.h"

/* --- pauses -------------------------------------------------------------------------------------------- */

/* The origins that are paused for the caller, to see what is. */
static void pack_origins(struct pack *pack, const struct call *call)
{
	const char *origin;
	uint32_t n = 0;

	while (broker_stop_at(call_broker(call), call_caller(call), n))
		n++;
	pack_str(pack, "origins");
	pack_array(pack, n);
	for (size_t i = 0; (origin = broker_stop_at(call_broker(call), call_caller(call), i)); i++)
		pack_str(pack, origin);
}

static void reply(struct call *call, const char *name, size_t count)
{
	struct pack pack;

	if (!call_pending(call))
		return;
	call_begin(call, &pack);
	pack_map(&pack, 2);
	pack_str(&pack, name);
	pack_u64(&pack, count);
	pack_origins(&pack, call);
	call_reply(call, &pack);
}

static void finish(struct call *call, const char *name, const struct error *error, size_t count)
{
	if (error)
		call_fail(call, error, NULL);
	else
		reply(call, name, count);
	call_unref(call);
}

static void on_paused(void *arg, const struct error *error, size_t count)
{
	finish(arg, "paused", error, count);
}

static void on_resumed(void *arg, const struct error *error, size_t count)
{
	finish(arg, "resumed", error, count);
}

static int read_target(const struct pause_params *params, struct pause_target *ret, struct labels *labels,
    struct error *error)
{
	static const struct id none;
	bool one = id_compare(&params->id, &none) != 0;
	int r;

	if (one + (params->ids.ids != NULL) + (params->labels != NULL) + (params->origin.data != NULL) != 1)
		return error_set(error, ERROR_INVALID_ARGUMENT, "exactly one of id, ids, labels and origin is required");
	if (params->ids.ids && params->ids.count == 0)
		return error_set(error, ERROR_INVALID_ARGUMENT, "ids: empty");
	r = labels_read(params->labels, labels, error);
	if (r < 0)
		return r;
	if (params->labels && labels->count == 0)
		return error_set(error, ERROR_INVALID_ARGUMENT, "labels: empty; that would be all futures");
	*ret = (struct pause_target){
		.ids = one ? &params->id : params->ids.ids,
		.n_ids = one ? 1 : params->ids.count,
		.origin = params->origin,
		.labels = labels->items,
		.n_labels = labels->count,
	};
	return 0;
}

static int change(struct call *call, const struct pause_params *params, bool paused, struct error *error)
{
	struct pause_target target;
	struct labels labels = { 0 };
	int r = read_target(params, &target, &labels, error);

	if (r == 0) {
		r = broker_pause(call_broker(call), call_caller(call), &target, paused, paused ? on_paused : on_resumed,
		    call_ref(call), error);
		if (r > 0)
			reply(call, paused ? "paused" : "resumed", 0);
		if (r != 0)
			call_unref(call);
	}
	labels_done(&labels);
	return r < 0 ? r : 0;
}

int h_future_pause(struct call *call, const void *arg, struct error *error)
{
	return change(call, arg, true, error);
}

int h_future_resume(struct call *call, const void *arg, struct error *error)
{
	return change(call, arg, false, error);
}

/* --- pins ---------------------------------------------------------------------------------------------- */

static void on_pinned(void *arg, const struct error *error, const struct future *future, bool changed)
{
	struct call *call = arg;
	struct future_view view;
	struct pack pack;

	(void)changed;
	if (error) {
		call_fail(call, error, NULL);
	} else {
		future_view(future, &view);
		call_begin(call, &pack);
		pack_map(&pack, 1);
		pack_str(&pack, "pinned");
		pack_bool(&pack, view.rec->pinned);
		call_reply(call, &pack);
	}
	call_unref(call);
}

static int pin(struct call *call, const struct id_params *params, bool pinned, struct error *error)
{
	int r = broker_pin(call_broker(call), call_caller(call), &params->id, pinned, on_pinned, call_ref(call), error);

	if (r < 0)
		call_unref(call);
	return r;
}

int h_future_pin(struct call *call, const void *arg, struct error *error)
{
	return pin(call, arg, true, error);
}

int h_future_unpin(struct call *call, const void *arg, struct error *error)
{
	return pin(call, arg, false, error);
}
