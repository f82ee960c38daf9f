/* call.h - calls whose answer is handed on as JSON. */
#ifndef CLIENT_CALL_H
#define CLIENT_CALL_H

#include "client/conn.h"

/* What is asked, and who hears of the answer before the caller does. */
struct call {
	const char *method;
	/* Write the params, one map. 0 or a negative errno. */
	int (*add)(struct pack *pack, const void *arg);
	const void *arg;
	/* With f, which has no call of this kind unanswered: given the answer once, NULL when there is none, unless f is
	 * released before; also when the caller has forgotten its reply. 0, or -EBADMSG, which ends the connection. */
	int (*take)(futured_future *f, const msgpack_object *result);
	futured_future *f;
	unsigned flags;                  /* REQUEST_BOUND, where the method itself does not say enough */
	futured_reply *before;           /* if that fails, so does this, for the same reason; borrowed, kept as long as needed */
};

/* Make a call. cb, userdata and ret as of futured_call(). 0, what add said, and as futured_call(). */
int call_start(struct futured *c, const struct call *call, futured_reply_cb cb, void *userdata, futured_reply **ret);

/* Whether something can be asked of f: 0, -ENOTCONN, or -EAGAIN while its id is not known. */
int call_check_future(const futured_future *f);

/* The handle that would be given the answer is released. */
void call_leave(futured_reply *reply);

/* The connection is closed for good; or its object goes away. */
void call_end_all(struct futured *c, int error);
void call_detach_all(struct futured *c);

#endif
