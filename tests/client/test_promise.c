/* test_promise.c - what a producer does with a promise, and the claim that its handle keeps. */
#include "client/conn.h"
#include "client/future.h"
#include "tests/client/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CLAIM_1 "00112233445566778899aabbccddeeff"
#define CLAIM_2 "ffeeddccbbaa99887766554433221100"

static struct peer peer;
static futured *c;
static futured_future *f;

static void setup(void)
{
	peer_init(&peer);
	c = peer_connect(&peer, 0);
	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	pump(c);
	peer_expect(&peer, "future.result");
}

static void teardown(void)
{
	futured_future_unref(f);
	futured_unref(c);
	peer_done(&peer);
}

static void reply_claim(uint32_t id, const char *claim)
{
	struct pack *pack = peer_begin_reply(&peer, id);

	pack_map(pack, 2);
	pack_str(pack, "claim");
	pack_str(pack, claim);
	pack_str(pack, "lease_until_ms");
	pack_u64(pack, 1700000000000);
	peer_send(&peer);
}

static void reply_empty(uint32_t id)
{
	pack_map(peer_begin_reply(&peer, id), 0);
	peer_send(&peer);
}

/* Claim f, and have it granted. */
static void claim_it(void)
{
	ck_assert_int_eq(futured_future_claim(f, 60000000, NULL, NULL, NULL), 0);
	pump(c);
	reply_claim(peer_expect(&peer, "future.claim"), CLAIM_1);
	pump(c);
	ck_assert_str_eq(futured_future_claim_id(f), CLAIM_1);
}

static void count(futured_reply *reply, void *userdata)
{
	++*(int *)userdata;
}

START_TEST(a_claim_is_kept_and_shown)
{
	futured_reply *reply;

	ck_assert_ptr_null(futured_future_claim_id(f));
	ck_assert_int_eq(futured_future_claim(f, 1500000, NULL, NULL, &reply), 0);
	pump(c);
	peer_expect(&peer, "future.claim");
	ck_assert(peer_param_is(&peer, "id", ID_A));
	ck_assert_double_eq(peer_param(&peer, "lease")->via.f64, 1.5);
	reply_claim(peer.request.id, CLAIM_1);
	ck_assert_int_eq(futured_reply_wait(reply, FUTURED_TIME_NONE), 1);
	ck_assert_str_eq(futured_reply_json(reply), "{\"claim\":\"" CLAIM_1 "\",\"lease_until_ms\":1700000000000}");
	futured_reply_unref(reply);
	ck_assert_str_eq(futured_future_claim_id(f), CLAIM_1);
	ck_assert_int_eq(futured_future_renew(f, 2000000, NULL, NULL, NULL), 0);
	ck_assert_int_eq(futured_future_set_progress(f, "{\"n\": 1}", NULL, NULL, NULL), 0);
	pump(c);
	reply_empty(peer_expect(&peer, "future.renew"));
	ck_assert(peer_param_is(&peer, "claim", CLAIM_1));
	ck_assert_uint_eq(peer_param(&peer, "lease")->via.u64, 2);
	reply_empty(peer_expect(&peer, "future.progress"));
	ck_assert(peer_param_is(&peer, "claim", CLAIM_1));
	ck_assert(peer_param_is(&peer, "progress", "{\"n\": 1}"));
}
END_TEST

START_TEST(a_lease_without_end_is_the_connections)
{
	ck_assert_int_eq(futured_future_claim(f, FUTURED_TIME_NONE, NULL, NULL, NULL), 0);
	pump(c);
	peer_expect(&peer, "future.claim");
	ck_assert_int_eq(peer_param(&peer, "lease")->type, MSGPACK_OBJECT_NIL);
}
END_TEST

START_TEST(a_result_is_bytes)
{
	const msgpack_object *result;

	claim_it();
	ck_assert_int_eq(futured_future_resolve(f, "\xff\0x", 3, "image/png", NULL, NULL, NULL), 0);
	pump(c);
	peer_expect(&peer, "future.resolve");
	result = peer_param(&peer, "result");
	ck_assert_int_eq(result->type, MSGPACK_OBJECT_BIN);
	ck_assert_uint_eq(result->via.bin.size, 3);
	ck_assert_mem_eq(result->via.bin.ptr, "\xff\0x", 3);
	ck_assert(peer_param_is(&peer, "content_type", "image/png"));
	ck_assert(peer_param_is(&peer, "claim", CLAIM_1));
}
END_TEST

START_TEST(an_empty_result_is_one)
{
	ck_assert_int_eq(futured_future_resolve(f, NULL, 0, NULL, NULL, NULL, NULL), 0);
	pump(c);
	peer_expect(&peer, "future.resolve");
	ck_assert_uint_eq(peer_param(&peer, "result")->via.bin.size, 0);
	ck_assert_ptr_null(peer_param(&peer, "content_type"));
	ck_assert_ptr_null(peer_param(&peer, "claim"));
}
END_TEST

/* What has come of a result that a message has no room for, and which part is refused. */
static struct {
	size_t len;
	unsigned parts;
	bool whole;
	unsigned refused;
} upload;

static void take_part(void)
{
	size_t len = peer_param(&peer, "result")->via.bin.size;
	const msgpack_object *offset = peer_param(&peer, "offset");

	ck_assert(slice_equals(peer.request.method, "future.resolve"));
	ck_assert_uint_eq(offset ? offset->via.u64 : 0, upload.len);
	ck_assert_uint_le(len, PROTO_RESULT_CHUNK_MAX);
	ck_assert(!upload.whole);
	upload.len += len;
	upload.whole = peer_param(&peer, "more") == NULL;
	if (++upload.parts < upload.refused || upload.refused == 0)
		reply_empty(peer.request.id);
	else if (upload.parts == upload.refused)
		peer_reply_error(&peer, peer.request.id, ERROR_TOO_LARGE, "too long", NULL);
	else
		peer_reply_error(&peer, peer.request.id, ERROR_INVALID_ARGUMENT, "offset", NULL);
}

/* Resolve f with len bytes; how that ended. The reply is the caller's. */
static int resolve_long(size_t len, unsigned refused, futured_reply **ret)
{
	char *data = calloc(1, len);

	memset(&upload, 0, sizeof(upload));
	upload.refused = refused;
	ck_assert_int_eq(futured_future_resolve(f, data, len, NULL, NULL, NULL, ret), 0);
	free(data);
	while (futured_reply_status(*ret) == -EINPROGRESS) {
		futured_process(c);
		peer_expect_any(&peer, take_part);
	}
	pump(c);
	return futured_reply_status(*ret);
}

START_TEST(a_long_result_comes_in_parts)
{
	size_t len = 2 * PROTO_RESULT_CHUNK_MAX + 1;
	futured_reply *reply;

	ck_assert_int_eq(resolve_long(len, 0, &reply), 0);
	ck_assert_uint_eq(upload.parts, 3);
	ck_assert_uint_eq(upload.len, len);
	ck_assert(upload.whole);
	futured_reply_unref(reply);
	ck_assert(TAILQ_EMPTY(&c->replies));
}
END_TEST

START_TEST(the_first_part_that_is_refused_says_why)
{
	futured_reply *reply;

	ck_assert_int_eq(resolve_long(4 * PROTO_RESULT_CHUNK_MAX, 2, &reply), -EMSGSIZE);
	ck_assert_uint_eq(upload.parts, 4);
	ck_assert_str_eq(futured_reply_error(reply)->message, "too long");
	futured_reply_unref(reply);
	ck_assert(TAILQ_EMPTY(&c->replies));
}
END_TEST

/* What is lost with the connection cannot be gone on with on the next. */
START_TEST(parts_belong_to_a_connection)
{
	size_t len = 5 * PROTO_RESULT_CHUNK_MAX;
	char *data = calloc(1, len);
	futured_reply *reply;

	ck_assert_int_eq(futured_future_resolve(f, data, len, NULL, NULL, NULL, &reply), 0);
	free(data);
	pump(c);
	peer_hang_up(&peer);
	ck_assert_int_eq(futured_reply_wait(reply, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_reply_status(reply), -ECONNRESET);
	futured_reply_unref(reply);
	ck_assert(TAILQ_EMPTY(&c->replies));
}
END_TEST

START_TEST(a_rejection)
{
	struct futured_rejection rejection = FUTURED_REJECTION_INIT;

	rejection.kind = "solver";
	rejection.message = "no convergence";
	rejection.code = "E7";
	rejection.details = "\xfe";
	rejection.details_len = 1;
	ck_assert_int_eq(futured_future_reject(f, &rejection, NULL, NULL, NULL), 0);
	ck_assert_int_eq(futured_future_reject(f, NULL, NULL, NULL, NULL), 0);
	pump(c);
	reply_empty(peer_expect(&peer, "future.reject"));
	ck_assert(peer_param_is(&peer, "kind", "solver"));
	ck_assert(peer_param_is(&peer, "message", "no convergence"));
	ck_assert(peer_param_is(&peer, "code", "E7"));
	ck_assert_uint_eq(peer_param(&peer, "details")->via.bin.size, 1);
	peer_expect(&peer, "future.reject");
	ck_assert_uint_eq(peer.request.params->via.array.ptr[0].via.map.size, 1);
}
END_TEST

START_TEST(nothing_overtakes_a_claim)
{
	ck_assert_int_eq(futured_future_claim(f, 1000000, NULL, NULL, NULL), 0);
	ck_assert_int_eq(futured_future_claim(f, 1000000, NULL, NULL, NULL), -EAGAIN);
	ck_assert_int_eq(futured_future_set_progress(f, "1", NULL, NULL, NULL), -EAGAIN);
	ck_assert_int_eq(futured_future_resolve(f, "1", 1, NULL, NULL, NULL, NULL), -EAGAIN);
	pump(c);
	reply_claim(peer_expect(&peer, "future.claim"), CLAIM_1);
	pump(c);
	ck_assert_int_eq(futured_future_set_progress(f, "1", NULL, NULL, NULL), 0);
}
END_TEST

START_TEST(a_refused_claim_leaves_the_one_before)
{
	int called = 0;

	claim_it();
	ck_assert_int_eq(futured_future_claim(f, 1000000, count, &called, NULL), 0);
	pump(c);
	peer_reply_error(&peer, peer_expect(&peer, "future.claim"), ERROR_INVALID_STATE, "claimed by another", NULL);
	pump(c);
	ck_assert_int_eq(called, 1);
	ck_assert_str_eq(futured_future_claim_id(f), CLAIM_1);
	ck_assert_int_eq(futured_future_claim(f, 1000000, NULL, NULL, NULL), 0);
	pump(c);
	reply_claim(peer_expect(&peer, "future.claim"), CLAIM_2);
	pump(c);
	ck_assert_str_eq(futured_future_claim_id(f), CLAIM_2);
}
END_TEST

START_TEST(a_forgotten_reply_still_gives_the_claim)
{
	futured_reply *reply;
	int called = 0;

	ck_assert_int_eq(futured_future_claim(f, 1000000, count, &called, &reply), 0);
	futured_reply_unref(reply);
	pump(c);
	reply_claim(peer_expect(&peer, "future.claim"), CLAIM_1);
	pump(c);
	ck_assert_str_eq(futured_future_claim_id(f), CLAIM_1);
	ck_assert_int_eq(called, 0);
	ck_assert(TAILQ_EMPTY(&c->replies));
}
END_TEST

START_TEST(a_released_handle_is_given_nothing)
{
	futured_reply *reply;
	uint32_t id;

	ck_assert_int_eq(futured_future_claim(f, 1000000, NULL, NULL, &reply), 0);
	pump(c);
	id = peer_expect(&peer, "future.claim");
	f = futured_future_unref(f);
	/* The same handle within, for somebody else. */
	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	reply_claim(id, CLAIM_1);
	ck_assert_int_eq(futured_reply_wait(reply, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_reply_status(reply), 0);
	ck_assert_ptr_null(futured_future_claim_id(f));
	futured_reply_unref(reply);
}
END_TEST

START_TEST(a_claim_that_is_none_ends_the_connection)
{
	futured_reply *reply;

	ck_assert_int_eq(futured_future_claim(f, 1000000, NULL, NULL, &reply), 0);
	pump(c);
	reply_claim(peer_expect(&peer, "future.claim"), "short");
	ck_assert_int_eq(futured_reply_wait(reply, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_reply_status(reply), -EBADMSG);
	ck_assert_ptr_null(futured_future_claim_id(f));
	futured_reply_unref(reply);
}
END_TEST

START_TEST(what_is_asked_again_after_a_loss)
{
	futured_reply *claim, *progress, *resolve;

	ck_assert_int_eq(futured_future_set_claim(f, CLAIM_2), 0);
	ck_assert_int_eq(futured_future_set_progress(f, "1", NULL, NULL, &progress), 0);
	ck_assert_int_eq(futured_future_resolve(f, "1", 1, NULL, NULL, NULL, &resolve), 0);
	ck_assert_int_eq(futured_future_claim(f, 1000000, NULL, NULL, &claim), 0);
	pump(c);
	peer_expect(&peer, "future.progress");
	peer_expect(&peer, "future.resolve");
	peer_expect(&peer, "future.claim");
	peer_hang_up(&peer);
	/* They may have been carried out: whoever asked has to look. */
	ck_assert_int_eq(futured_reply_wait(resolve, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_reply_status(resolve), -ECONNRESET);
	ck_assert_int_eq(futured_reply_wait(claim, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_reply_status(claim), -ECONNRESET);
	ck_assert_int_eq(futured_reply_status(progress), -EINPROGRESS);
	ck_assert_str_eq(futured_future_claim_id(f), CLAIM_2);
	futured_reply_unref(claim);
	futured_reply_unref(progress);
	futured_reply_unref(resolve);
}
END_TEST

START_TEST(a_claim_made_elsewhere)
{
	ck_assert_int_eq(futured_future_set_claim(f, "abc"), -EINVAL);
	ck_assert_int_eq(futured_future_set_claim(f, "0011223344556677" "8899AABBCCDDEEFF"), -EINVAL);
	ck_assert_int_eq(futured_future_set_claim(f, CLAIM_2 "0"), -EINVAL);
	ck_assert_ptr_null(futured_future_claim_id(f));
	ck_assert_int_eq(futured_future_set_claim(f, CLAIM_2), 0);
	ck_assert_int_eq(futured_future_set_progress(f, "null", NULL, NULL, NULL), 0);
	pump(c);
	peer_expect(&peer, "future.progress");
	ck_assert(peer_param_is(&peer, "claim", CLAIM_2));
	ck_assert_int_eq(futured_future_set_claim(f, NULL), 0);
	ck_assert_ptr_null(futured_future_claim_id(f));
}
END_TEST

START_TEST(refused)
{
	struct futured_rejection rejection = FUTURED_REJECTION_INIT;

	ck_assert_int_eq(futured_future_set_progress(f, NULL, NULL, NULL, NULL), -EINVAL);
	ck_assert_int_eq(futured_future_set_progress(f, "\"\xff\"", NULL, NULL, NULL), -EINVAL);
	ck_assert_int_eq(futured_future_resolve(f, NULL, 1, NULL, NULL, NULL, NULL), -EINVAL);
	ck_assert_int_eq(futured_future_resolve(f, "", 0, "\xff", NULL, NULL, NULL), -EINVAL);
	rejection.message = "\xff";
	ck_assert_int_eq(futured_future_reject(f, &rejection, NULL, NULL, NULL), -EINVAL);
	rejection.message = NULL;
	rejection.size--;
	ck_assert_int_eq(futured_future_reject(f, &rejection, NULL, NULL, NULL), -EINVAL);
	ck_assert(TAILQ_EMPTY(&c->requests.unsent));
	futured_close(c);
	ck_assert_int_eq(futured_future_claim(f, 1, NULL, NULL, NULL), -ENOTCONN);
}
END_TEST

START_TEST(pause_resume_pin_unpin)
{
	ck_assert_int_eq(futured_future_pause(f, NULL, NULL, NULL), 0);
	ck_assert_int_eq(futured_future_resume(f, NULL, NULL, NULL), 0);
	ck_assert_int_eq(futured_future_pin(f, NULL, NULL, NULL), 0);
	ck_assert_int_eq(futured_future_unpin(f, NULL, NULL, NULL), 0);
	pump(c);
	reply_empty(peer_expect(&peer, "future.pause"));
	ck_assert(peer_param_is(&peer, "id", ID_A));
	reply_empty(peer_expect(&peer, "future.resume"));
	reply_empty(peer_expect(&peer, "future.pin"));
	reply_empty(peer_expect(&peer, "future.unpin"));
	ck_assert(peer_param_is(&peer, "id", ID_A));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("promise");
	TCase *tcase = tcase_create("promise");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, a_claim_is_kept_and_shown);
	tcase_add_test(tcase, a_lease_without_end_is_the_connections);
	tcase_add_test(tcase, a_result_is_bytes);
	tcase_add_test(tcase, an_empty_result_is_one);
	tcase_add_test(tcase, a_long_result_comes_in_parts);
	tcase_add_test(tcase, the_first_part_that_is_refused_says_why);
	tcase_add_test(tcase, parts_belong_to_a_connection);
	tcase_add_test(tcase, a_rejection);
	tcase_add_test(tcase, nothing_overtakes_a_claim);
	tcase_add_test(tcase, a_refused_claim_leaves_the_one_before);
	tcase_add_test(tcase, a_forgotten_reply_still_gives_the_claim);
	tcase_add_test(tcase, a_released_handle_is_given_nothing);
	tcase_add_test(tcase, a_claim_that_is_none_ends_the_connection);
	tcase_add_test(tcase, what_is_asked_again_after_a_loss);
	tcase_add_test(tcase, a_claim_made_elsewhere);
	tcase_add_test(tcase, refused);
	tcase_add_test(tcase, pause_resume_pin_unpin);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
