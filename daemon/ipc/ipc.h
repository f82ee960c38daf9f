/* ipc.h - the Unix-socket side of the daemon, as its owner sees it. */
#ifndef IPC_IPC_H
#define IPC_IPC_H

#include "daemon/broker/broker.h"
#include "daemon/ipc/listener.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct ipc;

struct ipc_config {
	size_t connections, connections_per_uid;
	size_t calls_per_connection;
	uint64_t futures_per_uid;       /* only to be announced */
	size_t result_max;              /* bytes of what a promise is kept with; also of all that a user has unfinished */
};

/* What is checked or tried; absent slices where nothing was given. */
struct ipc_profile_source {
	struct slice profile;           /* a name; or */
	struct slice text;              /* of a profile or spec */
	struct slice params;            /* JSON object */
};

/* The profiles that the daemon knows, and those that are being written. They read files; none waits for anything. */
typedef void (*ipc_profile_cb)(void *arg, const char *name, const char *path, const char *help);
/* report is JSON text, borrowed for the call; NULL: error says why there is none. */
typedef void (*ipc_report_cb)(void *arg, const char *report, const struct error *error);
struct ipc_profiles {
	void *self;
	/* Call each for every profile; help may be NULL or empty. 0 or -ENOMEM. */
	int (*each)(void *self, ipc_profile_cb each, void *arg);
	/* The text and the path of one, borrowed until the next call. ERROR_NOT_FOUND. */
	int (*text)(void *self, const char *name, const char **ret_text, const char **ret_path, struct error *error);
	/* What is wrong with one, as JSON text that the caller frees. */
	int (*check)(void *self, const struct ipc_profile_source *source, char **ret_report, struct error *error);
	/* Send one poll. done is called once, never from within, unless the trial is aborted before. */
	int (*try)(void *self, const struct ipc_profile_source *source, ipc_report_cb done, void *arg, void **ret_trial,
	    struct error *error);
	void (*abort)(void *self, void *trial);
};

/* Everything is borrowed and outlives the ipc, but for config and names, which are copied. */
struct ipc_setup {
	struct event_base *base;
	struct broker *broker;
	struct ipc_profiles profiles;
	void (*store_stats)(void *store, struct store_stats *ret);
	void *store;
	struct ipc_config config;
	const uint8_t *epoch;           /* 16 bytes: names the database */
	const uint8_t *boot_id;         /* 16 bytes: names this run of the daemon */
};

/* NULL: no memory. */
struct ipc *ipc_new(const struct ipc_setup *setup);
/* Closes all connections and listeners. NULL is allowed; returns NULL. */
struct ipc *ipc_free(struct ipc *ipc);

void ipc_configure(struct ipc *ipc, const struct ipc_config *config);

/* Accept from socket, which is taken over on success. 0, -ENOMEM, or -E2BIG for too many. */
int ipc_listen(struct ipc *ipc, const struct listener_socket *socket);

/* To be called at the end of every turn of the loop, after broker_run(): writes what gathered and frees what was
 * closed. Returns whether it gave the broker more to do: then another turn should follow at once. */
bool ipc_turn(struct ipc *ipc);

/* Accept nobody any more; answer waiting calls and all new ones with ShuttingDown. Calls that wait for a commit are
 * still answered. Subscriptions end. */
void ipc_stop(struct ipc *ipc);

/* After ipc_stop: whether every call is answered and every answer has left. */
bool ipc_idle(const struct ipc *ipc);

#endif
