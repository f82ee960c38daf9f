/* plan_check.c - what is looked at once, when a future is created: that its requests fit together and can be filled. */
#include "daemon/remote/plan_check.h"
#include "daemon/remote/build.h"
#include "daemon/remote/filling.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/list.h"
#include "daemon/remote/problems.h"
#include "daemon/remote/reach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is looked at. */
struct check {
	const struct remote_plan *plan;
	const struct spec *spec;       /* of it */
	const struct place *whole;     /* gathers complaints; NULL: the first one ends it */
	const json_t *open;            /* object: names of params whose values are not known; NULL: none */
};

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

/* Does some capture or `set` within json have this name? */
static bool is_given(const json_t *json, const char *name)
{
	const char *key;
	json_t *value;
	size_t i;

	json_array_foreach((json_t *)json, i, value)
		if (is_given(value, name))
			return true;
	json_object_foreach((json_t *)json, key, value)
		if (((strcmp(key, "capture") == 0 || strcmp(key, "set") == 0) && json_object_get(value, name)) ||
		    is_given(value, name))
			return true;
	return false;
}

/* Does a template of a text that could not be read in full begin like name? */
static bool is_mentioned(const char *text, const char *name)
{
	char plain[REMOTE_NAME_MAX + 8], plus[REMOTE_NAME_MAX + 8];

	snprintf(plain, sizeof(plain), "{%s", name);
	snprintf(plus, sizeof(plus), "{+%s", name);
	return strstr(text, plain) || strstr(text, plus);
}

/* Where complaints are gathered there may be some already: of what they are about, less is known than was written. */
static bool is_broken(const struct check *check)
{
	return check->whole && check->whole->problems->count > 0;
}

static bool is_broken_at(const struct check *check, const char *place)
{
	return check->whole && problems_within(check->whole->problems, place);
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

static int no_value(const struct check *check, enum step step, unsigned from, const char *name,
    const char *where, struct error *error)
{
	const struct spec *spec = check->spec;
	struct near near = { .count = 0 };
	const char *nearest;

	/* What should give it may be what could not be read. */
	if (is_broken(check) && is_given(spec->root, name))
		return 0;
	add_near(&near, check->plan->params);
	add_near(&near, check->open);
	for (int other = STEP_SUBMIT; other < STEPS; other++)
		if (from & (1u << other)) {
			const struct rules *rules = spec_rules(spec, (enum step)other);

			for (size_t i = 0; rules && i < rules->count; i++)
				add_near_captures(&near, rules->items[i].captures);
			add_near_captures(&near, spec->requests[other].captures);
			add_near(&near, sets_of(spec, (enum step)other));
		}
	nearest = error_nearest(name, strlen(name), near.names);
	return place_fail_at(check->whole, where, error, "{%s} has no value: %s%s%s%s", name,
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

static int check_builtin(const struct check *check, const char *name, const char *where, struct error *error)
{
	if (strcmp(name, "credential") == 0 && !check->spec->credential && !is_broken_at(check, "credential"))
		return place_fail_at(check->whole, where, error, "{credential} is used, but \"credential\" names none");
	if (strcmp(name, "idempotency") == 0 && !check->spec->requests[STEP_SUBMIT].given)
		return place_fail_at(check->whole, where, error, "{idempotency} is used, but there is no submit");
	return 0;
}

static int check_rules(const struct check *check, enum step step, struct error *error)
{
	const struct request *request = &check->spec->requests[step];
	const struct place polling = { .up = check->whole, .key = "polling" };
	const struct place here = step == STEP_LIST ? (struct place){ .up = &polling, .key = "batch" }
	                                            : (struct place){ .up = check->whole, .key = request_step_name(step) };
	const struct place place = { .up = &here, .key = "rules" };
	const struct rules *rules = request->list ? request->list->rules : request->rules;

	return rules ? reach_check(rules, &place, error) : 0;
}

/* Can a name be filled when the step is first taken? *ret_known: from params alone. */
static int check_name(const struct check *check, enum step step, const char *name, const char *where, bool *ret_known,
    struct error *error)
{
	if (is_builtin(step, name))
		return check_builtin(check, name, where, error);
	if (json_object_get(check->plan->params, name))
		return 0;
	*ret_known = false;
	if (references_give(&check->plan->references, name))
		return step == STEP_LIST ? place_fail_at(check->whole, where, error,
		    "{%s} is known too late: a request about many has params, {credential}, {page} and {ids} only", name) : 0;
	if (json_object_get(check->open, name) || any_gives(check->spec, KNOWN_FROM[step], name))
		return 0;
	return no_value(check, step, KNOWN_FROM[step], name, where, error);
}

static int check_names(const struct check *check, enum step step, const json_t *names, bool *ret_known,
    struct error *error)
{
	const char *name;
	json_t *where;
	int first = 0;

	json_object_foreach((json_t *)names, name, where)
		if (place_ends(check->whole, check_name(check, step, name, json_string_value(where), ret_known, error), &first))
			break;
	return first;
}

/* The names in what an answer is judged by: what the answer itself gave counts for the next one of the kind. */
static int check_answer_name(const struct check *check, enum step step, const char *name, const char *where,
    struct error *error)
{
	unsigned polled = IN(POLL) | IN(LIST), own = 1u << step;
	unsigned from = own & polled ? IN(SUBMIT) | polled : KNOWN_FROM[step] | own;

	if (filling_has_builtin(name) || references_give(&check->plan->references, name) ||
	    json_object_get(check->plan->params, name) || json_object_get(check->open, name) ||
	    any_gives(check->spec, from, name))
		return 0;
	if (is_builtin(STEP_SUBMIT, name))
		return place_fail_at(check->whole, where, error, "{%s} is for requests only", name);
	return no_value(check, step, from, name, where, error);
}

static int check_answer_names(const struct check *check, enum step step, struct error *error)
{
	const char *name;
	json_t *where;
	int first = 0;

	json_object_foreach(check->spec->requests[step].answer_names, name, where)
		if (place_ends(check->whole, check_answer_name(check, step, name, json_string_value(where), error), &first))
			break;
	return first;
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
static int check_set(const struct check *check, const char *name, const char *where, struct error *error)
{
	const struct spec *spec = check->spec;
	struct near near = { .count = 0 };
	const char *nearest;

	if (is_used(spec, name) || (is_broken(check) && is_mentioned(spec->text, name)))
		return 0;
	add_near(&near, spec->names);
	for (int other = STEP_SUBMIT; other < STEPS; other++)
		add_near(&near, spec->requests[other].names);
	nearest = error_nearest(name, strlen(name), near.names);
	return place_fail_at(check->whole, where, error, "no template uses {%s}%s%s%s", name,
	    nearest ? " (did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?)" : "");
}

static int check_sets(const struct check *check, enum step step, struct error *error)
{
	const char *name;
	json_t *where;
	int first = 0;

	json_object_foreach(check->spec->requests[step].sets, name, where)
		if (place_ends(check->whole, check_set(check, name, json_string_value(where), error), &first))
			break;
	return first;
}

/* Only these lead somewhere else. */
static int check_leads(const struct check *check, enum step step, const char *where, struct error *error)
{
	static const unsigned MAY = IN(SUBMIT) | IN(POLL) | IN(FETCH) | IN(LIST);
	const struct place here = { .up = check->whole, .key = request_step_name(step) };
	const struct place rules = { .up = &here, .key = "rules" };

	if (MAY & (1u << step))
		return 0;
	return place_fail(&rules, error, "\"then\": \"%s\" is for the rules of submit, poll and fetch", where);
}

/* May the rules of a step lead to `fetch`, and do they lead anywhere? */
static int check_leads_to_fetch(const struct check *check, enum step step, struct error *error)
{
	const struct place here = { .up = check->whole, .key = request_step_name(step) };
	const struct place rules = { .up = &here, .key = "rules" };
	int r = check_leads(check, step, "fetch", error);

	if (r == 0 && !check->spec->requests[STEP_FETCH].given)
		r = place_fail(&rules, error, "\"then\": \"fetch\" is used, but there is no \"fetch\"");
	return r;
}

/* A rule that leads to `fetch` needs one, and a `fetch` needs such a rule. */
static int check_fetch(const struct check *check, struct error *error)
{
	const struct place fetch = { .up = check->whole, .key = "fetch" };
	const struct spec *spec = check->spec;
	bool reached = false;
	int first = 0;

	for (enum step step = STEP_SUBMIT; step < STEPS; step++) {
		if (!spec->requests[step].given || !rules_can(spec_rules(spec, step), OUTCOME_FETCH))
			continue;
		reached |= step != STEP_FETCH;
		if (place_ends(check->whole, check_leads_to_fetch(check, step, error), &first))
			return first;
	}
	if (first == 0 && spec->requests[STEP_FETCH].given && !reached && !is_broken(check))
		return place_fail(&fetch, error, "no rule of submit or poll leads to it: \"then\": \"fetch\"");
	return first;
}

/* Would a request that is built of this be more of the same complaints? */
static bool is_known_to_fail(const struct check *check, enum step step)
{
	return is_broken_at(check, request_step_name(step)) || is_broken_at(check, "base") ||
	    is_broken_at(check, "headers");
}

/* why: "PLACE: MESSAGE", as the builder says it. */
static int cannot_build(const struct check *check, const struct error *why, struct error *error)
{
	const char *colon = strstr(why->message, ": ");
	char where[256];

	if (why->code != ERROR_INVALID_SPEC || !colon)
		return error_set(error, why->code, "%s", why->message);
	snprintf(where, sizeof(where), "%.*s", (int)(colon - why->message), why->message);
	return place_fail_at(check->whole, where, error, "%s", colon + 2);
}

/* Build a request as it would be sent, and see whether its URL is one. */
static int try_request(const struct check *check, enum step step, struct error *error)
{
	json_t *builtin = plan_stand_ins(check->spec, step);
	const struct place here = { .up = check->whole, .key = request_step_name(step) };
	const struct place url = { .up = &here, .key = "url" };
	const struct build_input input = {
		.spec = check->spec,
		.step = step,
		.values = { .builtin = builtin, .params = check->plan->params },
		.idempotency = "x",
	};
	struct built_request built;
	struct error why = { 0 };
	char *origin;
	int r = builtin ? build_request(&input, &built, &why) : place_no_memory(&why);

	json_decref(builtin);
	if (r < 0)
		return cannot_build(check, &why, error);
	r = http_origin(built.url, &origin, &why);
	built_request_done(&built);
	if (r < 0)
		return place_fail(&url, error, "%s", why.message);
	free(origin);
	return 0;
}

static int check_request(const struct check *check, enum step step, struct error *error)
{
	const struct spec *spec = check->spec;
	bool known = true;
	int first = 0;

	if (!spec->requests[step].given)
		return 0;
	if ((rules_can(spec_rules(spec, step), OUTCOME_CONTINUE) &&
	    place_ends(check->whole, check_leads(check, step, "continue", error), &first)) ||
	    place_ends(check->whole, check_rules(check, step, error), &first) ||
	    place_ends(check->whole, check_names(check, step, spec->requests[step].names, &known, error), &first) ||
	    place_ends(check->whole, check_names(check, step, spec->names, &known, error), &first) ||
	    place_ends(check->whole, check_answer_names(check, step, error), &first) ||
	    place_ends(check->whole, check_sets(check, step, error), &first))
		return first;
	return known && !is_known_to_fail(check, step) ? try_request(check, step, error) : first;
}

static int check_all(const struct check *check, struct error *error)
{
	int first = 0;

	if (place_ends(check->whole, check_fetch(check, error), &first))
		return first;
	for (enum step step = STEP_SUBMIT; step < STEPS; step++)
		if (place_ends(check->whole, check_request(check, step, error), &first))
			break;
	return first;
}

int plan_check(const struct remote_plan *plan, struct error *error)
{
	const struct check check = { .plan = plan, .spec = plan->spec };

	return check_all(&check, error);
}

int plan_examine(const struct remote_plan *plan, const json_t *open, struct problems *problems)
{
	const struct place whole = { .problems = problems };
	const struct check check = { .plan = plan, .spec = plan->spec, .whole = &whole, .open = open };
	struct error error = { 0 };

	check_all(&check, &error);
	return error.code == ERROR_OUT_OF_MEMORY ? -ENOMEM : 0;
}
