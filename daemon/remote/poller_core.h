/* poller_core.h - the inside of struct poller, for the files that send requests: ask, flight, poller, batch, watch. */
#ifndef REMOTE_POLLER_CORE_H
#define REMOTE_POLLER_CORE_H

#include "daemon/remote/credentials.h"
#include "daemon/remote/http.h"
#include "daemon/remote/poller.h"
#include "daemon/remote/profile.h"
#include "daemon/remote/spec.h"

#include <stddef.h>
#include <stdint.h>

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
	unsigned n_trials;             /* under way: try.c */
	void *flights;                 /* those that others may join: flight.c knows what it is */
	uint64_t flight_era;
};

/*
 * What the broker holds of a request, or of a batch of them, under way: the first member of a larger struct, whose
 * owner links it when it starts and unlinks it when it ends.
 */
struct exchange {
	struct poller *poller;
	struct exchange *next, *prev;
	void (*abort)(struct exchange *exchange);   /* give it up: unlinks and frees it, without a callback */
};

void exchange_link(struct exchange *exchange, struct poller *poller, void (*abort)(struct exchange *exchange));
void exchange_unlink(struct exchange *exchange);

#endif
