/* slice.h - a borrowed run of bytes with its length. */
#ifndef PROTO_SLICE_H
#define PROTO_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* data is NULL when the value is absent; an empty value has a non-NULL data and len 0. Never
 * owned, never NUL-terminated by contract. */
struct slice {
	const char *data;
	size_t len;
};

static inline struct slice slice_from_str(const char *s)
{
	return (struct slice){ .data = s, .len = s ? strlen(s) : 0 };
}

static inline bool slice_equals(struct slice s, const char *text)
{
	return s.data && strlen(text) == s.len && memcmp(s.data, text, s.len) == 0;
}

#endif
