/* failure.h - what a response says about why an operation failed. */
#ifndef REMOTE_FAILURE_H
#define REMOTE_FAILURE_H

#include "daemon/remote/answer.h"
#include "daemon/remote/rules.h"

#include <stddef.h>

/* The parts of a failure, owned, NUL-terminated, without NULs inside; NULL where unknown. */
struct failure_parts {
	char *code;
	char *message;
	struct slice details;          /* bytes of the response; absent when there are none or too many */
};

/*
 * Read what a rule's `error` names. answer was made with the pointers of the rule's list. A pointer to a string
 * gives its text, to any other value its JSON text; the message is NULL when nothing is there.
 * 0 or -ENOMEM.
 */
int failure_read(const struct rule *rule, struct answer *answer, struct failure_parts *ret);
void failure_parts_done(struct failure_parts *parts);

/*
 * A response in words: "HTTP 403 Forbidden", and what its body says where services usually say it
 * (/error/message, /message, /detail, ..., or a short body of plain text). One line.
 */
void failure_describe(const struct http_response *response, char *ret, size_t size);

#endif
