/* fields.c - the members of a query, form or JSON body: filled in, or left out of a first page. Pure. */
#include "daemon/remote/fields.h"
#include "daemon/remote/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Append "name=value" with a separator before it. */
static int append_pair(struct text *text, const char *separator, const char *name, const char *value,
    size_t value_len)
{
	char *escaped_name = http_escape(name, strlen(name), false);
	char *escaped = http_escape(value, value_len, false);
	int r = escaped_name && escaped ? text_append_str(text, separator) : -ENOMEM;

	if (r == 0)
		r = text_append_str(text, escaped_name);
	if (r == 0)
		r = text_append_str(text, "=");
	if (r == 0)
		r = text_append_str(text, escaped);
	free(escaped_name);
	free(escaped);
	return r;
}

/* Fill one scalar and append it. *separator is "&" afterwards. */
static int append_field(struct text *text, const char **separator, const char *name, const json_t *value,
    struct error *error)
{
	char *plain;
	size_t len;
	int r = template_value_text(name, value, &plain, &len, error);

	if (r < 0)
		return r;
	r = append_pair(text, *separator, name, plain, len);
	*separator = "&";
	free(plain);
	if (r == -EMSGSIZE)
		return error_set(error, ERROR_INVALID_SPEC, "it is longer than %zu bytes when filled in", text->max);
	return r < 0 ? place_no_memory(error) : 0;
}

int fields_append(struct text *text, const char *separator, const json_t *fields, const struct values *values,
    struct error *error)
{
	json_t *filled, *value, *item;
	const char *name;
	size_t i;
	int r;

	r = template_fill_json(fields, values, &filled, error);
	if (r < 0)
		return r;
	json_object_foreach(filled, name, value) {
		if (!json_is_array(value))
			r = append_field(text, &separator, name, value, error);
		json_array_foreach(value, i, item)
			if (r == 0)
				r = append_field(text, &separator, name, item, error);
		if (r < 0)
			break;
	}
	json_decref(filled);
	return r;
}

/* Is it a text that names {page}? */
static int names_page(const json_t *json)
{
	return json_is_string(json) ? template_uses(json, "page") : 0;
}

static int add_member(json_t *to, const char *key, const json_t *value)
{
	json_t *kept;
	int r = names_page(value);

	if (r != 0)
		return r < 0 ? r : 0;
	r = fields_first_page(value, &kept);
	if (r < 0)
		return r;
	return (key ? json_object_set_new(to, key, kept) : json_array_append_new(to, kept)) < 0 ? -ENOMEM : 0;
}

int fields_first_page(const json_t *json, json_t **ret)
{
	json_t *to, *value;
	const char *key;
	size_t i;
	int r = 0;

	if (!json_is_array(json) && !json_is_object(json)) {
		*ret = json_incref((json_t *)json);
		return 0;
	}
	to = json_is_array(json) ? json_array() : json_object();
	if (!to)
		return -ENOMEM;
	json_array_foreach((json_t *)json, i, value)
		if (r == 0)
			r = add_member(to, NULL, value);
	json_object_foreach((json_t *)json, key, value)
		if (r == 0)
			r = add_member(to, key, value);
	if (r < 0) {
		json_decref(to);
		return r;
	}
	*ret = to;
	return 0;
}
