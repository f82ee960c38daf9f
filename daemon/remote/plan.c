/* plan.c - what is known of one future's requests: its spec, params and settings. */
#include "config.h"

#include "daemon/remote/plan.h"
#include "daemon/remote/build.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/list.h"
#include "daemon/remote/named.h"
#include "daemon/remote/origins.h"
#include "daemon/remote/plan_check.h"
#include "daemon/remote/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The origin of the first URL that is known: poll's, base, submit's. NULL: none is. */
static int find_origin(const struct remote_plan *plan, char **ret)
{
	int r = origins_step(plan->spec, STEP_POLL, plan->params, ret);

	if (r == 0 && !*ret)
		r = origins_base(plan->spec, plan->params, ret);
	if (r == 0 && !*ret)
		r = origins_step(plan->spec, STEP_SUBMIT, plan->params, ret);
	return r;
}

/* Where its requests go to: the origins that it names, and the bucket that it shares with others. */
static int set_places(struct remote_plan *plan, struct error *error)
{
	const struct values values = { .params = plan->params };
	const char *socket = plan->spec->requests[STEP_POLL].unix_socket;
	char *path = NULL;
	int r = 0;

	if (find_origin(plan, &plan->origin) < 0 || origins_find(plan->spec, plan->params, &plan->origins) < 0)
		return place_no_memory(error);
	if (plan->named)
		named_only(plan->named, plan->origins);
	if (socket && template_fill(socket, TEMPLATE_PLAIN, &values, REMOTE_URL_MAX, &path, NULL, NULL) < 0)
		path = NULL;
	if (asprintf(&plan->bucket, "%s %s%s%s", plan->spec->credential ? plan->spec->credential : "-",
	    plan->origin ? plan->origin : "?", path ? " " : "", path ? path : "") < 0) {
		plan->bucket = NULL;
		r = place_no_memory(error);
	}
	free(path);
	plan->plan.bucket = plan->bucket;
	plan->plan.origin = plan->origin;
	return r;
}

static int apply_settings(struct remote_plan *plan, struct error *error)
{
	const struct spec *spec = plan->spec;
	const struct request *submit = &spec->requests[STEP_SUBMIT];
	struct settings settings;
	const char *name;
	json_t *where;
	int r;

	json_object_foreach(spec->settings_names, name, where)
		if (references_give(&plan->references, name))
			return error_set(error, ERROR_INVALID_SPEC, "%s: {%s} is known too late: settings are read at once",
			    json_string_value(where), name);
		else if (!json_object_get(plan->params, name))
			return error_set(error, ERROR_INVALID_SPEC, "%s: {%s} has no value: no param has that name",
			    json_string_value(where), name);
	r = settings_read(spec->settings, plan->params, &settings, NULL, error);
	if (r < 0)
		return r;
	plan->retry_on = settings.retry_on;
	plan->plan = (struct plan){
		.kind = spec->kind,
		.polling = settings.polling,
		.retry = settings.retry,
		.has_submit = submit->given,
		.has_fetch = spec->requests[STEP_FETCH].given,
		.has_cancel = spec->requests[STEP_CANCEL].given,
		.has_ack = spec->requests[STEP_ACK].given,
		.has_events = spec->requests[STEP_EVENTS].given,
		.long_poll = spec->requests[STEP_POLL].long_poll,
		.ack_on = spec->requests[STEP_ACK].ack_on,
		.keepalive_usec = spec->requests[STEP_KEEPALIVE].every_usec,
		.resubmit = settings.resubmit,
		.reset_on_progress = settings.reset_on_progress,
		.keep_until_delivered = settings.keep_until_delivered,
		.ttl_usec = settings.ttl_usec,
		.retry_after_max_usec = settings.retry_after_max_usec,
		.bucket_limit = settings.bucket_limit,
		.release = spec->release,
		.has_delay = spec->local.has_delay,
		.delay_usec = spec->local.delay_usec,
		.until = spec->local.until,
		.of = spec->local.of,
		.n_of = spec->local.n_of,
		.results = plan->references.ids,
		.n_results = plan->references.n_ids,
	};
	for (enum step step = STEP_SUBMIT; submit->given && step < STEPS; step++)
		plan->plan.has_idempotency |= spec_uses(spec, step, "idempotency") != NULL;
	plan->plan.has_idempotency |= submit->idempotency != NULL;
	return 0;
}

/* Those keys of `polling.batch` that all members of a batch must have in common, as JSON. */
static char *shared_keys(const struct spec *spec)
{
	static const char *const KEYS[] = {
		"items", "id", "max", "join", "next", "more", "missing", "timeout", "redirects",
	};
	const json_t *batch = json_object_get(json_object_get(spec->root, "polling"), "batch");
	json_t *shared = json_object();
	char *text = NULL;
	bool complete = shared != NULL;

	for (size_t i = 0; complete && i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
		json_t *value = json_object_get(batch, KEYS[i]);

		complete = !value || json_object_set(shared, KEYS[i], value) == 0;
	}
	if (complete)
		text = json_dumps(shared, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(shared);
	return text;
}

/*
 * What futures are asked about together by: the request for the first page, and how its answer is read. A future that
 * exists already and whose request cannot be built any more is asked about alone.
 */
static int set_batch(struct remote_plan *plan, struct error *error)
{
	const struct list *list = plan->spec->requests[STEP_LIST].list;
	json_t *builtin = list ? plan_stand_ins(plan->spec, STEP_LIST) : NULL;
	const struct build_input input = { .spec = plan->spec, .step = STEP_LIST,
		.values = { .builtin = builtin, .params = plan->params } };
	struct built_request built = { 0 };
	char *request = NULL, *keys = NULL;
	int r;

	if (!list)
		return 0;
	r = builtin ? build_request(&input, &built, NULL) : -ENOMEM;
	json_decref(builtin);
	if (r < 0)
		return r == -ENOMEM ? place_no_memory(error) : 0;
	keys = shared_keys(plan->spec);
	if (!keys || built_request_text(&built, &request) < 0 ||
	    asprintf(&plan->batch, "%s%s %s", keys, plan->spec->http2 ? " 2" : "", request) < 0) {
		plan->batch = NULL;
		r = place_no_memory(error);
	}
	free(keys);
	free(request);
	built_request_done(&built);
	plan->plan.batch = plan->batch;
	plan->plan.batch_max = (unsigned)list->max;
	return r;
}

/* All about the requests to a service. */
static int set_requests(struct remote_plan *plan, bool creating, struct error *error)
{
	int r = creating ? plan_check(plan, error) : 0;

	if (r == 0)
		r = set_places(plan, error);
	return r < 0 ? r : set_batch(plan, error);
}

int plan_new(struct spec_cache *cache, const char *spec, const char *params, bool creating,
    struct remote_plan **ret, struct error *error)
{
	struct remote_plan *plan = calloc(1, sizeof(*plan));
	int r;

	if (!plan)
		return place_no_memory(error);
	r = spec_parse_json("params", slice_from_str(params), &plan->params, error);
	if (r == 0) {
		plan->named = json_incref(json_object_get(plan->params, PLAN_NAMED));
		json_object_del(plan->params, PLAN_NAMED);
	}
	if (r == 0)
		r = spec_get(cache, spec, &plan->spec, error);
	if (r == 0)
		r = references_read(plan->spec, plan->params, &plan->references, error);
	if (r == 0)
		r = apply_settings(plan, error);
	if (r == 0 && plan->spec->kind == STORE_KIND_HTTP)
		r = set_requests(plan, creating, error);
	if (r < 0)
		goto fail;
	*ret = plan;
	return 0;

fail:
	plan_free(plan);
	return r;
}

/* Does every name of a keepalive's templates have a value? A param that is null has none. */
static bool has_values(const json_t *names, const struct values *values)
{
	const char *name;
	json_t *where;

	json_object_foreach((json_t *)names, name, where)
		if (!values_find(values, name) || json_is_null(values_find(values, name)))
			return false;
	return true;
}

int plan_keepalive_name(const struct remote_plan *plan, const struct values *values, char **ret,
    struct error *error)
{
	const struct spec *spec = plan->spec;
	json_t *builtin = values->builtin ? json_copy((json_t *)values->builtin) : json_object();
	struct build_input input = { .spec = spec, .step = STEP_KEEPALIVE, .values = *values };
	struct built_request built = { 0 };
	char *request = NULL, *name = NULL;
	int r;

	/* What differs from one time to the next, or is a secret, is no part of the name. */
	if (!builtin || json_object_set_new(builtin, "credential", json_string("x")) < 0 ||
	    json_object_set_new(builtin, "attempt", json_integer(1)) < 0) {
		json_decref(builtin);
		return place_no_memory(error);
	}
	input.values.builtin = builtin;
	if (has_values(spec->names, &input.values) && has_values(spec->requests[STEP_KEEPALIVE].names, &input.values))
		r = build_request(&input, &built, error);
	else
		r = -EAGAIN;
	if (r == 0 && (built_request_text(&built, &request) < 0 || asprintf(&name, "%s %s", plan->bucket, request) < 0))
		r = place_no_memory(error);
	if (r == 0)
		*ret = name;
	free(request);
	built_request_done(&built);
	json_decref(builtin);
	return r;
}

struct remote_plan *plan_ref(struct remote_plan *plan)
{
	plan->refs++;
	return plan;
}

struct remote_plan *plan_free(struct remote_plan *plan)
{
	if (!plan || plan->refs-- > 0)
		return NULL;
	spec_unref(plan->spec);
	json_decref(plan->params);
	json_decref(plan->named);
	references_done(&plan->references);
	free(plan->bucket);
	free(plan->origin);
	free(plan->batch);
	origins_free(plan->origins);
	free(plan);
	return NULL;
}
