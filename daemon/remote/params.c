/* params.c - the values a creator gives, checked against the parameters a profile declares. */
#include "daemon/remote/params.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/place.h"
#include "daemon/remote/template.h"

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

/* Every param has a name of its own and, where there are declarations, is declared or used by the creator. */
static int check_given(const json_t *parameters, const json_t *own, const json_t *params,
    const struct place *place, struct error *error)
{
	const char *name;
	json_t *value;
	int r;

	if (!json_is_object(params))
		return place_fail(place, error, "must be an object");
	if (json_object_size(params) > REMOTE_PARAMS_MAX)
		return place_fail(place, error, "more than %d of them", REMOTE_PARAMS_MAX);
	json_object_foreach((json_t *)params, name, value) {
		r = check_name(name, place, error);
		if (r == 0 && parameters && !json_object_get(parameters, name) && !json_object_get(own, name))
			r = unknown(parameters, name, place, error);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The value of one declared parameter that was not given. */
static int fill_in(const char *name, const json_t *declaration, const json_t *captures, json_t *params,
    const struct place *place, struct error *error)
{
	static const struct place params_place = { .key = "params" };
	struct parameter parameter = { 0 };
	char *example = NULL;
	int r = keys_read(PARAMETER_KEYS, declaration, &parameter, place, error);

	if (r < 0 || json_object_get(params, name))
		return r;
	if (parameter.value)
		return json_object_set(params, name, (json_t *)parameter.value) < 0 ? place_no_memory(error) : 0;
	if (json_object_get(captures, name))
		return 0;
	if (parameter.example) {
		example = json_dumps(parameter.example, JSON_ENCODE_ANY | JSON_COMPACT);
		if (!example)
			return place_no_memory(error);
	}
	r = place_fail(&params_place, error, "\"%s\" is missing%s%s%s%s", name, parameter.help ? ": " : "",
	    parameter.help ? parameter.help : "", example ? ", for example " : "", example ? example : "");
	free(example);
	return r;
}

int params_resolve(const json_t *parameters, const json_t *own, const json_t *params, const json_t *captures,
    json_t **ret, struct error *error)
{
	static const struct place params_place = { .key = "params" }, parameters_place = { .key = "parameters" };
	json_t *resolved = NULL, *declaration;
	const char *name;
	int r = 0;

	if (parameters && !json_is_object(parameters))
		return place_fail(&parameters_place, error, "must be an object");
	if (params)
		r = check_given(parameters, own, params, &params_place, error);
	if (r < 0)
		return r;
	resolved = params ? json_copy((json_t *)params) : json_object();
	if (!resolved)
		return place_no_memory(error);
	json_object_foreach((json_t *)parameters, name, declaration) {
		const struct place here = { .up = &parameters_place, .key = name };

		r = check_name(name, &parameters_place, error);
		if (r == 0)
			r = fill_in(name, declaration, captures, resolved, &here, error);
		if (r < 0) {
			json_decref(resolved);
			return r;
		}
	}
	*ret = resolved;
	return 0;
}
