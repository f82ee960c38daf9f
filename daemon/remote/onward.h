/* onward.h - the `with` of a rule that continues: checked once, filled when the rule decides. */
#ifndef REMOTE_ONWARD_H
#define REMOTE_ONWARD_H

#include "daemon/broker/remote.h"
#include "daemon/remote/filling.h"
#include "daemon/remote/place.h"
#include "daemon/remote/template.h"

#include <jansson.h>

/* What a future goes on with; source borrows from the rest. */
struct onward {
	struct plan_source source;
	struct id *after;
	char *texts[5];
};

/* Check a `with`, and note what its templates name. */
int onward_read(const json_t *json, struct filling *filling, const struct place *place, struct error *error);

/*
 * Fill a `with` that was checked. The next operation is read from the outcome, and its templates are those that the
 * writer of `with` left in it with double braces, never what a value says: braces of values are doubled where they
 * would count there.
 * ERROR_INVALID_SPEC: a value is missing, or makes no sense in its place; or ERROR_OUT_OF_MEMORY.
 */
int onward_fill(const json_t *with, const struct values *values, struct onward *ret, struct error *error);

void onward_done(struct onward *onward);

#endif
