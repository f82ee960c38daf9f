/* poller.c - the service side as the broker sees it: compiles specs, takes one step of a future at a time. */
#include "daemon/remote/poller.h"
#include "daemon/log.h"
#include "daemon/remote/build.h"
#include "daemon/remote/credential.h"
#include "daemon/remote/judge.h"
#include "daemon/remote/place.h"
#include "daemon/remote/plan.h"
#include "daemon/remote/prepare.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_DEFAULT_USEC UINT64_C(30000000)

struct poller {
	struct http *http;
	struct spec_cache *specs;
	struct profiles *profiles;
	char *credential_dir;
	uint64_t timeout_usec;
	size_t body_max;
	int64_t (*wall_ms)(void *self);
	void *clock_self;
	struct exchange *exchanges;    /* under way */
};

struct exchange {
	struct poller *poller;
	struct exchange *next, *prev;
	const struct remote_plan *plan;
	enum step step;
	json_t *captured;
	bool repeatable;
	struct http_transfer *transfer;
	exchange_cb done;
	void *arg;
};

static void exchange_link(struct exchange *exchange)
{
	struct poller *poller = exchange->poller;

	exchange->next = poller->exchanges;
	if (exchange->next)
		exchange->next->prev = exchange;
	poller->exchanges = exchange;
}

static void exchange_unlink(struct exchange *exchange)
{
	if (exchange->next)
		exchange->next->prev = exchange->prev;
	if (exchange->prev)
		exchange->prev->next = exchange->next;
	else if (exchange->poller->exchanges == exchange)
		exchange->poller->exchanges = exchange->next;
}

static void exchange_free(struct exchange *exchange)
{
	exchange_unlink(exchange);
	json_decref(exchange->captured);
	free(exchange);
}

static int copy_dir(const char *dir, char **ret)
{
	*ret = dir ? strdup(dir) : NULL;
	return dir && !*ret ? -1 : 0;
}

int poller_configure(struct poller *poller, const struct poller_config *config)
{
	struct profiles *profiles = profiles_new(config->profile_dirs);
	char *dir = NULL;

	if (!profiles || copy_dir(config->credential_dir, &dir) < 0) {
		profiles_free(profiles);
		return place_no_memory(NULL);
	}
	profiles_free(poller->profiles);
	free(poller->credential_dir);
	poller->profiles = profiles;
	poller->credential_dir = dir;
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
	http_abort(exchange->transfer);
	exchange_free(exchange);
}

struct poller *poller_free(struct poller *poller)
{
	if (!poller)
		return NULL;
	while (poller->exchanges)
		abort_exchange(poller, poller->exchanges);
	profiles_free(poller->profiles);
	spec_cache_free(poller->specs);
	free(poller->credential_dir);
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

/* A response came, or will not come: judge it and tell the broker. */
static void on_response(void *arg, const struct http_response *response)
{
	struct exchange *exchange = arg;
	struct poller *poller = exchange->poller;
	const struct remote_plan *plan = exchange->plan;
	const struct judge_input input = {
		.step = exchange->step,
		.response = response,
		.rules = spec_rules(plan->spec, exchange->step),
		.captures = plan->spec->requests[exchange->step].captures,
		.captured = exchange->captured,
		.params = plan->params,
		.retry_on = &plan->retry_on,
		.retry_after_max_usec = plan->plan.retry_after_max_usec,
		.repeatable = exchange->repeatable,
		.body_max = poller->body_max,
		.now_ms = poller->wall_ms(poller->clock_self),
	};
	const exchange_cb done = exchange->done;
	void *const done_arg = exchange->arg;
	struct judgement judgement;

	judge(&input, &judgement);
	log_debug("remote: %s at %s: status %d", request_step_name(exchange->step), plan->bucket, response->status);
	/* Gone before the callback, which may start the next step or free the plan. */
	exchange_free(exchange);
	done(done_arg, &judgement.verdict);
	judgement_done(&judgement);
}

/* The values that are made for one request. Holds the credential: wipe it with builtin_free. */
static int make_builtin(const struct poller *poller, const struct remote_plan *plan,
    const struct step_input *input, json_t **ret, struct error *error)
{
	char id[ID_TEXT_LEN + 1], *credential = NULL;
	json_t *builtin;
	int r;

	if (plan->spec->credential && spec_uses(plan->spec, input->step, "credential")) {
		r = credential_read(plan->spec->credential, poller->credential_dir, &credential, error);
		if (r < 0)
			return r;
	}
	id_format(input->id, id);
	builtin = json_pack("{s:s,s:I,s:s*,s:s*}", "id", id, "attempt", (json_int_t)input->attempt, "credential",
	    credential, "idempotency", input->idempotency);
	credential_free(credential);
	/* jansson refuses what is not UTF-8 */
	if (!builtin)
		return error_set(error, ERROR_INVALID_SPEC, "credential: the value is not UTF-8 text");
	*ret = builtin;
	return 0;
}

static void builtin_free(json_t *builtin)
{
	json_t *credential = json_object_get(builtin, "credential");

	if (credential)
		explicit_bzero((char *)json_string_value(credential), json_string_length(credential));
	json_decref(builtin);
}

/* Does sending a step twice do no more than sending it once? */
static bool is_repeatable(const struct remote_plan *plan, enum step step)
{
	return step != STEP_SUBMIT || plan->plan.has_idempotency || plan->plan.resubmit;
}

static int send_request(struct exchange *exchange, const struct step_input *input, struct error *error)
{
	struct poller *poller = exchange->poller;
	struct build_input build = {
		.spec = exchange->plan->spec,
		.step = input->step,
		.values = { .captured = exchange->captured, .params = exchange->plan->params },
		.idempotency = input->idempotency,
		.timeout_usec = poller->timeout_usec,
		.timeout_max_usec = input->timeout_usec,
		.safe_to_resend = exchange->repeatable,
	};
	struct built_request built;
	json_t *builtin;
	int r;

	r = make_builtin(poller, exchange->plan, input, &builtin, error);
	if (r < 0)
		return r;
	build.values.builtin = builtin;
	r = build_request(&build, &built, error);
	builtin_free(builtin);
	if (r < 0)
		return r;
	r = http_start(poller->http, &built.http, on_response, exchange, &exchange->transfer, error);
	built_request_done(&built);
	if (r < 0)
		error_wrap(error, "%s", request_step_name(input->step));
	return r;
}

static int start(void *self, const struct plan *plan, const struct step_input *input, exchange_cb done,
    void *arg, struct exchange **ret, struct error *error)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	int r = 0;

	if (!exchange)
		return place_no_memory(error);
	exchange->poller = self;
	exchange->plan = (const struct remote_plan *)plan;
	exchange->step = input->step;
	exchange->repeatable = is_repeatable(exchange->plan, input->step);
	exchange->done = done;
	exchange->arg = arg;
	exchange_link(exchange);
	if (input->captured)
		r = spec_parse_json("captured values", slice_from_str(input->captured), &exchange->captured, error);
	if (r == 0)
		r = send_request(exchange, input, error);
	if (r < 0) {
		exchange_free(exchange);
		return r;
	}
	*ret = exchange;
	return 0;
}

void poller_remote(struct poller *poller, struct remote *ret)
{
	*ret = (struct remote){
		.self = poller,
		.prepare = prepare,
		.compile = compile,
		.plan_free = free_plan,
		.start = start,
		.abort = abort_exchange,
	};
}
