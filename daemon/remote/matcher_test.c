/* matcher_test.c - the tests that matchers are made of: one row each in a table. */
#include "daemon/remote/matcher_test.h"
#include "daemon/remote/json.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 1024 };          /* bytes of a prefix or contained word */

/* --- operands ------------------------------------------------------------------------------------- */

static int read_bool(struct matcher_test *test, const struct matcher_scope *scope, const struct place *place,
    struct error *error)
{
	return json_is_boolean(test->operand) ? 0 : place_fail(place, error, "must be true or false");
}

static int read_scalar(struct matcher_test *test, const struct matcher_scope *scope, const struct place *place,
    struct error *error)
{
	int r = filling_scalar(scope->filling, test->operand, &test->operand, &test->open, place, error);

	if (r < 0)
		return r;
	if (json_is_array(test->operand) || json_is_object(test->operand))
		return place_fail(place, error, "must be a string, number, true, false or null");
	return 0;
}

static int read_list(struct matcher_test *test, const struct matcher_scope *scope, const struct place *place,
    struct error *error)
{
	const json_t *given = test->operand;
	json_t *filled, *item;
	size_t i;
	int r;

	if (!json_is_array(given))
		return place_fail(place, error, "must be a list");
	if (json_array_size(given) > REMOTE_LIST_MAX)
		return place_fail(place, error, "more than %d items", REMOTE_LIST_MAX);
	filled = json_array();
	json_array_foreach((json_t *)given, i, item) {
		const struct place here = { .up = place, .index = i };
		struct matcher_test one = { .operand = item };

		r = read_scalar(&one, scope, &here, error);
		test->open |= one.open;
		if (r == 0 && json_array_append(filled, (json_t *)one.operand) < 0)
			r = place_no_memory(error);
		if (r < 0) {
			json_decref(filled);
			return r;
		}
	}
	/* without templates nothing has changed, and nothing needs to be kept */
	if (!scope->filling || json_equal(filled, given)) {
		json_decref(filled);
		return filled ? 0 : place_no_memory(error);
	}
	test->operand = filled;
	return filling_keep(scope->filling, filled, error);
}

static int check_length(const struct matcher_test *test, const struct place *place, struct error *error)
{
	if (json_string_length(test->operand) > WORD_MAX)
		return place_fail(place, error, "longer than %d bytes", WORD_MAX);
	return 0;
}

static int read_prefix(struct matcher_test *test, const struct matcher_scope *scope, const struct place *place,
    struct error *error)
{
	const char *text = json_string_value(test->operand), *filled;
	int r;

	if (!text)
		return place_fail(place, error, "must be a string");
	r = filling_text(scope->filling, text, TEMPLATE_PLAIN, &filled, &test->open, place, error);
	if (r == 0 && filled != text) {
		test->operand = json_string_nocheck(filled);
		r = filling_keep(scope->filling, (json_t *)test->operand, error);
	}
	return r < 0 ? r : check_length(test, place, error);
}

static int read_contains(struct matcher_test *test, const struct matcher_scope *scope, const struct place *place,
    struct error *error)
{
	int r = read_scalar(test, scope, place, error);

	return r < 0 ? r : check_length(test, place, error);
}

static int read_number(struct matcher_test *test, const struct matcher_scope *scope, const struct place *place,
    struct error *error)
{
	int r = read_scalar(test, scope, place, error);

	return r < 0 || test->open || json_is_number(test->operand) ? r : place_fail(place, error, "must be a number");
}

static const struct {
	const char *name;
	enum subject_type type;
} TYPES[] = {
	{ "null", SUBJECT_NULL },
	{ "boolean", SUBJECT_BOOLEAN },
	{ "number", SUBJECT_NUMBER },
	{ "string", SUBJECT_STRING },
	{ "array", SUBJECT_ARRAY },
	{ "object", SUBJECT_OBJECT },
};
enum { TYPES_COUNT = sizeof(TYPES) / sizeof(TYPES[0]) };

static int read_type(const json_t *json, unsigned *types, const struct place *place, struct error *error)
{
	const char *names[TYPES_COUNT + 1] = { NULL }, *word;
	int r = key_string(json, &word, place, error);

	for (size_t i = 0; r == 0 && i < TYPES_COUNT; i++) {
		names[i] = TYPES[i].name;
		if (strcmp(word, TYPES[i].name) == 0) {
			*types |= TYPES[i].type;
			return 0;
		}
	}
	return r < 0 ? r : keys_unknown("type", word, names, place, error);
}

static int read_types(struct matcher_test *test, const struct matcher_scope *scope, const struct place *place,
    struct error *error)
{
	json_t *item;
	size_t i;

	if (!json_is_array(test->operand))
		return read_type(test->operand, &test->types, place, error);
	json_array_foreach((json_t *)test->operand, i, item) {
		const struct place here = { .up = place, .index = i };
		int r = read_type(item, &test->types, &here, error);

		if (r < 0)
			return r;
	}
	return 0;
}

static int check_depth(const struct matcher_scope *scope, const struct place *place, struct error *error)
{
	if (scope->depth >= REMOTE_CONDITION_DEPTH_MAX)
		return place_fail(place, error, "nested more than %d deep", REMOTE_CONDITION_DEPTH_MAX);
	return 0;
}

static int read_elements(struct matcher_test *test, const struct matcher_scope *scope, const struct place *place,
    struct error *error)
{
	struct matcher_scope inside = { .filling = scope->filling, .depth = scope->depth + 1 };
	int r = check_depth(scope, place, error);

	if (r < 0)
		return r;
	test->elements = calloc(1, sizeof(*test->elements));
	if (!test->elements)
		return place_no_memory(error);
	inside.pointers = &test->elements->pointers;
	r = matcher_map_fill(test->operand, &inside, &test->elements->map, place, error);
	for (size_t i = 0; i < test->elements->map.count; i++)
		test->open |= test->elements->map.items[i].open || test->elements->map.items[i].matcher.open;
	return r;
}

static int read_inner(struct matcher_test *test, const struct matcher_scope *scope, const struct place *place,
    struct error *error)
{
	const struct matcher_scope inside = { .filling = scope->filling, .depth = scope->depth + 1 };
	int r = check_depth(scope, place, error);

	if (r < 0)
		return r;
	test->inner = calloc(1, sizeof(*test->inner));
	if (!test->inner)
		return place_no_memory(error);
	r = matcher_read(test->operand, &inside, test->inner, place, error);
	test->open = test->inner->open;
	return r;
}

/* --- tests ---------------------------------------------------------------------------------------- */

static int exists_holds(const struct matcher_test *test, bool ignore_case, const struct subject *subject)
{
	bool there = subject_type(subject) != SUBJECT_ABSENT && subject_type(subject) != SUBJECT_NULL;

	return there == json_is_true(test->operand);
}

static int equals_holds(const struct matcher_test *test, bool ignore_case, const struct subject *subject)
{
	return subject_equals(subject, test->operand, ignore_case);
}

static int in_holds(const struct matcher_test *test, bool ignore_case, const struct subject *subject)
{
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)test->operand, i, item) {
		int r = subject_equals(subject, item, ignore_case);

		if (r != 0)
			return r;
	}
	return 0;
}

static int prefix_holds(const struct matcher_test *test, bool ignore_case, const struct subject *subject)
{
	return subject_starts_with(subject, test->operand, ignore_case);
}

static int contains_holds(const struct matcher_test *test, bool ignore_case, const struct subject *subject)
{
	struct slice element;
	size_t at = 0;

	if (subject_type(subject) != SUBJECT_ARRAY)
		return subject_has_within(subject, test->operand, ignore_case);
	while (json_array_next(subject->raw, &at, &element)) {
		struct subject one;
		int r = subject_read(element, &one);

		if (r < 0)
			return r;
		r = subject_equals(&one, test->operand, ignore_case);
		subject_done(&one);
		if (r != 0)
			return r;
	}
	return 0;
}

static int gt_holds(const struct matcher_test *test, bool ignore_case, const struct subject *subject)
{
	int order = 0, r = subject_compare(subject, test->operand, &order);

	return r <= 0 ? r : order > 0;
}

static int lt_holds(const struct matcher_test *test, bool ignore_case, const struct subject *subject)
{
	int order = 0, r = subject_compare(subject, test->operand, &order);

	return r <= 0 ? r : order < 0;
}

static int type_holds(const struct matcher_test *test, bool ignore_case, const struct subject *subject)
{
	return (test->types & subject_type(subject)) != 0;
}

/* Is there an element for which the map says what is wanted? 1, 0 or -ENOMEM. *ret: the last one looked at. */
static int find_element(const struct matcher_test *test, struct slice array, bool wanted, struct slice *ret)
{
	struct slice found[REMOTE_POINTERS_MAX];
	struct json_fault fault;
	size_t at = 0;

	*ret = (struct slice){ 0 };
	while (json_array_next(array, &at, ret)) {
		int r = json_scan(*ret, &test->elements->pointers, found, &fault);

		if (r == 0)
			r = matcher_map_holds(&test->elements->map, found);
		if (r == -ENOMEM || (r > 0) == wanted)
			return r < 0 ? r : 1;
	}
	return 0;
}

int matcher_test_element(const struct matcher_test *test, struct slice value, struct slice *ret)
{
	return value.data[0] == '[' ? find_element(test, value, true, ret) : 0;
}

static int any_holds(const struct matcher_test *test, bool ignore_case, const struct subject *subject)
{
	struct slice element;

	return subject_type(subject) == SUBJECT_ARRAY ? find_element(test, subject->raw, true, &element) : 0;
}

static int all_holds(const struct matcher_test *test, bool ignore_case, const struct subject *subject)
{
	struct slice element;
	size_t at = 0;
	int r;

	if (subject_type(subject) != SUBJECT_ARRAY || !json_array_next(subject->raw, &at, &element))
		return 0;
	r = find_element(test, subject->raw, false, &element);
	return r < 0 ? r : r == 0;
}

static int not_holds(const struct matcher_test *test, bool ignore_case, const struct subject *subject)
{
	int r = matcher_holds(test->inner, subject, NULL);

	return r < 0 ? r : !r;
}

/* --- the table ------------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	const char *words;
	int (*read)(struct matcher_test *test, const struct matcher_scope *scope, const struct place *place,
	    struct error *error);
	int (*holds)(const struct matcher_test *test, bool ignore_case, const struct subject *subject);
} KINDS[MATCHER_KINDS] = {
	[MATCHER_EXISTS] = { "exists", "and \"exists\" is", read_bool, exists_holds },
	[MATCHER_EQUALS] = { "equals", "not", read_scalar, equals_holds },
	[MATCHER_IN] = { "in", "none of", read_list, in_holds },
	[MATCHER_PREFIX] = { "prefix", "which does not start with", read_prefix, prefix_holds },
	[MATCHER_CONTAINS] = { "contains", "which does not contain", read_contains, contains_holds },
	[MATCHER_GT] = { "gt", "not greater than", read_number, gt_holds },
	[MATCHER_LT] = { "lt", "not less than", read_number, lt_holds },
	[MATCHER_TYPE] = { "type", "not of type", read_types, type_holds },
	[MATCHER_ANY] = { "any", "with no element that fulfils", read_elements, any_holds },
	[MATCHER_ALL] = { "all", "where not every element fulfils", read_elements, all_holds },
	[MATCHER_NOT] = { "not", "which is ruled out by", read_inner, not_holds },
};

enum matcher_kind matcher_kind_find(const char *name)
{
	enum matcher_kind kind = MATCHER_EXISTS;

	while (kind < MATCHER_KINDS && strcmp(KINDS[kind].name, name) != 0)
		kind++;
	return kind;
}

const char *matcher_kind_name(enum matcher_kind kind)
{
	return KINDS[kind].name;
}

const char *matcher_kind_words(enum matcher_kind kind)
{
	return KINDS[kind].words;
}

int matcher_test_read(enum matcher_kind kind, const json_t *operand, const struct matcher_scope *scope,
    struct matcher_test *ret, const struct place *place, struct error *error)
{
	*ret = (struct matcher_test){ .kind = kind, .operand = operand };
	return KINDS[kind].read(ret, scope, place, error);
}

void matcher_test_done(struct matcher_test *test)
{
	if (test->elements) {
		matcher_map_done(&test->elements->map);
		pointer_set_done(&test->elements->pointers);
	}
	free(test->elements);
	if (test->inner)
		matcher_done(test->inner);
	free(test->inner);
	*test = (struct matcher_test){ 0 };
}

int matcher_test_holds(const struct matcher_test *test, bool ignore_case, const struct subject *subject)
{
	return KINDS[test->kind].holds(test, ignore_case, subject);
}
