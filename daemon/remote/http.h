/* http.h - one HTTP exchange at a time for many at once: the only file that knows libcurl. */
#ifndef REMOTE_HTTP_H
#define REMOTE_HTTP_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct http;
struct http_transfer;

struct http_header {
	const char *name;
	const char *value;
};

/* Where a connection may go to. Asked where the socket is opened, so that names cannot lead elsewhere, and again before
 * each request, so that it also counts for connections that stand. */
struct sockaddr;
typedef bool (*http_vet)(void *arg, const struct sockaddr *address);

struct http_config {
	size_t body_max;               /* bytes of a response body, after decompression */
	const char *user_agent;
	const char *ca_file;           /* certificates that peers are verified with; NULL: the system's */
	http_vet vet;                  /* NULL: anywhere. Unix sockets are not asked about */
	void *vet_arg;                 /* outlives the http */
};

struct http_request {
	const char *method;
	const char *url;               /* absolute, http or https */
	const char *unix_socket;       /* path, or NULL */
	const struct http_header *headers;
	size_t n_headers;
	const void *body;              /* NULL: no body */
	size_t body_len;
	uint64_t timeout_usec;         /* for the whole exchange; at least one millisecond */
	uint64_t idle_usec;            /* of a stream: given up after so long without a byte, 0: never; it has no other timeout */
	bool safe_to_resend;           /* a transport error on a reused connection is retried at once on a fresh one; if not,
	                                * the request has a connection of its own, and goes out again only when the service
	                                * itself said that it has not looked at it */
	bool http2;                    /* offered, where the URL is https: many requests share a connection */
};

/* Borrowed for the call of the callback. */
struct http_response {
	int status;                    /* 0: no complete response; then error says why */
	const struct http_header *headers;   /* of the last response, in the order received */
	size_t n_headers;
	const void *body;              /* complete, when status is not 0 */
	size_t body_len;
	bool sent;                     /* false: not a byte of the request can have reached the service */
	bool timed_out;                /* the request was sent, and no answer came in time: status 0 */
	unsigned resends;
	bool too_large;                /* the body went over body_max */
	char error[256];               /* "connect to 127.0.0.1:1: connection refused"; no secrets */
};

typedef void (*http_cb)(void *arg, const struct http_response *response);

/* NULL: no memory, or libcurl cannot start. Blocks for libcurl's initialisation. */
struct http *http_new(struct event_base *base, const struct http_config *config);
/* Aborts what is under way. Not from within a done callback. */
struct http *http_free(struct http *http);
/* For requests that are started from now on. What is under way is let finish. */
void http_configure(struct http *http, const struct http_config *config);

/*
 * Send a request. Everything in it is copied. Never calls done from within itself; done is called exactly
 * once unless the transfer is aborted. TLS peers are verified, redirects are not followed, no proxy
 * environment, netrc or cookies are used. Returns 0; -EINVAL for a URL libcurl cannot use, -ENOMEM.
 */
int http_start(struct http *http, const struct http_request *request, http_cb done, void *arg,
    struct http_transfer **ret, struct error *error);
/* A piece of a 2xx response's body, decompressed, in order; before the first one, once, data NULL and len 0 when the
 * header section is complete. head: status and headers of the response, borrowed for the call. May start and abort
 * anything, this stream too. Returns 0 to go on, negative to end the stream: done is then told so, with status 0. */
typedef int (*http_data_cb)(void *arg, const struct http_response *head, const void *data, size_t len);

/*
 * As http_start(), for a response without an end: pieces of a 2xx body are handed to on_data as they come and are
 * not kept; done is told when it is over, with no body. The bodies of other statuses are kept for done, as usual.
 */
int http_start_stream(struct http *http, const struct http_request *request, http_data_cb on_data, http_cb done,
    void *arg, struct http_transfer **ret, struct error *error);

/* done will not be called, nor on_data. NULL is allowed; returns NULL. Within its own done a transfer has ended already
 * and this does nothing; after that the pointer is dead. */
struct http_transfer *http_abort(struct http_transfer *transfer);

/* Parse a URL with libcurl's own parser. *ret is "scheme://host:port" in lower case with the port always
 * given; the caller frees it. -EINVAL with the reason in error. */
int http_origin(const char *url, char **ret, struct error *error);
/* Whether a URL has no more in it than its origin: no path but "/", no query, no fragment. */
bool http_is_origin(const char *url);
/* Resolve reference against base (which may be NULL when reference is absolute); the caller frees *ret. */
int http_resolve(const char *base, const char *reference, char **ret, struct error *error);
/* Percent-encode everything but unreserved characters; keep_slashes leaves '/' (and RFC 6570's reserved
 * characters are encoded all the same but for it). NULL: no memory. The caller frees. */
char *http_escape(const char *text, size_t len, bool keep_slashes);

/* First header of that name (any case), or NULL. */
const char *http_header_find(const struct http_header *headers, size_t count, const char *name);

/* What a response asks for: Retry-After (seconds, fractions, HTTP date), retry-after-ms, x-ratelimit-reset
 * (epoch seconds, or seconds when small; only with status 429 or 403, and not while x-ratelimit-remaining is
 * above 0). false: nothing usable.
 * now_ms: wall clock. Not clamped, but never negative. */
bool http_retry_after(const struct http_response *response, int64_t now_ms, uint64_t *ret_usec);

#endif
