/* test_subscribe.c - subscriptions: order, filters, replay, and readers that cannot keep up. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Rising numbers, and of each future: created first, one end at most, forgotten last. */
static void check_order(const struct listener *listener)
{
	for (size_t i = 1; i < listener->count; i++)
		ck_assert_uint_gt(listener->events[i].seq, listener->events[i - 1].seq);
}

/* The states that one future was said to have, "PRS" for pending, running, succeeded; 'F', 'C', 'x' forgotten,
 * 'p' progress. */
static const char *story(const struct listener *listener, const struct id *id)
{
	static const char letters[] = "PRSFC";
	static char text[256];
	size_t len = 0;

	for (size_t i = 0; i < listener->count && len < sizeof(text) - 1; i++) {
		const struct broker_event *event = &listener->events[i];

		if (id_compare(&event->id, id) != 0)
			continue;
		text[len++] = event->event == STORE_EVENT_PROGRESS ? 'p' :
		    event->event == STORE_EVENT_FORGOTTEN ? 'x' : letters[event->state];
	}
	text[len] = '\0';
	return text;
}

static void forget(const struct id *id)
{
	struct answer answer;

	client_forget(sim, 1000, id, &answer);
	sim_commit(sim);
	ck_assert_int_eq(answer.code, ERROR_NONE);
}

START_TEST(the_story_of_a_future)
{
	struct listener listener;
	struct id id;

	listener_open(sim, 1000, NULL, false, 0, &listener);
	id = client_make(sim, "submit polls=2 progress");
	client_finish(sim, &id, HOUR);
	forget(&id);
	check_order(&listener);
	ck_assert_str_eq(story(&listener, &id), "PRpppSx");
	ck_assert_int_eq(listener.events[0].event, STORE_EVENT_CREATED);
	ck_assert_uint_eq(listener.events[0].seq, listener.seq + 1);
	listener_close(&listener);
}
END_TEST

START_TEST(only_after_the_commit)
{
	struct id id = client_make(sim, "polls=1");
	struct listener listener;

	listener_open(sim, 1000, NULL, false, 0, &listener);
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, HOUR);
	store_sim_commit(sim->store, SIZE_MAX);
	ck_assert_str_eq(story(&listener, &id), "");
	store_dispatch(sim->store);
	ck_assert_str_eq(story(&listener, &id), "RS");
	listener_close(&listener);
}
END_TEST

START_TEST(nothing_of_the_past_without_since)
{
	struct id before = client_make(sim, ""), after;
	struct listener listener;

	client_finish(sim, &before, HOUR);
	listener_open(sim, 1000, NULL, false, 0, &listener);
	ck_assert_uint_eq(listener.seq, disk_last_seq(sim->disk));
	ck_assert(!listener.truncated);
	after = client_make(sim, "");
	client_finish(sim, &after, HOUR);
	ck_assert_str_eq(story(&listener, &before), "");
	ck_assert_str_eq(story(&listener, &after), "PRS");
	listener_close(&listener);
}
END_TEST

START_TEST(by_id)
{
	struct id wanted = client_make(sim, "polls=1"), other = client_make(sim, "polls=1");
	struct subscribe_filter filter = { .ids = &wanted, .n_ids = 1 };
	struct listener listener;

	listener_open(sim, 1000, &filter, false, 0, &listener);
	sim_run(sim, 60 * SECOND);
	ck_assert_str_eq(story(&listener, &wanted), "S");
	ck_assert_str_eq(story(&listener, &other), "");
	listener_close(&listener);
	filter.ids = &other;
	listener_open(sim, 1001, &filter, false, 0, &listener);
	ck_assert_int_eq(listener.code, ERROR_NOT_FOUND);
}
END_TEST

START_TEST(by_label)
{
	struct store_label labels[2] = { { (char *)"app", (char *)"x" }, { (char *)"run", (char *)"7" } };
	struct create_request request = client_request("polls=1");
	struct subscribe_filter filter = { .labels = labels, .n_labels = 2 };
	struct answer both, one;
	struct listener listener;

	listener_open(sim, 1000, &filter, false, 0, &listener);
	request.labels = labels;
	request.n_labels = 2;
	client_create(sim, 1000, &request, &both);
	request.n_labels = 1;
	client_create(sim, 1000, &request, &one);
	sim_run(sim, 60 * SECOND);
	ck_assert_str_eq(story(&listener, &both.id), "PRS");
	ck_assert_str_eq(story(&listener, &one.id), "");
	forget(&both.id);
	ck_assert_str_eq(story(&listener, &both.id), "PRSx");
	listener_close(&listener);
}
END_TEST

START_TEST(only_what_one_may_see)
{
	struct create_request request = client_request("polls=1");
	struct listener stranger, root;
	struct answer shared;
	struct id own;

	listener_open(sim, 1001, NULL, false, 0, &stranger);
	listener_open(sim, 0, NULL, false, 0, &root);
	own = client_make(sim, "polls=1");
	request.mode = 0644;
	client_create(sim, 1000, &request, &shared);
	sim_run(sim, 60 * SECOND);
	forget(&own);
	forget(&shared.id);
	ck_assert_str_eq(story(&stranger, &own), "");
	ck_assert_str_eq(story(&stranger, &shared.id), "PRSx");
	ck_assert_str_eq(story(&root, &own), "PRSx");
	listener_close(&stranger);
	listener_close(&root);
}
END_TEST

START_TEST(replay)
{
	struct id gone = client_make(sim, ""), id = client_make(sim, "polls=1 progress");
	struct listener all, late, now;
	uint64_t middle;

	client_finish(sim, &gone, HOUR);
	middle = disk_last_seq(sim->disk);
	forget(&gone);
	client_finish(sim, &id, HOUR);
	listener_open(sim, 1000, NULL, true, 0, &all);
	listener_open(sim, 1000, NULL, true, middle, &late);
	listener_open(sim, 1000, NULL, true, disk_last_seq(sim->disk), &now);
	ck_assert(!all.truncated && !late.truncated && !now.truncated);
	sim_commit(sim);
	check_order(&all);
	ck_assert_str_eq(story(&all, &gone), "PRSx");
	/* Progress is merged into what came after it. */
	ck_assert_str_eq(story(&all, &id), "PRS");
	ck_assert_uint_gt(late.events[0].seq, middle);
	ck_assert_uint_lt(late.count, all.count);
	ck_assert_uint_eq(now.count, 0);
	/* And on it goes. */
	id = client_make(sim, "");
	client_finish(sim, &id, HOUR);
	ck_assert_str_eq(story(&all, &id), "PRS");
	ck_assert_str_eq(story(&late, &id), "PRS");
	ck_assert_str_eq(story(&now, &id), "PRS");
	check_order(&all);
	listener_close(&all);
	listener_close(&late);
	listener_close(&now);
}
END_TEST

START_TEST(replay_while_events_go_on)
{
	struct listener listener;
	struct id ids[20];

	for (int i = 0; i < 10; i++)
		ids[i] = client_make(sim, "polls=20 polling=0.05/0.05/1");
	sim_run(sim, SECOND / 2);
	/* The page is read in the same commit as new events are written. */
	sim->commit_usec = UINT64_MAX;
	sim_run(sim, SECOND);
	listener_open(sim, 1000, NULL, true, 0, &listener);
	sim_run(sim, SECOND);
	sim->commit_usec = 300000;
	for (int i = 10; i < 20; i++)
		ids[i] = client_make(sim, "polls=2 polling=0.05/0.05/1");
	sim_run(sim, 60 * SECOND);
	check_order(&listener);
	for (int i = 0; i < 20; i++)
		ck_assert_str_eq(story(&listener, &ids[i]), "PRS");
	listener_close(&listener);
}
END_TEST

START_TEST(a_replay_of_many_pages)
{
	struct listener listener;
	struct id ids[400];

	for (int i = 0; i < 400; i++)
		ids[i] = client_make(sim, "polls=2");
	sim_run(sim, 600 * SECOND);
	listener_open(sim, 1000, NULL, true, 0, &listener);
	sim_commit(sim);
	check_order(&listener);
	ck_assert_uint_eq(listener.count, 1200);
	for (int i = 0; i < 400; i++)
		ck_assert_str_eq(story(&listener, &ids[i]), "PRS");
	listener_close(&listener);
}
END_TEST

START_TEST(a_log_that_does_not_reach_back)
{
	struct listener listener;
	uint64_t oldest;

	sim = sim_free(sim);
	sim = sim_new_with_log(1, 10);
	for (int i = 0; i < 10; i++)
		client_make(sim, "");
	sim_run(sim, 60 * SECOND);
	oldest = disk_oldest_seq(sim->disk);
	ck_assert_uint_eq(oldest, 21);
	listener_open(sim, 1000, NULL, true, 5, &listener);
	ck_assert(listener.truncated);
	sim_commit(sim);
	ck_assert_uint_eq(listener.count, 10);
	listener_close(&listener);
	listener_open(sim, 1000, NULL, true, oldest - 1, &listener);
	ck_assert(!listener.truncated);
	listener_close(&listener);
	listener_open(sim, 1000, NULL, true, oldest - 2, &listener);
	ck_assert(listener.truncated);
	listener_close(&listener);
}
END_TEST

/* One that reads on too late is told so, and told nothing that would hide the gap; one at the log's edge misses nothing. */
START_TEST(a_reader_slower_than_the_log)
{
	struct listener slow, edge;
	size_t told;

	sim = sim_free(sim);
	sim = sim_new_with_log(1, 10);
	listener_open(sim, 1000, NULL, false, 0, &slow);
	client_make(sim, "polls=2");
	told = slow.count;
	slow.refuse = true;
	for (int i = 0; i < 10; i++)
		client_make(sim, "polls=2");
	sim_run(sim, 60 * SECOND);
	listener_open(sim, 1000, NULL, true, disk_oldest_seq(sim->disk) - 1, &edge);
	slow.refuse = false;
	subscription_resume(slow.subscription);
	sim_commit(sim);
	ck_assert_uint_eq(slow.lost, 1);
	ck_assert_uint_eq(slow.count, told);
	ck_assert_uint_eq(edge.lost, 0);
	ck_assert_uint_eq(edge.count, 10);
	client_make(sim, "");
	subscription_resume(slow.subscription);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(slow.count, told);
	ck_assert_uint_eq(slow.lost, 1);
	listener_close(&slow);
	listener_close(&edge);
}
END_TEST

START_TEST(replay_over_a_restart)
{
	struct id id = client_make(sim, "polls=5 polling=1/1/1");
	struct listener listener;
	uint64_t seen;

	listener_open(sim, 1000, NULL, false, 0, &listener);
	sim_run(sim, 2 * SECOND);
	seen = disk_last_seq(sim->disk);
	sim_crash(sim, HOUR);
	listener.subscription = NULL;
	listener_close(&listener);
	sim_run(sim, SECOND);
	listener_open(sim, 1000, NULL, true, seen, &listener);
	sim_run(sim, 60 * SECOND);
	ck_assert_str_eq(story(&listener, &id), "S");
	listener_close(&listener);
}
END_TEST

START_TEST(a_number_of_the_future_is_refused)
{
	struct listener listener;

	client_make(sim, "");
	listener_open(sim, 1000, NULL, true, disk_last_seq(sim->disk) + 1000, &listener);
	ck_assert_int_eq(listener.code, ERROR_INVALID_ARGUMENT);
}
END_TEST

START_TEST(a_slow_reader_misses_no_state)
{
	struct listener listener;
	struct id ids[30];
	struct answer gone;

	listener_open(sim, 1000, NULL, false, 0, &listener);
	listener.refuse = true;
	for (int i = 0; i < 30; i++)
		ids[i] = client_make(sim, i % 2 ? "polls=30 progress polling=1/1/1" : "end=failure");
	sim_run(sim, 300 * SECOND);
	client_forget(sim, 1000, &ids[0], &gone);
	sim_run(sim, SECOND);
	ck_assert_uint_eq(listener.count, 0);
	/* One refusal is enough: it is not offered every event. */
	ck_assert_uint_eq(listener.refused, 1);
	listener.refuse = false;
	subscription_resume(listener.subscription);
	ck_assert_uint_eq(listener.count, 0);
	sim_run(sim, SECOND);
	check_order(&listener);
	ck_assert_str_eq(story(&listener, &ids[0]), "PRFx");
	ck_assert_str_eq(story(&listener, &ids[2]), "PRF");
	for (int i = 1; i < 30; i += 2) {
		const char *text = story(&listener, &ids[i]);
		size_t len = strlen(text);

		/* Progress may be merged; the states are all there, in order. */
		ck_assert_int_eq(text[0], 'P');
		ck_assert_int_eq(text[1] == 'p' ? 'R' : text[1], 'R');
		ck_assert_int_eq(text[len - 1], 'S');
		ck_assert_uint_lt(len, 3 + 30);
	}
	listener_close(&listener);
}
END_TEST

START_TEST(a_reader_that_stops_again_and_again)
{
	struct listener listener;
	struct id ids[50];

	listener_open(sim, 1000, NULL, false, 0, &listener);
	for (int i = 0; i < 50; i++)
		ids[i] = client_make(sim, "polls=5 polling=1/1/1");
	for (int i = 0; i < 200; i++) {
		listener.refuse = i % 3 == 0;
		if (!listener.refuse)
			subscription_resume(listener.subscription);
		sim_run(sim, SECOND / 10);
	}
	listener.refuse = false;
	subscription_resume(listener.subscription);
	sim_run(sim, 60 * SECOND);
	check_order(&listener);
	for (int i = 0; i < 50; i++)
		ck_assert_str_eq(story(&listener, &ids[i]), "PRS");
	listener_close(&listener);
}
END_TEST

START_TEST(resumed_without_need)
{
	struct listener listener;
	struct id id;

	listener_open(sim, 1000, NULL, false, 0, &listener);
	subscription_resume(listener.subscription);
	subscription_resume(listener.subscription);
	id = client_make(sim, "");
	client_finish(sim, &id, HOUR);
	ck_assert_str_eq(story(&listener, &id), "PRS");
	listener_close(&listener);
}
END_TEST

START_TEST(no_memory_for_a_page)
{
	struct listener listener;
	struct id id, other;

	listener_open(sim, 1000, NULL, false, 0, &listener);
	listener.refuse = true;
	id = client_make(sim, "");
	client_finish(sim, &id, HOUR);
	listener.refuse = false;
	store_sim_refuse(sim->store, 1);
	subscription_resume(listener.subscription);
	sim_run(sim, SECOND);
	/* The next event is the occasion to try again. */
	other = client_make(sim, "");
	client_finish(sim, &other, HOUR);
	sim_run(sim, SECOND);
	check_order(&listener);
	ck_assert_str_eq(story(&listener, &id), "PRS");
	ck_assert_str_eq(story(&listener, &other), "PRS");
	listener_close(&listener);
}
END_TEST

START_TEST(closed_while_a_page_is_on_its_way)
{
	struct listener listener;
	struct broker_stats stats;
	struct id id = client_make(sim, "");

	client_finish(sim, &id, HOUR);
	sim->commit_usec = UINT64_MAX;
	listener_open(sim, 1000, NULL, true, 0, &listener);
	broker_stats(sim->broker, &stats);
	ck_assert_uint_eq(stats.subscriptions, 1);
	listener_close(&listener);
	sim_commit(sim);
	ck_assert_uint_eq(listener.count, 0);
	broker_stats(sim->broker, &stats);
	ck_assert_uint_eq(stats.subscriptions, 0);
}
END_TEST

static Suite *subscribe_suite(void)
{
	Suite *suite = suite_create("subscribe");
	TCase *tcase = tcase_create("subscribe");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, the_story_of_a_future);
	tcase_add_test(tcase, only_after_the_commit);
	tcase_add_test(tcase, nothing_of_the_past_without_since);
	tcase_add_test(tcase, by_id);
	tcase_add_test(tcase, by_label);
	tcase_add_test(tcase, only_what_one_may_see);
	tcase_add_test(tcase, replay);
	tcase_add_test(tcase, replay_while_events_go_on);
	tcase_add_test(tcase, a_replay_of_many_pages);
	tcase_add_test(tcase, a_log_that_does_not_reach_back);
	tcase_add_test(tcase, a_reader_slower_than_the_log);
	tcase_add_test(tcase, replay_over_a_restart);
	tcase_add_test(tcase, a_number_of_the_future_is_refused);
	tcase_add_test(tcase, a_slow_reader_misses_no_state);
	tcase_add_test(tcase, a_reader_that_stops_again_and_again);
	tcase_add_test(tcase, resumed_without_need);
	tcase_add_test(tcase, no_memory_for_a_page);
	tcase_add_test(tcase, closed_while_a_page_is_on_its_way);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(subscribe_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
