/* utf8.c - strict UTF-8: what counts as text on the wire, and as printable in a message. */
#include "proto/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The bytes that may follow a leading byte; only the first of them has a range of its own. */
struct lead {
	uint8_t from, to;         /* leading bytes */
	uint8_t low, high;        /* range of the second byte */
	uint8_t len;
};

static const struct lead leads[] = {
	{ 0x00, 0x7f, 0x00, 0x00, 1 },
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

size_t utf8_character_len(const char *bytes, size_t len)
{
	const uint8_t *text = (const uint8_t *)bytes;
	const struct lead *lead = NULL;

	if (len == 0)
		return 0;
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]) && !lead; i++)
		if (text[0] >= leads[i].from && text[0] <= leads[i].to)
			lead = &leads[i];
	if (!lead || lead->len > len)
		return 0;
	if (lead->len > 1 && (text[1] < lead->low || text[1] > lead->high))
		return 0;
	for (size_t i = 2; i < lead->len; i++)
		if (text[i] < 0x80 || text[i] > 0xbf)
			return 0;
	return lead->len;
}

size_t utf8_valid_len(const char *text, size_t len)
{
	size_t at = 0, step;

	while (at < len && (step = utf8_character_len(text + at, len - at)) > 0)
		at += step;
	return at;
}

void utf8_make_line(char *text)
{
	size_t len = strlen(text), at = 0;

	while (at < len) {
		const uint8_t *here = (const uint8_t *)text + at;
		size_t step = utf8_character_len(text + at, len - at);
		bool control = *here < 0x20 || *here == 0x7f || (step == 2 && here[0] == 0xc2 && here[1] < 0xa0);

		if (step == 0 || control) {
			size_t n = step ? step : 1;

			memset(text + at, '?', n);
			at += n;
		} else {
			at += step;
		}
	}
}
