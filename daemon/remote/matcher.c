/* matcher.c - what a condition asks of one value. */
#include "config.h"

#include "daemon/remote/matcher.h"
#include "daemon/remote/json.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 1024 };          /* bytes of a prefix or contained word */

/* The value under test. */
struct subject {
	struct slice raw;              /* JSON, or a header's text */
	bool is_text;
	json_t *value;                 /* NULL: not there, a container, or a number beyond jansson */
};

struct elements {
	struct pointer_set pointers;
	struct matcher_map map;
};

struct matcher_test {
	const struct matcher_op *op;
	const json_t *operand;         /* borrowed from the spec */
	struct elements *elements;     /* of `any` */
};

/* A row of the table of tests: how an operand is checked, how a subject is tested. */
struct matcher_op {
	const char *name;
	int (*check)(struct matcher_test *test, unsigned depth, const struct place *place, struct error *error);
	int (*holds)(const struct matcher *matcher, const struct matcher_test *test, const struct subject *subject);
};

static bool is_scalar(const json_t *json)
{
	return !json_is_array(json) && !json_is_object(json);
}

static int check_bool(struct matcher_test *test, unsigned depth, const struct place *place, struct error *error)
{
	return json_is_boolean(test->operand) ? 0 : place_fail(place, error, "must be true or false");
}

static int check_scalar(struct matcher_test *test, unsigned depth, const struct place *place,
    struct error *error)
{
	return is_scalar(test->operand) ? 0
	                                : place_fail(place, error, "must be a string, number, true, false or null");
}

static int check_list(struct matcher_test *test, unsigned depth, const struct place *place, struct error *error)
{
	json_t *item;
	size_t i;

	if (!json_is_array(test->operand))
		return place_fail(place, error, "must be a list");
	if (json_array_size(test->operand) > REMOTE_LIST_MAX)
		return place_fail(place, error, "more than %d items", REMOTE_LIST_MAX);
	json_array_foreach((json_t *)test->operand, i, item)
		if (!is_scalar(item)) {
			const struct place here = { .up = place, .index = i };

			return place_fail(&here, error, "must be a string, number, true, false or null");
		}
	return 0;
}

static int check_word(struct matcher_test *test, unsigned depth, const struct place *place, struct error *error)
{
	if (!json_is_string(test->operand))
		return place_fail(place, error, "must be a string");
	if (json_string_length(test->operand) > WORD_MAX)
		return place_fail(place, error, "longer than %d bytes", WORD_MAX);
	return 0;
}

static int check_number(struct matcher_test *test, unsigned depth, const struct place *place,
    struct error *error)
{
	return json_is_number(test->operand) ? 0 : place_fail(place, error, "must be a number");
}

static int check_elements(struct matcher_test *test, unsigned depth, const struct place *place,
    struct error *error)
{
	if (depth >= REMOTE_CONDITION_DEPTH_MAX)
		return place_fail(place, error, "nested more than %d deep", REMOTE_CONDITION_DEPTH_MAX);
	test->elements = calloc(1, sizeof(*test->elements));
	if (!test->elements)
		return place_no_memory(error);
	return matcher_map_read(test->operand, &test->elements->pointers, depth + 1, &test->elements->map, place,
	    error);
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

/* Compare with the operand's text form: the value has no type, or none that jansson can hold. */
static int text_equal(const json_t *operand, struct slice text, bool ignore_case)
{
	char *dumped = NULL;
	const char *other = json_string_value(operand);
	size_t len = json_string_length(operand);
	int r;

	if (!other) {
		dumped = json_dumps(operand, JSON_ENCODE_ANY | JSON_COMPACT);
		if (!dumped)
			return -ENOMEM;
		other = dumped;
		len = strlen(dumped);
	}
	r = len == text.len && bytes_equal(other, text.data, len, ignore_case);
	free(dumped);
	return r;
}

static int scalar_equal(const json_t *operand, const struct subject *subject, bool ignore_case)
{
	const json_t *value = subject->value;

	if (!subject->raw.data)
		return 0;
	if (subject->is_text)
		return text_equal(operand, subject->raw, ignore_case);
	if (!value)
		return subject->raw.data[0] == '{' || subject->raw.data[0] == '[' ? 0
		    : text_equal(operand, subject->raw, false);
	if (json_is_string(value) && json_is_string(operand))
		return json_string_length(value) == json_string_length(operand) &&
		    bytes_equal(json_string_value(value), json_string_value(operand), json_string_length(value),
		        ignore_case);
	if (json_is_number(value) && json_is_number(operand) && json_typeof(value) != json_typeof(operand))
		return json_number_value(value) == json_number_value(operand);
	return json_equal(value, operand);
}

static int exists_holds(const struct matcher *matcher, const struct matcher_test *test,
    const struct subject *subject)
{
	bool there = subject->raw.data && !json_is_null(subject->value);

	return there == json_is_true(test->operand);
}

static int equals_holds(const struct matcher *matcher, const struct matcher_test *test,
    const struct subject *subject)
{
	return scalar_equal(test->operand, subject, matcher->ignore_case);
}

static int in_holds(const struct matcher *matcher, const struct matcher_test *test,
    const struct subject *subject)
{
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)test->operand, i, item) {
		int r = scalar_equal(item, subject, matcher->ignore_case);

		if (r != 0)
			return r;
	}
	return 0;
}

/* The string under test; an absent slice when it is none. */
static struct slice subject_string(const struct subject *subject)
{
	if (subject->is_text)
		return subject->raw;
	return (struct slice){ json_string_value(subject->value), json_string_length(subject->value) };
}

static int prefix_holds(const struct matcher *matcher, const struct matcher_test *test,
    const struct subject *subject)
{
	struct slice text = subject_string(subject);
	size_t len = json_string_length(test->operand);

	return text.data && len <= text.len &&
	    bytes_equal(text.data, json_string_value(test->operand), len, matcher->ignore_case);
}

static int contains_holds(const struct matcher *matcher, const struct matcher_test *test,
    const struct subject *subject)
{
	struct slice text = subject_string(subject);
	const char *word = json_string_value(test->operand);
	size_t len = json_string_length(test->operand);

	if (!text.data)
		return 0;
	if (!matcher->ignore_case)
		return memmem(text.data, text.len, word, len) != NULL;
	for (size_t at = 0; at + len <= text.len; at++)
		if (bytes_equal(text.data + at, word, len, true))
			return 1;
	return 0;
}

/* Is the subject a number, and how does it compare with the operand: -1, 0, 1 in *ret? 1, 0, -ENOMEM. */
static int compare(const json_t *operand, const struct subject *subject, int *ret)
{
	double number, other = json_number_value(operand);
	char *text, *end;

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
		text = strndup(subject->raw.data, subject->raw.len);
		if (!text)
			return -ENOMEM;
		number = strtod(text, &end);
		if (end == text || *end != '\0' || number != number) {
			free(text);
			return 0;
		}
		free(text);
	}
	*ret = (number > other) - (number < other);
	return 1;
}

static int gt_holds(const struct matcher *matcher, const struct matcher_test *test,
    const struct subject *subject)
{
	int order = 0, r = compare(test->operand, subject, &order);

	return r <= 0 ? r : order > 0;
}

static int lt_holds(const struct matcher *matcher, const struct matcher_test *test,
    const struct subject *subject)
{
	int order = 0, r = compare(test->operand, subject, &order);

	return r <= 0 ? r : order < 0;
}

static int any_holds(const struct matcher *matcher, const struct matcher_test *test,
    const struct subject *subject)
{
	struct slice found[REMOTE_POINTERS_MAX], element;
	struct json_fault fault;
	size_t at = 0;

	if (!subject->raw.data || subject->is_text)
		return 0;
	while (json_array_next(subject->raw, &at, &element)) {
		int r;

		if (json_scan(element, &test->elements->pointers, found, &fault) < 0)
			return 0;
		r = matcher_map_holds(&test->elements->map, found);
		if (r != 0)
			return r;
	}
	return 0;
}

static const struct matcher_op OPS[] = {
	{ "exists", check_bool, exists_holds },
	{ "equals", check_scalar, equals_holds },
	{ "in", check_list, in_holds },
	{ "prefix", check_word, prefix_holds },
	{ "contains", check_word, contains_holds },
	{ "gt", check_number, gt_holds },
	{ "lt", check_number, lt_holds },
	{ "any", check_elements, any_holds },
};
enum { OPS_COUNT = sizeof(OPS) / sizeof(OPS[0]) };

static const struct matcher_op *find_op(const char *name)
{
	for (size_t i = 0; i < OPS_COUNT; i++)
		if (strcmp(OPS[i].name, name) == 0)
			return &OPS[i];
	return NULL;
}

static int unknown_op(const char *name, const struct place *place, struct error *error)
{
	const char *names[OPS_COUNT + 2] = { "ignore_case" };

	for (size_t i = 0; i < OPS_COUNT; i++)
		names[i + 1] = OPS[i].name;
	return keys_unknown("matcher", name, names, place, error);
}

static int add_test(struct matcher *matcher, const char *op, const json_t *operand, unsigned depth,
    const struct place *place, struct error *error)
{
	struct matcher_test *test = &matcher->tests[matcher->count++];

	*test = (struct matcher_test){ .op = find_op(op), .operand = operand };
	return test->op->check(test, depth, place, error);
}

static int read_matcher(const json_t *json, unsigned depth, struct matcher *ret, const struct place *place,
    struct error *error)
{
	const char *name;
	json_t *value;
	int r;

	ret->tests = calloc(json_is_object(json) ? json_object_size(json) + 1 : 1, sizeof(*ret->tests));
	if (!ret->tests)
		return place_no_memory(error);
	if (json_is_array(json))
		return add_test(ret, "in", json, depth, place, error);
	if (!json_is_object(json))
		return add_test(ret, "equals", json, depth, place, error);
	json_object_foreach((json_t *)json, name, value) {
		const struct place here = { .up = place, .key = name };

		if (strcmp(name, "ignore_case") == 0)
			r = key_bool(value, &ret->ignore_case, &here, error);
		else if (find_op(name))
			r = add_test(ret, name, value, depth, &here, error);
		else
			r = unknown_op(name, place, error);
		if (r < 0)
			return r;
	}
	return ret->count > 0 ? 0 : place_fail(place, error, "asks for nothing");
}

int matcher_read(const json_t *json, struct matcher *ret, const struct place *place, struct error *error)
{
	return read_matcher(json, 0, ret, place, error);
}

void matcher_done(struct matcher *matcher)
{
	for (size_t i = 0; i < matcher->count; i++) {
		struct elements *elements = matcher->tests[i].elements;

		if (!elements)
			continue;
		matcher_map_done(&elements->map);
		pointer_set_done(&elements->pointers);
		free(elements);
	}
	free(matcher->tests);
	*matcher = (struct matcher){ 0 };
}

int matcher_map_read(const json_t *json, struct pointer_set *set, unsigned depth, struct matcher_map *ret,
    const struct place *place, struct error *error)
{
	const char *text;
	json_t *value;
	int r;

	if (!json_is_object(json))
		return place_fail(place, error, "must be an object of JSON Pointers");
	if (json_object_size(json) > REMOTE_LIST_MAX)
		return place_fail(place, error, "more than %d pointers", REMOTE_LIST_MAX);
	ret->items = calloc(json_object_size(json) + 1, sizeof(*ret->items));
	if (!ret->items)
		return place_no_memory(error);
	json_object_foreach((json_t *)json, text, value) {
		const struct place here = { .up = place, .key = text };
		struct matcher_item *item = &ret->items[ret->count++];

		r = pointer_set_read(set, text, &item->pointer, place, error);
		if (r == 0)
			r = read_matcher(value, depth, &item->matcher, &here, error);
		if (r < 0)
			return r;
	}
	return 0;
}

void matcher_map_done(struct matcher_map *map)
{
	for (size_t i = 0; i < map->count; i++)
		matcher_done(&map->items[i].matcher);
	free(map->items);
	*map = (struct matcher_map){ 0 };
}

static int holds(const struct matcher *matcher, const struct subject *subject)
{
	for (size_t i = 0; i < matcher->count; i++) {
		const struct matcher_test *test = &matcher->tests[i];
		int r = test->op->holds(matcher, test, subject);

		if (r <= 0)
			return r;
	}
	return 1;
}

/* Does it hold for a JSON value that json_scan() found (absent: there is none)? 1, 0, or -ENOMEM. */
static int matcher_holds_json(const struct matcher *matcher, struct slice value)
{
	struct subject subject = { .raw = value };
	char *text;
	size_t len;
	int r = 0;

	if (value.data && value.data[0] == '"') {
		r = json_string_decode(value, &text, &len);
		if (r < 0)
			return r;
		subject.value = json_stringn_nocheck(text, len);
		free(text);
		if (!subject.value)
			return -ENOMEM;
	} else if (value.data && value.data[0] != '{' && value.data[0] != '[') {
		r = json_value_decode(value, &subject.value);
		if (r == -ENOMEM)
			return r;
	}
	r = holds(matcher, &subject);
	json_decref(subject.value);
	return r;
}

int matcher_holds_text(const struct matcher *matcher, const char *text)
{
	const struct subject subject = { .raw = slice_from_str(text), .is_text = true };

	return holds(matcher, &subject);
}

int matcher_map_holds(const struct matcher_map *map, const struct slice *found)
{
	for (size_t i = 0; i < map->count; i++) {
		int r = matcher_holds_json(&map->items[i].matcher, found[map->items[i].pointer]);

		if (r <= 0)
			return r;
	}
	return 1;
}
