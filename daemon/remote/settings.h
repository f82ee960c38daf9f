/* settings.h - the numbers of a spec that the broker works with: policies, retention, limits. */
#ifndef REMOTE_SETTINGS_H
#define REMOTE_SETTINGS_H

#include "daemon/broker/policy.h"
#include "daemon/remote/place.h"
#include "daemon/remote/status.h"
#include "proto/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct settings {
	struct policy polling;
	struct policy retry;
	bool reset_on_progress;
	struct status_set retry_on;
	uint64_t retry_after_max_usec;
	uint64_t ttl_usec;             /* UINT64_MAX: kept without end */
	bool keep_until_delivered;
	bool resubmit;
	unsigned bucket_limit;         /* 0: the daemon's default */
};

/*
 * Read an object with the keys polling, retry, ttl, keep_until_delivered, resubmit and concurrency over the
 * defaults. A value may be a template that is a single {param}: params give its value.
 */
int settings_read(const json_t *json, const json_t *params, struct settings *ret, const struct place *place,
    struct error *error);

#endif
