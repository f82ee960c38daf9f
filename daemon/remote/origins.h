/* origins.h - the origins that a spec names itself: its credential goes there, and not where only an answer leads. */
#ifndef REMOTE_ORIGINS_H
#define REMOTE_ORIGINS_H

#include "daemon/remote/spec.h"

#include <jansson.h>

/*
 * The origin of base, or of a step's URL, as http_origin() writes it, when literal text and params make it. A captured
 * value in the path or query plays no part; one that could be in the origin, or be the URL itself, leaves none.
 * *ret is the caller's to free, or NULL: none is known. 0 or -ENOMEM.
 */
int origins_base(const struct spec *spec, const json_t *params, char **ret);
int origins_step(const struct spec *spec, enum step step, const json_t *params, char **ret);

/* All of them, each once, with NULL at the end. 0 or -ENOMEM. */
int origins_find(const struct spec *spec, const json_t *params, char ***ret);
/* NULL is allowed; returns NULL. */
char **origins_free(char **origins);

/* Is origin one of them? */
bool origins_have(char *const *origins, const char *origin);

#endif
