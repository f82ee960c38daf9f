/* test_difference.c - where two requests differ, in few words. */
#include "daemon/remote/difference.h"

#include <check.h>
#include <stdlib.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *before, *now, *places;
} table[] = {
	{ "{}", "{}", "" },
	{ "{\"a\":1,\"b\":[1,{}]}", "{\"b\":[1,{}],\"a\":1}", "" },
	{ "{\"a\":1}", "{\"a\":2}", "a" },
	{ "{\"a\":1}", "{\"b\":1}", "a, b" },
	{ "{\"params\":{\"x\":1,\"y\":2},\"profile\":\"p\"}", "{\"params\":{\"x\":1,\"y\":3},\"profile\":\"q\"}",
	  "params.y, profile" },
	{ "{\"params\":{}}", "{}", "params" },
	{ "{\"params\":{\"x\":{}}}", "{\"params\":{\"x\":[]}}", "params.x" },
	{ "{\"spec\":{\"poll\":{\"rules\":[1]}}}", "{\"spec\":{\"poll\":{\"rules\":[2],\"url\":\"u\"}}}",
	  "spec.poll.rules, spec.poll.url" },
	{ "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}}}}}", "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":2}}}}}", "a.b.c.d" },
	{ "{\"a\":null}", "{}", "a" },
	{ "[]", "{}", "" },
	{ "{\"a\":", "{}", "" },
	/* Forty bytes are few: the last of these has to share its place with the rest. */
	{ "{\"aaaaaaaaaaaaaa\":1,\"bbbbbbbbbbbbbb\":1,\"c\":1}", "{}", "aaaaaaaaaaaaaa, bbbbbbbbbbbbbb, c" },
	{ "{\"aaaaaaaaaaaaaa\":1,\"bbbbbbbbbbbbbb\":1,\"cc\":1}", "{}", "aaaaaaaaaaaaaa, bbbbbbbbbbbbbb, cc" },
	{ "{\"aaaaaaaaaaaaaa\":1,\"bbbbbbbbbbbbbb\":1,\"ccccc\":1,\"d\":1}", "{}", "aaaaaaaaaaaaaa, bbbbbbbbbbbbbb, ..." },
	{ "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}", "{}", "..." },
};

START_TEST(test_places)
{
	char places[40];

	difference_name(table[_i].before, table[_i].now, places, sizeof(places));
	ck_assert_str_eq(places, table[_i].places);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("difference");
	TCase *tcase = tcase_create("difference");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, test_places, 0, (int)COUNT(table));
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
