/* answer.h - a response as rules and captures see it. */
#ifndef REMOTE_ANSWER_H
#define REMOTE_ANSWER_H

#include "daemon/remote/http.h"
#include "daemon/remote/json.h"
#include "daemon/remote/limits.h"
#include "proto/slice.h"

#include <stdbool.h>

/* The body is read once, when something first asks for it. Initialise with answer_init. */
struct answer {
	const struct http_response *response;
	const struct pointer_set *pointers;
	enum { ANSWER_UNREAD, ANSWER_JSON, ANSWER_NOT_JSON } body;
	struct json_fault fault;       /* with ANSWER_NOT_JSON */
	struct slice found[REMOTE_POINTERS_MAX];
};

/* pointers may be NULL; both are borrowed. */
void answer_init(struct answer *answer, const struct http_response *response,
    const struct pointer_set *pointers);

/* Is the body a JSON document? Bodies of other encodings than UTF-8 are not. */
bool answer_is_json(struct answer *answer);

/* What each of the pointers leads to; all absent when the body is not JSON. */
const struct slice *answer_found(struct answer *answer);

/* A status of 200 to 299. */
bool answer_is_2xx(const struct answer *answer);

struct slice answer_body(const struct answer *answer);

/* The body without white space at both ends, whatever it is. */
struct slice answer_text(const struct answer *answer);

#endif
