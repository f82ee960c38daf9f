/* must.h - an assertion for what is asked millions of times: Check's own writes to a file at each. */
#ifndef TESTS_SIM_MUST_H
#define TESTS_SIM_MUST_H

#include <check.h>

#define must(condition) \
	do { if (!(condition)) ck_abort_msg("%s", #condition); } while (0)
#define must_say(condition, ...) \
	do { if (!(condition)) ck_abort_msg(__VA_ARGS__); } while (0)

#endif
