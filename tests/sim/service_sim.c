/* service_sim.c - plans, buckets and exchanges of a service that keeps its word as its script says. */
#include "tests/sim/service_core.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANG_USEC UINT64_C(30000000)

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

void service_violate(struct service *service, const char *format, ...)
{
	va_list args;

	if (service->violation[0])
		return;
	va_start(args, format);
	vsnprintf(service->violation, sizeof(service->violation), format, args);
	va_end(args);
}

struct asked *service_note(struct service *service, const struct id *id)
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

struct place *service_place(struct service *service, const char *name)
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

/* The bytes themselves, where they begin as JSON does; else as a string. */
static int on_embed(void *self, const char *content_type, struct slice bytes, char **ret)
{
	size_t size = bytes.len + sizeof("\"base64\":\"\"");
	bool is_json = bytes.len > 0 && strchr("{[n0123456789", bytes.data[0]);

	*ret = must(malloc(size));
	snprintf(*ret, size, is_json ? "\"result\":%.*s" : "\"base64\":\"%.*s\"", (int)bytes.len, bytes.data);
	return 0;
}

static int on_prepare(void *self, const struct plan_source *source, struct plan_texts *ret_texts,
    struct plan **ret_plan, struct error *error)
{
	struct plan_texts texts = { 0 };
	size_t len, at;
	int r;

	texts.spec = must(strndup(source->spec.data ? source->spec.data : "", source->spec.len));
	texts.params = must(strndup(source->params.data ? source->params.data : "{}",
	    source->params.data ? source->params.len : 2));
	len = source->profile.len + strlen(texts.params) + strlen(texts.spec) + (ID_TEXT_LEN + 1) * source->n_after + 64;
	texts.request = must(malloc(len));
	at = (size_t)snprintf(texts.request, len, "%.*s|%s|%s", (int)source->profile.len,
	    source->profile.data ? source->profile.data : "", texts.params, texts.spec);
	if (source->start_at_ms)
		at += (size_t)snprintf(texts.request + at, len - at, "|at %lld", (long long)source->start_at_ms);
	if (source->has_delay)
		at += (size_t)snprintf(texts.request + at, len - at, "|in %llu", (unsigned long long)source->delay_usec);
	for (size_t i = 0; i < source->n_after; i++) {
		texts.request[at++] = '|';
		id_format(&source->after[i], texts.request + at);
		at += ID_TEXT_LEN;
	}
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

static int on_origin(void *self, struct slice text, char **ret, struct error *error)
{
	(void)self;
	(void)error;
	*ret = must(strndup(text.data, text.len));
	return 0;
}

static void on_difference(void *self, const char *before, const char *now, char *ret, size_t size)
{
	(void)self;
	snprintf(ret, size, "%s", strcmp(before, now) != 0 ? "spec" : "");
}

static void on_plan_free(void *self, struct plan *plan)
{
	struct service *service = self;

	if (!plan)
		return;
	service->plans--;
	script_free((struct script *)plan);
}

/* The last result is the name of the operation. */
static int on_refer(void *self, const struct plan *plan, size_t i, struct slice result, const char *taken, char **ret,
    struct error *error)
{
	const char *before = taken ? taken : "";
	struct service *service = self;
	size_t size = result.len + 32;

	if ((i > 0) != (taken != NULL) || i >= plan->n_results)
		service_violate(service, "result %zu of %zu after \"%s\"", i, plan->n_results, before);
	if (slice_equals(result, "nothing"))
		return error_set(error, ERROR_INVALID_SPEC, "nothing is there");
	*ret = must(malloc(size));
	snprintf(*ret, size, "{\"op\":\"%.*s\",\"hop\":0}", (int)result.len, result.data);
	return 0;
}

static void check_start(struct service *service, struct place *place, struct asked *asked, const struct plan *plan)
{
	unsigned limit = plan->bucket_limit ? plan->bucket_limit : service->limit_bucket;

	if (asked->in_flight > 1)
		service_violate(service, "two requests at once for one future");
	if (service->limit_total && service->in_flight > service->limit_total)
		service_violate(service, "%u requests in flight of %u", service->in_flight, service->limit_total);
	if (limit && place->in_flight > limit)
		service_violate(service, "%u requests in flight in bucket %s of %u", place->in_flight, place->name, limit);
	if (*service->now_usec < place->not_before)
		service_violate(service, "bucket %s was asked %llu us before the end of its pause", place->name,
		    (unsigned long long)(place->not_before - *service->now_usec));
}

static struct asked *note_request(struct service *service, struct exchange *exchange, const struct step_input *input)
{
	struct asked *asked = service_note(service, input->id);
	struct place *place = exchange->place;

	asked->in_flight++;
	if (exchange->long_poll) {
		service->long_polls++;
	} else {
		service->in_flight++;
		if (++place->in_flight > place->peak)
			place->peak = place->in_flight;
	}
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

/* How long the answer takes. A request that is held gets it when there is news, or when its time is over. */
static uint64_t latency_of(const struct script *script, enum step step)
{
	if (script->hang)
		return HANG_USEC;
	return script->latency_usec + (step == STEP_POLL ? script->hold_usec : 0);
}

static int on_start(void *self, const struct plan *plan, const struct step_input *input, exchange_cb done,
    void *arg, struct exchange **ret, struct error *error)
{
	const struct script *script = (const struct script *)plan;
	struct service *service = self;
	uint64_t latency = latency_of(script, input->step);
	struct exchange *exchange;

	if (plan->kind != STORE_KIND_HTTP)
		service_violate(service, "a request for a future without a service");
	if (script->nostart)
		return error_set(error, ERROR_INVALID_SPEC, "credential: no such file");
	exchange = must(calloc(1, sizeof(*exchange)));
	exchange->service = service;
	exchange->place = service_place(service, script->place);
	exchange->long_poll = plan->long_poll && input->step == STEP_POLL;
	exchange->asked = note_request(service, exchange, input);
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
	else
		service_answer_step(exchange, script, input);
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
	exchange->asked->in_flight--;
	if (exchange->long_poll) {
		service->long_polls--;
		return;
	}
	service->in_flight--;
	exchange->place->in_flight--;
}

static void on_abort(void *self, struct exchange *exchange)
{
	take_out(self, exchange);
	free(exchange);
}

uint64_t service_next(const struct service *service)
{
	uint64_t answer = service->exchanges ? service->exchanges->due_usec : UINT64_MAX;
	uint64_t event = service_watches_next(service);

	return answer < event ? answer : event;
}

bool service_deliver(struct service *service)
{
	struct exchange *exchange = service->exchanges;

	if (!exchange || exchange->due_usec > *service->now_usec)
		return service_watches_deliver(service);
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

void service_expect_pause(struct service *service, const char *name, uint64_t until_usec)
{
	struct place *place;

	HASH_FIND_STR(service->places, name, place);
	if (place && place->not_before < until_usec)
		place->not_before = until_usec;
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
	service_watches_forget(service);
	service->clients++;
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
		.difference = on_difference, .origin = on_origin, .embed = on_embed, .refer = on_refer,
		.start = on_start, .abort = on_abort, .watch = service_watch, .unwatch = service_unwatch
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
	struct operation *operation = service_find_operation(service, name);

	return operation ? &operation->truth : NULL;
}

unsigned service_in_flight(const struct service *service)
{
	return service->in_flight + service->long_polls;
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
