/* test_oauth2.c - what a token endpoint is sent, what its answers mean, and where refresh tokens go. */
#include "config.h"

#include "tests/daemon/remote/credentials_fixture.h"

#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

START_TEST(test_refresh_grant)
{
	make_oauth2();
	expect("cloud", NULL, "token-1");
	ck_assert_str_eq(body, "grant_type=refresh_token&refresh_token=r0%2F%2Bs3cret&client_id=me%20%26%20you&"
	    "client_secret=c1%3Ds3cret&scope=read%20write");
	expect_file("cloud.refresh", "r0/+s3cret");
	/* until shortly before its end */
	clock_ms += 3600000 - 15001;
	expect("cloud", NULL, "token-1");
	ck_assert_uint_eq(requests, 1);
	clock_ms += 1;
	expect("cloud", NULL, "token-2");
	ck_assert_uint_eq(requests, 2);
}
END_TEST

START_TEST(test_client_grant)
{
	source = (struct credential_source){
		.name = "cloud", .type = CREDENTIAL_OAUTH2, .token_url = token_url, .client_id = "me",
		.client_secret = "cloud.secret",
	};
	put("cloud.secret", "s3cret");
	make();
	/* lasts for less than the margin: good for half of that time */
	strcpy(answer, "{\"access_token\":\"token-#\",\"expires_in\":10}");
	expect("cloud", NULL, "token-1");
	ck_assert_str_eq(body, "grant_type=client_credentials&client_id=me&client_secret=s3cret");
	clock_ms += 4999;
	expect("cloud", NULL, "token-1");
	clock_ms += 1;
	/* without an end */
	strcpy(answer, "{\"access_token\":\"token-#\"}");
	expect("cloud", NULL, "token-2");
	clock_ms += INT64_C(1000) * 86400000;
	expect("cloud", NULL, "token-2");
	ck_assert_uint_eq(requests, 2);
}
END_TEST

/* The new refresh token is on the disk before anybody has the access token, and is what is sent next. */
START_TEST(test_rotation)
{
	make_oauth2();
	strcpy(answer, "{\"access_token\":\"token-#\",\"expires_in\":60,\"refresh_token\":\"rotated\"}");
	/* left behind by one that was interrupted */
	put(".cloud.refresh.new", "half");
	expect("cloud", NULL, "token-1");
	expect_file("cloud.refresh", "rotated");
	expect("cloud", "token-1", "token-2");
	ck_assert_ptr_nonnull(strstr(body, "refresh_token=rotated&"));
	/* somebody has put another one there */
	put("cloud.refresh", "by-hand");
	strcpy(answer, "{\"access_token\":\"token-#\",\"expires_in\":60,\"refresh_token\":\"by-hand\"}");
	expect("cloud", "token-2", "token-3");
	ck_assert_ptr_nonnull(strstr(body, "refresh_token=by-hand&"));
}
END_TEST

/* The service manager's file cannot be written: the new one goes to our directory, and counts. */
START_TEST(test_rotation_managed)
{
	char managed[200], path[300], own[300];
	struct stat st;

	make_oauth2();
	snprintf(managed, sizeof(managed), "%s.managed", directory);
	ck_assert_int_eq(mkdir(managed, 0700), 0);
	snprintf(path, sizeof(path), "%s/cloud.refresh", managed);
	snprintf(own, sizeof(own), "%s/cloud.refresh", directory);
	ck_assert_int_eq(rename(own, path), 0);
	setenv("CREDENTIALS_DIRECTORY", managed, 1);
	expect("cloud", NULL, "token-1");
	ck_assert_ptr_nonnull(strstr(body, "refresh_token=r0"));
	/* it was not rotated: nothing is copied */
	ck_assert_int_lt(stat(own, &st), 0);
	strcpy(answer, "{\"access_token\":\"token-#\",\"refresh_token\":\"rotated\"}");
	expect("cloud", "token-1", "token-2");
	expect_file("cloud.refresh", "rotated");
	expect("cloud", "token-2", "token-3");
	ck_assert_ptr_nonnull(strstr(body, "refresh_token=rotated&"));
}
END_TEST

/* It cannot be written: it is kept in memory, through failures that say nothing about it, until it is refused. */
START_TEST(test_rotation_unwritable)
{
	char path[300];

	make_oauth2();
	expect("cloud", NULL, "token-1");
	/* a directory in the place of the new file */
	snprintf(path, sizeof(path), "%s/.cloud.refresh.new", directory);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	strcpy(answer, "{\"access_token\":\"token-#\",\"refresh_token\":\"rotated\"}");
	expect("cloud", "token-1", "token-2");
	expect_file("cloud.refresh", "r0/+s3cret");
	answer_status = 503;
	expect_failure("cloud", "token-2", " answered HTTP 503");
	ck_assert_ptr_nonnull(strstr(body, "refresh_token=rotated&"));
	clock_ms += 60000;
	answer_status = 400;
	strcpy(answer, "{\"error\":\"invalid_grant\"}");
	expect_failure("cloud", NULL, " answered HTTP 400 (invalid_grant)");
	ck_assert_ptr_nonnull(strstr(body, "refresh_token=rotated&"));
	clock_ms += 60000;
	expect_failure("cloud", NULL, "invalid_grant");
	ck_assert_ptr_nonnull(strstr(body, "refresh_token=r0"));
}
END_TEST

static const struct {
	int status;
	const char *answer, *words;
} bad_answers[] = {
	{ 200, "{\"token\":\"s3cret\"}", ": the answer has no usable access_token" },
	{ 200, "s3cret", ": the answer is not a JSON object" },
	{ 500, "s3cret", " answered HTTP 500" },
	{ 302, "s3cret", " answered HTTP 302" },
	{ 400, "{\"error\":\"s3cret\"}", " answered HTTP 400" },
};

START_TEST(test_bad_answers)
{
	make_oauth2();
	answer_status = bad_answers[_i].status;
	strcpy(answer, bad_answers[_i].answer);
	expect_failure("cloud", NULL, bad_answers[_i].words);
}
END_TEST

START_TEST(test_no_endpoint)
{
	make_oauth2();
	evhttp_free(endpoint);
	endpoint = evhttp_new(base);
	expect_failure("cloud", NULL, "Connection refused");
}
END_TEST

START_TEST(test_missing_files)
{
	char path[300];

	make_oauth2();
	snprintf(path, sizeof(path), "%s/cloud.secret", directory);
	unlink(path);
	expect_failure("cloud", NULL, "cloud.secret: No such file or directory");
	/* no pause: it is there, and all is well */
	put("cloud.secret", "new");
	expect("cloud", NULL, "token-1");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_refresh_grant, test_client_grant, test_rotation, test_rotation_managed,
		test_rotation_unwritable, test_no_endpoint, test_missing_files,
	};

	return credentials_run("oauth2", tests, COUNT(tests), test_bad_answers, COUNT(bad_answers));
}
