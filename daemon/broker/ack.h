/* ack.h - tells the service that the end of its operation is stored here, so that it may forget it. */
#ifndef BROKER_ACK_H
#define BROKER_ACK_H

#include "daemon/broker/future.h"

/*
 * The commit that stores state and result of a future also says that it is to be acknowledged (STORE_PHASE_ACK), and
 * the request is not sent before that commit is durable: the service never forgets what is not on our disk. For
 * everyone else the future is over. It keeps its plan, its place in the bucket and its timer until an answer says
 * anything but "again", or until it expires; a future that expires at once is kept a minute for it. A daemon that
 * dies meanwhile sends it after its restart, so a service may hear it more than once. A client that forgets the
 * future gives it up.
 */

/* Whether an end that the service has told is one to acknowledge. draft: the record up to it. */
bool ack_wanted(const struct future *future, const struct future_rec *draft, const struct verdict *verdict);

/* Its end was written: send the request as soon as that is durable. */
void ack_begin(struct future *future);

/* At boot, of one that has its plan and next_usec: until when it is tried. */
void ack_resume(struct future *future);

/* The answer to a request, whose slot is given back. */
void ack_apply(struct future *future, const struct verdict *verdict);

/* No more of it: the future rests. Tried again later when memory is short. */
void ack_end(struct future *future);

#endif
