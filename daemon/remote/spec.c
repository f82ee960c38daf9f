/* spec.c - a compiled spec, shared by all futures that have the same text. */
#include "daemon/remote/spec.h"
#include "daemon/remote/json.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/list.h"
#include "daemon/remote/local.h"
#include "daemon/remote/problems.h"
#include "daemon/remote/profile.h"
#include "daemon/remote/template.h"

#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdio.h>
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

/* What is wrong with a text: where, when line is not 0. */
struct syntax {
	char message[JSON_ERROR_TEXT_LENGTH];
	int line, column;
	bool is_json;                   /* it is what the parser makes of it: it may have had no memory to tell */
};

/* An object, or -EINVAL with what is wrong, or -ENOMEM. flags: of jansson. */
static int parse(struct slice text, size_t max, size_t flags, json_t **ret, struct syntax *ret_wrong)
{
	struct json_fault fault = { .what = NULL };
	json_error_t problem = { .line = 0 };
	json_t *json;

	*ret_wrong = (struct syntax){ .line = 0 };
	if (text.len > max) {
		snprintf(ret_wrong->message, sizeof(ret_wrong->message), "longer than %zu bytes", max);
		return -EINVAL;
	}
	/* The parser below recurses: look at the depth first. What else is wrong it tells better. */
	if (json_scan(text, NULL, NULL, &fault) < 0 && strcmp(fault.what, "nested too deeply") == 0) {
		snprintf(ret_wrong->message, sizeof(ret_wrong->message), "%s (more than %d levels)", fault.what,
		    REMOTE_JSON_DEPTH_MAX);
		return -EINVAL;
	}
	json = json_loadb(text.data, text.len, flags, &problem);
	/* The parser often says nothing at all when it has no memory. */
	if (!json && (json_error_code(&problem) == json_error_out_of_memory || problem.text[0] == '\0'))
		return -ENOMEM;
	if (!json) {
		snprintf(ret_wrong->message, sizeof(ret_wrong->message), "%s", problem.text);
		ret_wrong->line = problem.line;
		ret_wrong->column = problem.column;
		ret_wrong->is_json = !fault.what;
		return -EINVAL;
	}
	if (!json_is_object(json)) {
		json_decref(json);
		snprintf(ret_wrong->message, sizeof(ret_wrong->message), "must be an object");
		return -EINVAL;
	}
	*ret = json;
	return 0;
}

/* What parse() ended with, for people. */
static int tell(const char *what, int r, const struct syntax *wrong, struct error *error)
{
	if (r == -ENOMEM)
		return place_no_memory(error);
	if (r < 0 && wrong->line > 0)
		return error_set(error, ERROR_INVALID_SPEC, "%s: line %d, column %d: %s", what, wrong->line, wrong->column,
		    wrong->message);
	return r < 0 ? error_set(error, ERROR_INVALID_SPEC, "%s: %s", what, wrong->message) : 0;
}

int spec_parse_json(const char *what, struct slice text, json_t **ret, struct error *error)
{
	struct syntax wrong;
	int r = parse(text, REMOTE_SPEC_MAX, JSON_REJECT_DUPLICATES, ret, &wrong);

	return tell(what, r, &wrong, error);
}

int spec_parse_stored(const char *what, struct slice text, json_t **ret, struct error *error)
{
	struct syntax wrong;
	/* Their limits are those of the values; their names come on top. */
	int r = parse(text, 2 * (REMOTE_TAKEN_MAX + REMOTE_CAPTURED_MAX), JSON_ALLOW_NUL, ret, &wrong);

	/* What was written by the same library can be read by it, but for memory. */
	return tell(what, r < 0 && wrong.is_json ? -ENOMEM : r, &wrong, error);
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
int spec_read_setting(const json_t *json, void *field, const struct place *place, struct error *error)
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
	int r, first = 0;

	if (!batch)
		return spec_read_setting(json, field, place, error);
	rest = json_copy((json_t *)json);
	if (!rest || json_object_del(rest, "batch") < 0)
		r = place_no_memory(error);
	else
		r = spec_read_setting(rest, field, place, error);
	json_decref(rest);
	if (place_ends(place, r, &first))
		return first;
	r = request_read(batch, STEP_LIST, &spec->requests[STEP_LIST], &here, error);
	return first < 0 ? first : r;
}

static const struct key SPEC_KEYS[] = {
	{ "kind", NULL, 0, KEY_ELSEWHERE },
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
	{ "retry", spec_read_setting, 0, KEY_PLAIN },
	{ "ttl", spec_read_setting, 0, KEY_PLAIN },
	{ "keep_until_delivered", spec_read_setting, 0, KEY_PLAIN },
	{ "resubmit", spec_read_setting, 0, KEY_PLAIN },
	{ "concurrency", spec_read_setting, 0, KEY_PLAIN },
	{ 0 }
};

/* The kind first: it says which keys there are. */
static int read_root(struct spec *spec, const struct place *place, struct error *error)
{
	const struct key *keys;
	int r, first = 0;

	if (place_ends(place, local_read_kind(spec->root, &spec->kind, place, error), &first))
		return first;
	keys = local_keys(spec->kind);
	r = keys_read(keys ? keys : SPEC_KEYS, spec->root, spec, place, error);
	return first < 0 ? first : r;
}

static struct spec *spec_free(struct spec *spec)
{
	for (int step = STEP_SUBMIT; step < STEPS; step++)
		request_done(&spec->requests[step]);
	json_decref(spec->settings);
	json_decref(spec->settings_names);
	json_decref(spec->names);
	json_decref(spec->root);
	free(spec->local.of);
	free(spec->text);
	free(spec);
	return NULL;
}

/* One of which nothing was read yet. NULL: no memory. */
static struct spec *spec_new(struct slice text)
{
	struct spec *spec = calloc(1, sizeof(*spec));

	if (!spec)
		return NULL;
	spec->refs = 1;
	spec->text = strndup(text.data, text.len);
	spec->names = json_object();
	spec->settings = json_object();
	spec->settings_names = json_object();
	return spec->text && spec->names && spec->settings && spec->settings_names ? spec : spec_free(spec);
}

static int compile(const char *text, struct spec **ret, struct error *error)
{
	struct spec *spec = spec_new(slice_from_str(text));
	int r;

	if (!spec)
		return place_no_memory(error);
	r = spec_parse_json("spec", slice_from_str(text), &spec->root, error);
	if (r == 0)
		r = read_root(spec, NULL, error);
	if (r < 0) {
		spec_free(spec);
		return r;
	}
	*ret = spec;
	return 0;
}

/* Parse what is to be examined. A key that is there twice is told of, and does not keep us from the rest. */
static int parse_examined(struct slice text, struct problems *problems, json_t **ret)
{
	struct syntax wrong, ignored;
	int r = parse(text, REMOTE_SPEC_MAX, JSON_REJECT_DUPLICATES, ret, &wrong);

	if (r != -EINVAL)
		return r;
	if (problems_add(problems, "", wrong.message, wrong.line, wrong.column) < 0)
		return -ENOMEM;
	return parse(text, REMOTE_SPEC_MAX, 0, ret, &ignored);
}

int spec_examine(struct slice text, struct problems *problems, struct spec **ret)
{
	const struct place whole = { .problems = problems };
	struct spec *spec = spec_new(text);
	struct error error = { 0 };
	int r = spec ? parse_examined(text, problems, &spec->root) : -ENOMEM;

	if (r == 0)
		r = read_root(spec, &whole, &error);
	if (r == -EINVAL || error.code == ERROR_OUT_OF_MEMORY || !spec) {
		spec_unref(spec);
		*ret = NULL;
		return r == -EINVAL ? 0 : -ENOMEM;
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
	if (spec->cache)
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
