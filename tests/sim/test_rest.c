/* test_rest.c - futures at rest: access, results, lists, forgetting, expiry. */
#include "tests/sim/client.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sim *sim;

static void setup(void)
{
	sim = sim_new(1);
}

static void teardown(void)
{
	ck_assert_msg(!sim_violation(sim), "%s", sim_violation(sim));
	sim = sim_free(sim);
}

/* Create and let the commit happen. */
static struct answer create(uid_t uid, struct create_request request)
{
	struct answer answer;

	client_create(sim, uid, &request, &answer);
	sim_commit(sim);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	return answer;
}

/* A future of uid 1000 and gid 1000, seen by: its owner, his group, a stranger, root. */
static void check_access(uint32_t mode, uid_t uid, gid_t group, bool read, bool write)
{
	struct create_request request = client_request("polls=1000");
	struct caller caller = { .uid = uid, .gid = 5, .groups = &group, .n_groups = 1 };
	const struct future *found;
	struct error error = { 0 };
	struct answer made, changed = { .sim = sim };
	int r;

	request.mode = mode;
	made = create(1000, request);
	r = broker_find(sim->broker, &caller, &made.id, &found, &error);
	ck_assert_int_eq(r, read ? 0 : error_errno(ERROR_NOT_FOUND));
	client_cancel(sim, uid, &made.id, &changed);
	if (group == 1000)
		return;                 /* client_cancel() knows no groups */
	sim_commit(sim);
	ck_assert_int_eq(changed.code, write ? ERROR_NONE : read ? ERROR_PERMISSION_DENIED : ERROR_NOT_FOUND);
}

START_TEST(access_by_mode)
{
	check_access(0600, 1000, 5, true, true);
	check_access(0600, 1001, 5, false, false);
	check_access(0600, 1001, 1000, false, false);
	check_access(0640, 1001, 1000, true, false);
	check_access(0644, 1001, 5, true, false);
	check_access(0666, 1001, 5, true, true);
	check_access(0660, 1001, 5, false, false);
	check_access(0600, 0, 5, true, true);
}
END_TEST

START_TEST(what_one_may_not_see_does_not_exist)
{
	struct id id = client_make(sim, "polls=1000");
	struct waiting waiting;
	struct answer answer;

	client_forget(sim, 1001, &id, &answer);
	ck_assert_int_eq(answer.code, ERROR_NOT_FOUND);
	client_extend(sim, 1001, &id, SECOND, &answer);
	ck_assert_int_eq(answer.code, ERROR_NOT_FOUND);
	client_retry(sim, 1001, &id, &answer);
	ck_assert_int_eq(answer.code, ERROR_NOT_FOUND);
	client_read_result(sim, 1001, &id, 0, 10, &answer);
	ck_assert_int_eq(answer.code, ERROR_NOT_FOUND);
	ck_assert_int_eq(client_refresh(sim, 1001, &id), ERROR_NOT_FOUND);
	client_wait(sim, 1001, &id, 1, WAIT_ALL_COMPLETED, UINT64_MAX, &waiting);
	ck_assert_int_eq(waiting.code, ERROR_NOT_FOUND);
}
END_TEST

START_TEST(result_in_pieces)
{
	struct id id = client_make(sim, "result=0123456789");
	struct future_view view;
	struct answer answer;

	client_read_result(sim, 1000, &id, 0, 100, &answer);
	ck_assert_int_eq(answer.code, ERROR_INVALID_STATE);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	view = client_view(sim, &id);
	ck_assert_int_eq(view.rec->result_size, 10);
	ck_assert_str_eq(view.rec->content_type, "text/plain");
	for (int again = 0; again < 2; again++) {
		client_read_result(sim, 1000, &id, 3, 4, &answer);
		sim_commit(sim);
		ck_assert_uint_eq(answer.len, 4);
		ck_assert_mem_eq(answer.bytes, "3456", 4);
	}
	client_read_result(sim, 1000, &id, 8, 100, &answer);
	sim_commit(sim);
	ck_assert_uint_eq(answer.len, 2);
	client_read_result(sim, 1000, &id, 10, 100, &answer);
	sim_commit(sim);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	ck_assert_uint_eq(answer.len, 0);
}
END_TEST

START_TEST(error_of_a_failed_one)
{
	struct id id = client_make(sim, "end=failure result=broken");
	struct future_view view;
	struct answer answer;

	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_FAILED);
	view = client_view(sim, &id);
	ck_assert_str_eq(view.rec->error_kind, "remote");
	ck_assert_str_eq(view.rec->error_message, "broken");
	ck_assert_str_eq(view.rec->error_code, "E1");
	ck_assert_int_eq(view.rec->error_http_status, 200);
	client_read_details(sim, 1000, &id, &answer);
	sim_commit(sim);
	ck_assert_uint_eq(answer.len, 7);
	ck_assert_mem_eq(answer.bytes, "details", 7);
	client_read_result(sim, 1000, &id, 0, 10, &answer);
	ck_assert_int_eq(answer.code, ERROR_INVALID_STATE);
}
END_TEST

START_TEST(forgetting)
{
	struct id id = client_make(sim, "");
	struct waiting waiting;
	struct answer answer;

	client_forget(sim, 1000, &id, &answer);
	ck_assert_int_eq(answer.code, ERROR_INVALID_STATE);
	client_finish(sim, &id, HOUR);
	sim->commit_usec = UINT64_MAX;
	client_forget(sim, 1000, &id, &answer);
	ck_assert_uint_eq(answer.calls, 0);
	sim_commit(sim);
	ck_assert_uint_eq(answer.calls, 1);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	ck_assert(!client_exists(sim, &id));
	ck_assert_uint_eq(disk_count(sim->disk), 0);
	client_forget(sim, 1000, &id, &answer);
	ck_assert_int_eq(answer.code, ERROR_NOT_FOUND);
	client_wait(sim, 1000, &id, 1, WAIT_ALL_COMPLETED, 0, &waiting);
	ck_assert_int_eq(waiting.code, ERROR_NOT_FOUND);
	sim_crash(sim, SECOND);
	ck_assert(!client_exists(sim, &id));
}
END_TEST

START_TEST(forgetting_twice_at_once)
{
	struct id id = client_make(sim, "");
	struct waiting waiting;
	struct answer first, second;

	client_finish(sim, &id, HOUR);
	client_forget(sim, 1000, &id, &first);
	client_forget(sim, 1000, &id, &second);
	client_wait(sim, 1000, &id, 1, WAIT_ALL_COMPLETED, 0, &waiting);
	sim_commit(sim);
	ck_assert_uint_eq(first.calls, 1);
	ck_assert_int_eq(first.code, ERROR_NONE);
	ck_assert_int_eq(second.code, ERROR_NOT_FOUND);
	ck_assert_int_eq(waiting.code, ERROR_NOT_FOUND);
}
END_TEST

START_TEST(expires_after_its_ttl)
{
	struct id id = client_make(sim, "ttl=100");
	struct id forever = client_make(sim, "ttl=none");

	client_finish(sim, &id, HOUR);
	sim_run(sim, 99 * SECOND);
	ck_assert(client_exists(sim, &id));
	sim_run(sim, 2 * SECOND);
	ck_assert(!client_exists(sim, &id));
	ck_assert_uint_eq(disk_count(sim->disk), 1);
	sim_run(sim, 100000 * HOUR);
	ck_assert(client_exists(sim, &forever));
}
END_TEST

START_TEST(expires_while_the_daemon_is_down)
{
	struct id id = client_make(sim, "ttl=100"), later = client_make(sim, "ttl=10000");

	client_finish(sim, &id, HOUR);
	client_finish(sim, &later, HOUR);
	sim_restart(sim, 50 * SECOND);
	sim_run(sim, SECOND);
	ck_assert(client_exists(sim, &id));
	sim_restart(sim, 60 * SECOND);
	sim_run(sim, SECOND);
	ck_assert(!client_exists(sim, &id));
	ck_assert(client_exists(sim, &later));
}
END_TEST

START_TEST(kept_until_delivered)
{
	struct id id = client_make(sim, "deliver ttl=100");
	struct id other = client_make(sim, "deliver ttl=100");

	client_finish(sim, &id, HOUR);
	client_finish(sim, &other, HOUR);
	/* Delivered in time: it goes when its time is over. */
	broker_delivered(sim->broker, &id);
	sim_run(sim, 10 * SECOND);
	ck_assert(client_exists(sim, &id));
	sim_run(sim, 200 * SECOND);
	ck_assert(!client_exists(sim, &id));
	/* Not delivered: it waits, over a restart too, and goes with the delivery. */
	ck_assert(client_exists(sim, &other));
	sim_crash(sim, HOUR);
	sim_run(sim, HOUR);
	ck_assert(client_exists(sim, &other));
	broker_delivered(sim->broker, &other);
	sim_run(sim, SECOND);
	ck_assert(!client_exists(sim, &other));
}
END_TEST

struct listing {
	struct id ids[64];
	size_t count, stop_at;
};

static bool on_listed(void *arg, const struct future *future)
{
	struct listing *listing = arg;
	struct future_view view;

	future_view(future, &view);
	listing->ids[listing->count++] = view.id;
	return listing->count != listing->stop_at;
}

static struct listing list(uid_t uid, const struct list_filter *filter, const struct id *after, size_t stop_at)
{
	struct listing listing = { .stop_at = stop_at };
	struct caller caller = client_caller(uid);

	broker_list(sim->broker, &caller, filter, after, on_listed, &listing);
	return listing;
}

START_TEST(lists)
{
	struct store_label labels[] = { { (char *)"app", (char *)"x" } };
	struct list_filter filter = { 0 };
	struct answer made[10], gone;
	struct listing page;

	for (int i = 0; i < 10; i++) {
		struct create_request request = client_request(i % 2 ? "polls=1000" : "");

		request.mode = i == 3 ? 0644 : 0600;
		request.labels = labels;
		request.n_labels = i < 4;
		request.source.profile = slice_from_str(i < 5 ? "p" : "q");
		made[i] = create(1000, request);
	}
	sim_run(sim, 60 * SECOND);
	page = list(1000, &filter, NULL, 4);
	ck_assert_uint_eq(page.count, 4);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(id_compare(&page.ids[i], &made[i].id), 0);
	/* The cursor may have been forgotten meanwhile. */
	client_forget(sim, 1000, &made[4].id, &gone);
	sim_commit(sim);
	page = list(1000, &filter, &made[4].id, 0);
	ck_assert_uint_eq(page.count, 5);
	ck_assert_int_eq(id_compare(&page.ids[0], &made[5].id), 0);
	ck_assert_uint_eq(list(1001, &filter, NULL, 0).count, 1);
	ck_assert_uint_eq(list(0, &filter, NULL, 0).count, 9);
	filter.has_state = true;
	filter.state = STORE_SUCCEEDED;
	ck_assert_uint_eq(list(1000, &filter, NULL, 0).count, 4);
	filter.profile = slice_from_str("p");
	ck_assert_uint_eq(list(1000, &filter, NULL, 0).count, 2);
	filter.has_state = false;
	filter.labels = labels;
	filter.n_labels = 1;
	ck_assert_uint_eq(list(1000, &filter, NULL, 0).count, 4);
	labels[0].value = (char *)"y";
	ck_assert_uint_eq(list(1000, &filter, NULL, 0).count, 0);
}
END_TEST

START_TEST(list_by_prefix)
{
	struct list_filter filter = { 0 };
	struct id id = client_make(sim, "");
	char text[ID_TEXT_LEN + 1];

	client_make(sim, "");
	id_format(&id, text);
	filter.prefix = (struct slice){ text, 1 };
	ck_assert_uint_eq(list(1000, &filter, NULL, 0).count, 2);
	filter.prefix.len = ID_TEXT_LEN;
	ck_assert_uint_eq(list(1000, &filter, NULL, 0).count, 1);
	filter.prefix = (struct slice){ "z", 1 };
	ck_assert_uint_eq(list(1000, &filter, NULL, 0).count, 0);
}
END_TEST

START_TEST(the_order_of_a_list_is_that_of_ids)
{
	struct create_request request = client_request("");
	struct answer first, gone, late, other;
	struct list_filter filter = { 0 };
	struct listing all;

	request.key = slice_from_str("k");
	first = create(1000, request);
	client_finish(sim, &first.id, HOUR);
	client_forget(sim, 1000, &first.id, &gone);
	request.source.spec = slice_from_str("polls=4");
	/* It has to look at the old one first; others are listed meanwhile. */
	client_create(sim, 1000, &request, &late);
	request.key = (struct slice){ 0 };
	client_create(sim, 1000, &request, &other);
	sim_commit(sim);
	all = list(1000, &filter, NULL, 0);
	ck_assert_uint_eq(all.count, 2);
	ck_assert_int_lt(id_compare(&all.ids[0], &all.ids[1]), 0);
}
END_TEST

static Suite *rest_suite(void)
{
	Suite *suite = suite_create("rest");
	TCase *tcase = tcase_create("rest");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, access_by_mode);
	tcase_add_test(tcase, what_one_may_not_see_does_not_exist);
	tcase_add_test(tcase, result_in_pieces);
	tcase_add_test(tcase, error_of_a_failed_one);
	tcase_add_test(tcase, forgetting);
	tcase_add_test(tcase, forgetting_twice_at_once);
	tcase_add_test(tcase, expires_after_its_ttl);
	tcase_add_test(tcase, expires_while_the_daemon_is_down);
	tcase_add_test(tcase, kept_until_delivered);
	tcase_add_test(tcase, lists);
	tcase_add_test(tcase, list_by_prefix);
	tcase_add_test(tcase, the_order_of_a_list_is_that_of_ids);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(rest_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
