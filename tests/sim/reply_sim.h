/* reply_sim.h - what the simulated service answers, as the verdict that the broker is given. */
#ifndef SIM_REPLY_SIM_H
#define SIM_REPLY_SIM_H

#include "daemon/broker/remote.h"
#include "tests/sim/script.h"

#include <stdbool.h>

/* The verdict borrows from the texts beside it. */
struct reply {
	struct verdict verdict;
	char captured[SCRIPT_TEXT + 32], progress[32], result[SCRIPT_TEXT], next[SCRIPT_TEXT];
};

/* No answer. sent: the service may have seen the request. */
void reply_unreachable(struct reply *reply, bool sent, const char *reason);
/* A status and what follows from it. */
void reply_status(struct reply *reply, enum outcome outcome, int http_status);
/* The operation is over, with the script's result. */
void reply_end(struct reply *reply, const struct script *script, enum outcome outcome);
/* The operation is over, and the future goes on with the script's next one. */
void reply_continue(struct reply *reply, const struct script *script);
/* Too many requests: come back after the script's delay. */
void reply_throttle(struct reply *reply, const struct script *script);
/* Not yet; answered counts the polls so far. */
void reply_pending(struct reply *reply, const struct script *script, unsigned answered);

#endif
