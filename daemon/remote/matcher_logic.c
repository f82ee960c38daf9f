/* matcher_logic.c - what can be said of matchers without a value: that one never holds, or only when another does. */
#include "config.h"

#include "daemon/remote/matcher_logic.h"
#include "daemon/remote/matcher_test.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { SCALARS = SUBJECT_NULL | SUBJECT_BOOLEAN | SUBJECT_NUMBER | SUBJECT_STRING };
#define EXACT_MAX 9007199254740992.0   /* up to here integers and doubles are the same numbers */

bool logic_step(struct logic *logic)
{
	if (logic->left == 0)
		return false;
	logic->left--;
	return true;
}

/* --- types: what a value can be that a test holds for ------------------------------------------------- */

static unsigned all_types(enum matcher_about about)
{
	if (about == MATCHER_ABOUT_BODY)
		return SUBJECT_STRING;
	if (about == MATCHER_ABOUT_HEADER)
		return SUBJECT_STRING | SUBJECT_ABSENT;
	return SCALARS | SUBJECT_ABSENT | SUBJECT_ARRAY | SUBJECT_OBJECT;
}

/* A text of digits may also be that of a number beyond jansson. */
static unsigned scalar_types(const json_t *scalar, bool open)
{
	const char *text = json_string_value(scalar);

	if (open)
		return SCALARS;
	if (text && (*text == '-' || isdigit((unsigned char)*text)))
		return SUBJECT_STRING | SUBJECT_NUMBER;
	return subject_type_of(scalar);
}

static unsigned list_types(const struct matcher_test *test)
{
	unsigned types = 0;
	json_t *item;
	size_t i;

	json_array_foreach((json_t *)test->operand, i, item)
		types |= scalar_types(item, test->open);
	return types;
}

static unsigned test_types(const struct matcher_test *test, enum matcher_about about)
{
	const unsigned all = all_types(about), nothing = SUBJECT_ABSENT | SUBJECT_NULL;
	const bool is_text = about != MATCHER_ABOUT_JSON;

	switch (test->kind) {
	case MATCHER_EXISTS:
		return json_is_true(test->operand) ? all & ~nothing : all & nothing;
	case MATCHER_EQUALS:
		return is_text ? SUBJECT_STRING : scalar_types(test->operand, test->open);
	case MATCHER_IN:
		return is_text && json_array_size(test->operand) > 0 ? SUBJECT_STRING : list_types(test);
	case MATCHER_PREFIX:
		return SUBJECT_STRING;
	case MATCHER_CONTAINS:
		return all & (SUBJECT_STRING | SUBJECT_ARRAY);
	case MATCHER_GT:
	case MATCHER_LT:
		return is_text ? SUBJECT_STRING : SUBJECT_NUMBER;
	case MATCHER_TYPE:
		return all & test->types;
	case MATCHER_ANY:
	case MATCHER_ALL:
		return all & SUBJECT_ARRAY;
	case MATCHER_NOT:
		/* these two ask for nothing but the type */
		if (test->inner->count == 1 && (test->inner->tests[0].kind == MATCHER_EXISTS ||
		    test->inner->tests[0].kind == MATCHER_TYPE))
			return all & ~test_types(&test->inner->tests[0], about);
		break;
	case MATCHER_KINDS:
		break;
	}
	return all;
}

static unsigned matcher_types(const struct matcher *matcher, enum matcher_about about)
{
	unsigned types = all_types(about);

	for (size_t i = 0; i < matcher->count; i++)
		types &= test_types(&matcher->tests[i], about);
	return types;
}

/* --- candidates: the few values that `equals` and `in` leave ------------------------------------------ */

static const struct matcher_test *find_test(const struct matcher *matcher, enum matcher_kind kind)
{
	for (size_t i = 0; i < matcher->count; i++)
		if (matcher->tests[i].kind == kind && !matcher->tests[i].open)
			return &matcher->tests[i];
	return NULL;
}

/* The test that leaves only some values; NULL: there is none. */
static const struct matcher_test *find_finite(const struct matcher *matcher)
{
	const struct matcher_test *test = find_test(matcher, MATCHER_EQUALS);

	return test ? test : find_test(matcher, MATCHER_IN);
}

/* Candidate number i, or NULL. */
static const json_t *candidate(const struct matcher_test *finite, size_t i)
{
	if (finite->kind == MATCHER_IN)
		return json_array_get(finite->operand, i);
	return i == 0 ? finite->operand : NULL;
}

static bool has_letters(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (isalpha((unsigned char)text[i]))
			return true;
	return false;
}

/* Could text be that of a number that jansson cannot hold, or of none? */
static bool is_odd_number(const char *text)
{
	struct subject subject;
	bool odd = true;

	if (*text != '-' && !isdigit((unsigned char)*text))
		return false;
	if (subject_read(slice_from_str(text), &subject) == 0) {
		odd = subject.value == NULL;
		subject_done(&subject);
	}
	return odd;
}

/* Is what `by` says of this candidate of `of` true of each value that equals it there? */
static bool stands_for_all(const json_t *scalar, const struct matcher *of, const struct matcher *by,
    enum matcher_about about)
{
	const char *text = json_string_value(scalar);
	const bool is_json = about == MATCHER_ABOUT_JSON;

	if (is_json && json_is_number(scalar))
		return json_number_value(scalar) < EXACT_MAX && json_number_value(scalar) > -EXACT_MAX;
	if (is_json && (!text || is_odd_number(text)))
		return !text;
	/* text that is "true" may be written "TRUE" */
	return !of->ignore_case || (text && !has_letters(text, json_string_length(scalar))) ||
	    (by->ignore_case && !find_test(by, MATCHER_NOT));
}

/* Does a matcher without open templates hold for a candidate? 1, 0, or negative: not known. */
static int try_candidate(const struct matcher *matcher, const json_t *scalar, enum matcher_about about)
{
	const bool plain = about != MATCHER_ABOUT_JSON && json_is_string(scalar);
	char *made = plain ? NULL : json_dumps(scalar, JSON_ENCODE_ANY | JSON_COMPACT);
	struct slice text = slice_from_str(made);
	int r;

	if (plain)
		text = (struct slice){ json_string_value(scalar), json_string_length(scalar) };
	if (!text.data)
		return -1;
	r = about == MATCHER_ABOUT_JSON ? matcher_holds_json(matcher, text) : matcher_holds_text(matcher, text);
	free(made);
	return r;
}

/* Does `by` say the same (1 or 0) of all values that `of` holds for? */
static bool all_candidates(const struct matcher *of, const struct matcher *by, int wanted, enum matcher_about about,
    struct logic *logic)
{
	const struct matcher_test *finite = find_finite(of);
	const json_t *scalar;

	if (!finite || by->open)
		return false;
	for (size_t i = 0; (scalar = candidate(finite, i)); i++) {
		if (!logic_step(logic))
			return false;
		if (stands_for_all(scalar, of, by, about) && try_candidate(by, scalar, about) == wanted)
			continue;
		/* it may be that the rest of `of` rules this one out */
		if (of->open || !stands_for_all(scalar, of, of, about) || try_candidate(of, scalar, about) != 0)
			return false;
	}
	return true;
}

/* --- numbers -------------------------------------------------------------------------------------------- */

/* Compare operands: -1, 0, 1. */
static int compare(const json_t *a, const json_t *b)
{
	if (json_is_integer(a) && json_is_integer(b))
		return (json_integer_value(a) > json_integer_value(b)) - (json_integer_value(a) < json_integer_value(b));
	return (json_number_value(a) > json_number_value(b)) - (json_number_value(a) < json_number_value(b));
}

static bool is_exact(const json_t *a, const json_t *b)
{
	return json_typeof(a) == json_typeof(b) ||
	    (json_number_value(a) < EXACT_MAX && json_number_value(a) > -EXACT_MAX &&
	        json_number_value(b) < EXACT_MAX && json_number_value(b) > -EXACT_MAX);
}

/* Is nothing both greater than what a asks for and less than what b does? */
static bool leave_no_gap(const struct matcher *a, const struct matcher *b)
{
	const struct matcher_test *gt = find_test(a, MATCHER_GT), *lt = find_test(b, MATCHER_LT);

	return gt && lt && compare(gt->operand, lt->operand) >= 0;
}

/* --- arrays --------------------------------------------------------------------------------------------- */

static bool map_never(const struct matcher_map *map, struct logic *logic)
{
	for (size_t i = 0; i < map->count; i++)
		if (matcher_never(&map->items[i].matcher, MATCHER_ABOUT_JSON, logic))
			return true;
	return false;
}

static bool map_implies(const struct matcher_map *a, const struct matcher_map *b, struct logic *logic)
{
	for (size_t i = 0; i < b->count; i++) {
		bool implied = false;

		for (size_t j = 0; j < a->count && !implied; j++)
			implied = !a->items[j].open && !b->items[i].open &&
			    strcmp(a->items[j].text, b->items[i].text) == 0 &&
			    matcher_implies(&a->items[j].matcher, &b->items[i].matcher, MATCHER_ABOUT_JSON, logic);
		if (!implied)
			return false;
	}
	return true;
}

/* --- the three questions ---------------------------------------------------------------------------------- */

bool matcher_never(const struct matcher *matcher, enum matcher_about about, struct logic *logic)
{
	const struct slice nothing = { 0 }, null = slice_from_str("null");
	unsigned types = matcher_types(matcher, about);

	if (!logic_step(logic))
		return false;
	if (types == 0 || leave_no_gap(matcher, matcher) || all_candidates(matcher, matcher, 0, about, logic))
		return true;
	/* what is not there, or null, can be tried */
	if (!matcher->open && about == MATCHER_ABOUT_JSON && !(types & ~(unsigned)(SUBJECT_ABSENT | SUBJECT_NULL)))
		return matcher_holds_json(matcher, nothing) == 0 && matcher_holds_json(matcher, null) == 0;
	for (size_t i = 0; i < matcher->count; i++)
		if (matcher->tests[i].elements && map_never(&matcher->tests[i].elements->map, logic))
			return true;
	return false;
}

/* Do these two tests say the same, or does a say more? */
static bool same_test(const struct matcher_test *a, bool a_ignores, const struct matcher_test *b, bool b_ignores)
{
	return a->kind == b->kind && !a->open && !b->open && (!a_ignores || b_ignores) &&
	    json_equal(a->operand, b->operand);
}

/* Does this one test of a say enough for the test? */
static bool one_implies(const struct matcher_test *one, bool ignores, const struct matcher_test *test, bool ignore_case,
    struct logic *logic)
{
	if (one->open)
		return false;
	if (same_test(one, ignores, test, ignore_case))
		return true;
	switch (test->kind) {
	case MATCHER_GT:
		return one->kind == MATCHER_GT && compare(one->operand, test->operand) >= 0 &&
		    is_exact(one->operand, test->operand);
	case MATCHER_LT:
		return one->kind == MATCHER_LT && compare(one->operand, test->operand) <= 0 &&
		    is_exact(one->operand, test->operand);
	case MATCHER_PREFIX:
		return one->kind == MATCHER_PREFIX && !ignores && !ignore_case &&
		    strncmp(json_string_value(one->operand), json_string_value(test->operand),
		        json_string_length(test->operand)) == 0;
	case MATCHER_CONTAINS:
		return one->kind == MATCHER_PREFIX && !ignores && !ignore_case && json_is_string(test->operand) &&
		    strstr(json_string_value(one->operand), json_string_value(test->operand));
	case MATCHER_ANY:
		return (one->kind == MATCHER_ANY || one->kind == MATCHER_ALL) &&
		    map_implies(&one->elements->map, &test->elements->map, logic);
	case MATCHER_ALL:
		return one->kind == MATCHER_ALL && map_implies(&one->elements->map, &test->elements->map, logic);
	default:
		return false;
	}
}

static bool implies_test(const struct matcher *a, struct matcher_test *test, bool ignore_case,
    enum matcher_about about, struct logic *logic)
{
	const struct matcher alone = { .ignore_case = ignore_case, .count = 1, .tests = test };
	const bool only_types = test->kind == MATCHER_EXISTS || test->kind == MATCHER_TYPE;

	if (test->open || !logic_step(logic))
		return false;
	if (only_types && !(matcher_types(a, about) & ~test_types(test, about)))
		return true;
	for (size_t i = 0; i < a->count; i++)
		if (one_implies(&a->tests[i], a->ignore_case, test, ignore_case, logic))
			return true;
	if (test->kind == MATCHER_NOT && matcher_disjoint(a, test->inner, about, logic))
		return true;
	return all_candidates(a, &alone, 1, about, logic);
}

bool matcher_implies(const struct matcher *a, const struct matcher *b, enum matcher_about about, struct logic *logic)
{
	for (size_t i = 0; i < b->count; i++)
		if (!implies_test(a, &b->tests[i], b->ignore_case, about, logic))
			return false;
	return true;
}

/* Does a rule out, by a `not`, all that b holds for? */
static bool rules_out(const struct matcher *a, const struct matcher *b, enum matcher_about about, struct logic *logic)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->tests[i].kind == MATCHER_NOT && matcher_implies(b, a->tests[i].inner, about, logic))
			return true;
	return false;
}

bool matcher_disjoint(const struct matcher *a, const struct matcher *b, enum matcher_about about,
    struct logic *logic)
{
	if (!logic_step(logic))
		return false;
	return !(matcher_types(a, about) & matcher_types(b, about)) || leave_no_gap(a, b) || leave_no_gap(b, a) ||
	    all_candidates(a, b, 0, about, logic) || all_candidates(b, a, 0, about, logic) ||
	    rules_out(a, b, about, logic) || rules_out(b, a, about, logic);
}
