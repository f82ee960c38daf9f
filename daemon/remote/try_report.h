/* try_report.h - the report on one poll that was tried, as JSON: what of it may be shown, and how much. */
#ifndef REMOTE_TRY_REPORT_H
#define REMOTE_TRY_REPORT_H

#include "daemon/remote/ask.h"
#include "daemon/remote/judge.h"
#include "daemon/remote/plan.h"

#include <jansson.h>

/* What is to be sent, as a new object, or NULL: no memory. */
json_t *try_report_request(const struct http_request *request);

/*
 * The whole report, the caller's to free. NULL: no memory.
 *   requests    array of what was sent
 *   answer      as ask.c gives it
 *   judgement   of its response; NULL: there is none
 *   values      for the templates of rules
 *   secret      kept out of the report; NULL: none
 */
char *try_report(const struct remote_plan *plan, json_t *requests, const struct ask_answer *answer,
    const struct judgement *judgement, const struct values *values, const char *secret);

#endif
