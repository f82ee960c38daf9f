/* test_bucket.c - limits, turns and pauses of buckets. */
#include "daemon/broker/bucket.h"
#include "tests/daemon/broker/fail_alloc.h"
#include "tests/draw.h"

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
	buckets = buckets_new(100, 4, hash_key);
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
	buckets_configure(buckets, 3, 1);
	expect_grant(0, 0);
	expect_grant(4, 0);
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	buckets_configure(buckets, 3, 4);
	ck_assert_ptr_nonnull(bucket_grant(buckets, 0));
	ck_assert_ptr_null(bucket_grant(buckets, 0));
	buckets_configure(buckets, 5, 4);
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
	buckets_configure(buckets, 1, 100);
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
	buckets_configure(buckets, 1, 4);
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
	none = buckets_new(1, 1, hash_key);
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

/* Random histories against what must hold at every moment. */
struct history {
	uint64_t state, now;
	uint64_t paused_until[4];
	unsigned in_flight[4], waiting[4], total;
	unsigned passed[4];                 /* grants to others while this one could have gone */
};

static unsigned group_of(size_t i)
{
	return (unsigned)(i % 4);
}

/* But for the limit of all together. */
static bool could_go(const struct history *h, unsigned group)
{
	return h->waiting[group] > 0 && h->in_flight[group] < group + 1 && h->paused_until[group] <= h->now;
}

static void check_grant(struct history *h)
{
	bool any = could_go(h, 0) || could_go(h, 1) || could_go(h, 2) || could_go(h, 3);
	struct bucket_slot *slot = bucket_grant(buckets, h->now);
	unsigned group;

	ck_assert_msg((slot != NULL) == (any && h->total < 6), "granted %d, could %d", slot != NULL, any);
	if (!slot)
		return;
	group = group_of((size_t)(slot - slots));
	ck_assert(could_go(h, group));
	for (unsigned other = 0; other < 4; other++)
		if (could_go(h, other))
			ck_assert_uint_lt(h->passed[other]++, 4);
	h->passed[group] = 0;
	h->waiting[group]--;
	h->in_flight[group]++;
	h->total++;
}

static void history_step(struct history *h)
{
	size_t i = draw(&h->state) % SLOTS;
	unsigned group = group_of(i);

	switch (draw(&h->state) % 16) {
	case 0:
		h->now += draw(&h->state) % 100;
		break;
	case 1:
		h->paused_until[group] = h->now + draw(&h->state) % 60 > h->paused_until[group] ?
		    h->now + 60 : h->paused_until[group];
		bucket_pause(slots[i].bucket, h->paused_until[group]);
		break;
	case 2: case 3: case 4: case 5: case 6:
		if (slots[i].state == SLOT_IDLE)
			h->waiting[group]++;
		bucket_request(buckets, &slots[i]);
		break;
	case 7: case 8: case 9:
		if (slots[i].state == SLOT_WAITING)
			h->waiting[group]--;
		if (slots[i].state == SLOT_HELD) {
			h->in_flight[group]--;
			h->total--;
		}
		bucket_release(buckets, &slots[i]);
		break;
	default:
		check_grant(h);
	}
	/* Who could not go starts again at the end of the row. */
	for (group = 0; group < 4; group++)
		if (!could_go(h, group))
			h->passed[group] = 0;
}

START_TEST(random_histories)
{
	struct history h = { .state = (uint64_t)_i };
	static const char *const names[] = { "a", "b", "c", "d" };

	buckets_configure(buckets, 6, 4);
	for (size_t i = 0; i < SLOTS; i++)
		join(i, 1, names[group_of(i)], group_of(i) + 1);
	for (int step = 0; step < 20000; step++) {
		struct buckets_stats now;

		history_step(&h);
		now = stats(h.now);
		ck_assert_uint_eq(now.in_flight, h.total);
		ck_assert_uint_eq(now.waiting, h.waiting[0] + h.waiting[1] + h.waiting[2] + h.waiting[3]);
	}
}
END_TEST

static Suite *bucket_suite(void)
{
	Suite *suite = suite_create("bucket");
	TCase *tcase = tcase_create("bucket");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, same_owner_and_name_share);
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
	tcase_add_test(tcase, no_memory_for_a_join);
	tcase_add_test(tcase, many_joins_survive_any_failure);
	tcase_add_loop_test(tcase, random_histories, 0, 20);
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
