/* delivery.c - whether a client has really got the results that it was sent. */
#include "daemon/ipc/delivery.h"

#include "daemon/broker/broker.h"
#include "daemon/ipc/context.h"
#include "daemon/ipc/session.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

/* A client that takes a result and then is silent makes no event. */
#define LOOK_SECONDS 1

struct delivery {
	TAILQ_ENTRY(delivery) link;
	struct id id;
	uint64_t end;                   /* of what it was sent, see conn_sent() */
};

static void look_later(struct ipc *ipc)
{
	static const struct timeval later = { .tv_sec = LOOK_SECONDS };

	if (!event_pending(ipc->look, EV_TIMEOUT, NULL))
		event_add(ipc->look, &later);
}

static void on_look(evutil_socket_t fd, short events, void *arg)
{
	struct ipc *ipc = arg;
	struct session *session;
	bool settled = true;

	LIST_FOREACH(session, &ipc->sessions, link)
		settled = delivery_settle(session) && settled;
	if (!settled)
		look_later(ipc);
}

int delivery_init(struct ipc *ipc)
{
	ipc->look = evtimer_new(ipc->setup.base, on_look, ipc);
	return ipc->look ? 0 : -ENOMEM;
}

void delivery_done(struct ipc *ipc)
{
	event_free(ipc->look);
}

void delivery_expect(struct session *session, const struct id *id)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (!delivery)
		return;
	delivery->id = *id;
	delivery->end = conn_sent(session->conn);
	TAILQ_INSERT_TAIL(&session->deliveries, delivery, link);
	look_later(session->ipc);
}

bool delivery_settle(struct session *session)
{
	struct delivery *delivery = TAILQ_FIRST(&session->deliveries);
	uint64_t taken = delivery ? conn_taken(session->conn) : 0;

	for (; delivery && delivery->end <= taken; delivery = TAILQ_FIRST(&session->deliveries)) {
		broker_delivered(session->ipc->setup.broker, &delivery->id);
		session->ipc->resumed = true;
		TAILQ_REMOVE(&session->deliveries, delivery, link);
		free(delivery);
	}
	return !delivery;
}

void delivery_drop(struct session *session)
{
	struct delivery *delivery;

	while ((delivery = TAILQ_FIRST(&session->deliveries))) {
		TAILQ_REMOVE(&session->deliveries, delivery, link);
		free(delivery);
	}
}
