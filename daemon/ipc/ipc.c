/* ipc.c - the Unix-socket side of the daemon, as its owner sees it. */
#include "daemon/ipc/ipc.h"

#include "daemon/ipc/context.h"
#include "daemon/ipc/delivery.h"
#include "daemon/ipc/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void format_name(const uint8_t bytes[16], char ret[CONTEXT_NAME_LEN + 1])
{
	for (size_t i = 0; i < 16; i++)
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

struct ipc *ipc_new(const struct ipc_setup *setup)
{
	struct ipc *ipc = calloc(1, sizeof(*ipc));
	struct timespec now;

	if (!ipc)
		return NULL;
	LIST_INIT(&ipc->sessions);
	ipc->setup = *setup;
	format_name(setup->epoch, ipc->epoch);
	format_name(setup->boot_id, ipc->boot_id);
	ipc->setup.epoch = ipc->setup.boot_id = NULL;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ipc->started_usec = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	if (delivery_init(ipc) < 0) {
		free(ipc);
		return NULL;
	}
	if (conns_init(&ipc->conns, setup->base) < 0) {
		delivery_done(ipc);
		free(ipc);
		return NULL;
	}
	return ipc;
}

static void stop_listening(struct ipc *ipc)
{
	while (ipc->n_listeners > 0)
		listener_free(ipc->listeners[--ipc->n_listeners]);
}

struct ipc *ipc_free(struct ipc *ipc)
{
	if (!ipc)
		return NULL;
	stop_listening(ipc);
	conns_done(&ipc->conns);
	delivery_done(ipc);
	free(ipc);
	return NULL;
}

void ipc_configure(struct ipc *ipc, const struct ipc_config *config)
{
	ipc->setup.config = *config;
}

static void on_accepted(void *arg, int fd)
{
	session_open(arg, fd);
}

int ipc_listen(struct ipc *ipc, const struct listener_socket *sock)
{
	struct listener *listener;

	if (ipc->n_listeners == LISTENER_PASSED_MAX)
		return -E2BIG;
	listener = listener_new(ipc->setup.base, sock, on_accepted, ipc);
	if (!listener)
		return -ENOMEM;
	ipc->listeners[ipc->n_listeners++] = listener;
	return 0;
}

bool ipc_turn(struct ipc *ipc)
{
	ipc->resumed = false;
	conns_turn(&ipc->conns);
	return ipc->resumed;
}

void ipc_stop(struct ipc *ipc)
{
	struct session *session;

	ipc->stopping = true;
	stop_listening(ipc);
	LIST_FOREACH(session, &ipc->sessions, link)
		session_stop(session);
}

bool ipc_idle(const struct ipc *ipc)
{
	return ipc->n_calls == 0 && conns_flushed(&ipc->conns);
}
