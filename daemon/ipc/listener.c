/* listener.c - the socket that clients connect to: passed by the service manager, or bound here. */
#include "config.h"

#include "daemon/ipc/listener.h"

#include "daemon/log.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PASSED_FIRST 3          /* the first descriptor that the service manager passes */
#define ACCEPTS_PER_TURN 64
#define PAUSE_SECONDS 1

struct listener {
	struct listener_socket socket;
	struct event *readable;
	struct event *resume;        /* ends a pause */
	int reserve;                 /* a descriptor kept to be given up when there are no others; -1: spent */
	listener_cb accepted;
	void *arg;
};

__attribute__((format(printf, 3, 4)))
static int fail(int r, char text[256], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(text, 256, format, args);
	va_end(args);
	return r;
}

/* --- sockets passed by the service manager ----------------------------------------------------------- */

static int socket_option(int fd, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -errno : value;
}

/* Refuse anything but a listening Unix stream socket, whoever passed it. */
static int check_passed(int fd, char text[256])
{
	int domain = socket_option(fd, SO_DOMAIN), type = socket_option(fd, SO_TYPE);

	if (domain < 0)
		return fail(domain, text, "passed descriptor %d: %s", fd, strerror(-domain));
	if (domain != AF_UNIX || type != SOCK_STREAM)
		return fail(-EPROTOTYPE, text, "passed descriptor %d is not a Unix stream socket", fd);
	if (socket_option(fd, SO_ACCEPTCONN) != 1)
		return fail(-EINVAL, text, "passed descriptor %d does not listen (Accept=yes is not supported)", fd);
	return 0;
}

int listener_passed(struct listener_socket ret[LISTENER_PASSED_MAX], char text[256])
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	long count;

	if (!pid || !fds || strtol(pid, NULL, 10) != (long)getpid())
		return 0;
	count = strtol(fds, NULL, 10);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (count < 0 || count > LISTENER_PASSED_MAX)
		return fail(-E2BIG, text, "%ld sockets were passed, at most %d can be used", count,
		    LISTENER_PASSED_MAX);
	for (int i = 0; i < (int)count; i++) {
		int fd = PASSED_FIRST + i, r = check_passed(fd, text);

		if (r < 0)
			return r;
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
			return fail(-errno, text, "passed descriptor %d: %s", fd, strerror(errno));
		ret[i] = (struct listener_socket){ .fd = fd };
	}
	return (int)count;
}

/* --- binding --------------------------------------------------------------------------------------- */

/* Whoever may remove our socket from the directory may put one of his own in its place. The lock keeps two daemons that start
 * together from both removing the other's socket. */
static int open_directory(const char *path, int *ret_fd, char text[256])
{
	const char *slash = strrchr(path, '/');
	char dir[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct stat st;
	int fd, r;

	if (slash)
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash == path ? 1 : slash - path), path);
	else
		snprintf(dir, sizeof(dir), ".");
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fail(-errno, text, "%s: %s", dir, strerror(errno));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail(-errno, text, "%s: %s", dir, strerror(errno));
	if (fstat(fd, &st) < 0)
		r = fail(-errno, text, "%s: %s", dir, strerror(errno));
	else if (st.st_uid != geteuid() && st.st_uid != 0)
		r = fail(-EPERM, text, "%s belongs to uid %u, neither to us nor to root", dir, (unsigned)st.st_uid);
	else if ((st.st_mode & 0022) && !(st.st_mode & S_ISVTX))
		r = fail(-EPERM, text, "%s: others may write to it (mode %04o)", dir, (unsigned)st.st_mode & 07777);
	else if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		r = fail(-EADDRINUSE, text, "%s: another daemon is starting there", dir);
	else
		r = 0;
	if (r < 0)
		close(fd);
	else
		*ret_fd = fd;
	return r;
}

/* Remove the socket of a daemon that is gone. Nothing else is ever removed: not another kind of file, and not a
 * socket that someone answers. */
static int remove_stale(const struct sockaddr_un *address, char text[256])
{
	const char *path = address->sun_path;
	struct stat st;
	int fd, r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : fail(-errno, text, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return fail(-EEXIST, text, "%s is there and is not a socket", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(-errno, text, "socket: %s", strerror(errno));
	/* EAGAIN is a full backlog: somebody owns it. */
	r = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	close(fd);
	if (r == 0 || r == -EAGAIN || r == -EINPROGRESS)
		return fail(-EADDRINUSE, text, "another daemon listens on %s", path);
	if (r != -ECONNREFUSED)
		return fail(r, text, "%s: %s", path, strerror(-r));
	if (unlink(path) < 0)
		return fail(-errno, text, "%s: %s", path, strerror(errno));
	return 0;
}

/* The socket file (mode 0600) must never exist with wider rights, not even for a moment: hence umask, not chmod. */
static int bind_closed(int fd, const struct sockaddr_un *address)
{
	mode_t old = umask(0177);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;

	umask(old);
	return r;
}

int listener_bind(const char *path, struct listener_socket *ret, char text[256])
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct listener_socket made = { .fd = -1 };
	struct stat st;
	int directory = -1, r;

	if (path[0] == '\0' || strlen(path) >= sizeof(address.sun_path))
		return fail(-ENAMETOOLONG, text, "the socket's path has %zu bytes (1 to %zu): %.100s", strlen(path),
		    sizeof(address.sun_path) - 1, path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	r = open_directory(path, &directory, text);
	if (r < 0)
		return r;
	r = remove_stale(&address, text);
	if (r < 0)
		goto out;
	made.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (made.fd < 0) {
		r = fail(-errno, text, "socket: %s", strerror(errno));
		goto out;
	}
	r = bind_closed(made.fd, &address);
	if (r < 0) {
		fail(r, text, "bind %s: %s", path, strerror(-r));
		goto out;
	}
	made.path = strdup(path);
	if (!made.path || lstat(path, &st) < 0 || listen(made.fd, SOMAXCONN) < 0) {
		r = fail(made.path ? -errno : -ENOMEM, text, "listen on %s: %s", path, strerror(errno));
		unlink(path);
		goto out;
	}
	made.dev = st.st_dev;
	made.ino = st.st_ino;
	*ret = made;
	made = (struct listener_socket){ .fd = -1 };
out:
	if (made.fd >= 0)
		close(made.fd);
	free(made.path);
	close(directory);
	return r;
}

void listener_socket_done(struct listener_socket *sock)
{
	struct stat st;

	if (sock->path && lstat(sock->path, &st) == 0 && st.st_dev == sock->dev && st.st_ino == sock->ino)
		unlink(sock->path);
	free(sock->path);
	if (sock->fd >= 0)
		close(sock->fd);
	*sock = (struct listener_socket){ .fd = -1 };
}

/* --- accepting --------------------------------------------------------------------------------------- */

static int open_reserve(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static bool out_of_descriptors(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* A connection that stays in the backlog would make the socket readable for ever, and the loop spin: stop listening for
 * a while, and let the first in the queue know at once by closing on it. */
static void pause_accepting(struct listener *listener, int error)
{
	struct timeval pause = { .tv_sec = PAUSE_SECONDS };
	int fd;

	log_warning("listener: %s: no new connections for %d s", strerror(error), PAUSE_SECONDS);
	if (listener->reserve >= 0) {
		close(listener->reserve);
		fd = accept4(listener->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			close(fd);
		listener->reserve = open_reserve();
	}
	event_del(listener->readable);
	event_add(listener->resume, &pause);
}

static void on_resume(evutil_socket_t fd, short events, void *arg)
{
	struct listener *listener = arg;

	if (listener->reserve < 0)
		listener->reserve = open_reserve();
	event_add(listener->readable, NULL);
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
	struct listener *listener = arg;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client >= 0) {
			listener->accepted(listener->arg, client);
			continue;
		}
		if (out_of_descriptors(errno))
			pause_accepting(listener, errno);
		else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			log_warning("listener: accept: %s", strerror(errno));
		return;
	}
}

struct listener *listener_new(struct event_base *base, const struct listener_socket *sock, listener_cb accepted,
    void *arg)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	listener->socket.fd = -1;
	listener->reserve = open_reserve();
	listener->accepted = accepted;
	listener->arg = arg;
	listener->readable = event_new(base, sock->fd, EV_READ | EV_PERSIST, on_readable, listener);
	listener->resume = evtimer_new(base, on_resume, listener);
	if (!listener->readable || !listener->resume || event_add(listener->readable, NULL) < 0)
		return listener_free(listener);
	listener->socket = *sock;
	return listener;
}

struct listener *listener_free(struct listener *listener)
{
	if (!listener)
		return NULL;
	if (listener->readable)
		event_free(listener->readable);
	if (listener->resume)
		event_free(listener->resume);
	if (listener->reserve >= 0)
		close(listener->reserve);
	listener_socket_done(&listener->socket);
	free(listener);
	return NULL;
}
