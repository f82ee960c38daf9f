/* text.c - a growing text with a ceiling. */
#include "daemon/remote/text.h"

#include "proto/utf8.h"

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

size_t text_cut(const char *data, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char)data[max] & 0xc0) == 0x80)
		max--;
	return max;
}

void text_line(const char *from, char *ret, size_t size)
{
	size_t len = text_cut(from, strlen(from), size - 1);

	memcpy(ret, from, len);
	ret[len] = '\0';
	utf8_make_line(ret);
}
