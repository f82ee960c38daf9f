/* model.h - what callers were told in one random history, and whether it can all be true. */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "tests/sim/client.h"

/*
 * What holds in every history, at every moment of it:
 *   - What an answer or an event said is durable. An end never changes, a result is the service's, whole.
 *   - State and result are one commit. The result of a fetch belongs to an operation that was over before.
 *   - Nothing is asked of the service for a future that is not durable, or over - but to acknowledge its end.
 *   - A submit is carried out once, unless it may be repeated.
 *   - A fetch leaves no sooner than it is durable that only that is left; from then on nothing is polled, cancelled
 *     or submitted, whatever happens to the daemon.
 *   - An acknowledgement leaves no sooner than the end is durable, and only where the service told that end. After
 *     one nothing else is asked. It is sent once or more, until one is answered or the future is gone.
 *   - Nothing is asked for a future that is held, durably, or that comes after one that has not succeeded. Whoever waits
 *     for what ends comes to an end.
 *   - Limits and pauses are kept, also by the next daemon, as far as they were durable.
 *   - At most one stream of events is open for a future, none for one that is over, and none is opened in a loop.
 * The simulation itself watches over what leaves (sim.c, operations_sim.c, watch_sim.c), the model over what is told.
 */

/* A future that somebody knows of: from an answer, or from an event. */
struct known {
	struct id id;
	uid_t uid;
	struct script *script;
	struct id *after;               /* what it waits for, or waited */
	size_t n_after;
	int64_t ttl_ms;
	bool acked;                     /* an answer named it */
	bool forget_asked, cancel_asked, deadline_given;
	bool created, over, forgotten;  /* by events */
	enum store_state state;         /* by the last event */
	int64_t over_at_ms;
	bool seen_over;                 /* by a look at it */
	enum store_state seen_state;
	char seen_kind[32];
};

enum call_kind { CALL_CREATE, CALL_OTHER };

/* A call that was not answered yet. */
struct call {
	struct call *next;
	enum call_kind kind;
	uid_t uid;
	bool deadline;
	struct answer answer;
};

/* A wait that was not called back yet. */
struct open_wait {
	struct open_wait *next;
	uint64_t start_usec, timeout_usec;
	enum wait_mode mode;
	struct id ids[8];
	size_t count;
	struct waiting waiting;
};

struct model {
	struct sim *sim;
	struct known **known;           /* ordered by id */
	size_t count, size;
	struct listener monitor;        /* root's subscription to everything */
	uint64_t seq;                   /* of the last event it was given */
	struct call *calls;
	struct open_wait *waits;
	uint64_t answers, events, ended, waited;
};

void model_init(struct model *model, struct sim *sim);
void model_done(struct model *model);

/* The future behind id, added if need be. */
struct known *model_know(struct model *model, const struct id *id);

/* A call or a wait to be filled in and started; the model takes note of its end. */
struct call *model_call(struct model *model, enum call_kind kind, uid_t uid);
struct open_wait *model_wait(struct model *model);

/* The daemon died: nobody waits for an answer any more. Call it right after sim_crash() or sim_restart();
 * the monitor subscribes anew, from where it was. */
void model_rebooted(struct model *model);

/* Whether it may be without an end, for itself or because of what it waits for. */
bool model_may_hang(struct model *model, const struct known *known);

/* Take in what was told since the last time, and check it all. Fails the test. */
void model_check(struct model *model);
/* Of one that is over, after a time without troubles: if its service told its end, and is to be told that this is
 * stored, it was. */
void model_check_acknowledged(const struct model *model, const struct known *known);
/* As model_check(), when every commit is through: nothing may be unanswered. */
void model_check_quiet(struct model *model);

#endif
