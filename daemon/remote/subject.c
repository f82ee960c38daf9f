/* subject.c - the value that a matcher is about: JSON of a body, or text without a type. */
#include "config.h"

#include "daemon/remote/subject.h"
#include "daemon/remote/json.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int subject_read(struct slice json, struct subject *ret)
{
	struct subject subject = { .raw = json };
	char *text;
	size_t len;
	int r = 0;

	if (json.data && json.data[0] == '"') {
		r = json_string_decode(json, &text, &len);
		if (r < 0)
			return r;
		subject.value = json_stringn_nocheck(text, len);
		free(text);
		if (!subject.value)
			return -ENOMEM;
	} else if (json.data && json.data[0] != '{' && json.data[0] != '[') {
		r = json_value_decode(json, &subject.value);
		if (r == -ENOMEM)
			return r;
	}
	*ret = subject;
	return 0;
}

void subject_done(struct subject *subject)
{
	json_decref(subject->value);
	*subject = (struct subject){ 0 };
}

enum subject_type subject_type_of(const json_t *json)
{
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return SUBJECT_OBJECT;
	case JSON_ARRAY:
		return SUBJECT_ARRAY;
	case JSON_STRING:
		return SUBJECT_STRING;
	case JSON_INTEGER:
	case JSON_REAL:
		return SUBJECT_NUMBER;
	case JSON_TRUE:
	case JSON_FALSE:
		return SUBJECT_BOOLEAN;
	case JSON_NULL:
		break;
	}
	return SUBJECT_NULL;
}

enum subject_type subject_type(const struct subject *subject)
{
	if (!subject->raw.data)
		return SUBJECT_ABSENT;
	if (subject->is_text)
		return SUBJECT_STRING;
	if (subject->value)
		return subject_type_of(subject->value);
	if (subject->raw.data[0] == '{')
		return SUBJECT_OBJECT;
	return subject->raw.data[0] == '[' ? SUBJECT_ARRAY : SUBJECT_NUMBER;
}

static bool bytes_equal(const char *a, const char *b, size_t len, bool ignore_case)
{
	if (!ignore_case)
		return memcmp(a, b, len) == 0;
	for (size_t i = 0; i < len; i++)
		if (tolower((unsigned char)a[i]) != tolower((unsigned char)b[i]))
			return false;
	return true;
}

/* A scalar's text: *ret is borrowed from it, or from *ret_made, which the caller frees. */
static int scalar_text(const json_t *scalar, struct slice *ret, char **ret_made)
{
	*ret_made = NULL;
	if (json_is_string(scalar)) {
		*ret = (struct slice){ json_string_value(scalar), json_string_length(scalar) };
		return 0;
	}
	*ret_made = json_dumps(scalar, JSON_ENCODE_ANY | JSON_COMPACT);
	*ret = slice_from_str(*ret_made);
	return *ret_made ? 0 : -ENOMEM;
}

static int text_equals(struct slice text, const json_t *scalar, bool ignore_case)
{
	struct slice other;
	char *made;
	int r = scalar_text(scalar, &other, &made);

	if (r < 0)
		return r;
	r = other.len == text.len && bytes_equal(other.data, text.data, text.len, ignore_case);
	free(made);
	return r;
}

int subject_equals(const struct subject *subject, const json_t *scalar, bool ignore_case)
{
	const json_t *value = subject->value;

	if (!subject->raw.data)
		return 0;
	if (subject->is_text)
		return text_equals(subject->raw, scalar, ignore_case);
	if (!value)
		return subject_type(subject) == SUBJECT_NUMBER ? text_equals(subject->raw, scalar, false) : 0;
	if (json_is_string(value) && json_is_string(scalar))
		return text_equals(subject_string(subject), scalar, ignore_case);
	if (json_is_number(value) && json_is_number(scalar) && json_typeof(value) != json_typeof(scalar))
		return json_number_value(value) == json_number_value(scalar);
	return json_equal(value, scalar);
}

struct slice subject_string(const struct subject *subject)
{
	if (subject->is_text)
		return subject->raw;
	return (struct slice){ json_string_value(subject->value), json_string_length(subject->value) };
}

int subject_starts_with(const struct subject *subject, const json_t *string, bool ignore_case)
{
	struct slice text = subject_string(subject);
	size_t len = json_string_length(string);

	return text.data && len <= text.len && bytes_equal(text.data, json_string_value(string), len, ignore_case);
}

/* In lower case, so that memmem() stays linear. The caller frees; NULL: no memory. */
static char *lower(struct slice text)
{
	char *made = malloc(text.len + 1);

	for (size_t i = 0; made && i < text.len; i++)
		made[i] = (char)tolower((unsigned char)text.data[i]);
	return made;
}

int subject_has_within(const struct subject *subject, const json_t *scalar, bool ignore_case)
{
	struct slice text = subject_string(subject), word;
	char *made, *low_text = NULL, *low_word = NULL;
	int r;

	if (!text.data)
		return 0;
	r = scalar_text(scalar, &word, &made);
	if (r == 0 && ignore_case) {
		low_text = lower(text);
		low_word = lower(word);
		r = low_text && low_word ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = memmem(low_text ? low_text : text.data, text.len, low_word ? low_word : word.data, word.len) != NULL;
	free(low_word);
	free(low_text);
	free(made);
	return r;
}

/* The number that text without a type, or one that jansson cannot hold, is. 1, 0 or -ENOMEM. */
static int text_number(struct slice raw, double *ret)
{
	char *text = strndup(raw.data, raw.len), *end;
	double number;
	bool whole;

	if (!text)
		return -ENOMEM;
	number = strtod(text, &end);
	whole = end != text && *end == '\0' && number == number;
	free(text);
	if (whole)
		*ret = number;
	return whole;
}

int subject_compare(const struct subject *subject, const json_t *operand, int *ret)
{
	double number, other = json_number_value(operand);
	int r;

	if (json_is_integer(subject->value) && json_is_integer(operand)) {
		json_int_t a = json_integer_value(subject->value), b = json_integer_value(operand);

		*ret = (a > b) - (a < b);
		return 1;
	}
	if (json_is_number(subject->value)) {
		number = json_number_value(subject->value);
	} else {
		if (!subject->raw.data || (subject->value && !subject->is_text))
			return 0;
		r = text_number(subject->raw, &number);
		if (r <= 0)
			return r;
	}
	*ret = (number > other) - (number < other);
	return 1;
}
