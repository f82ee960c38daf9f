/* test_examine.c - a profile with mistakes: all of them are found at once, and none that is not there. */
#include "daemon/remote/examine.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct profiles *profiles;

static void setup(void)
{
	static const char *const dirs[] = { SHIPPED_PROFILES, NULL };

	profiles = profiles_new(dirs);
	ck_assert_ptr_nonnull(profiles);
}

static void teardown(void)
{
	profiles_free(profiles);
}

/* All problems, one a line, "LINE:COLUMN " first where there is one. */
static const char *problems_of(const char *text, const char *params)
{
	const struct profile_source source = { .text = slice_from_str(text), .params = slice_from_str(params) };
	static char all[8192];
	struct examined examined;
	struct error error = { 0 };

	all[0] = '\0';
	ck_assert_msg(examine(profiles, &source, &examined, &error) == 0, "%s", error.message);
	for (size_t i = 0; i < examined.problems.count; i++) {
		const struct problem *problem = &examined.problems.items[i];
		size_t len = strlen(all);

		if (problem->line > 0)
			len += (size_t)snprintf(all + len, sizeof(all) - len, "%d:%d ", problem->line, problem->column);
		snprintf(all + len, sizeof(all) - len, "%s%s%s\n", problem->place, *problem->place ? ": " : "",
		    problem->message);
	}
	examined_done(&examined);
	return all;
}

#define FINE "\"base\": \"http://h\", \"poll\": {\"url\": \"/p\"}"

static const struct { const char *text, *params, *problems; } ROWS[] = {
	{ "{" FINE "}", NULL, "" },
	/* what is no JSON, and what is hardly */
	{ "{\n \"poll\": ]\n}", NULL, "2:10 unexpected token near ']'\n" },
	{ "", NULL, "1:0 '[' or '{' expected near end of file\n" },
	{ "[1]", NULL, "must be an object\n" },
	{ "{\"poll\": {\"url\": \"http://h/\", \"url\": \"http://i/\"}, \"x\": 1}", NULL,
	  "1:35 duplicate object key near '\"url\"'\nunknown key \"x\"\n" },
	{ "{}", NULL, "\"poll\" is missing\n" },
	/* in all corners of the readers */
	{ "{" FINE ", \"pol\": 1, \"http2\": 2, \"kind\": \"htpp\"}", NULL,
	  "kind: unknown kind \"htpp\" (did you mean \"http\"?)\nunknown key \"pol\" (did you mean \"poll\"?)\n"
	  "http2: must be true or false\n" },
	{ "{\"base\": \"http://h\", \"headers\": {\"A b\": \"x\", \"B\": 1, \"C\": \"{\"}, \"poll\": {\"url\": 1, \"query\": "
	  "{\"a\": null, \"b\": {}}, \"timeout\": 0, \"on\": [], \"json\": 1, \"text\": \"x\", \"redirects\": 99}}", NULL,
	  "headers[\"A b\"]: is not a header name\nheaders.B: must be a string\n"
	  "headers.C: a brace that is not part of a template is written twice\n"
	  "poll.on: is for ack only\npoll.url: must be a string\n"
	  "poll.query.a: must be a string, number, true, false or a list of these\n"
	  "poll.query.b: must be a string, number, true, false or a list of these\n"
	  "poll.timeout: must be at least 0.001 seconds\npoll.on: must be a list of \"success\", \"failure\" and "
	  "\"cancelled\"\npoll.text: a request has only one of \"json\", \"form\", \"text\" and \"bytes\"\n"
	  "poll.redirects: must be a whole number from 0 to 10\n" },
	{ "{\"poll\": {\"url\": \"http://h\", \"rules\": [{\"when\": {\"status\": [99, 200, \"6xx\"], \"header\": {\"A\": "
	  "{\"gt\": \"x\"}, \"B\": {}}, \"any\": [{\"x\": 1}, {\"empty\": 1}]}, \"then\": \"x\"}, {\"then\": 1}, {\"when\": 5, "
	  "\"then\": \"pending\"}]}}", NULL,
	  "poll.rules[0].when.status[0]: must be a status from 100 to 599, \"2xx\", or a list of these\n"
	  "poll.rules[0].when.status[2]: must be a status from 100 to 599, \"2xx\", or a list of these\n"
	  "poll.rules[0].when.header.A.gt: must be a number\npoll.rules[0].when.header.B: asks for nothing\n"
	  "poll.rules[0].when.any[0]: unknown key \"x\"\npoll.rules[0].when.any[1].empty: must be true or false\n"
	  "poll.rules[0].then: unknown outcome \"x\"\npoll.rules[1].then: must be a string\n"
	  "poll.rules[2].when: must be an object\n" },
	{ "{" FINE ", \"polling\": {\"initial\": -1, \"jitter\": 2, \"maximun\": 1}, \"retry\": {\"on\": [1, 2], "
	  "\"multiplier\": 0}, \"ttl\": \"x\", \"concurrency\": 0}", NULL,
	  "polling.initial: must be from 0 to 3153600000 seconds\n"
	  "polling.jitter: must be \"full\", \"none\" or a fraction from 0 to 1\n"
	  "polling: unknown key \"maximun\" (did you mean \"maximum\"?)\n"
	  "retry.on[0]: must be a status from 100 to 599, \"2xx\", or a list of these\n"
	  "retry.on[1]: must be a status from 100 to 599, \"2xx\", or a list of these\n"
	  "retry.multiplier: must be a number from 1 to 1000\nttl: must be a number of seconds or null\n"
	  "concurrency: must be a whole number from 1 to 10000\n" },
	{ "{" FINE ", \"keepalive\": {\"url\": \"/k\"}, \"events\": {\"url\": \"/e\", \"idle\": 0, \"wake\": 1}, \"polling\": "
	  "{\"batch\": {\"url\": \"/l/{ids}\", \"max\": 0, \"missing\": \"x\"}}}", NULL,
	  "keepalive: \"every\" is missing\nevents.idle: must be at least 1 second\n"
	  "events.wake: must be an object of JSON Pointers\n"
	  "polling.batch.max: must be a whole number from 1 to 10000\npolling.batch.missing: unknown word \"x\"\n"
	  "polling.batch: \"is\" is missing\n" },
	/* what is looked at once it is compiled */
	{ "{" FINE ", \"fetch\": {\"url\": \"/{a}\"}, \"cancel\": {\"url\": \"/{b}/{a}\"}, \"headers\": {\"X\": "
	  "\"{credential}\"}}", NULL,
	  "fetch: no rule of submit or poll leads to it: \"then\": \"fetch\"\n"
	  "headers.X: {credential} is used, but \"credential\" names none\n"
	  "fetch.url: {a} has no value: no param or earlier capture has that name\n"
	  "cancel.url: {b} has no value: no param or earlier capture has that name\n"
	  "cancel.url: {a} has no value: no param or earlier capture has that name\n" },
	{ "{\"base\": \"http://h\", \"poll\": {\"url\": \"/p\", \"rules\": [{\"when\": {\"status\": 200}, \"then\": "
	  "\"pending\", \"set\": {\"n\": 1}}, {\"when\": {\"status\": 200, \"empty\": true}, \"then\": \"success\"}, {\"when\": "
	  "{\"body\": {\"/a\": {\"gt\": 2, \"lt\": 1}}}, \"then\": \"lost\"}]}}", NULL,
	  "poll.rules[1]: can never be reached: poll.rules[0] holds for every such answer\n"
	  "poll.rules[2].when.body[\"/a\"]: can never hold: no value fulfils it\n"
	  "poll.rules[0].set.n: no template uses {n}\n" },
	{ "{\"base\": \"ftp://h\", \"submit\": {\"url\": \"/s\"}, \"poll\": {\"url\": \"/p\"}}", NULL,
	  "base: \"ftp://h\" is not an http or https URL\n" },
	{ "{\"submit\": {\"url\": \"/s\"}, \"poll\": {\"url\": \"http://h/\"}}", NULL,
	  "submit.url: \"/s\" is relative, and there is no base\n" },
	/* nothing that only follows from another mistake */
	{ "{" FINE ", \"submit\": {\"url\": \"/s\", \"capture\": {\"job\": {\"body\": 5}}, \"rules\": [{\"then\": \"fecth\"}]}, "
	  "\"cancel\": {\"url\": \"/{job}\"}, \"fetch\": {\"url\": \"/f\"}}", NULL,
	  "submit.capture.job.body: must be a string\n"
	  "submit.rules[0].then: unknown outcome \"fecth\" (did you mean \"fetch\"?)\n" },
	{ "{" FINE ", \"credential\": 5, \"headers\": {\"A\": \"{credential}\"}}", NULL, "credential: must be a string\n" },
	{ "{" FINE ", \"submit\": {\"url\": \"/s\", \"capture\": {\"a\": {\"body\": 5}, \"b\": [], \"c d\": {}}}}", NULL,
	  "submit.capture.a.body: must be a string\nsubmit.capture.b: must have a source\n"
	  "submit.capture[\"c d\"]: is not a name for a value\n" },
	/* params and parameters */
	{ "{\"poll\": {\"url\": \"http://h/{a}\"}}", "{\"a\": 1}", "" },
	{ "{\"params\": {\"a\": 1}, \"poll\": {\"url\": \"http://h/{a}/{b}\"}}", "{\"b\": 1, \"c\": 2}", "" },
	{ "{\"parameters\": {\"a\": {}}, \"poll\": {\"url\": \"http://h/{a}\"}}", "{\"b\": 2}",
	  "params: unknown parameter \"b\"\n" },
	{ "{\"parameters\": {\"base\": {\"example\": \"http://h\"}, \"a\": {}}, \"base\": \"{base}\", \"poll\": {\"url\": "
	  "\"/{a}\"}, \"ttl\": \"{a}\"}", NULL, "" },
	{ "{\"parameters\": {\"base\": {\"example\": \"h\"}}, \"base\": \"{base}\", \"poll\": {\"url\": \"/\"}}", NULL,
	  "base: \"h\" is not an http or https URL\n" },
	{ "{\"parameters\": {\"a b\": {}, \"id\": {}, \"c\": 1, \"d\": {\"hlep\": \"\"}}, " FINE "}", NULL,
	  "parameters: \"a b\" is not a name for a value\nparameters: \"id\" is a built-in value\n"
	  "parameters.c: must be an object\nparameters.d: unknown key \"hlep\" (did you mean \"help\"?)\n" },
	{ "{\"parameters\": {\"name\": {\"hlep\": \"\"}}, \"poll\": {\"url\": \"http://h/{name}/{nmae}\"}}", NULL,
	  "parameters.name: unknown key \"hlep\" (did you mean \"help\"?)\n"
	  "poll.url: {nmae} has no value: no param or earlier capture has that name (did you mean \"name\"?)\n" },
	/* a parameter of a setting can be anything until it is given */
	{ "{" FINE ", \"parameters\": {\"t\": {}}, \"ttl\": \"{t}\"}", "{\"t\": \"x\"}",
	  "ttl: must be a number of seconds or null\n" },
	{ "{" FINE ", \"ttl\": \"{t}\"}", NULL, "ttl: {t} has no value: no param has that name\n" },
};

START_TEST(all_that_is_wrong)
{
	ck_assert_str_eq(problems_of(ROWS[_i].text, ROWS[_i].params), ROWS[_i].problems);
}
END_TEST

START_TEST(not_without_end)
{
	const struct profile_source source = { .text = slice_from_str("{\"poll\": {\"url\": \"http://h\", \"rules\": ["
	    "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
	    "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
	    "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}}") };
	struct examined examined;

	ck_assert_int_eq(examine(profiles, &source, &examined, NULL), 0);
	ck_assert_uint_eq(examined.problems.count, PROBLEMS_MAX);
	ck_assert(examined.problems.more);
	examined_done(&examined);
}
END_TEST

static json_t *report_of(const struct profile_source *source)
{
	struct error error = { 0 };
	json_t *report;
	char *text;

	ck_assert_msg(examine_report(profiles, source, &text, &error) == 0, "%s", error.message);
	report = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(report);
	free(text);
	return report;
}

START_TEST(shipped_profiles_are_fine)
{
	DIR *dir = opendir(SHIPPED_PROFILES);
	struct dirent *entry;
	unsigned count = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);
		struct profile_source source = { .profile = { entry->d_name, len - 5 } };
		json_t *report;

		if (len <= 5 || strcmp(entry->d_name + len - 5, ".json") != 0)
			continue;
		report = report_of(&source);
		ck_assert_msg(json_array_size(json_object_get(report, "problems")) == 0, "%s: %s", entry->d_name,
		    json_dumps(report, 0));
		ck_assert(json_object_get(json_object_get(report, "parameters"), "base"));
		json_decref(report);
		count++;
	}
	closedir(dir);
	ck_assert_uint_ge(count, 1);
}
END_TEST

START_TEST(the_report)
{
	const struct profile_source source = { .text = slice_from_str(
	    "{\"parameters\": {\"a\": {\"help\": \"an a\", \"example\": [1]}, \"b\": {\"default\": 2}, \"c\": {}}, "
	    "\"credential\": \"key\", \"submit\": {\"url\": \"http://h/\", \"json\": \"{a}\", \"capture\": "
	    "{\"c\": {\"body\": \"/c\"}}, \"rules\": \"poll\"}, "
	    "\"poll\": {\"url\": \"http://h/{b}/{c}\", \"rules\": [{\"when\": {\"status\": 200}, "
	    "\"then\": \"success\"}, {\"when\": {\"status\": 404}, \"then\": \"lost\"}]}}") };
	json_t *report = report_of(&source), *expected;

	expected = json_pack("{s:[],s:b,s:[s,s],s:i,s:s,s:{s:{s:b,s:s,s:s},s:{s:b,s:i},s:{s:b}}}", "problems", "more", 0,
	    "requests", "submit", "poll", "rules", 2, "credential", "key", "parameters", "a", "required", 1, "help", "an a",
	    "example", "[1]", "b", "required", 0, "default", 2, "c", "required", 0);
	ck_assert_ptr_nonnull(expected);
	ck_assert_msg(json_equal(report, expected), "%s", json_dumps(report, 0));
	json_decref(report);
	json_decref(expected);
}
END_TEST

START_TEST(what_is_no_profile)
{
	struct profile_source source = { .profile = slice_from_str("gogle-lro") };
	struct error error;
	char *text;

	ck_assert_int_lt(examine_report(profiles, &source, &text, &error), 0);
	ck_assert_int_eq(error.code, ERROR_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(error.message, "google-lro"));
	source = (struct profile_source){ .text = slice_from_str("{" FINE "}"), .params = slice_from_str("[") };
	ck_assert_int_lt(examine_report(profiles, &source, &text, &error), 0);
	ck_assert_int_eq(error.code, ERROR_INVALID_SPEC);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("examine");
	TCase *tcase = tcase_create("examine");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, all_that_is_wrong, 0, sizeof(ROWS) / sizeof(ROWS[0]));
	tcase_add_test(tcase, not_without_end);
	tcase_add_test(tcase, shipped_profiles_are_fine);
	tcase_add_test(tcase, the_report);
	tcase_add_test(tcase, what_is_no_profile);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
