/* json_text.h - a document of a request as JSON text: the form in which it is stored and compiled. */
#ifndef IPC_JSON_TEXT_H
#define IPC_JSON_TEXT_H

#include "proto/error.h"
#include "proto/slice.h"

#include <msgpack.h>

/*
 * Turn a document into JSON text of at most PROTO_SPEC_MAX bytes. A map becomes a JSON object: keys must be text;
 * integers keep every digit, floats read back as the same number; a bin must hold UTF-8; NaN, infinities, extensions
 * and NUL bytes are refused. A str or bin is taken as JSON text already and only checked to be text.
 *   object    NULL: *ret becomes an absent slice
 *   name      of the document, to begin the place in errors with: "spec.submit.text: not valid UTF-8"
 *   ret       NUL-terminated behind its end; data is the caller's to free()
 * Returns 0 or the negative errno of error.
 */
int json_text_from(const msgpack_object *object, const char *name, struct slice *ret, struct error *error);

/*
 * Any value as JSON text. A str or bin is taken as JSON text already, and checked to be one JSON value. object is not
 * NULL; else as above, but what has no JSON form is ERROR_INVALID_ARGUMENT.
 */
int json_text_value(const msgpack_object *object, const char *name, struct slice *ret, struct error *error);

#endif
