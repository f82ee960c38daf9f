/* wait.h - the functions that block. */
#ifndef CLIENT_WAIT_H
#define CLIENT_WAIT_H

#include "client/future.h"

/* futured_wait(), with handles of c or, where that is NULL, of whichever connection the first has. */
int wait_for(const struct futured *c, futured_future *const *futures, size_t n, enum futured_wait_mode mode,
    uint64_t timeout_usec);

#endif
