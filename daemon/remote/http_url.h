/* http_url.h - a URL parsed and vetted with libcurl's parser; private to http*.c. */
#ifndef REMOTE_HTTP_URL_H
#define REMOTE_HTTP_URL_H

#include "proto/error.h"

#include <curl/curl.h>

/* Parse an absolute URL: http or https, with a host, without user and password. The caller frees *ret
 * with curl_url_cleanup. -EINVAL with the reason in error, -ENOMEM. */
int http_url_parse(const char *url, CURLU **ret, struct error *error);

/* "host:port" of a parsed URL, in lower case, IPv6 addresses in brackets; the caller frees it. NULL: no memory. */
char *http_url_peer(CURLU *url);

#endif
