/* plan.c - what is known of one future's requests: its spec, params and settings. */
#include "config.h"

#include "daemon/remote/plan.h"
#include "daemon/remote/build.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR_MAX = REMOTE_PARAMS_MAX + 2 * REMOTE_CAPTURES_MAX };

/* Requests whose captures a step may use: those that come before its own first time. */
static const bool CAPTURED_BY[STEPS][STEPS] = {
	[STEP_POLL] = { [STEP_SUBMIT] = true },
	[STEP_FETCH] = { [STEP_SUBMIT] = true, [STEP_POLL] = true },
	[STEP_CANCEL] = { [STEP_SUBMIT] = true, [STEP_POLL] = true },
	[STEP_ACK] = { [STEP_SUBMIT] = true, [STEP_POLL] = true, [STEP_FETCH] = true },
	[STEP_KEEPALIVE] = { [STEP_SUBMIT] = true, [STEP_POLL] = true },
	[STEP_EVENTS] = { [STEP_SUBMIT] = true },
};

static int no_value(const struct remote_plan *plan, enum step step, const char *name, const char *where,
    struct error *error)
{
	const char *names[NEAR_MAX + 1] = { NULL }, *other, *nearest;
	size_t count = 0;
	json_t *value;

	json_object_foreach(plan->params, other, value)
		if (count < NEAR_MAX)
			names[count++] = other;
	for (int from = STEP_SUBMIT; from < STEPS; from++)
		for (size_t i = 0; CAPTURED_BY[step][from] &&
		     (other = captures_name(plan->spec->requests[from].captures, i)); i++)
			if (count < NEAR_MAX)
				names[count++] = other;
	nearest = error_nearest(name, strlen(name), names);
	if (nearest)
		return error_set(error, ERROR_INVALID_SPEC,
		    "%s: {%s} has no value: no param or earlier capture has that name (did you mean \"%s\"?)", where,
		    name, nearest);
	return error_set(error, ERROR_INVALID_SPEC, "%s: {%s} has no value: no param or earlier capture has that name",
	    where, name);
}

static bool is_builtin(const char *name)
{
	for (size_t i = 0; template_builtins[i]; i++)
		if (strcmp(name, template_builtins[i]) == 0)
			return true;
	return false;
}

static int check_builtin(const struct remote_plan *plan, const char *name, const char *where,
    struct error *error)
{
	if (strcmp(name, "credential") == 0 && !plan->spec->credential)
		return error_set(error, ERROR_INVALID_SPEC, "%s: {credential} is used, but \"credential\" names none",
		    where);
	if (strcmp(name, "idempotency") == 0 && !plan->spec->requests[STEP_SUBMIT].given)
		return error_set(error, ERROR_INVALID_SPEC, "%s: {idempotency} is used, but there is no submit", where);
	return 0;
}

/* Can each of these names be filled when the step is first taken? *ret_known: from params alone. */
static int check_names(const struct remote_plan *plan, enum step step, const json_t *names, bool *ret_known,
    struct error *error)
{
	const char *name;
	json_t *where;
	int r;

	json_object_foreach((json_t *)names, name, where) {
		bool captured = false;

		if (is_builtin(name)) {
			r = check_builtin(plan, name, json_string_value(where), error);
			if (r < 0)
				return r;
			continue;
		}
		if (json_object_get(plan->params, name))
			continue;
		for (int from = STEP_SUBMIT; from < STEPS; from++)
			captured |= CAPTURED_BY[step][from] && captures_have(plan->spec->requests[from].captures, name);
		if (!captured)
			return no_value(plan, step, name, json_string_value(where), error);
		*ret_known = false;
	}
	return 0;
}

/* Stand-ins for what is known only when a request is sent. */
static json_t *placeholders(void)
{
	return json_pack("{s:s,s:i,s:s,s:s}", "id", "00000000-0000-0000-0000-000000000000", "attempt", 1, "credential",
	    "x", "idempotency", "x");
}

/* Build a request as it would be sent, and see whether its URL is one. */
static int try_request(const struct remote_plan *plan, enum step step, json_t *builtin, struct error *error)
{
	const struct build_input input = {
		.spec = plan->spec,
		.step = step,
		.values = { .builtin = builtin, .params = plan->params },
		.idempotency = "x",
	};
	struct built_request built;
	struct error why;
	char *origin;
	int r = build_request(&input, &built, error);

	if (r < 0)
		return r;
	r = http_origin(built.url, &origin, &why);
	built_request_done(&built);
	if (r < 0)
		return error_set(error, ERROR_INVALID_SPEC, "%s.url: %s", request_step_name(step), why.message);
	free(origin);
	return 0;
}

static int check_requests(const struct remote_plan *plan, json_t *builtin, struct error *error)
{
	for (enum step step = STEP_SUBMIT; step < STEPS; step++) {
		bool known = true;
		int r;

		if (!plan->spec->requests[step].given)
			continue;
		r = check_names(plan, step, plan->spec->requests[step].names, &known, error);
		if (r == 0)
			r = check_names(plan, step, plan->spec->names, &known, error);
		if (r == 0 && known)
			r = try_request(plan, step, builtin, error);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The origin of the first URL that is known: poll's, base, submit's. NULL: none is, or no memory. */
static char *find_origin(const struct remote_plan *plan, const struct values *values)
{
	char *url, *origin = NULL;

	if (build_url(plan->spec, STEP_POLL, values, &url, NULL) == 0) {
		if (http_origin(url, &origin, NULL) < 0)
			origin = NULL;
		free(url);
	}
	if (!origin && build_base(plan->spec, values, &url, NULL) == 0 && url) {
		if (http_origin(url, &origin, NULL) < 0)
			origin = NULL;
		free(url);
	}
	if (!origin && plan->spec->requests[STEP_SUBMIT].given &&
	    build_url(plan->spec, STEP_SUBMIT, values, &url, NULL) == 0) {
		if (http_origin(url, &origin, NULL) < 0)
			origin = NULL;
		free(url);
	}
	return origin;
}

static int set_bucket(struct remote_plan *plan, json_t *builtin, struct error *error)
{
	const struct values values = { .builtin = builtin, .params = plan->params };
	const char *socket = plan->spec->requests[STEP_POLL].unix_socket;
	char *origin = find_origin(plan, &values), *path = NULL;
	int r = 0;

	if (socket && template_fill(socket, TEMPLATE_PLAIN, &values, REMOTE_URL_MAX, &path, NULL, NULL) < 0)
		path = NULL;
	if (asprintf(&plan->bucket, "%s %s%s%s", plan->spec->credential ? plan->spec->credential : "-",
	    origin ? origin : "?", path ? " " : "", path ? path : "") < 0) {
		plan->bucket = NULL;
		r = place_no_memory(error);
	}
	free(path);
	free(origin);
	plan->plan.bucket = plan->bucket;
	return r;
}

/* Add the origin of a URL that is known; takes url. */
static void add_origin(struct remote_plan *plan, char *url)
{
	size_t n = 0;

	while (plan->origins[n])
		n++;
	if (http_origin(url, &plan->origins[n], NULL) < 0)
		plan->origins[n] = NULL;
	free(url);
}

static int set_origins(struct remote_plan *plan, json_t *builtin, struct error *error)
{
	const struct values values = { .builtin = builtin, .params = plan->params };
	char *url;

	plan->origins = calloc(STEPS + 2, sizeof(*plan->origins));
	if (!plan->origins)
		return place_no_memory(error);
	if (build_base(plan->spec, &values, &url, NULL) == 0 && url)
		add_origin(plan, url);
	for (enum step step = STEP_SUBMIT; step < STEPS; step++)
		if (plan->spec->requests[step].given && build_url(plan->spec, step, &values, &url, NULL) == 0)
			add_origin(plan, url);
	return 0;
}

int plan_keepalive_name(const struct remote_plan *plan, const struct values *values, char **ret, struct error *error)
{
	return build_url(plan->spec, STEP_KEEPALIVE, values, ret, error) < 0 ? -EAGAIN : 0;
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
		if (!json_object_get(plan->params, name))
			return error_set(error, ERROR_INVALID_SPEC, "%s: {%s} has no value: no param has that name",
			    json_string_value(where), name);
	r = settings_read(spec->settings, plan->params, &settings, error);
	if (r < 0)
		return r;
	plan->retry_on = settings.retry_on;
	plan->plan = (struct plan){
		.polling = settings.polling,
		.retry = settings.retry,
		.has_submit = submit->given,
		.has_cancel = spec->requests[STEP_CANCEL].given,
		.resubmit = settings.resubmit,
		.reset_on_progress = settings.reset_on_progress,
		.keep_until_delivered = settings.keep_until_delivered,
		.ttl_usec = settings.ttl_usec,
		.retry_after_max_usec = settings.retry_after_max_usec,
		.bucket_limit = settings.bucket_limit,
	};
	for (enum step step = STEP_SUBMIT; submit->given && step < STEPS; step++)
		plan->plan.has_idempotency |= spec_uses(spec, step, "idempotency") != NULL;
	plan->plan.has_idempotency |= submit->idempotency != NULL;
	return 0;
}

int plan_new(struct spec_cache *cache, const char *spec, const char *params, bool creating,
    struct remote_plan **ret, struct error *error)
{
	struct remote_plan *plan = calloc(1, sizeof(*plan));
	json_t *builtin = placeholders();
	int r;

	if (!plan || !builtin) {
		r = place_no_memory(error);
		goto fail;
	}
	r = spec_parse_json("params", slice_from_str(params), &plan->params, error);
	if (r == 0)
		r = spec_get(cache, spec, &plan->spec, error);
	if (r == 0)
		r = apply_settings(plan, error);
	if (r == 0 && creating)
		r = check_requests(plan, builtin, error);
	if (r == 0)
		r = set_bucket(plan, builtin, error);
	if (r == 0)
		r = set_origins(plan, builtin, error);
	if (r < 0)
		goto fail;
	json_decref(builtin);
	*ret = plan;
	return 0;

fail:
	json_decref(builtin);
	plan_free(plan);
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
	free(plan->bucket);
	for (char **origin = plan->origins; origin && *origin; origin++)
		free(*origin);
	free(plan->origins);
	free(plan);
	return NULL;
}
