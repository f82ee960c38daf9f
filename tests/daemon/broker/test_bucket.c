/* test_bucket.c - limits, turns and pauses of buckets. */
#include "daemon/broker/bucket.h"
#include "tests/daemon/broker/fail_alloc.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 64

static const uint8_t hash_key[16] = "sixteen bytes...";
static struct buckets *buckets;
static struct bucket_slot slots[SLOTS];

static void setup(void)
{
	memset(slots, 0, sizeof(slots));
	buckets = buckets_new(&(struct bucket_limits){ 100, 4, 50, 2 }, hash_key);
	ck_assert_ptr_nonnull(buckets);
}

static void teardown(void)
{
	fail_alloc_at(0);
	for (size_t i = 0; i < SLOTS; i++)
		bucket_leave(buckets, &slots[i]);
	buckets = buckets_free(buckets);
	ck_assert_ptr_null(buckets);
}

static void join(size_t i, uid_t uid, const char *name, unsigned limit)
{
	ck_assert_int_eq(bucket_join(buckets, uid, name, limit, &slots[i]), 0);
}

/* For all but long polls. */
static void configure(unsigned total, unsigned each)
{
	buckets_configure(buckets, &(struct bucket_limits){ total, each, 50, 2 });
}

static void expect_grant(size_t i, uint64_t now_usec)
{
	struct bucket_slot *slot = bucket_grant(buckets, now_usec);

	ck_assert_msg(slot == &slots[i], "slot %zd instead of %zu", slot ? slot - slots : -1, i);
	ck_assert_int_eq(slot->state, SLOT_HELD);
}

static struct buckets_stats stats(uint64_t now_usec)
{
	struct buckets_stats ret;

	buckets_stats(buckets, now_usec, &ret);
	return ret;
}

START_TEST(same_owner_and_name_share)
{
	join(0, 1000, "a", 0);
	join(1, 1000, "a", 0);
	join(2, 1001, "a", 0);
	join(3, 1000, "b", 0);
	join(4, 1000, "", 0);
	ck_assert_ptr_eq(slots[0].bucket, slots[1].bucket);
	ck_assert_ptr_ne(slots[0].bucket, slots[2].bucket);
	ck_assert_ptr_ne(slots[0].bucket, slots[3].bucket);
	ck_assert_uint_eq(stats(0).buckets, 4);
	bucket_leave(buckets, &slots[0]);
	ck_assert_uint_eq(stats(0).buckets, 4);
	bucket_leave(buckets, &slots[1]);
	ck_assert_uint_eq(stats(0).buckets, 3);
	ck_assert_ptr_null(slots[1].bucket);
	bucket_leave(buckets, &slots[1]);
}
END_TEST

START_TEST(a_held_bucket_has_no_turn)
{
	for (size_t i = 0; i < 3; i++) {
		join(i, 1, i < 2 ? "a" : "b", 0);
		bucket_request(buckets, &slots[i]);
	}
	expect_grant(0, 0);
	bucket_hold(slots[0].bucket, true);
	expect_grant(2, 0);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	ck_assert_uint_eq(bucket_paused_until(slots[0].bucket, 0), UINT64_MAX);
	ck_assert_uint_eq(bucket_paused_until(slots[2].bucket, 0), 0);
	ck_assert_uint_eq(stats(0).paused, 1);
	/* A pause meanwhile is one that counts when it is let go, and its end does not let go. */
	ck_assert(bucket_pause(slots[0].bucket, 100));
	ck_assert(!bucket_pause(slots[0].bucket, 50));
	ck_assert_ptr_null(bucket_grant(buckets, 200));
	ck_assert(bucket_pause(slots[0].bucket, 300));
	bucket_hold(slots[0].bucket, false);
	ck_assert_uint_eq(bucket_paused_until(slots[0].bucket, 200), 300);
	ck_assert_uint_eq(buckets_next(buckets, 200), 300);
	ck_assert_ptr_null(bucket_grant(buckets, 200));
	expect_grant(1, 300);
}
END_TEST

START_TEST(first_come_first_served)
{
	for (size_t i = 0; i < 3; i++)
		join(i, 1, "a", 0);
	bucket_request(buckets, &slots[2]);
	bucket_request(buckets, &slots[0]);
	bucket_request(buckets, &slots[1]);
	bucket_request(buckets, &slots[2]);
	ck_assert_uint_eq(stats(0).waiting, 3);
	expect_grant(2, 0);
	bucket_request(buckets, &slots[2]);
	expect_grant(0, 0);
	expect_grant(1, 0);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	ck_assert_uint_eq(stats(0).in_flight, 3);
	ck_assert_uint_eq(stats(0).waiting, 0);
}
END_TEST

START_TEST(a_bucket_has_its_limit)
{
	for (size_t i = 0; i < 10; i++) {
		join(i, 1, "a", 0);
		bucket_request(buckets, &slots[i]);
	}
	for (size_t i = 0; i < 4; i++)
		expect_grant(i, 0);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	bucket_release(buckets, &slots[2]);
	expect_grant(4, 0);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	/* One that stops waiting is passed over; one that leaves with its slot makes room. */
	bucket_release(buckets, &slots[5]);
	bucket_leave(buckets, &slots[0]);
	expect_grant(6, 0);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
}
END_TEST

START_TEST(the_last_limit_counts)
{
	for (size_t i = 0; i < 6; i++) {
		join(i, 1, "a", 1);
		bucket_request(buckets, &slots[i]);
	}
	expect_grant(0, 0);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	join(6, 1, "a", 3);
	expect_grant(1, 0);
	expect_grant(2, 0);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	/* A lower one waits until enough came back. */
	join(7, 1, "a", 1);
	bucket_release(buckets, &slots[0]);
	bucket_release(buckets, &slots[1]);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	bucket_release(buckets, &slots[2]);
	expect_grant(3, 0);
}
END_TEST

START_TEST(limits_can_be_configured_anew)
{
	for (size_t i = 0; i < 8; i++) {
		join(i, 1, i < 4 ? "a" : "b", 0);
		bucket_request(buckets, &slots[i]);
	}
	configure(3, 1);
	expect_grant(0, 0);
	expect_grant(4, 0);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	configure(3, 4);
	ck_assert_ptr_nonnull(bucket_grant(buckets, 0));
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	configure(5, 4);
	ck_assert_ptr_nonnull(bucket_grant(buckets, 0));
	ck_assert_ptr_nonnull(bucket_grant(buckets, 0));
	ck_assert_ptr_null(bucket_grant(buckets, 0));
}
END_TEST

START_TEST(buckets_take_turns)
{
	/* One busy service with many slots, two with few. */
	for (size_t i = 0; i < 8; i++) {
		join(i, 1, "busy", 100);
		bucket_request(buckets, &slots[i]);
	}
	join(8, 1, "x", 0);
	join(9, 2, "busy", 0);
	bucket_request(buckets, &slots[8]);
	bucket_request(buckets, &slots[9]);
	expect_grant(0, 0);
	expect_grant(8, 0);
	expect_grant(9, 0);
	expect_grant(1, 0);
	/* Who comes back queues behind everyone who is there. */
	bucket_release(buckets, &slots[8]);
	bucket_request(buckets, &slots[8]);
	expect_grant(2, 0);
	expect_grant(8, 0);
	expect_grant(3, 0);
	expect_grant(4, 0);
}
END_TEST

START_TEST(turns_go_on_where_the_total_limit_stopped)
{
	configure(1, 100);
	for (size_t i = 0; i < 9; i++) {
		join(i, 1, i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "c", 0);
		bucket_request(buckets, &slots[i]);
	}
	for (size_t i = 0; i < 9; i++) {
		expect_grant(i, 0);
		ck_assert_ptr_null(bucket_grant(buckets, 0));
		bucket_release(buckets, &slots[i]);
	}
}
END_TEST

START_TEST(a_pause_holds_the_whole_bucket)
{
	for (size_t i = 0; i < 4; i++) {
		join(i, 1, i < 3 ? "a" : "b", 0);
		bucket_request(buckets, &slots[i]);
	}
	ck_assert_uint_eq(buckets_next(buckets, 0), UINT64_MAX);
	expect_grant(0, 0);
	bucket_pause(slots[0].bucket, 1000);
	bucket_pause(slots[0].bucket, 500);
	ck_assert_uint_eq(bucket_paused_until(slots[0].bucket, 0), 1000);
	ck_assert_uint_eq(bucket_paused_until(slots[0].bucket, 1000), 0);
	ck_assert_uint_eq(bucket_paused_until(slots[3].bucket, 0), 0);
	expect_grant(3, 1);
	ck_assert_ptr_null(bucket_grant(buckets, 999));
	ck_assert_uint_eq(stats(999).paused, 1);
	ck_assert_uint_eq(stats(1000).paused, 0);
	ck_assert_uint_eq(buckets_next(buckets, 0), 1000);
	expect_grant(1, 1000);
	ck_assert_uint_eq(buckets_next(buckets, 1000), UINT64_MAX);
	expect_grant(2, 1000);
}
END_TEST

START_TEST(only_a_pause_that_keeps_someone_wakes)
{
	join(0, 1, "a", 1);
	join(1, 1, "a", 1);
	bucket_pause(slots[0].bucket, 1000);
	ck_assert_uint_eq(buckets_next(buckets, 0), UINT64_MAX);
	bucket_request(buckets, &slots[0]);
	ck_assert_uint_eq(buckets_next(buckets, 0), 1000);
	bucket_release(buckets, &slots[0]);
	ck_assert_uint_eq(buckets_next(buckets, 0), UINT64_MAX);
	/* Requested after the pause has passed unnoticed. */
	bucket_request(buckets, &slots[0]);
	ck_assert_uint_eq(buckets_next(buckets, 2000), 2000);
	expect_grant(0, 2000);
	/* A full bucket is not woken either, but its pause holds when it has room again. */
	bucket_request(buckets, &slots[1]);
	bucket_pause(slots[0].bucket, 5000);
	ck_assert_uint_eq(buckets_next(buckets, 2000), UINT64_MAX);
	bucket_release(buckets, &slots[0]);
	ck_assert_ptr_null(bucket_grant(buckets, 4999));
	expect_grant(1, 5000);
}
END_TEST

START_TEST(the_total_limit_does_not_leave_a_past_wake_up)
{
	configure(1, 4);
	join(0, 1, "a", 0);
	join(1, 1, "b", 0);
	bucket_request(buckets, &slots[0]);
	expect_grant(0, 0);
	bucket_pause(slots[1].bucket, 10);
	bucket_request(buckets, &slots[1]);
	ck_assert_ptr_null(bucket_grant(buckets, 20));
	ck_assert_uint_eq(buckets_next(buckets, 20), UINT64_MAX);
	bucket_release(buckets, &slots[0]);
	expect_grant(1, 20);
}
END_TEST

START_TEST(leaving_does_not_end_a_pause)
{
	join(0, 1, "a", 0);
	bucket_pause(slots[0].bucket, 1000);
	bucket_leave(buckets, &slots[0]);
	ck_assert_uint_eq(stats(0).buckets, 1);
	join(0, 1, "a", 0);
	ck_assert_uint_eq(bucket_paused_until(slots[0].bucket, 999), 1000);
	bucket_request(buckets, &slots[0]);
	ck_assert_ptr_null(bucket_grant(buckets, 999));
	bucket_leave(buckets, &slots[0]);
	/* Nobody came back: it goes with its pause. */
	ck_assert_ptr_null(bucket_grant(buckets, 1000));
	ck_assert_uint_eq(stats(1000).buckets, 0);
}
END_TEST

START_TEST(remembered_pauses_are_bounded)
{
	char name[32];

	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "service %d", i);
		join(0, 1, name, 0);
		bucket_pause(slots[0].bucket, 1000);
		bucket_leave(buckets, &slots[0]);
	}
	ck_assert_uint_eq(stats(0).buckets, 1024);
	ck_assert_ptr_null(bucket_grant(buckets, 1000));
	ck_assert_uint_eq(stats(0).buckets, 0);
	join(0, 1, "a", 0);
	bucket_pause(slots[0].bucket, 2000);
	bucket_leave(buckets, &slots[0]);
	ck_assert_uint_eq(stats(0).buckets, 1);
}
END_TEST

START_TEST(a_pause_from_before_a_restart)
{
	char name[32];

	ck_assert_int_eq(bucket_restore_pause(buckets, 1, "a", 1000), 0);
	ck_assert_int_eq(bucket_restore_pause(buckets, 1, "a", 500), 0);
	ck_assert_int_eq(bucket_restore_pause(buckets, 2, "a", 3000), 0);
	ck_assert_uint_eq(stats(0).buckets, 2);
	join(0, 1, "a", 0);
	bucket_request(buckets, &slots[0]);
	ck_assert_ptr_null(bucket_grant(buckets, 999));
	expect_grant(0, 1000);
	/* Of a bucket that is in use. */
	ck_assert_int_eq(bucket_restore_pause(buckets, 1, "a", 2000), 0);
	ck_assert_uint_eq(bucket_paused_until(slots[0].bucket, 1000), 2000);
	bucket_leave(buckets, &slots[0]);
	ck_assert_ptr_null(bucket_grant(buckets, 3000));
	ck_assert_uint_eq(stats(3000).buckets, 0);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "service %d", i);
		ck_assert_int_eq(bucket_restore_pause(buckets, 1, name, 4000), 0);
	}
	ck_assert_uint_eq(stats(3000).buckets, 1024);
}
END_TEST

START_TEST(long_polls_have_slots_of_their_own)
{
	for (size_t i = 0; i < 12; i++) {
		join(i, 1, i % 2 ? "a" : "b", 0);
		slots[i].long_poll = i < 6;
		bucket_request(buckets, &slots[i]);
	}
	/* Two long polls each, three others each. */
	for (int i = 0; i < 10; i++)
		ck_assert_ptr_nonnull(bucket_grant(buckets, 0));
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	ck_assert_uint_eq(stats(0).long_polls, 4);
	ck_assert_uint_eq(stats(0).in_flight, 10);
	ck_assert_uint_eq(stats(0).waiting, 2);
	ck_assert_int_eq(slots[4].state, SLOT_WAITING);
	ck_assert_int_eq(slots[5].state, SLOT_WAITING);
	bucket_release(buckets, &slots[6]);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	/* What it holds is given back as what it was, even if it wants another kind now. */
	slots[0].long_poll = false;
	bucket_release(buckets, &slots[0]);
	expect_grant(4, 0);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	bucket_request(buckets, &slots[0]);
	expect_grant(0, 0);
	ck_assert_uint_eq(stats(0).long_polls, 4);
}
END_TEST

START_TEST(the_limits_of_long_polls)
{
	buckets_configure(buckets, &(struct bucket_limits){ 1, 1, 3, 2 });
	for (size_t i = 0; i < 8; i++) {
		join(i, 1, i % 2 ? "a" : "b", 0);
		slots[i].long_poll = true;
		bucket_request(buckets, &slots[i]);
	}
	expect_grant(0, 0);
	expect_grant(1, 0);
	expect_grant(2, 0);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	bucket_release(buckets, &slots[0]);
	expect_grant(3, 0);
	/* A limit that a spec names is for each kind. */
	join(8, 1, "c", 1);
	join(9, 1, "c", 1);
	buckets_configure(buckets, &(struct bucket_limits){ 9, 1, 9, 2 });
	slots[8].long_poll = slots[9].long_poll = true;
	bucket_request(buckets, &slots[8]);
	bucket_request(buckets, &slots[9]);
	expect_grant(4, 0);
	expect_grant(8, 0);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
}
END_TEST

START_TEST(one_pause_for_both_kinds)
{
	join(0, 1, "a", 0);
	join(1, 1, "a", 0);
	slots[1].long_poll = true;
	bucket_request(buckets, &slots[1]);
	bucket_pause(slots[0].bucket, 1000);
	ck_assert_uint_eq(buckets_next(buckets, 0), 1000);
	bucket_request(buckets, &slots[0]);
	ck_assert_ptr_null(bucket_grant(buckets, 999));
	expect_grant(0, 1000);
	expect_grant(1, 1000);
}
END_TEST

START_TEST(some_go_before_all_others)
{
	for (size_t i = 0; i < 4; i++)
		join(i, 1, "a", 1);
	bucket_request(buckets, &slots[0]);
	bucket_request(buckets, &slots[1]);
	bucket_request_first(buckets, &slots[2]);
	bucket_request_first(buckets, &slots[2]);
	bucket_request_first(buckets, &slots[1]);
	ck_assert_uint_eq(stats(0).waiting, 3);
	expect_grant(2, 0);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	bucket_request_first(buckets, &slots[3]);
	bucket_release(buckets, &slots[2]);
	expect_grant(3, 0);
	bucket_release(buckets, &slots[3]);
	expect_grant(0, 0);
	bucket_release(buckets, &slots[0]);
	expect_grant(1, 0);
	/* The only one that waits. */
	bucket_request_first(buckets, &slots[0]);
	bucket_release(buckets, &slots[1]);
	expect_grant(0, 0);
}
END_TEST

START_TEST(refusals_reduce_what_is_in_flight)
{
	for (size_t i = 0; i < 8; i++) {
		join(i, 1, "a", 4);
		bucket_request(buckets, &slots[i]);
	}
	for (size_t i = 0; i < 4; i++)
		expect_grant(i, 0);
	for (size_t i = 0; i < 4; i++) {
		bucket_release(buckets, &slots[i]);
		bucket_answered(buckets, &slots[i], BUCKET_REFUSED, 10 + i);
	}
	ck_assert_uint_eq(bucket_limit(slots[0].bucket, false), 2);
	ck_assert_uint_eq(bucket_limit(slots[0].bucket, true), 4);
	ck_assert_uint_eq(stats(0).reduced, 1);
	expect_grant(4, 20);
	expect_grant(5, 20);
	ck_assert_ptr_null(bucket_grant(buckets, 20));
	/* Two good ones: three at a time. */
	bucket_release(buckets, &slots[4]);
	bucket_answered(buckets, &slots[4], BUCKET_FINE, 30);
	expect_grant(6, 30);
	ck_assert_ptr_null(bucket_grant(buckets, 30));
	bucket_answered(buckets, &slots[5], BUCKET_FINE, 30);
	expect_grant(7, 30);
	ck_assert_uint_eq(bucket_limit(slots[0].bucket, false), 3);
}
END_TEST

START_TEST(no_memory_for_a_join)
{
	struct buckets *none;
	unsigned nth = 0;
	int r;

	do {
		fail_alloc_at(++nth);
		r = bucket_join(buckets, 1, "a", 0, &slots[0]);
		fail_alloc_at(0);
		if (fail_alloc_happened()) {
			ck_assert_int_eq(r, -ENOMEM);
			ck_assert_ptr_null(slots[0].bucket);
			ck_assert_uint_eq(stats(0).buckets, 0);
		}
	} while (fail_alloc_happened());
	ck_assert_int_eq(r, 0);
	ck_assert_uint_gt(nth, 3);
	bucket_leave(buckets, &slots[0]);
	fail_alloc_at(1);
	none = buckets_new(&(struct bucket_limits){ 1, 1, 1, 1 }, hash_key);
	fail_alloc_at(0);
	ck_assert_ptr_null(none);
}
END_TEST

START_TEST(many_joins_survive_any_failure)
{
	/* The table grows on the way: whichever allocation fails, the joins before it stand. */
	static struct bucket_slot many[1000];
	char name[32];
	int failures = 0, r;

	memset(many, 0, sizeof(many));
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "service %d", i);
		fail_alloc_at((unsigned)(i % 4) + 1);
		r = bucket_join(buckets, 7, name, 0, &many[i]);
		fail_alloc_at(0);
		if (r == 0)
			continue;
		failures++;
		ck_assert_int_eq(bucket_join(buckets, 7, name, 0, &many[i]), 0);
	}
	ck_assert_int_gt(failures, 200);
	ck_assert_uint_eq(stats(0).buckets, 1000);
	for (int i = 0; i < 1000; i++) {
		bucket_request(buckets, &many[i]);
		bucket_leave(buckets, &many[i]);
	}
	ck_assert_uint_eq(stats(0).buckets, 0);
	ck_assert_uint_eq(stats(0).waiting, 0);
}
END_TEST

static Suite *bucket_suite(void)
{
	Suite *suite = suite_create("bucket");
	TCase *tcase = tcase_create("bucket");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, same_owner_and_name_share);
	tcase_add_test(tcase, a_held_bucket_has_no_turn);
	tcase_add_test(tcase, first_come_first_served);
	tcase_add_test(tcase, a_bucket_has_its_limit);
	tcase_add_test(tcase, the_last_limit_counts);
	tcase_add_test(tcase, limits_can_be_configured_anew);
	tcase_add_test(tcase, buckets_take_turns);
	tcase_add_test(tcase, turns_go_on_where_the_total_limit_stopped);
	tcase_add_test(tcase, a_pause_holds_the_whole_bucket);
	tcase_add_test(tcase, only_a_pause_that_keeps_someone_wakes);
	tcase_add_test(tcase, the_total_limit_does_not_leave_a_past_wake_up);
	tcase_add_test(tcase, leaving_does_not_end_a_pause);
	tcase_add_test(tcase, remembered_pauses_are_bounded);
	tcase_add_test(tcase, a_pause_from_before_a_restart);
	tcase_add_test(tcase, long_polls_have_slots_of_their_own);
	tcase_add_test(tcase, the_limits_of_long_polls);
	tcase_add_test(tcase, one_pause_for_both_kinds);
	tcase_add_test(tcase, some_go_before_all_others);
	tcase_add_test(tcase, refusals_reduce_what_is_in_flight);
	tcase_add_test(tcase, no_memory_for_a_join);
	tcase_add_test(tcase, many_joins_survive_any_failure);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(bucket_suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
