/* test_stream.c - bytes from the daemon: in any portion, and such that make no sense. */
#include "tests/client/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct peer peer;

static void setup(void)
{
	peer_init(&peer);
}

static void teardown(void)
{
	peer_done(&peer);
}

/* Bytes that end the connection for good, as the peer sends them after the hello. */
static const struct { const char *bytes; size_t len; } nonsense[] = {
	{ "\xc1", 1 },                                  /* not msgpack */
	{ "\x01", 1 },                                  /* not a message */
	{ "\xdd\xff\xff\xff\xff", 5 },                  /* an array that cannot fit */
	{ "\xdb\x7f\xff\xff\xff", 5 },                  /* a string over the limit */
	{ "\x94\x01\x2a\xc0\xc0", 5 },                  /* an answer to nothing that was asked */
	{ "\x94\x00\x01\xa1x\x90", 6 },                 /* a request */
	{ "\x93\x02\xae" "future.changed\x90", 18 },    /* an event without one */
	{ "\x94\x01\x00\xac" "Malformed: x\xc0", 17 },   /* our stream is lost */
};

START_TEST(bytes_that_make_no_sense)
{
	futured *c = peer_connect(&peer, 0);
	futured_future *f;

	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, &f), 0);
	pump(c);
	peer_expect(&peer, "future.result");
	peer_send_bytes(&peer, nonsense[_i].bytes, nonsense[_i].len);
	ck_assert_int_eq(futured_future_wait(f, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_future_result(f, NULL, NULL), -EBADMSG);
	ck_assert_int_eq(futured_process(c), -EBADMSG);
	ck_assert_int_eq(futured_attach(c, ID_A, 0, NULL, NULL, NULL), -ENOTCONN);
	futured_future_unref(f);
	futured_unref(c);
}
END_TEST

START_TEST(an_answer_over_the_limit)
{
	futured *c = peer_connect(&peer, 0);
	char *bytes = calloc(1, PROTO_MESSAGE_MAX + 16);
	futured_reply *reply;
	uint32_t id;

	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, &reply), 0);
	pump(c);
	id = peer_expect(&peer, "server.stats");
	/* A binary announced to be longer than a message may be: refused by its header. */
	memcpy(bytes, "\x94\x01\xce\0\0\0\0\xc0\xc6\x00\x20\x00\x00", 13);
	for (int i = 0; i < 4; i++)
		bytes[3 + i] = (char)(id >> (24 - 8 * i));
	peer_send_bytes(&peer, bytes, 64);
	ck_assert_int_eq(futured_reply_wait(reply, FUTURED_TIME_NONE), 1);
	ck_assert_int_eq(futured_reply_status(reply), -EBADMSG);
	futured_reply_unref(reply);
	futured_unref(c);
	free(bytes);
}
END_TEST

START_TEST(an_answer_in_single_bytes)
{
	futured *c = peer_connect(&peer, 0);
	struct slice bytes;
	futured_reply *reply;
	struct pack *pack;

	ck_assert_int_eq(futured_call(c, "server.stats", NULL, NULL, NULL, &reply), 0);
	pump(c);
	pack = peer_begin_reply(&peer, peer_expect(&peer, "server.stats"));
	pack_map(pack, 1);
	pack_str(pack, "seq");
	pack_u64(pack, 70000);
	ck_assert_int_eq(pack_finish(pack, &bytes), 0);
	for (size_t i = 0; i < bytes.len; i++) {
		ck_assert_int_eq(futured_reply_status(reply), -EINPROGRESS);
		peer_send_bytes(&peer, bytes.data + i, 1);
		pump(c);
	}
	ck_assert_str_eq(futured_reply_json(reply), "{\"seq\":70000}");
	pack_done(pack);
	futured_reply_unref(reply);
	futured_unref(c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream");
	TCase *tcase = tcase_create("stream");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_loop_test(tcase, bytes_that_make_no_sense, 0, sizeof(nonsense) / sizeof(nonsense[0]));
	tcase_add_test(tcase, an_answer_over_the_limit);
	tcase_add_test(tcase, an_answer_in_single_bytes);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
