/* test_peer.c - who is at the other end. */
#include "daemon/ipc/peer.h"

#include <check.h>
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

START_TEST(it_is_us)
{
	gid_t groups[256];
	int fds[2], count = getgroups(256, groups);
	struct peer peer;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(peer_read(fds[0], &peer), 0);
	ck_assert_uint_eq(peer.caller.uid, geteuid());
	ck_assert_uint_eq(peer.caller.gid, getegid());
	ck_assert_uint_eq(peer.caller.n_groups, (size_t)count);
	for (int i = 0; i < count; i++) {
		bool found = false;

		for (size_t j = 0; j < peer.caller.n_groups; j++)
			found = found || peer.caller.groups[j] == groups[i];
		ck_assert_msg(found, "group %u is missing", (unsigned)groups[i]);
	}
	peer_done(&peer);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(groups_are_those_of_the_other_end)
{
	static const gid_t groups[] = { 4242, 4343, 4444 };
	int fds[2];
	struct peer peer;

	if (geteuid() != 0)
		return;
	/* Credentials are taken when the pair is made; this process is a fork of its own. */
	ck_assert_int_eq(setgroups(3, groups), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(setgroups(0, NULL), 0);
	ck_assert_int_eq(peer_read(fds[0], &peer), 0);
	ck_assert_uint_eq(peer.caller.n_groups, 3);
	ck_assert_uint_eq(peer.caller.groups[1], 4343);
	peer_done(&peer);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(nobody_in_particular_is_refused)
{
	int fds[2];
	struct peer peer;

	if (geteuid() != 0)
		return;
	ck_assert_int_eq(seteuid(65534), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(peer_read(fds[0], &peer), -EACCES);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(not_a_socket)
{
	int fds[2];
	struct peer peer;

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(peer_read(fds[0], &peer), -ENOTSOCK);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("peer");
	TCase *tcase = tcase_create("peer");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, it_is_us);
	tcase_add_test(tcase, groups_are_those_of_the_other_end);
	tcase_add_test(tcase, nobody_in_particular_is_refused);
	tcase_add_test(tcase, not_a_socket);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
