/* fake_broker.h - the broker's interface with everything in the hands of a test: what exists, what is durable, when. */
#ifndef TESTS_IPC_FAKE_BROKER_H
#define TESTS_IPC_FAKE_BROKER_H

#include "daemon/broker/broker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_FUTURES_MAX 1100

/* One future. Tests write to it directly. */
struct future {
	struct id id;
	struct future_rec rec;
	const char *condition;
	const char *result;
	size_t result_len;
	const char *details;
	bool gone;
};

/* There is one broker, of all zeros between tests. */
struct broker {
	struct future futures[FAKE_FUTURES_MAX];
	size_t n_futures;
	struct error refuse;         /* when its code is set, changes answer so at once */
	struct error fail;           /* when its code is set, changes answer so in their callback */
	unsigned delivered;
	unsigned reads;              /* results asked for and not answered yet */
	unsigned creates;
	struct create_request last_create;
	char last_spec[512], last_params[512], last_key[64];
	struct store_label last_label;
	uint64_t last_timeout;       /* of an extension */
	struct subscribe_filter last_filter;
	bool last_has_since;
	uint64_t last_since;
};

extern struct broker fake;

void fake_reset(void);

/* A new future, in running state, with an id made of number. */
struct future *fake_future(unsigned number);
/* It ends. result may be NULL. */
void fake_end(struct future *future, enum store_state state, const char *result);

/* Run the callbacks of all changes and reads so far, as after a commit. Returns how many there were. */
int fake_commit(void);
/* Run the callbacks of waits whose condition holds. Returns how many. */
int fake_run(void);
/* Every wait's time is over. */
void fake_time_out(void);
unsigned fake_waits(void);

/* Offer an event to every subscription; returns how many took it. */
unsigned fake_publish(struct future *future, enum store_event event, uint64_t seq);
unsigned fake_subscriptions(void);
/* How often a subscription was resumed. */
unsigned fake_resumes(void);

#endif
