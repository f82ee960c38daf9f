/* http_request.h - from a request to a libcurl handle; private to http*.c. */
#ifndef REMOTE_HTTP_REQUEST_H
#define REMOTE_HTTP_REQUEST_H

#include "daemon/remote/http.h"

#include <curl/curl.h>

/* Bounds of a header section, ours and a response's (1xx responses and trailers included). */
#define HTTP_HEADERS_MAX 256
#define HTTP_HEADER_BYTES_MAX (64 * 1024)

/* Everything but the URL: method, headers, socket path. 0, or -EINVAL with the reason in error. */
int http_request_check(const struct http_request *request, struct error *error);

/* The request's headers as libcurl takes them, without those that it would add by itself. The caller
 * frees *ret with curl_slist_free_all, after the handle. 0 or -ENOMEM. */
int http_request_headers(const struct http_request *request, struct curl_slist **ret);

/* Whether HTTP/2 is offered: it was asked for, and the URL is https. */
bool http_request_multiplexes(const struct http_request *request);

/* Set every option that comes from the request and the configuration; all is copied. The timeout is not among them.
 * 0, -ENOMEM or -EINVAL. */
int http_request_set(CURL *easy, const struct http_request *request, const struct http_config *config);

/* What is left for the exchange, 0: no limit; libcurl's clock starts again when the handle is added. */
void http_request_set_timeout(CURL *easy, uint64_t timeout_usec);

#endif
