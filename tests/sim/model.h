/* model.h - what callers were told in one random history, and whether it can all be true. */
#ifndef TESTS_SIM_MODEL_H
#define TESTS_SIM_MODEL_H

#include "tests/sim/client.h"

/* A future that somebody knows of: from an answer, or from an event. */
struct known {
	struct id id;
	uid_t uid;
	struct script *script;
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

/* Take in what was told since the last time, and check it all. Fails the test. */
void model_check(struct model *model);
/* As model_check(), when every commit is through: nothing may be unanswered. */
void model_check_quiet(struct model *model);

#endif
