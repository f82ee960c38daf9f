/* poller.h - the service side as the broker sees it: compiles specs, takes one step of a future at a time. */
#ifndef REMOTE_POLLER_H
#define REMOTE_POLLER_H

#include "daemon/broker/remote.h"
#include "daemon/remote/http.h"
#include "daemon/remote/profile.h"

#include <stddef.h>
#include <stdint.h>

struct credentials;
struct poller;

/* Copied, but for credentials, which are borrowed and outlive the poller, and clock_self. */
struct poller_config {
	const char *const *profile_dirs;      /* in order, ends with NULL */
	struct credentials *credentials;
	unsigned streams_max;                 /* streams of events that may be open at a time */
	uint64_t timeout_usec;                /* of one exchange, when the spec has none; 0: 30 seconds */
	size_t body_max;                      /* what http was told: for messages */
	int64_t (*wall_ms)(void *self);       /* the wall clock, milliseconds since the epoch */
	void *clock_self;
};

/* http is borrowed and outlives the poller. NULL: no memory. */
struct poller *poller_new(struct http *http, const struct poller_config *config);
/* All plans must have been freed; what is under way is aborted. NULL is allowed; returns NULL. */
struct poller *poller_free(struct poller *poller);

/* Fill in the functions that the broker calls. Valid as long as the poller. */
void poller_remote(struct poller *poller, struct remote *ret);

/* Its profiles, for profile.list and profile.get: profile_each() and profile_text(). Valid until the next
 * poller_configure(). */
struct profiles *poller_profiles(struct poller *poller);

/* New directories, timeout and limit, from now on. 0, or -ENOMEM with the old ones in force. */
int poller_configure(struct poller *poller, const struct poller_config *config);

#endif
