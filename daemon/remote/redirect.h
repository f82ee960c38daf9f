/* redirect.h - where a response sends us. Pure. */
#ifndef REMOTE_REDIRECT_H
#define REMOTE_REDIRECT_H

#include "daemon/remote/http.h"

#include <stdbool.h>

struct redirect {
	char *url;                     /* absolute, the caller's to free */
	bool as_get;                   /* what was asked for was done, or is not there: GET, without the body */
};

/*
 * Read a response to a request of this method and URL.
 * 1: it leads elsewhere; 0: it does not, or does not say where; -EINVAL: to a place that is not usable, or from
 * https to http; -ENOMEM.
 */
int redirect_read(const struct http_response *response, const char *method, const char *url, struct redirect *ret,
    struct error *error);

#endif
