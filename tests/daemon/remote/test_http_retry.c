/* test_http_retry.c - what a response asks for. */
#include "daemon/remote/http.h"

#include <check.h>
#include <stdlib.h>

/* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW_MS INT64_C(784111777000)

static const struct {
	int status;
	struct http_header headers[3];
	bool usable;
	uint64_t usec;
} table[] = {
	{ 503, { { "Retry-After", "3" } }, true, 3000000 },
	{ 503, { { "Retry-After", "0" } }, true, 0 },
	{ 503, { { "retry-after", "1.5" } }, true, 1500000 },
	{ 503, { { "Retry-After", " 7\t" } }, true, 7000000 },
	{ 200, { { "Retry-After", "86400" } }, true, UINT64_C(86400000000) },
	{ 503, { { "Retry-After", "99999999999999999999999999999999" } }, true, UINT64_C(1000000000000000000) },
	{ 503, { { "Retry-After", "Sun, 06 Nov 1994 08:50:37 GMT" } }, true, 60000000 },
	{ 503, { { "Retry-After", "Sunday, 06-Nov-94 08:50:37 GMT" } }, true, 60000000 },
	{ 503, { { "Retry-After", "Sun Nov  6 08:50:37 1994" } }, true, 60000000 },
	{ 503, { { "Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT" } }, true, 0 },
	{ 503, { { "Retry-After", "Sat, 05 Nov 1994 08:49:37 GMT" } }, true, 0 },
	{ 503, { { "Retry-After", "-1" } }, false, 0 },
	{ 503, { { "Retry-After", "+1" } }, false, 0 },
	{ 503, { { "Retry-After", "" } }, false, 0 },
	{ 503, { { "Retry-After", "." } }, false, 0 },
	{ 503, { { "Retry-After", "1.2.3" } }, false, 0 },
	{ 503, { { "Retry-After", "1e3" } }, false, 0 },
	{ 503, { { "Retry-After", "0x10" } }, false, 0 },
	{ 503, { { "Retry-After", "10 minutes" } }, false, 0 },
	{ 503, { { "Retry-After", "soon" } }, false, 0 },
	{ 503, { { "Retry-After", "Monday" } }, false, 0 },
	{ 503, { { "Retry-After", "Sun: garbage" } }, false, 0 },
	{ 503, { { "Retry-After", "inf" } }, false, 0 },
	{ 429, { { "retry-after-ms", "250" } }, true, 250000 },
	{ 429, { { "Retry-After", "9" }, { "Retry-After-Ms", "1.5" } }, true, 1500 },
	{ 429, { { "Retry-After", "9" }, { "retry-after-ms", "garbage" } }, true, 9000000 },
	{ 429, { { "retry-after-ms", "-5" } }, false, 0 },
	{ 429, { { "x-ratelimit-reset", "784111807" } }, true, UINT64_C(784111807000000) },
	{ 429, { { "x-ratelimit-reset", "30" } }, true, 30000000 },
	{ 429, { { "x-ratelimit-reset", "12.5" } }, true, 12500000 },
	{ 403, { { "X-RateLimit-Reset", "1" }, { "X-RateLimit-Remaining", "0" } }, true, 1000000 },
	{ 403, { { "X-RateLimit-Reset", "1" }, { "X-RateLimit-Remaining", "4999" } }, false, 0 },
	{ 429, { { "X-RateLimit-Reset", "1" }, { "Retry-After", "2" } }, true, 2000000 },
	{ 429, { { "X-RateLimit-Reset", "1" }, { "Retry-After", "garbage" } }, true, 1000000 },
	{ 503, { { "x-ratelimit-reset", "30" } }, false, 0 },
	{ 200, { { "x-ratelimit-reset", "30" } }, false, 0 },
	{ 429, { { "Content-Type", "text/plain" } }, false, 0 },
};

START_TEST(test_retry_after)
{
	struct http_response response = { .status = table[_i].status, .headers = table[_i].headers };
	uint64_t usec = 77;

	while (response.n_headers < 3 && table[_i].headers[response.n_headers].name)
		response.n_headers++;
	ck_assert_int_eq(http_retry_after(&response, NOW_MS, &usec), table[_i].usable);
	ck_assert_uint_eq(usec, table[_i].usable ? table[_i].usec : 77);
}
END_TEST

START_TEST(test_reset_epoch)
{
	static const struct http_header reset[] = { { "x-ratelimit-reset", "1700000030" } };
	struct http_response response = { .status = 403, .headers = reset, .n_headers = 1 };
	uint64_t usec;

	ck_assert(http_retry_after(&response, INT64_C(1700000000500), &usec));
	ck_assert_uint_eq(usec, 29500000);
	ck_assert(http_retry_after(&response, INT64_C(1800000000000), &usec));
	ck_assert_uint_eq(usec, 0);
}
END_TEST

START_TEST(test_header_find)
{
	static const struct http_header headers[] = { { "A", "1" }, { "b", "2" }, { "a", "3" } };

	ck_assert_str_eq(http_header_find(headers, 3, "a"), "1");
	ck_assert_str_eq(http_header_find(headers, 3, "B"), "2");
	ck_assert_ptr_null(http_header_find(headers, 3, "ab"));
	ck_assert_ptr_null(http_header_find(headers, 0, "a"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_retry");
	TCase *tcase = tcase_create("http_retry");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, test_retry_after, 0, sizeof(table) / sizeof(table[0]));
	tcase_add_test(tcase, test_reset_epoch);
	tcase_add_test(tcase, test_header_find);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
