/* test_budget.c - how often in a row, and for how long, a rule applies. */
#include "tests/daemon/remote/judge_fixture.h"

static const char TIMES[] =
    "[{\"when\": {\"status\": 400}, \"then\": \"retry\", \"budget\": {\"times\": 3}, \"error\": \"/why\"},"
    " {\"when\": {\"status\": 402}, \"then\": \"retry\", \"budget\": {\"seconds\": 3600, \"then\": \"lost\"}},"
    " {\"when\": {\"status\": 200}, \"then\": \"pending\"}]";

START_TEST(a_rule_applies_so_many_times)
{
	use_rules(TIMES);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(judge_next(1000, 400, "{\"why\": \"odd\"}")->outcome, OUTCOME_RETRY);
	ck_assert_str_eq(judgement.verdict.budgets, "{\"poll.0\":[3,1700000001000]}");
	judge_next(1000, 400, "{\"why\": \"odd\"}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_slice_eq(judgement.verdict.failure.message, "odd");
	ck_assert_str_eq(judgement.verdict.failure.kind, "remote");
}
END_TEST

START_TEST(only_what_is_in_a_row_counts)
{
	use_rules(TIMES);
	judge_next(0, 400, "{}");
	judge_next(0, 400, "{}");
	/* what says nothing about the operation takes nothing and gives nothing */
	ck_assert_int_eq(judge_next(0, 503, "")->outcome, OUTCOME_RETRY);
	ck_assert_ptr_null(judgement.verdict.budgets);
	ck_assert_int_eq(judge_next(0, 200, "{}")->outcome, OUTCOME_PENDING);
	ck_assert_str_eq(judgement.verdict.budgets, "");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(judge_next(0, 400, "{}")->outcome, OUTCOME_RETRY);
	/* the default gives them back as well */
	ck_assert_int_eq(judge_next(0, 204, "")->outcome, OUTCOME_PENDING);
	ck_assert_str_eq(judgement.verdict.budgets, "");
	ck_assert_int_eq(judge_next(0, 400, "{}")->outcome, OUTCOME_RETRY);
	ck_assert_int_eq(judge_next(0, 200, "{}")->outcome, OUTCOME_PENDING);
	ck_assert_int_eq(judge_next(0, 200, "{}")->outcome, OUTCOME_PENDING);
	ck_assert_ptr_null(judgement.verdict.budgets);
}
END_TEST

START_TEST(a_rule_applies_for_so_long)
{
	use_rules(TIMES);
	ck_assert_int_eq(judge_next(0, 402, "")->outcome, OUTCOME_RETRY);
	ck_assert_int_eq(judge_next(3599999, 402, "")->outcome, OUTCOME_RETRY);
	ck_assert_str_eq(judgement.verdict.budgets, "{\"poll.1\":[2,1700000000000]}");
	ck_assert_int_eq(judge_next(1, 402, "")->outcome, OUTCOME_LOST);
	ck_assert_ptr_null(judgement.verdict.budgets);
}
END_TEST

START_TEST(each_rule_has_its_own)
{
	use_rules(TIMES);
	judge_next(0, 400, "{}");
	judge_next(0, 402, "{}");
	ck_assert_str_eq(judgement.verdict.budgets, "{\"poll.0\":[1,1700000000000],\"poll.1\":[1,1700000000000]}");
}
END_TEST

/* A job that stays "unknown" is given up; its own rule does not give its budget back, but it does those of others. */
START_TEST(a_pending_rule_with_a_budget)
{
	use_rules("[{\"when\": {\"body\": {\"/s\": \"unknown\"}}, \"then\": \"pending\", \"budget\": {\"times\": 2}, "
	    "\"error\": \"nobody knows it\"},"
	    " {\"when\": {\"status\": 400}, \"then\": \"retry\", \"budget\": {\"times\": 1, \"then\": \"pending\"}}]");
	ck_assert_int_eq(judge_next(0, 400, "{}")->outcome, OUTCOME_RETRY);
	ck_assert_int_eq(judge_next(0, 200, "{\"s\": \"unknown\"}")->outcome, OUTCOME_PENDING);
	ck_assert_str_eq(judgement.verdict.budgets, "{\"poll.0\":[1,1700000000000]}");
	ck_assert_int_eq(judge_next(0, 200, "{\"s\": \"unknown\"}")->outcome, OUTCOME_PENDING);
	judge_next(0, 200, "{\"s\": \"unknown\"}");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_slice_eq(judgement.verdict.failure.message, "nobody knows it");
	/* used up, and saying pending: it stays used up */
	judge_next(0, 202, "{}");
	judge_next(0, 400, "{}");
	ck_assert_int_eq(judge_next(0, 400, "{}")->outcome, OUTCOME_PENDING);
	ck_assert_int_eq(judge_next(0, 400, "{}")->outcome, OUTCOME_PENDING);
}
END_TEST

START_TEST(a_credential_is_refreshed_once)
{
	use_rules("[{\"when\": {\"status\": 401}, \"then\": \"refresh_credential\", \"budget\": {\"times\": 1}}]");
	judge_next(0, 401, "");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_RETRY);
	ck_assert(judgement.refresh_credential);
	judge_next(0, 401, "");
	ck_assert_int_eq(judgement.verdict.outcome, OUTCOME_FAILURE);
	ck_assert(!judgement.refresh_credential);
}
END_TEST

START_TEST(what_is_stored_may_be_odd)
{
	use_rules(TIMES);
	budgets = json_loads("{\"poll.0\": [\"x\", 1], \"poll.1\": 7, \"other\": null}", 0, NULL);
	ck_assert_int_eq(judge_next(0, 400, "{}")->outcome, OUTCOME_RETRY);
	/* a clock that is set back, and a time that never was */
	json_object_set_new(budgets, "poll.1", json_pack("[I,I]", (json_int_t)1, (json_int_t)1800000000000));
	ck_assert_int_eq(judge_step(STEP_POLL, 402, "")->outcome, OUTCOME_RETRY);
	json_object_set_new(budgets, "poll.1", json_pack("[I,I]", (json_int_t)-5, (json_int_t)INT64_MIN));
	ck_assert_int_eq(judge_step(STEP_POLL, 402, "")->outcome, OUTCOME_RETRY);
}
END_TEST

/* A cancel that is accepted says nothing about the polls; an item of a list does. */
START_TEST(only_news_of_the_operation_gives_back)
{
	use_rules(TIMES);
	budgets = json_loads("{\"poll.0\": [3, 1700000000000], \"cancel.0\": [1, 1700000000000]}", 0, NULL);
	judge_in.now_ms = 1700000000000;
	judge_step(STEP_CANCEL, 200, "{}");
	ck_assert_str_eq(judgement.verdict.budgets, "{\"cancel.0\":[1,1700000000000]}");
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("budget");

	tcase_add_test(tcase, a_rule_applies_so_many_times);
	tcase_add_test(tcase, only_what_is_in_a_row_counts);
	tcase_add_test(tcase, a_rule_applies_for_so_long);
	tcase_add_test(tcase, each_rule_has_its_own);
	tcase_add_test(tcase, a_pending_rule_with_a_budget);
	tcase_add_test(tcase, a_credential_is_refreshed_once);
	tcase_add_test(tcase, what_is_stored_may_be_odd);
	tcase_add_test(tcase, only_news_of_the_operation_gives_back);
	return judge_run("budget", tcase);
}
