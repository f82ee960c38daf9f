/* filling.h - the texts of rules and captures, which may be templates: checked once, filled for each judgement. */
#ifndef REMOTE_FILLING_H
#define REMOTE_FILLING_H

#include "daemon/remote/place.h"
#include "daemon/remote/template.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * What is compiled passes each of its texts through here. The first reading, at creation, has no values: templates are
 * checked and stay as they are, which is said of them ("open"). A later one has values and fills them. Zero-initialise
 * but for names or values; what is compiled borrows from kept, so that lives as long.
 */
struct filling {
	json_t *names;                 /* object: what the templates name -> where first; NULL: not collected */
	const struct values *values;   /* NULL: the first reading */
	json_t *kept;                  /* array that owns what was made, or NULL */
	size_t size;                   /* bytes that were made */
	bool templates;                /* some text has a {name} */
};

/*
 * A text of a spec, as it counts.
 *   ret        borrowed, from text or from what is kept
 *   ret_open   a template that is not filled yet
 * Only params, captured values, {id} and {idempotency} may be named. With values, one that is missing is an error that names it.
 */
int filling_text(struct filling *filling, const char *text, enum template_form form, const char **ret,
    bool *ret_open, const struct place *place, struct error *error);

/* The same for a scalar: a string that is one single template takes the value's own type. */
int filling_scalar(struct filling *filling, const json_t *scalar, const json_t **ret, bool *ret_open,
    const struct place *place, struct error *error);

/* The same for every string within json; the place is json's. */
int filling_json(struct filling *filling, const json_t *json, const json_t **ret, bool *ret_open,
    const struct place *place, struct error *error);

/* Is this built-in value still known when an answer is judged: {id}, {idempotency}? */
bool filling_has_builtin(const char *name);

/* Own something that was made for what is compiled. */
int filling_keep(struct filling *filling, json_t *made, struct error *error);

#endif
