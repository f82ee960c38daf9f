/* wait.h - waits for several futures: the inside that the rest of this folder needs (see broker.h). */
#ifndef BROKER_WAIT_H
#define BROKER_WAIT_H

#include <stdint.h>

struct broker;
struct future;

/* The future is over, durably: those whose condition holds now become ready. */
void wait_ended(struct future *future);

/* Free all waits without calling anyone back. */
void wait_drop_all(struct broker *broker);

/* End the waits whose time is over, then call back all that are ready. Returns how many. */
int wait_run(struct broker *broker, uint64_t now_usec);

#endif
