/* service_sim.h - the service side in virtual time, and the truth about what was really asked of it. */
#ifndef TESTS_SIM_SERVICE_SIM_H
#define TESTS_SIM_SERVICE_SIM_H

#include "tests/sim/script.h"

struct service;

/* now_usec is read whenever something happens. */
struct service *service_new(const uint64_t *now_usec);
struct service *service_free(struct service *service);

/* Specs are scripts. Borrowed. */
const struct remote *service_remote(struct service *service);

/* Requests in flight that are allowed: one more is a violation. A plan's own limit goes before in_bucket. */
void service_expect_limits(struct service *service, unsigned total, unsigned in_bucket);

/* Called as each request is sent: the place to look at what is durable at that moment. */
typedef void (*service_look_cb)(void *arg, const struct plan *plan, const struct step_input *input);
void service_on_request(struct service *service, service_look_cb look, void *arg);

/* Called with each answer before the broker gets it: the place to put something into it that no script can say. */
typedef void (*service_answer_cb)(void *arg, const struct id *id, struct verdict *verdict);
void service_on_answer(struct service *service, service_answer_cb answer, void *arg);

/* When the next answer is there; UINT64_MAX: nothing is under way. */
uint64_t service_next(const struct service *service);
/* Give the broker one answer that is due. False: none is. */
bool service_deliver(struct service *service);

/* From now on nobody reaches it, or everybody does again. */
void service_set_down(struct service *service, bool down);
/* The client is gone: no answer reaches anybody. What was carried out stays so. Of the next client a pause of a
 * place is expected only if it is said to know of it: the one before may not have had the time to write it down. */
void service_forget_client(struct service *service);
void service_expect_pause(struct service *service, const char *place, uint64_t until_usec);

/* What was asked in the name of one future. */
struct asked {
	unsigned submits, taken;        /* sent; carried out as a new operation; both of its latest stage */
	char stage[SCRIPT_TEXT], stages[256];   /* the latest, and all so far */
	unsigned polls, fetches, cancels, acks;
	unsigned watches;               /* streams of events that were asked for */
	bool watching;                  /* one is open */
	uint64_t last_watch_usec;
	unsigned watch_client;          /* which client that was: the number of those before it */
	unsigned in_flight;
	unsigned resubmittable;         /* whether the plan allowed more than one to be taken */
	uint32_t last_attempt;
	char idempotency[SCRIPT_TEXT];  /* of the first submit */
	struct { enum step step; uint64_t at_usec; } first[64];
	size_t count;                   /* of all requests; first has the first 64 */
	uint64_t last_usec;
};
/* All zero for a future that nothing was asked for. */
const struct asked *service_asked(const struct service *service, const struct id *id);

/* One operation at the service. NULL: unknown there. */
struct operation_truth {
	unsigned polls, answered, fetches, cancels, acks;
	unsigned hop;                   /* how far those who fetch were led */
	bool cancelled, over;
	bool acked;                     /* and therefore forgotten */
};
const struct operation_truth *service_operation(const struct service *service, const char *name);

unsigned service_in_flight(const struct service *service);
/* The most that ever were in flight together in that bucket. */
unsigned service_peak(const struct service *service, const char *bucket);
size_t service_plans(const struct service *service);     /* that are not freed */

/* The first thing that was asked although it must not be; NULL: none. */
const char *service_violation(const struct service *service);

#endif
