/* local.h - specs of the kinds that ask no service: a table of keys for each. */
#ifndef REMOTE_LOCAL_H
#define REMOTE_LOCAL_H

#include "daemon/remote/keys.h"
#include "daemon/remote/spec.h"

#include <jansson.h>

/* The word under `kind` of a spec; http without one. *ret is untouched on failure. */
int local_read_kind(const json_t *root, enum store_kind *ret, const struct place *place, struct error *error);

/* What a spec of that kind is made of; keys_read() fills a struct spec with it. NULL: spec.c has the keys of http. */
const struct key *local_keys(enum store_kind kind);

#endif
