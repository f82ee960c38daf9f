/* test_status.c - the line of status, and signs of life only while the store answers. */
#include "daemon/status.h"

#include "daemon/broker/broker.h"
#include "db/store.h"

#include <check.h>
#include <event2/event.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What the broker and the store say of themselves. */
static struct broker_stats broker_says;
static struct store_stats store_says;

void broker_stats(const struct broker *broker, struct broker_stats *ret)
{
	*ret = broker_says;
}

void store_stats(const struct store *store, struct store_stats *ret)
{
	*ret = store_says;
}

static struct event_base *base;
static struct status *status;
static int manager;
static char heard[600];

static void start(const char *watchdog_usec)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char name[64];

	snprintf(name, sizeof(name), "@futured-status-%ld", (long)getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", watchdog_usec, 1);
	unsetenv("WATCHDOG_PID");
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&address,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	memset(&broker_says, 0, sizeof(broker_says));
	memset(&store_says, 0, sizeof(store_says));
	broker_says.next_due_in_usec = UINT64_MAX;
	base = event_base_new();
	status = status_new(base, NULL, NULL);
	ck_assert_ptr_nonnull(status);
}

static void stop(void)
{
	status_free(status);
	event_base_free(base);
	close(manager);
}

/* The next message, "" when there is none. */
static const char *hear(void)
{
	ssize_t n = recv(manager, heard, sizeof(heard) - 1, 0);

	heard[n > 0 ? n : 0] = '\0';
	return heard;
}

START_TEST(line_changes_at_most_once_a_second)
{
	start("0");
	ck_assert_uint_eq(status_turn(status, 5000000), UINT64_MAX);
	ck_assert_str_eq(hear(), "STATUS=0 pending, 0 running, 0 in flight");
	broker_says.futures[STORE_PENDING] = 1204;
	broker_says.in_flight = 12;
	broker_says.next_due_in_usec = 2000001;
	ck_assert_uint_eq(status_turn(status, 5100000), 6000000);   /* come back then */
	ck_assert_str_eq(hear(), "");
	ck_assert_uint_eq(status_turn(status, 6000000), UINT64_MAX);
	ck_assert_str_eq(hear(), "STATUS=1204 pending, 0 running, 12 in flight, next request in 3 s");
	ck_assert_uint_eq(status_turn(status, 9000000), UINT64_MAX);
	ck_assert_str_eq(hear(), "");                               /* nothing new */
	stop();
}
END_TEST

START_TEST(an_expiry_is_no_request)
{
	start("0");
	broker_says.futures[STORE_SUCCEEDED] = 3;
	broker_says.next_due_in_usec = 5000000;
	status_turn(status, 5000000);
	ck_assert_str_eq(hear(), "STATUS=0 pending, 0 running, 0 in flight");
	stop();
}
END_TEST

START_TEST(nobody_listens)
{
	start("0");
	unsetenv("NOTIFY_SOCKET");
	ck_assert_uint_eq(status_turn(status, 5000000), UINT64_MAX);
	stop();
}
END_TEST

/* One beat of the watchdog, which is set to a thousandth of a second. */
static const char *beat(void)
{
	ck_assert_int_eq(event_base_loop(base, EVLOOP_ONCE), 0);
	return hear();
}

START_TEST(alive_while_the_store_answers)
{
	start("2000");
	ck_assert_str_eq(beat(), "WATCHDOG=1");
	store_says.queued = 3;
	store_says.operations = 10;
	ck_assert_str_eq(beat(), "WATCHDOG=1");
	ck_assert_str_eq(beat(), "");                /* the same ten: stuck */
	ck_assert_str_eq(beat(), "");
	store_says.operations = 11;
	ck_assert_str_eq(beat(), "WATCHDOG=1");
	ck_assert_str_eq(beat(), "");
	store_says.disk_full = true;                 /* waiting for room is not being stuck */
	ck_assert_str_eq(beat(), "WATCHDOG=1");
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("status");
	TCase *tcase = tcase_create("status");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, line_changes_at_most_once_a_second);
	tcase_add_test(tcase, an_expiry_is_no_request);
	tcase_add_test(tcase, nobody_listens);
	tcase_add_test(tcase, alive_while_the_store_answers);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
