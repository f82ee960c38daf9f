/* client.h - callers of the broker that remember what they were told. */
#ifndef TESTS_SIM_CLIENT_H
#define TESTS_SIM_CLIENT_H

#include "tests/sim/sim.h"

/* The answer to one call. Must live until it has come. */
struct answer {
	struct sim *sim;
	unsigned calls;                 /* how often it came: once */
	enum error_code code;           /* ERROR_NONE: it is good */
	char message[PROTO_ERROR_TEXT_MAX];
	bool flag;                      /* created, or changed */
	struct id id;
	enum store_state state;         /* as it was shown then */
	char bytes[256];
	size_t len;
	int64_t lease_until_ms;
};

struct caller client_caller(uid_t uid);

/* A creation request for a script, with nothing else. */
struct create_request client_request(const char *script);

/* These start a call; what broker_...() returns is in answer->code at once when it is an error. */
void client_create(struct sim *sim, uid_t uid, const struct create_request *request, struct answer *answer);
void client_cancel(struct sim *sim, uid_t uid, const struct id *id, struct answer *answer);
void client_extend(struct sim *sim, uid_t uid, const struct id *id, uint64_t timeout_usec, struct answer *answer);
void client_retry(struct sim *sim, uid_t uid, const struct id *id, struct answer *answer);
void client_forget(struct sim *sim, uid_t uid, const struct id *id, struct answer *answer);
void client_read_result(struct sim *sim, uid_t uid, const struct id *id, uint64_t offset, size_t len,
    struct answer *answer);
void client_read_details(struct sim *sim, uid_t uid, const struct id *id, struct answer *answer);
void client_pin(struct sim *sim, uid_t uid, const struct id *id, bool pinned, struct answer *answer);
/* How many it concerned is in answer->len. */
void client_pause(struct sim *sim, uid_t uid, const struct pause_target *target, bool paused, struct answer *answer);
/* One future, or an origin, as uid 1000, until that is durable; anything else fails the test. Returns how many. */
size_t client_pause_one(struct sim *sim, const struct id *id, bool paused);
size_t client_pause_origin(struct sim *sim, const char *origin, bool paused);
enum error_code client_refresh(struct sim *sim, uid_t uid, const struct id *id);

/* Of producers. lease_usec UINT64_MAX: as long as producer is there. The claim is in answer->bytes, and NUL-terminated;
 * claim NULL: none is given. */
void client_claim(struct sim *sim, uid_t uid, const struct id *id, struct producer *producer, uint64_t lease_usec,
    struct answer *answer);
void client_renew(struct sim *sim, uid_t uid, const struct id *id, const char *claim, struct producer *producer,
    uint64_t lease_usec, struct answer *answer);
void client_progress(struct sim *sim, uid_t uid, const struct id *id, const char *claim, const char *progress,
    struct answer *answer);
void client_resolve(struct sim *sim, uid_t uid, const struct id *id, const char *claim, const char *result,
    struct answer *answer);
void client_reject(struct sim *sim, uid_t uid, const struct id *id, const char *claim, const char *kind,
    const char *message, struct answer *answer);

/* Create as uid 1000 and let time pass until it is durable; anything else fails the test. */
struct id client_make(struct sim *sim, const char *script);
struct id client_make_request(struct sim *sim, const struct create_request *request);

/* What everyone may see of it; fails the test when there is none. */
struct future_view client_view(struct sim *sim, const struct id *id);
enum store_state client_state(struct sim *sim, const struct id *id);
bool client_exists(struct sim *sim, const struct id *id);
/* Let time pass until it is over, at most so long; fails the test when it is not. Returns the state. */
enum store_state client_finish(struct sim *sim, const struct id *id, uint64_t most_usec);
/* Let time pass until so many submits were sent for it, but not until the answer. */
void client_run_to_submit(struct sim *sim, const struct id *id, unsigned count);

/* One wait. */
struct waiting {
	struct sim *sim;
	struct wait *wait;
	unsigned calls;
	enum error_code code;
	bool timed_out;
	uint64_t at_usec;
	size_t count;
	struct id ids[64];
	int states[64];                 /* enum store_state; -1: forgotten */
};
void client_wait(struct sim *sim, uid_t uid, const struct id *ids, size_t count, enum wait_mode mode,
    uint64_t timeout_usec, struct waiting *waiting);

/* One subscription, as root unless said otherwise. */
struct listener {
	struct sim *sim;
	struct subscription *subscription;
	enum error_code code;
	uint64_t seq;
	bool truncated;
	bool refuse;                    /* output is backed up */
	unsigned refused;
	unsigned lost;                  /* how often it was told that events were dropped before it read them */
	struct broker_event *events;    /* without the future and the message, which were lent */
	size_t count, size;
};
void listener_open(struct sim *sim, uid_t uid, const struct subscribe_filter *filter, bool has_since,
    uint64_t since, struct listener *listener);
void listener_close(struct listener *listener);

#endif
