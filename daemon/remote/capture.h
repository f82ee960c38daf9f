/* capture.h - takes values out of responses, to be used by later templates. */
#ifndef REMOTE_CAPTURE_H
#define REMOTE_CAPTURE_H

#include "daemon/remote/http.h"
#include "daemon/remote/place.h"
#include "daemon/remote/template.h"
#include "proto/slice.h"

#include <jansson.h>
#include <stdbool.h>

struct captures;

/*
 * Compile {"name": {"body": "/pointer"}, "other": {"header": "Location", "after": "/jobs/", "before": "/"}}; instead of
 * one source there may be a list of them: the first that has a value gives it. Borrows from json. NULL after a failure.
 *   names   collects what its templates name -> where first; may be NULL
 */
int captures_read(const json_t *json, json_t *names, struct captures **ret, const struct place *place,
    struct error *error);
struct captures *captures_free(struct captures *captures);

/* Does one of them have this name? captures may be NULL. */
bool captures_have(const struct captures *captures, const char *name);
/* Their names, one by one and some perhaps twice; NULL after the last. captures may be NULL. */
const char *captures_name(const struct captures *captures, size_t i);
/* Do some have templates, so that values are needed? captures may be NULL. */
bool captures_need_values(const struct captures *captures);

/*
 * Take what a response has. A value keeps its type; a number that jansson cannot hold is kept as text, and so is
 * a body that is not JSON, captured whole ("body": ""), but for newlines at its end. null is no value. With `after`
 * or `before` it is the part of the text between them. One whose templates lack a value is not taken.
 *   values        for templates, and in captured what was captured so far; NULL: nothing
 *   ret           a new object: the old values, with the new ones over them
 * 0; -EMSGSIZE: more than REMOTE_CAPTURED_MAX bytes; -ENOMEM.
 */
int captures_take(const struct captures *captures, const struct http_response *response,
    const struct values *values, json_t **ret);

/* What of one JSON text or plain text is kept: a number that jansson cannot hold as text, also within an array or an
 * object, plain text but for newlines at its end. *ret is NULL where there is no value: null, no text at all, or bytes
 * that are none. 0, -EMSGSIZE (a text of more than max bytes) or -ENOMEM. */
int capture_json(struct slice value, json_t **ret);
int capture_text(struct slice text, size_t max, json_t **ret);

#endif
