/* batch_case.h - the fixture of the tests of batches: a rig, its futures, and what the list says of them. */
#ifndef TESTS_DAEMON_BROKER_BATCH_CASE_H
#define TESTS_DAEMON_BROKER_BATCH_CASE_H

#include "tests/daemon/broker/rig.h"

#define MANY 1000

extern struct rig *rig;
extern struct id ids[10000];
extern enum outcome outcome;            /* what the list says of everything, while batch_say answers */
extern struct id odd;                   /* but of this one: */
extern enum outcome odd_outcome;

/* Kind 0 is asked about with a list, kind 1 alone. */
void batch_setup(void);
void batch_teardown(void);

bool batch_is_odd(const struct id *id);

/* Answers of the rig. */
void batch_say(struct rig *of, const struct id *id, struct verdict *verdict);
void batch_refuse(struct rig *of, const struct id *id, struct verdict *verdict);

enum store_state batch_state(const struct id *id);
/* Of the first so many. */
void batch_expect_all(size_t count, enum store_state expected);
/* How many the list request of that number was about. */
size_t batch_members(unsigned request);

#endif
