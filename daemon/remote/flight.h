/* flight.h - HTTP requests on their way, and who waits for them: equal ones are sent once. */
#ifndef REMOTE_FLIGHT_H
#define REMOTE_FLIGHT_H

#include "daemon/remote/http.h"
#include "daemon/remote/poller_core.h"

#include <stdbool.h>
#include <stdint.h>

/* One who waits for a response. */
struct flight_seat;

/* Borrowed for the call. */
struct flight_order {
	const struct http_request *http;
	bool joins;                    /* an equal request that is on its way may answer it: has no side effects, no body */
	uint64_t until_usec;           /* monotonic: it joins only what ends by then */
	http_data_cb on_data;          /* for a stream; NULL: an ordinary exchange */
};

/* shared: the request is another seat's, which counts it. */
typedef void (*flight_cb)(void *arg, const struct http_response *response, bool shared);

/*
 * Send it, or wait for an equal one: the same bytes from here, the credential included, and nothing that may have
 * changed what a service says was answered since that one was sent. Never calls back from within itself; done is
 * called once unless the seat is left. Errors are those of http_start().
 */
int flight_join(struct poller *poller, const struct flight_order *order, flight_cb done, void *arg,
    struct flight_seat **ret, struct error *error);

/* done will not be called. The request goes on for others that wait for it, and one of them counts it. NULL is
 * allowed; returns NULL. After done the pointer is dead. */
struct flight_seat *flight_leave(struct flight_seat *seat);

#endif
