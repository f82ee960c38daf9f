/* test_subscription.c - events: in order, each once, over lost connections, and until somebody ends it. */
#include "client/conn.h"
#include "tests/client/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct peer peer;
static futured *c;
static futured_subscription *s;

/* What came: "READY 5", "changed A running", ... */
static char journal[4096];

static void note(futured_subscription *subscription, const struct futured_event *event, void *userdata)
{
	static const char *const names[] = { "READY", "created", "changed", "progress", "forgotten", "GAP", "END" };
	const char *progress = event->progress ? event->progress : "";
	size_t len = strlen(journal);

	if (event->type == FUTURED_EVENT_END)
		snprintf(journal + len, sizeof(journal) - len, "END %d;", event->error ? event->error->code : 0);
	else if (event->id)
		snprintf(journal + len, sizeof(journal) - len, "%s %c %d %d%s%s%s%s%s%s;", names[event->type],
		    event->id[35], (int)event->seq, event->state, event->progress ? " " : "", progress,
		    event->error ? " " : "", event->error ? event->error->kind : "", event->error ? ": " : "",
		    event->error ? event->error->message : "");
	else
		snprintf(journal + len, sizeof(journal) - len, "%s %d;", names[event->type], (int)event->seq);
}

static void setup(void)
{
	journal[0] = '\0';
	peer_init(&peer);
	c = peer_connect(&peer, 0);
	s = NULL;
}

static void teardown(void)
{
	s = futured_subscription_unref(s);
	futured_unref(c);
	peer_done(&peer);
}

/* Subscribe to everything, as number 3, at sequence number 10. */
static void subscribe(void)
{
	ck_assert_int_eq(futured_subscribe(c, NULL, note, NULL, &s), 0);
	pump(c);
	peer_expect(&peer, "future.subscribe");
	ck_assert_uint_eq(peer.request.params->via.array.ptr[0].via.map.size, 0);
	peer_reply_subscribed(&peer, peer.request.id, 3, 10, false);
}

static void reconnect(void)
{
	peer_hang_up(&peer);
	while (futured_process(c) > 0 || futured_get_fd(c) < 0)
		ck_assert_int_ge(futured_wait_io(c, 10000), 0);
	pump(c);
	peer_welcome(&peer);
	pump(c);
}

START_TEST(events_in_order)
{
	subscribe();
	peer_send_event(&peer, 3, 11, ID_A, "created", "pending", NULL);
	peer_send_event(&peer, 3, 12, ID_A, "changed", "running", NULL);
	peer_send_event(&peer, 3, 13, ID_A, "progress", "running", "{\"n\":1}");
	peer_send_event(&peer, 3, 14, ID_A, "changed", "succeeded", NULL);
	peer_send_event(&peer, 3, 15, ID_A, "forgotten", "succeeded", NULL);
	pump(c);
	ck_assert_str_eq(journal, "READY 10;created a 11 0;changed a 12 1;progress a 13 1 {\"n\":1};changed a 14 2;"
	    "forgotten a 15 2;");
}
END_TEST

START_TEST(of_some_futures)
{
	static const char *const ids[] = { ID_A, ID_B, NULL };
	struct futured_subscribe_options options = FUTURED_SUBSCRIBE_INIT;

	options.ids = ids;
	options.since = 4;
	ck_assert_int_eq(futured_subscribe(c, &options, note, NULL, &s), 0);
	pump(c);
	peer_expect(&peer, "future.subscribe");
	ck_assert_uint_eq(peer_param(&peer, "ids")->via.array.size, 2);
	ck_assert_uint_eq(peer_param(&peer, "since")->via.u64, 4);
	peer_reply_subscribed(&peer, peer.request.id, 1, 10, true);
	pump(c);
	ck_assert_str_eq(journal, "GAP 10;READY 10;");
}
END_TEST

START_TEST(of_labels)
{
	static const char *const labels[] = { "team", "vision", NULL };
	struct futured_subscribe_options options = FUTURED_SUBSCRIBE_INIT;

	options.labels = labels;
	ck_assert_int_eq(futured_subscribe(c, &options, note, NULL, &s), 0);
	pump(c);
	peer_expect(&peer, "future.subscribe");
	ck_assert_uint_eq(peer_param(&peer, "labels")->via.map.size, 1);
	ck_assert_ptr_null(peer_param(&peer, "since"));
}
END_TEST

START_TEST(goes_on_where_it_stopped)
{
	subscribe();
	peer_send_event(&peer, 3, 12, ID_A, "changed", "running", NULL);
	pump(c);
	reconnect();
	peer_expect(&peer, "future.subscribe");
	ck_assert_uint_eq(peer_param(&peer, "since")->via.u64, 12);
	peer_reply_subscribed(&peer, peer.request.id, 8, 20, false);
	peer_send_event(&peer, 8, 13, ID_A, "changed", "succeeded", NULL);
	pump(c);
	/* With nothing seen in between, from where it stood. */
	reconnect();
	peer_expect(&peer, "future.subscribe");
	ck_assert_uint_eq(peer_param(&peer, "since")->via.u64, 13);
	ck_assert_str_eq(journal, "READY 10;changed a 12 1;READY 20;changed a 13 2;");
}
END_TEST

START_TEST(goes_on_before_anything_was_seen)
{
	subscribe();
	pump(c);
	reconnect();
	peer_expect(&peer, "future.subscribe");
	ck_assert_uint_eq(peer_param(&peer, "since")->via.u64, 10);
}
END_TEST

START_TEST(another_database)
{
	subscribe();
	pump(c);
	strcpy(peer.epoch, "epoch-2");
	reconnect();
	peer_expect(&peer, "future.subscribe");
	ck_assert_ptr_null(peer_param(&peer, "since"));
	peer_reply_subscribed(&peer, peer.request.id, 1, 2, false);
	pump(c);
	ck_assert_str_eq(journal, "READY 10;GAP 0;READY 2;");
}
END_TEST

START_TEST(released_while_it_is_made_anew)
{
	subscribe();
	pump(c);
	strcpy(peer.epoch, "epoch-2");
	peer_hang_up(&peer);
	while (futured_process(c) > 0 || futured_get_fd(c) < 0)
		ck_assert_int_ge(futured_wait_io(c, 10000), 0);
	pump(c);
	peer_welcome(&peer);
	/* Up to where there is something to be told, and no further. */
	while (c->n_due == 0)
		ck_assert_int_ge(futured_process(c), 0);
	s = futured_subscription_unref(s);
	pump(c);
	peer_reply_subscribed(&peer, peer_expect(&peer, "future.subscribe"), 1, 2, false);
	pump(c);
	ck_assert_str_eq(journal, "READY 10;");
	peer_expect(&peer, "future.unsubscribe");
	ck_assert(TAILQ_EMPTY(&c->subscriptions));
}
END_TEST

START_TEST(a_refused_one_ends)
{
	ck_assert_int_eq(futured_subscribe(c, NULL, note, NULL, &s), 0);
	pump(c);
	peer_reply_error(&peer, peer_expect(&peer, "future.subscribe"), ERROR_LIMIT, "too many", NULL);
	pump(c);
	ck_assert_str_eq(journal, "END -122;");
	reconnect();
	ck_assert(peer_is_quiet(&peer));
	ck_assert_str_eq(journal, "END -122;");
}
END_TEST

START_TEST(ends_with_the_connection)
{
	subscribe();
	pump(c);
	futured_close(c);
	ck_assert_str_eq(journal, "READY 10;END -103;");
}
END_TEST

START_TEST(unsubscribes)
{
	subscribe();
	pump(c);
	s = futured_subscription_unref(s);
	pump(c);
	peer_expect(&peer, "future.unsubscribe");
	ck_assert_uint_eq(peer_param(&peer, "subscription")->via.u64, 3);
	/* On its way already: nobody is called. */
	peer_send_event(&peer, 3, 11, ID_A, "changed", "running", NULL);
	pump(c);
	ck_assert_str_eq(journal, "READY 10;");
	ck_assert(TAILQ_EMPTY(&c->subscriptions));
}
END_TEST

START_TEST(released_before_it_stands)
{
	uint32_t id;

	ck_assert_int_eq(futured_subscribe(c, NULL, note, NULL, &s), 0);
	pump(c);
	id = peer_expect(&peer, "future.subscribe");
	s = futured_subscription_unref(s);
	peer_reply_subscribed(&peer, id, 3, 10, false);
	pump(c);
	peer_expect(&peer, "future.unsubscribe");
	ck_assert_str_eq(journal, "");
	ck_assert(TAILQ_EMPTY(&c->subscriptions));
}
END_TEST

START_TEST(released_before_it_stands_and_the_connection_lost)
{
	ck_assert_int_eq(futured_subscribe(c, NULL, note, NULL, &s), 0);
	pump(c);
	peer_expect(&peer, "future.subscribe");
	s = futured_subscription_unref(s);
	peer_hang_up(&peer);
	pump(c);
	ck_assert(TAILQ_EMPTY(&c->subscriptions));
	ck_assert(TAILQ_EMPTY(&c->requests.unsent));
}
END_TEST

static void release(futured_subscription *subscription, const struct futured_event *event, void *userdata)
{
	note(subscription, event, userdata);
	/* The event lives until the callback returns, also now. */
	s = futured_subscription_unref(subscription);
	ck_assert_int_eq(event->type, FUTURED_EVENT_READY);
}

START_TEST(released_inside_its_callback)
{
	ck_assert_int_eq(futured_subscribe(c, NULL, release, NULL, &s), 0);
	pump(c);
	peer_reply_subscribed(&peer, peer_expect(&peer, "future.subscribe"), 3, 10, false);
	peer_send_event(&peer, 3, 11, ID_A, "changed", "running", NULL);
	peer_send_event(&peer, 3, 12, ID_A, "changed", "succeeded", NULL);
	pump(c);
	ck_assert_str_eq(journal, "READY 10;");
	peer_expect(&peer, "future.unsubscribe");
}
END_TEST

START_TEST(a_failure_comes_along)
{
	struct event_wire wire = {
		.subscription = { .set = true, .value = 3 },
		.seq = { .set = true, .value = 11 },
		.event = slice_from_str("changed"),
		.state = slice_from_str("failed"),
	};
	struct failure_wire failure = { .kind = slice_from_str("lost"), .message = slice_from_str("gone") };

	subscribe();
	id_parse(ID_A, 36, &wire.id);
	peer_begin_event(&peer);
	fields_write_with(&peer.out, event_fields, &wire, 1);
	pack_str(&peer.out, "error");
	fields_write(&peer.out, failure_fields, &failure);
	peer_send(&peer);
	pump(c);
	ck_assert_str_eq(journal, "READY 10;changed a 11 3 lost: gone;");
}
END_TEST

static void count_in_order(futured_subscription *subscription, const struct futured_event *event, void *userdata)
{
	uint64_t *last = userdata;

	ck_assert_uint_eq(event->seq, event->type == FUTURED_EVENT_READY ? *last : *last + 1);
	*last = event->seq;
}

START_TEST(more_than_are_taken_at_once)
{
	const uint64_t end = 10 + 3 * CONN_DUE_MAX;
	uint64_t last = 10;

	ck_assert_int_eq(futured_subscribe(c, NULL, count_in_order, &last, &s), 0);
	pump(c);
	peer_reply_subscribed(&peer, peer_expect(&peer, "future.subscribe"), 3, 10, false);
	for (uint64_t seq = 11; seq <= end; seq++) {
		peer_send_event(&peer, 3, seq, ID_A, "progress", "running", "{}");
		if (seq % 32 == 0)
			ck_assert_int_eq(futured_process(c), 1);
		ck_assert_uint_le(c->n_due, CONN_DUE_MAX + CONN_MESSAGES_PER_TURN);
	}
	pump(c);
	ck_assert_uint_eq(last, end);
}
END_TEST

START_TEST(refused)
{
	static const char *const not_ids[] = { "x", NULL };
	struct futured_subscribe_options options = FUTURED_SUBSCRIBE_INIT;

	ck_assert_int_eq(futured_subscribe(c, NULL, NULL, NULL, &s), -EINVAL);
	ck_assert_int_eq(futured_subscribe(c, NULL, note, NULL, NULL), -EINVAL);
	options.ids = not_ids;
	ck_assert_int_eq(futured_subscribe(c, &options, note, NULL, &s), -EINVAL);
	options.labels = not_ids;
	ck_assert_int_eq(futured_subscribe(c, &options, note, NULL, &s), -EINVAL);
	options.ids = NULL;
	ck_assert_int_eq(futured_subscribe(c, &options, note, NULL, &s), -EINVAL);
	ck_assert_ptr_null(s);
	ck_assert(TAILQ_EMPTY(&c->subscriptions));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("subscription");
	TCase *tcase = tcase_create("subscription");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, events_in_order);
	tcase_add_test(tcase, of_some_futures);
	tcase_add_test(tcase, of_labels);
	tcase_add_test(tcase, goes_on_where_it_stopped);
	tcase_add_test(tcase, goes_on_before_anything_was_seen);
	tcase_add_test(tcase, another_database);
	tcase_add_test(tcase, released_while_it_is_made_anew);
	tcase_add_test(tcase, a_refused_one_ends);
	tcase_add_test(tcase, ends_with_the_connection);
	tcase_add_test(tcase, unsubscribes);
	tcase_add_test(tcase, released_before_it_stands);
	tcase_add_test(tcase, released_before_it_stands_and_the_connection_lost);
	tcase_add_test(tcase, released_inside_its_callback);
	tcase_add_test(tcase, a_failure_comes_along);
	tcase_add_test(tcase, more_than_are_taken_at_once);
	tcase_add_test(tcase, refused);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
