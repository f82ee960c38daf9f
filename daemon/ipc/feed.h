/* feed.h - one subscription of one client: its events as notifications, under the name the client chose. */
#ifndef IPC_FEED_H
#define IPC_FEED_H

#include "daemon/broker/broker.h"
#include "daemon/ipc/session.h"

#include <stdbool.h>
#include <stdint.h>

#define FEED_METHOD "future.changed"
#define FEED_METHOD_MAX 256             /* bytes */
#define FEED_PREFIX_BYTES_MAX (16 * 1024) /* each notification carries them */

struct feed {
	LIST_ENTRY(feed) link;                  /* in its session */
	struct session *session;
	uint64_t number;                        /* unique within its connection */
	struct subscription *subscription;
	char *method;
	size_t method_len;
	char *prefix;                           /* packed; n_prefix elements */
	size_t prefix_len;
	uint32_t n_prefix;
	bool wrap;                              /* the event comes in an array of its own */
	bool held;                              /* an event was not taken: the output is backed up */
};

/* What comes back from subscribing. */
struct feed_start {
	uint64_t seq;
	bool truncated;
};

/* Subscribe as params say, but for what filter says. Without a method it is FEED_METHOD.
 * Returns 0 with *ret in the session's list, or the negative errno of error. */
int feed_new(struct session *session, const struct subscribe_filter *filter, const struct subscribe_params *params,
    struct feed **ret, struct feed_start *ret_start, struct error *error);
/* NULL is allowed; returns NULL. */
struct feed *feed_free(struct feed *feed);

/* The feed of that number, or NULL. */
struct feed *feed_find(const struct session *session, uint64_t number);

/* There is room again: go on with what was held. Returns whether anything was. */
bool feed_resume(struct feed *feed);

#endif
