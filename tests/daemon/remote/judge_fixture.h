/* judge_fixture.h - one response, judged by given rules and captures. */
#ifndef TESTS_JUDGE_FIXTURE_H
#define TESTS_JUDGE_FIXTURE_H

#include "daemon/remote/judge.h"

#include <check.h>

/* What came of the last judgement, and what the next one is made of. */
extern struct judgement judgement;
extern struct http_header headers[8];
extern size_t n_headers;
extern json_t *params, *old, *budgets;
/* The rest of the next one's input: long_poll, now_ms, ... */
extern struct judge_input judge_in;

/* The rules of google.longrunning. */
extern const char google_rules[];

void judge_setup(void);
void judge_teardown(void);

/* JSON texts; the test fails when they do not compile. */
void use_rules(const char *text);
void use_captures(const char *text);
void add_header(const char *name, const char *value);

/* Judge a response to a step; a submit is one that cannot be repeated. */
const struct verdict *judge_step(enum step step, int status, const char *body);
const struct verdict *judge_poll(int status, const char *body);
/* A poll so much later, with the budgets that the last judgement left. */
const struct verdict *judge_next(int64_t later_ms, int status, const char *body);

#define ck_slice_eq(slice, text) \
	ck_assert_msg(slice_equals((slice), (text)), "\"%.*s\" is not \"%s\"", (int)(slice).len, (slice).data, (text))

/* Run a test case with the fixture around each test; what main returns. */
int judge_run(const char *name, TCase *tcase);

#endif
