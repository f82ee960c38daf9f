/* answer.h - what a simulated service answers to one request. */
#ifndef TESTS_SIM_ANSWER_H
#define TESTS_SIM_ANSWER_H

#include "tests/sim/script.h"

struct asked;
struct place;
struct service;

/* One request under way; its answer is decided when it arrives, and holds its texts. */
struct exchange {
	struct exchange *next;
	struct service *service;
	struct place *place;
	struct asked *asked;
	struct id id;
	uint64_t due_usec;
	exchange_cb done;
	void *arg;
	struct verdict verdict;
	char captured[SCRIPT_TEXT + 16], progress[32], result[SCRIPT_TEXT];
};

/* No usable response. sent: the service may have seen the request all the same. */
void answer_unreachable(struct exchange *exchange, bool sent, const char *reason);
/* A response with nothing but its status. */
void answer_status(struct exchange *exchange, enum outcome outcome, int http_status);
/* The operation is over, with the script's result or error. */
void answer_end(struct exchange *exchange, const struct script *script, enum outcome outcome);
/* 429, with the script's Retry-After within its plan's limit. */
void answer_throttle(struct exchange *exchange, const struct script *script);
/* Not over yet; answered: how many readable answers there were. */
void answer_pending(struct exchange *exchange, const struct script *script, unsigned answered);

#endif
