/* reference.h - references to other futures' results: which ones a spec and its params have, and their values. */
#ifndef REMOTE_REFERENCE_H
#define REMOTE_REFERENCE_H

#include "daemon/remote/spec.h"
#include "proto/id.h"
#include "proto/slice.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * {result:ID} is the result of a future: its JSON value, or its text where it is not JSON. {result:ID/pointer} is the
 * value there. They may be in each template that is filled when a request is built or an answer judged, and in params: a
 * string of a param that has "{result:" in it is a template of such references alone.
 */
struct reference {
	char *name;                    /* "result:ID/pointer", as templates have it */
	const char *pointer;           /* in it; "" for the whole */
	size_t result;                 /* index in ids */
	bool in_spec;                  /* not in params only */
};

struct references {
	struct reference *items;
	size_t count;
	struct id *ids;                /* each once */
	size_t n_ids;
	json_t *params;                /* object: params whose values are made of results; NULL: none */
};

/* What is wrong with "result:ID/pointer", or NULL. */
const char *reference_fault(const char *name);

/*
 * Find them. Params that are made of results are taken out of params, and those in which only a brace was doubled get
 * what they stand for. ERROR_INVALID_SPEC, ERROR_OUT_OF_MEMORY.
 */
int references_read(const struct spec *spec, json_t *params, struct references *ret, struct error *error);
void references_done(struct references *references);

/* Has name a value when all results are there: a reference, or a param that is made of some? */
bool references_give(const struct references *references, const char *name);

/*
 * Take the values out of result number i, over those of the results before it.
 *   taken   JSON object text of those; NULL: none
 *   ret     the caller's to free; after the last result, all there is to capture
 * An error says which value is missing, or what else is wrong, for people; or ERROR_OUT_OF_MEMORY.
 */
int references_take(const struct references *references, size_t i, struct slice result, const char *taken, char **ret,
    struct error *error);

#endif
