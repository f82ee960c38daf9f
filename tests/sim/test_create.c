/* test_create.c - creation: durable before told, keys, limits, access. */
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

START_TEST(durable_before_told)
{
	struct create_request request = client_request("polls=1");
	struct answer answer;

	sim->commit_usec = UINT64_MAX;
	client_create(sim, 1000, &request, &answer);
	sim_run(sim, HOUR);
	ck_assert_uint_eq(answer.calls, 0);
	ck_assert_uint_eq(disk_count(sim->disk), 0);
	ck_assert_uint_eq(service_in_flight(sim->service), 0);
	store_sim_commit(sim->store, 1);
	ck_assert_uint_eq(answer.calls, 0);
	store_dispatch(sim->store);
	ck_assert_uint_eq(answer.calls, 1);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	ck_assert(answer.flag);
	ck_assert_int_eq(answer.state, STORE_PENDING);
	ck_assert_ptr_nonnull(disk_find(sim->disk, answer.id.bytes));
}
END_TEST

START_TEST(not_seen_before_it_is_durable)
{
	struct create_request request = client_request("polls=1");
	struct broker_stats stats;
	struct listener listener;
	struct answer answer;

	sim->commit_usec = UINT64_MAX;
	listener_open(sim, 0, NULL, false, 0, &listener);
	client_create(sim, 1000, &request, &answer);
	broker_stats(sim->broker, &stats);
	ck_assert_uint_eq(stats.created, 0);
	ck_assert_uint_eq(stats.futures[STORE_PENDING], 0);
	ck_assert_uint_eq(stats.seq, 0);
	ck_assert_uint_eq(listener.count, 0);
	sim_commit(sim);
	broker_stats(sim->broker, &stats);
	ck_assert_uint_eq(stats.created, 1);
	ck_assert_uint_eq(stats.seq, 1);
	ck_assert_uint_eq(listener.count, 1);
	ck_assert_int_eq(listener.events[0].event, STORE_EVENT_CREATED);
	listener_close(&listener);
}
END_TEST

START_TEST(what_is_stored)
{
	struct store_label labels[] = { { (char *)"app", (char *)"x" }, { (char *)"run", (char *)"7" } };
	struct create_request request = keyed("polls=1 ttl=5", "k");
	const struct future_rec *rec;
	struct answer answer;

	request.source.profile = slice_from_str("google-lro");
	request.source.params = slice_from_str("{\"a\":1}");
	request.labels = labels;
	request.n_labels = 2;
	request.mode = 0640;
	request.timeout_kind = CREATE_GIVEN;
	request.timeout_usec = 90 * SECOND;
	answer = create(1000, request);
	rec = &disk_find(sim->disk, answer.id.bytes)->rec;
	ck_assert_uint_eq(rec->uid, 1000);
	ck_assert_uint_eq(rec->mode, 0640);
	ck_assert_str_eq(rec->profile, "google-lro");
	ck_assert_str_eq(rec->key, "k");
	ck_assert_uint_eq(rec->n_labels, 2);
	ck_assert_str_eq(rec->labels[1].name, "run");
	ck_assert_str_eq(rec->labels[1].value, "7");
	ck_assert_int_eq(rec->ttl_ms, 5000);
	ck_assert_int_eq(rec->created_at_ms, sim_wall_ms(sim));
	ck_assert_int_eq(rec->deadline_at_ms, sim_wall_ms(sim) + 90000);
	ck_assert_int_eq(rec->result_size, -1);
	ck_assert_uint_ne(rec->seq, 0);
	ck_assert_str_eq(disk_find(sim->disk, answer.id.bytes)->texts.params, "{\"a\":1}");
}
END_TEST

START_TEST(ttl_and_timeout_of_the_request_go_before_the_plan)
{
	static const struct {
		int kind;
		int64_t ttl_ms;
		bool deadline;
	} cases[] = { { CREATE_DEFAULT, 60000, true }, { CREATE_NONE, -1, false }, { CREATE_GIVEN, 7000, true } };

	for (size_t i = 0; i < 3; i++) {
		struct create_request request = client_request("polls=1 ttl=60 polling_timeout=30");
		const struct future_rec *rec;
		struct answer answer;

		request.ttl_kind = request.timeout_kind = cases[i].kind;
		request.ttl_usec = request.timeout_usec = 7 * SECOND;
		answer = create(1000, request);
		rec = &disk_find(sim->disk, answer.id.bytes)->rec;
		ck_assert_int_eq(rec->ttl_ms, cases[i].ttl_ms);
		ck_assert_int_eq(rec->deadline_at_ms,
		    cases[i].deadline ? sim_wall_ms(sim) + (cases[i].kind == CREATE_GIVEN ? 7000 : 30000) : 0);
	}
}
END_TEST

START_TEST(same_key_same_future)
{
	struct answer first = create(1000, keyed("polls=3", "k"));
	struct answer second = create(1000, keyed("polls=3", "k"));

	ck_assert(first.flag && !second.flag);
	ck_assert_int_eq(id_compare(&first.id, &second.id), 0);
	ck_assert_uint_eq(disk_count(sim->disk), 1);
	/* Another user's key is another key. */
	second = create(1001, keyed("polls=3", "k"));
	ck_assert(second.flag);
	ck_assert_int_ne(id_compare(&first.id, &second.id), 0);
	/* Also when it is over, and after a restart. */
	client_finish(sim, &first.id, HOUR);
	sim_restart(sim, SECOND);
	second = create(1000, keyed("polls=3", "k"));
	ck_assert(!second.flag);
	ck_assert_int_eq(id_compare(&first.id, &second.id), 0);
	ck_assert_int_eq(second.state, STORE_SUCCEEDED);
}
END_TEST

START_TEST(another_spec_under_a_key_is_a_conflict)
{
	struct create_request request = keyed("polls=3", "k");
	struct answer first = create(1000, request), second;

	second = create(1000, keyed("polls=4", "k"));
	ck_assert_int_eq(second.code, ERROR_KEY_CONFLICT);
	request.source.params = slice_from_str("{\"x\":2}");
	second = create(1000, request);
	ck_assert_int_eq(second.code, ERROR_KEY_CONFLICT);
	request = keyed("polls=3", "k");
	request.source.profile = slice_from_str("other");
	second = create(1000, request);
	ck_assert_int_eq(second.code, ERROR_KEY_CONFLICT);
	/* What is not part of the operation is not compared. */
	request = keyed("polls=3", "k");
	request.mode = 0666;
	second = create(1000, request);
	ck_assert_int_eq(id_compare(&first.id, &second.id), 0);
}
END_TEST

START_TEST(two_at_once_under_a_key)
{
	struct create_request request = keyed("polls=3", "k"), other = keyed("polls=4", "k");
	struct answer a, b, c;

	sim->commit_usec = UINT64_MAX;
	client_create(sim, 1000, &request, &a);
	client_create(sim, 1000, &request, &b);
	client_create(sim, 1000, &other, &c);
	ck_assert_uint_eq(a.calls + b.calls + c.calls, 0);
	sim_commit(sim);
	ck_assert(a.flag && !b.flag);
	ck_assert_int_eq(id_compare(&a.id, &b.id), 0);
	ck_assert_int_eq(c.code, ERROR_KEY_CONFLICT);
	ck_assert_uint_eq(a.calls + b.calls + c.calls, 3);
	ck_assert_uint_eq(disk_count(sim->disk), 1);
}
END_TEST

START_TEST(the_second_takes_over_when_the_first_is_refused)
{
	struct create_request request = keyed("polls=3", "k");
	struct answer a, b;

	sim->commit_usec = UINT64_MAX;
	disk_set_full(sim->disk, true);
	client_create(sim, 1000, &request, &a);
	client_create(sim, 1000, &request, &b);
	store_sim_commit(sim->store, 1);
	store_dispatch(sim->store);
	ck_assert_int_eq(a.code, ERROR_DISK_FULL);
	disk_set_full(sim->disk, false);
	sim_commit(sim);
	ck_assert_int_eq(b.code, ERROR_NONE);
	ck_assert(b.flag);
	ck_assert_uint_eq(b.calls, 1);
}
END_TEST

START_TEST(a_forgotten_key_is_free)
{
	struct answer first = create(1000, keyed("", "k")), gone, second, third;
	struct create_request request = keyed("polls=4", "k");

	client_finish(sim, &first.id, HOUR);
	sim->commit_usec = UINT64_MAX;
	/* Already while the removal is on its way. */
	client_forget(sim, 1000, &first.id, &gone);
	client_create(sim, 1000, &request, &second);
	client_create(sim, 1000, &request, &third);
	sim_commit(sim);
	ck_assert_uint_eq(gone.calls, 1);
	ck_assert_int_eq(gone.code, ERROR_NONE);
	ck_assert_int_eq(second.code, ERROR_NONE);
	ck_assert(second.flag);
	ck_assert_int_ne(id_compare(&first.id, &second.id), 0);
	ck_assert_int_eq(third.code, ERROR_NONE);
	ck_assert_int_eq(id_compare(&second.id, &third.id), 0);
	ck_assert_uint_eq(disk_count(sim->disk), 1);
}
END_TEST

START_TEST(refused_requests)
{
	struct create_request request = client_request("invalid");
	struct create_request odd_mode = client_request("polls=1"), empty_key = client_request("polls=1");
	char key[PROTO_KEY_MAX + 1];
	struct answer answer;

	odd_mode.mode = 0604;
	empty_key.key = slice_from_str("");
	ck_assert_int_eq(create(1000, request).code, ERROR_INVALID_SPEC);
	ck_assert_int_eq(create(1000, odd_mode).code, ERROR_INVALID_ARGUMENT);
	ck_assert_int_eq(create(1000, empty_key).code, ERROR_INVALID_ARGUMENT);
	memset(key, 'k', sizeof(key));
	empty_key.key = (struct slice){ key, sizeof(key) };
	ck_assert_int_eq(create(1000, empty_key).code, ERROR_INVALID_ARGUMENT);
	empty_key.key.len--;
	answer = create(1000, empty_key);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	ck_assert_uint_eq(disk_count(sim->disk), 1);
}
END_TEST

START_TEST(a_user_has_a_limit)
{
	struct broker_config config = sim->config;
	struct answer last, gone;

	config.futures_per_uid = 3;
	broker_configure(sim->broker, &config);
	for (int i = 0; i < 3; i++)
		last = create(1000, client_request("polls=1"));
	ck_assert_int_eq(last.code, ERROR_NONE);
	ck_assert_int_eq(create(1000, client_request("polls=1")).code, ERROR_LIMIT);
	ck_assert_int_eq(create(1001, client_request("polls=1")).code, ERROR_NONE);
	client_finish(sim, &last.id, HOUR);
	ck_assert_int_eq(create(1000, client_request("polls=1")).code, ERROR_LIMIT);
	client_forget(sim, 1000, &last.id, &gone);
	sim_commit(sim);
	ck_assert_int_eq(create(1000, client_request("polls=1")).code, ERROR_NONE);
	ck_assert_int_eq(create(1000, client_request("polls=1")).code, ERROR_LIMIT);
	/* Refused ones do not count. */
	ck_assert_int_eq(create(1001, client_request("invalid")).code, ERROR_INVALID_SPEC);
	ck_assert_int_eq(create(1001, client_request("polls=1")).code, ERROR_NONE);
	ck_assert_int_eq(create(1001, client_request("polls=1")).code, ERROR_NONE);
	ck_assert_int_eq(create(1001, client_request("polls=1")).code, ERROR_LIMIT);
}
END_TEST

START_TEST(a_key_that_exists_is_no_new_future)
{
	struct broker_config config = sim->config;
	struct answer first;

	config.futures_per_uid = 1;
	broker_configure(sim->broker, &config);
	first = create(1000, keyed("polls=1", "k"));
	ck_assert_int_eq(first.code, ERROR_NONE);
	ck_assert_int_eq(create(1000, keyed("polls=1", "k")).code, ERROR_NONE);
	ck_assert_int_eq(create(1000, keyed("polls=1", "l")).code, ERROR_LIMIT);
}
END_TEST

START_TEST(a_full_disk_refuses_new_ones_only)
{
	struct id running = client_make(sim, "polls=3 progress");
	struct answer refused;

	disk_set_full(sim->disk, true);
	refused = create(1000, client_request("polls=1"));
	ck_assert_int_eq(refused.code, ERROR_DISK_FULL);
	ck_assert_uint_eq(refused.calls, 1);
	ck_assert_int_eq(client_finish(sim, &running, HOUR), STORE_SUCCEEDED);
	disk_set_full(sim->disk, false);
	ck_assert_int_eq(create(1000, client_request("polls=1")).code, ERROR_NONE);
}
END_TEST

START_TEST(no_memory_in_the_store)
{
	struct answer refused;

	store_sim_refuse(sim->store, 1);
	refused = create(1000, client_request("polls=1"));
	ck_assert_int_eq(refused.code, ERROR_OUT_OF_MEMORY);
	ck_assert_uint_eq(refused.calls, 0);
	ck_assert_int_eq(create(1000, client_request("polls=1")).code, ERROR_NONE);
}
END_TEST

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

START_TEST(nothing_new_while_stopping)
{
	struct create_request request = client_request("polls=1");
	struct answer answer;

	broker_stop(sim->broker);
	client_create(sim, 1000, &request, &answer);
	ck_assert_int_eq(answer.code, ERROR_SHUTTING_DOWN);
	ck_assert_uint_eq(answer.calls, 0);
}
END_TEST
static Suite *create_suite(void)
{
	Suite *suite = suite_create("create");
	TCase *tcase = tcase_create("create");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, durable_before_told);
	tcase_add_test(tcase, not_seen_before_it_is_durable);
	tcase_add_test(tcase, what_is_stored);
	tcase_add_test(tcase, ttl_and_timeout_of_the_request_go_before_the_plan);
	tcase_add_test(tcase, same_key_same_future);
	tcase_add_test(tcase, another_spec_under_a_key_is_a_conflict);
	tcase_add_test(tcase, two_at_once_under_a_key);
	tcase_add_test(tcase, the_second_takes_over_when_the_first_is_refused);
	tcase_add_test(tcase, a_forgotten_key_is_free);
	tcase_add_test(tcase, refused_requests);
	tcase_add_test(tcase, a_user_has_a_limit);
	tcase_add_test(tcase, a_key_that_exists_is_no_new_future);
	tcase_add_test(tcase, a_full_disk_refuses_new_ones_only);
	tcase_add_test(tcase, no_memory_in_the_store);
	tcase_add_test(tcase, access_by_mode);
	tcase_add_test(tcase, what_one_may_not_see_does_not_exist);
	tcase_add_test(tcase, nothing_new_while_stopping);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(create_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
