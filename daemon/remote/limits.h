/* limits.h - every bound of specs, profiles and what is read out of responses. */
#ifndef REMOTE_LIMITS_H
#define REMOTE_LIMITS_H

#include "proto/limits.h"

/* Texts that a creator or a profile gives. */
#define REMOTE_SPEC_MAX PROTO_SPEC_MAX           /* bytes of a spec, a profile file, params */
#define REMOTE_NAME_MAX 64                       /* bytes of a param, capture, profile or credential name */
#define REMOTE_PARAMS_MAX 256                    /* params of one future */
#define REMOTE_RULES_MAX 256                     /* rules in one list */
#define REMOTE_CONDITION_DEPTH_MAX 16            /* any/all/not within each other; arrays within `any` matchers */
#define REMOTE_LIST_MAX 256                      /* items of a list, members of a map in a condition */
#define REMOTE_POINTERS_MAX 64                   /* different pointers in one list of rules: bits of a word */
#define REMOTE_STATUS_LIST_MAX 32                /* single codes in one list of statuses */
#define REMOTE_CAPTURES_MAX 32                   /* captures of one request */
#define REMOTE_HEADERS_MAX 64                    /* headers of one request */
#define REMOTE_REDIRECTS_MAX 10                  /* followed by one request */
#define REMOTE_REFERENCES_MAX 256                /* different references to results in one spec with its params */
#define REMOTE_RESULTS_MAX 64                    /* futures whose results they take values out of */
#define REMOTE_BATCH_IDS_MAX 10000               /* ids in one list request */

/* Texts that are filled in. */
#define REMOTE_URL_MAX 16384                     /* bytes */
#define REMOTE_HEADER_MAX 65536                  /* bytes of one header's value */
#define REMOTE_BODY_MAX (4 * 1024 * 1024)        /* bytes of a request's body */

/* What is taken out of responses. */
#define REMOTE_JSON_DEPTH_MAX 64                 /* nested containers */
#define REMOTE_CAPTURED_MAX 65536                /* bytes of all captured values as JSON */
#define REMOTE_TAKEN_MAX (1024 * 1024)           /* bytes of all values out of other futures' results, as JSON */
#define REMOTE_MESSAGE_MAX 4096                  /* bytes of a failure's message */
#define REMOTE_INTERVAL_MIN_USEC 1000            /* microseconds: the shortest end of a ladder */
#define REMOTE_CODE_MAX 256                      /* bytes of a failure's code */
#define REMOTE_CONTENT_TYPE_MAX 255              /* bytes of a result's content type; a longer one is not kept */
#define REMOTE_PROGRESS_MAX 65536                /* bytes of progress; more is not kept */
#define REMOTE_DETAILS_MAX (256 * 1024)          /* bytes of a failure's details; more is not kept */

/* Lists and streams. */
#define REMOTE_PAGES_MAX 100                     /* pages of one list that are read at most */
#define REMOTE_EVENT_MAX (256 * 1024)            /* bytes of data of one server-sent event; more is not kept */
#define REMOTE_EVENT_NAME_MAX 1024               /* bytes of its type, and of its id */

#define REMOTE_PROFILES_CACHED_MAX 64            /* profile files kept in memory */

#endif
