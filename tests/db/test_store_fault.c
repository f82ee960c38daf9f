/* test_store_fault.c - what the store does when its disk fails, or is full. */
#include "db/disk.h"
#include "tests/db/faultfs.h"
#include "tests/db/fixture.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BALLAST (64 * 1024)

static char *dir, *ballast;
static struct store *store;
static struct fixture_answers answers;
static struct fixture_ask asks[64];
static const struct store_blob nothing = { NULL, 0 };

static void setup(void)
{
	memset(&answers, 0, sizeof(answers));
	for (int i = 0; i < 64; i++)
		asks[i] = (struct fixture_ask){ &answers, i };
	faultfs_install();
	dir = fixture_dir();
	ballast = disk_path(dir, "ballast");
	faultfs_watch(ballast);
	store = fixture_open(dir, BALLAST, 1000, NULL);
	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
	ck_assert_int_eq(fixture_create(store, 2, 2), 0);
}

static void teardown(void)
{
	store = store_close(store);
	free(ballast);
	fixture_remove(dir);
}

static void ask_create(uint64_t n, uint64_t seq, int tag)
{
	fixture_ask_create(store, n, seq, &asks[tag]);
}

static void ask_update(uint64_t n, uint64_t seq, const char *result, int tag)
{
	struct store_blob blob = { result, strlen(result) };
	struct future_rec rec;
	struct event_rec event;

	fixture_rec(&rec, n);
	fixture_event(&event, &rec, STORE_EVENT_CHANGED, seq);
	ck_assert_int_eq(store_update(store, &rec, &event, blob, nothing, fixture_done, &asks[tag]), 0);
	future_rec_done(&rec);
}

static void ask_details(uint64_t n, struct store_blob details, int tag)
{
	struct future_rec rec;

	fixture_rec(&rec, n);
	ck_assert_int_eq(store_update(store, &rec, NULL, nothing, details, fixture_done, &asks[tag]), 0);
	future_rec_done(&rec);
}

static void on_bytes(void *arg, int status, const void *data, size_t len)
{
	fixture_done(arg, status < 0 ? status : (int)len);
}

static void ask_result(uint64_t n, int tag)
{
	uint8_t id[STORE_ID_BYTES];

	fixture_id(id, n);
	ck_assert_int_eq(store_read_result(store, id, 0, 64, on_bytes, &asks[tag]), 0);
}

static void on_events(void *arg, int status, const struct event_rec *events, size_t count)
{
	fixture_done(arg, status < 0 ? status : (int)count);
}

static void expect(unsigned i, int tag, int status)
{
	ck_assert_uint_gt(answers.count, i);
	ck_assert_int_eq(answers.tag[i], tag);
	ck_assert_int_eq(answers.status[i], status);
}

static bool disk_full(void)
{
	struct store_stats stats;

	store_stats(store, &stats);
	return stats.disk_full;
}

/* Dispatch until the store says that the disk is full. */
static void wait_for_full(void)
{
	while (!disk_full()) {
		struct pollfd fd = { .fd = store_fd(store), .events = POLLIN };

		ck_assert_int_eq(poll(&fd, 1, 60000), 1);
		ck_assert_int_ge(store_dispatch(store), 0);
	}
}

/* The store has failed for good, and says so as often as it is asked. */
static void expect_failure(int error)
{
	struct pollfd fd = { .fd = store_fd(store), .events = POLLIN };
	struct future_rec rec;

	ck_assert_int_eq(poll(&fd, 1, 0), 1);
	ck_assert_int_eq(store_dispatch(store), error);
	ck_assert_int_eq(poll(&fd, 1, 0), 1);
	ck_assert_ptr_nonnull(store_failure(store));
	ck_assert_ptr_nonnull(strstr(store_failure(store), dir));
	fixture_rec(&rec, 9);
	ck_assert_int_eq(store_create(store, &rec, &fixture_texts, NULL, fixture_done, &asks[63]), error);
	future_rec_done(&rec);
}

static void reopen(struct fixture_loaded *loaded)
{
	store_close(store);
	store = fixture_open(dir, BALLAST, 1000, loaded);
}

START_TEST(a_commit_that_cannot_be_synced_is_the_end)
{
	struct fixture_loaded loaded;
	char *wal;

	atomic_store(&faultfs.sync_wal, true);
	ask_create(3, 3, 0);
	ask_update(1, 4, "x", 1);
	ask_result(1, 2);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 1), -EIO);
	expect_failure(-EIO);

	/* The disk is well again, the store is not: nothing may be promised any more. */
	atomic_store(&faultfs.sync_wal, false);
	expect_failure(-EIO);
	ck_assert_uint_eq(answers.count, 0);

	/* Closing leaves it all to the next start. What was answered before is there in any case. */
	store_close(store);
	ck_assert_uint_eq(answers.count, 0);
	wal = disk_path(dir, "state.db-wal");
	ck_assert_uint_gt(disk_size(wal), 0);
	free(wal);
	store = fixture_open(dir, BALLAST, 1000, &loaded);
	ck_assert_uint_ge(loaded.count, 2);
	ck_assert_int_eq(fixture_create(store, 5, 100), 0);
	fixture_loaded_done(&loaded);
}
END_TEST

START_TEST(a_write_that_fails_is_the_end)
{
	atomic_store(&faultfs.write, FAULTFS_WRITE_EIO);
	ask_create(3, 3, 0);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 1), -EIO);
	expect_failure(-EIO);
	atomic_store(&faultfs.write, FAULTFS_WRITE_OK);
	ck_assert_uint_eq(answers.count, 0);
}
END_TEST

START_TEST(a_checkpoint_that_fails_is_the_end)
{
	atomic_store(&faultfs.sync_main, true);
	ask_create(3, 3, 0);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 1), 0);
	expect(0, 0, 0);
	/* It comes when nothing happens. */
	ck_assert_int_eq(fixture_wait(store, &answers.count, 2), -EIO);
	ck_assert_ptr_nonnull(strstr(store_failure(store), "checkpoint"));
	atomic_store(&faultfs.sync_main, false);
}
END_TEST

START_TEST(what_was_answered_before_the_failure_is_told)
{
	struct pollfd fd = { .fd = store_fd(store), .events = POLLIN };

	/* Committed, but not dispatched when the next group fails. */
	ask_create(3, 3, 0);
	ck_assert_int_eq(poll(&fd, 1, 60000), 1);
	atomic_store(&faultfs.sync_wal, true);
	ask_create(4, 4, 1);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 2), -EIO);
	ck_assert_uint_eq(answers.count, 1);
	expect(0, 0, 0);
	atomic_store(&faultfs.sync_wal, false);
}
END_TEST

START_TEST(the_ballast_makes_room)
{
	struct fixture_loaded loaded;

	ck_assert_int_eq(access(ballast, F_OK), 0);
	atomic_store(&faultfs.write, FAULTFS_WRITE_FULL);
	atomic_store(&faultfs.until_released, true);
	ask_create(3, 3, 0);
	ask_update(1, 4, "result", 1);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 2), 0);
	expect(0, 0, 0);
	expect(1, 1, 0);
	ck_assert_int_ne(access(ballast, F_OK), 0);
	ck_assert(disk_full());

	/* From now on only what runs goes on. */
	ask_create(4, 5, 2);
	ask_update(2, 6, "result", 3);
	ask_result(2, 4);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 5), 0);
	expect(2, 2, -ENOSPC);
	expect(3, 3, 0);
	expect(4, 4, 6);

	/* A start takes the ballast back when there is room. */
	atomic_store(&faultfs.write, FAULTFS_WRITE_OK);
	reopen(&loaded);
	ck_assert_uint_eq(loaded.count, 3);
	ck_assert(!disk_full());
	ck_assert_int_eq(access(ballast, F_OK), 0);
	ck_assert_int_eq(fixture_create(store, 4, 10), 0);
	fixture_loaded_done(&loaded);
}
END_TEST

/* The log is counted in memory, and a group that is done again is counted once. */
START_TEST(events_are_counted_once)
{
	store_close(store);
	store = fixture_open(dir, BALLAST, 4, NULL);
	atomic_store(&faultfs.write, FAULTFS_WRITE_FULL);
	atomic_store(&faultfs.until_released, true);
	ask_create(3, 3, 0);
	ask_update(1, 4, "result", 1);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 2), 0);
	ck_assert(disk_full());
	ck_assert_uint_eq(store_oldest_seq(store), 1);
	ask_update(1, 5, "result", 2);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 3), 0);
	ck_assert_uint_eq(store_oldest_seq(store), 2);
	ck_assert_uint_eq(store_last_seq(store), 5);
}
END_TEST

/* Loop test: a full disk and a used up quota are the same. */
START_TEST(updates_wait_for_room)
{
	atomic_store(&faultfs.write, _i ? FAULTFS_WRITE_QUOTA : FAULTFS_WRITE_FULL);
	ask_create(3, 3, 0);
	ask_update(1, 4, "result", 1);
	ask_result(1, 2);
	ask_result(2, 3);
	ck_assert_int_eq(store_read_events(store, 0, 16, on_events, &asks[4]), 0);

	/* Nobody waits but the update and what has to see it. */
	ck_assert_int_eq(fixture_wait(store, &answers.count, 2), 0);
	expect(0, 0, -ENOSPC);
	expect(1, 3, -ENOENT);
	ask_create(4, 5, 5);
	ask_result(2, 6);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 4), 0);
	expect(2, 5, -ENOSPC);
	expect(3, 6, -ENOENT);
	ck_assert(disk_full());

	atomic_store(&faultfs.write, FAULTFS_WRITE_OK);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 7), 0);
	expect(4, 1, 0);
	expect(5, 2, 6);
	expect(6, 4, 3);
}
END_TEST

START_TEST(closing_gives_up_what_has_no_room)
{
	struct fixture_loaded loaded;

	atomic_store(&faultfs.write, FAULTFS_WRITE_FULL);
	ask_update(1, 3, "result", 0);
	ask_update(2, 4, "result", 1);
	ask_result(1, 2);
	wait_for_full();
	store_close(store);
	ck_assert_uint_eq(answers.count, 3);
	expect(0, 0, -ENOSPC);
	expect(1, 1, -ENOSPC);
	expect(2, 2, -ENOENT);

	atomic_store(&faultfs.write, FAULTFS_WRITE_OK);
	store = fixture_open(dir, BALLAST, 1000, &loaded);
	ck_assert_uint_eq(loaded.count, 2);
	ck_assert_uint_eq(store_last_seq(store), 2);
	fixture_loaded_done(&loaded);
}
END_TEST

START_TEST(a_group_shares_its_syncs)
{
	unsigned before;

	ck_assert_int_eq(fixture_create(store, 3, 3), 0);
	before = atomic_load(&faultfs.syncs);
	for (int i = 0; i < 60; i++)
		ask_create((uint64_t)i + 10, (uint64_t)i + 10, i);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 60), 0);
	/* Each commit is on the disk before it is answered, and there are fewer commits than creates. */
	ck_assert_uint_gt(atomic_load(&faultfs.syncs), before);
	ck_assert_uint_lt(atomic_load(&faultfs.syncs), before + 60);
}
END_TEST

START_TEST(a_read_that_fails_is_the_end)
{
	struct fixture_loaded loaded;
	size_t len = 16 << 20;
	uint8_t id[STORE_ID_BYTES];
	char *big = calloc(1, len);

	/* Longer than the cache, so that it has to be read from the disk. */
	memset(big, 'x', len);
	ask_details(1, (struct store_blob){ big, len }, 0);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 1), 0);
	reopen(&loaded);
	fixture_loaded_done(&loaded);
	atomic_store(&faultfs.read, true);
	fixture_id(id, 1);
	ck_assert_int_eq(store_read_error_details(store, id, on_bytes, &asks[1]), 0);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 2), -EIO);
	expect_failure(-EIO);
	atomic_store(&faultfs.read, false);
	free(big);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_fault");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_commit_that_cannot_be_synced_is_the_end);
	tcase_add_test(tcase, a_write_that_fails_is_the_end);
	tcase_add_test(tcase, a_checkpoint_that_fails_is_the_end);
	tcase_add_test(tcase, what_was_answered_before_the_failure_is_told);
	tcase_add_test(tcase, the_ballast_makes_room);
	tcase_add_test(tcase, events_are_counted_once);
	tcase_add_loop_test(tcase, updates_wait_for_room, 0, 2);
	tcase_add_test(tcase, closing_gives_up_what_has_no_room);
	tcase_add_test(tcase, a_group_shares_its_syncs);
	tcase_add_test(tcase, a_read_that_fails_is_the_end);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
