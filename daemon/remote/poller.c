/* poller.c - the service side as the broker sees it: compiles specs, takes one step of a future at a time. */
#include "daemon/remote/poller.h"
#include "daemon/log.h"
#include "daemon/remote/ask.h"
#include "daemon/remote/batch.h"
#include "daemon/remote/difference.h"
#include "daemon/remote/embed.h"
#include "daemon/remote/judge.h"
#include "daemon/remote/place.h"
#include "daemon/remote/plan.h"
#include "daemon/remote/poller_core.h"
#include "daemon/remote/prepare.h"
#include "daemon/remote/text.h"
#include "daemon/remote/watch.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_DEFAULT_USEC UINT64_C(30000000)

/* One step of one future under way; batch.c has those of many. */
struct single {
	struct exchange exchange;      /* first: what the broker holds */
	const struct remote_plan *plan;
	enum step step;
	char id[ID_TEXT_LEN + 1];
	char *idempotency;
	json_t *captured;
	json_t *budgets;
	char *new_captured;            /* what an answer that was not told to the broker changed, as JSON; or NULL */
	char *new_budgets;
	struct ask *ask;
	exchange_cb done;
	void *arg;
};

/* --- the poller --------------------------------------------------------------------------------------------------- */

void exchange_link(struct exchange *exchange, struct poller *poller, void (*abort)(struct exchange *exchange))
{
	exchange->poller = poller;
	exchange->abort = abort;
	exchange->prev = NULL;
	exchange->next = poller->exchanges;
	if (exchange->next)
		exchange->next->prev = exchange;
	poller->exchanges = exchange;
}

void exchange_unlink(struct exchange *exchange)
{
	if (exchange->next)
		exchange->next->prev = exchange->prev;
	if (exchange->prev)
		exchange->prev->next = exchange->next;
	else
		exchange->poller->exchanges = exchange->next;
}

int poller_configure(struct poller *poller, const struct poller_config *config)
{
	struct profiles *profiles = profiles_new(config->profile_dirs);

	if (!profiles)
		return place_no_memory(NULL);
	profiles_free(poller->profiles);
	poller->profiles = profiles;
	poller->credentials = config->credentials;
	poller->streams_max = config->streams_max;
	poller->timeout_usec = config->timeout_usec ? config->timeout_usec : TIMEOUT_DEFAULT_USEC;
	poller->body_max = config->body_max;
	poller->wall_ms = config->wall_ms;
	poller->clock_self = config->clock_self;
	return 0;
}

struct poller *poller_new(struct http *http, const struct poller_config *config)
{
	struct poller *poller = calloc(1, sizeof(*poller));

	if (!poller)
		return NULL;
	poller->http = http;
	poller->specs = spec_cache_new();
	if (!poller->specs || poller_configure(poller, config) < 0)
		return poller_free(poller);
	return poller;
}

static void abort_exchange(void *self, struct exchange *exchange)
{
	exchange->abort(exchange);
}

struct poller *poller_free(struct poller *poller)
{
	if (!poller)
		return NULL;
	while (poller->exchanges)
		abort_exchange(poller, poller->exchanges);
	while (poller->watches)
		watch_close(poller->watches);
	assert(!poller->flights);
	profiles_free(poller->profiles);
	spec_cache_free(poller->specs);
	free(poller);
	return NULL;
}

struct profiles *poller_profiles(struct poller *poller)
{
	return poller->profiles;
}

static int prepare(void *self, const struct plan_source *source, struct plan_texts *ret_texts,
    struct plan **ret_plan, struct error *error)
{
	struct poller *poller = self;
	struct plan_texts texts;
	struct remote_plan *plan;
	int r;

	r = prepare_texts(poller->profiles, source, &texts, error);
	if (r < 0)
		return r;
	r = plan_new(poller->specs, texts.spec, texts.params, true, &plan, error);
	if (r < 0) {
		free(texts.spec);
		free(texts.params);
		free(texts.request);
		return r;
	}
	*ret_texts = texts;
	*ret_plan = &plan->plan;
	return 0;
}

static int compile(void *self, const char *spec, const char *params, struct plan **ret_plan, struct error *error)
{
	struct poller *poller = self;
	struct remote_plan *plan;
	int r = plan_new(poller->specs, spec, params, false, &plan, error);

	if (r == 0)
		*ret_plan = &plan->plan;
	return r;
}

static void free_plan(void *self, struct plan *plan)
{
	plan_free((struct remote_plan *)plan);
}

static int refer(void *self, const struct plan *plan, size_t i, struct slice result, const char *taken, char **ret,
    struct error *error)
{
	(void)self;
	return references_take(&((const struct remote_plan *)plan)->references, i, result, taken, ret, error);
}

/* --- one step ----------------------------------------------------------------------------------------------------- */

static void single_free(struct single *single)
{
	exchange_unlink(&single->exchange);
	ask_abort(single->ask);
	json_decref(single->captured);
	json_decref(single->budgets);
	free(single->idempotency);
	free(single->new_captured);
	free(single->new_budgets);
	free(single);
}

static void single_abort(struct exchange *exchange)
{
	single_free((struct single *)exchange);
}

static void judge_answer(const struct single *single, const struct ask_answer *answer, struct judgement *ret)
{
	const struct poller *poller = single->exchange.poller;
	const struct remote_plan *plan = single->plan;
	const struct request *request = &plan->spec->requests[single->step];
	const struct judge_input input = {
		.step = single->step,
		.response = answer->response,
		.rules = spec_rules(plan->spec, single->step),
		.captures = request->captures,
		.id = single->id,
		.idempotency = single->idempotency,
		.captured = single->captured,
		.budgets = single->budgets,
		.params = plan->params,
		.poll_names = plan->spec->requests[STEP_POLL].names,
		.fetch_names = plan->spec->requests[STEP_FETCH].names,
		.retry_on = &plan->retry_on,
		.retry_after_max_usec = plan->plan.retry_after_max_usec,
		.long_poll = request->long_poll,
		.repeatable = single->step != STEP_SUBMIT || plan->plan.has_idempotency || plan->plan.resubmit,
		.body_max = poller->body_max,
		.now_ms = poller->wall_ms(poller->clock_self),
	};

	judge(&input, ret);
	log_debug("remote: %s at %s: status %d", request_step_name(single->step), plan->bucket,
	    answer->response->status);
	/* What was sent for another future is counted there. */
	if (answer->shared)
		ret->verdict.extra_requests = 0;
	ret->verdict.extra_requests += answer->extra;
	ret->verdict.shared = answer->shared;
	ret->verdict.sent = answer->sent;
}

/* It could not be sent (again): that is no news of the operation. */
static void judge_nothing(const struct single *single, const struct ask_answer *answer, struct judgement *ret)
{
	*ret = (struct judgement){
		.verdict = {
			.step = single->step, .outcome = OUTCOME_RETRY, .sent = answer->sent, .extra_requests = answer->extra,
		},
	};
	text_line(answer->reason, ret->verdict.reason, sizeof(ret->verdict.reason));
}

/* The service refused the credential, and there is no fresh one: say so before what it said. */
static void say_refused(const struct single *single, int why, struct verdict *verdict)
{
	const char *name = single->plan->spec->credential;
	char line[sizeof(verdict->reason) * 2];

	if (why == -ENOENT)
		return;
	snprintf(line, sizeof(line), "credential %s was refused%s: %s", name, why == -EALREADY ?
	    ", and so was a fresh one" : why == -EKEYREJECTED ? "" : ", and a fresh one could not be had", verdict->reason);
	text_line(line, verdict->reason, sizeof(verdict->reason));
}

/* Put the JSON text *made, which is taken, in the place of what is stored of a future; "" stands for nothing. */
static int replace_stored(char **made, const char *text, char **ret_text, json_t **ret_json)
{
	json_t *json;

	if (!text)
		return 0;
	json = *text ? json_loads(text, 0, NULL) : json_object();
	free(*ret_text);
	*ret_text = *made ? *made : strdup("");
	*made = NULL;
	if (!json || !*ret_text) {
		json_decref(json);
		return -ENOMEM;
	}
	json_decref(*ret_json);
	*ret_json = json;
	return 0;
}

/* The request is sent again: what this answer used up and gave counts for the next one, which is told. */
static int keep_values(struct single *single, struct judgement *judgement)
{
	int r = replace_stored(&judgement->captured, judgement->verdict.captured, &single->new_captured,
	    &single->captured);

	return r < 0 ? r : replace_stored(&judgement->budgets, judgement->verdict.budgets, &single->new_budgets,
	    &single->budgets);
}

/* Judge what came of it and tell the broker, unless a fresh credential may change it. */
static void on_answer(void *arg, const struct ask_answer *answer)
{
	struct single *single = arg;
	const exchange_cb done = single->done;
	void *const done_arg = single->arg;
	struct judgement judgement;
	char *captured, *budgets;
	int r;

	if (answer->response)
		judge_answer(single, answer, &judgement);
	else
		judge_nothing(single, answer, &judgement);
	if (judgement.refresh_credential) {
		r = ask_refresh(single->ask);
		if (r == 0 && keep_values(single, &judgement) == 0) {
			judgement_done(&judgement);
			return;
		}
		say_refused(single, r, &judgement.verdict);
	}
	captured = single->new_captured;
	budgets = single->new_budgets;
	single->new_captured = single->new_budgets = NULL;
	if (!judgement.verdict.captured)
		judgement.verdict.captured = captured;
	if (!judgement.verdict.budgets)
		judgement.verdict.budgets = budgets;
	/* Gone before the callback, which may start the next step or free the plan. */
	single_free(single);
	done(done_arg, &judgement.verdict);
	judgement_done(&judgement);
	free(captured);
	free(budgets);
}

static int parse_stored(const char *what, const char *text, json_t **ret, struct error *error)
{
	return text && *text ? spec_parse_stored(what, slice_from_str(text), ret, error) : 0;
}

static int single_start(struct single *single, const struct step_input *input, struct error *error)
{
	struct ask_input ask = {
		.plan = single->plan,
		.step = input->step,
		.id = input->id,
		.attempt = input->attempt,
		.idempotency = input->idempotency,
		.timeout_usec = input->timeout_usec,
	};
	int r = parse_stored("captured values", input->captured, &single->captured, error);

	id_format(input->id, single->id);
	if (r == 0 && input->idempotency && !(single->idempotency = strdup(input->idempotency)))
		r = place_no_memory(error);
	if (r == 0)
		r = parse_stored("budgets", input->budgets, &single->budgets, error);
	if (r < 0)
		return r;
	ask.captured = single->captured;
	return ask_start(single->exchange.poller, &ask, on_answer, single, &single->ask, error);
}

static int start(void *self, const struct plan *plan, const struct step_input *input, exchange_cb done,
    void *arg, struct exchange **ret, struct error *error)
{
	struct single *single = calloc(1, sizeof(*single));
	int r;

	if (!single)
		return place_no_memory(error);
	single->plan = (const struct remote_plan *)plan;
	single->step = input->step;
	single->done = done;
	single->arg = arg;
	exchange_link(&single->exchange, self, single_abort);
	r = single_start(single, input, error);
	if (r < 0) {
		single_free(single);
		return r;
	}
	*ret = &single->exchange;
	return 0;
}

/* --- what the broker calls ----------------------------------------------------------------------------------------- */

static int embed_result(void *self, const char *content_type, struct slice bytes, char **ret)
{
	return embed(content_type, bytes, ret);
}

static int keepalive_name(void *self, const struct plan *plan, const struct step_input *input, char **ret,
    struct error *error)
{
	const struct remote_plan *remote = (const struct remote_plan *)plan;
	struct values values = { .params = remote->params };
	char id[ID_TEXT_LEN + 1];
	json_t *builtin, *captured = NULL;
	int r = parse_stored("captured values", input->captured, &captured, error);

	if (r < 0)
		return r;
	id_format(input->id, id);
	builtin = json_pack("{s:s,s:I}", "id", id, "attempt", (json_int_t)input->attempt);
	values.builtin = builtin;
	values.captured = captured;
	r = builtin ? plan_keepalive_name(remote, &values, ret, error) : place_no_memory(error);
	json_decref(builtin);
	json_decref(captured);
	return r;
}

static int start_batch(void *self, const struct batch_member *members, size_t count, batch_cb done, void *arg,
    struct exchange **ret, struct error *error)
{
	return batch_start(self, members, count, done, arg, ret, error);
}

static void drop_member(void *self, struct exchange *exchange, size_t i)
{
	batch_drop(exchange, i);
}

static void difference(void *self, const char *before, const char *now, char *ret, size_t size)
{
	(void)self;
	difference_name(before, now, ret, size);
}

static int origin(void *self, struct slice text, char **ret, struct error *error)
{
	char *url = strndup(text.data, text.len);
	int r;

	(void)self;
	if (!url)
		return place_no_memory(error);
	if (http_is_origin(url))
		r = http_origin(url, ret, error);
	else
		r = error_set(error, ERROR_INVALID_ARGUMENT, "more than a scheme, a host and a port");
	free(url);
	return r;
}

static int watch(void *self, const struct plan *plan, const struct step_input *input, watch_cb event, void *arg,
    struct watch **ret, struct error *error)
{
	return watch_open(self, plan, input, event, arg, ret, error);
}

static void unwatch(void *self, struct watch *watch)
{
	watch_close(watch);
}

void poller_remote(struct poller *poller, struct remote *ret)
{
	*ret = (struct remote){
		.self = poller,
		.prepare = prepare,
		.compile = compile,
		.plan_free = free_plan,
		.difference = difference,
		.origin = origin,
		.embed = embed_result,
		.refer = refer,
		.start = start,
		.abort = abort_exchange,
		.start_batch = start_batch,
		.drop_member = drop_member,
		.keepalive_name = keepalive_name,
		.watch = watch,
		.unwatch = unwatch,
	};
}
