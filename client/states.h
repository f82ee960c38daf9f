/* states.h - one request for the states of many futures, as they are now. */
#ifndef CLIENT_STATES_H
#define CLIENT_STATES_H

#include "client/conn.h"
#include "proto/id.h"

/* Ask for the states of n futures, at most c->wait_ids_max, without waiting. The daemon refuses all with -ENOENT when it
 * does not know one. 0; -ENOMEM, -ENOBUFS. */
int states_ask(struct futured *c, struct id *ids, size_t n, int (*on_answer)(void *owner, const struct answer *answer),
    void *owner, struct request **ret);

/* What came for n futures, for states_at(): borrowed from answer. 0; the answer's error, -EBADMSG. */
int states_read(const struct answer *answer, size_t n, const msgpack_object **ret);

/* The enum futured_state of number i; a negative number for one that is forgotten. */
int states_at(const msgpack_object *states, size_t i);

#endif
