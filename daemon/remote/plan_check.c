/* plan_check.c - what is looked at once, when a future is created: that its requests fit together and can be filled. */
#include "daemon/remote/plan_check.h"
#include "daemon/remote/build.h"
#include "daemon/remote/filling.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/list.h"
#include "daemon/remote/reach.h"

#include <stdlib.h>
#include <string.h>

enum { NEAR_MAX = REMOTE_PARAMS_MAX + 2 * REMOTE_CAPTURES_MAX };

#define IN(step) (1u << STEP_##step)

/* The requests whose answers can have given a step its values before its own first time. */
static const unsigned KNOWN_FROM[STEPS] = {
	[STEP_POLL] = IN(SUBMIT),
	[STEP_FETCH] = IN(SUBMIT) | IN(POLL) | IN(LIST),
	[STEP_CANCEL] = IN(SUBMIT) | IN(POLL) | IN(LIST),
	[STEP_ACK] = IN(SUBMIT) | IN(POLL) | IN(LIST) | IN(FETCH),
	[STEP_KEEPALIVE] = IN(SUBMIT) | IN(POLL) | IN(LIST),
	[STEP_EVENTS] = IN(SUBMIT),
};

json_t *plan_stand_ins(const struct spec *spec, enum step step)
{
	const struct list *list = spec->requests[step].list;
	json_t *values = json_pack("{s:s,s:i,s:s,s:s}", "id", "00000000-0000-0000-0000-000000000000", "attempt", 1,
	    "credential", "x", "idempotency", "x");

	if (list && values &&
	    json_object_set_new(values, "ids", list->join ? json_string("x") : json_pack("[s]", "x")) < 0) {
		json_decref(values);
		return NULL;
	}
	return values;
}

/* The names that a step's rules set; a submit may have the poll's. */
static const json_t *sets_of(const struct spec *spec, enum step step)
{
	return spec->requests[spec->requests[step].rules_of_poll ? STEP_POLL : step].sets;
}

/* Can the answer to a step give name a value? */
static bool gives(const struct spec *spec, enum step step, const char *name)
{
	const struct rules *rules = spec_rules(spec, step);

	for (size_t i = 0; rules && i < rules->count; i++)
		if (captures_have(rules->items[i].captures, name))
			return true;
	return captures_have(spec->requests[step].captures, name) || json_object_get(sets_of(spec, step), name);
}

static bool any_gives(const struct spec *spec, unsigned steps, const char *name)
{
	for (int step = STEP_SUBMIT; step < STEPS; step++)
		if ((steps & (1u << step)) && gives(spec, (enum step)step, name))
			return true;
	return false;
}

/* Names for the "did you mean". */
struct near {
	const char *names[NEAR_MAX + 1];
	size_t count;
};

static void add_near(struct near *near, const json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)object, name, value)
		if (near->count < NEAR_MAX)
			near->names[near->count++] = name;
}

static void add_near_captures(struct near *near, const struct captures *captures)
{
	const char *name;

	for (size_t i = 0; (name = captures_name(captures, i)); i++)
		if (near->count < NEAR_MAX)
			near->names[near->count++] = name;
}

static int no_value(const struct remote_plan *plan, enum step step, unsigned from, const char *name,
    const char *where, struct error *error)
{
	const struct spec *spec = plan->spec;
	struct near near = { .count = 0 };
	const char *nearest;

	add_near(&near, plan->params);
	for (int other = STEP_SUBMIT; other < STEPS; other++)
		if (from & (1u << other)) {
			const struct rules *rules = spec_rules(spec, (enum step)other);

			for (size_t i = 0; rules && i < rules->count; i++)
				add_near_captures(&near, rules->items[i].captures);
			add_near_captures(&near, spec->requests[other].captures);
			add_near(&near, sets_of(spec, (enum step)other));
		}
	nearest = error_nearest(name, strlen(name), near.names);
	return error_set(error, ERROR_INVALID_SPEC, "%s: {%s} has no value: %s%s%s%s", where, name,
	    step == STEP_LIST && from == 0 ? "a request about many has params, {credential}, {page} and {ids} only"
	                                   : "no param or earlier capture has that name",
	    nearest ? " (did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?)" : "");
}

static bool is_builtin(enum step step, const char *name)
{
	if (step == STEP_LIST)
		return strcmp(name, "credential") == 0 || strcmp(name, "page") == 0 || strcmp(name, "ids") == 0;
	return template_is_builtin(name);
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

static int check_rules(const struct spec *spec, enum step step, struct error *error)
{
	const struct request *request = &spec->requests[step];
	const struct place polling = { .key = "polling" };
	const struct place here = step == STEP_LIST ? (struct place){ .up = &polling, .key = "batch" }
	                                            : (struct place){ .key = request_step_name(step) };
	const struct place place = { .up = &here, .key = "rules" };
	const struct rules *rules = request->list ? request->list->rules : request->rules;

	return rules ? reach_check(rules, &place, error) : 0;
}

/* Can each of these names be filled when the step is first taken? *ret_known: from params alone. */
static int check_names(const struct remote_plan *plan, enum step step, const json_t *names, bool *ret_known,
    struct error *error)
{
	const char *name;
	json_t *where;
	int r;

	json_object_foreach((json_t *)names, name, where) {
		if (is_builtin(step, name)) {
			r = check_builtin(plan, name, json_string_value(where), error);
			if (r < 0)
				return r;
			continue;
		}
		if (json_object_get(plan->params, name))
			continue;
		if (!any_gives(plan->spec, KNOWN_FROM[step], name))
			return no_value(plan, step, KNOWN_FROM[step], name, json_string_value(where), error);
		*ret_known = false;
	}
	return 0;
}

/* The names in what an answer is judged by: what the answer itself gave counts for the next one of the kind. */
static int check_answer_names(const struct remote_plan *plan, enum step step, struct error *error)
{
	unsigned polled = IN(POLL) | IN(LIST), own = 1u << step;
	unsigned from = own & polled ? IN(SUBMIT) | polled : KNOWN_FROM[step] | own;
	const char *name, *where;
	json_t *value;

	json_object_foreach(plan->spec->requests[step].answer_names, name, value) {
		where = json_string_value(value);
		if (filling_has_builtin(name) || json_object_get(plan->params, name) || any_gives(plan->spec, from, name))
			continue;
		if (is_builtin(STEP_SUBMIT, name))
			return error_set(error, ERROR_INVALID_SPEC, "%s: {%s} is for requests only", where, name);
		return no_value(plan, step, from, name, where, error);
	}
	return 0;
}

/* Is name in a template anywhere? */
static bool is_used(const struct spec *spec, const char *name)
{
	bool used = json_object_get(spec->names, name) != NULL;

	for (int step = STEP_SUBMIT; step < STEPS; step++)
		used |= json_object_get(spec->requests[step].names, name) ||
		    json_object_get(spec->requests[step].answer_names, name);
	return used;
}

/* What a rule sets is for a template. */
static int check_sets(const struct spec *spec, enum step step, struct error *error)
{
	struct near near = { .count = 0 };
	const char *name, *nearest;
	json_t *where;

	json_object_foreach(spec->requests[step].sets, name, where) {
		if (is_used(spec, name))
			continue;
		add_near(&near, spec->names);
		for (int other = STEP_SUBMIT; other < STEPS; other++)
			add_near(&near, spec->requests[other].names);
		nearest = error_nearest(name, strlen(name), near.names);
		return error_set(error, ERROR_INVALID_SPEC, "%s: no template uses {%s}%s%s%s", json_string_value(where),
		    name, nearest ? " (did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?)" : "");
	}
	return 0;
}

/* A rule that leads to `fetch` needs one, and a `fetch` needs such a rule. */
static int check_fetch(const struct spec *spec, struct error *error)
{
	static const unsigned MAY = IN(SUBMIT) | IN(POLL) | IN(FETCH) | IN(LIST);
	bool given = spec->requests[STEP_FETCH].given, reached = false;

	for (enum step step = STEP_SUBMIT; step < STEPS; step++) {
		if (!spec->requests[step].given || !rules_can(spec_rules(spec, step), OUTCOME_FETCH))
			continue;
		if (!(MAY & (1u << step)))
			return error_set(error, ERROR_INVALID_SPEC,
			    "%s.rules: \"then\": \"fetch\" is for the rules of submit, poll and fetch",
			    request_step_name(step));
		if (!given)
			return error_set(error, ERROR_INVALID_SPEC,
			    "%s.rules: \"then\": \"fetch\" is used, but there is no \"fetch\"", request_step_name(step));
		reached |= step != STEP_FETCH;
	}
	if (given && !reached)
		return error_set(error, ERROR_INVALID_SPEC,
		    "fetch: no rule of submit or poll leads to it: \"then\": \"fetch\"");
	return 0;
}

/* Build a request as it would be sent, and see whether its URL is one. */
static int try_request(const struct remote_plan *plan, enum step step, struct error *error)
{
	json_t *builtin = plan_stand_ins(plan->spec, step);
	const struct build_input input = {
		.spec = plan->spec,
		.step = step,
		.values = { .builtin = builtin, .params = plan->params },
		.idempotency = "x",
	};
	struct built_request built;
	struct error why;
	char *origin;
	int r = builtin ? build_request(&input, &built, error) : place_no_memory(error);

	json_decref(builtin);
	if (r < 0)
		return r;
	r = http_origin(built.url, &origin, &why);
	built_request_done(&built);
	if (r < 0)
		return error_set(error, ERROR_INVALID_SPEC, "%s.url: %s", request_step_name(step), why.message);
	free(origin);
	return 0;
}

static int check_request(const struct remote_plan *plan, enum step step, struct error *error)
{
	const struct spec *spec = plan->spec;
	bool known = true;
	int r;

	if (!spec->requests[step].given)
		return 0;
	r = check_rules(spec, step, error);
	if (r == 0)
		r = check_names(plan, step, spec->requests[step].names, &known, error);
	if (r == 0)
		r = check_names(plan, step, spec->names, &known, error);
	if (r == 0)
		r = check_answer_names(plan, step, error);
	if (r == 0)
		r = check_sets(spec, step, error);
	return r == 0 && known ? try_request(plan, step, error) : r;
}

int plan_check(const struct remote_plan *plan, struct error *error)
{
	int r = check_fetch(plan->spec, error);

	for (enum step step = STEP_SUBMIT; r == 0 && step < STEPS; step++)
		r = check_request(plan, step, error);
	return r;
}
