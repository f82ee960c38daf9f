/* place.c - where in a spec something is, for the messages about it. */
#include "daemon/remote/place.h"
#include "daemon/remote/problems.h"
#include "daemon/remote/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { KEY_SHOWN_MAX = 64 };

static bool is_plain(const char *key)
{
	if (*key == '\0')
		return false;
	for (; *key; key++)
		if (!isalnum((unsigned char)*key) && *key != '_' && *key != '-')
			return false;
	return true;
}

void place_format(const struct place *place, char *ret, size_t size)
{
	char key[KEY_SHOWN_MAX + 1];
	size_t len;

	if (!place || place->problems) {
		*ret = '\0';
		return;
	}
	place_format(place->up, ret, size);
	len = strlen(ret);
	if (!place->key) {
		snprintf(ret + len, size - len, "[%zu]", place->index);
		return;
	}
	text_line(place->key, key, sizeof(key));
	if (is_plain(key))
		snprintf(ret + len, size - len, "%s%s", len > 0 ? "." : "", key);
	else
		snprintf(ret + len, size - len, "[\"%s\"]", key);
}

/* Where complaints within place are gathered, or NULL. */
static struct problems *gathered(const struct place *place)
{
	while (place && place->up)
		place = place->up;
	return place ? place->problems : NULL;
}

static int fail(const struct place *within, const char *where, struct error *error, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

static int fail(const struct place *within, const char *where, struct error *error, const char *format, va_list args)
{
	char raw[PROTO_ERROR_TEXT_MAX], line[PROTO_ERROR_TEXT_MAX];
	struct problems *problems = gathered(within);

	vsnprintf(raw, sizeof(raw), format, args);
	text_line(raw, line, sizeof(line));
	if (problems && problems_add(problems, where, line, 0, 0) < 0)
		return place_no_memory(error);
	return error_set(error, ERROR_INVALID_SPEC, "%s%s%s", where, where[0] ? ": " : "", line);
}

int place_fail(const struct place *place, struct error *error, const char *format, ...)
{
	char where[256];
	va_list args;
	int r;

	place_format(place, where, sizeof(where));
	va_start(args, format);
	r = fail(place, where, error, format, args);
	va_end(args);
	return r;
}

int place_fail_at(const struct place *within, const char *where, struct error *error, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = fail(within, where, error, format, args);
	va_end(args);
	return r;
}

bool place_ends(const struct place *place, int r, int *first)
{
	const struct problems *problems = r < 0 ? gathered(place) : NULL;

	if (r < 0 && *first == 0)
		*first = r;
	return r < 0 && (!problems || problems->more || r != error_errno(ERROR_INVALID_SPEC));
}

int place_no_memory(struct error *error)
{
	return error_set(error, ERROR_OUT_OF_MEMORY, "no memory");
}
