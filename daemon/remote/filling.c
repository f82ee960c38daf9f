/* filling.c - the texts of rules and captures, which may be templates: checked once, filled for each judgement. */
#include "daemon/remote/filling.h"
#include "daemon/remote/limits.h"

#include <stdlib.h>
#include <string.h>

int filling_keep(struct filling *filling, json_t *made, struct error *error)
{
	if (!made)
		return place_no_memory(error);
	if (!filling->kept)
		filling->kept = json_array();
	return json_array_append_new(filling->kept, made) < 0 ? place_no_memory(error) : 0;
}

/* Of the values that are made for a request, these two are still known when its answer is judged. */
bool filling_has_builtin(const char *name)
{
	return strcmp(name, "id") == 0 || strcmp(name, "idempotency") == 0;
}

static int check_name(const char *name, const struct place *place, struct error *error)
{
	if (template_is_builtin(name) && !filling_has_builtin(name))
		return place_fail(place, error, "{%s} is for requests, not for what is made of their answers", name);
	return 0;
}

/* Check the templates in json and note what they name. *ret_named: they name something. */
static int note_names(struct filling *filling, const json_t *json, bool *ret_named, const struct place *place,
    struct error *error)
{
	json_t *found = json_object(), *where;
	const char *name;
	int r;

	if (!found)
		return place_no_memory(error);
	r = template_names_json(json, found, place, error);
	json_object_foreach(found, name, where) {
		if (r == 0)
			r = check_name(name, place, error);
		if (r == 0 && filling->names && !json_object_get(filling->names, name) &&
		    json_object_set(filling->names, name, where) < 0)
			r = place_no_memory(error);
	}
	if (r == 0) {
		*ret_named = json_object_size(found) > 0;
		filling->templates |= *ret_named;
	}
	json_decref(found);
	return r;
}

/* Fill a template into a text that is kept. */
static int fill(struct filling *filling, const char *text, enum template_form form, const json_t **ret,
    const struct place *place, struct error *error)
{
	static const struct values nothing = { 0 };
	struct error why = { 0 };
	json_t *made;
	char *filled;
	size_t len;
	int r = template_fill(text, form, filling->values ? filling->values : &nothing, REMOTE_HEADER_MAX, &filled, &len,
	    &why);

	if (r < 0)
		return why.code == ERROR_OUT_OF_MEMORY ? place_no_memory(error) : place_fail(place, error, "%s", why.message);
	filling->size += len;
	made = json_stringn_nocheck(filled, len);
	free(filled);
	r = filling_keep(filling, made, error);
	if (r < 0)
		return r;
	if (filling->size > REMOTE_BODY_MAX)
		return place_fail(place, error, "it is longer than %d bytes when filled in", REMOTE_BODY_MAX);
	*ret = made;
	return 0;
}

/* What a text becomes: *ret NULL when it stays as it is. */
static int make_text(struct filling *filling, const char *text, enum template_form form, const json_t **ret,
    bool *ret_open, const struct place *place, struct error *error)
{
	bool named = false;
	json_t *json;
	int r;

	*ret = NULL;
	*ret_open = false;
	if (!filling || !strpbrk(text, "{}"))
		return 0;
	json = json_string_nocheck(text);
	r = json ? note_names(filling, json, &named, place, error) : place_no_memory(error);
	json_decref(json);
	if (r < 0)
		return r;
	*ret_open = named && !filling->values;
	return *ret_open ? 0 : fill(filling, text, form, ret, place, error);
}

int filling_text(struct filling *filling, const char *text, enum template_form form, const char **ret,
    bool *ret_open, const struct place *place, struct error *error)
{
	const json_t *made;
	int r = make_text(filling, text, form, &made, ret_open, place, error);

	if (r < 0)
		return r;
	if (made && strlen(json_string_value(made)) < json_string_length(made))
		return place_fail(place, error, "a value for it has a NUL character");
	*ret = made ? json_string_value(made) : text;
	return 0;
}

int filling_scalar(struct filling *filling, const json_t *scalar, const json_t **ret, bool *ret_open,
    const struct place *place, struct error *error)
{
	const char *text = json_string_value(scalar);
	char name[TEMPLATE_NAME_MAX + 1];
	const json_t *made = NULL;
	int r;

	*ret_open = false;
	if (text && filling && filling->values && template_single(text, name, NULL)) {
		made = values_find(filling->values, name);
		if (!made)
			return place_fail(place, error, "{%s} has no value", name);
		r = filling_keep(filling, json_incref((json_t *)made), error);
	} else {
		r = text ? make_text(filling, text, TEMPLATE_PLAIN, &made, ret_open, place, error) : 0;
	}
	if (r == 0)
		*ret = made ? made : scalar;
	return r;
}

int filling_json(struct filling *filling, const json_t *json, const json_t **ret, bool *ret_open,
    const struct place *place, struct error *error)
{
	struct error why = { 0 };
	json_t *made;
	bool named = false;
	int r = note_names(filling, json, &named, place, error);

	if (r < 0)
		return r;
	*ret_open = named && !filling->values;
	*ret = json;
	if (*ret_open)
		return 0;
	r = template_fill_json(json, filling->values ? filling->values : &(struct values){ 0 }, &made, &why);
	if (r < 0)
		return why.code == ERROR_OUT_OF_MEMORY ? place_no_memory(error) : place_fail(place, error, "%s", why.message);
	r = filling_keep(filling, made, error);
	if (r == 0)
		*ret = made;
	return r;
}
