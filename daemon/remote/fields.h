/* fields.h - the members of a query, form or JSON body: filled in, or left out of a first page. Pure. */
#ifndef REMOTE_FIELDS_H
#define REMOTE_FIELDS_H

#include "daemon/remote/template.h"
#include "daemon/remote/text.h"

#include <jansson.h>

/* Fill an object of scalars and lists of scalars, and append it percent-encoded as "a=1&b=2", with separator before
 * the first; a list is a name that is repeated. ERROR_INVALID_SPEC: a value is missing, or it gets too long. */
int fields_append(struct text *text, const char *separator, const json_t *fields, const struct values *values,
    struct error *error);

/* json as the request for a first page has it: without the members whose template names {page}. *ret is a new
 * reference. 0 or -ENOMEM. */
int fields_first_page(const json_t *json, json_t **ret);

#endif
