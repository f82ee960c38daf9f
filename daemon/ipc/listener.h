/* listener.h - the socket that clients connect to: passed by the service manager, or bound here. */
#ifndef IPC_LISTENER_H
#define IPC_LISTENER_H

#include <stddef.h>
#include <sys/types.h>

#define LISTENER_PASSED_MAX 8

struct event_base;
struct listener;

/* A listening socket before anyone accepts from it. */
struct listener_socket {
	int fd;
	char *path;          /* of the file that we made, to be removed at the end; NULL when it is not ours */
	dev_t dev;           /* which file that was */
	ino_t ino;
};

/*
 * Take over what the service manager passed (LISTEN_FDS, LISTEN_PID; both are unset). Each must be a listening
 * Unix stream socket.
 * Returns how many, 0 when nothing was passed to this process; or a negative errno with text.
 */
int listener_passed(struct listener_socket ret[LISTENER_PASSED_MAX], char text[256]);

/*
 * Bind path, born with mode 0600, and listen. Its directory is made (0700) when missing; it must belong to us or root
 * and be closed to writing by others. What a dead daemon left behind is replaced.
 * Returns 0; -EADDRINUSE when another daemon listens there; or a negative errno. On failure text says what.
 */
int listener_bind(const char *path, struct listener_socket *ret, char text[256]);

/* Close, and remove the file if it is still the one we made. Allowed on a zeroed one with fd -1. */
void listener_socket_done(struct listener_socket *socket);

/* A new connection: non-blocking, close-on-exec, the receiver's to close. */
typedef void (*listener_cb)(void *arg, int fd);

/*
 * Accept from socket, which is taken over on success. A few connections a turn of the loop. Out of file
 * descriptors, it stops for a second and turns one client away. NULL: no memory.
 */
struct listener *listener_new(struct event_base *base, const struct listener_socket *socket, listener_cb accepted,
    void *arg);
/* NULL is allowed; returns NULL. */
struct listener *listener_free(struct listener *listener);

#endif
