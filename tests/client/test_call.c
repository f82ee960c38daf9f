/* test_call.c - calls with JSON on both sides. */
#include "client/conn.h"
#include "tests/client/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct peer peer;
static futured *c;

static void setup(void)
{
	peer_init(&peer);
	c = peer_connect(&peer, 0);
}

static void teardown(void)
{
	futured_unref(c);
	peer_done(&peer);
}

static void count(futured_reply *reply, void *userdata)
{
	ck_assert_int_ne(futured_reply_status(reply), -EINPROGRESS);
	++*(int *)userdata;
}

/* {"seq": 5, "bytes": bin} */
static void reply_something(uint32_t id)
{
	struct pack *pack = peer_begin_reply(&peer, id);

	pack_map(pack, 2);
	pack_str(pack, "seq");
	pack_u64(pack, 5);
	pack_str(pack, "bytes");
	pack_bin(pack, (struct slice){ .data = "\xff", .len = 1 });
	peer_send(&peer);
}

START_TEST(params_and_answer)
{
	const char *params = "{\"limit\": 2, \"labels\": {\"a\": \"b\"}}";
	futured_reply *reply;
	int called = 0;

	ck_assert_int_eq(futured_call(c, "future.list", params, count, &called, &reply), 0);
	ck_assert_int_eq(futured_reply_status(reply), -EINPROGRESS);
	ck_assert_ptr_null(futured_reply_json(reply));
	ck_assert_ptr_null(futured_reply_error(reply));
	pump(c);
	peer_expect(&peer, "future.list");
	ck_assert_uint_eq(peer_param(&peer, "limit")->via.u64, 2);
	ck_assert_int_eq(peer_param(&peer, "labels")->type, MSGPACK_OBJECT_MAP);
	reply_something(peer.request.id);
	ck_assert_int_eq(futured_reply_wait(reply, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(called, 1);
	ck_assert_int_eq(futured_reply_status(reply), 0);
	ck_assert_str_eq(futured_reply_json(reply), "{\"seq\":5,\"bytes\":{\"base64\":\"/w==\"}}");
	pump(c);
	ck_assert_int_eq(called, 1);
	futured_reply_unref(reply);
}
END_TEST

START_TEST(an_error)
{
	futured_reply *reply;

	ck_assert_int_eq(futured_call(c, "future.get", "{\"id\": \"" ID_A "\"}", NULL, NULL, &reply), 0);
	pump(c);
	peer_reply_error(&peer, peer_expect(&peer, "future.get"), ERROR_NOT_FOUND, "no such future", NULL);
	ck_assert_int_eq(futured_reply_wait(reply, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_reply_status(reply), -ENOENT);
	ck_assert_ptr_null(futured_reply_json(reply));
	ck_assert_str_eq(futured_reply_error(reply)->name, "NotFound");
	ck_assert_str_eq(futured_reply_error(reply)->message, "no such future");
	futured_reply_unref(reply);
}
END_TEST

START_TEST(without_a_reply_of_its_own)
{
	int called = 0;

	ck_assert_int_eq(futured_call(c, "server.stats", NULL, count, &called, NULL), 0);
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, NULL), 0);
	pump(c);
	reply_something(peer_expect(&peer, "server.stats"));
	reply_something(peer_expect(&peer, "server.stats"));
	pump(c);
	ck_assert_int_eq(called, 1);
	ck_assert(TAILQ_EMPTY(&c->replies));
}
END_TEST

START_TEST(released_before_its_answer)
{
	futured_reply *reply;
	int called = 0;
	uint32_t id;

	ck_assert_int_eq(futured_call(c, "server.stats", NULL, count, &called, &reply), 0);
	pump(c);
	id = peer_expect(&peer, "server.stats");
	futured_reply_unref(reply);
	reply_something(id);
	pump(c);
	ck_assert_int_eq(called, 0);
	ck_assert(TAILQ_EMPTY(&c->requests.sent));
}
END_TEST

START_TEST(a_timeout)
{
	futured_reply *reply;

	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, &reply), 0);
	ck_assert_int_eq(futured_reply_wait(reply, 2000), 0);
	reply_something(peer_expect(&peer, "server.stats"));
	ck_assert_int_eq(futured_reply_wait(reply, FUTURED_TIME_NONE), 1);
	futured_reply_unref(reply);
}
END_TEST

START_TEST(refused)
{
	futured_reply *reply = NULL;

	ck_assert_int_eq(futured_call(c, "", NULL, NULL, NULL, &reply), -EINVAL);
	ck_assert_int_eq(futured_call(c, NULL, NULL, NULL, NULL, &reply), -EINVAL);
	ck_assert_int_eq(futured_call(c, "future.get", "[]", NULL, NULL, &reply), -EINVAL);
	ck_assert_int_eq(futured_call(c, "future.get", "{", NULL, NULL, &reply), -EINVAL);
	ck_assert_int_eq(futured_call(c, "future.subscribe", NULL, NULL, NULL, &reply), -EINVAL);
	ck_assert_int_eq(futured_call(c, "server.hello", NULL, NULL, NULL, &reply), -EINVAL);
	ck_assert_ptr_null(reply);
	ck_assert(TAILQ_EMPTY(&c->requests.unsent));
	ck_assert(TAILQ_EMPTY(&c->replies));
}
END_TEST

static void unref_reply(futured_reply *reply, void *userdata)
{
	futured_reply_unref(reply);
	++*(int *)userdata;
}

START_TEST(released_inside_its_callback)
{
	futured_reply *reply;
	int called = 0;

	ck_assert_int_eq(futured_call(c, "server.stats", NULL, unref_reply, &called, &reply), 0);
	pump(c);
	reply_something(peer_expect(&peer, "server.stats"));
	pump(c);
	ck_assert_int_eq(called, 1);
}
END_TEST

START_TEST(too_many)
{
	futured_reply *reply;
	int n = 0, r;

	while ((r = futured_call(c, "server.stats", NULL, NULL, NULL, NULL)) == 0)
		n++;
	ck_assert_int_eq(r, -ENOBUFS);
	ck_assert_int_eq(n, REQUEST_MAX);
	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, &reply), -ENOBUFS);
}
END_TEST

START_TEST(profiles_that_are_written)
{
	const char *const params[] = { "base", "http://h", NULL }, *const odd[] = { "base", NULL };
	struct futured_profile_options options = FUTURED_PROFILE_INIT;
	futured_reply *reply;
	int called = 0;

	ck_assert_int_eq(futured_profile_check(c, &options, NULL, NULL, NULL), -EINVAL);
	options.text = "{";
	options.params = params;
	ck_assert_int_eq(futured_profile_check(c, &options, count, &called, &reply), 0);
	pump(c);
	peer_expect(&peer, "profile.check");
	ck_assert(peer_param_is(&peer, "text", "{"));
	ck_assert_int_eq(peer_param(&peer, "params")->type, MSGPACK_OBJECT_MAP);
	ck_assert_ptr_null(peer_param(&peer, "profile"));
	reply_something(peer.request.id);
	ck_assert_int_eq(futured_reply_wait(reply, FUTURED_TIME_NONE), 1);
	futured_reply_unref(reply);
	options = (struct futured_profile_options)FUTURED_PROFILE_INIT;
	options.profile = "p";
	options.params_json = "{\"n\": 1}";
	ck_assert_int_eq(futured_profile_try(c, &options, count, &called, &reply), 0);
	pump(c);
	peer_expect(&peer, "profile.try");
	ck_assert(peer_param_is(&peer, "profile", "p"));
	ck_assert(peer_param_is(&peer, "params", "{\"n\": 1}"));
	/* a poll is not sent twice without being asked for */
	peer_hang_up(&peer);
	ck_assert_int_eq(futured_reply_wait(reply, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_reply_status(reply), -ECONNRESET);
	futured_reply_unref(reply);
	ck_assert_int_eq(called, 2);
	/* what makes no sense */
	options.text = "{}";
	ck_assert_int_eq(futured_profile_try(c, &options, NULL, NULL, NULL), -EINVAL);
	options.text = NULL;
	options.params = params;
	ck_assert_int_eq(futured_profile_try(c, &options, NULL, NULL, NULL), -EINVAL);
	options.params_json = NULL;
	options.params = odd;
	ck_assert_int_eq(futured_profile_try(c, &options, NULL, NULL, NULL), -EINVAL);
	options.params = NULL;
	options.profile = "\xff";
	ck_assert_int_eq(futured_profile_try(c, &options, NULL, NULL, NULL), -EINVAL);
	options.profile = "p";
	options.size = 8;
	ck_assert_int_eq(futured_profile_try(c, &options, NULL, NULL, NULL), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("call");
	TCase *tcase = tcase_create("call");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, params_and_answer);
	tcase_add_test(tcase, an_error);
	tcase_add_test(tcase, without_a_reply_of_its_own);
	tcase_add_test(tcase, released_before_its_answer);
	tcase_add_test(tcase, a_timeout);
	tcase_add_test(tcase, refused);
	tcase_add_test(tcase, released_inside_its_callback);
	tcase_add_test(tcase, too_many);
	tcase_add_test(tcase, profiles_that_are_written);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
