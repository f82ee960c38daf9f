/* test_list.c - the items of an answer about many, and where its next page is. */
#include "daemon/remote/list.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was handed out: "id=item;" for each. */
static char seen[1024];
static int answer;

static int note(void *arg, const char *id, struct slice item)
{
	size_t len = strlen(seen);

	ck_assert_ptr_eq(arg, seen);
	snprintf(seen + len, sizeof(seen) - len, "%s=%.*s;", id, (int)item.len, item.data);
	return answer;
}

static struct list *list_of(const char *members, json_t **ret_json)
{
	struct error error = { 0 };
	json_t *names = json_object();
	struct list *list;
	char text[1024];

	snprintf(text, sizeof(text), "{\"is\": \"{id}\"%s%s}", *members ? ", " : "", members);
	*ret_json = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(*ret_json);
	ck_assert_msg(list_read(*ret_json, names, &list, NULL, &error) == 0, "%s: %s", text, error.message);
	ck_assert_str_eq(json_string_value(json_object_get(names, "id")), "is");
	json_decref(names);
	return list;
}

static int walk(const struct list *list, const char *body, struct list_next *ret, struct json_fault *fault)
{
	const struct http_header link = { "Link", "https://h/l?p=2" };
	const struct http_response response = {
		.status = 200, .sent = true, .headers = &link, .n_headers = 1, .body = body, .body_len = strlen(body),
	};

	seen[0] = '\0';
	return list_walk(list, &response, note, seen, ret, fault);
}

#define DATA "\"items\": \"/data\", \"id\": \"/id\""

static const struct { const char *list, *body, *seen; } ITEMS[] = {
	{ DATA, "{\"data\": [{\"id\": \"a\", \"s\": 1}, {\"id\": \"b\"}]}", "a={\"id\": \"a\", \"s\": 1};b={\"id\": \"b\"};" },
	{ "\"id\": \"/id\"", "[{\"id\":1},{\"id\":-20},{\"id\":12345678901234567890}]",
	  "1={\"id\":1};-20={\"id\":-20};12345678901234567890={\"id\":12345678901234567890};" },
	{ "\"id\": \"/meta/id\"", "[{\"meta\":{\"id\":\"\\u0061\\n\"}}]", "a\n={\"meta\":{\"id\":\"\\u0061\\n\"}};" },
	{ "\"id\": \"\"", "[\"a\", 7]", "a=\"a\";7=7;" },
	/* an item without an id is nobody's */
	{ DATA, "{\"data\": [{}, {\"id\": null}, {\"id\": {}}, {\"id\": true}, {\"id\": \"a\\u0000b\"}, 3, {\"id\": \"a\"}]}",
	  "a={\"id\": \"a\"};" },
	/* an object whose names are the ids */
	{ "", "{\"a\": {\"s\": 1}, \"b\\/c\" : 2 ,\"\": []}", "a={\"s\": 1};b/c=2;=[];" },
	{ "\"items\": \"/jobs\"", "{\"jobs\": {\"a\": \"done\"}}", "a=\"done\";" },
	{ "\"items\": \"/jobs\"", "{\"jobs\": {}}", "" },
	/* an empty list is often left out */
	{ DATA, "{\"data\": []}", "" },
	{ DATA, "{\"data\": null}", "" },
	{ DATA, "{}", "" },
	{ DATA ", \"missing\": \"lost\"", "{\"data\": []}", "" },
};

START_TEST(items_are_handed_out)
{
	struct list_next next = { .page = (char *)"x" };
	struct json_fault fault;
	struct list *list;
	json_t *json;

	list = list_of(ITEMS[_i].list, &json);
	ck_assert_int_eq(walk(list, ITEMS[_i].body, &next, &fault), 0);
	ck_assert_str_eq(seen, ITEMS[_i].seen);
	ck_assert(!next.page && !next.url);
	list_free(list);
	json_decref(json);
}
END_TEST

static const struct { const char *list, *body, *fault; } NO_LISTS[] = {
	{ DATA, "", "it is empty" },
	{ DATA, "{\"data\": [", "it ends where a value was expected" },
	{ DATA, "{\"data\": {\"id\": 1}}", "\"items\" leads to no array" },
	{ DATA, "{\"data\": \"x\"}", "\"items\" leads to no array" },
	{ "", "[{\"id\": 1}]", "\"items\" leads to no object" },
	/* what would declare all of them lost must be a list */
	{ DATA ", \"missing\": \"lost\"", "{}", "there is nothing where \"items\" leads" },
	{ DATA ", \"missing\": \"lost\"", "{\"data\": null}", "there is nothing where \"items\" leads" },
	{ DATA ", \"next\": {\"page\": {\"body\": \"/n\"}}", "{\"data\": [], \"n\": [1]}",
	  "\"next\" leads to no text or number" },
};

START_TEST(what_is_no_list_is_a_fault)
{
	struct list_next next = { 0 };
	struct json_fault fault = { 0 };
	struct list *list;
	json_t *json;

	list = list_of(NO_LISTS[_i].list, &json);
	ck_assert_int_eq(walk(list, NO_LISTS[_i].body, &next, &fault), -EBADMSG);
	ck_assert_str_eq(fault.what, NO_LISTS[_i].fault);
	list_free(list);
	json_decref(json);
}
END_TEST

#define PAGE DATA ", \"next\": {\"page\": {\"body\": \"/next\"}}"
#define URL DATA ", \"next\": {\"url\": {\"header\": \"Link\"}}"
#define MORE ", \"more\": {\"/more\": true}"

static const struct { const char *list, *body, *page, *url; } NEXT[] = {
	{ PAGE, "{\"data\": [], \"next\": \"p2\"}", "p2", NULL },
	{ PAGE, "{\"data\": [], \"next\": 2}", "2", NULL },
	{ PAGE, "{\"data\": [], \"next\": \"\"}", NULL, NULL },
	{ PAGE, "{\"data\": [], \"next\": null}", NULL, NULL },
	{ PAGE, "{\"data\": [], \"next\": false}", NULL, NULL },
	{ PAGE, "{\"data\": []}", NULL, NULL },
	{ PAGE MORE, "{\"data\": [], \"next\": \"p2\", \"more\": true}", "p2", NULL },
	{ PAGE MORE, "{\"data\": [], \"next\": \"p2\", \"more\": false}", NULL, NULL },
	{ PAGE MORE, "{\"data\": [], \"next\": \"p2\"}", NULL, NULL },
	{ URL, "{\"data\": []}", NULL, "https://h/l?p=2" },
	{ URL MORE, "{\"data\": []}", NULL, NULL },
};

START_TEST(where_the_next_page_is)
{
	struct list_next next = { 0 };
	struct json_fault fault;
	struct list *list;
	json_t *json;

	list = list_of(NEXT[_i].list, &json);
	ck_assert_int_eq(walk(list, NEXT[_i].body, &next, &fault), 0);
	ck_assert_pstr_eq(next.page, NEXT[_i].page);
	ck_assert_pstr_eq(next.url, NEXT[_i].url);
	free(next.page);
	free(next.url);
	list_free(list);
	json_decref(json);
}
END_TEST

START_TEST(the_one_who_is_handed_them_can_stop)
{
	struct list_next next = { 0 };
	struct json_fault fault;
	struct list *list;
	json_t *json;

	list = list_of(PAGE, &json);
	answer = -ECANCELED;
	ck_assert_int_eq(walk(list, "{\"data\": [{\"id\": 1}, {\"id\": 2}], \"next\": 3}", &next, &fault), -ECANCELED);
	ck_assert_str_eq(seen, "1={\"id\": 1};");
	ck_assert_ptr_null(next.page);
	list_free(list);
	json_decref(json);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("list");
	TCase *tcase = tcase_create("list");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, items_are_handed_out, 0, sizeof(ITEMS) / sizeof(ITEMS[0]));
	tcase_add_loop_test(tcase, what_is_no_list_is_a_fault, 0, sizeof(NO_LISTS) / sizeof(NO_LISTS[0]));
	tcase_add_loop_test(tcase, where_the_next_page_is, 0, sizeof(NEXT) / sizeof(NEXT[0]));
	tcase_add_test(tcase, the_one_who_is_handed_them_can_stop);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
