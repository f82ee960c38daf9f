/* test_events.c - what an event means: wake up, or tell progress. */
#include "daemon/remote/events.h"

#include <check.h>
#include <stdlib.h>

static const struct {
	const char *events, *data;
	bool wake;
	const char *progress;          /* NULL: none */
} CASES[] = {
	/* without `wake` whatever has data wakes */
	{ "{}", "{\"a\": 1}", true, NULL },
	{ "{}", "ping", true, NULL },
	{ "{}", "", false, NULL },
	{ "{\"progress\": \"/p\"}", "ping", true, NULL },
	{ "{\"progress\": \"/p\"}", "{\"p\": {\"done\": 3}}", true, "{\"done\": 3}" },
	/* with it, what it asks for */
	{ "{\"wake\": {\"/state\": \"done\"}}", "{\"state\": \"done\"}", true, NULL },
	{ "{\"wake\": {\"/state\": \"done\"}}", "{\"state\": \"running\"}", false, NULL },
	{ "{\"wake\": {\"/state\": \"done\"}}", "done", false, NULL },
	{ "{\"wake\": {}}", "{}", true, NULL },
	{ "{\"wake\": {}}", "not JSON", false, NULL },
	/* progress that does not wake */
	{ "{\"wake\": {\"/state\": [\"done\", \"failed\"]}, \"progress\": \"\"}", "{\"state\": \"running\"}", false,
	  "{\"state\": \"running\"}" },
	{ "{\"wake\": {\"/state\": \"done\"}, \"progress\": \"/n\"}", "{\"n\": 0.50}", false, "0.50" },
	{ "{\"progress\": \"/n\"}", "{\"n\": null}", true, NULL },
	{ "{\"progress\": \"/n\"}", "{\"m\": 1}", true, NULL },
};

static struct events *events_of(const char *text, json_t **ret_json)
{
	struct error error = { 0 };
	struct events *events;

	*ret_json = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(*ret_json);
	ck_assert_msg(events_read(*ret_json, &events, NULL, &error) == 0, "%s: %s", text, error.message);
	return events;
}

START_TEST(events_are_judged)
{
	struct slice progress = { "x", 1 };
	struct events *events;
	bool wake = !CASES[_i].wake;
	json_t *json;

	events = events_of(CASES[_i].events, &json);
	ck_assert_int_eq(events_judge(events, slice_from_str(CASES[_i].data), &wake, &progress), 0);
	ck_assert(wake == CASES[_i].wake);
	if (CASES[_i].progress)
		ck_assert(slice_equals(progress, CASES[_i].progress));
	else
		ck_assert_ptr_null(progress.data);
	events_free(events);
	json_decref(json);
}
END_TEST

START_TEST(too_long_a_progress_is_not_told)
{
	static char data[70000];
	struct slice progress;
	struct events *events;
	json_t *json;
	bool wake;

	memset(data, ' ', sizeof(data) - 1);
	data[0] = '"';
	data[sizeof(data) - 2] = '"';
	events = events_of("{\"progress\": \"\"}", &json);
	ck_assert_int_eq(events_judge(events, slice_from_str(data), &wake, &progress), 0);
	ck_assert(wake && !progress.data);
	events_free(events);
	json_decref(json);
}
END_TEST

START_TEST(how_long_a_stream_may_be_silent)
{
	struct events *events;
	json_t *json;

	events = events_of("{}", &json);
	ck_assert_uint_eq(events->idle_usec, 90000000);
	events_free(events);
	json_decref(json);
	events = events_of("{\"idle\": 7.5, \"url\": \"/read/by/others\"}", &json);
	ck_assert_uint_eq(events->idle_usec, 7500000);
	events_free(events);
	json_decref(json);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("events");
	TCase *tcase = tcase_create("events");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, events_are_judged, 0, sizeof(CASES) / sizeof(CASES[0]));
	tcase_add_test(tcase, too_long_a_progress_is_not_told);
	tcase_add_test(tcase, how_long_a_stream_may_be_silent);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
