/* test_list.c - lists of futures: filters, order, pages. */
#include "tests/sim/fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct create_request keyed(const char *script, const char *key)
{
	struct create_request request = client_request(script);

	request.key = slice_from_str(key);
	return request;
}

/* Create and let the commit happen. */
static struct answer create(uid_t uid, struct create_request request)
{
	struct answer answer;

	client_create(sim, uid, &request, &answer);
	sim_commit(sim);
	ck_assert_uint_eq(answer.calls, answer.calls == 0 && answer.code != ERROR_NONE ? 0 : 1);
	return answer;
}

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
	struct create_request request = keyed("polls=4", "k");
	struct answer first = create(1000, keyed("", "k")), gone, late, other;
	struct list_filter filter = { 0 };
	struct listing all;

	client_finish(sim, &first.id, HOUR);
	client_forget(sim, 1000, &first.id, &gone);
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

static Suite *list_suite(void)
{
	Suite *suite = suite_create("list");
	TCase *tcase = tcase_create("list");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, lists);
	tcase_add_test(tcase, list_by_prefix);
	tcase_add_test(tcase, the_order_of_a_list_is_that_of_ids);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(list_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
