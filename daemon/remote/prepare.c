/* prepare.c - makes the texts that are stored of what a creator asked for. */
#include "daemon/remote/prepare.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/named.h"
#include "daemon/remote/params.h"
#include "daemon/remote/place.h"
#include "daemon/remote/spec.h"
#include "daemon/remote/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The parsed parts of a source, NULL where nothing was given. */
struct parts {
	char name[REMOTE_NAME_MAX + 1];
	json_t *profile;
	json_t *params;
	json_t *spec;
	json_t *polling;
	json_t *retry;
};

static void parts_done(struct parts *parts)
{
	json_decref(parts->profile);
	json_decref(parts->params);
	json_decref(parts->spec);
	json_decref(parts->polling);
	json_decref(parts->retry);
}

static int parse_given(const char *what, struct slice text, json_t **ret, struct error *error)
{
	return text.data ? spec_parse_json(what, text, ret, error) : 0;
}

static int get_profile(struct profiles *profiles, struct slice name, struct parts *parts, struct error *error)
{
	int r;

	if (name.len > REMOTE_NAME_MAX || memchr(name.data, '\0', name.len))
		return error_set(error, ERROR_INVALID_SPEC, "profile: not the name of a profile");
	memcpy(parts->name, name.data, name.len);
	r = profile_get(profiles, parts->name, &parts->profile, NULL, error);
	/* To a creator an unknown profile is a mistake in the request, not a future that is not there. */
	if (r < 0 && error && error->code == ERROR_NOT_FOUND) {
		error->code = ERROR_INVALID_SPEC;
		r = error_errno(ERROR_INVALID_SPEC);
		error_wrap(error, "profile");
	}
	return r;
}

static int parse(struct profiles *profiles, const struct plan_source *source, struct parts *ret,
    struct error *error)
{
	int r = 0;

	if (!source->profile.data && !source->spec.data)
		return error_set(error, ERROR_INVALID_SPEC, "one of profile and spec is needed");
	if (source->profile.data)
		r = get_profile(profiles, source->profile, ret, error);
	if (r == 0)
		r = parse_given("params", source->params, &ret->params, error);
	if (r == 0)
		r = parse_given("spec", source->spec, &ret->spec, error);
	if (r == 0)
		r = parse_given("polling", source->polling, &ret->polling, error);
	if (r == 0)
		r = parse_given("retry", source->retry, &ret->retry, error);
	return r;
}

/* Put the members of over over those of what object has under key. */
static int fold(json_t *object, const char *key, json_t *over, struct error *error)
{
	json_t *under = json_object_get(object, key), *folded;

	if (!over)
		return 0;
	/* Something else than an object there is left for the compiler to complain about. */
	if (under && !json_is_object(under))
		return 0;
	folded = under ? json_copy(under) : json_object();
	if (!folded || json_object_update(folded, over) < 0) {
		json_decref(folded);
		return place_no_memory(error);
	}
	return json_object_set_new(object, key, folded) < 0 ? place_no_memory(error) : 0;
}

/* One object with everything in it. */
static int merge(const struct parts *parts, json_t **ret, struct error *error)
{
	json_t *merged = parts->profile ? json_copy(parts->profile) : json_object();
	int r = 0;

	if (!merged || (parts->spec && json_object_update(merged, parts->spec) < 0))
		r = place_no_memory(error);
	if (r == 0)
		r = fold(merged, "params", parts->params, error);
	if (r == 0)
		r = fold(merged, "polling", parts->polling, error);
	if (r == 0)
		r = fold(merged, "retry", parts->retry, error);
	if (r < 0) {
		json_decref(merged);
		return r;
	}
	*ret = merged;
	return 0;
}

static char *dump(const json_t *json)
{
	return json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
}

/* The number that an end of a ladder is with these params. 1; 0: none, which is left for the compiler to complain about;
 * -ENOMEM. */
static int number_of(const json_t *end, const json_t *params, double *ret)
{
	const struct values values = { .params = params };
	struct error unused = { 0 };
	json_t *filled;
	int r = end ? template_fill_json(end, &values, &filled, &unused) : -EINVAL;

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = json_is_number(filled);
	*ret = json_number_value(filled);
	json_decref(filled);
	return r;
}

/* The creator gave one end of a ladder, and the other one is from before: it follows where it would be beyond it. */
static int fold_ladder(json_t *folded, const json_t *over, const json_t *params, struct error *error)
{
	json_t *initial = json_object_get(folded, "initial"), *maximum = json_object_get(folded, "maximum");
	bool low = json_object_get(over, "initial"), high = json_object_get(over, "maximum");
	double first = 0, last = 0;
	int r;

	if (low == high)
		return 0;
	r = number_of(initial, params, &first);
	if (r > 0)
		r = number_of(maximum, params, &last);
	if (r > 0 && (low ? first : last) * 1000000 >= REMOTE_INTERVAL_MIN_USEC && first > last)
		r = json_object_set(folded, low ? "maximum" : "initial", low ? initial : maximum) < 0 ? -ENOMEM : 0;
	return r < 0 ? place_no_memory(error) : 0;
}

/* Both ladders, when the params are known: a spec may name them there. */
static int fold_ladders(json_t *merged, const struct parts *parts, const json_t *params, struct error *error)
{
	int r = parts->polling ? fold_ladder(json_object_get(merged, "polling"), parts->polling, params, error) : 0;

	return r < 0 || !parts->retry ? r : fold_ladder(json_object_get(merged, "retry"), parts->retry, params, error);
}

/* What the future is to wait for, as far as that was asked for. */
static int add_waits(json_t *object, const struct plan_source *source)
{
	char id[ID_TEXT_LEN + 1];
	json_t *after;

	if (source->start_at_ms != 0 && json_object_set_new(object, "start_at", json_integer(source->start_at_ms)) < 0)
		return -ENOMEM;
	if (source->has_delay &&
	    json_object_set_new(object, "delay", json_integer((json_int_t)source->delay_usec)) < 0)
		return -ENOMEM;
	if (source->n_after == 0)
		return 0;
	after = json_array();
	for (size_t i = 0; i < source->n_after; i++) {
		id_format(&source->after[i], id);
		if (json_array_append_new(after, json_string(id)) < 0) {
			json_decref(after);
			return -ENOMEM;
		}
	}
	return json_object_set_new(object, "after", after) < 0 ? -ENOMEM : 0;
}

/* What was asked for, in one form whatever the order of its keys was. A document without a key says nothing. */
static char *canonical(const struct parts *parts, const struct plan_source *source)
{
	json_t *object = json_object();
	char *text = NULL;
	const struct { const char *key; json_t *value; } members[] = {
		{ "params", parts->params }, { "spec", parts->spec }, { "polling", parts->polling },
		{ "retry", parts->retry },
	};

	if (!object)
		return NULL;
	if (parts->profile && json_object_set_new(object, "profile", json_string(parts->name)) < 0)
		goto out;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (json_object_size(members[i].value) > 0 && json_object_set(object, members[i].key, members[i].value) < 0)
			goto out;
	if (add_waits(object, source) < 0)
		goto out;
	text = dump(object);
out:
	json_decref(object);
	return text;
}

static void texts_done(struct plan_texts *texts)
{
	free(texts->spec);
	free(texts->params);
	free(texts->request);
}

/* Add the names of all templates within json, keys included: the pointers of a rule may have some. What is wrong with
 * them the compiler will say. */
static int add_names(const json_t *json, json_t *names)
{
	const char *key;
	json_t *value;
	size_t i;
	int r = 0;

	if (json_is_string(json))
		return template_names(json_string_value(json), names, NULL, NULL) == -ENOMEM ? -ENOMEM : 0;
	json_array_foreach((json_t *)json, i, value)
		if (r == 0)
			r = add_names(value, names);
	json_object_foreach((json_t *)json, key, value) {
		if (r == 0 && template_names(key, names, NULL, NULL) == -ENOMEM)
			r = -ENOMEM;
		if (r == 0)
			r = add_names(value, names);
	}
	return r;
}

int prepare_names(const json_t *json, json_t **ret)
{
	json_t *names = json_object();

	if (!names || (json && add_names(json, names) < 0)) {
		json_decref(names);
		return -ENOMEM;
	}
	*ret = names;
	return 0;
}

/* What was named before it went on goes with it, also over a restart. */
static int add_named(json_t *params, const struct plan_source *source, const json_t *profile, struct error *error)
{
	json_t *named;

	if (!source->from)
		return 0;
	if (named_after((const struct remote_plan *)source->from, profile, &named) < 0 ||
	    json_object_set_new(params, PLAN_NAMED, named) < 0)
		return place_no_memory(error);
	return 0;
}

int prepare_texts(struct profiles *profiles, const struct plan_source *source, struct plan_texts *ret_texts,
    struct error *error)
{
	struct parts parts = { .name = "" };
	struct plan_texts texts = { 0 };
	json_t *merged = NULL, *own = NULL, *params = NULL;
	int r;

	r = parse(profiles, source, &parts, error);
	if (r == 0)
		r = merge(&parts, &merged, error);
	/* A profile that the creator's own spec extends cannot have declared what that uses. */
	if (r == 0 && prepare_names(parts.spec, &own) < 0)
		r = place_no_memory(error);
	if (r == 0)
		r = params_resolve(json_object_get(merged, "parameters"), own, json_object_get(merged, "params"),
		    json_object_get(json_object_get(merged, "submit"), "capture"), &params, error);
	if (r == 0)
		r = fold_ladders(merged, &parts, params, error);
	if (r == 0)
		r = add_named(params, source, parts.profile, error);
	if (r < 0)
		goto out;
	/* These were for the creation; without them all futures of one profile have one text. */
	json_object_del(merged, "params");
	json_object_del(merged, "parameters");
	json_object_del(merged, "help");
	texts = (struct plan_texts){ .spec = dump(merged), .params = dump(params), .request = canonical(&parts, source) };
	if (!texts.spec || !texts.params || !texts.request) {
		texts_done(&texts);
		r = place_no_memory(error);
		goto out;
	}
	*ret_texts = texts;
out:
	json_decref(params);
	json_decref(own);
	json_decref(merged);
	parts_done(&parts);
	return r;
}
