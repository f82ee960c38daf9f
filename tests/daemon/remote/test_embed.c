/* test_embed.c - results as members of a JSON object. */
#include "daemon/remote/embed.h"

#include <check.h>
#include <stdlib.h>

static const struct { const char *type, *bytes, *member; } ROWS[] = {
	{ "application/json", "5", "\"result\":5" },
	{ "application/json", " {\"a\" : 1.10,\n\"a\":123456789012345678901234567890}\n",
	  "\"result\": {\"a\" : 1.10,\n\"a\":123456789012345678901234567890}\n" },
	{ "application/json; charset=utf-8", "\"\xc3\xa9\"", "\"result\":\"\xc3\xa9\"" },
	{ "Application/JSON", "null", "\"result\":null" },
	{ "application/problem+json", "[]", "\"result\":[]" },
	{ "text/json", "[]", "\"result\":[]" },
	{ "application/json", "\xef\xbb\xbf[1]", "\"result\":[1]" },
	/* what is not JSON, whatever it says, and what does not say so */
	{ "application/json", "", "\"base64\":\"\"" },
	{ "application/json", "{", "\"base64\":\"ew==\"" },
	{ "application/json", "1 2", "\"base64\":\"MSAy\"" },
	{ "application/json", "\"\xff\"", "\"base64\":\"Iv8i\"" },
	{ "text/plain", "5", "\"base64\":\"NQ==\"" },
	{ "application/notjson", "5", "\"base64\":\"NQ==\"" },
	{ "json", "5", "\"base64\":\"NQ==\"" },
	{ "application/jsonx", "5", "\"base64\":\"NQ==\"" },
	{ "", "5", "\"base64\":\"NQ==\"" },
	{ NULL, "5", "\"base64\":\"NQ==\"" },
};

START_TEST(rows)
{
	char *member = NULL;

	ck_assert_int_eq(embed(ROWS[_i].type, slice_from_str(ROWS[_i].bytes), &member), 0);
	ck_assert_str_eq(member, ROWS[_i].member);
	free(member);
}
END_TEST

START_TEST(nested_too_deeply)
{
	char deep[400];
	char *member = NULL;

	for (size_t i = 0; i < 200; i++) {
		deep[i] = '[';
		deep[399 - i] = ']';
	}
	ck_assert_int_eq(embed("application/json", (struct slice){ deep, sizeof(deep) }, &member), 0);
	ck_assert(strncmp(member, "\"base64\":", 9) == 0);
	free(member);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("embed");
	TCase *tcase = tcase_create("embed");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, rows, 0, sizeof(ROWS) / sizeof(ROWS[0]));
	tcase_add_test(tcase, nested_too_deeply);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
