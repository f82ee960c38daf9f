/* client.c - starts calls and writes down their answers. */
#include "tests/sim/client.h"

#include "tests/sim/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct caller client_caller(uid_t uid)
{
	return (struct caller){ .uid = uid, .gid = uid };
}

struct create_request client_request(const char *script)
{
	return (struct create_request){ .source = { .spec = slice_from_str(script) } };
}

static void prepare(struct sim *sim, struct answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	answer->sim = sim;
}

static void note_error(struct answer *answer, const struct error *error)
{
	answer->code = error->code;
	snprintf(answer->message, sizeof(answer->message), "%s", error->message);
	ck_assert_int_ne(error->code, ERROR_NONE);
	ck_assert_int_gt(strlen(error->message), 0);
}

/* A call that was not even started. */
static void started(struct answer *answer, int r, const struct error *error)
{
	if (r == 0)
		return;
	ck_assert_int_eq(r, error_errno(error->code));
	note_error(answer, error);
}

static void note(struct answer *answer, const struct error *error, const struct future *future, bool flag)
{
	struct future_view view;

	if (answer->sim->crashing)
		return;
	answer->calls++;
	answer->flag = flag;
	if (error) {
		note_error(answer, error);
		return;
	}
	if (!future)
		return;
	future_view(future, &view);
	answer->id = view.id;
	answer->state = view.state;
}

static void on_created(void *arg, const struct error *error, const struct future *future, bool created)
{
	note(arg, error, future, created);
}

static void on_changed(void *arg, const struct error *error, const struct future *future, bool changed)
{
	note(arg, error, future, changed);
}

static void on_bytes(void *arg, const struct error *error, const void *data, size_t len)
{
	struct answer *answer = arg;

	note(answer, error, NULL, false);
	if (answer->sim->crashing || error)
		return;
	ck_assert_uint_le(len, sizeof(answer->bytes));
	memcpy(answer->bytes, data, len);
	answer->len = len;
}

void client_create(struct sim *sim, uid_t uid, const struct create_request *request, struct answer *answer)
{
	struct caller caller = client_caller(uid);
	struct error error = { 0 };

	prepare(sim, answer);
	started(answer, broker_create(sim->broker, &caller, request, on_created, answer, &error), &error);
}

void client_cancel(struct sim *sim, uid_t uid, const struct id *id, struct answer *answer)
{
	struct caller caller = client_caller(uid);
	struct error error = { 0 };

	prepare(sim, answer);
	started(answer, broker_cancel(sim->broker, &caller, id, on_changed, answer, &error), &error);
}

void client_extend(struct sim *sim, uid_t uid, const struct id *id, uint64_t timeout_usec, struct answer *answer)
{
	struct caller caller = client_caller(uid);
	struct error error = { 0 };

	prepare(sim, answer);
	started(answer, broker_extend(sim->broker, &caller, id, timeout_usec, on_changed, answer, &error), &error);
}

void client_retry(struct sim *sim, uid_t uid, const struct id *id, struct answer *answer)
{
	struct caller caller = client_caller(uid);
	struct error error = { 0 };

	prepare(sim, answer);
	started(answer, broker_retry(sim->broker, &caller, id, on_created, answer, &error), &error);
}

void client_forget(struct sim *sim, uid_t uid, const struct id *id, struct answer *answer)
{
	struct caller caller = client_caller(uid);
	struct error error = { 0 };

	prepare(sim, answer);
	started(answer, broker_forget(sim->broker, &caller, id, on_changed, answer, &error), &error);
}

void client_read_result(struct sim *sim, uid_t uid, const struct id *id, uint64_t offset, size_t len,
    struct answer *answer)
{
	struct caller caller = client_caller(uid);
	struct error error = { 0 };

	prepare(sim, answer);
	started(answer, broker_read_result(sim->broker, &caller, id, offset, len, on_bytes, answer, &error), &error);
}

void client_read_details(struct sim *sim, uid_t uid, const struct id *id, struct answer *answer)
{
	struct caller caller = client_caller(uid);
	struct error error = { 0 };

	prepare(sim, answer);
	started(answer, broker_read_error_details(sim->broker, &caller, id, on_bytes, answer, &error), &error);
}

static void on_claim(void *arg, const struct error *error, const struct claim *claim)
{
	struct answer *answer = arg;

	note(answer, error, NULL, false);
	if (answer->sim->crashing || error)
		return;
	ck_assert_uint_eq(strlen(claim->text), PROMISE_CLAIM_LEN);
	strcpy(answer->bytes, claim->text);
	answer->lease_until_ms = claim->lease_until_ms;
}

static struct lease lease_of(struct producer *producer, uint64_t lease_usec)
{
	return (struct lease){ .producer = lease_usec == UINT64_MAX ? producer : NULL, .usec = lease_usec };
}

void client_claim(struct sim *sim, uid_t uid, const struct id *id, struct producer *producer, uint64_t lease_usec,
    struct answer *answer)
{
	const struct lease lease = lease_of(producer, lease_usec);
	struct caller caller = client_caller(uid);
	struct error error = { 0 };

	prepare(sim, answer);
	started(answer, broker_claim(sim->broker, &caller, id, &lease, on_claim, answer, &error), &error);
}

void client_renew(struct sim *sim, uid_t uid, const struct id *id, const char *claim, struct producer *producer,
    uint64_t lease_usec, struct answer *answer)
{
	const struct lease lease = lease_of(producer, lease_usec);
	struct caller caller = client_caller(uid);
	struct error error = { 0 };

	prepare(sim, answer);
	started(answer, broker_renew(sim->broker, &caller, id, slice_from_str(claim), &lease, on_claim, answer, &error),
	    &error);
}

void client_progress(struct sim *sim, uid_t uid, const struct id *id, const char *claim, const char *progress,
    struct answer *answer)
{
	struct caller caller = client_caller(uid);
	struct error error = { 0 };

	prepare(sim, answer);
	started(answer, broker_set_progress(sim->broker, &caller, id, slice_from_str(claim), slice_from_str(progress),
	    on_changed, answer, &error), &error);
}

void client_resolve(struct sim *sim, uid_t uid, const struct id *id, const char *claim, const char *result,
    struct answer *answer)
{
	struct caller caller = client_caller(uid);
	struct error error = { 0 };

	prepare(sim, answer);
	started(answer, broker_resolve(sim->broker, &caller, id, slice_from_str(claim), slice_from_str(result),
	    slice_from_str("text/plain"), on_changed, answer, &error), &error);
}

void client_reject(struct sim *sim, uid_t uid, const struct id *id, const char *claim, const char *kind,
    const char *message, struct answer *answer)
{
	const struct failure failure = { .kind = kind, .message = slice_from_str(message) };
	struct caller caller = client_caller(uid);
	struct error error = { 0 };

	prepare(sim, answer);
	started(answer, broker_reject(sim->broker, &caller, id, slice_from_str(claim), &failure, on_changed, answer,
	    &error), &error);
}

void client_pin(struct sim *sim, uid_t uid, const struct id *id, bool pinned, struct answer *answer)
{
	struct caller caller = client_caller(uid);
	struct error error = { 0 };

	prepare(sim, answer);
	started(answer, broker_pin(sim->broker, &caller, id, pinned, on_changed, answer, &error), &error);
}

static void on_paused(void *arg, const struct error *error, size_t count)
{
	struct answer *answer = arg;

	note(answer, error, NULL, false);
	if (!error)
		answer->len = count;
}

void client_pause(struct sim *sim, uid_t uid, const struct pause_target *target, bool paused, struct answer *answer)
{
	struct caller caller = client_caller(uid);
	struct error error = { 0 };
	int r;

	prepare(sim, answer);
	r = broker_pause(sim->broker, &caller, target, paused, on_paused, answer, &error);
	if (r > 0)
		answer->calls++;        /* there is nothing to wait for */
	else
		started(answer, r, &error);
}

static size_t pause_now(struct sim *sim, const struct pause_target *target, bool paused)
{
	struct answer answer;

	client_pause(sim, 1000, target, paused, &answer);
	sim_commit(sim);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	ck_assert_uint_eq(answer.calls, 1);
	return answer.len;
}

size_t client_pause_one(struct sim *sim, const struct id *id, bool paused)
{
	struct pause_target target = { .ids = id, .n_ids = 1 };

	return pause_now(sim, &target, paused);
}

size_t client_pause_origin(struct sim *sim, const char *origin, bool paused)
{
	struct pause_target target = { .origin = slice_from_str(origin) };

	return pause_now(sim, &target, paused);
}

enum error_code client_refresh(struct sim *sim, uid_t uid, const struct id *id)
{
	struct caller caller = client_caller(uid);
	const struct future *future;
	struct error error = { 0 };

	return broker_refresh(sim->broker, &caller, id, &future, &error) == 0 ? ERROR_NONE : error.code;
}

struct id client_make(struct sim *sim, const char *script)
{
	struct create_request request = client_request(script);

	return client_make_request(sim, &request);
}

struct id client_make_request(struct sim *sim, const struct create_request *request)
{
	struct answer answer;

	client_create(sim, 1000, request, &answer);
	while (answer.calls == 0 && answer.code == ERROR_NONE)
		ck_assert(sim_step(sim, sim->now_usec + HOUR));
	ck_assert_msg(answer.code == ERROR_NONE, "%s: %s", error_name(answer.code), answer.message);
	ck_assert(answer.flag);
	return answer.id;
}

bool client_exists(struct sim *sim, const struct id *id)
{
	struct caller root = client_caller(0);
	const struct future *future;
	struct error error = { 0 };

	if (broker_find(sim->broker, &root, id, &future, &error) == 0)
		return true;
	must(error.code == ERROR_NOT_FOUND);
	return false;
}

struct future_view client_view(struct sim *sim, const struct id *id)
{
	struct caller root = client_caller(0);
	const struct future *future;
	struct error error = { 0 };
	struct future_view view;

	must_say(broker_find(sim->broker, &root, id, &future, &error) == 0, "%s", error.message);
	future_view(future, &view);
	return view;
}

enum store_state client_state(struct sim *sim, const struct id *id)
{
	return client_view(sim, id).state;
}

enum store_state client_finish(struct sim *sim, const struct id *id, uint64_t most_usec)
{
	uint64_t until = sim->now_usec + most_usec;

	while (!client_view(sim, id).terminal)
		must_say(sim_step(sim, until), "still %s", future_state_name(client_state(sim, id)));
	return client_state(sim, id);
}

void client_run_to_submit(struct sim *sim, const struct id *id, unsigned count)
{
	uint64_t most = sim->now_usec + HOUR;

	while (service_asked(sim->service, id)->submits < count) {
		ck_assert_uint_lt(sim->now_usec, most);
		sim_run(sim, 500);
	}
}

static void on_waited(void *arg, struct wait *wait, bool timed_out)
{
	struct waiting *waiting = arg;

	ck_assert(!waiting->sim->crashing);
	waiting->calls++;
	waiting->wait = NULL;
	waiting->timed_out = timed_out;
	waiting->at_usec = waiting->sim->now_usec;
	waiting->count = wait_count(wait);
	for (size_t i = 0; i < waiting->count && i < 64; i++) {
		const struct future *future = wait_future(wait, i);
		struct future_view view;

		waiting->ids[i] = *wait_id(wait, i);
		waiting->states[i] = -1;
		if (!future)
			continue;
		future_view(future, &view);
		must(id_compare(&view.id, &waiting->ids[i]) == 0);
		waiting->states[i] = (int)view.state;
	}
}

void client_wait(struct sim *sim, uid_t uid, const struct id *ids, size_t count, enum wait_mode mode,
    uint64_t timeout_usec, struct waiting *waiting)
{
	struct caller caller = client_caller(uid);
	struct error error = { 0 };
	int r;

	memset(waiting, 0, sizeof(*waiting));
	waiting->sim = sim;
	r = wait_new(sim->broker, &caller, ids, count, mode, timeout_usec, on_waited, waiting, &waiting->wait, &error);
	ck_assert_uint_eq(waiting->calls, 0);
	if (r < 0) {
		ck_assert_int_eq(r, error_errno(error.code));
		waiting->code = error.code;
	}
}

static bool on_event(void *arg, const struct broker_event *event)
{
	struct listener *listener = arg;

	if (listener->sim->crashing)
		return true;
	if (listener->refuse) {
		listener->refused++;
		return false;
	}
	if (listener->count == listener->size) {
		listener->size = listener->size ? 2 * listener->size : 64;
		listener->events = realloc(listener->events, listener->size * sizeof(*listener->events));
		if (!listener->events)
			abort();
	}
	listener->events[listener->count] = *event;
	listener->events[listener->count].message = NULL;
	listener->events[listener->count++].future = NULL;
	return true;
}

static void on_lost(void *arg)
{
	struct listener *listener = arg;

	listener->lost++;
}

void listener_open(struct sim *sim, uid_t uid, const struct subscribe_filter *filter, bool has_since,
    uint64_t since, struct listener *listener)
{
	static const struct subscribe_filter everything;
	struct subscription_sink sink = { .arg = listener, .event = on_event, .lost = on_lost };
	struct caller caller = client_caller(uid);
	struct error error = { 0 };

	memset(listener, 0, sizeof(*listener));
	listener->sim = sim;
	if (broker_subscribe(sim->broker, &caller, filter ? filter : &everything, has_since, since, &sink,
	    &listener->subscription, &listener->seq, &listener->truncated, &error) < 0)
		listener->code = error.code;
	ck_assert_uint_eq(listener->count, 0);
}

void listener_close(struct listener *listener)
{
	listener->subscription = subscription_free(listener->subscription);
	free(listener->events);
	listener->events = NULL;
	listener->count = listener->size = 0;
}
