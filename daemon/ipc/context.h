/* context.h - what every session and handler can reach. */
#ifndef IPC_CONTEXT_H
#define IPC_CONTEXT_H

#include "daemon/ipc/conn.h"
#include "daemon/ipc/ipc.h"

#include <time.h>

#define CONTEXT_NAME_LEN 32     /* 16 bytes in hexadecimal */

struct event;
struct session;
LIST_HEAD(session_list, session);

struct ipc {
	struct ipc_setup setup;
	char epoch[CONTEXT_NAME_LEN + 1], boot_id[CONTEXT_NAME_LEN + 1];
	uint64_t started_usec;                  /* monotonic */
	struct conns conns;
	struct session_list sessions;
	size_t n_sessions, n_calls;
	struct listener *listeners[LISTENER_PASSED_MAX];
	size_t n_listeners;
	struct event *look;                     /* for what clients have taken, see delivery.h */
	bool stopping;
	bool resumed;                           /* in this turn, something that was held back went on */
	time_t turned_away_at;                  /* when it was last logged; a flood must not fill the log */
};

#endif
