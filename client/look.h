/* look.h - one request for the states of many handles that are followed, as they are now. */
#ifndef CLIENT_LOOK_H
#define CLIENT_LOOK_H

#include "client/progress.h"

/* Ask about n handles, which must not be asked about already. 0; -ENOMEM, -ENOBUFS: none of them is then. */
int look_start(struct futured *c, struct progress *const *members, size_t n);

/* The handle no longer takes part. */
void look_leave(struct progress *progress);

#endif
