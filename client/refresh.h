/* refresh.h - asks for the states of many handles at once, without waiting for any future. */
#ifndef CLIENT_REFRESH_H
#define CLIENT_REFRESH_H

#include "client/conn.h"

/* Ask the daemon for the states of those of the n futures that are not done, in as few requests as its limit of ids
 * allows, and drive c until all are answered and those that are over are done. 1; 0 timed out; -ENOMEM, -ENOBUFS, the
 * daemon's error, and as conn_drive(). */
int refresh_states(struct futured *c, futured_future *const *futures, size_t n, uint64_t timeout_usec);

#endif
