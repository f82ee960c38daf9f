/* test_create.c - what becomes a new future: what is sent, and what is refused before. */
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

static void count(futured_future *f, void *userdata)
{
	++*(int *)userdata;
}

START_TEST(create_and_forget)
{
	struct futured_create_options options = FUTURED_CREATE_INIT;

	options.profile = "google-lro";
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), 0);
	pump(c);
	peer_reply_created(&peer, peer_expect(&peer, "future.create"), ID_A, true);
	pump(c);
	/* Nobody wants to know the result: it is not asked for. */
	ck_assert(peer_is_quiet(&peer));
	ck_assert(TAILQ_EMPTY(&c->futures));
}
END_TEST

START_TEST(create_carries_everything)
{
	static const char *const params[] = { "name", "operations/1", "n", "2", NULL };
	static const char *const labels[] = { "team", "vision", NULL };
	struct futured_create_options options = FUTURED_CREATE_INIT;
	const msgpack_object *value;
	futured_future *f;

	options.profile = "google-lro";
	options.params = params;
	options.labels = labels;
	options.spec_json = "{\"poll\":{}}";
	options.polling_json = "{\"initial\":1}";
	options.retry_json = "{}";
	options.key = "nightly";
	options.mode = 0640;
	options.ttl_usec = FUTURED_TIME_NONE;
	options.timeout_usec = 1500000;
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, &f), 0);
	ck_assert_ptr_null(futured_future_id(f));
	ck_assert_int_eq(futured_future_is_new(f), -EINPROGRESS);
	ck_assert_int_eq(futured_future_cancel(f, NULL, NULL, NULL), -EAGAIN);
	pump(c);
	peer_expect(&peer, "future.create");
	ck_assert(peer_param_is(&peer, "profile", "google-lro"));
	ck_assert(peer_param_is(&peer, "spec", "{\"poll\":{}}"));
	ck_assert(peer_param_is(&peer, "polling", "{\"initial\":1}"));
	ck_assert(peer_param_is(&peer, "retry", "{}"));
	ck_assert(peer_param_is(&peer, "key", "nightly"));
	value = peer_param(&peer, "params");
	ck_assert_int_eq(value->type, MSGPACK_OBJECT_MAP);
	ck_assert_uint_eq(value->via.map.size, 2);
	ck_assert_uint_eq(peer_param(&peer, "labels")->via.map.size, 1);
	ck_assert_uint_eq(peer_param(&peer, "mode")->via.u64, 0640);
	ck_assert_int_eq(peer_param(&peer, "ttl")->type, MSGPACK_OBJECT_NIL);
	ck_assert_double_eq(peer_param(&peer, "timeout")->via.f64, 1.5);
	peer_reply_created(&peer, peer.request.id, ID_A, true);
	ck_assert_int_eq(futured_future_wait_created(f, FUTURED_TIME_NONE), 1);
	ck_assert_str_eq(futured_future_id(f), ID_A);
	ck_assert_int_eq(futured_future_is_new(f), 1);
	ck_assert_int_eq(futured_future_state(f), FUTURED_PENDING);
	futured_future_unref(f);
}
END_TEST

START_TEST(create_says_nothing_of_what_is_left_out)
{
	struct futured_create_options options = FUTURED_CREATE_INIT;

	options.spec_json = "{}";
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), 0);
	pump(c);
	peer_expect(&peer, "future.create");
	ck_assert_ptr_null(peer_param(&peer, "profile"));
	ck_assert_ptr_null(peer_param(&peer, "ttl"));
	ck_assert_ptr_null(peer_param(&peer, "timeout"));
	ck_assert_ptr_null(peer_param(&peer, "mode"));
	ck_assert_uint_eq(peer.request.params->via.array.ptr[0].via.map.size, 2);
}
END_TEST

START_TEST(create_refuses_what_cannot_be)
{
	static const char *const odd[] = { "name", NULL };
	static const char *const bad[] = { "name", "\xff", NULL };
	struct futured_create_options options = FUTURED_CREATE_INIT;

	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), -EINVAL);
	options.profile = "p\xff";
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), -EINVAL);
	options.profile = "p";
	options.params = odd;
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), -EINVAL);
	options.params = bad;
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), -EINVAL);
	options.params = odd + 1;
	options.params_json = "{}";
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), -EINVAL);
	options.params = NULL;
	options.flags = 1u << 20;
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), -EINVAL);
	options.flags = 0;
	options.after = odd;
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), -EINVAL);
	ck_assert_int_eq(futured_attach(c, "0190", 0, NULL, NULL, NULL), -EINVAL);
	ck_assert(TAILQ_EMPTY(&c->futures));
	ck_assert(TAILQ_EMPTY(&c->requests.unsent));
}
END_TEST

START_TEST(create_holds_back)
{
	static const char *const after[] = { ID_B, ID_C, NULL };
	struct futured_create_options options = FUTURED_CREATE_INIT;
	const msgpack_object *value;

	options.profile = "p";
	options.after = after;
	options.delay_usec = 2500000;
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), 0);
	pump(c);
	peer_reply_created(&peer, peer_expect(&peer, "future.create"), ID_A, true);
	value = peer_param(&peer, "after");
	ck_assert_int_eq(value->type, MSGPACK_OBJECT_ARRAY);
	ck_assert_uint_eq(value->via.array.size, 2);
	ck_assert_mem_eq(value->via.array.ptr[1].via.str.ptr, ID_C, ID_TEXT_LEN);
	ck_assert_double_eq(peer_param(&peer, "delay")->via.f64, 2.5);
	ck_assert_ptr_null(peer_param(&peer, "start_at"));
	options.start_at_ms = 1900000000000;
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), -EINVAL);
	options.delay_usec = 0;
	options.after = NULL;
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), 0);
	pump(c);
	peer_expect(&peer, "future.create");
	ck_assert_uint_eq(peer_param(&peer, "start_at")->via.u64, 1900000000000);
	ck_assert_ptr_null(peer_param(&peer, "delay"));
	ck_assert_ptr_null(peer_param(&peer, "after"));
}
END_TEST

/* A program built with the first header has no members behind flags. */
START_TEST(create_takes_options_of_before)
{
	struct futured_create_options options = FUTURED_CREATE_INIT;

	options.profile = "p";
	options.size = offsetof(struct futured_create_options, after);
	options.delay_usec = 2500000;
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), 0);
	pump(c);
	peer_expect(&peer, "future.create");
	ck_assert_ptr_null(peer_param(&peer, "delay"));
	options.size--;
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), -EINVAL);
}
END_TEST

START_TEST(create_and_look_once)
{
	struct futured_create_options options = FUTURED_CREATE_INIT;
	futured_future *f;

	options.profile = "p";
	options.flags = FUTURED_LOOK_ONCE;
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, &f), 0);
	pump(c);
	peer_reply_created(&peer, peer_expect(&peer, "future.create"), ID_A, true);
	ck_assert_int_eq(futured_future_wait(f, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_future_result(f, NULL, NULL), -ETIMEDOUT);
	ck_assert_str_eq(futured_future_id(f), ID_A);
	/* The answer said it all. */
	ck_assert(peer_is_quiet(&peer));
	futured_future_unref(f);
}
END_TEST

START_TEST(a_group)
{
	static const char *const ids[] = { ID_A, ID_B, NULL }, *const bad[] = { "0190", NULL };
	struct futured_create_options options = FUTURED_CREATE_INIT;

	ck_assert_int_eq(futured_group_future_create(c, ids, FUTURED_FIRST_EXCEPTION, NULL, NULL, NULL, NULL), 0);
	pump(c);
	peer_reply_created(&peer, peer_expect(&peer, "future.create"), ID_C, true);
	ck_assert(peer_param_is(&peer, "spec",
	    "{\"kind\":\"group\",\"until\":\"first_exception\",\"of\":[\"" ID_A "\",\"" ID_B "\"]}"));
	options.key = "k";
	ck_assert_int_eq(futured_group_future_create(c, ids + 2, FUTURED_ALL_COMPLETED, &options, NULL, NULL, NULL), 0);
	pump(c);
	peer_expect(&peer, "future.create");
	ck_assert(peer_param_is(&peer, "spec", "{\"kind\":\"group\",\"until\":\"all\",\"of\":[]}"));
	ck_assert(peer_param_is(&peer, "key", "k"));
	ck_assert_int_eq(futured_group_future_create(c, bad, FUTURED_FIRST_COMPLETED, NULL, NULL, NULL, NULL), -EINVAL);
	options.profile = "p";
	ck_assert_int_eq(futured_group_future_create(c, ids, FUTURED_FIRST_COMPLETED, &options, NULL, NULL, NULL), -EINVAL);
}
END_TEST

START_TEST(a_spec_over_the_limit)
{
	struct futured_create_options options = FUTURED_CREATE_INIT;
	char *spec = malloc(PROTO_MESSAGE_MAX + 1);

	memset(spec, ' ', PROTO_MESSAGE_MAX);
	spec[PROTO_MESSAGE_MAX] = '\0';
	options.spec_json = spec;
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, NULL), -EMSGSIZE);
	ck_assert(TAILQ_EMPTY(&c->futures));
	free(spec);
}
END_TEST

START_TEST(a_refused_creation)
{
	struct futured_create_options options = FUTURED_CREATE_INIT;
	futured_future *f;
	int called = 0;

	options.profile = "nope";
	ck_assert_int_eq(futured_create(c, &options, count, &called, &f), 0);
	pump(c);
	peer_reply_error(&peer, peer_expect(&peer, "future.create"), ERROR_INVALID_SPEC, "no profile \"nope\"", NULL);
	ck_assert_int_eq(futured_future_wait_created(f, FUTURED_TIME_NONE), -ENOEXEC);
	ck_assert_int_eq(futured_future_wait(f, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(called, 1);
	ck_assert_ptr_null(futured_future_id(f));
	ck_assert_int_eq(futured_future_result(f, NULL, NULL), -ENOEXEC);
	ck_assert_str_eq(futured_future_error(f)->name, "InvalidSpec");
	ck_assert_str_eq(futured_future_error(f)->message, "no profile \"nope\"");
	futured_future_unref(f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("create");
	TCase *tcase = tcase_create("create");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, create_and_forget);
	tcase_add_test(tcase, create_carries_everything);
	tcase_add_test(tcase, create_says_nothing_of_what_is_left_out);
	tcase_add_test(tcase, create_refuses_what_cannot_be);
	tcase_add_test(tcase, create_holds_back);
	tcase_add_test(tcase, create_takes_options_of_before);
	tcase_add_test(tcase, create_and_look_once);
	tcase_add_test(tcase, a_group);
	tcase_add_test(tcase, a_spec_over_the_limit);
	tcase_add_test(tcase, a_refused_creation);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
