/* subject.h - the value that a matcher is about: JSON of a body, or text without a type. */
#ifndef REMOTE_SUBJECT_H
#define REMOTE_SUBJECT_H

#include "proto/slice.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What a subject can be: bits, so that they can be added up to all that it may be. */
enum subject_type {
	SUBJECT_ABSENT = 1,
	SUBJECT_NULL = 2,
	SUBJECT_BOOLEAN = 4,
	SUBJECT_NUMBER = 8,
	SUBJECT_STRING = 16,
	SUBJECT_ARRAY = 32,
	SUBJECT_OBJECT = 64
};

struct subject {
	struct slice raw;              /* borrowed: JSON as it was received, or the text; absent: not there */
	bool is_text;                  /* a header or a whole body: no JSON */
	json_t *value;                 /* NULL: not there, text, a container, or a number beyond jansson */
};

/* JSON that json_scan() found; an absent slice is a value that is not there. 0 or -ENOMEM. */
int subject_read(struct slice json, struct subject *ret);
void subject_done(struct subject *subject);

enum subject_type subject_type(const struct subject *subject);
/* The type of an operand. */
enum subject_type subject_type_of(const json_t *json);

/* The text of a string; absent when it is none. Borrowed. */
struct slice subject_string(const struct subject *subject);

/*
 * Is it this scalar? Types count, but numbers are compared as numbers; text, and a number beyond jansson, with the
 * scalar's own text. ignore_case: ASCII. 1, 0 or -ENOMEM.
 */
int subject_equals(const struct subject *subject, const json_t *scalar, bool ignore_case);
/* Does its string start with the operand, or have it within? 1, 0 or -ENOMEM. */
int subject_starts_with(const struct subject *subject, const json_t *string, bool ignore_case);
int subject_has_within(const struct subject *subject, const json_t *scalar, bool ignore_case);
/* Is it a number (or text that is one), and how does it compare with the operand: -1, 0, 1 in *ret? 1, 0, -ENOMEM. */
int subject_compare(const struct subject *subject, const json_t *number, int *ret);

#endif
