/* failure.c - builds the errors that callers are shown. */
#include "client/failure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What the library itself has to say, where no daemon said anything. */
static const char *failure_own_message(int error)
{
	switch (-error) {
	case ECONNRESET:
		return "the connection to the daemon was lost";
	case ECONNABORTED:
		return "the connection was closed before this was done";
	case EBADMSG:
		return "the daemon's answer makes no sense";
	case EMSGSIZE:
		return "the result is larger than this connection accepts";
	case ENOMEM:
		return "out of memory";
	case EPERM:
		return "the socket belongs to somebody else's process";
	default:
		return strerror(-error);
	}
}

/* Copy text to *at, NUL added, and move *at behind it. NULL stays NULL. */
static const char *failure_put(char **at, struct slice text)
{
	char *copy = *at;

	if (!text.data)
		return NULL;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	*at += text.len + 1;
	return copy;
}

/* One block: the struct and its texts behind it, so that releasing it is one free(). */
static struct futured_error *failure_new(int code, const char *name, const char *message,
    const struct failure_wire *wire)
{
	static const struct failure_wire none;
	struct futured_error *error;
	char *at;

	if (!wire)
		wire = &none;
	error = calloc(1, sizeof(*error) + (name ? strlen(name) : 0) + strlen(message) + wire->kind.len +
	    wire->code.len + wire->details.len + 5);
	if (!error)
		return NULL;
	at = (char *)(error + 1);
	error->code = code;
	error->name = failure_put(&at, slice_from_str(name));
	error->message = failure_put(&at, slice_from_str(message));
	error->kind = failure_put(&at, wire->kind);
	error->remote_code = failure_put(&at, wire->code);
	error->details = failure_put(&at, wire->details);
	error->details_len = wire->details.len;
	error->http_status = wire->http_status.set ? (unsigned)wire->http_status.value : 0;
	error->attempts = wire->attempts.set ? wire->attempts.value : 0;
	return error;
}

struct futured_error *failure_from_answer(const struct answer *answer)
{
	const struct error *said = answer->daemon_error;

	if (!said)
		return failure_new(answer->error, NULL, failure_own_message(answer->error), NULL);
	return failure_new(answer->error, error_name(said->code), said->message, answer->failure);
}

struct futured_error *failure_from_map(const msgpack_object *map, int state)
{
	enum error_code code = state == FUTURED_CANCELLED ? ERROR_CANCELLED : ERROR_FAILED;
	struct futured_error *error;
	struct failure_wire wire;
	char *message;

	if (!map || fields_read(map, failure_fields, FIELDS_IGNORE_UNKNOWN, &wire, NULL) < 0)
		return NULL;
	message = strndup(wire.message.data ? wire.message.data : "", wire.message.len);
	if (!message)
		return NULL;
	error = failure_new(error_errno(code), error_name(code), message, &wire);
	free(message);
	return error;
}

struct futured_error *failure_free(struct futured_error *error)
{
	free(error);
	return NULL;
}
