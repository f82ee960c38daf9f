/* test_tree.c - copies of JSON values with other strings: whatever is around them, and when something is missing. */
#include "daemon/remote/tree.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "twice" becomes a list, "no" is refused, others stay as they are. */
static int change(void *arg, const json_t *string, json_t **ret, struct error *error)
{
	const char *text = json_string_value(string);

	++*(int *)arg;
	if (strcmp(text, "no") == 0)
		return error_set(error, ERROR_INVALID_SPEC, "not that one");
	*ret = strcmp(text, "twice") == 0 ? json_pack("[ss]", text, text) : json_incref((json_t *)string);
	return *ret ? 0 : place_no_memory(error);
}

static int copy(const char *text, json_t **ret, int *ret_strings, struct error *error)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	int r;

	ck_assert_ptr_nonnull(json);
	*ret_strings = 0;
	r = tree_copy(json, change, ret_strings, ret, error);
	json_decref(json);
	return r;
}

static const struct { const char *text, *copy; int strings; } ROWS[] = {
	{ "\"twice\"", "[\"twice\",\"twice\"]", 1 },
	{ "12.5", "12.5", 0 },
	{ "null", "null", 0 },
	{ "[]", "[]", 0 },
	{ "{\"twice\":{}}", "{\"twice\":{}}", 0 },
	{ "{\"b\":[1,\"x\",[\"twice\",true]],\"a\":\"\"}", "{\"b\":[1,\"x\",[[\"twice\",\"twice\"],true]],\"a\":\"\"}", 3 },
};

START_TEST(rows)
{
	struct error error = { 0 };
	json_t *made;
	char *text;
	int strings;

	ck_assert_int_eq(copy(ROWS[_i].text, &made, &strings, &error), 0);
	text = json_dumps(made, JSON_COMPACT | JSON_ENCODE_ANY);
	ck_assert_str_eq(text, ROWS[_i].copy);
	ck_assert_int_eq(strings, ROWS[_i].strings);
	free(text);
	json_decref(made);
}
END_TEST

START_TEST(it_ends_with_the_first_failure)
{
	struct error error = { 0 };
	json_t *made = NULL;
	int strings;

	ck_assert_int_lt(copy("[[\"a\"],{\"k\":\"no\",\"l\":\"no\"},\"twice\"]", &made, &strings, &error), 0);
	ck_assert_str_eq(error.message, "not that one");
	ck_assert_int_eq(strings, 2);
	ck_assert_ptr_null(made);
}
END_TEST

static int left;               /* allocations that jansson still gets */

static void *allocate(size_t size)
{
	return left-- > 0 ? malloc(size) : NULL;
}

START_TEST(memory_is_short)
{
	json_t *json = json_pack("{s[ss{ss}]}", "list", "a", "twice", "k", "twice"), *made;
	int r = -ENOMEM, strings = 0;

	for (int most = 0; r < 0; most++) {
		struct error error = { 0 };

		ck_assert_int_lt(most, 1000);
		left = most;
		json_set_alloc_funcs(allocate, free);
		r = tree_copy(json, change, &strings, &made, &error);
		json_set_alloc_funcs(malloc, free);
		ck_assert(r == 0 || error.code == ERROR_OUT_OF_MEMORY);
	}
	json_decref(made);
	json_decref(json);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tree");
	TCase *tcase = tcase_create("tree");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, rows, 0, sizeof(ROWS) / sizeof(ROWS[0]));
	tcase_add_test(tcase, it_ends_with_the_first_failure);
	tcase_add_test(tcase, memory_is_short);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
