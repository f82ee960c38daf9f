/* test_group_file.c - groups as files: what is written, taken up again, and refused with its place. */
#include "tests/client/peer.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct peer peer;
static futured *c;
static futured_group *group;
static char path[160];

static void setup(void)
{
	peer_init(&peer);
	c = peer_connect(&peer, 0);
	snprintf(path, sizeof(path), "%s/jobs.json", peer.directory);
	ck_assert_int_eq(futured_group_new(c, NULL, 0, FUTURED_GROUP_SINGLE, &group), 0);
	ck_assert_int_eq(futured_group_add_id(group, ID_B), 0);
	ck_assert_int_eq(futured_group_add_id(group, ID_A), 0);
	ck_assert_int_eq(futured_group_add_id(group, ID_B), 0);
}

static void teardown(void)
{
	group = futured_group_unref(group);
	futured_unref(c);
	unlink(path);
	peer_done(&peer);
}

static void write_file(const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, len, file), len);
	fclose(file);
}

/* The whole file. */
static const char *read_file(void)
{
	static char text[4096];
	FILE *file = fopen(path, "r");

	ck_assert_ptr_nonnull(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

START_TEST(what_is_written)
{
	char expected[1024];
	struct stat st;

	umask(0);
	write_file("old", 3);
	ck_assert_int_eq(futured_group_save(group, path), 0);
	ck_assert_ptr_null(futured_group_file_error(c));
	snprintf(expected, sizeof(expected), "{\n\"futured_group\": 1,\n\"single\": true,\n\"socket\": \"%s\",\n"
	    "\"ids\": [\n\"" ID_B "\",\n\"" ID_A "\",\n\"" ID_B "\"\n]\n}\n", peer.path);
	ck_assert_str_eq(read_file(), expected);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(taken_up_again)
{
	futured_group *again;
	futured *other;

	ck_assert_int_eq(futured_group_save(group, path), 0);
	other = peer_connect(&peer, 0);
	ck_assert_msg(futured_group_open(other, path, &again) == 0, "%s", futured_group_file_error(other));
	ck_assert_int_eq(futured_group_is_single(again), 1);
	ck_assert_uint_eq(futured_group_count(again), 3);
	ck_assert_str_eq(futured_group_id(again, 0), ID_B);
	ck_assert_str_eq(futured_group_id(again, 1), ID_A);
	/* One handle for one future. */
	ck_assert_ptr_eq(futured_group_at(again, 2), futured_group_at(again, 0));
	pump(other);
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "1");
	peer_reply_text(&peer, peer_expect(&peer, "future.result"), "2");
	ck_assert_int_eq(futured_group_wait(again, FUTURED_ALL_COMPLETED, FUTURED_TIME_NONE), 1);
	futured_group_unref(again);
	futured_unref(other);
}
END_TEST

START_TEST(an_empty_one)
{
	futured_group *empty;

	ck_assert_int_eq(futured_group_new(c, NULL, 0, 0, &empty), 0);
	ck_assert_int_eq(futured_group_save(empty, path), 0);
	futured_group_unref(empty);
	ck_assert_int_eq(futured_group_open(c, path, &empty), 0);
	ck_assert_uint_eq(futured_group_count(empty), 0);
	ck_assert_int_eq(futured_group_is_single(empty), 0);
	futured_group_unref(empty);
}
END_TEST

/* Whether nothing but the socket, and the file if it is there, is in the directory. */
static bool nothing_left_behind(void)
{
	DIR *directory = opendir(peer.directory);
	struct dirent *entry;
	bool clean = true;

	ck_assert_ptr_nonnull(directory);
	while ((entry = readdir(directory)))
		clean &= entry->d_name[0] == '.' || !strcmp(entry->d_name, "futured.sock") || !strcmp(entry->d_name, "jobs.json");
	closedir(directory);
	return clean;
}

START_TEST(without_ids)
{
	struct futured_create_options options = FUTURED_CREATE_INIT;
	futured_future *f;

	write_file("old", 3);
	options.profile = "p";
	ck_assert_int_eq(futured_create(c, &options, NULL, NULL, &f), 0);
	ck_assert_int_eq(futured_group_add(group, f), 0);
	futured_future_unref(f);
	ck_assert_int_eq(futured_group_save(group, path), -EAGAIN);
	ck_assert_ptr_nonnull(strstr(futured_group_file_error(c), "jobs.json: future 3 has no id yet"));
	pump(c);
	peer_reply_error(&peer, peer_expect(&peer, "future.create"), ERROR_DISK_FULL, "full", NULL);
	ck_assert_int_eq(futured_group_wait_created(group, FUTURED_TIME_NONE), -ENOSPC);
	ck_assert_int_eq(futured_group_save(group, path), -ENODATA);
	ck_assert_str_eq(read_file(), "old");
	ck_assert(nothing_left_behind());
}
END_TEST

START_TEST(where_nothing_can_be_written)
{
	char elsewhere[200];

	snprintf(elsewhere, sizeof(elsewhere), "%s/no/jobs.json", peer.directory);
	ck_assert_int_eq(futured_group_save(group, elsewhere), -ENOENT);
	ck_assert_ptr_nonnull(strstr(futured_group_file_error(c), "/no/jobs.json: No such file or directory"));
	/* The name of a directory: written beside it, and cannot take its place. */
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(futured_group_save(group, path), -EISDIR);
	ck_assert(nothing_left_behind());
	ck_assert_int_eq(futured_group_open(c, path, &group), -EISDIR);
	rmdir(path);
	ck_assert_int_eq(futured_group_open(c, path, &group), -ENOENT);
	/* What went well has no error. */
	ck_assert_int_eq(futured_group_save(group, path), 0);
	ck_assert_ptr_null(futured_group_file_error(c));
}
END_TEST

START_TEST(refused)
{
	static const struct { const char *text; int r; const char *says; } rows[] = {
		{ "", -EINVAL, ":1:1: not JSON" },
		{ "{\n\"futured_group\": 1,\n\"ids\": [}", -EINVAL, ":3:9: not JSON" },
		{ "{\"futured_group\": 1, \"ids\": []}x", -EINVAL, ":1:32: not JSON" },
		{ "[]", -EINVAL, ":1:1: not JSON" },
		{ "{}", -EINVAL, "futured_group" },
		{ "{\"futured_group\": \"1\", \"ids\": []}", -EINVAL, "futured_group" },
		{ "{\"futured_group\": 2, \"ids\": []}", -ENOTSUP, "later version" },
		{ "{\"futured_group\": 1}", -EINVAL, "ids" },
		{ "{\"futured_group\": 1, \"ids\": 7}", -EINVAL, "ids: an integer, not an array" },
		{ "{\"futured_group\": 1, \"ids\": [\"" ID_A "\", null]}", -EINVAL, "ids[1]: nil, not an id" },
		{ "{\"futured_group\": 1, \"ids\": [\"abc\\u0007\"]}", -EINVAL, "ids[0]: \"abc?\" is not an id" },
		{ "{\"futured_group\": 1, \"ids\": [], \"ids\": []}", -EINVAL, "ids" },
		{ "{\"futured_group\": 1, \"single\": 3, \"ids\": []}", -EINVAL, "single" },
	};
	futured_group *none = (futured_group *)&peer;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_file(rows[i].text, strlen(rows[i].text));
		ck_assert_msg(futured_group_open(c, path, &none) == rows[i].r, "%s", rows[i].text);
		ck_assert_msg(strncmp(futured_group_file_error(c), path, strlen(path)) == 0 &&
		    strstr(futured_group_file_error(c), rows[i].says), "%s: %s", rows[i].text, futured_group_file_error(c));
	}
	write_file("{\"futured_group\": 1, \"ids\": []}\0", 33);
	ck_assert_int_eq(futured_group_open(c, path, &none), -EINVAL);
	ck_assert_ptr_nonnull(strstr(futured_group_file_error(c), ":1:32: not JSON"));
	ck_assert_ptr_eq(none, (futured_group *)&peer);
}
END_TEST

START_TEST(what_a_later_version_adds_is_skipped)
{
	static const char text[] = "{\"new\": {\"a\": [1, 2.5, null]}, \"futured_group\": 1, \"ids\": [\"" ID_A "\"]}";
	futured_group *later;

	write_file(text, strlen(text));
	ck_assert_int_eq(futured_group_open(c, path, &later), 0);
	ck_assert_str_eq(futured_group_id(later, 0), ID_A);
	ck_assert_int_eq(futured_group_is_single(later), 0);
	futured_group_unref(later);
}
END_TEST

START_TEST(too_large)
{
	ck_assert_int_eq(truncate((write_file("{", 1), path), 9 * 1024 * 1024), 0);
	ck_assert_int_eq(futured_group_open(c, path, &group), -EFBIG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("group_file");
	TCase *tcase = tcase_create("group_file");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, what_is_written);
	tcase_add_test(tcase, taken_up_again);
	tcase_add_test(tcase, an_empty_one);
	tcase_add_test(tcase, without_ids);
	tcase_add_test(tcase, where_nothing_can_be_written);
	tcase_add_test(tcase, refused);
	tcase_add_test(tcase, what_a_later_version_adds_is_skipped);
	tcase_add_test(tcase, too_large);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
