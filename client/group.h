/* group.h - several handles, in order. */
#ifndef CLIENT_GROUP_H
#define CLIENT_GROUP_H

#include "client/conn.h"

#define GROUP_FLAGS (FUTURED_GROUP_SINGLE | FUTURED_NO_RESULT)

struct futured_group {
	unsigned refs;
	struct futured *conn;        /* NULL when that is gone */
	TAILQ_ENTRY(futured_group) entry;   /* in conn->groups */
	unsigned flags;
	futured_future **futures;    /* referenced */
	size_t n;
	size_t room;
	void *by_id;                 /* a tree of their ids, so that an id given twice has one handle */
};

/* The connection object goes away. */
void group_detach_all(struct futured *c);

#endif
