/* test_http_url.c - origins, references, percent-encoding. */
#include "daemon/remote/http.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *url, *origin;      /* NULL: refused */
} origins[] = {
	{ "https://Example.COM/v1/x?y=z#w", "https://example.com:443" },
	{ "HTTP://example.com", "http://example.com:80" },
	{ "http://example.com:8080/", "http://example.com:8080" },
	{ "https://example.com:443/a", "https://example.com:443" },
	{ "http://127.0.0.1:99/", "http://127.0.0.1:99" },
	{ "http://2130706433/", "http://127.0.0.1:80" },
	{ "https://[2001:DB8::1]/x", "https://[2001:db8::1]:443" },
	{ "ftp://example.com/", NULL },
	{ "file:///etc/passwd", NULL },
	{ "gopher://example.com/", NULL },
	{ "example.com/x", NULL },
	{ "/x", NULL },
	{ "", NULL },
	{ "http://", NULL },
	{ "http:///path", "http://path:80" },   /* as it would be sent */
	{ "http://a b/", NULL },
	{ "http://example.com:99999/", NULL },
	{ "http://example.com:port/", NULL },
	{ "http://example.com/\r\nX: y", NULL },
	{ "https://s3cret:hunter2@example.com/", NULL },
	{ "https://s3cret@example.com/?token=s3cret", NULL },
};

START_TEST(test_origin)
{
	struct error error = { 0 };
	char *origin = NULL;
	int r = http_origin(origins[_i].url, &origin, &error);

	if (origins[_i].origin) {
		ck_assert_int_eq(r, 0);
		ck_assert_str_eq(origin, origins[_i].origin);
	} else {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_ptr_null(origin);
		ck_assert_uint_gt(strlen(error.message), 0);
		ck_assert_ptr_null(strstr(error.message, "s3cret"));
	}
	free(origin);
}
END_TEST

static const struct {
	const char *base, *reference, *result;
} references[] = {
	{ "https://h/v1/a", "b", "https://h/v1/b" },
	{ "https://h/v1/a", "/b", "https://h/b" },
	{ "https://h/v1/a/", "b?c=d", "https://h/v1/a/b?c=d" },
	{ "https://h/v1/a?x=/y", "b", "https://h/v1/b" },
	{ "https://h/v1/a", "../b", "https://h/b" },
	{ "https://h/v1/a", "?q=1", "https://h/v1/a?q=1" },
	{ "https://h/v1/a?q=0", "?q=1", "https://h/v1/a?q=1" },
	{ "https://h/v1/a?q=0", "", "https://h/v1/a?q=0" },
	{ "https://h/v1/a#frag", "", "https://h/v1/a" },
	{ "https://h/v1/a", "#frag", "https://h/v1/a" },
	{ "https://h/v1/a", "b#frag", "https://h/v1/b" },
	{ "https://h/v1/a", "//other/b", "https://other/b" },
	{ "https://h/v1/a", "http://other:81/b", "http://other:81/b" },
	{ "https://h:8443", "/v1/operations/1:cancel", "https://h:8443/v1/operations/1:cancel" },
	{ "http://h/a", "/b%2Fc", "http://h/b%2Fc" },
	{ NULL, "http://h/b?c=d", "http://h/b?c=d" },
	{ NULL, "/b", NULL },
	{ NULL, "", NULL },
	{ "/a", "http://h/b", NULL },
	{ "https://h/v1/a", "ftp://other/b", NULL },
	{ "https://h/v1/a", "file:///etc/passwd", NULL },
	{ "https://h/v1/a", "//user:s3cret@other/b", NULL },
	{ "https://h/v1/a", "javascript:alert(1)", NULL },
};

START_TEST(test_resolve)
{
	struct error error = { 0 };
	char *url = NULL;
	int r = http_resolve(references[_i].base, references[_i].reference, &url, &error);

	if (references[_i].result) {
		ck_assert_msg(r == 0, "%d: %s", r, error.message);
		ck_assert_str_eq(url, references[_i].result);
	} else {
		ck_assert_msg(r == -EINVAL, "%d: %s", r, url);
		ck_assert_ptr_null(url);
		ck_assert_ptr_null(strstr(error.message, "s3cret"));
	}
	free(url);
}
END_TEST

START_TEST(test_is_origin)
{
	ck_assert(http_is_origin("https://h") && http_is_origin("https://h:1") && http_is_origin("https://h/"));
	ck_assert(http_is_origin("http://[::1]:80"));
	ck_assert(!http_is_origin("https://h/a") && !http_is_origin("https://h//") && !http_is_origin("https://h?a"));
	ck_assert(!http_is_origin("https://h#a") && !http_is_origin("https://h/?a"));
	/* not a URL at all: http_origin() says so */
	ck_assert(http_is_origin("h/a"));
}
END_TEST

START_TEST(test_url_length)
{
	struct error error = { 0 };
	char *url = malloc(10000), *origin = NULL;

	ck_assert_ptr_nonnull(url);
	memset(url, 'a', 9999);
	memcpy(url, "http://h/", 9);
	url[9999] = '\0';
	ck_assert_int_eq(http_origin(url, &origin, &error), -EINVAL);
	url[8000] = '\0';
	ck_assert_int_eq(http_origin(url, &origin, &error), 0);
	free(origin);
	free(url);
}
END_TEST

static const struct {
	const char *text;
	size_t len;
	bool keep_slashes;
	const char *escaped;
} escapes[] = {
	{ "", 0, false, "" },
	{ "azAZ09-._~", 10, false, "azAZ09-._~" },
	{ "operations/1", 12, false, "operations%2F1" },
	{ "operations/1", 12, true, "operations/1" },
	{ "a b+c%d", 7, true, "a%20b%2Bc%25d" },
	{ "?#[]@!$&'()*,;=:", 16, true, "%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2C%3B%3D%3A" },
	{ "\xc3\xa9\0\n", 4, false, "%C3%A9%00%0A" },
};

START_TEST(test_escape)
{
	char *escaped = http_escape(escapes[_i].text, escapes[_i].len, escapes[_i].keep_slashes);

	ck_assert_str_eq(escaped, escapes[_i].escaped);
	free(escaped);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_url");
	TCase *tcase = tcase_create("http_url");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, test_origin, 0, sizeof(origins) / sizeof(origins[0]));
	tcase_add_loop_test(tcase, test_resolve, 0, sizeof(references) / sizeof(references[0]));
	tcase_add_test(tcase, test_is_origin);
	tcase_add_test(tcase, test_url_length);
	tcase_add_loop_test(tcase, test_escape, 0, sizeof(escapes) / sizeof(escapes[0]));
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
