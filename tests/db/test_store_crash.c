/* test_store_crash.c - a process that is killed has lost nothing that was answered. */
#include "tests/db/fixture.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 20
#define IN_FLIGHT 64

/* --- the process that is killed --------------------------------------------------------------------- */

static struct store *store;
static int ack_fd;
static unsigned in_flight;
static unsigned finished;

/* An operation came back: n itself for a create, n with the top bit for the update that ended it. */
static void on_ack(void *arg, int status)
{
	uint64_t ack = (uintptr_t)arg;

	in_flight--;
	finished++;
	if (status < 0 || write(ack_fd, &ack, sizeof(ack)) != sizeof(ack))
		_exit(1);
}

#define ENDED (UINT64_C(1) << 63)

static void create(uint64_t n, uint64_t seq)
{
	struct future_rec rec;
	struct event_rec event;

	fixture_rec(&rec, n);
	rec.seq = seq;
	rec.state = STORE_PENDING;
	fixture_event(&event, &rec, STORE_EVENT_CREATED, seq);
	if (store_create(store, &rec, &fixture_texts, &event, on_ack, (void *)(uintptr_t)n) < 0)
		_exit(1);
	future_rec_done(&rec);
	in_flight++;
}

static void end(uint64_t n, uint64_t seq)
{
	static const struct store_blob none = { NULL, 0 };
	struct future_rec rec;
	struct event_rec event;
	char result[64];
	struct store_blob blob = { result, 0 };

	fixture_rec(&rec, n);
	rec.seq = seq;
	rec.state = STORE_SUCCEEDED;
	fixture_event(&event, &rec, STORE_EVENT_CHANGED, seq);
	blob.len = (size_t)snprintf(result, sizeof(result), "result %llu", (unsigned long long)n);
	if (store_update(store, &rec, &event, blob, none, on_ack, (void *)(uintptr_t)(n | ENDED)) < 0)
		_exit(1);
	future_rec_done(&rec);
	in_flight++;
}

/* End what was left over, then create futures and end them, many under way at once, until somebody kills
 * us. */
static void work_until_killed(const char *dir, int fd)
{
	struct fixture_loaded loaded;
	uint64_t n = 0, seq;

	ack_fd = fd;
	store = fixture_open(dir, 65536, 500, &loaded);
	seq = store_last_seq(store);
	for (size_t i = 0; i < loaded.count; i++) {
		n = fixture_number(loaded.recs[i].id);
		if (loaded.recs[i].state == STORE_PENDING)
			end(n, ++seq);
	}
	for (;;) {
		create(++n, ++seq);
		end(n, ++seq);
		if (in_flight > IN_FLIGHT && fixture_wait(store, &finished, finished + 1) < 0)
			_exit(1);
	}
}

/* --- the one that kills and looks --------------------------------------------------------------------- */

struct ledger {
	uint64_t created, ended;        /* greatest number that was answered: they come in order */
};

static void note(struct ledger *ledger, uint64_t ack)
{
	uint64_t *at = ack & ENDED ? &ledger->ended : &ledger->created;

	ack &= ~ENDED;
	if (ack > *at)
		*at = ack;
}

/* Start the worker, take down acks, kill it after the given number of them, take down the rest. */
static void run_and_kill(const char *dir, struct ledger *ledger, unsigned acks)
{
	uint64_t ack;
	int fds[2], status;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		work_until_killed(dir, fds[1]);
	}
	close(fds[1]);
	for (unsigned i = 0; i < acks; i++) {
		ck_assert_int_eq(read(fds[0], &ack, sizeof(ack)), sizeof(ack));
		note(ledger, ack);
	}
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	while (read(fds[0], &ack, sizeof(ack)) == sizeof(ack))
		note(ledger, ack);
	close(fds[0]);
}

struct expected {
	const char *text;
	unsigned done;
};

static void on_result(void *arg, int status, const void *data, size_t len)
{
	struct expected *expected = arg;

	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(len, strlen(expected->text));
	ck_assert_mem_eq(data, expected->text, len);
	expected->done++;
}

/* Everything that was answered is there, and a state and its result came together. */
static void look(const char *dir, const struct ledger *ledger)
{
	struct fixture_loaded loaded;

	store = fixture_open(dir, 65536, 500, &loaded);
	ck_assert_uint_ge(loaded.count, ledger->created);
	ck_assert_uint_ge(store_last_seq(store), 2 * ledger->ended);
	for (size_t i = 0; i < loaded.count; i++) {
		const struct future_rec *rec = &loaded.recs[i];
		uint64_t n = fixture_number(rec->id);
		struct expected expected = { .done = 0 };
		char text[64];

		ck_assert_uint_eq(n, i + 1);
		ck_assert_uint_eq(rec->n_labels, 2);
		if (n <= ledger->ended)
			ck_assert_int_eq(rec->state, STORE_SUCCEEDED);
		if (rec->state != STORE_SUCCEEDED || i % 16)
			continue;
		snprintf(text, sizeof(text), "result %llu", (unsigned long long)n);
		expected.text = text;
		ck_assert_int_eq(store_read_result(store, rec->id, 0, 64, on_result, &expected), 0);
		ck_assert_int_eq(fixture_wait(store, &expected.done, 1), 0);
	}
	fixture_loaded_done(&loaded);
	store = store_close(store);
}

START_TEST(what_was_answered_survives_a_kill)
{
	char *dir = fixture_dir();
	struct ledger ledger = { 0, 0 };
	unsigned seed = (unsigned)time(NULL);

	fprintf(stderr, "seed %u\n", seed);
	srandom(seed);
	for (int i = 0; i < ROUNDS; i++) {
		run_and_kill(dir, &ledger, (unsigned)random() % 800);
		look(dir, &ledger);
	}
	ck_assert_uint_gt(ledger.ended, 0);
	fixture_remove(dir);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_crash");
	TCase *tcase = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, what_was_answered_survives_a_kill);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
