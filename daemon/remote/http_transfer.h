/* http_transfer.h - one exchange: its libcurl handle, what it has received, how it ended; private to http*.c. */
#ifndef REMOTE_HTTP_TRANSFER_H
#define REMOTE_HTTP_TRANSFER_H

#include "daemon/remote/http.h"
#include "daemon/remote/http_request.h"

#include <curl/curl.h>
#include <sys/queue.h>

struct event;

enum transfer_state {
	TRANSFER_NEW,
	TRANSFER_ACTIVE,               /* with libcurl */
	TRANSFER_ENDED,                /* waiting for its turn to be delivered */
	TRANSFER_DELIVERING            /* in done; freed after it */
};

/* Why we, and not libcurl, ended a transfer. */
enum transfer_refusal {
	REFUSED_NOTHING,
	REFUSED_BODY,                  /* larger than body_max */
	REFUSED_HEADERS,               /* more than HTTP_HEADERS_MAX or HTTP_HEADER_BYTES_MAX */
	REFUSED_MEMORY,
	REFUSED_WATCHDOG,              /* libcurl did not end it in time */
	REFUSED_RESET                  /* the multi handle broke under it */
};

struct http_transfer {
	TAILQ_ENTRY(http_transfer) link;
	struct http *http;
	enum transfer_state state;
	http_cb done;
	http_data_cb on_data;          /* of a stream */
	void *arg;

	CURL *easy;
	struct curl_slist *headers;
	struct event *watchdog;
	char *peer;                    /* "host:port" or "unix:PATH", for error texts */
	uint64_t timeout_usec;
	uint64_t started_usec;         /* monotonic */
	bool safe_to_resend;
	unsigned attempts;             /* times that a request was about to be written */

	char *body;
	size_t body_len, body_size, body_max;
	size_t header_bytes, n_headers;
	enum transfer_refusal refusal;
	CURLcode result;
	char text[CURL_ERROR_SIZE];    /* libcurl's own words */
};

/* Check and copy a request into a transfer that can be added to a multi handle. -EINVAL with the reason
 * in error (never a header's value, a query or a credential), -ENOMEM. */
int http_transfer_new(const struct http_request *request, const struct http_config *config,
    struct http_transfer **ret, struct error *error);
struct http_transfer *http_transfer_free(struct http_transfer *transfer);

/* After on_finished: whether it may be sent again at once, because a connection that had been used
 * before turned out to be dead. If so, it is ready to be added again. */
bool http_transfer_rewind(struct http_transfer *transfer, uint64_t now_usec);

/* Fill ret from an ended transfer; headers must have room for HTTP_HEADERS_MAX. Everything is borrowed
 * from transfer and headers. */
void http_transfer_response(struct http_transfer *transfer, uint64_t now_usec, struct http_header *headers,
    struct http_response *ret);

#endif
