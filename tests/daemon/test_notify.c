/* test_notify.c - what the service manager hears. */
#include "daemon/notify.h"

#include <check.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char dir[64], path[100];
static int manager;

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/notify-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/n", dir);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
}

static void teardown(void)
{
	close(manager);
	unlink(path);
	rmdir(dir);
}

static void bind_to(const char *name, size_t len)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, name, len);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&address,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)), 0);
}

static void expect(const char *message)
{
	char buffer[600];
	ssize_t n = recv(manager, buffer, sizeof(buffer) - 1, 0);

	ck_assert_int_ge(n, 0);
	buffer[n] = '\0';
	ck_assert_str_eq(buffer, message);
}

START_TEST(to_a_path)
{
	bind_to(path, strlen(path));
	setenv("NOTIFY_SOCKET", path, 1);
	ck_assert(notify_wanted());
	ck_assert_int_eq(notify_send("STATUS=%d pending", 3), 0);
	expect("STATUS=3 pending");
}
END_TEST

START_TEST(to_an_abstract_name)
{
	char name[64];

	snprintf(name, sizeof(name), "@futured-test-%ld", (long)getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	name[0] = '\0';
	bind_to(name, 1 + strlen(name + 1));
	ck_assert_int_eq(notify_send("READY=1"), 0);
	expect("READY=1");
}
END_TEST

START_TEST(to_nobody)
{
	unsetenv("NOTIFY_SOCKET");
	ck_assert(!notify_wanted());
	ck_assert_int_eq(notify_send("READY=1"), 0);
	setenv("NOTIFY_SOCKET", path, 1);
	ck_assert_int_eq(notify_send("READY=1"), -ENOENT);
	setenv("NOTIFY_SOCKET", "vsock:1:2", 1);
	ck_assert_int_eq(notify_send("READY=1"), -EAFNOSUPPORT);
}
END_TEST

START_TEST(reloading_has_the_managers_clock)
{
	char buffer[200];
	unsigned long long usec;
	struct timespec now;
	ssize_t n;

	bind_to(path, strlen(path));
	setenv("NOTIFY_SOCKET", path, 1);
	notify_reloading();
	n = recv(manager, buffer, sizeof(buffer) - 1, 0);
	ck_assert_int_gt(n, 0);
	buffer[n] = '\0';
	ck_assert_int_eq(sscanf(buffer, "RELOADING=1\nMONOTONIC_USEC=%llu", &usec), 1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	ck_assert_uint_le(usec, (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
	ck_assert_uint_ge(usec + 60000000, (unsigned long long)now.tv_sec * 1000000);
}
END_TEST

START_TEST(watchdog)
{
	char pid[32];

	unsetenv("WATCHDOG_USEC");
	ck_assert_uint_eq(notify_watchdog_usec(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	unsetenv("WATCHDOG_PID");
	ck_assert_uint_eq(notify_watchdog_usec(), 30000000);
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	ck_assert_uint_eq(notify_watchdog_usec(), 30000000);
	setenv("WATCHDOG_PID", "1", 1);
	ck_assert_uint_eq(notify_watchdog_usec(), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("notify");
	TCase *tcase = tcase_create("notify");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, to_a_path);
	tcase_add_test(tcase, to_an_abstract_name);
	tcase_add_test(tcase, to_nobody);
	tcase_add_test(tcase, reloading_has_the_managers_clock);
	tcase_add_test(tcase, watchdog);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
