/* test_side.c - large results have files of their own: whole, private, and gone with their futures. */
#include "db/side.h"
#include "db/disk.h"
#include "tests/db/fixture.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGE (SIDE_ABOVE + 12345)

static char *dir, *results;
static char large[LARGE];
static struct store *store;
static struct fixture_answers answers;
static const struct store_blob nothing = { NULL, 0 };

static void setup(void)
{
	memset(&answers, 0, sizeof(answers));
	for (size_t i = 0; i < LARGE; i++)
		large[i] = (char)(i * 7 >> 2);
	dir = fixture_dir();
	results = disk_path(dir, "results");
	store = fixture_open(dir, 0, 1000, NULL);
	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
	ck_assert_int_eq(fixture_create(store, 2, 2), 0);
}

static void teardown(void)
{
	store_close(store);
	free(results);
	fixture_remove(dir);
}

static void reopen(void)
{
	store_close(store);
	store = fixture_open(dir, 0, 1000, NULL);
}

static void wait_for_one(void)
{
	ck_assert_int_eq(fixture_wait(store, &answers.count, 1), 0);
	answers.count = 0;
}

static int put(uint64_t n, struct store_blob result)
{
	struct fixture_ask ask = { &answers, 0 };
	struct future_rec rec;

	fixture_rec(&rec, n);
	ck_assert_int_eq(store_update(store, &rec, NULL, result, nothing, fixture_done, &ask), 0);
	future_rec_done(&rec);
	wait_for_one();
	return answers.status[0];
}

static struct { int status; size_t len; char data[LARGE]; } got;

static void on_bytes(void *arg, int status, const void *data, size_t len)
{
	got.status = status;
	got.len = len;
	if (len)
		memcpy(got.data, data, len);
	fixture_done(arg, status);
}

static void get(uint64_t n, uint64_t offset, size_t len)
{
	struct fixture_ask ask = { &answers, 0 };
	uint8_t id[STORE_ID_BYTES];

	fixture_id(id, n);
	ck_assert_int_eq(store_read_result(store, id, offset, len, on_bytes, &ask), 0);
	wait_for_one();
}

static int forget(uint64_t n)
{
	struct fixture_ask ask = { &answers, 0 };
	uint8_t id[STORE_ID_BYTES];

	fixture_id(id, n);
	ck_assert_int_eq(store_forget(store, id, NULL, fixture_done, &ask), 0);
	wait_for_one();
	return answers.status[0];
}

static size_t count_files(void)
{
	DIR *stream = opendir(results);
	struct dirent *entry;
	size_t n = 0;

	ck_assert_ptr_nonnull(stream);
	while ((entry = readdir(stream)))
		n += entry->d_name[0] != '.';
	closedir(stream);
	return n;
}

static char *file_of(uint64_t n)
{
	char name[2 * STORE_ID_BYTES + 1];

	snprintf(name, sizeof(name), "%032llx", (unsigned long long)n);
	return disk_path(results, name);
}

START_TEST(a_large_result_is_a_private_file_and_survives)
{
	char *path = file_of(1);
	struct stat st;

	ck_assert_int_eq(put(1, (struct store_blob){ large, LARGE }), 0);
	ck_assert_int_eq(put(2, (struct store_blob){ large, SIDE_ABOVE }), 0);
	ck_assert_uint_eq(count_files(), 1);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, LARGE);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(stat(results, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	reopen();
	get(1, 0, LARGE);
	ck_assert_uint_eq(got.len, LARGE);
	ck_assert_mem_eq(got.data, large, LARGE);
	get(1, LARGE - 10, 100);
	ck_assert_uint_eq(got.len, 10);
	ck_assert_mem_eq(got.data, large + LARGE - 10, 10);
	get(1, LARGE + 1, 100);
	ck_assert_int_eq(got.status, 0);
	ck_assert_uint_eq(got.len, 0);
	free(path);
}
END_TEST

START_TEST(it_goes_with_its_future)
{
	ck_assert_int_eq(put(1, (struct store_blob){ large, LARGE }), 0);
	ck_assert_int_eq(put(2, (struct store_blob){ large, LARGE }), 0);
	ck_assert_int_eq(forget(1), 0);
	ck_assert_uint_eq(count_files(), 1);
	get(1, 0, 10);
	ck_assert_int_eq(got.status, -ENOENT);
	get(2, 0, LARGE);
	ck_assert_mem_eq(got.data, large, LARGE);
}
END_TEST

/* Left behind by a crash: a file whose row was not committed, one half written, one of another kind. */
START_TEST(what_a_crash_left_is_swept_at_the_start)
{
	char *orphan = file_of(99), *other = disk_path(results, "0123.new");

	ck_assert_int_eq(put(1, (struct store_blob){ large, LARGE }), 0);
	ck_assert_int_eq(disk_create(orphan), 0);
	ck_assert_int_eq(disk_create(other), 0);
	ck_assert_uint_eq(count_files(), 3);
	reopen();
	ck_assert_uint_eq(count_files(), 1);
	get(1, 0, LARGE);
	ck_assert_uint_eq(got.len, LARGE);
	free(orphan);
	free(other);
}
END_TEST

START_TEST(a_missing_file_is_an_answer_and_not_the_end)
{
	char *path = file_of(1);

	ck_assert_int_eq(put(1, (struct store_blob){ large, LARGE }), 0);
	ck_assert_int_eq(unlink(path), 0);
	get(1, 0, 10);
	ck_assert_int_eq(got.status, -ENOENT);
	ck_assert_int_eq(fixture_create(store, 3, 3), 0);
	free(path);
}
END_TEST

/* A result whose update is refused must not be there afterwards. */
START_TEST(a_refused_update_leaves_nothing_that_lasts)
{
	ck_assert_int_eq(put(7, (struct store_blob){ large, LARGE }), -ENOENT);
	get(7, 0, 10);
	ck_assert_int_eq(got.status, -ENOENT);
	reopen();
	ck_assert_uint_eq(count_files(), 0);
}
END_TEST

static int on_pause(void *arg, uint32_t uid, const char *bucket, int64_t until_ms)
{
	char *text = arg;

	sprintf(text + strlen(text), "%u %s %lld;", uid, bucket, (long long)until_ms);
	return 0;
}

START_TEST(pauses_outlive_the_store)
{
	struct store *unstarted;
	char text[256] = "", pauses[512] = "";

	ck_assert_int_eq(store_pause(store, 1000, "a https://x:443", 5000, 1000), 0);
	ck_assert_int_eq(store_pause(store, 1000, "b", 1500, 1000), 0);
	ck_assert_int_eq(store_pause(store, 1001, "a https://x:443", 9000, 1000), 0);
	ck_assert_int_eq(store_pause(store, 1000, "a https://x:443", 4000, 1000), 0);
	ck_assert_int_eq(store_pause(store, 1001, "c", 8000, 2000), 0);
	store = store_close(store);
	ck_assert_int_eq(fixture_try_open(dir, &unstarted, text), 0);
	ck_assert_int_eq(store_each_pause(unstarted, 3000, on_pause, pauses), 0);
	ck_assert_str_eq(pauses, "1000 a https://x:443 5000;1001 a https://x:443 9000;1001 c 8000;");
	pauses[0] = '\0';
	ck_assert_int_eq(store_each_pause(unstarted, 8999, on_pause, pauses), 0);
	ck_assert_str_eq(pauses, "1001 a https://x:443 9000;");
	store_close(unstarted);
}
END_TEST

static int on_stop(void *arg, uint32_t uid, const char *origin)
{
	char *stops = arg;

	snprintf(stops + strlen(stops), 512 - strlen(stops), "%u %s;", uid, origin);
	return uid == 66 ? -ECANCELED : 0;
}

START_TEST(stops_outlive_the_store)
{
	struct fixture_ask asks[6];
	struct store *unstarted;
	char text[256] = "", stops[512] = "";

	memset(&answers, 0, sizeof(answers));
	for (int i = 0; i < 6; i++)
		asks[i] = (struct fixture_ask){ &answers, i };
	ck_assert_int_eq(store_stop(store, 1000, "https://x:443", true, fixture_done, &asks[0]), 0);
	ck_assert_int_eq(store_stop(store, 1000, "https://x:443", true, fixture_done, &asks[1]), 0);
	ck_assert_int_eq(store_stop(store, 1000, "https://y:443", true, fixture_done, &asks[2]), 0);
	ck_assert_int_eq(store_stop(store, 1001, "https://x:443", true, fixture_done, &asks[3]), 0);
	ck_assert_int_eq(store_stop(store, 1000, "https://y:443", false, fixture_done, &asks[4]), 0);
	ck_assert_int_eq(store_stop(store, 1000, "https://z:443", false, fixture_done, &asks[5]), 0);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 6), 0);
	for (int i = 0; i < 6; i++)
		ck_assert_int_eq(answers.status[i], 0);
	store = store_close(store);
	ck_assert_int_eq(fixture_try_open(dir, &unstarted, text), 0);
	ck_assert_int_eq(store_each_stop(unstarted, on_stop, stops), 0);
	ck_assert_str_eq(stops, "1000 https://x:443;1001 https://x:443;");
	ck_assert_int_eq(store_stop(unstarted, 66, "https://x:443", true, NULL, NULL), 0);
	store_close(unstarted);
	stops[0] = '\0';
	ck_assert_int_eq(fixture_try_open(dir, &unstarted, text), 0);
	ck_assert_int_eq(store_each_stop(unstarted, on_stop, stops), -ECANCELED);
	ck_assert_str_eq(stops, "66 https://x:443;");
	store_close(unstarted);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("side");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_large_result_is_a_private_file_and_survives);
	tcase_add_test(tcase, it_goes_with_its_future);
	tcase_add_test(tcase, what_a_crash_left_is_swept_at_the_start);
	tcase_add_test(tcase, a_missing_file_is_an_answer_and_not_the_end);
	tcase_add_test(tcase, a_refused_update_leaves_nothing_that_lasts);
	tcase_add_test(tcase, pauses_outlive_the_store);
	tcase_add_test(tcase, stops_outlive_the_store);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
