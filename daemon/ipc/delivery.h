/* delivery.h - whether a client has really got the results that it was sent. */
#ifndef IPC_DELIVERY_H
#define IPC_DELIVERY_H

#include "proto/id.h"

#include <stdbool.h>

struct ipc;
struct session;

/*
 * A reply that was sent may lie in the socket of a client that dies: a future that is kept until it was delivered is not
 * given up for that. It is delivered when the client has taken the reply from its socket, whatever comes behind it, which is
 * looked at with each message of it, with its end, and from time to time.
 */

/* The last of a result, or an error, was sent just now. Without memory for it the future stays as one that is yet to be
 * delivered. */
void delivery_expect(struct session *session, const struct id *id);

/* Tell the broker of what was taken. True: nothing is left to be taken. */
bool delivery_settle(struct session *session);

/* The session ends: forget what was not taken. */
void delivery_drop(struct session *session);

/* 0 or -ENOMEM. */
int delivery_init(struct ipc *ipc);
void delivery_done(struct ipc *ipc);

#endif
