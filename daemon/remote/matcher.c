/* matcher.c - what a condition asks of one value. */
#include "daemon/remote/matcher.h"
#include "daemon/remote/keys.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/matcher_test.h"

#include <stdlib.h>
#include <string.h>

static int unknown_test(const char *name, const struct place *place, struct error *error)
{
	const char *names[MATCHER_KINDS + 2] = { "ignore_case" };

	for (enum matcher_kind kind = MATCHER_EXISTS; kind < MATCHER_KINDS; kind++)
		names[kind + 1] = matcher_kind_name(kind);
	return keys_unknown("matcher", name, names, place, error);
}

static int add_test(struct matcher *matcher, enum matcher_kind kind, const json_t *operand,
    const struct matcher_scope *scope, const struct place *place, struct error *error)
{
	struct matcher_test *test = &matcher->tests[matcher->count++];
	int r = matcher_test_read(kind, operand, scope, test, place, error);

	matcher->open |= test->open;
	return r;
}

int matcher_read(const json_t *json, const struct matcher_scope *scope, struct matcher *ret,
    const struct place *place, struct error *error)
{
	const char *name;
	json_t *value;
	int r, first = 0;

	*ret = (struct matcher){ 0 };
	ret->tests = calloc(json_is_object(json) ? json_object_size(json) + 1 : 1, sizeof(*ret->tests));
	if (!ret->tests)
		return place_no_memory(error);
	if (json_is_array(json))
		return add_test(ret, MATCHER_IN, json, scope, place, error);
	if (!json_is_object(json))
		return add_test(ret, MATCHER_EQUALS, json, scope, place, error);
	json_object_foreach((json_t *)json, name, value) {
		const struct place here = { .up = place, .key = name };
		enum matcher_kind kind = matcher_kind_find(name);

		if (strcmp(name, "ignore_case") == 0)
			r = key_bool(value, &ret->ignore_case, &here, error);
		else if (kind < MATCHER_KINDS)
			r = add_test(ret, kind, value, scope, &here, error);
		else
			r = unknown_test(name, place, error);
		if (place_ends(place, r, &first))
			break;
	}
	return first < 0 || ret->count > 0 ? first : place_fail(place, error, "asks for nothing");
}

void matcher_done(struct matcher *matcher)
{
	for (size_t i = 0; i < matcher->count; i++)
		matcher_test_done(&matcher->tests[i]);
	free(matcher->tests);
	*matcher = (struct matcher){ 0 };
}

static int read_item(const char *pointer, const json_t *json, const struct matcher_scope *scope,
    struct matcher_item *item, const struct place *place, struct error *error)
{
	const struct place here = { .up = place, .key = pointer };
	int r = filling_text(scope->filling, pointer, TEMPLATE_POINTER, &item->text, &item->open, &here, error);

	if (r == 0)
		r = pointer_set_read(scope->pointers, item->text, &item->pointer, place, error);
	return r < 0 ? r : matcher_read(json, scope, &item->matcher, &here, error);
}

int matcher_map_fill(const json_t *json, const struct matcher_scope *scope, struct matcher_map *ret,
    const struct place *place, struct error *error)
{
	const char *pointer;
	json_t *value;
	int first = 0;

	if (!json_is_object(json))
		return place_fail(place, error, "must be an object of JSON Pointers");
	if (json_object_size(json) > REMOTE_LIST_MAX)
		return place_fail(place, error, "more than %d pointers", REMOTE_LIST_MAX);
	ret->items = calloc(json_object_size(json) + 1, sizeof(*ret->items));
	if (!ret->items)
		return place_no_memory(error);
	json_object_foreach((json_t *)json, pointer, value) {
		int r = read_item(pointer, value, scope, &ret->items[ret->count++], place, error);

		if (place_ends(place, r, &first))
			break;
	}
	return first;
}

int matcher_map_read(const json_t *json, struct pointer_set *set, unsigned depth, struct matcher_map *ret,
    const struct place *place, struct error *error)
{
	const struct matcher_scope scope = { .pointers = set, .depth = depth };

	return matcher_map_fill(json, &scope, ret, place, error);
}

void matcher_map_done(struct matcher_map *map)
{
	for (size_t i = 0; i < map->count; i++)
		matcher_done(&map->items[i].matcher);
	free(map->items);
	*map = (struct matcher_map){ 0 };
}

int matcher_holds(const struct matcher *matcher, const struct subject *subject, const struct matcher_test **ret_failed)
{
	for (size_t i = 0; i < matcher->count; i++) {
		int r = matcher_test_holds(&matcher->tests[i], matcher->ignore_case, subject);

		if (r == 0 && ret_failed)
			*ret_failed = &matcher->tests[i];
		if (r <= 0)
			return r;
	}
	return 1;
}

int matcher_holds_text(const struct matcher *matcher, struct slice text)
{
	const struct subject subject = { .raw = text, .is_text = true };

	return matcher_holds(matcher, &subject, NULL);
}

int matcher_holds_json(const struct matcher *matcher, struct slice value)
{
	struct subject subject;
	int r = subject_read(value, &subject);

	if (r < 0)
		return r;
	r = matcher_holds(matcher, &subject, NULL);
	subject_done(&subject);
	return r;
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

static const struct matcher_test *find_any(const struct matcher *matcher)
{
	for (size_t i = 0; i < matcher->count; i++)
		if (matcher->tests[i].kind == MATCHER_ANY)
			return &matcher->tests[i];
	return NULL;
}

bool matcher_has_element(const struct matcher *matcher)
{
	return find_any(matcher) != NULL;
}

int matcher_element(const struct matcher *matcher, struct slice value, struct slice *ret)
{
	const struct matcher_test *any = find_any(matcher);

	return any ? matcher_test_element(any, value, ret) : 0;
}
