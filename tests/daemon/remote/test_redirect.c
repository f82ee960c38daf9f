/* test_redirect.c - where responses lead. */
#include "daemon/remote/redirect.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

static const struct {
	const char *method, *url, *location;
	int status, result;
	const char *next;
	bool as_get;
} rows[] = {
	{ "GET", "https://a.example/x/y?q=1", "z", 302, 1, "https://a.example/x/z", false },
	{ "GET", "https://a.example/x/y?q=1", "//b.example/z", 302, 1, "https://b.example/z", false },
	{ "GET", "https://a.example/x/y?q=1", "?q=2", 307, 1, "https://a.example/x/y?q=2", false },
	{ "GET", "http://a.example/", "https://a.example/", 301, 1, "https://a.example/", false },
	{ "GET", "http://a.example/", "http://b.example/#part", 308, 1, "http://b.example/", false },
	{ "HEAD", "http://a.example/", "/z", 303, 1, "http://a.example/z", false },
	{ "POST", "http://a.example/", "/z", 301, 1, "http://a.example/z", true },
	{ "PUT", "http://a.example/", "/z", 302, 1, "http://a.example/z", true },
	{ "DELETE", "http://a.example/", "/z", 303, 1, "http://a.example/z", true },
	{ "POST", "http://a.example/", "/z", 307, 1, "http://a.example/z", false },
	{ "POST", "http://a.example/", "/z", 308, 1, "http://a.example/z", false },
	{ "GET", "http://a.example/", "/z", 200, 0, NULL, false },
	{ "GET", "http://a.example/", "/z", 300, 0, NULL, false },
	{ "GET", "http://a.example/", "/z", 304, 0, NULL, false },
	{ "GET", "http://a.example/", "/z", 0, 0, NULL, false },
	{ "GET", "http://a.example/", NULL, 302, 0, NULL, false },
	{ "GET", "http://a.example/", "", 302, 0, NULL, false },
	{ "GET", "http://a.example/", "#top", 302, 0, NULL, false },
	{ "GET", "https://a.example/", "http://a.example/", 302, -EINVAL, NULL, false },
	{ "GET", "HTTPS://a.example/", "HTTP://b.example/", 307, -EINVAL, NULL, false },
	{ "GET", "http://a.example/", "ftp://a.example/", 302, -EINVAL, NULL, false },
	{ "GET", "http://a.example/", "file:///etc/passwd", 302, -EINVAL, NULL, false },
	{ "GET", "http://a.example/", "http://user:word@a.example/", 302, -EINVAL, NULL, false },
};

START_TEST(where_it_leads)
{
	const struct http_header header = { "location", rows[_i].location };
	const struct http_response response = {
		.status = rows[_i].status, .headers = &header, .n_headers = rows[_i].location ? 1 : 0,
	};
	struct redirect redirect = { 0 };
	struct error error = { 0 };

	ck_assert_int_eq(redirect_read(&response, rows[_i].method, rows[_i].url, &redirect, &error), rows[_i].result);
	if (rows[_i].result == 1) {
		ck_assert_str_eq(redirect.url, rows[_i].next);
		ck_assert(redirect.as_get == rows[_i].as_get);
	} else {
		ck_assert_ptr_null(redirect.url);
		ck_assert((error.message[0] != '\0') == (rows[_i].result < 0));
	}
	free(redirect.url);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redirect");
	TCase *tcase = tcase_create("redirect");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, where_it_leads, 0, sizeof(rows) / sizeof(rows[0]));
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
