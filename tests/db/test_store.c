/* test_store.c - every operation of the store, and what is there after a restart. */
#include "tests/db/fixture.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *dir;
static struct store *store;
static struct fixture_answers answers;

static void setup(void)
{
	dir = fixture_dir();
	store = fixture_open(dir, 0, 1000, NULL);
	memset(&answers, 0, sizeof(answers));
}

static void teardown(void)
{
	store = store_close(store);
	fixture_remove(dir);
}

static void reopen(struct fixture_loaded *loaded)
{
	store_close(store);
	store = fixture_open(dir, 0, 1000, loaded);
}

static const struct store_blob nothing = { NULL, 0 };

static struct store_blob blob(const char *text)
{
	return (struct store_blob){ text, strlen(text) };
}

/* The answer to the one read that is under way. */
static struct {
	unsigned count;
	int status;
	char data[64];
	size_t len;
	struct event_rec events[16];
	size_t n_events;
	char spec[64], params[64], request[64];
} got;

static void on_bytes(void *arg, int status, const void *data, size_t len)
{
	got.count++;
	got.status = status;
	got.len = len;
	ck_assert_uint_lt(len, sizeof(got.data));
	memcpy(got.data, data ? data : "", len);
	got.data[len] = '\0';
}

static void on_texts(void *arg, int status, const struct store_texts *texts)
{
	got.count++;
	got.status = status;
	if (status < 0)
		return;
	snprintf(got.spec, sizeof(got.spec), "%s", texts->spec ? texts->spec : "(null)");
	snprintf(got.params, sizeof(got.params), "%s", texts->params ? texts->params : "(null)");
	snprintf(got.request, sizeof(got.request), "%s", texts->request ? texts->request : "(null)");
}

static void on_events(void *arg, int status, const struct event_rec *events, size_t count)
{
	got.count++;
	got.status = status;
	got.n_events = count;
	ck_assert_uint_le(count, 16);
	if (count)
		memcpy(got.events, events, count * sizeof(*events));
}

static void wait_read(void)
{
	ck_assert_int_eq(fixture_wait(store, &got.count, 1), 0);
	got.count = 0;
}

static int read_result(uint64_t n, uint64_t offset, size_t len)
{
	uint8_t id[STORE_ID_BYTES];

	fixture_id(id, n);
	ck_assert_int_eq(store_read_result(store, id, offset, len, on_bytes, NULL), 0);
	wait_read();
	return got.status;
}

static int read_details(uint64_t n)
{
	uint8_t id[STORE_ID_BYTES];

	fixture_id(id, n);
	ck_assert_int_eq(store_read_error_details(store, id, on_bytes, NULL), 0);
	wait_read();
	return got.status;
}

static int read_texts(uint64_t n)
{
	uint8_t id[STORE_ID_BYTES];

	fixture_id(id, n);
	ck_assert_int_eq(store_read_texts(store, id, on_texts, NULL), 0);
	wait_read();
	return got.status;
}

static void read_events(uint64_t since, size_t limit)
{
	ck_assert_int_eq(store_read_events(store, since, limit, on_events, NULL), 0);
	wait_read();
	ck_assert_int_eq(got.status, 0);
}

static int update(const struct future_rec *rec, uint64_t seq, struct store_blob result, struct store_blob details)
{
	struct fixture_ask ask = { &answers, 0 };
	struct event_rec event;

	answers.count = 0;
	fixture_event(&event, rec, STORE_EVENT_CHANGED, seq);
	ck_assert_int_eq(store_update(store, rec, seq ? &event : NULL, result, details, fixture_done, &ask), 0);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 1), 0);
	return answers.status[0];
}

static int forget(uint64_t n, uint64_t seq)
{
	struct fixture_ask ask = { &answers, 0 };
	struct future_rec rec;
	struct event_rec event;
	int r;

	answers.count = 0;
	fixture_rec(&rec, n);
	fixture_event(&event, &rec, STORE_EVENT_FORGOTTEN, seq);
	r = store_forget(store, rec.id, seq ? &event : NULL, fixture_done, &ask);
	ck_assert_int_eq(r, 0);
	future_rec_done(&rec);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 1), 0);
	return answers.status[0];
}

START_TEST(a_created_future_is_loaded_whole)
{
	struct fixture_loaded loaded;
	struct future_rec rec;

	for (uint64_t n = 3; n >= 1; n--)
		ck_assert_int_eq(fixture_create(store, n, 4 - n), 0);
	reopen(&loaded);
	ck_assert_uint_eq(loaded.count, 3);
	for (uint64_t n = 1; n <= 3; n++) {
		fixture_rec(&rec, n);
		rec.seq = 4 - n;
		fixture_compare(&rec, &loaded.recs[n - 1]);
		future_rec_done(&rec);
	}
	ck_assert_str_eq(loaded.spec, fixture_texts.spec);
	ck_assert_str_eq(loaded.params, fixture_texts.params);
	ck_assert_str_eq(loaded.request, fixture_texts.request);
	ck_assert_uint_eq(store_last_seq(store), 3);
	ck_assert_uint_eq(store_oldest_seq(store), 1);
	fixture_loaded_done(&loaded);
}
END_TEST

START_TEST(what_is_absent_stays_absent)
{
	struct fixture_ask ask = { &answers, 0 };
	struct future_rec rec = { .uid = 1, .mode = 0600, .ttl_ms = 1, .result_size = -1 };
	struct store_texts none = { NULL, NULL, NULL };
	struct fixture_loaded loaded;

	ck_assert_int_eq(store_create(store, &rec, &none, NULL, fixture_done, &ask), 0);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 1), 0);
	ck_assert_int_eq(answers.status[0], 0);
	ck_assert_int_eq(read_texts(0), 0);
	ck_assert_str_eq(got.spec, "(null)");
	reopen(&loaded);
	ck_assert_uint_eq(loaded.count, 1);
	fixture_compare(&rec, &loaded.recs[0]);
	ck_assert_ptr_null(loaded.params);
	ck_assert_uint_eq(store_last_seq(store), 0);
	ck_assert_uint_eq(store_oldest_seq(store), 0);
	fixture_loaded_done(&loaded);
}
END_TEST

START_TEST(an_id_and_a_key_are_taken_once)
{
	struct fixture_ask ask = { &answers, 0 };
	struct future_rec rec;

	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
	ck_assert_int_eq(fixture_create(store, 1, 2), -EEXIST);

	/* Another id with the key of number 1: taken for that user, free for the next. */
	fixture_rec(&rec, 1);
	fixture_id(rec.id, 2);
	ck_assert_int_eq(store_create(store, &rec, &fixture_texts, NULL, fixture_done, &ask), 0);
	rec.uid++;
	ck_assert_int_eq(store_create(store, &rec, &fixture_texts, NULL, fixture_done, &ask), 0);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 2), 0);
	ck_assert_int_eq(answers.status[0], -EEXIST);
	ck_assert_int_eq(answers.status[1], 0);
	future_rec_done(&rec);

	/* What failed left nothing, not even its event. */
	read_events(0, 16);
	ck_assert_uint_eq(got.n_events, 1);

	/* Forgotten, the key is free. */
	ck_assert_int_eq(forget(1, 3), 0);
	ck_assert_int_eq(fixture_create(store, 1, 4), 0);
}
END_TEST

START_TEST(an_update_writes_what_changes)
{
	struct fixture_loaded loaded;
	struct future_rec rec, before;

	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
	fixture_rec(&before, 1);
	fixture_rec(&rec, 2);
	fixture_id(rec.id, 1);
	rec.state = STORE_SUCCEEDED;
	rec.phase = STORE_PHASE_POLL;
	rec.finished_at_ms = 99;
	rec.cancel_requested = false;
	rec.next_at_ms = 0;
	free(rec.progress);
	rec.progress = NULL;
	rec.uid = 7;
	rec.mode = 0666;
	ck_assert_int_eq(update(&rec, 2, blob("result"), blob("details")), 0);
	reopen(&loaded);

	/* The owner, the key, the labels and the dependencies are not among it. */
	rec.uid = before.uid;
	rec.mode = before.mode;
	free(rec.key);
	rec.key = strdup(before.key);
	free(rec.profile);
	rec.profile = strdup(before.profile);
	free(rec.labels[0].value);
	rec.labels[0].value = strdup(before.labels[0].value);
	memcpy(rec.after, before.after, rec.n_after * sizeof(*rec.after));
	fixture_compare(&rec, &loaded.recs[0]);
	ck_assert_int_eq(read_result(1, 0, 60), 0);
	ck_assert_str_eq(got.data, "result");
	ck_assert_int_eq(read_details(1), 0);
	ck_assert_str_eq(got.data, "details");
	future_rec_done(&rec);
	future_rec_done(&before);
	fixture_loaded_done(&loaded);
}
END_TEST

START_TEST(results_are_read_in_parts)
{
	struct future_rec rec;

	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
	ck_assert_int_eq(read_result(1, 0, 10), -ENOENT);
	ck_assert_int_eq(read_details(1), -ENOENT);
	fixture_rec(&rec, 1);
	ck_assert_int_eq(update(&rec, 0, blob("0123456789"), nothing), 0);
	ck_assert_int_eq(read_result(1, 2, 3), 0);
	ck_assert_str_eq(got.data, "234");
	ck_assert_int_eq(read_result(1, 8, 60), 0);
	ck_assert_str_eq(got.data, "89");
	ck_assert_int_eq(read_result(1, 10, 60), 0);
	ck_assert_uint_eq(got.len, 0);
	ck_assert_int_eq(read_result(1, UINT64_MAX, SIZE_MAX), 0);
	ck_assert_uint_eq(got.len, 0);

	/* Unchanged without one, replaced by an empty one. */
	ck_assert_int_eq(update(&rec, 0, nothing, nothing), 0);
	ck_assert_int_eq(read_result(1, 0, 60), 0);
	ck_assert_uint_eq(got.len, 10);
	ck_assert_int_eq(update(&rec, 0, blob(""), nothing), 0);
	ck_assert_int_eq(read_result(1, 0, 60), 0);
	ck_assert_uint_eq(got.len, 0);
	ck_assert_int_eq(read_details(1), -ENOENT);
	future_rec_done(&rec);
}
END_TEST

START_TEST(what_is_not_there_is_not_changed)
{
	struct future_rec rec;

	fixture_rec(&rec, 5);
	ck_assert_int_eq(update(&rec, 1, blob("result"), nothing), -ENOENT);
	ck_assert_int_eq(forget(5, 1), -ENOENT);
	ck_assert_int_eq(read_result(5, 0, 60), -ENOENT);
	ck_assert_int_eq(read_texts(5), -ENOENT);
	read_events(0, 16);
	ck_assert_uint_eq(got.n_events, 0);
	future_rec_done(&rec);
}
END_TEST

START_TEST(a_forgotten_future_leaves_its_event)
{
	struct fixture_loaded loaded;
	struct future_rec rec;

	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
	ck_assert_int_eq(fixture_create(store, 2, 2), 0);
	fixture_rec(&rec, 1);
	ck_assert_int_eq(update(&rec, 0, blob("result"), blob("details")), 0);
	ck_assert_int_eq(forget(1, 3), 0);
	ck_assert_int_eq(read_result(1, 0, 60), -ENOENT);
	ck_assert_int_eq(read_details(1), -ENOENT);
	ck_assert_int_eq(read_texts(1), -ENOENT);
	ck_assert_int_eq(read_texts(2), 0);
	ck_assert_str_eq(got.spec, fixture_texts.spec);
	ck_assert_str_eq(got.request, fixture_texts.request);
	read_events(0, 16);
	ck_assert_uint_eq(got.n_events, 3);
	ck_assert_uint_eq(got.events[2].seq, 3);
	ck_assert_int_eq(got.events[2].event, STORE_EVENT_FORGOTTEN);
	ck_assert_uint_eq(got.events[2].gid, rec.gid);
	ck_assert_uint_eq(got.events[2].mode, rec.mode);
	ck_assert_int_eq(got.events[2].state, rec.state);
	ck_assert_int_eq(got.events[2].at_ms, 1700000000003);
	ck_assert_mem_eq(got.events[2].id, rec.id, STORE_ID_BYTES);
	reopen(&loaded);
	ck_assert_uint_eq(loaded.count, 1);
	ck_assert_uint_eq(loaded.recs[0].n_labels, 2);
	ck_assert_uint_eq(store_last_seq(store), 3);
	future_rec_done(&rec);
	fixture_loaded_done(&loaded);
}
END_TEST

START_TEST(events_are_read_in_pages)
{
	for (uint64_t n = 1; n <= 9; n++)
		fixture_ask_create(store, n, 10 * n, NULL);
	read_events(0, 4);
	ck_assert_uint_eq(got.n_events, 4);
	ck_assert_uint_eq(got.events[3].seq, 40);
	read_events(40, 4);
	ck_assert_uint_eq(got.n_events, 4);
	ck_assert_uint_eq(got.events[0].seq, 50);
	read_events(80, 4);
	ck_assert_uint_eq(got.n_events, 1);
	read_events(UINT64_MAX, 4);
	ck_assert_uint_eq(got.n_events, 0);
}
END_TEST

/* Reads and writes that are queued without waiting in between. */
START_TEST(reads_see_the_writes_before_them)
{
	struct future_rec rec;

	fixture_ask_create(store, 1, 1, NULL);
	fixture_rec(&rec, 1);
	ck_assert_int_eq(store_update(store, &rec, NULL, blob("one"), nothing, NULL, NULL), 0);
	ck_assert_int_eq(store_read_result(store, rec.id, 0, 60, on_bytes, NULL), 0);
	ck_assert_int_eq(store_update(store, &rec, NULL, blob("two"), nothing, NULL, NULL), 0);
	wait_read();
	ck_assert_int_eq(got.status, 0);
	ck_assert_str_eq(got.data, "one");
	ck_assert_int_eq(read_result(1, 0, 60), 0);
	ck_assert_str_eq(got.data, "two");
	future_rec_done(&rec);
}
END_TEST

START_TEST(the_event_log_is_trimmed)
{
	struct store_stats stats;

	store_close(store);
	store = fixture_open(dir, 0, 10, NULL);
	for (uint64_t n = 1; n <= 50; n++)
		ck_assert_int_eq(fixture_create(store, n, n), 0);
	ck_assert_uint_eq(store_oldest_seq(store), 41);
	store_stats(store, &stats);
	ck_assert_uint_eq(stats.events_oldest, 41);
	read_events(0, 16);
	ck_assert_uint_eq(got.n_events, 10);
	ck_assert_uint_eq(got.events[0].seq, 41);
}
END_TEST

START_TEST(a_label_twice_is_the_callers_mistake)
{
	struct fixture_ask ask = { &answers, 0 };
	struct future_rec rec;

	fixture_rec(&rec, 1);
	strcpy(rec.labels[1].name, "run");
	free(rec.labels[0].name);
	rec.labels[0].name = strdup("run");
	ck_assert_int_eq(store_create(store, &rec, &fixture_texts, NULL, fixture_done, &ask), 0);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 1), 0);
	ck_assert_int_eq(answers.status[0], -EINVAL);
	ck_assert_int_eq(read_texts(1), -ENOENT);
	future_rec_done(&rec);
}
END_TEST

/* The texts of a record are as much in the queue as a result is. */
START_TEST(what_is_queued_has_a_size)
{
	size_t len = (size_t)16 * 1024 * 1024;
	struct future_rec rec;
	char text[256];
	int n = 0;

	store_close(store);
	ck_assert_int_eq(fixture_try_open(dir, &store, text), 0);
	fixture_rec(&rec, 1);
	free(rec.progress);
	rec.progress = malloc(len + 1);
	memset(rec.progress, ' ', len);
	rec.progress[len] = '\0';
	while (n < 32 && store_update(store, &rec, NULL, nothing, nothing, NULL, NULL) == 0)
		n++;
	ck_assert_int_gt(n, 4);
	ck_assert_int_lt(n, 17);
	future_rec_done(&rec);
}
END_TEST

/* --- another operation ------------------------------------------------------------------------- */

static int go_on(const struct future_rec *rec, uint64_t seq)
{
	const struct store_texts texts = { "{\"poll\":2}", "{\"n\":2}", "not looked at" };
	struct fixture_ask ask = { &answers, 0 };
	struct event_rec event;

	answers.count = 0;
	fixture_event(&event, rec, STORE_EVENT_PROGRESS, seq);
	ck_assert_int_eq(store_continue(store, rec, &texts, seq ? &event : NULL, fixture_done, &ask), 0);
	ck_assert_int_eq(fixture_wait(store, &answers.count, 1), 0);
	return answers.status[0];
}

START_TEST(the_next_operation_is_there_whole)
{
	struct fixture_loaded loaded;
	struct future_rec rec;

	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
	ck_assert_int_eq(fixture_create(store, 2, 2), 0);
	fixture_rec(&rec, 1);
	free(rec.profile);
	rec.profile = strdup("another");
	rec.phase = STORE_PHASE_SUBMIT;
	rec.hops = 4;
	rec.seq = 3;
	free(rec.captured);
	rec.captured = NULL;
	rec.n_after = 2;
	fixture_id(rec.after[0], 77);
	fixture_id(rec.after[1], 8);    /* one that it had, at another place */
	ck_assert_int_eq(go_on(&rec, 3), 0);
	read_texts(1);
	ck_assert_str_eq(got.spec, "{\"poll\":2}");
	ck_assert_str_eq(got.params, "{\"n\":2}");
	ck_assert_str_eq(got.request, fixture_texts.request);
	reopen(&loaded);
	ck_assert_uint_eq(loaded.count, 2);
	fixture_compare(&rec, &loaded.recs[0]);
	ck_assert_uint_eq(loaded.recs[1].n_after, 3);
	ck_assert_str_eq(loaded.spec, fixture_texts.spec);
	ck_assert_uint_eq(store_last_seq(store), 3);
	future_rec_done(&rec);
	fixture_loaded_done(&loaded);
}
END_TEST

START_TEST(one_without_profile_and_dependencies)
{
	struct fixture_loaded loaded;
	struct future_rec rec;

	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
	fixture_rec(&rec, 1);
	free(rec.profile);
	rec.profile = NULL;
	rec.n_after = 0;
	ck_assert_int_eq(go_on(&rec, 0), 0);
	reopen(&loaded);
	fixture_compare(&rec, &loaded.recs[0]);
	future_rec_done(&rec);
	fixture_loaded_done(&loaded);
}
END_TEST

START_TEST(nothing_goes_on_in_part)
{
	struct fixture_loaded loaded;
	struct future_rec rec;

	ck_assert_int_eq(fixture_create(store, 1, 1), 0);
	fixture_rec(&rec, 1);
	rec.hops = 4;
	memcpy(rec.after[2], rec.after[0], STORE_ID_BYTES);
	ck_assert_int_eq(go_on(&rec, 2), -EINVAL);
	future_rec_done(&rec);
	fixture_rec(&rec, 5);
	ck_assert_int_eq(go_on(&rec, 2), -ENOENT);
	future_rec_done(&rec);
	read_texts(1);
	ck_assert_str_eq(got.spec, fixture_texts.spec);
	reopen(&loaded);
	fixture_rec(&rec, 1);
	fixture_compare(&rec, &loaded.recs[0]);
	ck_assert_uint_eq(store_last_seq(store), 1);
	future_rec_done(&rec);
	fixture_loaded_done(&loaded);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, a_created_future_is_loaded_whole);
	tcase_add_test(tcase, what_is_absent_stays_absent);
	tcase_add_test(tcase, an_id_and_a_key_are_taken_once);
	tcase_add_test(tcase, an_update_writes_what_changes);
	tcase_add_test(tcase, results_are_read_in_parts);
	tcase_add_test(tcase, what_is_not_there_is_not_changed);
	tcase_add_test(tcase, a_forgotten_future_leaves_its_event);
	tcase_add_test(tcase, events_are_read_in_pages);
	tcase_add_test(tcase, reads_see_the_writes_before_them);
	tcase_add_test(tcase, the_event_log_is_trimmed);
	tcase_add_test(tcase, a_label_twice_is_the_callers_mistake);
	tcase_add_test(tcase, what_is_queued_has_a_size);
	tcase_add_test(tcase, the_next_operation_is_there_whole);
	tcase_add_test(tcase, one_without_profile_and_dependencies);
	tcase_add_test(tcase, nothing_goes_on_in_part);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
