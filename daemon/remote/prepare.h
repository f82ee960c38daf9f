/* prepare.h - makes the texts that are stored of what a creator asked for. */
#ifndef REMOTE_PREPARE_H
#define REMOTE_PREPARE_H

#include "daemon/broker/remote.h"
#include "daemon/remote/profile.h"

#include <jansson.h>

/*
 * Merge the profile and the spec (whose keys win, key by key at the top level), the creation's policies (key by key
 * over the spec's) and the params with their defaults. What is merged is not compiled yet.
 * ret_texts: each to be freed with free(). ERROR_INVALID_SPEC, ERROR_OUT_OF_MEMORY. Reads the profile's file.
 */
int prepare_texts(struct profiles *profiles, const struct plan_source *source, struct plan_texts *ret_texts,
    struct error *error);

/* The names of all templates within json, which may be NULL, as a new object. 0 or -ENOMEM. */
int prepare_names(const json_t *json, json_t **ret);

#endif
