/* onward.c - the `with` of a rule that continues: checked once, filled when the rule decides. */
#include "config.h"

#include "daemon/remote/onward.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/tree.h"

#include <stdlib.h>
#include <string.h>

/* What strings are once they are filled. */
enum kind {
	PLAIN,                         /* themselves */
	TEMPLATES,                     /* templates of the next operation */
	PARAMS                         /* themselves, unless they have a reference to a result in them */
};

/* The parts of a `with`, in the order of struct onward's texts. */
static const struct {
	const char *key;
	enum kind kind;
	size_t offset;                 /* in struct plan_source */
} PARTS[] = {
	{ "profile", PLAIN, offsetof(struct plan_source, profile) },
	{ "params", PARAMS, offsetof(struct plan_source, params) },
	{ "spec", TEMPLATES, offsetof(struct plan_source, spec) },
	{ "polling", TEMPLATES, offsetof(struct plan_source, polling) },
	{ "retry", TEMPLATES, offsetof(struct plan_source, retry) },
};
enum { PARTS_COUNT = sizeof(PARTS) / sizeof(PARTS[0]) };

/* Would a text be read as a template by the next operation? */
static bool counts(enum kind kind, const char *text, size_t len)
{
	return kind == TEMPLATES || (kind == PARAMS && memmem(text, len, TEMPLATE_RESULT, strlen(TEMPLATE_RESULT)));
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

static int read_object(const json_t *json, void *field, const struct place *place, struct error *error)
{
	(void)field;
	return json_is_object(json) ? 0 : place_fail(place, error, "must be an object");
}

static int read_profile(const json_t *json, void *field, const struct place *place, struct error *error)
{
	const char *name;

	(void)field;
	return key_string(json, &name, place, error);
}

static int read_after(const json_t *json, void *field, const struct place *place, struct error *error)
{
	json_t *item;
	size_t i;
	int first = 0;

	(void)field;
	if (json_is_string(json) && template_single(json_string_value(json), NULL, NULL))
		return 0;
	if (!json_is_array(json) || json_array_size(json) > PROTO_AFTER_MAX)
		return place_fail(place, error, "must be a list of at most %d ids", PROTO_AFTER_MAX);
	json_array_foreach((json_t *)json, i, item) {
		const struct place here = { .up = place, .index = i };

		if (!json_is_string(item) && place_ends(place, place_fail(&here, error, "must be an id"), &first))
			break;
	}
	return first;
}

static const struct key WITH_KEYS[] = {
	{ "profile", read_profile, 0, KEY_PLAIN },
	{ "params", read_object, 0, KEY_PLAIN },
	{ "spec", read_object, 0, KEY_PLAIN },
	{ "polling", read_object, 0, KEY_PLAIN },
	{ "retry", read_object, 0, KEY_PLAIN },
	{ "after", read_after, 0, KEY_PLAIN },
	{ 0 }
};

/* What stands for each value while a `with` is checked: it fits where the id of a future is expected. */
#define SOME_ID "00000000-0000-7000-8000-000000000000"

/* Fill a text with stand-ins for the values it names. */
static int fill_stand_ins(const char *text, char **ret, struct error *error)
{
	json_t *names = json_object(), *captured = json_object(), *where;
	const struct values values = { .captured = captured };
	const char *name;
	int r = names && captured ? template_names(text, names, NULL, error) : place_no_memory(error);

	json_object_foreach(names, name, where)
		if (r == 0 && json_object_set_new(captured, name, json_string(SOME_ID)) < 0)
			r = place_no_memory(error);
	if (r == 0)
		r = template_fill(text, TEMPLATE_PLAIN, &values, REMOTE_BODY_MAX, ret, NULL, error);
	json_decref(names);
	json_decref(captured);
	return r;
}

/* What the next operation will read must be templates whatever the values are, and no value the name of one. */
static int check_text(const char *text, enum kind kind, const struct place *place, struct error *error)
{
	json_t *names = json_object(), *where;
	struct error why = { 0 };
	const char *name;
	char *filled = NULL;
	int r = names ? fill_stand_ins(text, &filled, &why) : place_no_memory(&why);

	if (r == 0 && counts(kind, filled, strlen(filled)))
		r = template_names(filled, names, NULL, &why);
	if (r < 0 && why.code != ERROR_OUT_OF_MEMORY)
		r = place_fail(place, error, "in the next operation: %s", why.message);
	else if (r < 0)
		r = place_no_memory(error);
	json_object_foreach(names, name, where)
		if (r == 0 && !template_is_result(name) && strstr(name, SOME_ID))
			r = place_fail(place, error, "in the next operation: a value would be the name of a template");
	free(filled);
	json_decref(names);
	return r;
}

static int check_texts(const json_t *json, enum kind kind, const struct place *place, struct error *error)
{
	const char *key;
	json_t *value;
	size_t i;
	int first = 0;

	if (json_is_string(json) && !template_single(json_string_value(json), NULL, NULL))
		return check_text(json_string_value(json), kind, place, error);
	json_array_foreach((json_t *)json, i, value) {
		const struct place here = { .up = place, .index = i };

		if (place_ends(place, check_texts(value, kind, &here, error), &first))
			return first;
	}
	json_object_foreach((json_t *)json, key, value) {
		const struct place here = { .up = place, .key = key };

		if (place_ends(place, check_texts(value, kind, &here, error), &first))
			return first;
	}
	return first;
}

static int check_parts(const json_t *json, const struct place *place, struct error *error)
{
	int first = 0;

	for (size_t i = 0; i < PARTS_COUNT; i++) {
		const struct place here = { .up = place, .key = PARTS[i].key };

		if (place_ends(place, check_texts(json_object_get(json, PARTS[i].key), PARTS[i].kind, &here, error), &first))
			break;
	}
	return first;
}

int onward_read(const json_t *json, struct filling *filling, const struct place *place, struct error *error)
{
	const json_t *same;
	bool open;
	int r = keys_read(WITH_KEYS, json, NULL, place, error);

	if (r == 0 && !json_object_get(json, "profile") && !json_object_get(json, "spec"))
		r = place_fail(place, error, "must have \"profile\", \"spec\" or both");
	/* Values come when the rule decides, those that it captures among them. */
	if (r < 0 || filling->values)
		return r;
	r = filling_json(filling, json, &same, &open, place, error);
	filling->templates = true;
	return r < 0 ? r : check_parts(json, place, error);
}

/* --- filling -------------------------------------------------------------------------------------------------------- */

/* What is filled. */
struct pour {
	const struct values *values;
	enum kind kind;
	size_t left;                   /* bytes that it may still grow to */
};

static int too_long(struct error *error)
{
	return error_set(error, ERROR_INVALID_SPEC, "it is longer than %d bytes when filled in", REMOTE_SPEC_MAX);
}

static int take(struct pour *pour, size_t size, struct error *error)
{
	if (size > pour->left)
		return too_long(error);
	pour->left -= size;
	return 0;
}

/* Would a text be read as a template whatever its values are? */
static int is_meant(enum kind kind, const char *text, bool *ret, struct error *error)
{
	char *filled;
	int r = fill_stand_ins(text, &filled, error);

	if (r < 0)
		return r;
	*ret = counts(kind, filled, strlen(filled));
	free(filled);
	return 0;
}

/* A text that counts when it is filled: its templates are those that were written in it, none are made by a value. */
static int pour_template(struct pour *pour, const char *text, char **filled, size_t *len, struct error *error)
{
	char *plain = *filled;
	bool meant;
	int r = is_meant(pour->kind, text, &meant, error);

	if (r < 0)
		return r;
	if (meant)
		r = template_fill(text, TEMPLATE_NESTED, pour->values, pour->left, filled, len, error);
	else if (!(*filled = template_escape(plain, *len, len)))
		r = place_no_memory(error);
	if (r < 0)
		*filled = plain;
	else
		free(plain);
	return r;
}

static int pour_text(struct pour *pour, const char *text, json_t **ret, struct error *error)
{
	char *filled = NULL;
	size_t len;
	int r = template_fill(text, TEMPLATE_PLAIN, pour->values, pour->left, &filled, &len, error);

	if (r == 0 && counts(pour->kind, filled, len))
		r = pour_template(pour, text, &filled, &len, error);
	if (r == 0 && len > pour->left)
		r = too_long(error);
	if (r < 0) {
		free(filled);
		return r;
	}
	pour->left -= len;
	*ret = json_stringn_nocheck(filled, len);
	free(filled);
	return *ret ? 0 : place_no_memory(error);
}

/* A string of a value, as it is when it stands for itself. */
static int protect(void *arg, const json_t *string, json_t **ret, struct error *error)
{
	const struct pour *pour = arg;
	size_t len = json_string_length(string);
	char *text;

	if (!counts(pour->kind, json_string_value(string), len)) {
		*ret = json_incref((json_t *)string);
		return 0;
	}
	text = template_escape(json_string_value(string), len, &len);
	*ret = text ? json_stringn_nocheck(text, len) : NULL;
	free(text);
	return *ret ? 0 : place_no_memory(error);
}

/* A string that is one single template takes the value's own type. */
static int pour_string(void *arg, const json_t *string, json_t **ret, struct error *error)
{
	const char *text = json_string_value(string);
	char name[TEMPLATE_NAME_MAX + 1];
	struct pour *pour = arg;
	const json_t *value;
	int r;

	if (!template_single(text, name, NULL))
		return pour_text(pour, text, ret, error);
	value = values_find(pour->values, name);
	if (!value)
		return error_set(error, ERROR_INVALID_SPEC, "{%s} has no value", name);
	r = take(pour, json_dumpb(value, NULL, 0, JSON_ENCODE_ANY | JSON_COMPACT), error);
	return r < 0 ? r : tree_copy(value, protect, pour, ret, error);
}

/* One part of a `with`, as the text that a creation would have. */
static int fill_part(struct pour *pour, const json_t *part, char **ret, struct error *error)
{
	json_t *filled;
	int r = tree_copy(part, pour_string, pour, &filled, error);

	if (r < 0)
		return r;
	if (pour->kind != PLAIN)
		*ret = json_dumps(filled, JSON_COMPACT);
	else if (json_is_string(filled) && strlen(json_string_value(filled)) == json_string_length(filled))
		*ret = strdup(json_string_value(filled));
	else
		r = error_set(error, ERROR_INVALID_SPEC, "it is not a text");
	json_decref(filled);
	return r < 0 || *ret ? r : place_no_memory(error);
}

static int fill_after(struct pour *pour, const json_t *part, struct onward *onward, struct error *error)
{
	json_t *filled, *item;
	size_t i, count;
	int r = tree_copy(part, pour_string, pour, &filled, error);

	if (r < 0)
		return r;
	count = json_array_size(filled);
	if (!json_is_array(filled) || count > PROTO_AFTER_MAX)
		r = error_set(error, ERROR_INVALID_SPEC, "it is not a list of at most %d ids", PROTO_AFTER_MAX);
	if (r == 0 && !(onward->after = calloc(count + 1, sizeof(*onward->after))))
		r = place_no_memory(error);
	for (i = 0; r == 0 && i < count; i++) {
		item = json_array_get(filled, i);
		if (!json_is_string(item) || id_parse(json_string_value(item), json_string_length(item),
		    &onward->after[onward->source.n_after++]) < 0)
			r = error_set(error, ERROR_INVALID_SPEC, "number %zu is not an id", i);
	}
	onward->source.after = onward->after;
	json_decref(filled);
	return r;
}

int onward_fill(const json_t *with, const struct values *values, struct onward *ret, struct error *error)
{
	struct onward onward = { .after = NULL };
	struct pour pour = { .values = values, .left = REMOTE_SPEC_MAX };
	const json_t *part;
	int r = 0;

	for (size_t i = 0; r == 0 && i < PARTS_COUNT; i++) {
		part = json_object_get(with, PARTS[i].key);
		if (!part)
			continue;
		pour.kind = PARTS[i].kind;
		r = fill_part(&pour, part, &onward.texts[i], error);
		if (r < 0)
			error_wrap(error, "%s", PARTS[i].key);
		*(struct slice *)(void *)((char *)&onward.source + PARTS[i].offset) = slice_from_str(onward.texts[i]);
	}
	part = json_object_get(with, "after");
	pour.kind = PLAIN;
	if (r == 0 && part) {
		r = fill_after(&pour, part, &onward, error);
		if (r < 0)
			error_wrap(error, "after");
	}
	if (r < 0)
		onward_done(&onward);
	else
		*ret = onward;
	return r;
}

void onward_done(struct onward *onward)
{
	for (size_t i = 0; i < PARTS_COUNT; i++)
		free(onward->texts[i]);
	free(onward->after);
	*onward = (struct onward){ .after = NULL };
}
