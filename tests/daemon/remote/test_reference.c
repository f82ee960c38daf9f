/* test_reference.c - references to results: what is one, where it may be, and the values that come of it. */
#include "tests/daemon/remote/plan_fixture.h"
#include "tests/draw.h"

#include "daemon/remote/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A "01902f6e-0000-7000-8000-00000000000a"
#define B "01902F6E-0000-7000-8000-00000000000B"

#define SPEC(members) "{\"base\": \"http://h\", " members "}"
#define POLL SPEC("\"poll\": {\"url\": \"/p\"}")

/* --- the parser ----------------------------------------------------------------------------------------------------- */

#define NO_ID "a reference to a result has the id of a future: {result:ID} or {result:ID/pointer}"
#define NO_POINTER "in a reference to a result, a JSON Pointer follows the id: {result:ID/pointer}"
#define TILDE "in the pointer of a reference to a result, \"~\" must be followed by 0 or 1"
#define BRACE "a reference to a result ends with a brace, and has none within it"

#define SIXTEEN "/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"
#define DEEP SIXTEEN SIXTEEN SIXTEEN SIXTEEN

static const struct {
	const char *template, *name;   /* of its only name; NULL: refused */
	const char *words;
} TEMPLATES[] = {
	{ "{result:" A "}", "result:" A, NULL },
	{ "{+result:" A "}", "result:" A, NULL },
	{ "{result:" B "}", "result:" B, NULL },
	{ "x{result:" A "/}y", "result:" A "/", NULL },
	{ "{result:" A "/a/0/b}", "result:" A "/a/0/b", NULL },
	{ "{result:" A "/a~0b~1c}", "result:" A "/a~0b~1c", NULL },
	{ "{result:" A "/with blanks, \"quotes\" and :colons}", "result:" A "/with blanks, \"quotes\" and :colons", NULL },
	{ "{result:" A "/\xc3\xa9}", "result:" A "/\xc3\xa9", NULL },
	{ "{result:" A ":base64}", "result:" A, NULL },
	{ "{result:" A "/a:base64}", "result:" A "/a", NULL },
	{ "{{{result:" A "/a}}}", "result:" A "/a", NULL },
	{ "{{result:" A "}}", "", NULL },
	{ "{result}", "result", NULL },
	{ "{result:}", NULL, NO_ID },
	{ "{result:base64}", NULL, NO_ID },
	{ "{result:" A "0}", NULL, NO_POINTER },
	{ "{result:" A "a/b}", NULL, NO_POINTER },
	{ "{result:" A " }", NULL, NO_POINTER },
	{ "{result:01902f6e-0000-7000-8000-00000000000}", NULL, NO_ID },
	{ "{result:01902f6e00007000800000000000000000aa}", NULL, NO_ID },
	{ "{result:g1902f6e-0000-7000-8000-00000000000a/b}", NULL, NO_ID },
	{ "{result: " A "}", NULL, NO_ID },
	{ "{result:" A "/~}", NULL, TILDE },
	{ "{result:" A "/a~2}", NULL, TILDE },
	{ "{result:" A "/~:base64}", NULL, TILDE },
	{ "{result:" A DEEP "}", "result:" A DEEP, NULL },
	{ "{result:" A DEEP "/}", NULL, "the pointer of a reference to a result is too deep" },
	{ "{result:" A, NULL, BRACE },
	{ "{result:" A "/a{b}", NULL, BRACE },
	{ "{result:{a}}", NULL, BRACE },
	{ "{++result:" A "}", NULL, "a brace that is not part of a template is written twice" },
};

START_TEST(templates)
{
	json_t *names = json_object();
	struct error error = { 0 };
	int r = template_names(TEMPLATES[_i].template, names, NULL, &error);

	if (!TEMPLATES[_i].name) {
		ck_assert_int_lt(r, 0);
		ck_assert_str_eq(error.message, TEMPLATES[_i].words);
	} else {
		ck_assert_msg(r == 0, "%s", error.message);
		ck_assert_uint_eq(json_object_size(names), *TEMPLATES[_i].name != '\0');
		ck_assert(*TEMPLATES[_i].name == '\0' || json_object_get(names, TEMPLATES[_i].name));
	}
	json_decref(names);
}
END_TEST

/* Whatever it is put together of, a template is read to its end or refused; and one that is read can be filled. */
START_TEST(any_text)
{
	static const char *const pieces[] = { "{", "}", "{{", "}}", "result:", ("{result:" A), "/", "~", "~0", ":base64", "a",
		"+", "{+", A, "\"", "\xc3\xa9", "{a}" };
	uint64_t seed = 1;

	for (int round = 0; round < 200000; round++) {
		char text[600] = "", *filled;
		json_t *names = json_object(), *values = json_object(), *where;
		struct values all = { .captured = values };
		struct error error = { 0 };
		const char *name;

		for (uint64_t n = 1 + draw(&seed) % 10; n > 0; n--)
			strcat(text, pieces[draw(&seed) % (sizeof(pieces) / sizeof(pieces[0]))]);
		if (template_names(text, names, NULL, &error) == 0) {
			json_object_foreach(names, name, where)
				json_object_set_new(values, name, json_string("{v"));
			ck_assert_msg(template_fill(text, TEMPLATE_NESTED, &all, 10000, &filled, NULL,
			    &error) == 0, "%s: %s", text, error.message);
			free(filled);
		} else {
			ck_assert_str_ne(error.message, "");
		}
		json_decref(names);
		json_decref(values);
	}
}
END_TEST

START_TEST(it_has_a_length)
{
	char text[700] = "{result:" A "/";
	json_t *names = json_object();
	struct error error = { 0 };

	memset(text + strlen(text), 'x', 512 - strlen(text));
	strcpy(text + 512, "}");
	ck_assert_int_eq(template_names(text, names, NULL, &error), 0);
	memset(text + 512, 'x', 10);
	strcpy(text + 522, "}");
	ck_assert_int_lt(template_names(text, names, NULL, &error), 0);
	ck_assert_str_eq(error.message, "a reference to a result is too long");
	json_decref(names);
}
END_TEST

/* --- where they may be ------------------------------------------------------------------------------------------------ */

static const struct {
	const char *spec, *params;
	size_t results;                /* that it refers to */
	const char *words;             /* why it is refused; NULL: it is not */
} PLANS[] = {
	{ POLL, "{\"a\": \"x\"}", 0, NULL },
	{ SPEC("\"poll\": {\"url\": \"/p/{result:" A "/id}\"}"), "{}", 1, NULL },
	{ SPEC("\"poll\": {\"url\": \"{+result:" A "/url}\", \"query\": {\"q\": \"{result:" A "}\"}}"), "{}", 1, NULL },
	{ SPEC("\"poll\": {\"url\": \"/p\", \"json\": [\"{result:" A "}\", \"{result:" B "/x}\"]}"), "{}", 2, NULL },
	{ "{\"base\": \"{result:" A "/base}\", \"poll\": {\"url\": \"/p\", \"headers\": {\"X\": \"{result:" A "/h}\"}}}",
	  "{}", 1, NULL },
	{ SPEC("\"poll\": {\"url\": \"/p\", \"rules\": [{\"when\": {\"body\": {\"/{result:" A "/k}\": \"{result:" B "}\"}},"
	  " \"then\": \"success\"}]}"), "{}", 2, NULL },
	{ SPEC("\"poll\": {\"url\": \"/p/{job}\"}"), "{\"job\": \"{result:" A "/job}\", \"n\": [1, {\"k\": \"{result:" B "}\"}]}",
	  2, NULL },
	{ SPEC("\"poll\": {\"url\": \"/p/{job}\"}"), "{\"job\": \"a-{result:" A "/n}-{{x}}\"}", 1, NULL },
	/* other braces in a param are no templates, as ever */
	{ SPEC("\"poll\": {\"url\": \"/p/{job}\"}"), "{\"job\": \"{a} {result} {{\"}", 0, NULL },
	{ SPEC("\"poll\": {\"url\": \"/p/{job}\"}"), "{\"job\": \"{{result:x}}\"}", 0, NULL },
	{ SPEC("\"poll\": {\"url\": \"/p/{job}\"}"), "{\"job\": \"{result:x}\"}", 0, "params.job: " NO_ID },
	{ SPEC("\"poll\": {\"url\": \"/p/{job}\"}"), "{\"job\": [\"{result:" A "} {a}\"]}", 0,
	  "params.job[0]: beside a reference to a result, {a} is no template: double its braces" },
	/* too late */
	{ SPEC("\"poll\": {\"url\": \"/p\"}, \"polling\": {\"initial\": \"{result:" A "}\"}"), "{}", 0,
	  "polling.initial: {result:" A "} is known too late: settings are read at once" },
	{ SPEC("\"poll\": {\"url\": \"/p\"}, \"ttl\": \"{n}\""), "{\"n\": \"{result:" A "}\"}", 0,
	  "ttl: {n} is known too late: settings are read at once" },
	{ SPEC("\"poll\": {\"url\": \"/p\"}, \"polling\": {\"batch\": {\"url\": \"/l/{n}\", \"is\": \"{id}\"}}"),
	  "{\"n\": \"{result:" A "}\"}", 0, "polling.batch.url: {n} is known too late: "
	  "a request about many has params, {credential}, {page} and {ids} only" },
	{ SPEC("\"poll\": {\"url\": \"/p\"}, \"polling\": {\"batch\": {\"url\": \"/l\", \"is\": \"{result:" A "/id}\"}}"),
	  "{}", 1, NULL },
};

START_TEST(plans)
{
	struct remote_plan *plan;

	if (PLANS[_i].words) {
		ck_assert_str_eq(plan_refused(PLANS[_i].spec, PLANS[_i].params), PLANS[_i].words);
		return;
	}
	plan = plan_with(PLANS[_i].spec, PLANS[_i].params);
	ck_assert_uint_eq(plan->plan.n_results, PLANS[_i].results);
	plan_free(plan);
}
END_TEST

START_TEST(so_many_and_no_more)
{
	char params[65536] = "{\"a\": [\"\"", item[128];
	struct remote_plan *plan;

	for (int i = 0; i < 64; i++) {
		snprintf(item, sizeof(item), ", \"{result:01902f6e-0000-7000-8000-%012d}\"", i);
		strcat(params, item);
	}
	strcat(params, "]}");
	plan = plan_with(POLL, params);
	ck_assert_uint_eq(plan->plan.n_results, 64);
	plan_free(plan);
	params[strlen(params) - 2] = '\0';
	strcat(params, ", \"{result:" A "}\"]}");
	ck_assert_str_eq(plan_refused(POLL, params), "results of more than 64 futures are referred to");
	strcpy(params, "{\"a\": [\"\"");
	for (int i = 0; i < 257; i++) {
		snprintf(item, sizeof(item), ", \"{result:" A "/%d}\"", i);
		strcat(params, item);
	}
	strcat(params, "]}");
	ck_assert_str_eq(plan_refused(POLL, params), "more than 256 references to results");
}
END_TEST

/* --- values ----------------------------------------------------------------------------------------------------------- */

/* Take the values out of the results of A and B (NULL: there is none). The error's message when that fails. */
static json_t *take(const char *spec, const char *params, struct slice a, struct slice b, struct error *error)
{
	struct remote_plan *plan = plan_with(spec, params);
	char *taken = NULL, *more;
	json_t *values;
	int r = 0;

	*error = (struct error){ 0 };
	ck_assert_uint_eq(plan->plan.n_results, b.data ? 2 : 1);
	for (size_t i = 0; r == 0 && i < plan->plan.n_results; i++) {
		r = references_take(&plan->references, i, i ? b : a, taken, &more, error);
		if (r < 0)
			break;
		free(taken);
		taken = more;
	}
	values = r == 0 ? json_loads(taken, JSON_ALLOW_NUL, NULL) : NULL;
	ck_assert(r < 0 || values);
	free(taken);
	plan_free(plan);
	return values;
}

/* Of the poll's json, with one result. */
static const struct { const char *pointer, *result, *value, *words; } VALUES[] = {
	{ "", "{\"a\": [1, 2]}", "{\"a\": [1, 2]}", NULL },
	{ "/a/1", "{\"a\": [1, 2]}", "2", NULL },
	{ "/a~1b/c~0d", "{\"a/b\": {\"c~d\": \"x\"}}", "\"x\"", NULL },
	{ "/", "{\"\": true}", "true", NULL },
	{ "", "12.50", "12.50", NULL },
	{ "", "\"text\"", "\"text\"", NULL },
	{ "", "a plain text\n", "\"a plain text\"", NULL },
	{ "", "{\"cut\": ", "\"{\\\"cut\\\": \"", NULL },
	{ "/n", "{\"n\": 123456789012345678901234567890}", "\"123456789012345678901234567890\"", NULL },
	{ "/s", "{\"s\": \"\\u0000{credential}\"}", "\"\\u0000{credential}\"", NULL },
	{ "/b", "{\"a\": 1}", NULL, "the result of " A " has no value at \"/b\"" },
	{ "/a/b", "{\"a\": 1}", NULL, "the result of " A " has no value at \"/a/b\"" },
	{ "/a", "{\"a\": null}", NULL, "the result of " A " has no value at \"/a\"" },
	{ "", "null", NULL, "the result of " A " has no value" },
	{ "/a", "plain text", NULL, "the result of " A " is not JSON, so there is nothing to point into" },
	{ "", "", NULL, "the result of " A " is neither JSON nor text, or empty" },
	{ "", "\xff\xfe", NULL, "the result of " A " is neither JSON nor text, or empty" },
};

START_TEST(one_value)
{
	char spec[256], name[128];
	struct error error;
	json_t *values, *expected;

	snprintf(name, sizeof(name), "result:" A "%s", VALUES[_i].pointer);
	snprintf(spec, sizeof(spec), SPEC("\"poll\": {\"url\": \"/p\", \"json\": \"{%s}\"}"), name);
	values = take(spec, "{}", slice_from_str(VALUES[_i].result), (struct slice){ 0 }, &error);
	if (VALUES[_i].words) {
		ck_assert_ptr_null(values);
		ck_assert_str_eq(error.message, VALUES[_i].words);
		return;
	}
	ck_assert_msg(values != NULL, "%s", error.message);
	expected = json_loads(VALUES[_i].value, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	ck_assert(json_equal(json_object_get(values, name), expected));
	json_decref(expected);
	json_decref(values);
}
END_TEST

START_TEST(params_are_made_of_them)
{
	struct error error;
	json_t *values, *expected;

	values = take(SPEC("\"poll\": {\"url\": \"/p/{job}\", \"json\": \"{result:" A "/n}\"}"),
	    "{\"job\": \"{result:" A "/n} of {result:" B "} {{\","
	    " \"list\": [\"{result:" B "}\", \"{plain}\", {\"k\": \"{result:" A "}\"}]}",
	    slice_from_str("{\"n\": 7}"), slice_from_str("b"), &error);
	ck_assert_msg(values != NULL, "%s", error.message);
	/* what only params need is not kept by itself */
	expected = json_loads("{\"result:" A "/n\": 7, \"result:=job\": \"7 of b {\","
	                      " \"result:=list\": [\"b\", \"{plain}\", {\"k\": {\"n\": 7}}]}", 0, NULL);
	ck_assert(json_equal(values, expected));
	ck_assert_int_eq(json_integer_value(values_find(&(struct values){ .captured = values }, "result:" A "/n")), 7);
	ck_assert_str_eq(json_string_value(values_find(&(struct values){ .captured = values }, "job")), "7 of b {");
	ck_assert_ptr_null(values_find(&(struct values){ .captured = values }, "other"));
	/* they have a limit of their own */
	json_object_set_new(values, "own", json_string("12345"));
	ck_assert_uint_lt(values_size(values), 150);
	json_decref(expected);
	json_decref(values);
}
END_TEST

START_TEST(a_param_of_an_array_is_no_text)
{
	struct error error;

	ck_assert_ptr_null(take(POLL, "{\"a\": \"x{result:" A "}\"}", slice_from_str("[1]"), (struct slice){ 0 }, &error));
	ck_assert_str_eq(error.message, "the value of {result:" A "} is an array, which has no text form");
}
END_TEST

START_TEST(more_than_one_pass_can_find)
{
	char spec[65536] = "{\"base\": \"http://h\", \"poll\": {\"url\": \"/p\", \"json\": [\"\"", result[8192] = "[0", item[128];
	struct error error;
	json_t *values;

	for (int i = 0; i < 200; i++) {
		snprintf(item, sizeof(item), ", \"{result:" A "/%d}\"", i);
		strcat(spec, item);
		snprintf(item, sizeof(item), ", %d", i + 1);
		strcat(result, item);
	}
	strcat(spec, "]}}");
	strcat(result, "]");
	values = take(spec, "{}", slice_from_str(result), (struct slice){ 0 }, &error);
	ck_assert_msg(values != NULL, "%s", error.message);
	ck_assert_uint_eq(json_object_size(values), 200);
	ck_assert_int_eq(json_integer_value(json_object_get(values, "result:" A "/199")), 199);
	json_decref(values);
}
END_TEST

/* A long text, and a value too deep to be stored. */
START_TEST(values_have_a_size)
{
	char *text = malloc(REMOTE_TAKEN_MAX + 1), deep[200];
	struct error error;
	json_t *values;

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', REMOTE_TAKEN_MAX);
	text[REMOTE_TAKEN_MAX] = '\0';
	ck_assert_ptr_null(take(POLL, "{\"a\": \"{result:" A "}\"}", slice_from_str(text), (struct slice){ 0 }, &error));
	ck_assert_str_eq(error.message, "the values out of results are longer than 1048576 bytes");
	text[REMOTE_TAKEN_MAX / 2 - 100] = '\0';
	values = take(POLL, "{\"a\": \"{result:" A "}\"}", slice_from_str(text), (struct slice){ 0 }, &error);
	ck_assert_msg(values != NULL, "%s", error.message);
	json_decref(values);
	free(text);
	memset(deep, '[', 64);
	memset(deep + 64, ']', 64);
	deep[128] = '\0';
	ck_assert_ptr_null(take(POLL, "{\"a\": \"{result:" A "}\"}", slice_from_str(deep), (struct slice){ 0 }, &error));
	ck_assert_str_eq(error.message, "a value out of a result is nested too deeply");
}
END_TEST

static int left;               /* allocations that jansson still gets */

static void *allocate(size_t size)
{
	return left-- > 0 ? malloc(size) : NULL;
}

/* For want of memory it is tried again: the future must not fail for that. */
START_TEST(memory_is_short)
{
	struct remote_plan *plan = plan_with(POLL, "{\"a\": \"{result:" A "}\", \"b\": [\"{result:" B "/x}\"]}");
	struct slice a = slice_from_str("1"), b = slice_from_str("{\"x\": [2]}");
	char *taken, *more;
	int r = -ENOMEM;

	ck_assert_int_eq(references_take(&plan->references, 0, a, NULL, &taken, &(struct error){ 0 }), 0);
	for (int most = 0; r < 0; most++) {
		struct error error = { 0 };

		ck_assert_int_lt(most, 1000);
		left = most;
		json_set_alloc_funcs(allocate, free);
		r = references_take(&plan->references, 1, b, taken, &more, &error);
		json_set_alloc_funcs(malloc, free);
		if (r < 0)
			ck_assert_msg(error.code == ERROR_OUT_OF_MEMORY, "%d: %s", most, error.message);
	}
	ck_assert_str_eq(more, "{\"result:=a\":1,\"result:=b\":[[2]]}");
	free(taken);
	free(more);
	plan_free(plan);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("reference");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, templates, 0, sizeof(TEMPLATES) / sizeof(TEMPLATES[0]));
	tcase_add_test(tcase, any_text);
	tcase_add_test(tcase, it_has_a_length);
	tcase_add_loop_test(tcase, plans, 0, sizeof(PLANS) / sizeof(PLANS[0]));
	tcase_add_test(tcase, so_many_and_no_more);
	tcase_add_loop_test(tcase, one_value, 0, sizeof(VALUES) / sizeof(VALUES[0]));
	tcase_add_test(tcase, params_are_made_of_them);
	tcase_add_test(tcase, a_param_of_an_array_is_no_text);
	tcase_add_test(tcase, more_than_one_pass_can_find);
	tcase_add_test(tcase, values_have_a_size);
	tcase_add_test(tcase, memory_is_short);
	return plan_run("reference", tcase);
}
