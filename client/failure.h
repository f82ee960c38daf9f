/* failure.h - builds the errors that callers are shown. */
#ifndef CLIENT_FAILURE_H
#define CLIENT_FAILURE_H

#include "client/futured.h"
#include "client/request.h"

/* A copy of what answer says, owned by the caller. NULL when memory is short: the number alone must do then. */
struct futured_error *failure_from_answer(const struct answer *answer);

/* A copy of the error map of an event about a future that is in state. NULL for none, or when memory is short. */
struct futured_error *failure_from_map(const msgpack_object *map, int state);

struct futured_error *failure_free(struct futured_error *error);

#endif
