/* plan.h - what is known of one future's requests: its spec, params and settings. */
#ifndef REMOTE_PLAN_H
#define REMOTE_PLAN_H

#include "daemon/broker/remote.h"
#include "daemon/remote/reference.h"
#include "daemon/remote/spec.h"
#include "daemon/remote/status.h"
#include "daemon/remote/template.h"

#include <jansson.h>
#include <stdbool.h>

/* What the stored params of an operation that was gone on to have besides: no name of a param is like this. */
#define PLAN_NAMED "origins:"

/* Immutable but for the count. */
struct remote_plan {
	struct plan plan;              /* first: the broker's part */
	unsigned refs;                 /* besides the first */
	struct spec *spec;             /* a reference; shared with others of the same text */
	json_t *params;                /* but for those that are made of other futures' results */
	struct references references;
	struct status_set retry_on;
	char *bucket;
	char *origin;                  /* of bucket; NULL: not known */
	char *batch;
	char **origins;                /* that the spec names itself, as http_origin() has them; NULL at the end */
	json_t *named;                 /* only these of them count (named.h); NULL: it is the operation that was created */
};

/*
 * Compile stored texts.
 *   creating   check also that every template can be filled and that what is known of the URLs is usable: a
 *              future that exists already is not refused for what its requests will show
 */
int plan_new(struct spec_cache *cache, const char *spec, const char *params, bool creating,
    struct remote_plan **ret, struct error *error);
/* What a keepalive is called: all that the service sees of it, but for the credential's value. values as for the
 * request itself. *ret is the caller's to free. -EAGAIN without a message: a template has no value yet. */
int plan_keepalive_name(const struct remote_plan *plan, const struct values *values, char **ret,
    struct error *error);

/* Another reference, for a request that may outlive the future. */
struct remote_plan *plan_ref(struct remote_plan *plan);
/* Give a reference back. NULL is allowed; returns NULL. */
struct remote_plan *plan_free(struct remote_plan *plan);

#endif
