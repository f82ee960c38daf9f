/* batch.h - one list request, a page at a time, that answers for many futures. */
#ifndef REMOTE_BATCH_H
#define REMOTE_BATCH_H

#include "daemon/broker/remote.h"
#include "daemon/remote/poller_core.h"

#include <stddef.h>

/*
 * What struct remote says of start_batch(). The request is that of the first member's plan; which item is whose, what
 * it means and what becomes of a member without one is up to each member's own.
 *
 * Pages are asked for one after another until each member has its item, at most REMOTE_PAGES_MAX; members are told as
 * their items come. Those that a list which was read to its end does not have are MISSING, PENDING or LOST, as
 * `missing` says; where pages were left unread, and for members whose id is not known yet, it is MISSING in any case.
 *
 * An answer that is none (no response, a status of retry.on, one that a rule retries, no list) ends it with RETRY; what
 * earlier pages told stands. After any other status, or a page that is too long, each member is MISSING.
 */
int batch_start(struct poller *poller, const struct batch_member *members, size_t count, batch_cb done, void *arg,
    struct exchange **ret, struct error *error);

/* Member number i is gone: no callback for it. */
void batch_drop(struct exchange *exchange, size_t i);

#endif
