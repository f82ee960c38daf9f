/* text.h - a growing text with a ceiling. */
#ifndef REMOTE_TEXT_H
#define REMOTE_TEXT_H

#include <stddef.h>

/* Initialise with { .max = bytes }. data is NUL-terminated once something was appended. */
struct text {
	char *data;
	size_t len;
	size_t cap;
	size_t max;
};

/* 0; -EMSGSIZE: it would be longer than max; -ENOMEM. The text stays as it was on failure. */
int text_append(struct text *text, const char *data, size_t len);
int text_append_str(struct text *text, const char *str);
/* data, which the caller frees from now on; "" when nothing was appended. NULL: no memory. */
char *text_take(struct text *text);
void text_done(struct text *text);

/* Longest prefix of at most max bytes of UTF-8 data that does not end within a character. */
size_t text_cut(const char *data, size_t len, size_t max);
/* Copy a text into ret (size bytes) as one line: what is not printable becomes '?', too long a text is cut. */
void text_line(const char *from, char *ret, size_t size);

#endif
