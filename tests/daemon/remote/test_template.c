/* test_template.c - templates in texts, URLs and JSON. */
#include "daemon/remote/template.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static json_t *params;
static struct values values;

static void setup(void)
{
	params = json_loads("{\"name\": \"operations/a b\", \"n\": 12, \"big\": 9007199254740993, \"pi\": 0.1,"
	                    " \"yes\": true, \"none\": null, \"list\": [\"x\", 2], \"map\": {\"k\": 1}, \"both\": "
	                    "\"param\","
	                    " \"u\": \"\\u00e9?&=#%\", \"a.b-c_d\": \"odd\"}", 0, NULL);
	ck_assert_ptr_nonnull(params);
	values = (struct values){ .params = params };
}

static void teardown(void)
{
	json_decref(params);
}

static const struct {
	const char *template;
	enum template_form form;
	const char *text;          /* NULL: error */
	const char *error;
} FILLS[] = {
	{ "", TEMPLATE_PLAIN, "", NULL },
	{ "plain", TEMPLATE_PLAIN, "plain", NULL },
	{ "/v1/{name}", TEMPLATE_URL, "/v1/operations%2Fa%20b", NULL },
	{ "/v1/{+name}:cancel", TEMPLATE_URL, "/v1/operations/a%20b:cancel", NULL },
	{ "/v1/{name}", TEMPLATE_PLAIN, "/v1/operations/a b", NULL },
	{ "{u}", TEMPLATE_URL, "%C3%A9%3F%26%3D%23%25", NULL },
	{ "{+u}", TEMPLATE_URL, "%C3%A9%3F%26%3D%23%25", NULL },
	{ "{n}-{big}-{yes}", TEMPLATE_PLAIN, "12-9007199254740993-true", NULL },
	{ "{pi}", TEMPLATE_PLAIN, "0.1", NULL },
	{ "{{{n}}}", TEMPLATE_PLAIN, "{12}", NULL },
	{ "{{n}}", TEMPLATE_PLAIN, "{n}", NULL },
	{ "{a.b-c_d}", TEMPLATE_PLAIN, "odd", NULL },
	{ "{nope}", TEMPLATE_PLAIN, NULL, "{nope} has no value" },
	{ "x{none}", TEMPLATE_PLAIN, NULL, "the value of {none} is null, which has no text form" },
	{ "{list}", TEMPLATE_URL, NULL, "the value of {list} is an array, which has no text form" },
	{ "{map}", TEMPLATE_URL, NULL, "the value of {map} is an object, which has no text form" },
};

START_TEST(texts_are_filled)
{
	struct error error;
	char *text;
	size_t len;
	int r = template_fill(FILLS[_i].template, FILLS[_i].form, &values, 1000, &text, &len, &error);

	if (FILLS[_i].error) {
		ck_assert_int_eq(r, error_errno(ERROR_INVALID_SPEC));
		ck_assert_str_eq(error.message, FILLS[_i].error);
		return;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_str_eq(text, FILLS[_i].text);
	ck_assert_uint_eq(len, strlen(text));
	free(text);
}
END_TEST

START_TEST(builtin_wins_over_captured_over_params)
{
	json_t *captured = json_pack("{s:s,s:s}", "both", "captured", "id", "captured");
	json_t *builtin = json_pack("{s:s}", "id", "builtin");
	const struct values all = { .builtin = builtin, .captured = captured, .params = params };
	char *text;

	ck_assert_int_eq(template_fill("{both} {id} {n}", TEMPLATE_PLAIN, &all, 100, &text, NULL, NULL), 0);
	ck_assert_str_eq(text, "captured builtin 12");
	free(text);
	json_decref(captured);
	json_decref(builtin);
}
END_TEST

START_TEST(a_filled_text_has_a_ceiling)
{
	struct error error;
	char *text = NULL;

	ck_assert_int_eq(template_fill("{n}{n}{n}", TEMPLATE_PLAIN, &values, 6, &text, NULL, &error), 0);
	free(text);
	ck_assert_int_lt(template_fill("{n}{n}{n}", TEMPLATE_PLAIN, &values, 5, &text, NULL, &error), 0);
	ck_assert_str_eq(error.message, "it is longer than 5 bytes when filled in");
}
END_TEST

static const struct { const char *template, *error; } BAD[] = {
	{ "{", "url: a brace that is not part of a template is written twice" },
	{ "}", "url: a brace that is not part of a template is written twice" },
	{ "{}", "url: a brace that is not part of a template is written twice" },
	{ "{a b}", "url: a brace that is not part of a template is written twice" },
	{ "{1a}", "url: a brace that is not part of a template is written twice" },
	{ "{a", "url: a brace that is not part of a template is written twice" },
	{ "a}b", "url: a brace that is not part of a template is written twice" },
	{ "{++a}", "url: a brace that is not part of a template is written twice" },
	{ "{result:0197/a}",
	  "url: a reference to a result has the id of a future: {result:ID} or {result:ID/pointer}" },
	{ "{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}", "url: a template's name is too long" },
};

START_TEST(bad_templates_are_refused)
{
	const struct place place = { .key = "url" };
	json_t *names = json_object();
	struct error error;

	ck_assert_int_lt(template_names(BAD[_i].template, names, &place, &error), 0);
	ck_assert_str_eq(error.message, BAD[_i].error);
	json_decref(names);
}
END_TEST

START_TEST(names_are_collected_with_their_first_place)
{
	json_t *json = json_loads("{\"a\": [\"{x}\", \"{{no}}\"], \"b\": {\"c\": \"{y}{x}\"}}", 0, NULL);
	const struct place place = { .key = "json" };
	json_t *names = json_object();

	ck_assert_int_eq(template_names_json(json, names, &place, NULL), 0);
	ck_assert_uint_eq(json_object_size(names), 2);
	ck_assert_str_eq(json_string_value(json_object_get(names, "x")), "json.a[0]");
	ck_assert_str_eq(json_string_value(json_object_get(names, "y")), "json.b.c");
	json_decref(names);
	json_decref(json);
}
END_TEST

START_TEST(json_takes_a_single_templates_own_type)
{
	json_t *json = json_loads("{\"n\": \"{n}\", \"s\": \"n={n}\", \"l\": [\"{list}\", \"{+yes}\", \"{none}\", 7,"
	    " null],"
	                          " \"b\": \"{{n}}\", \"{n}\": \"{map}\"}", 0, NULL);
	json_t *expected = json_loads("{\"n\": 12, \"s\": \"n=12\", \"l\": [[\"x\", 2], true, null, 7, null],"
	                              " \"b\": \"{n}\", \"{n}\": {\"k\": 1}}", 0, NULL);
	json_t *filled;

	ck_assert_int_eq(template_fill_json(json, &values, &filled, NULL), 0);
	ck_assert(json_equal(filled, expected));
	json_decref(filled);
	json_decref(json);
	json_decref(expected);
}
END_TEST

START_TEST(single_templates_are_told_apart)
{
	char name[TEMPLATE_NAME_MAX + 1];
	bool plus;

	ck_assert(template_single("{+location}", name, &plus) && plus);
	ck_assert_str_eq(name, "location");
	ck_assert(template_single("{x}", name, &plus) && !plus);
	ck_assert(!template_single("{x}/", name, &plus));
	ck_assert(!template_single("/{x}", name, &plus));
	ck_assert(!template_single("{{x}}", name, &plus));
	ck_assert(!template_single("", name, &plus));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("template");
	TCase *tcase = tcase_create("template");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, texts_are_filled, 0, sizeof(FILLS) / sizeof(FILLS[0]));
	tcase_add_test(tcase, builtin_wins_over_captured_over_params);
	tcase_add_test(tcase, a_filled_text_has_a_ceiling);
	tcase_add_loop_test(tcase, bad_templates_are_refused, 0, sizeof(BAD) / sizeof(BAD[0]));
	tcase_add_test(tcase, names_are_collected_with_their_first_place);
	tcase_add_test(tcase, json_takes_a_single_templates_own_type);
	tcase_add_test(tcase, single_templates_are_told_apart);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
