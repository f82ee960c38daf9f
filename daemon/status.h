/* status.h - keeps the service manager informed: a line of status, and signs of life. */
#ifndef DAEMON_STATUS_H
#define DAEMON_STATUS_H

#include <stdint.h>

struct broker;
struct event_base;
struct status;
struct store;

/* Signs of life begin at once if the service manager wants them, and are given only while the store answers.
 * NULL: no memory. */
struct status *status_new(struct event_base *base, const struct broker *broker, struct store *store);
/* NULL is allowed; returns NULL. */
struct status *status_free(struct status *status);

/*
 * Send the line if it changed, at most once a second. To be called once a turn of the loop.
 * Returns the monotonic time at which it wants to be called again; UINT64_MAX: whenever there is a turn.
 */
uint64_t status_turn(struct status *status, uint64_t now_usec);

#endif
