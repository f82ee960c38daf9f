/* test_profile.c - where profiles are found, when they are read again, what their parameters check. */
#include "daemon/remote/plan.h"
#include "daemon/remote/prepare.h"
#include "daemon/remote/profile.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[256], first[300], second[300];
static struct profiles *profiles;
static struct spec_cache *cache;
static struct error error;

static void setup(void)
{
	const char *const dirs[] = { first, second, SHIPPED_PROFILES, NULL };

	snprintf(root, sizeof(root), "%s/profiles.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(root));
	snprintf(first, sizeof(first), "%s/first", root);
	snprintf(second, sizeof(second), "%s/second", root);
	ck_assert_int_eq(mkdir(second, 0700), 0);
	profiles = profiles_new(dirs);
	cache = spec_cache_new();
	ck_assert(profiles && cache);
	error = (struct error){ 0 };
}

static void remove_tree(void)
{
	char command[400];

	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	ck_assert_int_eq(system(command), 0);
}

static void teardown(void)
{
	profiles_free(profiles);
	spec_cache_free(cache);
	remove_tree();
}

static void write_profile(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *file;

	mkdir(dir, 0700);
	snprintf(path, sizeof(path), "%s/%s.json", dir, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

static const char *help_of(const char *name)
{
	static char help[100];
	json_t *json;

	ck_assert_msg(profile_get(profiles, name, &json, NULL, &error) == 0, "%s", error.message);
	snprintf(help, sizeof(help), "%s", json_string_value(json_object_get(json, "help")));
	json_decref(json);
	return help;
}

START_TEST(the_first_directory_that_has_it_wins)
{
	const char *text, *path;

	write_profile(second, "p", "{\"help\": \"two\"}");
	ck_assert_str_eq(help_of("p"), "two");
	write_profile(first, "p", "{\"help\": \"one\"}");
	ck_assert_str_eq(help_of("p"), "one");
	ck_assert_int_eq(profile_text(profiles, "p", &text, &path, &error), 0);
	ck_assert_str_eq(text, "{\"help\": \"one\"}");
	ck_assert_ptr_nonnull(strstr(path, "/first/p.json"));
	/* one that cannot be used does not let the other through */
	write_profile(first, "p", "{\n\"help\": }");
	ck_assert_int_lt(profile_text(profiles, "p", &text, &path, &error), 0);
	ck_assert_int_eq(error.code, ERROR_INVALID_SPEC);
	ck_assert_ptr_nonnull(strstr(error.message, "/first/p.json: line 2, column 9: "));
}
END_TEST

START_TEST(a_changed_file_is_read_again)
{
	char a[512], b[512];

	write_profile(second, "p", "{\"help\": \"old\"}");
	ck_assert_str_eq(help_of("p"), "old");
	ck_assert_str_eq(help_of("p"), "old");
	/* replaced by a file of the same size, as editors do it */
	write_profile(second, "q", "{\"help\": \"new\"}");
	snprintf(a, sizeof(a), "%s/q.json", second);
	snprintf(b, sizeof(b), "%s/p.json", second);
	ck_assert_int_eq(rename(a, b), 0);
	ck_assert_str_eq(help_of("p"), "new");
	write_profile(second, "p", "{\"help\": \"longer than before\"}");
	ck_assert_str_eq(help_of("p"), "longer than before");
	ck_assert_int_eq(unlink(b), 0);
	ck_assert_int_lt(profile_text(profiles, "p", &(const char *){ NULL }, &(const char *){ NULL }, &error), 0);
	ck_assert_int_eq(error.code, ERROR_NOT_FOUND);
}
END_TEST

START_TEST(an_unchanged_file_is_not_read_again)
{
	json_t *a, *b;

	write_profile(second, "p", "{}");
	ck_assert_int_eq(profile_get(profiles, "p", &a, NULL, &error), 0);
	ck_assert_int_eq(profile_get(profiles, "p", &b, NULL, &error), 0);
	ck_assert_ptr_eq(a, b);
	json_decref(a);
	json_decref(b);
}
END_TEST

START_TEST(more_profiles_than_are_cached)
{
	char name[32], text[64];

	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 70; i++) {
			snprintf(name, sizeof(name), "p%d", i);
			snprintf(text, sizeof(text), "{\"help\": \"%d\"}", i);
			if (round == 0)
				write_profile(second, name, text);
			snprintf(text, sizeof(text), "%d", i);
			ck_assert_str_eq(help_of(name), text);
		}
}
END_TEST

static const struct { const char *name; bool valid; } NAMES[] = {
	{ "google-lro", true }, { "A.b_c-9", true }, { "", false }, { ".hidden", false }, { "..", false },
	{ "a/b", false }, { "a b", false }, { "a\nb", false }, { "\xc3\xa9", false },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
};

START_TEST(names)
{
	ck_assert_int_eq(profile_name_valid(NAMES[_i].name), NAMES[_i].valid);
}
END_TEST

START_TEST(what_is_no_file_or_too_long_is_refused)
{
	const char *text, *path;
	char *longer = malloc(300000);
	char dir[512];

	memset(longer, ' ', 299999);
	longer[299999] = '\0';
	write_profile(second, "long", longer);
	free(longer);
	ck_assert_int_lt(profile_text(profiles, "long", &text, &path, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.message, "longer than 262144 bytes"));
	snprintf(dir, sizeof(dir), "%s/dir.json", second);
	ck_assert_int_eq(mkdir(dir, 0700), 0);
	ck_assert_int_lt(profile_text(profiles, "dir", &text, &path, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.message, "not a regular file"));
	snprintf(dir, sizeof(dir), "%s/fifo.json", second);
	ck_assert_int_eq(mkfifo(dir, 0600), 0);
	ck_assert_int_lt(profile_text(profiles, "fifo", &text, &path, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.message, "not a regular file"));
}
END_TEST

static void collect(void *arg, const char *name, const char *path, const char *help)
{
	char *list = arg;

	snprintf(list + strlen(list), 2000 - strlen(list), "%s=%.20s;", name, help);
}

START_TEST(all_are_listed_once_in_order)
{
	char list[2000] = "";

	write_profile(second, "zeta", "{\"help\": \"two\"}");
	write_profile(first, "zeta", "{\"help\": \"one\"}");
	write_profile(first, "alpha", "{}");
	write_profile(first, ".hidden", "{}");
	ck_assert_int_eq(profile_each(profiles, collect, list), 0);
	ck_assert_ptr_eq(strstr(list, "alpha=;"), list);
	ck_assert_ptr_nonnull(strstr(list, ";google-lro=A google.longrunning;"));
	ck_assert_ptr_nonnull(strstr(list, ";zeta=one;"));
	ck_assert_ptr_null(strstr(list, "zeta=two"));
	ck_assert_ptr_null(strstr(list, "hidden"));
}
END_TEST

/* --- creating from profiles ------------------------------------------------------------------------ */

static int create(const char *profile, const char *params, const char *spec, struct remote_plan **ret)
{
	const struct plan_source source = { .profile = slice_from_str(profile), .params = slice_from_str(params),
		.spec = slice_from_str(spec) };
	struct plan_texts texts;
	int r = prepare_texts(profiles, &source, &texts, &error);

	if (r < 0)
		return r;
	r = plan_new(cache, texts.spec, texts.params, true, ret, &error);
	free(texts.spec);
	free(texts.params);
	free(texts.request);
	return r;
}

static const struct { const char *profile, *params, *spec, *error; } REFUSED[] = {
	{ "google-lor", NULL, NULL, "profile: no profile \"google-lor\" (did you mean \"google-lro\"?)" },
	{ "../x", NULL, NULL, "profile: \"../x\" is not the name of a profile" },
	{ NULL, NULL, NULL, "one of profile and spec is needed" },
	{ "google-lro", NULL, NULL,
	  "params: \"name\" is missing: the operation's name, for example \"operations/123\"" },
	{ "google-lro", "{\"nam\": \"x\"}", NULL, "params: unknown parameter \"nam\" (did you mean \"name\"?)" },
	{ "google-lro", "{\"name\": \"x\", \"base\": \"h\"}", NULL, "base: \"h\" is not an http or https URL" },
	{ "google-lro", "{\"name\": ", NULL, "params: line 1, column 9: unexpected token near end of file" },
	{ "google-lro", "{\"name\": \"x\"}", "{\"headers\": {\"Authorization\": \"Bearer {credential}\"}}",
	  "headers.Authorization: {credential} is used, but \"credential\" names none" },
};

START_TEST(refused)
{
	struct remote_plan *plan;

	ck_assert_int_lt(create(REFUSED[_i].profile, REFUSED[_i].params, REFUSED[_i].spec, &plan), 0);
	ck_assert_int_eq(error.code, ERROR_INVALID_SPEC);
	ck_assert_str_eq(error.message, REFUSED[_i].error);
}
END_TEST

START_TEST(params_of_the_creators_own_spec)
{
	static const char spec[] = "{\"submit\": {\"url\": \"/v1/things\", \"json\": {\"title\": \"{title}\"},"
	    " \"capture\": {\"name\": {\"body\": \"/name\"}}}}";
	struct remote_plan *plan;

	ck_assert_msg(create("google-lro", "{\"title\": \"x\"}", spec, &plan) == 0, "%s", error.message);
	plan_free(plan);
	ck_assert_int_lt(create("google-lro", "{\"titel\": \"x\"}", spec, &plan), 0);
	ck_assert_str_eq(error.message, "params: unknown parameter \"titel\"");
}
END_TEST

START_TEST(google_lro)
{
	struct remote_plan *plan;

	ck_assert_msg(create("google-lro", "{\"name\": \"operations/1\"}", NULL, &plan) == 0, "%s", error.message);
	ck_assert_str_eq(plan->plan.bucket, "- https://longrunning.googleapis.com:443");
	ck_assert(plan->plan.has_cancel && !plan->plan.has_submit);
	ck_assert_uint_eq(plan->plan.polling.timeout_usec, POLICY_NO_TIMEOUT);
	ck_assert_uint_eq(plan->plan.polling.maximum_usec, 20000000);
	ck_assert_str_eq(json_string_value(json_object_get(plan->params, "base")),
	    "https://longrunning.googleapis.com");
	plan_free(plan);
}
END_TEST

START_TEST(google_lro_with_a_submit_needs_no_name)
{
	struct remote_plan *plan;

	ck_assert_msg(create("google-lro", "{\"base\": \"http://127.0.0.1:1\"}",
	    "{\"submit\": {\"url\": \"/v1/things:train\", \"json\": {}, \"capture\": {\"name\": {\"body\": \"/name\"}},"
	    " \"rules\": \"poll\"}, \"credential\": \"google\","
	    " \"headers\": {\"Authorization\": \"Bearer {credential}\"}}", &plan) == 0, "%s", error.message);
	ck_assert_str_eq(plan->plan.bucket, "google http://127.0.0.1:1");
	ck_assert(plan->plan.has_submit);
	ck_assert_ptr_eq(spec_rules(plan->spec, STEP_SUBMIT), spec_rules(plan->spec, STEP_POLL));
	plan_free(plan);
}
END_TEST

START_TEST(the_specs_keys_win_at_the_top_level)
{
	struct remote_plan *plan;

	ck_assert_int_eq(create("google-lro", "{\"name\": \"x\"}", "{\"polling\": {\"maximum\": 5}}", &plan), 0);
	ck_assert_uint_eq(plan->plan.polling.maximum_usec, 5000000);
	plan_free(plan);
}
END_TEST

START_TEST(a_batch_stays_when_a_creation_has_its_own_polling)
{
	const struct plan_source source = { .profile = slice_from_str("b"), .polling = slice_from_str("{\"initial\": 9}") };
	struct plan_texts texts;
	struct remote_plan *plan;

	write_profile(first, "b", "{\"poll\": {\"url\": \"http://h/\"}, \"polling\": {\"initial\": 3, \"maximum\": 30,"
	    " \"batch\": {\"url\": \"http://h/l\", \"is\": \"{id}\"}}}");
	ck_assert_int_eq(prepare_texts(profiles, &source, &texts, &error), 0);
	ck_assert_int_eq(plan_new(cache, texts.spec, texts.params, true, &plan, &error), 0);
	ck_assert_uint_eq(plan->plan.polling.initial_usec, 9000000);
	ck_assert_uint_eq(plan->plan.polling.maximum_usec, 30000000);
	ck_assert_ptr_nonnull(plan->plan.batch);
	plan_free(plan);
	free(texts.spec);
	free(texts.params);
	free(texts.request);
}
END_TEST

/* A param may be for a pointer of the creator's own rules only: a key, not a value. */
START_TEST(params_in_the_keys_of_the_creators_own_spec)
{
	struct plan_source source = { .profile = slice_from_str("google-lro"),
		.params = slice_from_str("{\"name\": \"x\", \"job\": 7}"),
		.spec = slice_from_str("{\"fetch\": {\"url\": \"/\", \"rules\": [{\"then\": \"success\","
		    " \"when\": {\"body\": {\"/{job}/state\": \"done\"}}}]}}") };
	struct plan_texts texts;

	ck_assert_msg(prepare_texts(profiles, &source, &texts, &error) == 0, "%s", error.message);
	ck_assert_str_eq(texts.params, "{\"base\":\"https://longrunning.googleapis.com\",\"job\":7,\"name\":\"x\"}");
	free(texts.spec);
	free(texts.params);
	free(texts.request);
	source.params = slice_from_str("{\"name\": \"x\", \"jbo\": 7}");
	ck_assert_int_lt(prepare_texts(profiles, &source, &texts, &error), 0);
	ck_assert_str_eq(error.message, "params: unknown parameter \"jbo\"");
}
END_TEST

START_TEST(bad_declarations)
{
	struct remote_plan *plan;

	write_profile(first, "p", "{\"parameters\": {\"a\": {\"defualt\": 1}}, \"poll\": {\"url\": \"http://h/\"}}");
	ck_assert_int_lt(create("p", NULL, NULL, &plan), 0);
	ck_assert_str_eq(error.message, "parameters.a: unknown key \"defualt\" (did you mean \"default\"?)");
	write_profile(first, "p", "{\"parameters\": {\"id\": {}}, \"poll\": {\"url\": \"http://h/\"}}");
	ck_assert_int_lt(create("p", NULL, NULL, &plan), 0);
	ck_assert_str_eq(error.message, "parameters: \"id\" is a built-in value");
	write_profile(first, "p", "{\"parameters\": [], \"poll\": {\"url\": \"http://h/\"}}");
	ck_assert_int_lt(create("p", NULL, NULL, &plan), 0);
	ck_assert_str_eq(error.message, "parameters: must be an object");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("profile");
	TCase *tcase = tcase_create("profile");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, the_first_directory_that_has_it_wins);
	tcase_add_test(tcase, a_changed_file_is_read_again);
	tcase_add_test(tcase, an_unchanged_file_is_not_read_again);
	tcase_add_test(tcase, more_profiles_than_are_cached);
	tcase_add_loop_test(tcase, names, 0, sizeof(NAMES) / sizeof(NAMES[0]));
	tcase_add_test(tcase, what_is_no_file_or_too_long_is_refused);
	tcase_add_test(tcase, all_are_listed_once_in_order);
	tcase_add_loop_test(tcase, refused, 0, sizeof(REFUSED) / sizeof(REFUSED[0]));
	tcase_add_test(tcase, params_of_the_creators_own_spec);
	tcase_add_test(tcase, google_lro);
	tcase_add_test(tcase, google_lro_with_a_submit_needs_no_name);
	tcase_add_test(tcase, the_specs_keys_win_at_the_top_level);
	tcase_add_test(tcase, a_batch_stays_when_a_creation_has_its_own_polling);
	tcase_add_test(tcase, params_in_the_keys_of_the_creators_own_spec);
	tcase_add_test(tcase, bad_declarations);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
