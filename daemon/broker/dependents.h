/* dependents.h - who waits for a future: found from it when it ends or is forgotten. */
#ifndef BROKER_DEPENDENTS_H
#define BROKER_DEPENDENTS_H

#include "daemon/broker/future.h"

/*
 * One future waits for another. It stays linked also when that one is over, until the wait itself is over: a future
 * that is waited for is not forgotten because its time is over, unless those who wait may only read it.
 */
struct dependency {
	struct future *waiting;
	struct future *on;              /* NULL: forgotten, or never there */
	struct dependency *next, *prev; /* of the same on */
	bool over;
	bool keeps;                     /* waiting is of somebody who may change on */
};

/* Link a future that is listed to all that its record names, and note what is over already. 0 or -ENOMEM. */
int dependents_link(struct future *waiting);
/* It waits no more. Also when it never was linked. */
void dependents_unlink(struct future *waiting);

/* Does one future wait for another one, itself or through others? on may be NULL; a future leads to itself. Those that
 * were met since broker->naming was counted up are not looked at again: they did not. */
bool dependents_lead_to(struct future *on, const struct future *to);

/* The future is over, durably, or goes out of every table: who waits for it looks at it in the next turn. */
void dependents_ended(struct future *future);
void dependents_gone(struct future *future);

#endif
