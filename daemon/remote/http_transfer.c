/* http_transfer.c - one exchange: what libcurl tells us while it runs, and how its end reads. */
#include "config.h"

#include "daemon/remote/http_transfer.h"
#include "daemon/remote/http_url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BODY_FIRST 4096

/* A transfer that was sent so often is not sent again because its connection died. */
#define ATTEMPTS_MAX 8

/* Some weeks: what libcurl can hold in milliseconds everywhere. */
#define TIMEOUT_MAX_USEC (UINT64_C(2000000000) * 1000)

/* Whether the address that libcurl has written as text may be connected to. What cannot be read may not. */
static bool permits(const struct http_transfer *transfer, const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	if (!transfer->vet)
		return true;
	if (inet_pton(AF_INET, text, &in.sin_addr) == 1)
		return transfer->vet(transfer->vet_arg, (const struct sockaddr *)&in);
	return inet_pton(AF_INET6, text, &in6.sin6_addr) == 1 &&
	    transfer->vet(transfer->vet_arg, (const struct sockaddr *)&in6);
}

/* From libcurl: a connection stands and the request is about to be written to it. Where it leads to may have been allowed
 * when it was opened, and not be any more. */
static int on_attempt(void *arg, char *remote, char *local, int remote_port, int local_port)
{
	struct http_transfer *transfer = arg;

	if (!permits(transfer, remote)) {
		snprintf(transfer->forbidden, sizeof(transfer->forbidden), "%s", remote);
		return CURL_PREREQFUNC_ABORT;
	}
	transfer->attempts++;
	transfer->on_attempt(transfer);
	return CURL_PREREQFUNC_OK;
}

/* Whether what is coming is for the reader of a stream. */
static bool streams(const struct http_transfer *transfer)
{
	long status = 0;

	if (!transfer->on_data)
		return false;
	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	return status >= 200 && status <= 299;
}

/* From libcurl: a line of a header section. libcurl keeps them; here they are only counted. The last one is empty. */
static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct http_transfer *transfer = arg;

	transfer->heard = true;
	transfer->n_headers++;
	transfer->header_bytes += size * count;
	if (size * count > 0 && (data[0] == '\r' || data[0] == '\n') && !transfer->has_head && streams(transfer)) {
		transfer->has_head = true;
		transfer->on_news(transfer);
	}
	if (transfer->n_headers > HTTP_HEADERS_MAX || transfer->header_bytes > HTTP_HEADER_BYTES_MAX) {
		transfer->refusal = REFUSED_HEADERS;
		return 0;
	}
	return size * count;
}

/* Make room for more bytes; total is within body_max. */
static int body_reserve(struct http_transfer *transfer, size_t total)
{
	size_t size = transfer->body_size ? transfer->body_size : BODY_FIRST;
	char *body;

	if (total <= transfer->body_size)
		return 0;
	while (size < total)
		size = size > transfer->body_max / 2 ? transfer->body_max : size * 2;
	body = realloc(transfer->body, size);
	if (!body)
		return -ENOMEM;
	transfer->body = body;
	transfer->body_size = size;
	return 0;
}

/* From libcurl: a piece of the decompressed body. */
static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct http_transfer *transfer = arg;
	size_t len = size * count;

	transfer->heard = true;
	if (len > transfer->body_max - transfer->body_len) {
		transfer->refusal = REFUSED_BODY;
		return 0;
	}
	if (body_reserve(transfer, transfer->body_len + len) < 0) {
		transfer->refusal = REFUSED_MEMORY;
		return 0;
	}
	memcpy(transfer->body + transfer->body_len, data, len);
	transfer->body_len += len;
	if (transfer->has_head)
		transfer->on_news(transfer);
	return len;
}

/* From libcurl: it wants a socket to connect to an address, to which a name may have led. */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_transfer *transfer = arg;

	if (transfer->vet && !transfer->vet(transfer->vet_arg, &address->addr)) {
		/* what is said about an address that was tried counts more than this */
		if (!transfer->opened)
			http_name_address(&address->addr, transfer->forbidden, sizeof(transfer->forbidden));
		return CURL_SOCKET_BAD;
	}
	if (!transfer->may_open(transfer))
		return CURL_SOCKET_BAD;
	transfer->opened = true;
	transfer->forbidden[0] = '\0';
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void set_callbacks(struct http_transfer *transfer)
{
	curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
	curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, transfer->text);
	curl_easy_setopt(transfer->easy, CURLOPT_PREREQFUNCTION, on_attempt);
	curl_easy_setopt(transfer->easy, CURLOPT_PREREQDATA, transfer);
	curl_easy_setopt(transfer->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(transfer->easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(transfer->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(transfer->easy, CURLOPT_OPENSOCKETDATA, transfer);
}

/* What error texts call the other side. */
static int name_peer(const struct http_request *request, char **ret, struct error *error)
{
	CURLU *url;
	int r;

	r = http_url_parse(request->url, &url, error);
	if (r < 0)
		return r;
	if (!request->unix_socket)
		*ret = http_url_peer(url);
	else if (asprintf(ret, "unix:%s", request->unix_socket) < 0)
		*ret = NULL;
	curl_url_cleanup(url);
	return *ret ? 0 : -ENOMEM;
}

int http_transfer_new(const struct http_request *request, const struct http_config *config,
    struct http_transfer **ret, struct error *error)
{
	struct http_transfer *transfer;
	int r;

	r = http_request_check(request, error);
	if (r < 0)
		return r;
	transfer = calloc(1, sizeof(*transfer));
	if (!transfer)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a request");
	r = name_peer(request, &transfer->peer, error);
	if (r == -EINVAL)
		goto fail;
	if (r == 0)
		r = http_request_headers(request, &transfer->headers);
	transfer->easy = curl_easy_init();
	if (r == 0)
		r = transfer->easy ? http_request_set(transfer->easy, request, config) : -ENOMEM;
	if (r < 0) {
		r = error_set(error, r == -ENOMEM ? ERROR_OUT_OF_MEMORY : ERROR_INVALID_ARGUMENT,
		    r == -ENOMEM ? "no memory for a request" : "libcurl cannot send this request");
		goto fail;
	}
	transfer->timeout_usec = request->timeout_usec < TIMEOUT_MAX_USEC ? request->timeout_usec : TIMEOUT_MAX_USEC;
	transfer->idle_usec = request->idle_usec < TIMEOUT_MAX_USEC ? request->idle_usec : TIMEOUT_MAX_USEC;
	transfer->safe_to_resend = request->safe_to_resend;
	transfer->multiplexes = http_request_multiplexes(request);
	transfer->body_max = config->body_max;
	transfer->vet = request->unix_socket ? NULL : config->vet;
	transfer->vet_arg = config->vet_arg;
	set_callbacks(transfer);
	*ret = transfer;
	return 0;
fail:
	http_transfer_free(transfer);
	return r;
}

struct http_transfer *http_transfer_free(struct http_transfer *transfer)
{
	if (!transfer)
		return NULL;
	if (transfer->watchdog)
		event_free(transfer->watchdog);
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	free(transfer->peer);
	free(transfer->body);
	free(transfer);
	return NULL;
}

static bool spoke_http2(const struct http_transfer *transfer)
{
	long version = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
	return version == CURL_HTTP_VERSION_2_0;
}

/* Whether the error is what a dead connection gives. A response cut short is the service's own fault in HTTP/1.1,
 * but in HTTP/2 it happens to every stream, with or without headers so far, when the connection goes away. */
static bool connection_died(const struct http_transfer *transfer)
{
	switch (transfer->result) {
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		return true;
	case CURLE_PARTIAL_FILE:
		return spoke_http2(transfer) || transfer->header_bytes == 0;
	default:
		return false;
	}
}

/* Whether others had used the connection. One that was opened for HTTP/2 is believed to have been joined by others, who
 * may have used it up, but once only: a service that breaks off each new connection is to be seen. */
static bool connection_was_used(const struct http_transfer *transfer)
{
	long connects = 1;

	curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connects);
	return connects == 0 || (transfer->multiplexes && transfer->attempts == 1);
}

bool http_transfer_rewind(struct http_transfer *transfer, uint64_t now_usec)
{
	uint64_t spent = now_usec - transfer->started_usec;

	if (!transfer->safe_to_resend || transfer->refusal != REFUSED_NOTHING || transfer->has_head ||
	    !connection_died(transfer) || !connection_was_used(transfer) ||
	    (!transfer->on_data && spent + 1000 > transfer->timeout_usec) || transfer->attempts >= ATTEMPTS_MAX)
		return false;
	transfer->body_len = 0;
	transfer->header_bytes = 0;
	transfer->n_headers = 0;
	transfer->text[0] = '\0';
	/* In HTTP/1.1 the next attempt makes its own connection, so there is no third one. In HTTP/2 all those whom a
	 * connection took along meet on the next one, and this may be at its end too before all had their turn. */
	if (!transfer->multiplexes)
		curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, 1L);
	http_transfer_resume(transfer, now_usec);
	return true;
}

void http_transfer_resume(struct http_transfer *transfer, uint64_t now_usec)
{
	uint64_t spent = now_usec - transfer->started_usec;

	if (!transfer->on_data)
		http_request_set_timeout(transfer->easy, spent < transfer->timeout_usec ?
		    transfer->timeout_usec - spent : 1);
}

/* libcurl leaves a CR in an empty value. */
static const char *trim(char *value)
{
	size_t len = strlen(value);

	while (len > 0 && strchr(" \t\r\n", value[len - 1]))
		value[--len] = '\0';
	return value;
}

static size_t list_headers(CURL *easy, struct http_header *headers)
{
	struct curl_header *header = NULL;
	size_t n = 0;

	while (n < HTTP_HEADERS_MAX && (header = curl_easy_nextheader(easy, CURLH_HEADER, -1, header))) {
		headers[n].name = header->name;
		headers[n].value = trim(header->value);
		n++;
	}
	return n;
}

static void set_head(struct http_transfer *transfer, struct http_header *headers, struct http_response *ret)
{
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	ret->status = (int)status;
	ret->n_headers = list_headers(transfer->easy, headers);
	ret->headers = headers;
}

void http_transfer_head(struct http_transfer *transfer, struct http_header *headers, struct http_response *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->sent = true;
	ret->resends = transfer->attempts - 1;
	set_head(transfer, headers, ret);
}

/* Whether all that the service did was to refuse the stream. libcurl tries again as long as it may; of a transfer whose
 * connections are all its own there is no other reason to. */
static bool refused_throughout(const struct http_transfer *transfer)
{
	static const char gave_up[] = "Connection died, tried ";

	return !transfer->safe_to_resend && transfer->result != CURLE_OK &&
	    strncmp(transfer->text, gave_up, strlen(gave_up)) == 0;
}

static bool gave_up_waiting(const struct http_transfer *transfer)
{
	switch (transfer->refusal) {
	case REFUSED_NOTHING:
		return transfer->result == CURLE_OPERATION_TIMEDOUT;
	case REFUSED_WATCHDOG:
	case REFUSED_IDLE:
		return true;
	default:
		return false;
	}
}

void http_transfer_response(struct http_transfer *transfer, uint64_t now_usec, struct http_header *headers,
    struct http_response *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->sent = transfer->attempts > 0 && !refused_throughout(transfer);
	ret->resends = transfer->attempts > 1 ? transfer->attempts - 1 : 0;
	ret->too_large = transfer->refusal == REFUSED_BODY;
	ret->headers = headers;
	ret->timed_out = ret->sent && gave_up_waiting(transfer);
	if (transfer->refusal != REFUSED_NOTHING || transfer->result != CURLE_OK)
		http_transfer_say(transfer, now_usec, ret);
	else
		set_head(transfer, headers, ret);
	if (ret->status != 0) {
		ret->body = transfer->body ? transfer->body : "";
		ret->body_len = transfer->body_len;
	}
}
