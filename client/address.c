/* address.c - where the daemon's socket is, and whether the right one listens there. */
#include "config.h"

#include "client/address.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ADDRESS_MACHINE "/run/futured/futured.sock"

/* Whether the directory that path is in belongs to uid. */
static bool address_directory_belongs(const char *path, uid_t uid)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct stat st;
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return stat(*directory ? directory : "/", &st) == 0 && st.st_uid == uid;
}

/* Whoever can put a socket where we look could otherwise read what we create. */
static int address_check_peer(int fd, const char *path)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	if (peer.uid == 0 || peer.uid == geteuid())
		return 0;
	return address_directory_belongs(path, peer.uid) ? 0 : -EPERM;
}

int address_connect(const char *path, bool explicit_path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	r = connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	if (r == 0 && !explicit_path)
		r = address_check_peer(fd, path);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

/* Try one place; keep its name when that is where the daemon is. */
static int address_try(const char *path, bool explicit_path, char **ret_path)
{
	char *copy;
	int fd;

	fd = address_connect(path, explicit_path);
	if (fd < 0 && fd != -EAGAIN)
		return fd;
	copy = strdup(path);
	if (!copy) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	*ret_path = copy;
	return fd;
}

/* Where a daemon of a user without a runtime directory listens. Anybody may make that directory: it must be ours. */
static int address_try_fallback(char **ret_path)
{
	const char *tmp = secure_getenv("TMPDIR");
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/futured-%lu/futured.sock", tmp && *tmp == '/' ? tmp : "/tmp",
	    (unsigned long)geteuid());
	return address_directory_belongs(path, geteuid()) ? address_try(path, false, ret_path) : -ENOENT;
}

int address_find(const char *path, char **ret_path, bool *ret_explicit)
{
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	char user[PATH_MAX];
	int fd, other;

	*ret_explicit = true;
	if (!path)
		path = secure_getenv("FUTURED_SOCKET");
	if (path && *path)
		return address_try(path, true, ret_path);

	*ret_explicit = false;
	if (runtime && *runtime == '/')
		snprintf(user, sizeof(user), "%s/futured/futured.sock", runtime);
	else
		snprintf(user, sizeof(user), "/run/user/%lu/futured/futured.sock", (unsigned long)geteuid());
	fd = address_try(user, false, ret_path);
	if (fd == -ENOENT && !runtime)
		fd = address_try_fallback(ret_path);
	if (fd >= 0 || fd == -EAGAIN)
		return fd;
	other = address_try(ADDRESS_MACHINE, false, ret_path);
	return other == -ENOENT ? fd : other;
}
