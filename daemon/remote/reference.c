/* reference.c - references to other futures' results: which ones a spec and its params have, and their values. */
#include "config.h"

#include "daemon/remote/reference.h"
#include "daemon/remote/capture.h"
#include "daemon/remote/json.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *reference_fault(const char *name)
{
	const char *id = name + strlen(TEMPLATE_RESULT_NAME), *pointer = id + ID_TEXT_LEN;
	struct id unused;
	size_t depth = 0;

	if (strlen(id) < ID_TEXT_LEN || id_parse(id, ID_TEXT_LEN, &unused) < 0)
		return "a reference to a result has the id of a future: {result:ID} or {result:ID/pointer}";
	if (*pointer != '\0' && *pointer != '/')
		return "in a reference to a result, a JSON Pointer follows the id: {result:ID/pointer}";
	for (; *pointer; pointer++) {
		if (*pointer == '~' && pointer[1] != '0' && pointer[1] != '1')
			return "in the pointer of a reference to a result, \"~\" must be followed by 0 or 1";
		depth += *pointer == '/';
	}
	return depth > REMOTE_JSON_DEPTH_MAX ? "the pointer of a reference to a result is too deep" : NULL;
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static int add_id(struct references *references, const struct id *id, size_t *ret, struct error *error)
{
	for (*ret = 0; *ret < references->n_ids; (*ret)++)
		if (id_compare(&references->ids[*ret], id) == 0)
			return 0;
	if (references->n_ids == REMOTE_RESULTS_MAX)
		return error_set(error, ERROR_INVALID_SPEC, "results of more than %d futures are referred to",
		    REMOTE_RESULTS_MAX);
	if (!references->ids)
		references->ids = calloc(REMOTE_RESULTS_MAX, sizeof(*references->ids));
	if (!references->ids)
		return place_no_memory(error);
	references->ids[references->n_ids++] = *id;
	return 0;
}

static int add(struct references *references, const char *name, bool in_spec, struct error *error)
{
	struct reference *item;
	struct id id;
	int r;

	for (size_t i = 0; i < references->count; i++) {
		if (strcmp(references->items[i].name, name) != 0)
			continue;
		references->items[i].in_spec |= in_spec;
		return 0;
	}
	if (references->count == REMOTE_REFERENCES_MAX)
		return error_set(error, ERROR_INVALID_SPEC, "more than %d references to results", REMOTE_REFERENCES_MAX);
	if (!references->items)
		references->items = calloc(REMOTE_REFERENCES_MAX, sizeof(*references->items));
	if (!references->items)
		return place_no_memory(error);
	item = &references->items[references->count];
	id_parse(name + strlen(TEMPLATE_RESULT_NAME), ID_TEXT_LEN, &id);
	r = add_id(references, &id, &item->result, error);
	if (r < 0)
		return r;
	item->name = strdup(name);
	if (!item->name)
		return place_no_memory(error);
	item->pointer = item->name + strlen(TEMPLATE_RESULT_NAME) + ID_TEXT_LEN;
	item->in_spec = in_spec;
	references->count++;
	return 0;
}

/* names: object, of checked templates. */
static int add_names(struct references *references, const json_t *names, bool in_spec, struct error *error)
{
	const char *name;
	json_t *where;
	int r = 0;

	json_object_foreach((json_t *)names, name, where)
		if (r == 0 && template_is_result(name))
			r = add(references, name, in_spec, error);
	return r;
}

static bool is_template(const json_t *json)
{
	return json_is_string(json) && strstr(json_string_value(json), TEMPLATE_RESULT);
}

/* Add the names of those strings of a param that are templates. *ret_any: there are some. */
static int param_names(const json_t *json, json_t *names, bool *ret_any, const struct place *place, struct error *error)
{
	const char *key;
	json_t *value;
	size_t i;
	int r = 0;

	if (is_template(json)) {
		*ret_any = true;
		return template_names(json_string_value(json), names, place, error);
	}
	json_array_foreach((json_t *)json, i, value) {
		const struct place here = { .up = place, .index = i };

		r = r < 0 ? r : param_names(value, names, ret_any, &here, error);
	}
	json_object_foreach((json_t *)json, key, value) {
		const struct place here = { .up = place, .key = key };

		r = r < 0 ? r : param_names(value, names, ret_any, &here, error);
	}
	return r;
}

/* A string of a param, filled if it is a template. */
static int param_string(void *arg, const json_t *string, json_t **ret, struct error *error)
{
	if (is_template(string))
		return template_fill_json(string, arg, ret, error);
	*ret = json_incref((json_t *)string);
	return 0;
}

/* A copy of a param with its templates filled. */
static int param_fill(const json_t *json, const struct values *values, json_t **ret, struct error *error)
{
	return tree_copy(json, param_string, (void *)(uintptr_t)values, ret, error);
}

/* Only results may be named in a param. */
static int check_names(const json_t *names, struct error *error)
{
	const char *name;
	json_t *where;

	json_object_foreach((json_t *)names, name, where)
		if (!template_is_result(name))
			return place_fail_at(NULL, json_string_value(where), error,
			    "beside a reference to a result, {%s} is no template: double its braces", name);
	return 0;
}

static int read_param(struct references *references, json_t *params, const char *name, json_t *value,
    struct error *error)
{
	static const struct values nothing = { 0 };
	const struct place up = { .key = "params" }, place = { .up = &up, .key = name };
	json_t *names = json_object(), *filled;
	bool any = false;
	int r = names ? param_names(value, names, &any, &place, error) : place_no_memory(error);

	if (r == 0 && any)
		r = check_names(names, error);
	if (r == 0 && any && json_object_size(names) == 0) {
		r = param_fill(value, &nothing, &filled, error);
		if (r == 0 && json_object_set_new(params, name, filled) < 0)
			r = place_no_memory(error);
	} else if (r == 0 && any) {
		if (!references->params)
			references->params = json_object();
		r = json_object_set(references->params, name, value) < 0 ? place_no_memory(error)
		                                                         : add_names(references, names, false, error);
	}
	json_decref(names);
	return r;
}

int references_read(const struct spec *spec, json_t *params, struct references *ret, struct error *error)
{
	struct references references = { .count = 0 };
	json_t *value;
	const char *name;
	void *next;
	int r = add_names(&references, spec->names, true, error);

	for (enum step step = STEP_SUBMIT; r == 0 && step < STEPS; step++) {
		r = add_names(&references, spec->requests[step].names, true, error);
		if (r == 0)
			r = add_names(&references, spec->requests[step].answer_names, true, error);
	}
	json_object_foreach_safe(params, next, name, value)
		if (r == 0)
			r = read_param(&references, params, name, value, error);
	json_object_foreach(references.params, name, value)
		json_object_del(params, name);
	if (r < 0)
		references_done(&references);
	else
		*ret = references;
	return r;
}

void references_done(struct references *references)
{
	for (size_t i = 0; i < references->count; i++)
		free(references->items[i].name);
	free(references->items);
	free(references->ids);
	json_decref(references->params);
	*references = (struct references){ .count = 0 };
}

bool references_give(const struct references *references, const char *name)
{
	return template_is_result(name) || json_object_get(references->params, name);
}

/* --- taking --------------------------------------------------------------------------------------------------------- */

/* One result that values are taken out of. */
struct taking {
	const struct references *references;
	size_t result;
	struct slice text;
	bool is_json;
	json_t *taken;
};

static int no_value(const struct taking *taking, const char *pointer, struct error *error)
{
	char id[ID_TEXT_LEN + 1];

	id_format(&taking->references->ids[taking->result], id);
	if (!taking->is_json)
		return error_set(error, ERROR_INVALID_SPEC, "the result of %s is %s", id,
		    *pointer ? "not JSON, so there is nothing to point into" : "neither JSON nor text, or empty");
	return error_set(error, ERROR_INVALID_SPEC, "the result of %s has no value%s%s%s", id, *pointer ? " at \"" : "",
	    pointer, *pointer ? "\"" : "");
}

static int keep(struct taking *taking, const struct reference *reference, json_t *value, struct error *error)
{
	if (!value)
		return no_value(taking, reference->pointer, error);
	return json_object_set_new(taking->taken, reference->name, value) < 0 ? place_no_memory(error) : 0;
}

/* As many at a time as one pass over the result can find. *at moves on. */
static int take_some(struct taking *taking, size_t *at, struct error *error)
{
	const struct references *references = taking->references;
	struct slice found[REMOTE_POINTERS_MAX] = { { 0 } };
	struct pointer_set set = { 0 };
	struct json_fault fault;
	size_t first = *at, index[REMOTE_REFERENCES_MAX];
	int r = 0;

	for (; r == 0 && *at < references->count && set.count < REMOTE_POINTERS_MAX; (*at)++)
		if (references->items[*at].result == taking->result)
			r = pointer_set_add(&set, references->items[*at].pointer, &index[*at]);
	taking->is_json = r == 0 && json_scan(taking->text, &set, found, &fault) == 0;
	for (size_t i = first; r == 0 && i < *at; i++) {
		const struct reference *reference = &references->items[i];
		json_t *value = NULL;

		if (reference->result != taking->result)
			continue;
		if (taking->is_json && found[index[i]].data)
			r = capture_json(found[index[i]], &value);
		else if (!taking->is_json && *reference->pointer == '\0')
			r = capture_text(taking->text, SIZE_MAX, &value);
		r = r < 0 ? place_no_memory(error) : keep(taking, reference, value, error);
	}
	pointer_set_done(&set);
	return r == -ENOMEM ? place_no_memory(error) : r;
}

/* All results are there: the params that are made of them are made, and what was for them only is not kept. */
static int finish(struct taking *taking, struct error *error)
{
	const struct references *references = taking->references;
	const struct values values = { .captured = taking->taken };
	const char *name;
	json_t *value, *made;
	int r = 0;

	json_object_foreach(references->params, name, value) {
		char key[sizeof(TEMPLATE_RESULT_PARAM) + REMOTE_NAME_MAX];

		snprintf(key, sizeof(key), TEMPLATE_RESULT_PARAM "%s", name);
		if (r == 0)
			r = param_fill(value, &values, &made, error);
		if (r == 0 && json_object_set_new(taking->taken, key, made) < 0)
			r = place_no_memory(error);
	}
	for (size_t i = 0; r == 0 && i < references->count; i++)
		if (!references->items[i].in_spec)
			json_object_del(taking->taken, references->items[i].name);
	return r;
}

static int check_size(const struct taking *taking, struct error *error)
{
	if (json_dumpb(taking->taken, NULL, 0, JSON_COMPACT) <= REMOTE_TAKEN_MAX)
		return 0;
	return error_set(error, ERROR_INVALID_SPEC, "the values out of results are longer than %d bytes", REMOTE_TAKEN_MAX);
}

/* As text, which the daemon has to be able to read again. */
static int write_taken(const struct taking *taking, char **ret, struct error *error)
{
	char *text = json_dumps(taking->taken, JSON_COMPACT);
	struct json_fault fault;

	if (!text)
		return place_no_memory(error);
	if (json_scan(slice_from_str(text), NULL, NULL, &fault) < 0) {
		free(text);
		return error_set(error, ERROR_INVALID_SPEC, "a value out of a result is %s", fault.what);
	}
	*ret = text;
	return 0;
}

int references_take(const struct references *references, size_t i, struct slice result, const char *taken, char **ret,
    struct error *error)
{
	struct taking taking = { .references = references, .result = i, .text = result };
	int r = 0;

	error->code = ERROR_NONE;
	if (taken)
		r = spec_parse_stored("values", slice_from_str(taken), &taking.taken, error);
	else if (!(taking.taken = json_object()))
		r = place_no_memory(error);
	for (size_t at = 0; r == 0 && at < references->count;)
		r = take_some(&taking, &at, error);
	if (r == 0)
		r = check_size(&taking, error);
	if (r == 0 && i + 1 == references->n_ids) {
		r = finish(&taking, error);
		if (r == 0)
			r = check_size(&taking, error);
	}
	if (r == 0)
		r = write_taken(&taking, ret, error);
	json_decref(taking.taken);
	return r;
}
