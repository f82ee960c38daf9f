/* test_memory.c - memory that runs out: each allocation of a whole session fails once, and nothing but that is lost. */
#include "client/conn.h"
#include "tests/client/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The linker sends the library's allocations here. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *data, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *data, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);

static bool armed;      /* inside the library */
static int left;        /* allocations until the one that fails; below 0: it has failed */

static bool fails(void)
{
	return armed && left-- == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *data, size_t size)
{
	return fails() ? NULL : __real_realloc(data, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
	return fails() ? NULL : __real_strndup(text, len);
}

static struct peer peer;
static int futures_called, replies_called, events_ended, events_seen, steps_seen;
static unsigned subscriptions;   /* of this connection */

static void on_future(futured_future *f, void *userdata)
{
	futures_called++;
}

static void on_progress(futured_future *f, void *userdata)
{
	steps_seen += strcmp(futured_future_progress(f), "{\"n\":1}") == 0;
}

static void on_trouble(futured_future *f, void *userdata)
{
	steps_seen += strcmp(futured_future_trouble(f), "503") == 0;
}

static void on_reply(futured_reply *reply, void *userdata)
{
	replies_called++;
}

static void on_event(futured_subscription *s, const struct futured_event *event, void *userdata)
{
	events_seen += event->type == FUTURED_EVENT_CHANGED;
	events_ended += event->type == FUTURED_EVENT_END;
}

/* Answer one request as a daemon would. */
static void answer(void)
{
	struct slice method = peer.request.method;
	uint32_t id = peer.request.id;
	static char big[200000];

	if (slice_equals(method, "server.hello")) {
		/* One may wait alone. */
		pack_map(peer_begin_reply(&peer, id), 3);
		pack_str(&peer.out, "server");
		pack_str(&peer.out, "futured");
		pack_str(&peer.out, "epoch");
		pack_str(&peer.out, "1");
		pack_str(&peer.out, "limits");
		pack_map(&peer.out, 1);
		pack_str(&peer.out, "calls");
		pack_u64(&peer.out, 3);
		peer_send(&peer);
		subscriptions = 0;
	} else if (slice_equals(method, "future.claim")) {
		pack_map(peer_begin_reply(&peer, id), 1);
		pack_str(&peer.out, "claim");
		pack_str(&peer.out, "0123456789abcdef0123456789abcdef");
		peer_send(&peer);
	} else if (slice_equals(method, "future.retry")) {
		peer_reply_created(&peer, id, ID_C, true);
	} else if (slice_equals(method, "future.create")) {
		peer_reply_created(&peer, id, ID_B, true);
	} else if (slice_equals(method, "future.result")) {
		const msgpack_object *offset = peer_param(&peer, "offset");

		memset(big, 'x', sizeof(big));
		peer_reply_result(&peer, id, big, 50000, offset ? offset->via.u64 : 0, sizeof(big));
	} else if (slice_equals(method, "future.subscribe")) {
		const msgpack_object *since = peer_param(&peer, "since");

		peer_reply_subscribed(&peer, id, ++subscriptions, 5, false);
		if (!since || since->via.u64 < 6)
			peer_send_event(&peer, subscriptions, 6, ID_A, "changed", "running", "{\"n\":1}");
	} else if (slice_equals(method, "future.wait")) {
		const msgpack_object *asked = peer_param(&peer, "ids");

		pack_map(peer_begin_reply(&peer, id), 1);
		pack_str(&peer.out, "states");
		pack_array(&peer.out, asked->via.array.size);
		for (uint32_t i = 0; i < asked->via.array.size; i++)
			pack_str(&peer.out, "succeeded");
		peer_send(&peer);
	} else if (slice_equals(method, "future.get")) {
		struct snapshot snapshot = {
			.state = slice_from_str("running"), .progress = slice_from_str("{\"n\":1}"),
			.last_error = slice_from_str("503"), .attempts = { .set = true, .value = 1 },
			.seq = { .set = true, .value = 4 },
		};

		fields_write(peer_begin_reply(&peer, id), snapshot_fields, &snapshot);
		peer_send(&peer);
	} else {
		peer_reply_subscribed(&peer, id, 1, 5, false);
	}
}

/* Be the daemon for as long as there is something to do. */
static void serve(void)
{
	struct pollfd pollfds[2] = { { .fd = peer.listener, .events = POLLIN }, { .fd = peer.fd, .events = POLLIN } };
	char byte;

	while (poll(pollfds, 2, 0) > 0) {
		if (pollfds[0].revents)
			peer_accept(&peer);
		else if (recv(peer.fd, &byte, 1, MSG_PEEK) <= 0)
			peer_hang_up(&peer);
		else
			peer_expect_any(&peer, answer);
		pollfds[1].fd = peer.fd;
	}
}

/* What a program does, with the n-th allocation failing. How much of it went wrong through that. */
static int session(int n)
{
	struct futured_create_options options = FUTURED_CREATE_INIT;
	static const char *const ids[] = { ID_A, NULL };
	struct futured_subscribe_options subscribe = FUTURED_SUBSCRIBE_INIT;
	futured_future *attached = NULL, *created = NULL, *next;
	futured_completion *it = NULL;
	futured_group *group = NULL;
	futured_subscription *subscription = NULL;
	futured_reply *reply = NULL;
	int started = 0, asked = 0, idle = 0, r, failed = 0;
	futured *c = NULL;

	futures_called = replies_called = events_ended = events_seen = 0;
	options.profile = "p";
	subscribe.ids = ids;
	left = n;
	armed = true;
	r = futured_open(peer.path, NULL, &c);
	if (r < 0) {
		armed = false;
		ck_assert_int_eq(r, -ENOMEM);
		return 1;
	}
	r = futured_attach(c, ID_A, 0, on_future, NULL, &attached);
	started += r == 0;
	failed += r < 0;
	r = futured_create(c, &options, on_future, NULL, &created);
	started += r == 0;
	failed += r < 0;
	failed += attached && futured_future_on_progress(attached, on_progress, NULL) < 0;
	failed += attached && futured_future_on_trouble(attached, on_trouble, NULL) < 0;
	r = futured_group_new(c, &attached, attached != NULL, 0, &group);
	r = r < 0 ? r : futured_group_add_id(group, ID_C);
	r = r < 0 ? r : futured_group_as_completed(group, FUTURED_TIME_NONE, &it);
	failed += r < 0;
	r = futured_call(c, "future.list", "{\"labels\":{\"a\":[1,\"b\"]}}", on_reply, NULL, &reply);
	asked += r == 0;
	failed += r < 0;
	r = futured_subscribe(c, &subscribe, on_event, NULL, &subscription);
	failed += r < 0;
	while (idle < 3 || futures_called < started || replies_called < asked || (subscription && !events_seen) ||
	    (group && !futured_group_is_ready(group))) {
		r = futured_process(c);
		armed = false;
		serve();
		ck_assert_int_ge(r, 0);
		idle = r > 0 ? 0 : idle + 1;
		if (r == 0)
			ck_assert_int_ge(futured_wait_io(c, 1000), 0);
		armed = true;
	}
	/* Each in its turn, where there are any. */
	while (it && futured_completion_left(it) > 0) {
		r = futured_completion_next(it, &next);
		armed = false;
		ck_assert_int_eq(r, 1);
		armed = true;
	}
	armed = false;
	/* Once for each, whatever happened. */
	ck_assert_int_eq(futures_called, started);
	ck_assert_int_eq(replies_called, asked);
	ck_assert_int_eq(events_seen, subscription ? 1 : 0);
	ck_assert_int_eq(events_ended, 0);
	failed += attached && futured_future_result(attached, NULL, NULL) < 0;
	failed += created && futured_future_result(created, NULL, NULL) < 0;
	failed += reply && futured_reply_status(reply) < 0;
	futured_completion_free(it);
	futured_group_unref(group);
	futured_reply_unref(reply);
	futured_future_unref(attached);
	futured_future_unref(created);
	futured_subscription_unref(subscription);
	armed = true;
	futured_unref(c);
	armed = false;
	peer_hang_up(&peer);
	return failed;
}

/* Let the library and the daemon do what there is to do, until *what is done as far as is_done() says. */
static void run(futured *c, int (*is_done)(void *what), void *what)
{
	int r = 1;

	while (r > 0 || (what && is_done(what) == 0)) {
		armed = true;
		r = futured_process(c);
		armed = false;
		serve();
		ck_assert_int_ge(r, 0);
		if (r == 0)
			ck_assert_int_ge(futured_wait_io(c, 1000), 0);
	}
}

static int reply_is_done(void *what)
{
	return futured_reply_status(what) != -EINPROGRESS;
}

static int group_is_ready(void *what)
{
	return futured_group_is_ready(what);
}

/* Have a call answered, and look how it went. */
static int settle(futured *c, int r, futured_reply *reply)
{
	armed = false;
	if (r < 0) {
		ck_assert_int_eq(r, -ENOMEM);
		return 1;
	}
	run(c, reply_is_done, reply);
	r = futured_reply_status(reply);
	futured_reply_unref(reply);
	armed = true;
	return r < 0;
}

/* A promise is claimed and resolved in parts; a group of it is written, read and asked about. */
static int producer(int n)
{
	static const char *const ids[] = { ID_A, ID_B, NULL };
	static char big[3 * PROTO_RESULT_CHUNK_MAX / 2];
	futured_future *f = NULL, *again = NULL, *over = NULL;
	futured_group *group = NULL, *opened = NULL;
	futured_reply *reply;
	int r, failed = 0;
	char path[120];
	futured *c;

	snprintf(path, sizeof(path), "%s/group.json", peer.directory);
	left = n;
	armed = true;
	r = futured_open(peer.path, NULL, &c);
	armed = false;
	if (r < 0)
		return 1;
	run(c, NULL, NULL);
	armed = true;
	r = futured_attach(c, ID_A, 0, NULL, NULL, &f);
	if (r == 0) {
		r = futured_future_claim(f, 1000000, NULL, NULL, &reply);
		failed += settle(c, r, reply);
		armed = true;
		r = futured_future_resolve(f, big, sizeof(big), "a/b", NULL, NULL, &reply);
		failed += settle(c, r, reply);
		armed = true;
		failed += futured_future_retry(f, 0, on_future, NULL, &again) < 0;
	}
	failed += futured_group_future_create(c, ids, FUTURED_ALL_COMPLETED, NULL, on_future, NULL, &over) < 0;
	r = futured_group_new(c, &f, f != NULL, 0, &group);
	r = r < 0 ? r : futured_group_save(group, path);
	r = r < 0 ? r : futured_group_open(c, path, &opened);
	armed = false;
	failed += r < 0;
	if (opened)
		run(c, group_is_ready, opened);
	run(c, NULL, NULL);
	armed = true;
	failed += opened && futured_group_wait(opened, FUTURED_FIRST_COMPLETED, 0) != 1;
	failed += opened && futured_group_refresh(opened, 0) != 1;
	futured_group_unref(opened);
	futured_group_unref(group);
	futured_future_unref(f);
	futured_future_unref(again);
	futured_future_unref(over);
	futured_unref(c);
	armed = false;
	unlink(path);
	peer_hang_up(&peer);
	return failed;
}

START_TEST(each_allocation_of_a_producer_fails_once)
{
	int n = 0, harmed = 0;

	peer_init(&peer);
	peer.may_leave = true;
	do {
		harmed += producer(n) > 0;
		n++;
		ck_assert_int_lt(n, 1000);
	} while (left < 0);
	ck_assert_int_eq(producer(100000), 0);
	ck_assert_int_gt(n, 50);
	ck_assert_int_gt(harmed, 20);
	peer_done(&peer);
}
END_TEST

START_TEST(each_allocation_fails_once)
{
	int n = 0, harmed = 0;

	peer_init(&peer);
	peer.may_leave = true;
	do {
		harmed += session(n) > 0;
		n++;
		ck_assert_int_lt(n, 1000);
	} while (left < 0);
	/* The last session had all it wanted. */
	steps_seen = 0;
	ck_assert_int_eq(session(100000), 0);
	ck_assert_int_eq(steps_seen, 2);
	ck_assert_int_gt(n, 30);
	ck_assert_int_gt(harmed, 10);
	peer_done(&peer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory");
	TCase *tcase = tcase_create("memory");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, each_allocation_fails_once);
	tcase_add_test(tcase, each_allocation_of_a_producer_fails_once);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
