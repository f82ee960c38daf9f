/* redirect.c - where a response sends us. Pure. */
#include "daemon/remote/redirect.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The statuses with a Location to go to (RFC 9110, 15.4): do they keep the method and the body? */
static const struct {
	int status;
	bool keeps;
} KINDS[] = {
	{ 301, false },
	{ 302, false },
	{ 303, false },
	{ 307, true },
	{ 308, true },
};
enum { KINDS_COUNT = sizeof(KINDS) / sizeof(KINDS[0]) };

int redirect_read(const struct http_response *response, const char *method, const char *url, struct redirect *ret,
    struct error *error)
{
	const char *location = http_header_find(response->headers, response->n_headers, "Location");
	char *next;
	size_t i;
	int r;

	for (i = 0; i < KINDS_COUNT && KINDS[i].status != response->status; i++)
		;
	/* A reference to this same document says nothing of where to go. */
	if (i == KINDS_COUNT || !location || *location == '\0' || *location == '#')
		return 0;
	r = http_resolve(url, location, &next, error);
	if (r < 0) {
		error_wrap(error, "redirected (%d)", response->status);
		return r;
	}
	if (strncasecmp(url, "https:", 6) == 0 && strncasecmp(next, "http:", 5) == 0) {
		free(next);
		return error_set(error, ERROR_INVALID_ARGUMENT,
		    "redirected (%d) from https to http, which is not followed", response->status);
	}
	ret->url = next;
	ret->as_get = !KINDS[i].keeps && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
	return 1;
}
