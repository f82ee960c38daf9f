/* grpc_code.c - the google.rpc code in an error, where there is one. */
#include "client/futured.h"
#include "proto/slice.h"

#include <string.h>

#define GRPC_CODE_MAX 16

/* The code as one or two digits, or -1. */
static int grpc_from_digits(struct slice text)
{
	int code = 0;

	if (text.len == 0 || text.len > 2 || (text.len == 2 && text.data[0] == '0'))
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return -1;
		code = code * 10 + (text.data[i] - '0');
	}
	return code <= GRPC_CODE_MAX ? code : -1;
}

int futured_error_grpc_code(const struct futured_error *error)
{
	/* Their numbers, https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
	static const char *const names[GRPC_CODE_MAX + 1] = {
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
		"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
		"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
	};
	struct slice text;

	if (!error || !error->remote_code)
		return -1;
	text = slice_from_str(error->remote_code);
	if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"')
		text = (struct slice){ .data = text.data + 1, .len = text.len - 2 };
	for (int code = 0; code <= GRPC_CODE_MAX; code++) {
		if (slice_equals(text, names[code]))
			return code;
	}
	return grpc_from_digits(text);
}
