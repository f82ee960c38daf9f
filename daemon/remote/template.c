/* template.c - texts with {name} in them, and where the values come from. */
#include "config.h"

#include "daemon/remote/template.h"
#include "daemon/remote/base64.h"
#include "daemon/remote/http.h"
#include "daemon/remote/reference.h"
#include "daemon/remote/text.h"
#include "daemon/remote/tree.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const template_builtins[] = { "id", "attempt", "credential", "idempotency", NULL };

bool template_is_builtin(const char *name)
{
	for (size_t i = 0; template_builtins[i]; i++)
		if (strcmp(name, template_builtins[i]) == 0)
			return true;
	return false;
}

json_t *values_find(const struct values *values, const char *name)
{
	json_t *value = json_object_get(values->builtin, name);

	if (!value)
		value = json_object_get(values->captured, name);
	if (!value)
		value = json_object_get(values->params, name);
	if (!value && values->captured && strlen(name) <= REMOTE_NAME_MAX) {
		char taken[sizeof(TEMPLATE_RESULT_PARAM) + REMOTE_NAME_MAX];

		snprintf(taken, sizeof(taken), TEMPLATE_RESULT_PARAM "%s", name);
		value = json_object_get(values->captured, taken);
	}
	return value;
}

bool template_is_result(const char *name)
{
	return strncmp(name, TEMPLATE_RESULT_NAME, strlen(TEMPLATE_RESULT_NAME)) == 0;
}

size_t values_size(const json_t *captured)
{
	size_t size = json_dumpb(captured, NULL, 0, JSON_COMPACT);
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)captured, name, value)
		if (template_is_result(name))
			size -= json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
	return size;
}

static bool is_name_start(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

/* Bytes of the name that text starts with. */
static size_t name_len(const char *text)
{
	size_t len = 0;

	if (is_name_start(*text))
		while (isalnum((unsigned char)text[len]) || text[len] == '_' || text[len] == '-' || text[len] == '.')
			len++;
	return len;
}

bool template_name_valid(const char *name)
{
	size_t len = name_len(name);

	return len > 0 && len <= REMOTE_NAME_MAX && name[len] == '\0';
}

int template_check_name(const char *name, const struct place *place, struct error *error)
{
	if (!template_name_valid(name))
		return place_fail(place, error, "is not a name for a value");
	return template_is_builtin(name) ? place_fail(place, error, "\"%s\" is a built-in value", name) : 0;
}

/* After a name: its value's text in base64, as Basic authentication wants it. */
#define BASE64 ":base64"

/* A template is a row of parts: literal text, or a name. */
struct part {
	const char *literal;
	size_t len;
	char name[TEMPLATE_NAME_MAX + 1]; /* "" for a literal */
	bool plus;
	bool base64;                    /* of the value's text */
};

/* The rest of a part, behind its brace. */
static int read_name(const char **at, struct part *ret, const char **ret_why)
{
	const char *text = *at;
	size_t len = name_len(text);

	if (len > REMOTE_NAME_MAX) {
		*ret_why = "a template's name is too long";
		return -EINVAL;
	}
	memcpy(ret->name, text, len);
	text += len;
	ret->base64 = strncmp(text, BASE64, strlen(BASE64)) == 0;
	if (ret->base64)
		text += strlen(BASE64);
	if (len == 0 || *text != '}')
		return -EINVAL;
	*at = text + 1;
	return 1;
}

/* The same of a reference to a result. Its pointer may have any character but braces in it. */
static int read_result(const char **at, struct part *ret, const char **ret_why)
{
	const size_t form = strlen(BASE64);
	size_t len = strcspn(*at, "{}");
	const char *end = *at + len;

	if (*end != '}') {
		*ret_why = "a reference to a result ends with a brace, and has none within it";
		return -EINVAL;
	}
	ret->base64 = len > form && strncmp(end - form, BASE64, form) == 0;
	if (ret->base64)
		len -= form;
	if (len > TEMPLATE_NAME_MAX) {
		*ret_why = "a reference to a result is too long";
		return -EINVAL;
	}
	memcpy(ret->name, *at, len);
	*at = end + 1;
	*ret_why = reference_fault(ret->name);
	return *ret_why ? -EINVAL : 1;
}

/* The part at *at, which moves past it. 1; 0 at the end; -EINVAL with *ret_why. */
static int next_part(const char **at, struct part *ret, const char **ret_why)
{
	const char *text = *at;
	size_t len = strcspn(text, "{}");

	*ret = (struct part){ .literal = text, .len = len };
	if (*text == '\0')
		return 0;
	if (len > 0) {
		*at = text + len;
		return 1;
	}
	if (text[0] == text[1]) {
		ret->len = 1;
		*at = text + 2;
		return 1;
	}
	*ret_why = "a brace that is not part of a template is written twice";
	if (*text++ == '}')
		return -EINVAL;
	if (*text == '+') {
		ret->plus = true;
		text++;
	}
	*at = text;
	return template_is_result(text) ? read_result(at, ret, ret_why) : read_name(at, ret, ret_why);
}

bool template_single(const char *text, char *ret_name, bool *ret_plus)
{
	struct part part;
	const char *why;

	if (next_part(&text, &part, &why) <= 0 || part.name[0] == '\0' || part.base64 || *text != '\0')
		return false;
	if (ret_name)
		memcpy(ret_name, part.name, sizeof(part.name));
	if (ret_plus)
		*ret_plus = part.plus;
	return true;
}

size_t template_prefix(const char *text, char *ret_name)
{
	const char *at = text, *why;
	struct part part;

	if (next_part(&at, &part, &why) <= 0 || part.name[0] == '\0' || !part.plus)
		return 0;
	memcpy(ret_name, part.name, sizeof(part.name));
	return (size_t)(at - text);
}

int template_names(const char *text, json_t *names, const struct place *place, struct error *error)
{
	struct part part;
	const char *why = NULL;
	int r;

	while ((r = next_part(&text, &part, &why)) > 0) {
		char where[256];

		if (part.name[0] == '\0' || json_object_get(names, part.name))
			continue;
		place_format(place, where, sizeof(where));
		if (json_object_set_new(names, part.name, json_string(where)) < 0)
			return place_no_memory(error);
	}
	return r < 0 ? place_fail(place, error, "%s", why) : 0;
}

int template_names_json(const json_t *json, json_t *names, const struct place *place, struct error *error)
{
	const char *key;
	json_t *value;
	size_t i;
	int first = 0;

	if (json_is_string(json))
		return template_names(json_string_value(json), names, place, error);
	json_array_foreach((json_t *)json, i, value) {
		const struct place here = { .up = place, .index = i };

		if (place_ends(place, template_names_json(value, names, &here, error), &first))
			return first;
	}
	json_object_foreach((json_t *)json, key, value) {
		const struct place here = { .up = place, .key = key };

		if (place_ends(place, template_names_json(value, names, &here, error), &first))
			return first;
	}
	return first;
}

int template_uses(const json_t *json, const char *name)
{
	json_t *names = json_object();
	int r = names ? template_names_json(json, names, NULL, NULL) : -ENOMEM;

	if (r != -ENOMEM)
		r = json_object_get(names, name) != NULL;
	json_decref(names);
	return r;
}

/* A number with as few digits as read back as the same: 0.1, not 0.10000000000000001. */
static char *number_text(const json_t *value)
{
	char *text = NULL;

	for (size_t digits = 15; digits <= 17; digits++) {
		free(text);
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
		if (!text || json_is_integer(value) || strtod(text, NULL) == json_real_value(value))
			break;
	}
	return text;
}

int template_value_text(const char *name, const json_t *value, char **ret, size_t *ret_len,
    struct error *error)
{
	char *text;
	size_t len;

	if (json_is_string(value)) {
		len = json_string_length(value);
		text = malloc(len + 1);
		if (text)
			memcpy(text, json_string_value(value), len + 1);
	} else if (json_is_number(value) || json_is_boolean(value)) {
		text = json_is_boolean(value) ? strdup(json_is_true(value) ? "true" : "false") : number_text(value);
		len = text ? strlen(text) : 0;
	} else {
		return error_set(error, ERROR_INVALID_SPEC, "the value of {%s} is %s, which has no text form", name,
		    json_is_null(value) ? "null" : json_is_array(value) ? "an array" : "an object");
	}
	if (!text)
		return place_no_memory(error);
	*ret = text;
	*ret_len = len;
	return 0;
}

/* A value as one part of a JSON Pointer. */
static int append_token(struct text *text, const char *plain, size_t len)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++) {
		if (plain[i] == '~' || plain[i] == '/')
			r = text_append_str(text, plain[i] == '~' ? "~0" : "~1");
		else
			r = text_append(text, &plain[i], 1);
	}
	return r;
}

char *template_escape(const char *text, size_t len, size_t *ret_len)
{
	char *escaped = malloc(2 * len + 1);
	size_t n = 0;

	if (!escaped)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '{' || text[i] == '}')
			escaped[n++] = text[i];
		escaped[n++] = text[i];
	}
	escaped[n] = '\0';
	*ret_len = n;
	return escaped;
}

/* A text that is filled. */
struct filled {
	struct text text;
	size_t seen;                    /* bytes that were looked at for names */
	bool within;                    /* their end is within the name of a template of the text itself */
};

/* Will the end of the text be read as a part of the name of a template? */
static bool is_within_name(struct filled *filled)
{
	const char *data = filled->text.data;
	size_t i = filled->seen, len = filled->text.len;

	for (; i < len; i++) {
		if (data[i] != '{' && data[i] != '}')
			continue;
		if (i + 1 < len && data[i + 1] == data[i])
			i++;
		else
			filled->within = data[i] == '{';
	}
	filled->seen = len;
	return filled->within;
}

/* Within a reference to a result it is the id, or one part of the pointer. */
static int append_nested(struct filled *filled, const char *plain, size_t len)
{
	struct text token = { .max = filled->text.max };
	char *escaped = NULL;
	int r = 0;

	if (is_within_name(filled)) {
		r = append_token(&token, plain, len);
		plain = token.data;
		len = token.len;
	}
	if (r == 0)
		escaped = template_escape(plain, len, &len);
	if (r == 0)
		r = escaped ? text_append(&filled->text, escaped, len) : -ENOMEM;
	free(escaped);
	text_done(&token);
	return r;
}

static int append_value(struct filled *filled, const struct part *part, enum template_form form,
    const struct values *values, struct error *error)
{
	const json_t *value = values_find(values, part->name);
	struct text *text = &filled->text;
	char *plain, *escaped;
	size_t len;
	int r;

	if (!value)
		return error_set(error, ERROR_INVALID_SPEC, "{%s} has no value", part->name);
	r = template_value_text(part->name, value, &plain, &len, error);
	if (r < 0)
		return r;
	if (part->base64) {
		escaped = base64_encode(plain, len);
		explicit_bzero(plain, len);
		free(plain);
		if (!escaped)
			return -ENOMEM;
		plain = escaped;
		len = strlen(plain);
	}
	if (form == TEMPLATE_PLAIN) {
		r = text_append(text, plain, len);
	} else if (form == TEMPLATE_POINTER) {
		r = append_token(text, plain, len);
	} else if (form == TEMPLATE_NESTED) {
		r = append_nested(filled, plain, len);
	} else {
		escaped = http_escape(plain, len, part->plus);
		r = escaped ? text_append_str(text, escaped) : -ENOMEM;
		free(escaped);
	}
	free(plain);
	return r;
}

int template_fill(const char *template, enum template_form form, const struct values *values, size_t max,
    char **ret, size_t *ret_len, struct error *error)
{
	struct filled filled = { .text = { .max = max } };
	struct part part;
	const char *why;
	size_t len;
	char *taken;
	int r;

	while ((r = next_part(&template, &part, &why)) > 0) {
		if (part.name[0] != '\0')
			r = append_value(&filled, &part, form, values, error);
		else
			r = text_append(&filled.text, part.literal, part.len);
		if (r < 0)
			goto fail;
	}
	if (r < 0) {
		r = error_set(error, ERROR_INVALID_SPEC, "%s", why);
		goto fail;
	}
	len = filled.text.len;
	taken = text_take(&filled.text);
	if (!taken)
		return place_no_memory(error);
	*ret = taken;
	if (ret_len)
		*ret_len = len;
	return 0;

fail:
	text_done(&filled.text);
	if (r == -EMSGSIZE)
		return error_set(error, ERROR_INVALID_SPEC, "it is longer than %zu bytes when filled in", max);
	return r == -ENOMEM ? place_no_memory(error) : r;
}

static int fill_string(void *arg, const json_t *string, json_t **ret, struct error *error)
{
	const struct values *values = arg;
	const char *template = json_string_value(string);
	char name[TEMPLATE_NAME_MAX + 1];
	json_t *value;
	char *text;
	size_t len;
	int r;

	if (template_single(template, name, NULL)) {
		value = values_find(values, name);
		if (!value)
			return error_set(error, ERROR_INVALID_SPEC, "{%s} has no value", name);
		*ret = json_incref(value);
		return 0;
	}
	r = template_fill(template, TEMPLATE_PLAIN, values, REMOTE_BODY_MAX, &text, &len, error);
	if (r < 0)
		return r;
	value = json_stringn(text, len);
	free(text);
	if (!value)
		return place_no_memory(error);
	*ret = value;
	return 0;
}

int template_fill_json(const json_t *json, const struct values *values, json_t **ret, struct error *error)
{
	return tree_copy(json, fill_string, (void *)(uintptr_t)values, ret, error);
}
