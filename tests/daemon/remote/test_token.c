/* test_token.c - answers of token endpoints and outputs of helpers, good and bad. */
#include "daemon/remote/token.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW INT64_C(1700000000000)

static const struct {
	const char *body, *value, *refresh;
	int64_t expires;
	const char *error;
} answers[] = {
	{ "{\"access_token\":\"s3cret\",\"expires_in\":3600,\"token_type\":\"Bearer\"}", "s3cret", NULL, NOW + 3600000, NULL },
	{ "{\"access_token\":\"s3cret\",\"expires_in\":\"60\",\"refresh_token\":\"r\"}", "s3cret", "r", NOW + 60000, NULL },
	{ "{\"access_token\":\"s3cret\",\"expires_in\":0.5,\"refresh_token\":null}", "s3cret", NULL, NOW + 500, NULL },
	{ "{\"access_token\":\"s3cret\"}", "s3cret", NULL, TOKEN_NO_EXPIRY, NULL },
	{ "{\"access_token\":\"s3cret\",\"expires_in\":-5}", "s3cret", NULL, TOKEN_NO_EXPIRY, NULL },
	{ "{\"access_token\":\"s3cret\",\"expires_in\":\"soon\"}", "s3cret", NULL, TOKEN_NO_EXPIRY, NULL },
	{ "{\"access_token\":\"s3cret\",\"expires_in\":1e300}", "s3cret", NULL, TOKEN_NO_EXPIRY, NULL },
	{ "{\"access_token\":\"\"}", NULL, NULL, 0, "the answer has no usable access_token" },
	{ "{\"access_token\":[\"s3cret\"]}", NULL, NULL, 0, "the answer has no usable access_token" },
	{ "{\"access_token\":\"s3cret\\r\\nX-Evil: 1\"}", NULL, NULL, 0, "the answer has no usable access_token" },
	{ "{\"token\":\"s3cret\"}", NULL, NULL, 0, "the answer has no usable access_token" },
	{ "{\"access_token\":\"s3cret\",\"refresh_token\":7}", NULL, NULL, 0, "the answer has an unusable refresh_token" },
	{ "access_token=s3cret", NULL, NULL, 0, "the answer is not a JSON object" },
	{ "[\"s3cret\"]", NULL, NULL, 0, "the answer is not a JSON object" },
	{ "", NULL, NULL, 0, "the answer is not a JSON object" },
};

START_TEST(test_oauth2)
{
	struct token token = { 0 };
	struct error error = { 0 };
	int r = token_read_oauth2(answers[_i].body, strlen(answers[_i].body), NOW, &token, &error);

	if (answers[_i].error) {
		ck_assert_int_eq(r, -EREMOTEIO);
		ck_assert_str_eq(error.message, answers[_i].error);
		ck_assert_ptr_null(token.value);
		return;
	}
	ck_assert_msg(r == 0, "%s", error.message);
	ck_assert_str_eq(token.value, answers[_i].value);
	if (answers[_i].refresh)
		ck_assert_str_eq(token.refresh, answers[_i].refresh);
	else
		ck_assert_ptr_null(token.refresh);
	ck_assert_int_eq(token.expires_at_ms, answers[_i].expires);
	token_done(&token);
	ck_assert_ptr_null(token.value);
}
END_TEST

START_TEST(test_refusals)
{
	static const struct {
		const char *body, *code;
	} table[] = {
		{ "{\"error\":\"invalid_grant\",\"error_description\":\"s3cret\"}", "invalid_grant" },
		{ "{\"error\":\"s3cret\"}", NULL }, { "{\"error\":{\"code\":1}}", NULL }, { "<html>", NULL }, { "", NULL },
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		const char *code = token_refusal(table[i].body, strlen(table[i].body));

		ck_assert(table[i].code ? code && strcmp(code, table[i].code) == 0 : !code);
	}
}
END_TEST

#define EXEC(status) "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":" status "}"
#define AT(time) EXEC("{\"token\":\"s3cret\",\"expirationTimestamp\":\"" time "\"}")

static const struct {
	const char *text, *value;
	int64_t expires;
	const char *error;
} outputs[] = {
	{ "s3cret\n", "s3cret", TOKEN_NO_EXPIRY, NULL },
	{ "  s3cret", "s3cret", TOKEN_NO_EXPIRY, NULL },
	{ "user:pass word\r\n", "user:pass word", TOKEN_NO_EXPIRY, NULL },
	{ EXEC("{\"token\":\"s3cret\"}"), "s3cret", TOKEN_NO_EXPIRY, NULL },
	{ AT("2023-11-14T22:13:20Z"), "s3cret", NOW, NULL },
	{ AT("2023-11-14T22:13:20.987654321Z"), "s3cret", NOW, NULL },
	{ AT("2023-11-15T00:13:20+02:00"), "s3cret", NOW, NULL },
	{ AT("2023-11-14t16:43:20-05:30"), "s3cret", NOW, NULL },
	{ EXEC("{\"token\":\"s3cret\",\"expirationTimestamp\":null}"), "s3cret", TOKEN_NO_EXPIRY, NULL },
	{ AT("tomorrow"), NULL, 0, "the output's status.expirationTimestamp is not a time" },
	{ AT("2023-11-14T22:13:20"), NULL, 0, "the output's status.expirationTimestamp is not a time" },
	{ AT("2023-13-14T22:13:20Z"), NULL, 0, "the output's status.expirationTimestamp is not a time" },
	{ AT("2023-11-14T22:13:20Zs"), NULL, 0, "the output's status.expirationTimestamp is not a time" },
	{ EXEC("{\"token\":\"s3cret\",\"expirationTimestamp\":1700000000}"), NULL, 0,
	  "the output's status.expirationTimestamp is not a time" },
	{ EXEC("{\"clientCertificateData\":\"s3cret\"}"), NULL, 0, "the output has no usable status.token" },
	{ EXEC("{\"token\":\"s3\\u0000cret\"}"), NULL, 0, "the output is neither one line of text nor JSON" },
	{ "{\"status\":", NULL, 0, "the output is neither one line of text nor JSON" },
	{ "s3cret\nmore\n", NULL, 0, "the output is neither one line of text nor JSON" },
	{ " \n", NULL, 0, "the output is empty" },
};

START_TEST(test_command)
{
	struct token token = { 0 };
	struct error error = { 0 };
	int r = token_read_command(outputs[_i].text, strlen(outputs[_i].text), &token, &error);

	if (outputs[_i].error) {
		ck_assert_int_eq(r, -EREMOTEIO);
		ck_assert_str_eq(error.message, outputs[_i].error);
		ck_assert_ptr_null(token.value);
		return;
	}
	ck_assert_msg(r == 0, "%s", error.message);
	ck_assert_str_eq(token.value, outputs[_i].value);
	ck_assert_int_eq(token.expires_at_ms, outputs[_i].expires);
	token_done(&token);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("token");
	TCase *tcase = tcase_create("token");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, test_oauth2, 0, COUNT(answers));
	tcase_add_test(tcase, test_refusals);
	tcase_add_loop_test(tcase, test_command, 0, COUNT(outputs));
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
