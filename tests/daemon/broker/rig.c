/* rig.c - a broker in virtual time over a service that answers about many at once and wants heartbeats. */
#include "tests/daemon/broker/rig.h"

#include "tests/draw.h"
#include "tests/sim/must.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALL_EPOCH_MS INT64_C(1700000000000)
#define COMMIT_USEC 500

struct rig_plan {
	struct plan plan;               /* first: see remote.h */
	const struct rig_kind *kind;
	unsigned in_use;                /* by exchanges under way */
	bool asked;                     /* about: by one of them, but for heartbeats */
};

struct exchange {
	struct exchange *next;
	uint64_t due_usec;
	enum step step;
	bool timed_out;
	exchange_cb done;
	batch_cb done_batch;
	void *arg;
	size_t count;
	struct { struct id id; struct rig_plan *plan; } *members;   /* plan NULL: it is gone */
};

static void *need(void *p)
{
	if (!p)
		abort();
	return p;
}

/* --- the broker's host ------------------------------------------------------------------------------------ */

static uint64_t on_monotonic(void *self)
{
	return ((struct rig *)self)->now_usec + SECOND;
}

static int64_t on_wall(void *self)
{
	return WALL_EPOCH_MS + (int64_t)(((struct rig *)self)->now_usec / 1000);
}

static void on_random(void *self, void *ret, size_t len)
{
	struct rig *rig = self;

	for (size_t i = 0; i < len; i++)
		((unsigned char *)ret)[i] = (unsigned char)(draw(&rig->random) >> 56);
}

/* --- the service ------------------------------------------------------------------------------------------- */

static int on_compile(void *self, const char *spec, const char *params, struct plan **ret, struct error *error)
{
	struct rig *rig = self;
	struct rig_plan *plan = need(calloc(1, sizeof *plan));

	(void)params;
	(void)error;
	plan->kind = &rig->kinds[atoi(spec)];
	plan->plan = plan->kind->plan;
	if (!plan->plan.bucket)
		plan->plan.bucket = "service";
	rig->plans++;
	*ret = &plan->plan;
	return 0;
}

static int on_prepare(void *self, const struct plan_source *source, struct plan_texts *ret_texts, struct plan **ret,
    struct error *error)
{
	*ret_texts = (struct plan_texts){
		.spec = need(strndup(source->spec.data, source->spec.len)),
		.params = need(strdup("{}")),
		.request = need(strndup(source->spec.data, source->spec.len)),
	};
	return on_compile(self, ret_texts->spec, "", ret, error);
}

static int on_origin(void *self, struct slice text, char **ret, struct error *error)
{
	(void)self;
	(void)error;
	*ret = need(strndup(text.data, text.len));
	return 0;
}

static void on_plan_free(void *self, struct plan *plan)
{
	struct rig_plan *rig_plan = (struct rig_plan *)plan;

	if (!plan)
		return;
	must(rig_plan->in_use == 0);
	((struct rig *)self)->plans--;
	free(rig_plan);
}

static void note(const struct rig *rig, struct rig_log *log, size_t members, const struct id *id)
{
	must(rig->now_usec >= rig->not_before_usec);
	if (log->count < RIG_LOG) {
		log->first[log->count].at_usec = rig->now_usec;
		log->first[log->count].members = members;
		if (id)
			log->first[log->count].id = *id;
	}
	log->count++;
}

static void schedule(struct rig *rig, struct exchange *exchange, uint64_t timeout_usec)
{
	struct exchange **at = &rig->exchanges;

	exchange->timed_out = rig->latency_usec > timeout_usec;
	exchange->due_usec = rig->now_usec + (exchange->timed_out ? timeout_usec : rig->latency_usec);
	while (*at && (*at)->due_usec <= exchange->due_usec)
		at = &(*at)->next;
	exchange->next = *at;
	*at = exchange;
	if (++rig->in_flight > rig->most_in_flight)
		rig->most_in_flight = rig->in_flight;
}

static struct exchange *exchange_new(size_t count)
{
	struct exchange *exchange = need(calloc(1, sizeof *exchange));

	exchange->members = need(calloc(count, sizeof *exchange->members));
	exchange->count = count;
	return exchange;
}

static void set_member(struct exchange *exchange, size_t i, const struct plan *plan, const struct id *id)
{
	exchange->members[i].id = *id;
	exchange->members[i].plan = (struct rig_plan *)(uintptr_t)plan;
	exchange->members[i].plan->in_use++;
	if (exchange->step == STEP_KEEPALIVE)
		return;
	must(!exchange->members[i].plan->asked);
	exchange->members[i].plan->asked = true;
}

static void give_up(struct exchange *exchange, size_t i)
{
	struct rig_plan *plan = exchange->members[i].plan;

	if (!plan)
		return;
	plan->in_use--;
	if (exchange->step != STEP_KEEPALIVE)
		plan->asked = false;
	exchange->members[i].plan = NULL;
}

static int on_start(void *self, const struct plan *plan, const struct step_input *input, exchange_cb done, void *arg,
    struct exchange **ret, struct error *error)
{
	struct rig *rig = self;
	struct exchange *exchange = exchange_new(1);
	struct rig_log *const logs[STEPS] = {
		[STEP_SUBMIT] = &rig->submits, [STEP_POLL] = &rig->polls, [STEP_CANCEL] = &rig->cancels,
		[STEP_KEEPALIVE] = &rig->beats
	};

	(void)error;
	must(logs[input->step] && disk_find(rig->disk, input->id->bytes));
	exchange->step = input->step;
	exchange->done = done;
	exchange->arg = arg;
	set_member(exchange, 0, plan, input->id);
	note(rig, logs[input->step], 1, input->id);
	schedule(rig, exchange, input->timeout_usec);
	*ret = exchange;
	return 0;
}

static int on_start_batch(void *self, const struct batch_member *members, size_t count, batch_cb done, void *arg,
    struct exchange **ret, struct error *error)
{
	struct rig *rig = self;
	struct exchange *exchange;

	must(count > 0);
	if (rig->unbuildable)
		return error_set(error, ERROR_INVALID_SPEC, "no credential");
	exchange = exchange_new(count);
	exchange->step = STEP_LIST;
	exchange->done_batch = done;
	exchange->arg = arg;
	for (size_t i = 0; i < count; i++) {
		must(members[i].input.step == STEP_POLL);
		must(strcmp(members[i].plan->batch, members[0].plan->batch) == 0);
		set_member(exchange, i, members[i].plan, members[i].input.id);
	}
	note(rig, &rig->lists, count, NULL);
	schedule(rig, exchange, UINT64_MAX);
	*ret = exchange;
	return 0;
}

static void take_out(struct rig *rig, struct exchange *exchange)
{
	struct exchange **at = &rig->exchanges;

	while (*at != exchange)
		at = &(*at)->next;
	*at = exchange->next;
	rig->in_flight--;
}

static void exchange_free(struct exchange *exchange)
{
	for (size_t i = 0; i < exchange->count; i++)
		give_up(exchange, i);
	free(exchange->members);
	free(exchange);
}

static void on_abort(void *self, struct exchange *exchange)
{
	struct rig *rig = self;

	take_out(rig, exchange);
	exchange_free(exchange);
	rig->aborted++;
}

static void on_drop_member(void *self, struct exchange *exchange, size_t i)
{
	must(i < exchange->count && exchange->members[i].plan);
	give_up(exchange, i);
	((struct rig *)self)->dropped++;
}

static int on_keepalive_name(void *self, const struct plan *plan, const struct step_input *input, char **ret,
    struct error *error)
{
	const struct rig_kind *kind = ((const struct rig_plan *)plan)->kind;
	const char *name = kind->session ? kind->session : input->captured;

	(void)self;
	(void)error;
	must(input->step == STEP_KEEPALIVE);
	if (!name)
		return -EAGAIN;
	*ret = need(strdup(name));
	return 0;
}

static void call(struct rig *rig, rig_answer_cb answer, const struct id *id, struct verdict *verdict)
{
	if (answer)
		answer(rig, id, verdict);
}

/* The list was read: each member that is left, then the request itself. */
static void deliver_list(struct rig *rig, struct exchange *exchange)
{
	struct verdict list = { .step = STEP_LIST, .outcome = OUTCOME_PENDING, .sent = true, .http_status = 200 };

	call(rig, rig->on_list, NULL, &list);
	for (size_t i = 0; i < exchange->count && list.outcome != OUTCOME_RETRY; i++) {
		struct verdict item = { .step = STEP_LIST, .outcome = OUTCOME_PENDING, .sent = true, .http_status = 200 };

		if (!exchange->members[i].plan)
			continue;
		call(rig, rig->on_item, &exchange->members[i].id, &item);
		give_up(exchange, i);
		exchange->done_batch(exchange->arg, i, &item);
	}
	take_out(rig, exchange);
	for (size_t i = 0; i < exchange->count; i++)
		give_up(exchange, i);
	exchange->done_batch(exchange->arg, exchange->count, &list);
	exchange_free(exchange);
}

static void deliver(struct rig *rig)
{
	struct exchange *exchange = rig->exchanges;
	struct verdict verdict = {
		.step = exchange->step, .outcome = OUTCOME_PENDING, .sent = true, .http_status = 200
	};
	const rig_answer_cb answers[STEPS] = {
		[STEP_SUBMIT] = rig->on_submit, [STEP_POLL] = rig->on_poll, [STEP_KEEPALIVE] = rig->on_beat
	};

	if (exchange->step == STEP_LIST) {
		deliver_list(rig, exchange);
		return;
	}
	if (exchange->timed_out) {
		verdict.outcome = OUTCOME_RETRY;
		verdict.http_status = 0;
		verdict.unreachable = true;
	} else {
		call(rig, answers[exchange->step], &exchange->members[0].id, &verdict);
	}
	take_out(rig, exchange);
	give_up(exchange, 0);
	exchange->done(exchange->arg, &verdict);
	exchange_free(exchange);
}

/* --- the loop ------------------------------------------------------------------------------------------------ */

static void boot(struct rig *rig)
{
	const struct broker_host host = {
		.self = rig, .monotonic_usec = on_monotonic, .wall_ms = on_wall, .random = on_random
	};
	struct broker_loader *loader = need(broker_loader_new());
	struct error error = { 0 };

	if (store_sim_open(rig->disk, broker_load_one, loader, &rig->store) < 0)
		abort();
	rig->broker = need(broker_new(&rig->config, &host, &rig->remote, rig->store));
	if (broker_adopt(rig->broker, loader, &error) < 0)
		abort();
	rig->commit_at = UINT64_MAX;
}

struct rig *rig_new(uint64_t seed)
{
	struct rig *rig = need(calloc(1, sizeof *rig));

	rig->random = seed;
	rig->latency_usec = 10000;
	rig->config = (struct broker_config){
		.requests_total = 64, .requests_bucket = 8, .long_polls_total = 64, .long_polls_bucket = 8,
		.futures_per_uid = 100000, .finished_per_uid = UINT64_MAX, .results_per_uid = UINT64_MAX
	};
	rig->remote = (struct remote){
		.self = rig, .prepare = on_prepare, .compile = on_compile, .plan_free = on_plan_free, .origin = on_origin,
		.start = on_start, .abort = on_abort, .start_batch = on_start_batch,
		.drop_member = on_drop_member, .keepalive_name = on_keepalive_name
	};
	for (size_t i = 0; i < sizeof rig->kinds / sizeof *rig->kinds; i++) {
		rig->kinds[i].plan = (struct plan){
			.polling = policy_polling_default, .retry = policy_retry_default, .ttl_usec = UINT64_MAX,
			.retry_after_max_usec = 3600 * SECOND, .has_submit = true, .has_idempotency = true
		};
		rig->kinds[i].plan.polling.jitter = rig->kinds[i].plan.retry.jitter = POLICY_JITTER_NONE;
	}
	rig->disk = disk_new(1000000);
	boot(rig);
	return rig;
}

static void shut_down(struct rig *rig)
{
	rig->broker = broker_free(rig->broker);
	rig->store = store_sim_free(rig->store);
	must(!rig->exchanges && rig->plans == 0);
}

void rig_commit(struct rig *rig)
{
	while (store_sim_queued(rig->store) > 0 || store_sim_finished(rig->store) > 0) {
		store_sim_commit(rig->store, SIZE_MAX);
		store_dispatch(rig->store);
	}
	rig->commit_at = UINT64_MAX;
}

struct rig *rig_free(struct rig *rig)
{
	rig_commit(rig);
	shut_down(rig);
	disk_free(rig->disk);
	free(rig);
	return NULL;
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void rig_run(struct rig *rig, uint64_t usec)
{
	uint64_t until = rig->now_usec + usec;

	for (unsigned turns = 0;; turns++) {
		uint64_t next = broker_run(rig->broker);

		next = next == UINT64_MAX ? next : next > SECOND ? next - SECOND : 0;
		if (rig->commit_at == UINT64_MAX && store_sim_queued(rig->store) > 0)
			rig->commit_at = rig->now_usec + COMMIT_USEC;
		next = earliest(next, rig->commit_at);
		if (rig->exchanges)
			next = earliest(next, rig->exchanges->due_usec);
		if (next > until)
			break;
		if (next > rig->now_usec) {
			rig->now_usec = next;
			turns = 0;
		}
		must(turns < 100000);
		if (rig->commit_at <= rig->now_usec)
			rig_commit(rig);
		else if (rig->exchanges && rig->exchanges->due_usec <= rig->now_usec)
			deliver(rig);
	}
	rig->now_usec = until;
}

void rig_crash(struct rig *rig, uint64_t down_usec)
{
	store_sim_crash(rig->store);
	shut_down(rig);
	rig->now_usec += down_usec;
	boot(rig);
}

void rig_restart(struct rig *rig, uint64_t down_usec)
{
	broker_stop(rig->broker);
	while (!broker_stopped(rig->broker))
		rig_run(rig, 1000);
	must(broker_run(rig->broker) == UINT64_MAX);
	must(!rig->exchanges);
	rig_commit(rig);
	shut_down(rig);
	rig->now_usec += down_usec;
	boot(rig);
}

/* --- callers -------------------------------------------------------------------------------------------------- */

static void on_created(void *arg, const struct error *error, const struct future *future, bool created)
{
	struct future_view view;

	must(!error && created);
	future_view(future, &view);
	*(struct id *)arg = view.id;
}

void rig_create(struct rig *rig, uid_t uid, unsigned kind, uint64_t timeout_usec, struct id *ret)
{
	const struct caller caller = { .uid = uid, .gid = uid };
	struct create_request request = { 0 };
	struct error error = { 0 };
	char spec[16];

	snprintf(spec, sizeof spec, "%u", kind);
	request.source.spec = slice_from_str(spec);
	if (timeout_usec != UINT64_MAX) {
		request.timeout_kind = CREATE_GIVEN;
		request.timeout_usec = timeout_usec;
	}
	must(broker_create(rig->broker, &caller, &request, on_created, ret, &error) == 0);
}

void rig_create_many(struct rig *rig, unsigned kind, size_t count, struct id *ret)
{
	for (size_t i = 0; i < count; i++)
		rig_create(rig, 1000, kind, UINT64_MAX, &ret[i]);
	rig_run(rig, 1000);
}

void rig_refresh(struct rig *rig, const struct id *id)
{
	const struct caller caller = { .uid = 0 };
	const struct future *future;
	struct error error = { 0 };

	must(broker_refresh(rig->broker, &caller, id, &future, &error) == 0);
}

static void on_changed(void *arg, const struct error *error, const struct future *future, bool changed)
{
	(void)arg;
	(void)error;
	(void)future;
	(void)changed;
}

void rig_cancel(struct rig *rig, const struct id *id)
{
	const struct caller caller = { .uid = 0 };
	struct error error = { 0 };

	must(broker_cancel(rig->broker, &caller, id, on_changed, NULL, &error) == 0);
}

struct future_view rig_view(struct rig *rig, const struct id *id)
{
	const struct caller caller = { .uid = 0 };
	const struct future *future;
	struct future_view view;
	struct error error = { 0 };

	must_say(broker_find(rig->broker, &caller, id, &future, &error) == 0, "%s", error.message);
	future_view(future, &view);
	return view;
}

struct broker_stats rig_stats(struct rig *rig)
{
	struct broker_stats stats;

	broker_stats(rig->broker, &stats);
	return stats;
}
