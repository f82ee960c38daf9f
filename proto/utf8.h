/* utf8.h - strict UTF-8: what counts as text on the wire, and as printable in a message. */
#ifndef PROTO_UTF8_H
#define PROTO_UTF8_H

#include <stddef.h>

/* Bytes of the character that text starts with, 0 when there is no whole and valid one within len bytes. */
size_t utf8_character_len(const char *text, size_t len);

/*
 * Length of the leading bytes of text that are valid UTF-8: len when all of them are, else the
 * position of the first byte that is not (RFC 3629: no overlong form, no surrogate, nothing above
 * U+10FFFF, no sequence cut short). A NUL byte is valid UTF-8.
 */
size_t utf8_valid_len(const char *text, size_t len);

/* Make a NUL-terminated text one printable line, in place: control characters and bytes that are
 * not UTF-8 become '?'. The length stays. */
void utf8_make_line(char *text);

#endif
