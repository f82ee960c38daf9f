/* fixture.h - what the tests of the store share: directories, sample records, waiting. */
#ifndef TESTS_DB_FIXTURE_H
#define TESTS_DB_FIXTURE_H

#include "db/store.h"

/* A directory of its own under $TMPDIR; the path has to be given to fixture_remove(), which deletes its files and
 * it. */
char *fixture_dir(void);
void fixture_remove(char *dir);

/* A record with every field set, from a number that makes it different from others. */
void fixture_rec(struct future_rec *ret, uint64_t n);
void fixture_id(uint8_t ret[STORE_ID_BYTES], uint64_t n);
uint64_t fixture_number(const uint8_t id[STORE_ID_BYTES]);
void fixture_event(struct event_rec *ret, const struct future_rec *rec, enum store_event event, uint64_t seq);
/* Fails the test where the two differ. */
void fixture_compare(const struct future_rec *a, const struct future_rec *b);

extern const struct store_texts fixture_texts;

/* What was loaded when the store was opened. */
struct fixture_loaded {
	struct future_rec *recs;
	size_t count;
	char *spec, *params, *request;  /* of the last one */
};
void fixture_loaded_done(struct fixture_loaded *loaded);

/* Open (and start), and fail the test when that does not work. loaded may be NULL. */
struct store *fixture_open(const char *dir, uint64_t ballast_bytes, uint64_t events_max,
    struct fixture_loaded *loaded);
/* Open only; what store_open returns. */
int fixture_try_open(const char *dir, struct store **ret, char text[256]);

/* Answers, in the order they came. */
struct fixture_answers {
	unsigned count;
	int status[4096];
	int tag[4096];
};
struct fixture_ask {
	struct fixture_answers *answers;
	int tag;
};
void fixture_done(void *ask, int status);       /* a store_cb; arg is a struct fixture_ask */

/* Queue the creation of number n, with its event. ask may be NULL. */
void fixture_ask_create(struct store *store, uint64_t n, uint64_t seq, struct fixture_ask *ask);

/* Create number n, with its event, and wait for it. Returns the status. */
int fixture_create(struct store *store, uint64_t n, uint64_t seq);

/* Sleep in poll() on the store's descriptor and dispatch until *count has reached wanted. Returns 0, or what
 * store_dispatch() failed with. */
int fixture_wait(struct store *store, const unsigned *count, unsigned wanted);

#endif
