/* fixture.c - what the tests of the store share: directories, sample records, waiting. */
#include "tests/db/fixture.h"
#include "db/disk.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A test that waits longer than this hangs. */
#define WAIT_MS 60000

char *fixture_dir(void)
{
	const char *base = getenv("TMPDIR");
	char path[512];

	snprintf(path, sizeof(path), "%s/futured-test-XXXXXX", base ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(path));
	return strdup(path);
}

static void remove_files(const char *dir)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;

	ck_assert_ptr_nonnull(stream);
	while ((entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(stream), entry->d_name, 0);
	closedir(stream);
	rmdir(dir);
}

void fixture_remove(char *dir)
{
	char *results = disk_path(dir, "results");

	if (access(results, F_OK) == 0)
		remove_files(results);
	free(results);
	remove_files(dir);
	free(dir);
}

const struct store_texts fixture_texts = {
	.spec = "{\"url\": \"https://example.org/\"}",
	.params = "{}",
	.request = "{\"profile\": \"x\"}",
};

void fixture_id(uint8_t ret[STORE_ID_BYTES], uint64_t n)
{
	memset(ret, 0, STORE_ID_BYTES);
	for (int i = 0; i < 8; i++)
		ret[STORE_ID_BYTES - 1 - i] = (uint8_t)(n >> (8 * i));
}

uint64_t fixture_number(const uint8_t id[STORE_ID_BYTES])
{
	uint64_t n = 0;

	for (int i = 8; i < STORE_ID_BYTES; i++)
		n = n << 8 | id[i];
	return n;
}

static char *text(const char *what, uint64_t n)
{
	char buffer[128];

	snprintf(buffer, sizeof(buffer), "%s %llu", what, (unsigned long long)n);
	return strdup(buffer);
}

void fixture_rec(struct future_rec *ret, uint64_t n)
{
	*ret = (struct future_rec){
		.uid = 1000, .gid = 4000000000, .mode = 0640, .kind = STORE_KIND_HTTP,
		.state = STORE_RUNNING, .phase = STORE_PHASE_POLL,
		.profile = text("profile", n), .key = text("key", n),
		.n_labels = 2, .seq = n,
		.created_at_ms = 1700000000000, .started_at_ms = 1700000000001, .finished_at_ms = 1700000000002,
		.ttl_ms = -1, .expires_at_ms = 1700000000003, .deadline_at_ms = 1700000000004,
		.next_at_ms = 1700000000005, .polling_delay_usec = 1500000, .retry_delay_usec = UINT64_MAX,
		.retry_since_ms = 1700000000006, .requests = 4294967295, .attempts = 7,
		.unreachable_since_ms = 1700000000008, .last_error = text("last error", n),
		.keep_until_delivered = true, .cancel_requested = true, .idempotency = text("idempotency", n),
		.captured = text("{\"name\":\"op\"}", n), .budgets = text("{\"poll.1\":[2,5]}", n), .progress = text("0.5", n),
		.error_kind = text("remote", n), .error_message = text("h\xc3\xa9las", n),
		.error_code = text("13", n), .error_http_status = 503,
		.content_type = text("application/json", n), .result_size = 12,
		.n_after = 3, .start_at_ms = 1700000000009, .held = true, .paused = true, .pinned = true, .hops = 3,
		.claim = text("claim", n), .lease_until_ms = 1700000000010,
	};
	fixture_id(ret->id, n);
	ret->after = calloc(3, sizeof(*ret->after));
	for (uint64_t i = 0; i < 3; i++)        /* in an order that is not theirs, and with one that is not there */
		fixture_id(ret->after[i], n + 7 - i);
	ret->labels = calloc(2, sizeof(*ret->labels));
	ret->labels[0] = (struct store_label){ strdup("project"), text("a", n) };
	ret->labels[1] = (struct store_label){ strdup("run"), strdup("") };
}

void fixture_event(struct event_rec *ret, const struct future_rec *rec, enum store_event event, uint64_t seq)
{
	*ret = (struct event_rec){
		.seq = seq, .at_ms = 1700000000000 + (int64_t)seq, .uid = rec->uid, .gid = rec->gid,
		.mode = rec->mode, .event = event, .state = rec->state,
	};
	memcpy(ret->id, rec->id, STORE_ID_BYTES);
}

void fixture_compare(const struct future_rec *a, const struct future_rec *b)
{
	ck_assert_mem_eq(a->id, b->id, STORE_ID_BYTES);
	ck_assert_uint_eq(a->uid, b->uid);
	ck_assert_uint_eq(a->gid, b->gid);
	ck_assert_uint_eq(a->mode, b->mode);
	ck_assert_int_eq(a->kind, b->kind);
	ck_assert_int_eq(a->state, b->state);
	ck_assert_int_eq(a->phase, b->phase);
	ck_assert_pstr_eq(a->profile, b->profile);
	ck_assert_pstr_eq(a->key, b->key);
	ck_assert_uint_eq(a->n_labels, b->n_labels);
	for (size_t i = 0; i < a->n_labels; i++) {
		ck_assert_str_eq(a->labels[i].name, b->labels[i].name);
		ck_assert_str_eq(a->labels[i].value, b->labels[i].value);
	}
	ck_assert_uint_eq(a->seq, b->seq);
	ck_assert_int_eq(a->created_at_ms, b->created_at_ms);
	ck_assert_int_eq(a->started_at_ms, b->started_at_ms);
	ck_assert_int_eq(a->finished_at_ms, b->finished_at_ms);
	ck_assert_int_eq(a->ttl_ms, b->ttl_ms);
	ck_assert_int_eq(a->expires_at_ms, b->expires_at_ms);
	ck_assert_int_eq(a->deadline_at_ms, b->deadline_at_ms);
	ck_assert_uint_eq(a->n_after, b->n_after);
	ck_assert(a->n_after == 0 || memcmp(a->after, b->after, a->n_after * sizeof(*a->after)) == 0);
	ck_assert_int_eq(a->start_at_ms, b->start_at_ms);
	ck_assert(a->held == b->held && a->paused == b->paused && a->pinned == b->pinned);
	ck_assert_uint_eq(a->hops, b->hops);
	ck_assert_pstr_eq(a->claim, b->claim);
	ck_assert_int_eq(a->lease_until_ms, b->lease_until_ms);
	ck_assert_int_eq(a->next_at_ms, b->next_at_ms);
	ck_assert_uint_eq(a->polling_delay_usec, b->polling_delay_usec);
	ck_assert_uint_eq(a->retry_delay_usec, b->retry_delay_usec);
	ck_assert_int_eq(a->retry_since_ms, b->retry_since_ms);
	ck_assert_uint_eq(a->requests, b->requests);
	ck_assert_uint_eq(a->attempts, b->attempts);
	ck_assert_int_eq(a->unreachable_since_ms, b->unreachable_since_ms);
	ck_assert_pstr_eq(a->last_error, b->last_error);
	ck_assert(a->cancel_requested == b->cancel_requested);
	ck_assert(a->keep_until_delivered == b->keep_until_delivered);
	ck_assert_pstr_eq(a->idempotency, b->idempotency);
	ck_assert_pstr_eq(a->captured, b->captured);
	ck_assert_pstr_eq(a->budgets, b->budgets);
	ck_assert_pstr_eq(a->progress, b->progress);
	ck_assert_pstr_eq(a->error_kind, b->error_kind);
	ck_assert_pstr_eq(a->error_message, b->error_message);
	ck_assert_pstr_eq(a->error_code, b->error_code);
	ck_assert_int_eq(a->error_http_status, b->error_http_status);
	ck_assert_pstr_eq(a->content_type, b->content_type);
	ck_assert_int_eq(a->result_size, b->result_size);
}

/* --- opening ------------------------------------------------------------------------------------- */

static void replace(char **text_at, const char *value)
{
	free(*text_at);
	*text_at = value ? strdup(value) : NULL;
}

/* A store_load_cb: keeps the record, taking its contents over. */
static int on_future(struct future_rec *rec, const struct store_texts *texts, void *arg)
{
	struct fixture_loaded *loaded = arg;

	if (!loaded)
		return 0;
	loaded->recs = realloc(loaded->recs, (loaded->count + 1) * sizeof(*rec));
	loaded->recs[loaded->count++] = *rec;
	memset(rec, 0, sizeof(*rec));
	replace(&loaded->spec, texts->spec);
	replace(&loaded->params, texts->params);
	replace(&loaded->request, texts->request);
	return 0;
}

void fixture_loaded_done(struct fixture_loaded *loaded)
{
	for (size_t i = 0; i < loaded->count; i++)
		future_rec_done(&loaded->recs[i]);
	free(loaded->recs);
	free(loaded->spec);
	free(loaded->params);
	free(loaded->request);
	memset(loaded, 0, sizeof(*loaded));
}

struct store *fixture_open(const char *dir, uint64_t ballast_bytes, uint64_t events_max,
    struct fixture_loaded *loaded)
{
	struct store_config config = { .dir = dir, .ballast_bytes = ballast_bytes, .events_max = events_max };
	struct store *store = NULL;
	char reason[256] = "";
	int r;

	if (loaded)
		memset(loaded, 0, sizeof(*loaded));
	r = store_open(&config, on_future, loaded, &store, reason);
	ck_assert_msg(r == 0, "store_open: %s: %s", strerror(-r), reason);
	ck_assert_int_eq(store_start(store), 0);
	return store;
}

int fixture_try_open(const char *dir, struct store **ret, char reason[256])
{
	struct store_config config = { .dir = dir, .ballast_bytes = 0, .events_max = 100 };

	return store_open(&config, on_future, NULL, ret, reason);
}

/* --- asking and waiting --------------------------------------------------------------------------- */

void fixture_done(void *arg, int status)
{
	struct fixture_ask *ask = arg;
	struct fixture_answers *answers = ask->answers;

	ck_assert_uint_lt(answers->count, sizeof(answers->status) / sizeof(answers->status[0]));
	answers->status[answers->count] = status;
	answers->tag[answers->count] = ask->tag;
	answers->count++;
}

int fixture_wait(struct store *store, const unsigned *count, unsigned wanted)
{
	while (*count < wanted) {
		struct pollfd fd = { .fd = store_fd(store), .events = POLLIN };
		int r = poll(&fd, 1, WAIT_MS);

		ck_assert_msg(r == 1 || (r < 0 && errno == EINTR), "nothing came");
		r = store_dispatch(store);
		if (r < 0)
			return r;
	}
	return 0;
}

void fixture_ask_create(struct store *store, uint64_t n, uint64_t seq, struct fixture_ask *ask)
{
	struct future_rec rec;
	struct event_rec event;

	fixture_rec(&rec, n);
	rec.seq = seq;
	fixture_event(&event, &rec, STORE_EVENT_CREATED, seq);
	ck_assert_int_eq(store_create(store, &rec, &fixture_texts, &event, ask ? fixture_done : NULL, ask), 0);
	future_rec_done(&rec);
}

int fixture_create(struct store *store, uint64_t n, uint64_t seq)
{
	struct fixture_answers *answers = calloc(1, sizeof(*answers));
	struct fixture_ask ask = { answers, 0 };
	int status;

	fixture_ask_create(store, n, seq, &ask);
	ck_assert_int_eq(fixture_wait(store, &answers->count, 1), 0);
	status = answers->status[0];
	free(answers);
	return status;
}
