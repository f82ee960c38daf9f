/* corpus.h - frames kept as hexadecimal text, one a file, for tests and fuzzers to read. */
#ifndef TESTS_PROTO_CORPUS_H
#define TESTS_PROTO_CORPUS_H

#include <stddef.h>
#include <stdint.h>

/*
 * A file holds pairs of hexadecimal digits; white space is free and '#' starts a comment. The comment
 * "# reason: TEXT" names the message that must come of it. The name's start says what is expected:
 * y_ good, n_ refused, i_ unfinished.
 */
struct frame {
	char name[128];      /* of the file, without its folder */
	char reason[256];    /* "" when the file gives none */
	uint8_t *bytes;      /* of exactly len bytes, so that a sanitizer sees a read behind it */
	size_t len;
};

/* Read each *.hex of the folder, in order of their names. Ends the program with a message when that
 * is not possible. Returns an array of *ret_count frames for corpus_free(). */
struct frame *corpus_read(const char *folder, size_t *ret_count);
void corpus_free(struct frame *frames, size_t count);

#endif
