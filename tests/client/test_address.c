/* test_address.c - where the socket is looked for, in which order, and who may listen there. */
#include "client/address.h"
#include "tests/client/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char base[80];
static char user[120];     /* the user's socket below it */
static char *found;
static bool named;

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");
	char directory[100];

	snprintf(base, sizeof(base), "%s/futured-address-XXXXXX", tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(base));
	snprintf(directory, sizeof(directory), "%s/futured", base);
	ck_assert_int_eq(mkdir(directory, 0700), 0);
	snprintf(user, sizeof(user), "%s/futured.sock", directory);
	setenv("XDG_RUNTIME_DIR", base, 1);
	unsetenv("FUTURED_SOCKET");
	found = NULL;
}

static void teardown(void)
{
	char directory[100];

	snprintf(directory, sizeof(directory), "%s/futured", base);
	unlink(user);
	rmdir(directory);
	rmdir(base);
	free(found);
}

static int listen_at(const char *path, int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_uint_lt(strlen(path), sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

START_TEST(the_users_socket)
{
	int listener = listen_at(user, 8), fd;

	fd = address_find(NULL, &found, &named);
	ck_assert_int_ge(fd, 0);
	ck_assert_str_eq(found, user);
	ck_assert(!named);
	close(fd);
	close(listener);
}
END_TEST

START_TEST(without_a_runtime_directory)
{
	char path[150];
	int listener, fd;

	snprintf(path, sizeof(path), "/run/user/%lu", (unsigned long)geteuid());
	if (access(path, F_OK) == 0)
		return;                              /* this user has one, whatever the environment says */
	unsetenv("XDG_RUNTIME_DIR");
	setenv("TMPDIR", base, 1);
	snprintf(path, sizeof(path), "%s/futured-%lu", base, (unsigned long)geteuid());
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/futured-%lu/futured.sock", base, (unsigned long)geteuid());
	listener = listen_at(path, 8);
	fd = address_find(NULL, &found, &named);
	ck_assert_int_ge(fd, 0);
	ck_assert_str_eq(found, path);
	ck_assert(!named);
	close(fd);
	close(listener);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}
END_TEST

START_TEST(the_environment_comes_first)
{
	int listener = listen_at(user, 8), fd;
	char other[120];

	snprintf(other, sizeof(other), "%s/other.sock", base);
	setenv("FUTURED_SOCKET", other, 1);
	/* Named, so nothing else is tried. */
	ck_assert_int_eq(address_find(NULL, &found, &named), -ENOENT);
	ck_assert(named);
	setenv("FUTURED_SOCKET", user, 1);
	fd = address_find(NULL, &found, &named);
	ck_assert_int_ge(fd, 0);
	ck_assert(named);
	close(fd);
	/* And the caller's own word before that. */
	ck_assert_int_eq(address_find(other, &found, &named), -ENOENT);
	close(listener);
}
END_TEST

START_TEST(a_full_backlog)
{
	int listener = listen_at(user, 0), fds[4], n = 0, r;

	while ((r = address_connect(user, true)) >= 0 && n < 4)
		fds[n++] = r;
	ck_assert_int_eq(r, -EAGAIN);
	ck_assert_int_eq(address_find(NULL, &found, &named), -EAGAIN);
	ck_assert_str_eq(found, user);
	while (n > 0)
		close(fds[--n]);
	close(listener);
}
END_TEST

START_TEST(nobody_listens)
{
	close(listen_at(user, 8));
	ck_assert_int_eq(address_connect(user, true), -ECONNREFUSED);
	ck_assert_int_eq(address_connect("/nonexistent/futured.sock", true), -ENOENT);
}
END_TEST

/* Somebody else's process listens. That takes root: only root becomes somebody else. */
START_TEST(somebody_else_listens)
{
	uid_t other = 54321;
	int listener = -1, fd;

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(chmod(base, 0777), 0);
	snprintf(user, sizeof(user), "%s/futured.sock", base);
	/* The credentials that a client sees are those of the time of listen(). */
	ck_assert_int_eq(seteuid(other), 0);
	listener = listen_at(user, 8);
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(address_connect(user, false), -EPERM);
	fd = address_connect(user, true);
	ck_assert_int_ge(fd, 0);
	close(fd);
	/* In a directory of his own it is his daemon. */
	ck_assert_int_eq(chown(base, other, (gid_t)-1), 0);
	fd = address_connect(user, false);
	ck_assert_int_ge(fd, 0);
	close(fd);
	close(listener);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("address");
	TCase *tcase = tcase_create("address");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_users_socket);
	tcase_add_test(tcase, without_a_runtime_directory);
	tcase_add_test(tcase, the_environment_comes_first);
	tcase_add_test(tcase, a_full_backlog);
	tcase_add_test(tcase, nobody_listens);
	tcase_add_test(tcase, somebody_else_listens);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
