/* examine.h - looks at a profile or spec for the one who writes it: all that is wrong with it at once. */
#ifndef REMOTE_EXAMINE_H
#define REMOTE_EXAMINE_H

#include "daemon/remote/problems.h"
#include "daemon/remote/profile.h"
#include "daemon/remote/spec.h"
#include "proto/error.h"
#include "proto/slice.h"

#include <jansson.h>

/* What is looked at. Slices are absent where nothing was given. */
struct profile_source {
	struct slice profile;          /* a name; or */
	struct slice text;             /* of a profile or spec */
	struct slice params;           /* JSON object; also for names that the answer to a submit would give */
};

/* What was found. */
struct examined {
	struct spec *spec;             /* as far as it could be read; NULL: not at all */
	json_t *params;                /* that were given, or are the defaults */
	json_t *open;                  /* object: the parameters without a value, with their declarations */
	struct problems problems;
};

/*
 * Everything that a creation looks at: the text is compiled, its rules can be reached, its templates can be filled, its
 * URLs are URLs. Required parameters that are not given have their examples as values; one without an example could be
 * anything.
 * Done after success. ERROR_INVALID_SPEC: params are no JSON object; ERROR_NOT_FOUND: no such profile;
 * ERROR_OUT_OF_MEMORY.
 */
int examine(struct profiles *profiles, const struct profile_source *source, struct examined *ret, struct error *error);
void examined_done(struct examined *examined);

/*
 * The same as JSON text, for profile.check; the caller's to free: {problems: [{place, message, line, column}], more, and
 * where it could be read requests, parameters: {NAME: {required, default, example, help}}, rules, credential}.
 */
int examine_report(struct profiles *profiles, const struct profile_source *source, char **ret, struct error *error);

#endif
