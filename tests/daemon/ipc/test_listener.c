/* test_listener.c - sockets bound, found stale, passed, and out of descriptors. */
#include "daemon/ipc/listener.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char dir[64], path[100], text[256];

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/listener-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
}

static void teardown(void)
{
	char inner[128];

	unlink(path);
	snprintf(inner, sizeof(inner), "%s/inner/s", dir);
	unlink(inner);
	snprintf(inner, sizeof(inner), "%s/inner", dir);
	rmdir(inner);
	ck_assert_int_eq(rmdir(dir), 0);
}

static int connect_to(const char *where)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, where);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -errno;
}

START_TEST(bound_closed_to_others_and_removed_at_the_end)
{
	struct listener_socket sock;
	struct stat st;
	mode_t before = umask(0);
	int fd;

	ck_assert_msg(listener_bind(path, &sock, text) == 0, "%s", text);
	ck_assert_int_eq(umask(before), 0);          /* as it was */
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(fcntl(sock.fd, F_GETFD), FD_CLOEXEC);
	fd = connect_to(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	listener_socket_done(&sock);
	ck_assert_int_eq(lstat(path, &st), -1);
}
END_TEST

START_TEST(missing_directory_is_made)
{
	struct listener_socket sock;
	struct stat st;
	char inner[128];

	snprintf(inner, sizeof(inner), "%s/inner/s", dir);
	ck_assert_msg(listener_bind(inner, &sock, text) == 0, "%s", text);
	inner[strlen(inner) - 2] = '\0';
	ck_assert_int_eq(stat(inner, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	listener_socket_done(&sock);
}
END_TEST

START_TEST(a_dead_daemons_socket_is_replaced)
{
	struct listener_socket dead, sock;
	int fd;

	ck_assert_int_eq(listener_bind(path, &dead, text), 0);
	close(dead.fd);                              /* as by SIGKILL: the file stays */
	ck_assert_msg(listener_bind(path, &sock, text) == 0, "%s", text);
	fd = connect_to(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	listener_socket_done(&sock);
	free(dead.path);
}
END_TEST

START_TEST(a_file_that_took_its_place_is_not_removed)
{
	struct listener_socket first, second;
	int fd;

	ck_assert_int_eq(listener_bind(path, &first, text), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(listener_bind(path, &second, text), 0);
	listener_socket_done(&first);
	fd = connect_to(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	listener_socket_done(&second);
}
END_TEST

START_TEST(a_living_daemons_socket_is_left_alone)
{
	struct listener_socket sock, second;
	char expected[256];

	ck_assert_int_eq(listener_bind(path, &sock, text), 0);
	ck_assert_int_eq(listener_bind(path, &second, text), -EADDRINUSE);
	snprintf(expected, sizeof(expected), "another daemon listens on %s", path);
	ck_assert_str_eq(text, expected);
	listener_socket_done(&sock);
}
END_TEST

START_TEST(other_files_are_left_alone)
{
	struct listener_socket sock;
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(listener_bind(path, &sock, text), -EEXIST);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(directories_where_others_could_remove_it_are_refused)
{
	struct listener_socket sock;

	ck_assert_int_eq(chmod(dir, 0770), 0);
	ck_assert_int_eq(listener_bind(path, &sock, text), -EPERM);
	ck_assert_ptr_nonnull(strstr(text, "others may write to it (mode 0770)"));
	ck_assert_int_eq(chmod(dir, 01777), 0);      /* sticky: only its owner may remove a file */
	ck_assert_int_eq(listener_bind(path, &sock, text), 0);
	listener_socket_done(&sock);
	ck_assert_int_eq(chmod(dir, 0755), 0);
	ck_assert_int_eq(listener_bind(path, &sock, text), 0);
	listener_socket_done(&sock);
}
END_TEST

START_TEST(too_long_a_path)
{
	struct listener_socket sock;
	char large[200];

	memset(large, 'x', sizeof(large));
	memcpy(large, dir, strlen(dir));
	large[strlen(dir)] = '/';
	large[108] = '\0';
	ck_assert_int_eq(listener_bind(large, &sock, text), -ENAMETOOLONG);
	ck_assert_ptr_nonnull(strstr(text, "has 108 bytes (1 to 107)"));
	ck_assert_int_eq(listener_bind("", &sock, text), -ENAMETOOLONG);
}
END_TEST

/* --- passed by the service manager; each test is a process of its own ------------------------------------------ */

static void announce(const char *count, long pid)
{
	char number[32];

	snprintf(number, sizeof(number), "%ld", pid);
	setenv("LISTEN_PID", number, 1);
	setenv("LISTEN_FDS", count, 1);
}

START_TEST(nothing_passed)
{
	struct listener_socket sockets[LISTENER_PASSED_MAX];

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	ck_assert_int_eq(listener_passed(sockets, text), 0);
	announce("1", (long)getpid() + 1);           /* meant for somebody else */
	ck_assert_int_eq(listener_passed(sockets, text), 0);
}
END_TEST

START_TEST(passed_socket)
{
	struct listener_socket sockets[LISTENER_PASSED_MAX], sock;

	ck_assert_int_eq(listener_bind(path, &sock, text), 0);
	ck_assert_int_eq(dup2(sock.fd, 3), 3);
	ck_assert_int_eq(fcntl(3, F_SETFL, 0), 0);
	announce("1", (long)getpid());
	ck_assert_msg(listener_passed(sockets, text) == 1, "%s", text);
	ck_assert_int_eq(sockets[0].fd, 3);
	ck_assert_ptr_null(sockets[0].path);
	ck_assert_int_eq(fcntl(3, F_GETFD), FD_CLOEXEC);
	ck_assert(fcntl(3, F_GETFL) & O_NONBLOCK);
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
	listener_socket_done(&sockets[0]);
	ck_assert_int_eq(access(path, F_OK), 0);     /* not ours to remove */
	listener_socket_done(&sock);
}
END_TEST

START_TEST(passed_but_of_no_use)
{
	struct listener_socket sockets[LISTENER_PASSED_MAX];
	int fds[2], udp = socket(AF_UNIX, SOCK_DGRAM, 0);

	switch (_i) {
	case 0:
		ck_assert_int_eq(dup2(udp, 3), 3);
		announce("1", (long)getpid());
		ck_assert_int_eq(listener_passed(sockets, text), -EPROTOTYPE);
		break;
	case 1:
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		ck_assert_int_eq(dup2(fds[0], 3), 3);
		announce("1", (long)getpid());
		ck_assert_int_eq(listener_passed(sockets, text), -EINVAL);
		ck_assert_ptr_nonnull(strstr(text, "Accept=yes"));
		break;
	default:
		announce("9", (long)getpid());
		ck_assert_int_eq(listener_passed(sockets, text), -E2BIG);
		break;
	}
}
END_TEST

/* --- accepting ------------------------------------------------------------------------------------------------- */

struct door {
	struct event_base *base;
	struct listener *listener;
	int accepted[300];
	int count;
};

static void on_accepted(void *arg, int fd)
{
	struct door *door = arg;

	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	door->accepted[door->count++] = fd;
}

static void open_door(struct door *door)
{
	struct listener_socket sock;

	ck_assert_int_eq(listener_bind(path, &sock, text), 0);
	door->base = event_base_new();
	door->listener = listener_new(door->base, &sock, on_accepted, door);
	ck_assert_ptr_nonnull(door->listener);
}

static void close_door(struct door *door)
{
	while (door->count > 0)
		close(door->accepted[--door->count]);
	listener_free(door->listener);
	event_base_free(door->base);
	ck_assert_int_eq(access(path, F_OK), -1);
}

START_TEST(a_crowd_is_let_in_over_several_turns)
{
	struct door door = { 0 };
	int clients[200];

	open_door(&door);
	for (int i = 0; i < 200; i++)
		ck_assert_int_ge(clients[i] = connect_to(path), 0);
	event_base_loop(door.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_int_eq(door.count, 64);            /* others want their turn as well */
	for (int i = 0; i < 3; i++)
		event_base_loop(door.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_int_eq(door.count, 200);
	for (int i = 0; i < 200; i++)
		close(clients[i]);
	close_door(&door);
}
END_TEST

START_TEST(out_of_descriptors_it_rests)
{
	struct rlimit limit, tight;
	struct door door = { 0 };
	int clients[3], highest;
	char byte;

	open_door(&door);
	for (int i = 0; i < 3; i++)
		ck_assert_int_ge(clients[i] = connect_to(path), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	highest = dup(clients[2]);
	tight = limit;
	tight.rlim_cur = (rlim_t)highest + 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
	for (int i = 0; i < 1000; i++)               /* would be a thousand failures if it went on trying */
		event_base_loop(door.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_int_eq(door.count, 0);
	ck_assert_int_eq(read(clients[0], &byte, 1), 0);   /* the first was turned away by the reserve */
	ck_assert_int_eq(read(clients[1], &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (door.count < 2)                       /* it comes back by itself */
		event_base_loop(door.base, EVLOOP_ONCE);
	close(highest);
	for (int i = 0; i < 3; i++)
		close(clients[i]);
	close_door(&door);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("listener");
	TCase *tcase = tcase_create("listener");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, bound_closed_to_others_and_removed_at_the_end);
	tcase_add_test(tcase, missing_directory_is_made);
	tcase_add_test(tcase, a_dead_daemons_socket_is_replaced);
	tcase_add_test(tcase, a_file_that_took_its_place_is_not_removed);
	tcase_add_test(tcase, a_living_daemons_socket_is_left_alone);
	tcase_add_test(tcase, other_files_are_left_alone);
	tcase_add_test(tcase, directories_where_others_could_remove_it_are_refused);
	tcase_add_test(tcase, too_long_a_path);
	tcase_add_test(tcase, nothing_passed);
	tcase_add_test(tcase, passed_socket);
	tcase_add_loop_test(tcase, passed_but_of_no_use, 0, 3);
	tcase_add_test(tcase, a_crowd_is_let_in_over_several_turns);
	tcase_add_test(tcase, out_of_descriptors_it_rests);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
