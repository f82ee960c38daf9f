/* rig.h - a broker in virtual time over a service that answers about many at once and wants heartbeats. */
#ifndef TESTS_DAEMON_BROKER_RIG_H
#define TESTS_DAEMON_BROKER_RIG_H

#include "daemon/broker/broker.h"
#include "tests/sim/disk.h"
#include "tests/sim/store_sim.h"

#define SECOND UINT64_C(1000000)
#define RIG_LOG 512

/* What a spec stands for: specs are numbers of kinds. Borrowed; set before the first future of it is made. */
struct rig_kind {
	struct plan plan;               /* policies, batch, bucket ...: bucket NULL is "service" */
	const char *session;            /* name of its heartbeat; NULL: it is the captured text, once there is one */
};

struct rig;
/* Fills in what a request came to: PENDING before the call. */
typedef void (*rig_answer_cb)(struct rig *rig, const struct id *id, struct verdict *verdict);

/* Requests of one kind: how many, and the first of them. */
struct rig_log {
	unsigned count;
	struct {
		uint64_t at_usec;
		size_t members;         /* of a list request */
		struct id id;           /* of any other */
	} first[RIG_LOG];
};

struct rig {
	uint64_t now_usec, random;
	struct broker_config config;
	struct disk *disk;
	struct store *store;
	struct broker *broker;
	struct remote remote;
	struct rig_kind kinds[8];
	struct exchange *exchanges;
	unsigned in_flight, plans;
	uint64_t commit_at;

	uint64_t latency_usec;          /* of every answer */
	rig_answer_cb on_poll, on_item, on_beat, on_list, on_submit;   /* NULL: pending; id is NULL of a list */
	uint64_t not_before_usec;       /* the service has asked for a pause: a request before then fails the test */
	bool unbuildable;               /* no list request can be built */
	struct rig_log submits, polls, cancels, beats, lists;
	unsigned dropped, aborted;      /* members; exchanges */
	unsigned most_in_flight;
};

/* Aborts without memory, as does all that follows. */
struct rig *rig_new(uint64_t seed);
struct rig *rig_free(struct rig *rig);

/* Let so much time pass. */
void rig_run(struct rig *rig, uint64_t usec);
/* Make durable what is queued. Time does not pass. */
void rig_commit(struct rig *rig);
/* The power goes, and comes back after so long. */
void rig_crash(struct rig *rig, uint64_t down_usec);
/* As the daemon does it: stop, free, load. */
void rig_restart(struct rig *rig, uint64_t down_usec);

/* Ask for a future of that kind; it is durable a moment later. Time does not pass. */
void rig_create(struct rig *rig, uid_t uid, unsigned kind, uint64_t timeout_usec, struct id *ret);
/* Ask for many of them, as uid 1000, without a deadline, and let a millisecond pass. */
void rig_create_many(struct rig *rig, unsigned kind, size_t count, struct id *ret);
void rig_refresh(struct rig *rig, const struct id *id);
void rig_cancel(struct rig *rig, const struct id *id);

/* What everyone may see of it; fails the test when there is none. */
struct future_view rig_view(struct rig *rig, const struct id *id);
struct broker_stats rig_stats(struct rig *rig);

#endif
