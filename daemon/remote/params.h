/* params.h - the values a creator gives, checked against the parameters a profile declares. */
#ifndef REMOTE_PARAMS_H
#define REMOTE_PARAMS_H

#include "proto/error.h"

#include <jansson.h>

/*
 * Check params and fill in defaults.
 *   parameters   the declarations, or NULL: any params are taken
 *   own          an object with the names that the creator's own spec uses, which need no declaration; or NULL
 *   params       an object, or NULL: none given
 *   captures     the `capture` object of submit, or NULL: a required parameter that is in it may be missing
 *   ret          a new object
 * ERROR_INVALID_SPEC for an unknown one with the nearest, a missing one, a name that is built in.
 */
int params_resolve(const json_t *parameters, const json_t *own, const json_t *params, const json_t *captures,
    json_t **ret, struct error *error);

#endif
