/* test_problems.c - complaints that are gathered: each once, with its place, and not without end. */
#include "daemon/remote/keys.h"
#include "daemon/remote/place.h"
#include "daemon/remote/problems.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

START_TEST(each_is_there_once)
{
	struct problems problems = { .count = 0 };

	ck_assert_int_eq(problems_add(&problems, "poll.url", "is wrong", 0, 0), 0);
	ck_assert_int_eq(problems_add(&problems, "poll.url", "is wrong", 0, 0), 0);
	ck_assert_int_eq(problems_add(&problems, "poll.url", "is too long", 0, 0), 0);
	ck_assert_int_eq(problems_add(&problems, NULL, "is wrong", 3, 7), 0);
	ck_assert_uint_eq(problems.count, 3);
	ck_assert_str_eq(problems.items[1].message, "is too long");
	ck_assert_str_eq(problems.items[2].place, "");
	ck_assert_int_eq(problems.items[2].line, 3);
	ck_assert_int_eq(problems.items[2].column, 7);
	ck_assert(!problems.more);
	problems_done(&problems);
	ck_assert_uint_eq(problems.count, 0);
}
END_TEST

START_TEST(places_within_places)
{
	struct problems problems = { .count = 0 };

	problems_add(&problems, "poll.rules[2].when", "x", 0, 0);
	problems_add(&problems, "polling", "x", 0, 0);
	ck_assert(problems_within(&problems, "poll"));
	ck_assert(problems_within(&problems, "poll.rules"));
	ck_assert(problems_within(&problems, "poll.rules[2]"));
	ck_assert(problems_within(&problems, "polling"));
	ck_assert(!problems_within(&problems, "poll.rule"));
	ck_assert(!problems_within(&problems, "pol"));
	ck_assert(!problems_within(&problems, "polling.batch"));
	problems_done(&problems);
}
END_TEST

START_TEST(there_is_an_end)
{
	struct problems problems = { .count = 0 };
	const struct place whole = { .problems = &problems }, list = { .up = &whole, .key = "list" };
	struct error error = { 0 };
	int first = 0, read = 0;

	for (size_t i = 0; i < 1000; i++) {
		const struct place here = { .up = &list, .index = i };

		read++;
		if (place_ends(&list, place_fail(&here, &error, "is wrong"), &first))
			break;
	}
	ck_assert_int_eq(read, PROBLEMS_MAX + 1);
	ck_assert_int_eq(first, -ENOEXEC);
	ck_assert_uint_eq(problems.count, PROBLEMS_MAX);
	ck_assert(problems.more);
	ck_assert_str_eq(problems.items[99].place, "list[99]");
	problems_done(&problems);
}
END_TEST

START_TEST(the_first_ends_it_unless_all_are_wanted)
{
	struct problems problems = { .count = 0 };
	const struct place whole = { .problems = &problems }, here = { .up = &whole, .key = "a" }, alone = { .key = "a" };
	struct error error = { 0 };
	int first = 0;

	ck_assert(!place_ends(&here, 0, &first));
	ck_assert(!place_ends(&alone, 0, &first));
	ck_assert_int_eq(first, 0);
	ck_assert(place_ends(&alone, place_fail(&alone, &error, "x"), &first));
	ck_assert(place_ends(NULL, place_fail(NULL, &error, "x"), &first));
	ck_assert(!place_ends(&here, place_fail(&here, &error, "x"), &first));
	/* memory is not a matter of the text */
	ck_assert(place_ends(&here, place_no_memory(&error), &first));
	ck_assert_int_eq(first, -ENOEXEC);
	ck_assert_uint_eq(problems.count, 1);
	ck_assert_int_eq(place_fail_at(&here, "b.c", &error, "is %s", "y"), -ENOEXEC);
	ck_assert_str_eq(error.message, "b.c: is y");
	ck_assert_str_eq(problems.items[1].place, "b.c");
	ck_assert_str_eq(problems.items[1].message, "is y");
	problems_done(&problems);
}
END_TEST

static const struct key TABLE[] = {
	{ "number", key_seconds, 0, KEY_REQUIRED },
	{ "word", key_string, 8, KEY_REQUIRED },
	{ "yes", key_bool, 16, KEY_PLAIN },
	{ 0 }
};

START_TEST(a_table_reads_on)
{
	struct problems problems = { .count = 0 };
	const struct place whole = { .problems = &problems };
	struct { uint64_t number; const char *word; bool yes; } target = { 0 };
	json_t *object = json_pack("{s:s,s:b,s:i,s:i}", "number", "x", "yes", 1, "numbre", 1, "wodr", 2);
	struct error error = { 0 };

	ck_assert_int_eq(keys_read(TABLE, object, &target, &whole, &error), -ENOEXEC);
	ck_assert_uint_eq(problems.count, 4);
	ck_assert_str_eq(problems.items[0].place, "number");
	ck_assert_str_eq(problems.items[1].message, "unknown key \"numbre\" (did you mean \"number\"?)");
	ck_assert_str_eq(problems.items[3].message, "\"word\" is missing");
	ck_assert(target.yes);
	problems_done(&problems);
	/* and not otherwise */
	target.yes = false;
	ck_assert_int_eq(keys_read(TABLE, object, &target, NULL, &error), -ENOEXEC);
	ck_assert_str_eq(error.message, "number: must be a number of seconds");
	ck_assert(!target.yes);
	json_decref(object);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("problems");
	TCase *tcase = tcase_create("problems");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tcase, each_is_there_once);
	tcase_add_test(tcase, places_within_places);
	tcase_add_test(tcase, there_is_an_end);
	tcase_add_test(tcase, the_first_ends_it_unless_all_are_wanted);
	tcase_add_test(tcase, a_table_reads_on);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
