/* http_transfer.h - one exchange: its libcurl handle, what it has received, how it ended; private to http*.c. */
#ifndef REMOTE_HTTP_TRANSFER_H
#define REMOTE_HTTP_TRANSFER_H

#include "daemon/remote/http.h"
#include "daemon/remote/http_request.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/queue.h>

struct event;

enum transfer_state {
	TRANSFER_NEW,
	TRANSFER_ACTIVE,               /* with libcurl */
	TRANSFER_ENDED,                /* waiting for its turn to be delivered */
	TRANSFER_DELIVERING,           /* in done; freed after it */
	TRANSFER_ABORTED               /* within its own on_data; freed after it */
};

/* Why we, and not libcurl, ended a transfer. */
enum transfer_refusal {
	REFUSED_NOTHING,
	REFUSED_BODY,                  /* larger than body_max */
	REFUSED_HEADERS,               /* more than HTTP_HEADERS_MAX or HTTP_HEADER_BYTES_MAX */
	REFUSED_MEMORY,
	REFUSED_WATCHDOG,              /* libcurl did not end it in time */
	REFUSED_IDLE,                  /* a stream without a byte for idle_usec */
	REFUSED_BY_READER,             /* on_data wants no more */
	REFUSED_RESET                  /* the multi handle broke under it */
};

struct http_transfer {
	TAILQ_ENTRY(http_transfer) link;
	struct http *http;
	struct pool *pool;
	enum transfer_state state;
	http_cb done;
	void *arg;

	/* of a stream */
	http_data_cb on_data;          /* NULL: not one */
	void (*on_news)(struct http_transfer *transfer);   /* called from within libcurl */
	TAILQ_ENTRY(http_transfer) news;
	bool has_news;                 /* in the list of those */
	bool has_head;                 /* a 2xx header section is complete: the body is for on_data */
	bool head_given;
	bool reading;                  /* in on_data */

	CURL *easy;
	struct curl_slist *headers;
	struct event *watchdog;        /* for a stream: looks now and then whether anything was heard */
	bool heard;
	uint64_t idle_usec;
	char *peer;                    /* "host:port" or "unix:PATH", for error texts */
	uint64_t timeout_usec;
	uint64_t started_usec;         /* monotonic */
	bool safe_to_resend;
	bool multiplexes;              /* HTTP/2 is offered */
	unsigned attempts;             /* times that a request was about to be written */

	/* http_gate.h; of those that share connections */
	LIST_ENTRY(http_transfer) openers;
	bool opening;                  /* in the list of those */
	bool turned_away;              /* another is opening a connection */
	bool parked;                   /* so libcurl has ended it, and it waits */

	char *body;
	size_t body_len, body_size, body_max;
	size_t header_bytes, n_headers;
	enum transfer_refusal refusal;
	CURLcode result;
	char text[CURL_ERROR_SIZE];    /* libcurl's own words */

	/* Called from within libcurl: may a socket be opened, and now the request is written. */
	bool (*may_open)(struct http_transfer *transfer);
	void (*on_attempt)(struct http_transfer *transfer);
	http_vet vet;
	void *vet_arg;
	bool opened;                   /* an address was allowed */
	char forbidden[INET6_ADDRSTRLEN];   /* the last that was not, unless another was */
};

/* Check and copy a request into a transfer that can be added to a multi handle. -EINVAL with the reason
 * in error (never a header's value, a query or a credential), -ENOMEM. */
int http_transfer_new(const struct http_request *request, const struct http_config *config,
    struct http_transfer **ret, struct error *error);
struct http_transfer *http_transfer_free(struct http_transfer *transfer);

/* After on_finished: whether it may be sent again at once, because a connection that had been used
 * before turned out to be dead. If so, it is ready to be added again. */
bool http_transfer_rewind(struct http_transfer *transfer, uint64_t now_usec);

/* Before a transfer that waited outside of libcurl is added again: what is left of its time. */
void http_transfer_resume(struct http_transfer *transfer, uint64_t now_usec);

/* What is known once the header section is complete; as below. */
void http_transfer_head(struct http_transfer *transfer, struct http_header *headers, struct http_response *ret);

/* Fill ret from an ended transfer; headers must have room for HTTP_HEADERS_MAX. Everything is borrowed
 * from transfer and headers. */
void http_transfer_response(struct http_transfer *transfer, uint64_t now_usec, struct http_header *headers,
    struct http_response *ret);

/* Set the error of a transfer that ended without a response: http_words.c. */
void http_transfer_say(const struct http_transfer *transfer, uint64_t now_usec, struct http_response *response);

/* "10.0.0.1", "::1": the address alone. size: at least INET6_ADDRSTRLEN. */
void http_name_address(const struct sockaddr *address, char *ret, size_t size);

#endif
