/* flight.c - HTTP requests on their way, and who waits for them: equal ones are sent once. */
#include "config.h"

#include "daemon/remote/flight.h"
#include "daemon/remote/place.h"

#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* Longer ones are not compared: they are sent alone. */
#define KEY_MAX 65536

struct flight_seat {
	TAILQ_ENTRY(flight_seat) link;
	struct flight *flight;
	bool counts;                   /* the one in whose name it was sent */
	http_data_cb on_data;
	flight_cb done;
	void *arg;
};

struct flight {
	struct poller *poller;
	struct http_transfer *transfer;
	TAILQ_HEAD(, flight_seat) seats;
	char *key;                     /* what is compared, holds secrets; NULL: nobody can join */
	size_t key_len;
	bool listed;
	bool changes;                  /* it may change what the service says to others */
	bool landing;                  /* in on_response */
	uint64_t until_usec;
};

/* --- which requests are equal -------------------------------------------------------------------------------- */

/* Put a text with its NUL at a place of the key; to is NULL to count only. Returns the next place. */
static size_t put(char *to, size_t at, const char *text)
{
	size_t len = strlen(text) + 1;

	if (to)
		memcpy(to + at, text, len);
	return at + len;
}

static size_t write_key(char *to, const struct poller *poller, const struct http_request *http)
{
	char numbers[64];
	size_t at = 0;

	snprintf(numbers, sizeof(numbers), "%" PRIu64 " %d", poller->flight_era, http->http2);
	at = put(to, at, numbers);
	at = put(to, at, http->method);
	at = put(to, at, http->url);
	at = put(to, at, http->unix_socket ? http->unix_socket : "");
	for (size_t i = 0; i < http->n_headers; i++) {
		at = put(to, at, http->headers[i].name);
		at = put(to, at, http->headers[i].value);
	}
	return at;
}

static int compare(const void *a, const void *b)
{
	const struct flight *one = a, *other = b;

	if (one->key_len != other->key_len)
		return one->key_len < other->key_len ? -1 : 1;
	return memcmp(one->key, other->key, one->key_len);
}

/* Nobody can join it from now on. */
static void flight_close(struct flight *flight)
{
	if (flight->listed)
		tdelete(flight, &flight->poller->flights, compare);
	flight->listed = false;
	if (flight->key)
		explicit_bzero(flight->key, flight->key_len);
	free(flight->key);
	flight->key = NULL;
}

static struct flight *flight_free(struct flight *flight)
{
	if (!flight)
		return NULL;
	flight_close(flight);
	http_abort(flight->transfer);
	free(flight);
	return NULL;
}

/* --- on its way ------------------------------------------------------------------------------------------------ */

static int on_data(void *arg, const struct http_response *head, const void *data, size_t len)
{
	const struct flight_seat *seat = TAILQ_FIRST(&((struct flight *)arg)->seats);

	return seat->on_data(seat->arg, head, data, len);
}

/* Callbacks may leave other seats, and start equal requests, which are sent anew. */
static void on_response(void *arg, const struct http_response *response)
{
	struct flight *flight = arg;
	struct flight_seat *seat;

	flight_close(flight);
	flight->landing = true;
	/* Who is told of it must not be answered by what was asked before. */
	if (flight->changes)
		flight->poller->flight_era++;
	while ((seat = TAILQ_FIRST(&flight->seats))) {
		const struct flight_seat told = *seat;

		TAILQ_REMOVE(&flight->seats, seat, link);
		free(seat);
		told.done(told.arg, response, !told.counts);
	}
	flight_free(flight);
}

/* NULL: no memory. */
static struct flight *flight_new(struct poller *poller, const struct flight_order *order)
{
	const char *method = order->http->method;
	struct flight *flight = calloc(1, sizeof(*flight));
	size_t len = order->joins ? write_key(NULL, poller, order->http) : 0;

	if (!flight)
		return NULL;
	TAILQ_INIT(&flight->seats);
	flight->poller = poller;
	flight->changes = strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
	flight->until_usec = order->until_usec;
	/* Without memory for the key it is sent alone. */
	if (len > 0 && len <= KEY_MAX && (flight->key = malloc(len)))
		flight->key_len = write_key(flight->key, poller, order->http);
	return flight;
}

static int flight_send(struct flight *flight, const struct flight_order *order, struct error *error)
{
	struct http *http = flight->poller->http;
	int r;

	if (order->on_data)
		r = http_start_stream(http, order->http, on_data, on_response, flight, &flight->transfer, error);
	else
		r = http_start(http, order->http, on_response, flight, &flight->transfer, error);
	if (r == 0 && flight->key)
		flight->listed = tsearch(flight, &flight->poller->flights, compare) != NULL;
	return r;
}

/* The equal one that is on its way, or NULL. *ret_taken: there is one, but it may last too long. */
static struct flight *find(const struct flight *flight, bool *ret_taken)
{
	struct flight **found = flight->key ? tfind(flight, &flight->poller->flights, compare) : NULL;

	*ret_taken = found && (*found)->until_usec > flight->until_usec;
	return found && !*ret_taken ? *found : NULL;
}

int flight_join(struct poller *poller, const struct flight_order *order, flight_cb done, void *arg,
    struct flight_seat **ret, struct error *error)
{
	struct flight_seat *seat = calloc(1, sizeof(*seat));
	struct flight *flight = flight_new(poller, order), *other;
	bool taken;
	int r;

	if (!seat || !flight) {
		free(seat);
		flight_free(flight);
		return place_no_memory(error);
	}
	other = find(flight, &taken);
	if (taken)
		flight_close(flight);
	if (other) {
		flight_free(flight);
		flight = other;
	} else {
		r = flight_send(flight, order, error);
		if (r < 0) {
			flight_free(flight);
			free(seat);
			return r;
		}
	}
	*seat = (struct flight_seat){
		.flight = flight, .counts = !other, .on_data = order->on_data, .done = done, .arg = arg,
	};
	TAILQ_INSERT_TAIL(&flight->seats, seat, link);
	*ret = seat;
	return 0;
}

struct flight_seat *flight_leave(struct flight_seat *seat)
{
	struct flight_seat *heir;
	struct flight *flight;

	if (!seat)
		return NULL;
	flight = seat->flight;
	TAILQ_REMOVE(&flight->seats, seat, link);
	heir = TAILQ_FIRST(&flight->seats);
	if (heir && seat->counts)
		heir->counts = true;
	free(seat);
	if (!heir && !flight->landing)
		flight_free(flight);
	return NULL;
}
