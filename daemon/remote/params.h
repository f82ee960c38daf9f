/* params.h - the values a creator gives, checked against the parameters a profile declares. */
#ifndef REMOTE_PARAMS_H
#define REMOTE_PARAMS_H

#include "daemon/remote/problems.h"
#include "proto/error.h"

#include <jansson.h>
#include <stdbool.h>

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

/*
 * The values to look at a profile with: those that were given, defaults, and if wanted the examples of those that have
 * none. What is wrong goes to problems.
 *   ret_open   a new object: the parameters that have no value, with their declarations
 * 0 or -ENOMEM.
 */
int params_suppose(const json_t *parameters, const json_t *own, const json_t *params, bool examples,
    struct problems *problems, json_t **ret, json_t **ret_open);

/* Refuse that a required parameter is missing, in the words of its declaration. */
int params_missing(const char *name, const json_t *declaration, struct error *error);

#endif
