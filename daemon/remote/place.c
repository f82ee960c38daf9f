/* place.c - where in a spec something is, for the messages about it. */
#include "daemon/remote/place.h"
#include "daemon/remote/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
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

	if (!place) {
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

int place_fail(const struct place *place, struct error *error, const char *format, ...)
{
	char where[256], raw[PROTO_ERROR_TEXT_MAX], line[PROTO_ERROR_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(raw, sizeof(raw), format, args);
	va_end(args);
	text_line(raw, line, sizeof(line));
	place_format(place, where, sizeof(where));
	return error_set(error, ERROR_INVALID_SPEC, "%s%s%s", where, where[0] ? ": " : "", line);
}

int place_no_memory(struct error *error)
{
	return error_set(error, ERROR_OUT_OF_MEMORY, "no memory");
}
