/* examine.c - looks at a profile or spec for the one who writes it: all that is wrong with it at once. */
#include "daemon/remote/examine.h"
#include "daemon/remote/list.h"
#include "daemon/remote/params.h"
#include "daemon/remote/place.h"
#include "daemon/remote/plan_check.h"
#include "daemon/remote/prepare.h"
#include "daemon/remote/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The params of the text itself, and over them those that were given. */
static int all_params(const struct spec *spec, json_t *given, json_t **ret)
{
	json_t *own = json_object_get(spec->root, "params");

	if (!json_is_object(own)) {
		*ret = json_incref(given ? given : own);
		return 0;
	}
	*ret = json_copy(own);
	return *ret && (!given || json_object_update(*ret, given) == 0) ? 0 : -ENOMEM;
}

/* Settings may be templates of params; they can only be read when all of these have values. */
static int check_settings(const struct examined *examined, const json_t *params, const json_t *open,
    struct problems *problems)
{
	const struct spec *spec = examined->spec;
	const struct place whole = { .problems = problems };
	struct settings settings;
	struct error error = { 0 };
	const char *name;
	json_t *where;
	bool known = true;

	json_object_foreach(spec->settings_names, name, where) {
		if (json_object_get(params, name))
			continue;
		known = false;
		if (!json_object_get(open, name))
			place_fail_at(&whole, json_string_value(where), &error, "{%s} has no value: no param has that name",
			    name);
	}
	if (known)
		settings_read(spec->settings, params, &settings, &whole, &error);
	return error.code == ERROR_OUT_OF_MEMORY ? -ENOMEM : 0;
}

static int check_references(struct remote_plan *plan, struct problems *problems)
{
	struct error error = { 0 };

	if (references_read(plan->spec, plan->params, &plan->references, &error) == 0)
		return 0;
	return error.code == ERROR_OUT_OF_MEMORY ? -ENOMEM : problems_add(problems, "", error.message, 0, 0);
}

/* Look at what was compiled with values for its params: those that are known, and examples. */
static int check_with(struct examined *examined, const json_t *given)
{
	const json_t *parameters = json_object_get(examined->spec->root, "parameters");
	struct remote_plan plan = { .spec = examined->spec };
	json_t *own, *open = NULL;
	int r = prepare_names(examined->spec->root, &own);

	if (r < 0)
		return r;
	r = params_suppose(parameters, own, given, true, &examined->problems, &plan.params, &open);
	if (r == 0)
		r = params_suppose(parameters, own, given, false, &examined->problems, &examined->params, &examined->open);
	if (r == 0)
		r = check_references(&plan, &examined->problems);
	if (r == 0)
		r = check_settings(examined, plan.params, open, &examined->problems);
	if (r == 0)
		r = plan_examine(&plan, open, &examined->problems);
	references_done(&plan.references);
	json_decref(plan.params);
	json_decref(open);
	json_decref(own);
	return r;
}

/* The text, borrowed until the next profile is looked for. */
static int get_text(struct profiles *profiles, const struct profile_source *source, struct slice *ret, struct error *error)
{
	char name[REMOTE_NAME_MAX + 1];
	const char *text, *path;
	int r;

	if (!source->profile.data) {
		*ret = source->text;
		return 0;
	}
	if (source->profile.len > REMOTE_NAME_MAX)
		return error_set(error, ERROR_NOT_FOUND, "no profile has so long a name");
	memcpy(name, source->profile.data, source->profile.len);
	name[source->profile.len] = '\0';
	r = profile_text(profiles, name, &text, &path, error);
	if (r == 0)
		*ret = slice_from_str(text);
	return r;
}

int examine(struct profiles *profiles, const struct profile_source *source, struct examined *ret, struct error *error)
{
	struct examined examined = { .spec = NULL };
	json_t *given = NULL, *all = NULL;
	struct slice text;
	int r = get_text(profiles, source, &text, error);

	if (r == 0 && source->params.data)
		r = spec_parse_json("params", source->params, &given, error);
	if (r < 0)
		return r;
	r = spec_examine(text, &examined.problems, &examined.spec);
	if (r == 0 && examined.spec)
		r = all_params(examined.spec, given, &all);
	if (r == 0 && examined.spec)
		r = check_with(&examined, all);
	json_decref(given);
	json_decref(all);
	if (r < 0) {
		examined_done(&examined);
		return place_no_memory(error);
	}
	*ret = examined;
	return 0;
}

void examined_done(struct examined *examined)
{
	spec_unref(examined->spec);
	json_decref(examined->params);
	json_decref(examined->open);
	problems_done(&examined->problems);
	*examined = (struct examined){ .spec = NULL };
}

/* --- the report ------------------------------------------------------------------------------------------------- */

static json_t *problems_json(const struct problems *problems)
{
	json_t *list = json_array();

	for (size_t i = 0; i < problems->count; i++) {
		const struct problem *problem = &problems->items[i];
		json_t *one = json_pack("{s:s,s:s}", "place", problem->place, "message", problem->message);

		if (problem->line > 0 && (json_object_set_new(one, "line", json_integer(problem->line)) < 0 ||
		    json_object_set_new(one, "column", json_integer(problem->column)) < 0)) {
			json_decref(one);
			one = NULL;
		}
		if (json_array_append_new(list, one) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* A member of a declaration; what is neither text nor a number as JSON text. */
static int add_text(json_t *object, const json_t *declaration, const char *key)
{
	const json_t *value = json_object_get(declaration, key);
	char *text;
	int r;

	if (!value || json_is_string(value) || json_is_number(value) || json_is_boolean(value))
		return value ? json_object_set(object, key, (json_t *)value) : 0;
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	r = json_object_set_new(object, key, text ? json_string(text) : NULL);
	free(text);
	return r;
}

/* What a creator has to know of the parameters. */
static json_t *parameters_json(const struct spec *spec)
{
	json_t *parameters = json_object_get(spec->root, "parameters"), *list = json_object(), *declaration;
	const char *name;

	json_object_foreach(parameters, name, declaration) {
		bool required = !json_object_get(declaration, "default") &&
		    !json_object_get(json_object_get(json_object_get(spec->root, "submit"), "capture"), name);
		json_t *one = json_pack("{s:b}", "required", required);

		if (add_text(one, declaration, "help") < 0 || add_text(one, declaration, "example") < 0 ||
		    add_text(one, declaration, "default") < 0 || json_object_set(list, name, one) < 0) {
			json_decref(one);
			json_decref(list);
			return NULL;
		}
		json_decref(one);
	}
	return list;
}

/* The requests by name, and how many rules they have. */
static json_t *requests_json(const struct spec *spec, size_t *ret_rules)
{
	json_t *list = json_array();

	*ret_rules = 0;
	for (enum step step = STEP_SUBMIT; step < STEPS; step++) {
		const struct request *request = &spec->requests[step];
		const struct rules *rules = request->list ? request->list->rules : request->rules;

		if (!request->given)
			continue;
		*ret_rules += rules ? rules->count : 0;
		if (json_array_append_new(list, json_string(request_step_name(step))) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* NULL: no memory. */
static json_t *report_json(const struct examined *examined)
{
	const struct spec *spec = examined->spec;
	json_t *report, *requests;
	size_t rules;

	report = json_pack("{s:o,s:b}", "problems", problems_json(&examined->problems), "more", examined->problems.more);
	if (!report || !spec)
		return report;
	requests = requests_json(spec, &rules);
	if (json_object_set_new(report, "requests", requests) < 0 ||
	    json_object_set_new(report, "parameters", parameters_json(spec)) < 0 ||
	    json_object_set_new(report, "rules", json_integer((json_int_t)rules)) < 0 ||
	    (spec->credential && json_object_set_new(report, "credential", json_string(spec->credential)) < 0)) {
		json_decref(report);
		return NULL;
	}
	return report;
}

int examine_report(struct profiles *profiles, const struct profile_source *source, char **ret, struct error *error)
{
	struct examined examined;
	json_t *report;
	char *text;
	int r = examine(profiles, source, &examined, error);

	if (r < 0)
		return r;
	report = report_json(&examined);
	text = report ? json_dumps(report, JSON_COMPACT) : NULL;
	json_decref(report);
	examined_done(&examined);
	if (!text)
		return place_no_memory(error);
	*ret = text;
	return 0;
}
