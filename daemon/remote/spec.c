/* spec.c - a compiled spec, shared by all futures that have the same text. */
#include "daemon/remote/spec.h"
#include "daemon/remote/json.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/list.h"
#include "daemon/remote/profile.h"
#include "daemon/remote/template.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

struct spec_cache {
	void *tree;                    /* of struct spec, by text: a peer cannot make it slow by its choice of texts */
};

struct spec_cache *spec_cache_new(void)
{
	return calloc(1, sizeof(struct spec_cache));
}

struct spec_cache *spec_cache_free(struct spec_cache *cache)
{
	assert(!cache || !cache->tree);
	free(cache);
	return NULL;
}

int spec_parse_json(const char *what, struct slice text, json_t **ret, struct error *error)
{
	json_error_t problem;
	struct json_fault fault;
	json_t *json;

	if (text.len > REMOTE_SPEC_MAX)
		return error_set(error, ERROR_INVALID_SPEC, "%s: longer than %d bytes", what, REMOTE_SPEC_MAX);
	/* The parser below recurses: look at the depth first. What else is wrong it tells better. */
	if (json_scan(text, NULL, NULL, &fault) < 0 && strcmp(fault.what, "nested too deeply") == 0)
		return error_set(error, ERROR_INVALID_SPEC, "%s: %s (more than %d levels)", what, fault.what,
		    REMOTE_JSON_DEPTH_MAX);
	json = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, &problem);
	if (!json && json_error_code(&problem) == json_error_out_of_memory)
		return place_no_memory(error);
	if (!json)
		return error_set(error, ERROR_INVALID_SPEC, "%s: line %d, column %d: %s", what, problem.line,
		    problem.column, problem.text);
	if (!json_is_object(json)) {
		json_decref(json);
		return error_set(error, ERROR_INVALID_SPEC, "%s: must be an object", what);
	}
	*ret = json;
	return 0;
}

/* The words of `kind`. */
static const struct {
	const char *name;
	enum key_flags flags;
} KINDS[] = {
	{ "http", KEY_PLAIN },
	{ "promise", KEY_LATER },
	{ "timer", KEY_LATER },
	{ "group", KEY_LATER },
};
enum { KINDS_COUNT = sizeof(KINDS) / sizeof(KINDS[0]) };

static int read_kind(const json_t *json, void *field, const struct place *place, struct error *error)
{
	const char *word, *names[KINDS_COUNT + 1] = { NULL };
	int r = key_string(json, &word, place, error);

	if (r < 0)
		return r;
	for (size_t i = 0; i < KINDS_COUNT; i++) {
		names[i] = KINDS[i].name;
		if (strcmp(word, KINDS[i].name) != 0)
			continue;
		if (KINDS[i].flags & KEY_LATER)
			return place_fail(place, error, "\"%s\" is not supported by this version", word);
		return 0;
	}
	return keys_unknown("kind", word, names, place, error);
}

static int read_base(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct spec *spec = field;
	int r = key_string(json, &spec->base, place, error);

	return r < 0 ? r : template_names(spec->base, spec->names, place, error);
}

static int read_credential(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct spec *spec = field;
	int r = key_string(json, &spec->credential, place, error);

	if (r == 0 && !profile_name_valid(spec->credential))
		return place_fail(place, error, "\"%.64s\" is not the name of a credential", spec->credential);
	return r;
}

static int read_headers(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct spec *spec = field;

	spec->headers = json;
	return request_read_headers(json, spec->names, place, error);
}

/* A request; its key says which one it is. */
static int read_request(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct spec *spec = field;
	enum step step = STEP_SUBMIT;

	while (strcmp(request_step_name(step), place->key) != 0)
		step++;
	return request_read(json, step, &spec->requests[step], place, error);
}

/* Settings are read for each future (settings.c); here they are only collected. */
static int read_setting(const json_t *json, void *field, const struct place *place, struct error *error)
{
	struct spec *spec = field;

	if (json_object_set(spec->settings, place->key, (json_t *)json) < 0)
		return place_no_memory(error);
	return template_names_json(json, spec->settings_names, place, error);
}

/* A setting but for `batch`, which is a request. */
static int read_polling(const json_t *json, void *field, const struct place *place, struct error *error)
{
	const struct place here = { .up = place, .key = "batch" };
	struct spec *spec = field;
	json_t *batch = json_object_get(json, "batch"), *rest;
	int r;

	if (!batch)
		return read_setting(json, field, place, error);
	rest = json_copy((json_t *)json);
	if (!rest || json_object_del(rest, "batch") < 0)
		r = place_no_memory(error);
	else
		r = read_setting(rest, field, place, error);
	json_decref(rest);
	return r < 0 ? r : request_read(batch, STEP_LIST, &spec->requests[STEP_LIST], &here, error);
}

static const struct key SPEC_KEYS[] = {
	{ "kind", read_kind, 0, KEY_PLAIN },
	{ "base", read_base, 0, KEY_PLAIN },
	{ "params", NULL, 0, KEY_ELSEWHERE },
	{ "parameters", NULL, 0, KEY_ELSEWHERE },
	{ "help", NULL, 0, KEY_ELSEWHERE },
	{ "credential", read_credential, 0, KEY_PLAIN },
	{ "headers", read_headers, 0, KEY_PLAIN },
	{ "http2", key_bool, offsetof(struct spec, http2), KEY_PLAIN },
	{ "submit", read_request, 0, KEY_PLAIN },
	{ "poll", read_request, 0, KEY_REQUIRED },
	{ "fetch", read_request, 0, KEY_PLAIN },
	{ "cancel", read_request, 0, KEY_PLAIN },
	{ "ack", read_request, 0, KEY_PLAIN },
	{ "keepalive", read_request, 0, KEY_PLAIN },
	{ "events", read_request, 0, KEY_PLAIN },
	{ "polling", read_polling, 0, KEY_PLAIN },
	{ "retry", read_setting, 0, KEY_PLAIN },
	{ "ttl", read_setting, 0, KEY_PLAIN },
	{ "keep_until_delivered", read_setting, 0, KEY_PLAIN },
	{ "resubmit", read_setting, 0, KEY_PLAIN },
	{ "concurrency", read_setting, 0, KEY_PLAIN },
	{ 0 }
};

static struct spec *spec_free(struct spec *spec)
{
	for (int step = STEP_SUBMIT; step < STEPS; step++)
		request_done(&spec->requests[step]);
	json_decref(spec->settings);
	json_decref(spec->settings_names);
	json_decref(spec->names);
	json_decref(spec->root);
	free(spec->text);
	free(spec);
	return NULL;
}

static int compile(const char *text, struct spec **ret, struct error *error)
{
	struct spec *spec = calloc(1, sizeof(*spec));
	int r;

	if (!spec)
		return place_no_memory(error);
	spec->refs = 1;
	spec->text = strdup(text);
	spec->names = json_object();
	spec->settings = json_object();
	spec->settings_names = json_object();
	if (!spec->text || !spec->names || !spec->settings || !spec->settings_names)
		r = place_no_memory(error);
	else
		r = spec_parse_json("spec", slice_from_str(text), &spec->root, error);
	if (r == 0)
		r = keys_read(SPEC_KEYS, spec->root, spec, NULL, error);
	if (r < 0) {
		spec_free(spec);
		return r;
	}
	*ret = spec;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct spec *)a)->text, ((const struct spec *)b)->text);
}

int spec_get(struct spec_cache *cache, const char *text, struct spec **ret, struct error *error)
{
	const struct spec wanted = { .text = (char *)text };
	struct spec **found = tfind(&wanted, &cache->tree, compare), *spec = NULL;
	int r;

	if (found) {
		(*found)->refs++;
		*ret = *found;
		return 0;
	}
	r = compile(text, &spec, error);
	if (r < 0)
		return r;
	if (!tsearch(spec, &cache->tree, compare)) {
		spec_free(spec);
		return place_no_memory(error);
	}
	spec->cache = cache;
	*ret = spec;
	return 0;
}

struct spec *spec_unref(struct spec *spec)
{
	if (!spec || --spec->refs > 0)
		return NULL;
	tdelete(spec, &spec->cache->tree, compare);
	return spec_free(spec);
}

const struct rules *spec_rules(const struct spec *spec, enum step step)
{
	const struct request *request = &spec->requests[step];

	if (request->list && request->list->rules)
		return request->list->rules;
	return request->rules_of_poll || request->list ? spec->requests[STEP_POLL].rules : request->rules;
}

const char *spec_uses(const struct spec *spec, enum step step, const char *name)
{
	const char *where = json_string_value(json_object_get(spec->requests[step].names, name));

	return where ? where : json_string_value(json_object_get(spec->names, name));
}
