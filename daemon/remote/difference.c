/* difference.c - tells people in what two requests differ. */
#include "daemon/remote/difference.h"
#include "daemon/remote/place.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Of a place: further down it is not told apart. */
#define DEPTH_MAX 4

struct places {
	char *text;
	size_t size, len;
	bool full;
};

static void append(struct places *places, const char *text)
{
	places->len += (size_t)snprintf(places->text + places->len, places->size - places->len, "%s", text);
}

/* What has no room leaves some for "..." */
static void add(struct places *places, const struct place *place)
{
	static const char separator[] = ", ", rest[] = "...";
	char name[PROTO_ERROR_TEXT_MAX];

	if (places->full)
		return;
	if (places->len > 0)
		append(places, separator);
	place_format(place, name, sizeof(name));
	places->full = strlen(name) + strlen(separator) + sizeof(rest) > places->size - places->len;
	append(places, places->full ? rest : name);
}

static void compare(struct places *places, const json_t *before, const json_t *now, const struct place *up, int depth);

static void compare_member(struct places *places, const json_t *before, const json_t *now, const struct place *place,
    int depth)
{
	if (json_equal(before, now))
		return;
	if (json_is_object(before) && json_is_object(now) && depth < DEPTH_MAX)
		compare(places, before, now, place, depth + 1);
	else
		add(places, place);
}

/* Two objects: what one of them has alone, and what has another value. */
static void compare(struct places *places, const json_t *before, const json_t *now, const struct place *up, int depth)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)before, name, value) {
		const struct place place = { .up = up, .key = name };

		compare_member(places, value, json_object_get(now, name), &place, depth);
	}
	json_object_foreach((json_t *)now, name, value) {
		const struct place place = { .up = up, .key = name };

		if (!json_object_get(before, name))
			add(places, &place);
	}
}

void difference_name(const char *before, const char *now, char *ret, size_t size)
{
	struct places places = { .text = ret, .size = size };
	json_t *a = json_loads(before, JSON_ALLOW_NUL, NULL), *b = json_loads(now, JSON_ALLOW_NUL, NULL);

	ret[0] = '\0';
	if (json_is_object(a) && json_is_object(b))
		compare(&places, a, b, NULL, 1);
	json_decref(a);
	json_decref(b);
}
