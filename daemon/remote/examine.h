/* examine.h - looks at a profile or spec for the one who writes it: all that is wrong with it at once. */
#ifndef REMOTE_EXAMINE_H
#define REMOTE_EXAMINE_H

#include "daemon/remote/problems.h"
#include "daemon/remote/spec.h"
#include "proto/error.h"
#include "proto/slice.h"

#include <jansson.h>

/* What was looked at. */
struct examined {
	struct spec *spec;             /* as far as it could be read; NULL: not at all */
	json_t *params;                /* that were given, or are the defaults */
	json_t *open;                  /* object: the parameters without a value, with their declarations */
	struct problems problems;
};

/*
 * Everything that a creation looks at: the text is compiled, its rules can be reached, its templates can be filled, its
 * URLs are URLs. Required parameters that are not given have their examples as values; one without an example could be
 * anything. Values may also be given for names that a request's answer would give.
 *   params   JSON object, or absent
 * Done after success. ERROR_INVALID_SPEC: params are no JSON object; ERROR_OUT_OF_MEMORY.
 */
int examine(struct slice text, struct slice params, struct examined *ret, struct error *error);
void examined_done(struct examined *examined);

/*
 * The report for profile.check, a new object: {problems: [{place, message, line, column}], more, and where it could be
 * read requests, parameters: {NAME: {required, default, example, help}}, rules, credential}. NULL: no memory.
 */
json_t *examined_report(const struct examined *examined);

#endif
