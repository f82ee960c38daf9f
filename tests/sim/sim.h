/* sim.h - a broker in virtual time, over a simulated disk and service. */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "daemon/broker/broker.h"
#include "tests/sim/service_sim.h"
#include "tests/sim/store_sim.h"

#define SECOND UINT64_C(1000000)
#define HOUR (3600 * SECOND)

struct sim {
	uint64_t now_usec;              /* true time since the simulation began */
	uint64_t boot_usec;             /* when the machine started: the monotonic clock counts from there */
	int64_t wall_shift_ms;          /* how far the wall clock was set forward, or back */
	uint64_t random;                /* state of the broker's random numbers */
	struct broker_config config;
	struct disk *disk;
	struct store *store;
	struct service *service;
	struct broker *broker;
	uint64_t commit_usec;           /* how long a commit takes; UINT64_MAX: until the test commits */
	uint64_t commit_at;             /* UINT64_MAX: nothing is queued */
	uint64_t commit_random;         /* not 0: only a part of the queue is committed at a time, by chance */
	unsigned turns;                 /* of the loop, without time passing */
	bool crashing;                  /* answers that come now go to processes that are gone */
	char violation[256];
};

/* A running broker with an empty disk. Aborts without memory, as does all that follows. */
struct sim *sim_new(uint64_t seed);
/* With an event log of so many rows; sim_new() has a million. */
struct sim *sim_new_with_log(uint64_t seed, uint64_t events_max);
/* Commits what is queued, then ends everything. */
struct sim *sim_free(struct sim *sim);

int64_t sim_wall_ms(const struct sim *sim);

/* One turn of the daemon's loop: the next thing that happens, if it does so before until_usec; else time moves
 * there. False: it has come to that. */
bool sim_step(struct sim *sim, uint64_t until_usec);
/* Let so much time pass. */
void sim_run(struct sim *sim, uint64_t usec);
/* Somebody sets the wall clock, forward or back. The broker hears of it, as from the daemon. */
void sim_set_clock(struct sim *sim, int64_t by_ms);
/* Commit and dispatch until the store is quiet. No time passes. */
void sim_commit(struct sim *sim);

/* Power loss: what is not committed is gone, and so is every answer under way. down_usec later the machine is
 * back and a new broker over the same disk. */
void sim_crash(struct sim *sim, uint64_t down_usec);
/* The daemon is stopped as it should be, and started down_usec later. */
void sim_restart(struct sim *sim, uint64_t down_usec);

/* The first thing that must never happen but did, of the broker's dealings with service and store. NULL: none. */
const char *sim_violation(const struct sim *sim);

#endif
