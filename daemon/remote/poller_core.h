/* poller_core.h - the inside of struct poller, for the files that send requests: ask, poller, batch, watch. */
#ifndef REMOTE_POLLER_CORE_H
#define REMOTE_POLLER_CORE_H

#include "daemon/remote/credentials.h"
#include "daemon/remote/http.h"
#include "daemon/remote/poller.h"
#include "daemon/remote/profile.h"
#include "daemon/remote/spec.h"

#include <stddef.h>
#include <stdint.h>

struct exchange;
struct watch;

struct poller {
	struct http *http;
	struct credentials *credentials;
	struct spec_cache *specs;
	struct profiles *profiles;
	uint64_t timeout_usec;
	size_t body_max;
	unsigned streams_max;
	int64_t (*wall_ms)(void *self);
	void *clock_self;
	struct exchange *exchanges;    /* under way, batches among them */
	struct watch *watches;         /* open */
	unsigned n_watches;
	void *asks;                    /* those that others may share the answer of; ask.c knows what it is */
};

#endif
