/* test_group.c - groups: when they are done, and what their result lists. */
#include "tests/sim/fixture.h"

#include "daemon/broker/core.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char script[64 * (ID_TEXT_LEN + 1) + 64];

/* The script of a group; more: words that go before. */
static const char *group_of(const char *more, const struct id *ids, size_t count)
{
	int len = snprintf(script, sizeof(script), "kind=group %s%s", more, count ? " of=" : "");

	for (size_t i = 0; i < count; i++) {
		char text[ID_TEXT_LEN + 1];

		id_format(&ids[i], text);
		len += snprintf(script + len, sizeof(script) - (size_t)len, "%s%s", i ? "," : "", text);
	}
	return script;
}

static struct id make_group(const char *more, const struct id *ids, size_t count)
{
	return client_make(sim, group_of(more, ids, count));
}

/* Its whole result. */
static const char *result_of(const struct id *id)
{
	static char text[1 << 20];
	const struct disk_future *durable = disk_find(sim->disk, id->bytes);

	ck_assert_int_eq(client_state(sim, id), STORE_SUCCEEDED);
	ck_assert_str_eq(client_view(sim, id).rec->content_type, "application/json");
	ck_assert_uint_eq(service_asked(sim->service, id)->count, 0);
	ck_assert_uint_lt(durable->result.len, sizeof(text));
	memcpy(text, durable->result.data, durable->result.len);
	text[durable->result.len] = '\0';
	return text;
}

/* A member of a list, with the rest of its keys. */
static const char *member(const struct id *id, const char *rest)
{
	static char texts[8][512];
	static unsigned turn;
	char *text = texts[turn++ % 8], name[ID_TEXT_LEN + 1];

	id_format(id, name);
	snprintf(text, sizeof(texts[0]), "{\"id\":\"%s\",%s}", name, rest);
	return text;
}

static void assert_held(const struct id *id)
{
	struct future_view view = client_view(sim, id);

	ck_assert_int_eq(view.state, STORE_PENDING);
	ck_assert_str_eq(view.condition, "waiting");
	ck_assert_int_eq(view.rec->kind, STORE_KIND_GROUP);
}

START_TEST(all_of_them_in_order_duplicates_kept)
{
	struct id ids[4], group;
	char expected[4096];

	ids[0] = client_make(sim, "polls=9 polling=1/1/1 result={\"n\":1}");
	ids[1] = client_make(sim, "result=plain");
	ids[2] = client_make(sim, "polls=3 polling=1/1/1 end=failure result=a\"b\\c\td");
	ids[3] = ids[0];
	group = make_group("", ids, 4);
	ck_assert_uint_eq(client_view(sim, &group).rec->n_after, 3);
	sim_run(sim, 5 * SECOND);
	assert_held(&group);
	sim_run(sim, 6 * SECOND);
	snprintf(expected, sizeof(expected), "[%s,%s,%s,%s]",
	    member(&ids[0], "\"state\":\"succeeded\",\"content_type\":\"text/plain\",\"size\":7,\"result\":{\"n\":1}"),
	    member(&ids[1], "\"state\":\"succeeded\",\"content_type\":\"text/plain\",\"size\":5,\"base64\":\"plain\""),
	    member(&ids[2], "\"state\":\"failed\",\"error\":{\"kind\":\"remote\",\"message\":\"a\\\"b\\\\c\\u0009d\","
	    "\"code\":\"E1\",\"http_status\":200}"),
	    member(&ids[0], "\"state\":\"succeeded\",\"content_type\":\"text/plain\",\"size\":7,\"result\":{\"n\":1}"));
	ck_assert_str_eq(result_of(&group), expected);
	ck_assert_uint_eq(service_plans(sim->service), 0);
}
END_TEST

START_TEST(nobody)
{
	struct id group = make_group("", NULL, 0), any = make_group("until=any", NULL, 0);

	sim_run(sim, SECOND);
	ck_assert_str_eq(result_of(&group), "[]");
	ck_assert_str_eq(result_of(&any), "[]");
}
END_TEST

START_TEST(any_of_them)
{
	struct id ids[2], group;
	char expected[1024];

	ids[0] = client_make(sim, "end=never");
	ids[1] = client_make(sim, "polls=2 polling=1/1/1 end=lost");
	group = make_group("until=any", ids, 2);
	sim_run(sim, SECOND);
	assert_held(&group);
	sim_run(sim, 5 * SECOND);
	snprintf(expected, sizeof(expected), "[%s,%s]", member(&ids[0], "\"state\":\"running\""),
	    member(&ids[1], "\"state\":\"failed\",\"error\":{\"kind\":\"lost\",\"message\":\"unknown there\","
	    "\"http_status\":404}"));
	ck_assert_str_eq(result_of(&group), expected);
}
END_TEST

START_TEST(the_first_exception)
{
	struct id ids[3], group, later;
	struct answer answer;
	char text[ID_TEXT_LEN + 1];

	ids[0] = client_make(sim, "end=never");
	ids[1] = client_make(sim, "polls=50 polling=1/1/1 end=failure result=boom");
	ids[2] = client_make(sim, "polls=80 polling=1/1/1");
	group = make_group("until=first_exception", ids, 3);
	later = make_group("until=first_exception", ids + 2, 1);
	client_cancel(sim, 1000, &ids[0], &answer);
	sim_run(sim, 20 * SECOND);
	assert_held(&group);
	sim_run(sim, 40 * SECOND);
	ck_assert_int_eq(client_state(sim, &group), STORE_FAILED);
	ck_assert_str_eq(client_view(sim, &group).rec->error_kind, "dependency");
	id_format(&ids[1], text);
	ck_assert_ptr_nonnull(strstr(client_view(sim, &group).rec->error_message, text));
	ck_assert_ptr_nonnull(strstr(client_view(sim, &group).rec->error_message, "boom"));
	assert_held(&later);
	sim_run(sim, 40 * SECOND);
	ck_assert_ptr_nonnull(strstr(result_of(&later), "\"base64\":\"done\""));
	/* One whose member has failed before. */
	group = make_group("until=first_exception", ids, 3);
	sim_run(sim, SECOND);
	ck_assert_int_eq(client_state(sim, &group), STORE_FAILED);
}
END_TEST

START_TEST(a_forgotten_member_counts_as_over)
{
	struct id ids[2], all, first;
	struct answer answer;

	ids[0] = client_make(sim, "");
	ids[1] = client_make(sim, "polls=50 polling=1/1/1");
	sim_run(sim, SECOND);
	all = make_group("", ids, 2);
	first = make_group("until=first_exception", ids, 2);
	client_forget(sim, 1000, &ids[0], &answer);
	sim_run(sim, SECOND);
	ck_assert_int_eq(answer.code, ERROR_NONE);
	assert_held(&all);
	assert_held(&first);
	sim_crash(sim, SECOND);
	sim_run(sim, 60 * SECOND);
	ck_assert_ptr_nonnull(strstr(result_of(&all), member(&ids[0], "\"state\":\"forgotten\"")));
	ck_assert_ptr_nonnull(strstr(result_of(&first), member(&ids[0], "\"state\":\"forgotten\"")));
}
END_TEST

START_TEST(a_cancelled_group_leaves_its_members_alone)
{
	struct id id = client_make(sim, "polls=10 polling=1/1/1 ttl=5"), group = make_group("", &id, 1);
	struct answer answer;

	client_cancel(sim, 1000, &group, &answer);
	sim_run(sim, SECOND);
	ck_assert_int_eq(answer.state, STORE_CANCELLED);
	ck_assert_int_eq(client_finish(sim, &id, HOUR), STORE_SUCCEEDED);
	sim_run(sim, 6 * SECOND);
	ck_assert(!client_exists(sim, &id));
}
END_TEST

START_TEST(a_group_keeps_its_members)
{
	struct id ids[2], group;

	ids[0] = client_make(sim, "ttl=5 result=1");
	ids[1] = client_make(sim, "polls=100 polling=1/1/1 ttl=5 result=2");
	group = make_group("", ids, 2);
	sim_run(sim, 50 * SECOND);
	sim_crash(sim, 10 * SECOND);
	sim_run(sim, 10 * SECOND);
	ck_assert(client_exists(sim, &ids[0]));
	ck_assert_int_eq(client_finish(sim, &group, HOUR), STORE_SUCCEEDED);
	ck_assert_ptr_nonnull(strstr(result_of(&group), "\"result\":1"));
	ck_assert_ptr_nonnull(strstr(result_of(&group), "\"result\":2"));
	sim_run(sim, 10 * SECOND);
	ck_assert(!client_exists(sim, &ids[0]));
}
END_TEST

START_TEST(a_group_of_groups_and_what_comes_after_it)
{
	struct id ids[2], inner[2], outer, last;
	struct create_request request;

	ids[0] = client_make(sim, "polls=5 polling=1/1/1 result=1");
	ids[1] = client_make(sim, "polls=8 polling=1/1/1 result=2");
	inner[0] = make_group("", ids, 1);
	inner[1] = make_group("", ids, 2);
	outer = make_group("", inner, 2);
	request = client_request("");
	request.source.after = &outer;
	request.source.n_after = 1;
	last = client_make_request(sim, &request);
	ck_assert_int_eq(client_finish(sim, &last, HOUR), STORE_SUCCEEDED);
	ck_assert_ptr_nonnull(strstr(result_of(&outer), "\"result\":[{\"id\":"));
}
END_TEST

START_TEST(a_deadline)
{
	struct id id = client_make(sim, "end=never");
	struct create_request request = client_request(group_of("", &id, 1));
	struct id group;

	request.timeout_kind = CREATE_GIVEN;
	request.timeout_usec = 10 * SECOND;
	group = client_make_request(sim, &request);
	sim_run(sim, 11 * SECOND);
	ck_assert_int_eq(client_state(sim, &group), STORE_FAILED);
	ck_assert_str_eq(client_view(sim, &group).rec->error_kind, "deadline");
	ck_assert_int_eq(client_state(sim, &id), STORE_RUNNING);
}
END_TEST

START_TEST(what_may_not_be_a_member)
{
	struct id ids[2] = { client_make(sim, "end=never"), { { 1 } } };
	struct create_request request = client_request(group_of("", ids, 2));
	struct answer answer;

	client_create(sim, 1000, &request, &answer);
	ck_assert_int_eq(answer.code, ERROR_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(answer.message, "of[1]: no such future"));
	request = client_request(group_of("", ids, 1));
	client_create(sim, 1001, &request, &answer);
	ck_assert_int_eq(answer.code, ERROR_NOT_FOUND);
	request.source.after = ids;
	request.source.n_after = 1;
	client_create(sim, 1000, &request, &answer);
	ck_assert_int_eq(answer.code, ERROR_INVALID_ARGUMENT);
	ck_assert_ptr_nonnull(strstr(answer.message, "its members alone"));
}
END_TEST

/* Something happens to a group or its members while the results are read: each read takes a commit's time. */
START_TEST(changes_while_results_are_read)
{
	for (unsigned reads = 0; reads < 5; reads++) {
		struct id ids[4], groups[3];
		struct answer forgotten, cancelled;

		for (size_t i = 0; i < 4; i++)
			ids[i] = client_make(sim, "result=5");
		sim_run(sim, SECOND);
		for (size_t i = 0; i < 3; i++)
			groups[i] = make_group("", ids, 4);
		for (unsigned i = 0; i < reads; i++)
			sim_run(sim, 1000);
		client_cancel(sim, 1000, &groups[reads % 3], &cancelled);
		client_forget(sim, 1000, &ids[3], &forgotten);
		sim_run(sim, 10 * SECOND);
		ck_assert_int_eq(cancelled.code, ERROR_NONE);
		for (size_t i = 0; i < 3; i++) {
			ck_assert(client_view(sim, &groups[i]).terminal);
			if (client_state(sim, &groups[i]) == STORE_SUCCEEDED)
				ck_assert_ptr_nonnull(strstr(result_of(&groups[i]), "\"result\":5"));
		}
	}
}
END_TEST

START_TEST(a_crash_while_results_are_read)
{
	for (unsigned reads = 0; reads < 8; reads++) {
		struct id ids[3], group;

		for (size_t i = 0; i < 3; i++)
			ids[i] = client_make(sim, "result=5");
		sim_run(sim, SECOND);
		group = make_group("", ids, 3);
		for (unsigned i = 0; i < reads; i++)
			sim_run(sim, 700);
		sim_crash(sim, SECOND);
		ck_assert_int_eq(client_finish(sim, &group, 5 * SECOND), STORE_SUCCEEDED);
		ck_assert_ptr_nonnull(strstr(result_of(&group), "\"result\":5"));
	}
}
END_TEST

START_TEST(a_stop_while_results_are_read)
{
	struct id id = client_make(sim, "result=5"), group;

	sim_run(sim, SECOND);
	group = make_group("", &id, 1);
	sim_restart(sim, SECOND);
	ck_assert_int_eq(client_finish(sim, &group, 5 * SECOND), STORE_SUCCEEDED);
}
END_TEST

/* The service's answers as large as the test wants them. */
static char large[ASSEMBLY_RESULT_MAX + 1];
static size_t large_size;

static void grow(void *arg, const struct id *id, struct verdict *verdict)
{
	(void)arg;
	(void)id;
	if (verdict->outcome == OUTCOME_SUCCESS)
		verdict->result = (struct slice){ .data = large, .len = large_size };
}

START_TEST(results_that_are_too_much)
{
	struct id ids[40], group;
	char rest[128];
	const char *text;
	size_t whole = 0;

	memset(large, 'x', sizeof(large));
	service_on_answer(sim->service, grow, NULL);
	large_size = ASSEMBLY_RESULT_MAX + 1;
	ids[0] = client_make(sim, "");
	sim_run(sim, SECOND);
	group = make_group("", ids, 1);
	sim_run(sim, SECOND);
	snprintf(rest, sizeof(rest), "[%s]", member(&ids[0],
	    "\"state\":\"succeeded\",\"content_type\":\"text/plain\",\"size\":262145"));
	ck_assert_str_eq(result_of(&group), rest);

	large_size = ASSEMBLY_RESULT_MAX;
	for (size_t i = 0; i < 40; i++)
		ids[i] = client_make(sim, "");
	sim_run(sim, 10 * SECOND);
	group = make_group("", ids, 40);
	sim_run(sim, 10 * SECOND);
	ck_assert_int_eq(client_state(sim, &group), STORE_SUCCEEDED);
	text = disk_find(sim->disk, group.bytes)->result.data;
	for (size_t at = 0; at + 8 <= disk_find(sim->disk, group.bytes)->result.len; at++)
		whole += memcmp(text + at, "\"base64\"", 8) == 0;
	ck_assert_uint_eq(whole, ASSEMBLY_TOTAL_MAX / ASSEMBLY_RESULT_MAX);
}
END_TEST

/* What they read and write goes to the disk for many of them at once. */
START_TEST(many_that_end_together)
{
	struct id last = client_make(sim, "polls=1 polling=5/1/5 result=5"), groups[600];
	uint64_t begin;

	for (size_t i = 0; i < 600; i++)
		groups[i] = make_group("", &last, 1);
	while (!client_view(sim, &last).terminal)
		ck_assert(sim_step(sim, sim->now_usec + HOUR));
	begin = sim->now_usec;
	for (size_t i = 0; i < 600; i++) {
		ck_assert_int_eq(client_finish(sim, &groups[i], SECOND), STORE_SUCCEEDED);
		ck_assert_ptr_nonnull(strstr(result_of(&groups[i]), "\"result\":5"));
	}
	ck_assert_uint_lt(sim->now_usec - begin, 20 * sim->commit_usec);
}
END_TEST

/* Several of the largest do not take much more memory than one. */
START_TEST(large_ones_that_end_together)
{
	struct id ids[36], groups[6];
	size_t most = 0;

	memset(large, 'x', sizeof(large));
	service_on_answer(sim->service, grow, NULL);
	large_size = ASSEMBLY_RESULT_MAX;
	for (size_t i = 0; i < 36; i++)
		ids[i] = client_make(sim, i ? "" : "polls=1 polling=30/1/30");
	for (size_t i = 0; i < 6; i++)
		groups[i] = make_group("", ids, 36);
	while (sim_step(sim, 60 * SECOND))
		most = sim->broker->assemblies.bytes > most ? sim->broker->assemblies.bytes : most;
	ck_assert_uint_eq(sim->broker->assemblies.bytes, 0);
	for (size_t i = 0; i < 6; i++)
		ck_assert_int_eq(client_state(sim, &groups[i]), STORE_SUCCEEDED);
	for (size_t i = 1; i < 6; i++)
		ck_assert_uint_eq(disk_find(sim->disk, groups[i].bytes)->result.len,
		    disk_find(sim->disk, groups[0].bytes)->result.len);
	/* With the room that a text has for growing. */
	ck_assert_uint_le(most, 4 * ASSEMBLY_TOTAL_MAX);
}
END_TEST

/* The memory for results is used up where one of them is about to begin: all have the list that the first one has. */
START_TEST(ones_for_which_no_room_is_left)
{
	struct id last, groups[110];
	const struct store_blob *first, *other;

	memset(large, 'x', sizeof(large));
	service_on_answer(sim->service, grow, NULL);
	large_size = ASSEMBLY_TOTAL_MAX / 100 - 4096 - 10;      /* a hundred, each with its first text, but for some bytes */
	last = client_make(sim, "polls=1 polling=5/1/5");
	for (size_t i = 0; i < 110; i++)
		groups[i] = make_group("", &last, 1);
	sim_run(sim, 60 * SECOND);
	first = &disk_find(sim->disk, groups[0].bytes)->result;
	for (size_t i = 0; i < 110; i++) {
		ck_assert_int_eq(client_state(sim, &groups[i]), STORE_SUCCEEDED);
		other = &disk_find(sim->disk, groups[i].bytes)->result;
		ck_assert_mem_eq(other->data, "[{", 2);
		ck_assert_uint_eq(other->len, first->len);
	}
}
END_TEST

START_TEST(a_shortage)
{
	for (unsigned nth = 1; nth < 20; nth++) {
		struct id ids[3], group;

		for (size_t i = 0; i < 3; i++)
			ids[i] = client_make(sim, "polls=1 polling=1/1/1 result=5");
		group = make_group("", ids, 3);
		store_sim_refuse(sim->store, nth);
		sim_run(sim, 30 * SECOND);
		store_sim_refuse(sim->store, 0);
		ck_assert_int_eq(client_finish(sim, &group, HOUR), STORE_SUCCEEDED);
		ck_assert_ptr_nonnull(strstr(result_of(&group), "\"result\":5"));
	}
}
END_TEST

static Suite *group_suite(void)
{
	Suite *suite = suite_create("group");
	TCase *tcase = tcase_create("group");

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_set_timeout(tcase, 30);      /* with sanitizers, on a machine that is busy */
	tcase_add_test(tcase, all_of_them_in_order_duplicates_kept);
	tcase_add_test(tcase, nobody);
	tcase_add_test(tcase, any_of_them);
	tcase_add_test(tcase, the_first_exception);
	tcase_add_test(tcase, a_forgotten_member_counts_as_over);
	tcase_add_test(tcase, a_cancelled_group_leaves_its_members_alone);
	tcase_add_test(tcase, a_group_keeps_its_members);
	tcase_add_test(tcase, a_group_of_groups_and_what_comes_after_it);
	tcase_add_test(tcase, a_deadline);
	tcase_add_test(tcase, what_may_not_be_a_member);
	tcase_add_test(tcase, changes_while_results_are_read);
	tcase_add_test(tcase, a_crash_while_results_are_read);
	tcase_add_test(tcase, a_stop_while_results_are_read);
	tcase_add_test(tcase, results_that_are_too_much);
	tcase_add_test(tcase, many_that_end_together);
	tcase_add_test(tcase, large_ones_that_end_together);
	tcase_add_test(tcase, ones_for_which_no_room_is_left);
	tcase_add_test(tcase, a_shortage);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(group_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
