/* pointer.h - JSON Pointers (RFC 6901), parsed once and looked up many at a time. */
#ifndef REMOTE_POINTER_H
#define REMOTE_POINTER_H

#include "daemon/remote/place.h"

#include <stddef.h>
#include <stdint.h>

#define POINTER_NOT_AN_INDEX SIZE_MAX

struct pointer_token {
	const char *text;              /* unescaped, NUL-terminated */
	size_t len;
	size_t index;                  /* as an array's: decimal without leading zeros; or POINTER_NOT_AN_INDEX */
};

struct pointer {
	char *text;                    /* as it was given */
	char *storage;
	struct pointer_token *tokens;
	size_t n_tokens;               /* 0: the whole document */
};

/* Different pointers that are looked up in one pass over a document. Zero-initialise. */
struct pointer_set {
	struct pointer *items;
	size_t count;                  /* at most REMOTE_POINTERS_MAX */
};

/* Add a pointer, or find the equal one. 0; -EINVAL: not a pointer, or deeper than a document may be;
 * -E2BIG: the set is full; -ENOMEM. */
int pointer_set_add(struct pointer_set *set, const char *text, size_t *ret_index);
/* The same for a text of a spec: what is wrong with it becomes a complaint about the place. */
int pointer_set_read(struct pointer_set *set, const char *text, size_t *ret_index, const struct place *place,
    struct error *error);
void pointer_set_done(struct pointer_set *set);

#endif
