/* service_core.h - the inside of the simulated service, for its own files only. */
#ifndef TESTS_SIM_SERVICE_CORE_H
#define TESTS_SIM_SERVICE_CORE_H

#include "daemon/broker/siphash.h"
#include "tests/sim/reply_sim.h"
#include "tests/sim/service_sim.h"

/* uthash's own is not clean under clang's warnings. */
#define HASH_FUNCTION(data, len, hash) ((hash) = (unsigned)siphash(data, len, (const uint8_t *)"sixteen bytes..."))
#include <uthash.h>

struct asked_entry {
	UT_hash_handle hh;
	struct id id;
	struct asked asked;
};

struct operation {
	UT_hash_handle hh;
	char name[SCRIPT_TEXT];
	struct operation_truth truth;
};

/* Which operation an idempotency value stands for. */
struct promise {
	UT_hash_handle hh;
	char value[SCRIPT_TEXT];
	struct operation *operation;
	struct id owner;
};

struct place {
	UT_hash_handle hh;
	char name[SCRIPT_TEXT];
	unsigned in_flight, peak;       /* without long polls, which have slots of their own */
	uint64_t not_before;
};

/* One request under way; its answer is decided when it is sent. */
struct exchange {
	struct exchange *next;
	struct service *service;
	struct place *place;
	struct asked *asked;
	struct id id;
	bool long_poll;
	uint64_t due_usec;
	exchange_cb done;
	void *arg;
	struct reply reply;
};

/* One stream of events that is open. */
struct watch {
	struct watch *next;
	struct service *service;
	const struct script *script;
	struct asked *asked;
	uint64_t due_usec;              /* of its next event */
	uint64_t close_usec;
	unsigned told;
	watch_cb event;
	void *arg;
};

struct service {
	const uint64_t *now_usec;
	struct remote remote;
	struct exchange *exchanges;     /* ordered by due_usec */
	struct watch *watches;
	struct asked_entry *asked;
	struct operation *operations;
	struct promise *promises;
	struct place *places;
	unsigned in_flight, long_polls, limit_total, limit_bucket;
	unsigned operation_count;
	unsigned clients;               /* that are gone */
	size_t plans;
	bool down;
	service_look_cb look;
	void *look_arg;
	service_answer_cb answer;
	void *answer_arg;
	char violation[256];
};

/* Something was asked that must not be. */
void __attribute__((format(printf, 2, 3))) service_violate(struct service *service, const char *format, ...);

/* What was asked for a future, to be counted on. */
struct asked *service_note(struct service *service, const struct id *id);

/* NULL: unknown. */
struct operation *service_find_operation(const struct service *service, const char *name);
/* Made on first use. */
struct place *service_place(struct service *service, const char *name);

/* Decide the answer of an exchange. */
void service_answer_step(struct exchange *exchange, const struct script *script, const struct step_input *input);

/* For struct remote. */
int service_watch(void *self, const struct plan *plan, const struct step_input *input, watch_cb event, void *arg,
    struct watch **ret, struct error *error);
void service_unwatch(void *self, struct watch *watch);
/* When the next event comes; UINT64_MAX: none. */
uint64_t service_watches_next(const struct service *service);
/* Give the broker one event that is due. False: none is. */
bool service_watches_deliver(struct service *service);
/* All of them end, and nobody hears of it. */
void service_watches_forget(struct service *service);

#endif
