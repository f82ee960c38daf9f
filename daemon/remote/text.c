/* text.c - a growing text with a ceiling. */
#include "daemon/remote/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int text_append(struct text *text, const char *data, size_t len)
{
	if (len > text->max || text->len > text->max - len)
		return -EMSGSIZE;
	if (text->len + len + 1 > text->cap) {
		size_t cap = text->cap ? text->cap : 64;
		char *grown;

		while (cap < text->len + len + 1)
			cap *= 2;
		grown = realloc(text->data, cap);
		if (!grown)
			return -ENOMEM;
		text->data = grown;
		text->cap = cap;
	}
	memcpy(text->data + text->len, data, len);
	text->len += len;
	text->data[text->len] = '\0';
	return 0;
}

int text_append_str(struct text *text, const char *str)
{
	return text_append(text, str, strlen(str));
}

char *text_take(struct text *text)
{
	char *data = text->data ? text->data : strdup("");

	*text = (struct text){ .max = text->max };
	return data;
}

void text_done(struct text *text)
{
	free(text->data);
	*text = (struct text){ .max = text->max };
}

size_t text_utf8_len(const char *data, size_t left)
{
	const unsigned char *p = (const unsigned char *)data;
	static const struct { unsigned char first, last, low, high, len; } FORMS[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	if (left == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(FORMS) / sizeof(FORMS[0]); i++) {
		if (p[0] < FORMS[i].first || p[0] > FORMS[i].last)
			continue;
		if (left < FORMS[i].len || p[1] < FORMS[i].low || p[1] > FORMS[i].high)
			return 0;
		for (size_t k = 2; k < FORMS[i].len; k++)
			if ((p[k] & 0xc0) != 0x80)
				return 0;
		return FORMS[i].len;
	}
	return 0;
}

bool text_is_utf8(const char *data, size_t len)
{
	for (size_t at = 0, n; at < len; at += n) {
		n = text_utf8_len(data + at, len - at);
		if (n == 0)
			return false;
	}
	return true;
}

size_t text_cut(const char *data, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char)data[max] & 0xc0) == 0x80)
		max--;
	return max;
}

void text_line(const char *data, size_t len, char *ret, size_t size)
{
	len = text_cut(data, len, size - 1);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)data[i];

		ret[i] = c < 0x20 || c == 0x7f ? '?' : data[i];
	}
	ret[len] = '\0';
}
