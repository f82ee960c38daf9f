/* handlers_wait.c - future.wait. */
#include "daemon/ipc/handlers.h"
#include "daemon/broker/broker.h"

static uint64_t timeout_of(const struct span *span)
{
	return span->kind == SPAN_SET ? span->usec : UINT64_MAX;
}

static bool is_done(const struct wait *wait, size_t i)
{
	const struct future *future = wait_future(wait, i);
	struct future_view view;

	if (!future)
		return true;
	future_view(future, &view);
	return view.terminal;
}

/* Pack a key and those ids of the wait that are done, or those that are not; in input order. */
static void pack_ids(struct pack *pack, const char *key, const struct wait *wait, bool done)
{
	uint32_t n = 0;

	for (size_t i = 0; i < wait_count(wait); i++)
		n += is_done(wait, i) == done;
	pack_str(pack, key);
	pack_array(pack, n);
	for (size_t i = 0; i < wait_count(wait); i++) {
		if (is_done(wait, i) == done)
			pack_id(pack, wait_id(wait, i));
	}
}

static void pack_states(struct pack *pack, const struct wait *wait)
{
	struct future_view view;

	pack_str(pack, "states");
	pack_array(pack, (uint32_t)wait_count(wait));
	for (size_t i = 0; i < wait_count(wait); i++) {
		const struct future *future = wait_future(wait, i);

		if (future)
			future_view(future, &view);
		pack_str(pack, future ? future_state_name(view.state) : "forgotten");
	}
}

static void on_done(void *arg, struct wait *wait, bool timed_out)
{
	struct call *call = arg;
	struct pack pack;

	call->wait = NULL;
	call_begin(call, &pack);
	pack_map(&pack, 4);
	pack_ids(&pack, "done", wait, true);
	pack_ids(&pack, "not_done", wait, false);
	pack_states(&pack, wait);
	pack_str(&pack, "timed_out");
	pack_bool(&pack, timed_out);
	call_reply(call, &pack);
}

static int read_mode(struct slice name, enum wait_mode *ret, struct error *error)
{
	static const struct {
		const char *name;
		enum wait_mode mode;
	} modes[] = {
		{ "all_completed", WAIT_ALL_COMPLETED },
		{ "first_completed", WAIT_FIRST_COMPLETED },
		{ "first_exception", WAIT_FIRST_EXCEPTION },
		{ "first_failure", WAIT_FIRST_EXCEPTION },
	};

	*ret = WAIT_ALL_COMPLETED;
	if (!name.data)
		return 0;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (slice_equals(name, modes[i].name)) {
			*ret = modes[i].mode;
			return 0;
		}
	}
	return error_set(error, ERROR_INVALID_ARGUMENT,
	    "return_when: expected all_completed, first_completed or first_exception");
}

int h_future_wait(struct call *call, const void *arg, struct error *error)
{
	const struct wait_params *params = arg;
	enum wait_mode mode;
	int r = read_mode(params->return_when, &mode, error);

	/* The call is dropped with its wait: no reference is needed. */
	if (r == 0)
		r = wait_new(call_broker(call), call_caller(call), params->ids.ids, params->ids.count, mode,
		    timeout_of(&params->timeout), on_done, call, &call->wait, error);
	return r;
}
