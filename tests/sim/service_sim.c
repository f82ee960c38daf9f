/* service_sim.c - operations, buckets and exchanges of a service that keeps its word as its script says. */
#include "tests/sim/service_sim.h"

#include "daemon/broker/siphash.h"
#include "tests/sim/reply_sim.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* uthash's own is not clean under clang's warnings. */
#define HASH_FUNCTION(data, len, hash) ((hash) = (unsigned)siphash(data, len, (const uint8_t *)"sixteen bytes..."))
#include <uthash.h>

#define HANG_USEC UINT64_C(30000000)

struct asked_entry {
	UT_hash_handle hh;
	struct id id;
	struct asked asked;
};

struct operation {
	UT_hash_handle hh;
	char name[SCRIPT_TEXT];
	struct operation_truth truth;
};

/* Which operation an idempotency value stands for. */
struct promise {
	UT_hash_handle hh;
	char value[SCRIPT_TEXT];
	struct operation *operation;
	struct id owner;
};

struct place {
	UT_hash_handle hh;
	char name[SCRIPT_TEXT];
	unsigned in_flight, peak;
	uint64_t not_before;
};

/* One request under way; its answer is decided when it arrives. */
struct exchange {
	struct exchange *next;
	struct service *service;
	struct place *place;
	struct asked *asked;
	struct id id;
	uint64_t due_usec;
	exchange_cb done;
	void *arg;
	struct reply reply;
};

struct service {
	const uint64_t *now_usec;
	struct remote remote;
	struct exchange *exchanges;     /* ordered by due_usec */
	struct asked_entry *asked;
	struct operation *operations;
	struct promise *promises;
	struct place *places;
	unsigned in_flight, limit_total, limit_bucket;
	unsigned operation_count;
	size_t plans;
	bool down;
	service_look_cb look;
	void *look_arg;
	service_answer_cb answer;
	void *answer_arg;
	char violation[256];
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static void __attribute__((format(printf, 2, 3))) violate(struct service *service, const char *format, ...)
{
	va_list args;

	if (service->violation[0])
		return;
	va_start(args, format);
	vsnprintf(service->violation, sizeof(service->violation), format, args);
	va_end(args);
}

/* --- tables --------------------------------------------------------------------------------------- */

static struct asked *asked_of(struct service *service, const struct id *id)
{
	struct asked_entry *entry;

	HASH_FIND(hh, service->asked, id, sizeof(*id), entry);
	if (!entry) {
		entry = must(calloc(1, sizeof(*entry)));
		entry->id = *id;
		HASH_ADD(hh, service->asked, id, sizeof(entry->id), entry);
	}
	return &entry->asked;
}

static struct place *place_of(struct service *service, const char *name)
{
	struct place *place;

	HASH_FIND_STR(service->places, name, place);
	if (!place) {
		place = must(calloc(1, sizeof(*place)));
		snprintf(place->name, sizeof(place->name), "%s", name);
		HASH_ADD_STR(service->places, name, place);
	}
	return place;
}

static struct operation *operation_find(const struct service *service, const char *name)
{
	struct operation *operation;

	HASH_FIND_STR(service->operations, name, operation);
	return operation;
}

static struct operation *operation_add(struct service *service, const char *name)
{
	struct operation *operation = must(calloc(1, sizeof(*operation)));

	snprintf(operation->name, sizeof(operation->name), "%s", name);
	HASH_ADD_STR(service->operations, name, operation);
	return operation;
}

/* --- steps ---------------------------------------------------------------------------------------- */

/* A new operation, or the one that was made under the same idempotency value. */
static struct operation *take_submit(struct service *service, struct asked *asked, const struct step_input *input)
{
	struct promise *promise = NULL;
	struct operation *operation;
	char name[SCRIPT_TEXT];

	if (input->idempotency)
		HASH_FIND_STR(service->promises, input->idempotency, promise);
	if (promise) {
		if (id_compare(&promise->owner, input->id) != 0)
			violate(service, "two futures use the idempotency value %s", input->idempotency);
		return promise->operation;
	}
	snprintf(name, sizeof(name), "op-%u", ++service->operation_count);
	operation = operation_add(service, name);
	asked->taken++;
	if (input->idempotency) {
		promise = must(calloc(1, sizeof(*promise)));
		snprintf(promise->value, sizeof(promise->value), "%s", input->idempotency);
		promise->operation = operation;
		promise->owner = *input->id;
		HASH_ADD_STR(service->promises, value, promise);
	}
	return operation;
}

static void check_submit(struct service *service, struct asked *asked, const struct script *script,
    const struct step_input *input)
{
	const char *value = input->idempotency ? input->idempotency : "";

	if (!script->plan.has_submit)
		violate(service, "a submit of a plan without one");
	if (script->plan.has_idempotency != (input->idempotency != NULL))
		violate(service, "an idempotency value that should not be, or none that should");
	if (asked->submits == 1)
		snprintf(asked->idempotency, sizeof(asked->idempotency), "%s", value);
	else if (strcmp(asked->idempotency, value) != 0)
		violate(service, "another idempotency value on submit %u", asked->submits);
	asked->resubmittable = script->plan.resubmit;
}

static void step_submit(struct exchange *exchange, const struct script *script, const struct step_input *input)
{
	struct asked *asked = exchange->asked;
	struct operation *operation;
	unsigned n = ++asked->submits;

	check_submit(exchange->service, asked, script, input);
	if (n <= script->unsent) {
		reply_unreachable(&exchange->reply, false, "connection refused");
		return;
	}
	if (n > script->unsent + script->lost && n <= script->unsent + script->lost + script->busy) {
		reply_status(&exchange->reply, OUTCOME_RETRY, 503);
		return;
	}
	operation = take_submit(exchange->service, asked, input);
	if (asked->taken > 1 && !script->plan.resubmit)
		violate(exchange->service, "a submit was carried out %u times", asked->taken);
	if (n <= script->unsent + script->lost) {
		reply_unreachable(&exchange->reply, true, "connection reset");
		return;
	}
	if (script->at_once)
		reply_end(&exchange->reply, script, script->end);
	else
		reply_pending(&exchange->reply, script, 0);
	operation->truth.over = script->at_once;
	snprintf(exchange->reply.captured, sizeof(exchange->reply.captured), "{\"op\":\"%s\"}", operation->name);
	exchange->reply.verdict.captured = exchange->reply.captured;
}

/* The operation that a request is about. */
static struct operation *find_operation(struct service *service, const struct script *script,
    const struct step_input *input)
{
	struct operation *operation;
	char name[SCRIPT_TEXT];

	if (script->plan.has_submit) {
		if (!input->captured || sscanf(input->captured, "{\"op\":\"%63[^\"]\"}", name) != 1) {
			violate(service, "asked without what the submit's answer said");
			return NULL;
		}
		return operation_find(service, name);
	}
	if (script->op[0])
		snprintf(name, sizeof(name), "%s", script->op);
	else
		id_format(input->id, name);
	operation = operation_find(service, name);
	return operation ? operation : operation_add(service, name);
}

static void step_poll(struct exchange *exchange, const struct script *script, const struct step_input *input)
{
	struct operation *operation = find_operation(exchange->service, script, input);
	unsigned n;

	exchange->asked->polls++;
	if (!operation) {
		reply_end(&exchange->reply, script, OUTCOME_LOST);
		return;
	}
	n = ++operation->truth.polls;
	if (n >= script->fail_from && n <= script->fail_to) {
		reply_unreachable(&exchange->reply, true, "connection reset");
		return;
	}
	if (n == script->throttle_at) {
		reply_throttle(&exchange->reply, script);
		return;
	}
	operation->truth.answered++;
	if (operation->truth.cancelled) {
		reply_end(&exchange->reply, script, OUTCOME_CANCELLED);
	} else if (!script->never && operation->truth.answered > script->polls) {
		operation->truth.over = true;
		reply_end(&exchange->reply, script, script->end);
	} else {
		reply_pending(&exchange->reply, script, operation->truth.answered);
	}
}

static void step_cancel(struct exchange *exchange, const struct script *script, const struct step_input *input)
{
	struct operation *operation = find_operation(exchange->service, script, input);

	exchange->asked->cancels++;
	if (!script->plan.has_cancel)
		violate(exchange->service, "a cancel request of a plan without one");
	if (!operation) {
		reply_end(&exchange->reply, script, OUTCOME_LOST);
		return;
	}
	operation->truth.cancels++;
	if (!script->deaf && !operation->truth.over)
		operation->truth.cancelled = true;
	reply_status(&exchange->reply, OUTCOME_PENDING, 200);
}

/* --- struct remote -------------------------------------------------------------------------------- */

static int on_compile(void *self, const char *spec, const char *params, struct plan **ret_plan,
    struct error *error)
{
	struct service *service = self;
	struct script *script = script_new(spec, strlen(spec));

	if (script->invalid) {
		script_free(script);
		return error_set(error, ERROR_INVALID_SPEC, "spec: invalid");
	}
	service->plans++;
	*ret_plan = &script->plan;
	return 0;
}

static int on_prepare(void *self, const struct plan_source *source, struct plan_texts *ret_texts,
    struct plan **ret_plan, struct error *error)
{
	struct plan_texts texts = { 0 };
	size_t len;
	int r;

	texts.spec = must(strndup(source->spec.data ? source->spec.data : "", source->spec.len));
	texts.params = must(strndup(source->params.data ? source->params.data : "{}",
	    source->params.data ? source->params.len : 2));
	len = source->profile.len + strlen(texts.params) + strlen(texts.spec) + sizeof("||");
	texts.request = must(malloc(len));
	snprintf(texts.request, len, "%.*s|%s|%s", (int)source->profile.len,
	    source->profile.data ? source->profile.data : "", texts.params, texts.spec);
	r = on_compile(self, texts.spec, texts.params, ret_plan, error);
	if (r < 0) {
		free(texts.spec);
		free(texts.params);
		free(texts.request);
		return r;
	}
	*ret_texts = texts;
	return 0;
}

static void on_plan_free(void *self, struct plan *plan)
{
	struct service *service = self;

	if (!plan)
		return;
	service->plans--;
	script_free((struct script *)plan);
}

static void check_start(struct service *service, struct place *place, struct asked *asked, const struct plan *plan)
{
	unsigned limit = plan->bucket_limit ? plan->bucket_limit : service->limit_bucket;

	if (asked->in_flight > 1)
		violate(service, "two requests at once for one future");
	if (service->limit_total && service->in_flight > service->limit_total)
		violate(service, "%u requests in flight of %u", service->in_flight, service->limit_total);
	if (limit && place->in_flight > limit)
		violate(service, "%u requests in flight in bucket %s of %u", place->in_flight, place->name, limit);
	if (*service->now_usec < place->not_before)
		violate(service, "bucket %s was asked %llu us before the end of its pause", place->name,
		    (unsigned long long)(place->not_before - *service->now_usec));
}

static struct asked *note_request(struct service *service, struct place *place, const struct step_input *input)
{
	struct asked *asked = asked_of(service, input->id);

	service->in_flight++;
	asked->in_flight++;
	if (++place->in_flight > place->peak)
		place->peak = place->in_flight;
	if (asked->count < sizeof(asked->first) / sizeof(asked->first[0])) {
		asked->first[asked->count].step = input->step;
		asked->first[asked->count].at_usec = *service->now_usec;
	}
	asked->count++;
	asked->last_usec = *service->now_usec;
	asked->last_attempt = input->attempt;
	return asked;
}

/* Keep the exchanges in the order in which they are answered. */
static void schedule(struct service *service, struct exchange *exchange)
{
	struct exchange **at = &service->exchanges;

	while (*at && (*at)->due_usec <= exchange->due_usec)
		at = &(*at)->next;
	exchange->next = *at;
	*at = exchange;
}

static int on_start(void *self, const struct plan *plan, const struct step_input *input, exchange_cb done,
    void *arg, struct exchange **ret, struct error *error)
{
	const struct script *script = (const struct script *)plan;
	struct service *service = self;
	uint64_t latency = script->hang ? HANG_USEC : script->latency_usec;
	struct exchange *exchange;

	if (script->nostart)
		return error_set(error, ERROR_INVALID_SPEC, "credential: no such file");
	exchange = must(calloc(1, sizeof(*exchange)));
	exchange->service = service;
	exchange->place = place_of(service, script->place);
	exchange->asked = note_request(service, exchange->place, input);
	exchange->id = *input->id;
	exchange->done = done;
	exchange->arg = arg;
	exchange->reply.verdict.step = input->step;
	exchange->reply.verdict.sent = true;
	check_start(service, exchange->place, exchange->asked, plan);
	if (service->look)
		service->look(service->look_arg, plan, input);
	if (service->down)
		reply_unreachable(&exchange->reply, false, "no route to host");
	else if (input->step == STEP_SUBMIT)
		step_submit(exchange, script, input);
	else if (input->step == STEP_POLL)
		step_poll(exchange, script, input);
	else
		step_cancel(exchange, script, input);
	if (script->hang || latency > input->timeout_usec) {
		latency = latency < input->timeout_usec ? latency : input->timeout_usec;
		exchange->reply.verdict = (struct verdict){ .step = input->step };
		reply_unreachable(&exchange->reply, true, "timed out");
	}
	exchange->due_usec = *service->now_usec + latency;
	schedule(service, exchange);
	*ret = exchange;
	return 0;
}

/* Out of the list and of the counts; still to be freed. */
static void take_out(struct service *service, struct exchange *exchange)
{
	struct exchange **at = &service->exchanges;

	while (*at != exchange)
		at = &(*at)->next;
	*at = exchange->next;
	service->in_flight--;
	exchange->place->in_flight--;
	exchange->asked->in_flight--;
}

static void on_abort(void *self, struct exchange *exchange)
{
	take_out(self, exchange);
	free(exchange);
}

uint64_t service_next(const struct service *service)
{
	return service->exchanges ? service->exchanges->due_usec : UINT64_MAX;
}

bool service_deliver(struct service *service)
{
	struct exchange *exchange = service->exchanges;

	if (!exchange || exchange->due_usec > *service->now_usec)
		return false;
	take_out(service, exchange);
	if (exchange->reply.verdict.throttled &&
	    *service->now_usec + exchange->reply.verdict.retry_after_usec > exchange->place->not_before)
		exchange->place->not_before = *service->now_usec + exchange->reply.verdict.retry_after_usec;
	if (service->answer)
		service->answer(service->answer_arg, &exchange->id, &exchange->reply.verdict);
	exchange->done(exchange->arg, &exchange->reply.verdict);
	free(exchange);
	return true;
}

void service_set_down(struct service *service, bool down)
{
	service->down = down;
}

void service_forget_client(struct service *service)
{
	struct place *place, *next;

	while (service->exchanges)
		on_abort(service, service->exchanges);
	HASH_ITER(hh, service->places, place, next)
		place->not_before = 0;
}

/* --- life and truth ------------------------------------------------------------------------------- */

struct service *service_new(const uint64_t *now_usec)
{
	struct service *service = must(calloc(1, sizeof(*service)));

	service->now_usec = now_usec;
	service->remote = (struct remote){
		.self = service, .prepare = on_prepare, .compile = on_compile, .plan_free = on_plan_free,
		.start = on_start, .abort = on_abort
	};
	return service;
}

#define FREE_TABLE(table) \
	do { \
		__typeof__(table) at_, next_; \
		HASH_ITER(hh, table, at_, next_) { \
			HASH_DEL(table, at_); \
			free(at_); \
		} \
	} while (0)

struct service *service_free(struct service *service)
{
	if (!service)
		return NULL;
	service_forget_client(service);
	FREE_TABLE(service->asked);
	FREE_TABLE(service->operations);
	FREE_TABLE(service->promises);
	FREE_TABLE(service->places);
	free(service);
	return NULL;
}

const struct remote *service_remote(struct service *service)
{
	return &service->remote;
}

void service_expect_limits(struct service *service, unsigned total, unsigned in_bucket)
{
	service->limit_total = total;
	service->limit_bucket = in_bucket;
}

void service_on_request(struct service *service, service_look_cb look, void *arg)
{
	service->look = look;
	service->look_arg = arg;
}

const struct asked *service_asked(const struct service *service, const struct id *id)
{
	static const struct asked nothing;
	struct asked_entry *entry;

	HASH_FIND(hh, service->asked, id, sizeof(*id), entry);
	return entry ? &entry->asked : &nothing;
}

const struct operation_truth *service_operation(const struct service *service, const char *name)
{
	struct operation *operation = operation_find(service, name);

	return operation ? &operation->truth : NULL;
}

unsigned service_in_flight(const struct service *service)
{
	return service->in_flight;
}

unsigned service_peak(const struct service *service, const char *bucket)
{
	struct place *place;

	HASH_FIND_STR(service->places, bucket, place);
	return place ? place->peak : 0;
}

size_t service_plans(const struct service *service)
{
	return service->plans;
}

const char *service_violation(const struct service *service)
{
	return service->violation[0] ? service->violation : NULL;
}

void service_on_answer(struct service *service, service_answer_cb answer, void *arg)
{
	service->answer = answer;
	service->answer_arg = arg;
}
