/* json.h - finds exact byte ranges in JSON text without building a tree. */
#ifndef REMOTE_JSON_H
#define REMOTE_JSON_H

#include "daemon/remote/pointer.h"
#include "proto/slice.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * A strict reader of RFC 8259: UTF-8 only, at most REMOTE_JSON_DEPTH_MAX containers within each other,
 * nothing after the value; a leading byte order mark is passed over. It never converts a number, so one
 * that no C type can hold does not make a document unreadable, and what it finds are bytes of the
 * document itself. When an object has a key more than once, the last one counts.
 */

/* Where and why a text is not JSON. what is static. */
struct json_fault {
	size_t at;                     /* byte offset */
	const char *what;
};

/*
 * Check text as a whole and find the values that pointers lead to, in one pass.
 *   ret_found   one slice for each pointer, absent where there is no such value; valid only with 0
 * Returns 0, or -EBADMSG with *fault filled.
 */
int json_scan(struct slice text, const struct pointer_set *pointers, struct slice *ret_found,
    struct json_fault *fault);

/* The functions below take values that json_scan() or json_array_next() found. */

/* Step through an array: *at is 0 before the first call. false: no further element. */
bool json_array_next(struct slice array, size_t *at, struct slice *ret_element);

/* Step through an object's members, in their order: equal keys come as often as they are there. *ret_key is a string. */
bool json_object_next(struct slice object, size_t *at, struct slice *ret_key, struct slice *ret_value);

/* The text of a string value: *ret is the caller's to free and has a NUL after *ret_len bytes. An escaped
 * surrogate without its partner becomes U+FFFD. -EINVAL: not a string; -ENOMEM. */
int json_string_decode(struct slice value, char **ret, size_t *ret_len);

/* A value as jansson has it. -ERANGE: it holds a number or character that jansson cannot; -ENOMEM. */
int json_value_decode(struct slice value, json_t **ret);

#endif
