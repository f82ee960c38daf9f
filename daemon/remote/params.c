/* params.c - the values a creator gives, checked against the parameters a profile declares. */
#include "daemon/remote/params.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/place.h"
#include "daemon/remote/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One declaration. */
struct parameter {
	const char *help;
	const json_t *example;
	const json_t *value;           /* the default; NULL: required */
};

static const struct key PARAMETER_KEYS[] = {
	{ "help", key_string, offsetof(struct parameter, help), KEY_PLAIN },
	{ "example", key_any, offsetof(struct parameter, example), KEY_PLAIN },
	{ "default", key_any, offsetof(struct parameter, value), KEY_PLAIN },
	{ 0 }
};

static int check_name(const char *name, const struct place *place, struct error *error)
{
	if (!template_name_valid(name))
		return place_fail(place, error, "\"%.64s\" is not a name for a value", name);
	for (size_t i = 0; template_builtins[i]; i++)
		if (strcmp(name, template_builtins[i]) == 0)
			return place_fail(place, error, "\"%s\" is a built-in value", name);
	return 0;
}

static int unknown(const json_t *parameters, const char *name, const struct place *place, struct error *error)
{
	const char *names[REMOTE_PARAMS_MAX + 1] = { NULL }, *other;
	size_t count = 0;
	json_t *value;

	json_object_foreach((json_t *)parameters, other, value)
		if (count < REMOTE_PARAMS_MAX)
			names[count++] = other;
	return keys_unknown("parameter", name, names, place, error);
}

/* One param has a name of its own and, where there are declarations, is declared or used by the creator. */
static int check_one(const json_t *parameters, const json_t *own, const char *name, const struct place *place,
    struct error *error)
{
	int r = check_name(name, place, error);

	if (r == 0 && parameters && !json_object_get(parameters, name) && !json_object_get(own, name))
		r = unknown(parameters, name, place, error);
	return r;
}

static int check_given(const json_t *parameters, const json_t *own, const json_t *params,
    const struct place *place, struct error *error)
{
	const char *name;
	json_t *value;
	int first = 0;

	if (!json_is_object(params))
		return place_fail(place, error, "must be an object");
	if (json_object_size(params) > REMOTE_PARAMS_MAX)
		return place_fail(place, error, "more than %d of them", REMOTE_PARAMS_MAX);
	json_object_foreach((json_t *)params, name, value)
		if (place_ends(place, check_one(parameters, own, name, place, error), &first))
			break;
	return first;
}

int params_missing(const char *name, const json_t *declaration, struct error *error)
{
	static const struct place place = { .key = "params" };
	const char *help = json_string_value(json_object_get(declaration, "help"));
	const json_t *given = json_object_get(declaration, "example");
	char *example = given ? json_dumps(given, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	int r;

	if (given && !example)
		return place_no_memory(error);
	r = place_fail(&place, error, "\"%s\" is missing%s%s%s%s", name, help ? ": " : "", help ? help : "",
	    example ? ", for example " : "", example ? example : "");
	free(example);
	return r;
}

/* What is filled in where no value was given. */
struct filler {
	json_t *params;                /* what there is; the default is added */
	const json_t *captures;        /* these may be missing; or NULL */
	json_t *open;                  /* collects those that are missing; NULL: that is refused */
	bool examples;                 /* take the example where there is no default */
};

/* The value of one declared parameter. */
static int fill_in(const struct filler *filler, const char *name, const json_t *declaration, const struct place *place,
    struct error *error)
{
	struct parameter parameter = { 0 };
	const json_t *value;
	int r = keys_read(PARAMETER_KEYS, declaration, &parameter, place, error);

	if (json_object_get(filler->params, name))
		return r;
	if (r < 0) {
		/* With a mistake in it, it is declared all the same. */
		if (filler->open && json_object_set(filler->open, name, (json_t *)declaration) < 0)
			r = place_no_memory(error);
		return r;
	}
	value = parameter.value || !filler->examples ? parameter.value : parameter.example;
	if (value)
		r = json_object_set(filler->params, name, (json_t *)value);
	else if (filler->open)
		r = json_object_set(filler->open, name, (json_t *)declaration);
	else if (!json_object_get(filler->captures, name))
		return params_missing(name, declaration, error);
	return r < 0 ? place_no_memory(error) : 0;
}

static int fill_in_all(const struct filler *filler, const json_t *parameters, const struct place *place,
    struct error *error)
{
	const char *name;
	json_t *declaration;
	int r, first = 0;

	json_object_foreach((json_t *)parameters, name, declaration) {
		const struct place here = { .up = place, .key = name };

		r = check_name(name, place, error);
		if (r == 0)
			r = fill_in(filler, name, declaration, &here, error);
		if (place_ends(place, r, &first))
			break;
	}
	return first;
}

int params_resolve(const json_t *parameters, const json_t *own, const json_t *params, const json_t *captures,
    json_t **ret, struct error *error)
{
	static const struct place params_place = { .key = "params" }, parameters_place = { .key = "parameters" };
	struct filler filler = { .captures = captures };
	int r = 0;

	if (parameters && !json_is_object(parameters))
		return place_fail(&parameters_place, error, "must be an object");
	if (params)
		r = check_given(parameters, own, params, &params_place, error);
	if (r < 0)
		return r;
	filler.params = params ? json_copy((json_t *)params) : json_object();
	if (!filler.params)
		return place_no_memory(error);
	r = fill_in_all(&filler, parameters, &parameters_place, error);
	if (r < 0) {
		json_decref(filler.params);
		return r;
	}
	*ret = filler.params;
	return 0;
}

int params_suppose(const json_t *parameters, const json_t *own, const json_t *params, bool examples,
    struct problems *problems, json_t **ret, json_t **ret_open)
{
	const struct place whole = { .problems = problems };
	const struct place params_place = { .up = &whole, .key = "params" };
	const struct place parameters_place = { .up = &whole, .key = "parameters" };
	struct filler filler = { .params = json_object(), .open = json_object(), .examples = examples };
	struct error error = { 0 };

	if (!filler.params || !filler.open || (json_is_object(params) &&
	    json_object_update(filler.params, (json_t *)params) < 0))
		place_no_memory(&error);
	else if (parameters && !json_is_object(parameters))
		place_fail(&parameters_place, &error, "must be an object");
	else if (params)
		check_given(parameters, own, params, &params_place, &error);
	if (error.code != ERROR_OUT_OF_MEMORY)
		fill_in_all(&filler, parameters, &parameters_place, &error);
	if (error.code == ERROR_OUT_OF_MEMORY) {
		json_decref(filler.params);
		json_decref(filler.open);
		return -ENOMEM;
	}
	*ret = filler.params;
	*ret_open = filler.open;
	return 0;
}
