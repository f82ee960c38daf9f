/* subscription.h - streams of events, that go on after a reconnection where they stopped. */
#ifndef CLIENT_SUBSCRIPTION_H
#define CLIENT_SUBSCRIPTION_H

#include "client/conn.h"

#define SUBSCRIPTIONS_MAX 32     /* of the user, on one connection: the daemon takes 64, and the feeds need some */

/* futured_subscribe() without the limit of the user's. */
int subscription_new(struct futured *c, const struct futured_subscribe_options *options, futured_event_cb cb, void *userdata,
    futured_subscription **ret);

/* A notification came: queue its event. 0; -EBADMSG, -ENOMEM. */
int subscription_notified(struct futured *c, const msgpack_object *params);

/* A connection stands: subscribe (again). new_epoch: the daemon's sequence numbers are not those of before. 0 or a
 * negative errno. */
int subscription_resume(struct futured *c, bool new_epoch);

/* The connection is lost; closed for good; or its object goes away. */
void subscription_lost(struct futured *c);
void subscription_end_all(struct futured *c, int error);
void subscription_detach_all(struct futured *c);

#endif
