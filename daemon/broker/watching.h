/* watching.h - listens to the stream of events in which a service says that it is time to look. */
#ifndef BROKER_WATCHING_H
#define BROKER_WATCHING_H

#include "daemon/broker/future.h"

/*
 * Polling carries on beside it on its own ladder: a stream that is silent, lies or closes only costs its help. One
 * that closed, or could not be opened, is opened again no sooner than the retry ladder says.
 */

/* A poll came out pending: open the stream, if there is one that is not open, and its time has come. */
void watching_open(struct future *future);

/* Stop listening. */
void watching_close(struct future *future);

#endif
