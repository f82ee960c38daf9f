/* status.c - keeps the service manager informed: a line of status, and signs of life. */
#include "daemon/status.h"

#include "daemon/broker/broker.h"
#include "daemon/log.h"
#include "daemon/notify.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000)

struct status {
	const struct broker *broker;
	struct store *store;
	struct event *watchdog;
	uint64_t operations;         /* of the store when it last gave a sign of life */
	bool stuck;
	uint64_t sent_usec;
	char sent[160];              /* the line the service manager has */
};

/* A store with work that finishes none of it is stuck, in an fsync perhaps: then silence is what makes the service
 * manager start us anew. One that waits for room on a full disk is not: a new start would not help it. */
static void on_watchdog(evutil_socket_t fd, short events, void *arg)
{
	struct status *status = arg;
	struct store_stats stats;

	store_stats(status->store, &stats);
	if (stats.queued == 0 || stats.operations != status->operations || stats.disk_full) {
		notify_send("WATCHDOG=1");
		status->stuck = false;
	} else if (!status->stuck) {
		log_warning("store: %" PRIu32 " operations queued, none finished lately", stats.queued);
		status->stuck = true;
	}
	status->operations = stats.operations;
}

static int start_watchdog(struct status *status, struct event_base *base)
{
	uint64_t half = notify_watchdog_usec() / 2;
	struct timeval interval = { .tv_sec = (time_t)(half / SECOND), .tv_usec = (suseconds_t)(half % SECOND) };

	if (half == 0)
		return 0;
	status->watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, status);
	return status->watchdog ? event_add(status->watchdog, &interval) : -1;
}

struct status *status_new(struct event_base *base, const struct broker *broker, struct store *store)
{
	struct status *status = calloc(1, sizeof(*status));

	if (!status)
		return NULL;
	status->broker = broker;
	status->store = store;
	if (start_watchdog(status, base) < 0)
		return status_free(status);
	return status;
}

struct status *status_free(struct status *status)
{
	if (!status)
		return NULL;
	if (status->watchdog)
		event_free(status->watchdog);
	free(status);
	return NULL;
}

static void format_line(const struct broker *broker, char *line, size_t size)
{
	struct broker_stats stats;
	int len;

	broker_stats(broker, &stats);
	len = snprintf(line, size, "%" PRIu64 " pending, %" PRIu64 " running, %u in flight",
	    stats.futures[STORE_PENDING], stats.futures[STORE_RUNNING], stats.in_flight);
	/* With nothing live, what is due next is no request. */
	if (stats.futures[STORE_PENDING] + stats.futures[STORE_RUNNING] > 0 && stats.next_due_in_usec != UINT64_MAX)
		snprintf(line + len, size - (size_t)len, ", next request in %" PRIu64 " s",
		    (stats.next_due_in_usec + SECOND - 1) / SECOND);
}

uint64_t status_turn(struct status *status, uint64_t now_usec)
{
	char line[sizeof(status->sent)];

	if (!notify_wanted())
		return UINT64_MAX;
	if (status->sent_usec != 0 && now_usec - status->sent_usec < SECOND)
		return status->sent_usec + SECOND;
	format_line(status->broker, line, sizeof(line));
	if (strcmp(line, status->sent) == 0)
		return UINT64_MAX;
	strcpy(status->sent, line);
	status->sent_usec = now_usec;
	notify_send("STATUS=%s", line);
	return UINT64_MAX;
}
