/* case_file.h - one judgement being made: what judge.c and ruling.c share. */
#ifndef REMOTE_CASE_FILE_H
#define REMOTE_CASE_FILE_H

#include "daemon/remote/answer.h"
#include "daemon/remote/judge.h"

struct case_file {
	const struct judge_input *input;
	const struct rules *rules;     /* with their templates filled; NULL: none */
	struct values values;
	struct answer answer;
	json_t *budgets;               /* owned; what is used up after this answer */
	struct judgement *out;
};

/* The outcome, and why in one line. */
void case_set_reason(struct case_file *file, enum outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A failure in our own words. 0 or -ENOMEM. */
int case_set_failure(struct case_file *file, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The body cannot be read, and what it says matters. 0 or -ENOMEM. */
int case_set_unreadable(struct case_file *file);

/* The body, where it is short enough to be kept with a failure; else absent. */
struct slice case_details(const struct case_file *file);

#endif
