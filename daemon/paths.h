/* paths.h - where the socket, the state and the configuration are by default. */
#ifndef DAEMON_PATHS_H
#define DAEMON_PATHS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define PATHS_PROFILE_DIRS_MAX 16

/*
 * Per user: the XDG directories. For the machine (running as root, and neither $XDG_RUNTIME_DIR nor
 * $XDG_STATE_HOME is set): /run, /var/lib, /etc. An empty text means that there is no such place.
 */
struct paths {
	bool machine;                   /* those of the machine: the daemon serves all users */
	char socket[PATH_MAX];
	char state[PATH_MAX];
	char config[PATH_MAX];
	char credentials[PATH_MAX];     /* the user's own; empty for the machine */
	char profiles_user[PATH_MAX];
	char profiles_system[PATH_MAX];
	char profiles_installed[PATH_MAX];
};

/*
 * Fill *ret. Values that the command line gives are not asked for: NULL means "not given". Without a runtime
 * directory the socket is in $TMPDIR/futured-UID, which must be ours and private if it is there. Makes nothing.
 * Returns 0, or a negative errno with text saying what is missing and which option helps.
 */
int paths_find(const char *socket, const char *state, const char *config, struct paths *ret, char text[256]);

/* Make dir (0700) and its parents where missing, and check that it is ours and that nobody else can write to it.
 * Returns 0, or a negative errno with text. */
int paths_prepare_state(const char *dir, char text[256]);

#endif
