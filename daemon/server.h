/* server.h - the daemon as a whole: owns every part, runs the loop, stops in order. */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

#include "daemon/paths.h"

#include <stdbool.h>
#include <stddef.h>

/* How the process ends. */
enum server_exit {
	SERVER_STOPPED = 0,
	SERVER_FAILED = 1,       /* could not start */
	SERVER_USAGE = 2,        /* the command line, or the configuration */
	SERVER_TAKEN = 3,        /* another daemon has the state directory or the socket */
	SERVER_STORE_LOST = 4    /* the store failed while running: start again, it recovers what is durable */
};

struct server_options {
	struct paths paths;
	const char *profile_dirs[PATHS_PROFILE_DIRS_MAX];  /* searched before those of paths */
	size_t n_profile_dirs;
	bool config_given;       /* then the file must be there */
};

/* Start, serve until SIGTERM or SIGINT, stop. Blocks. options outlives it. */
enum server_exit server_run(const struct server_options *options);

#endif
