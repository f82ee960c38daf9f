/* paths.c - where the socket, the state and the configuration are by default. */
#include "daemon/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((format(printf, 3, 4)))
static int fail(int r, char text[256], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(text, 256, format, args);
	va_end(args);
	return r;
}

/* Write a path; too long a one is an error, never a shorter path. */
__attribute__((format(printf, 3, 4)))
static int put(char ret[PATH_MAX], char text[256], const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(ret, PATH_MAX, format, args);
	va_end(args);
	if (len < 0 || len >= PATH_MAX)
		return fail(-ENAMETOOLONG, text, "a path is longer than %d bytes", PATH_MAX - 1);
	return 0;
}

/* XDG directories count only when absolute. */
static const char *absolute_env(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] == '/' ? value : NULL;
}

/* $variable/futured, or $HOME/fallback/futured. */
static int put_xdg(char ret[PATH_MAX], char text[256], const char *variable, const char *fallback,
    const char *leaf)
{
	const char *base = absolute_env(variable), *home = absolute_env("HOME");

	if (base)
		return put(ret, text, "%s/futured%s", base, leaf);
	if (home)
		return put(ret, text, "%s/%s/futured%s", home, fallback, leaf);
	return -ENOENT;
}

/* A directory, no link, ours, and closed to everybody else. */
static int check_private(const char *dir, char text[256])
{
	struct stat st;
	int fd, r = 0;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail(-errno, text, "%s: %s", dir, strerror(errno));
	if (fstat(fd, &st) < 0)
		r = fail(-errno, text, "%s: %s", dir, strerror(errno));
	else if (st.st_uid != geteuid())
		r = fail(-EPERM, text, "%s belongs to uid %u, not to us", dir, (unsigned)st.st_uid);
	else if (st.st_mode & 0077)
		r = fail(-EPERM, text, "%s is open to others (mode %04o, needs 0700)", dir,
		    (unsigned)st.st_mode & 07777);
	close(fd);
	return r;
}

/* The user's runtime directory, or a private one in $TMPDIR, which is made when the socket is. */
static int put_user_socket(char ret[PATH_MAX], char text[256])
{
	const char *runtime = absolute_env("XDG_RUNTIME_DIR"), *tmp = absolute_env("TMPDIR");
	char dir[PATH_MAX], ignored[256];
	int r;

	if (runtime)
		return put(ret, text, "%s/futured/futured.sock", runtime);
	r = put(dir, text, "/run/user/%u", (unsigned)geteuid());
	if (r == 0 && check_private(dir, ignored) == 0)
		return put(ret, text, "%s/futured/futured.sock", dir);
	r = put(dir, text, "%s/futured-%u", tmp ? tmp : "/tmp", (unsigned)geteuid());
	if (r < 0)
		return r;
	r = check_private(dir, ignored);
	if (r < 0 && r != -ENOENT)
		return fail(r, text, "no $XDG_RUNTIME_DIR, and %.180s; give --socket", ignored);
	return put(ret, text, "%s/futured.sock", dir);
}

/* systemd's StateDirectory=, which may name several, wins over our own idea. */
static int put_state(char ret[PATH_MAX], char text[256], bool machine)
{
	const char *given = absolute_env("STATE_DIRECTORY");
	int r;

	if (given)
		return put(ret, text, "%.*s", (int)strcspn(given, ":"), given);
	if (machine)
		return put(ret, text, "/var/lib/futured");
	r = put_xdg(ret, text, "XDG_STATE_HOME", ".local/state", "");
	if (r == -ENOENT)
		return fail(r, text, "neither $XDG_STATE_HOME nor $HOME is set; give --state-dir");
	return r;
}

/* What a user may have of his own; without a home there is none. */
static int put_user_places(struct paths *paths, char text[256])
{
	int r;

	r = put_xdg(paths->credentials, text, "XDG_CONFIG_HOME", ".config", "/credentials");
	if (r == 0)
		r = put_xdg(paths->profiles_user, text, "XDG_CONFIG_HOME", ".config", "/profiles");
	return r == -ENOENT ? 0 : r;
}

static int put_config(char ret[PATH_MAX], char text[256], bool machine)
{
	int r;

	if (machine)
		return put(ret, text, "%s/futured/futured.conf", SYSCONFDIR);
	r = put_xdg(ret, text, "XDG_CONFIG_HOME", ".config", "/futured.conf");
	return r == -ENOENT ? 0 : r;
}

int paths_find(const char *socket, const char *state, const char *config, struct paths *ret, char text[256])
{
	bool machine = geteuid() == 0 && !absolute_env("XDG_RUNTIME_DIR") && !absolute_env("XDG_STATE_HOME");
	struct paths *paths;
	int r;

	paths = calloc(1, sizeof(*paths));
	if (!paths)
		return fail(-ENOMEM, text, "out of memory");
	paths->machine = machine;
	if (socket)
		r = put(paths->socket, text, "%s", socket);
	else if (machine)
		r = put(paths->socket, text, "/run/futured/futured.sock");
	else
		r = put_user_socket(paths->socket, text);
	if (r == 0)
		r = state ? put(paths->state, text, "%s", state) : put_state(paths->state, text, machine);
	if (r == 0)
		r = config ? put(paths->config, text, "%s", config) : put_config(paths->config, text, machine);
	if (r == 0 && !machine)
		r = put_user_places(paths, text);
	if (r == 0)
		r = put(paths->profiles_system, text, "%s/futured/profiles", SYSCONFDIR);
	if (r == 0)
		r = put(paths->profiles_installed, text, "%s", PROFILEDIR);
	if (r == 0)
		*ret = *paths;
	free(paths);
	return r;
}

int paths_prepare_state(const char *dir, char text[256])
{
	char part[PATH_MAX];
	size_t len = strlen(dir);
	struct stat st;

	if (len == 0 || len >= sizeof(part))
		return fail(-ENAMETOOLONG, text, "the state directory's path has %zu bytes", len);
	memcpy(part, dir, len + 1);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return fail(-errno, text, "%s: %s", part, strerror(errno));
		*slash = '/';
	}
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return fail(-errno, text, "%s: %s", dir, strerror(errno));
	if (stat(dir, &st) < 0)
		return fail(-errno, text, "%s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return fail(-ENOTDIR, text, "%s is not a directory", dir);
	if (st.st_uid != geteuid())
		return fail(-EPERM, text, "%s belongs to uid %u, not to us", dir, (unsigned)st.st_uid);
	if (st.st_mode & 0022)
		return fail(-EPERM, text, "%s: others may write to it (mode %04o)", dir, (unsigned)st.st_mode & 07777);
	return 0;
}
