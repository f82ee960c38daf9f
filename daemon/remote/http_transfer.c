/* http_transfer.c - one exchange: what libcurl tells us while it runs, and how its end reads. */
#include "config.h"

#include "daemon/remote/http_transfer.h"
#include "daemon/remote/http_url.h"

#include <errno.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_FIRST 4096

/* Some weeks: what libcurl can hold in milliseconds everywhere. */
#define TIMEOUT_MAX_USEC (UINT64_C(2000000000) * 1000)

/* From libcurl: a connection stands and the request is about to be written to it. */
static int on_attempt(void *arg, char *remote, char *local, int remote_port, int local_port)
{
	struct http_transfer *transfer = arg;

	transfer->attempts++;
	return CURL_PREREQFUNC_OK;
}

/* From libcurl: a line of a header section. libcurl keeps them; here they are only counted. */
static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
	struct http_transfer *transfer = arg;

	transfer->n_headers++;
	transfer->header_bytes += size * count;
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
	struct http_response head = { 0 };
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	head.status = (int)status;
	if (transfer->on_data && status / 100 == 2)
		return transfer->on_data(transfer->arg, &head, data, len) < 0 ? 0 : len;
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
	return len;
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
		r = transfer->easy ? http_request_set(transfer->easy, request, config->user_agent) : -ENOMEM;
	if (r < 0) {
		r = error_set(error, r == -ENOMEM ? ERROR_OUT_OF_MEMORY : ERROR_INVALID_ARGUMENT,
		    r == -ENOMEM ? "no memory for a request" : "libcurl cannot send this request");
		goto fail;
	}
	set_callbacks(transfer);
	transfer->timeout_usec = request->timeout_usec < TIMEOUT_MAX_USEC ? request->timeout_usec : TIMEOUT_MAX_USEC;
	transfer->safe_to_resend = request->safe_to_resend;
	transfer->body_max = config->body_max;
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

/* Whether the error is what a dead connection gives. A response cut short is the service's own fault in HTTP/1.1,
 * but in HTTP/2 it happens to every stream, with or without headers so far, when the connection goes away. */
static bool connection_died(const struct http_transfer *transfer)
{
	long version = 0;

	switch (transfer->result) {
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		return true;
	case CURLE_PARTIAL_FILE:
		curl_easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
		return version == CURL_HTTP_VERSION_2_0 || transfer->header_bytes == 0;
	default:
		return false;
	}
}

bool http_transfer_rewind(struct http_transfer *transfer, uint64_t now_usec)
{
	uint64_t spent = now_usec - transfer->started_usec;
	long connects = 1;

	if (!transfer->safe_to_resend || transfer->refusal != REFUSED_NOTHING ||
	    !connection_died(transfer) || spent + 1000 > transfer->timeout_usec)
		return false;
	/* 0: it went out on a used connection. The next attempt makes its own, so there is no third one. */
	curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connects);
	if (connects != 0)
		return false;
	transfer->body_len = 0;
	transfer->header_bytes = 0;
	transfer->n_headers = 0;
	transfer->text[0] = '\0';
	curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, 1L);
	http_request_set_timeout(transfer->easy, transfer->timeout_usec - spent);
	return true;
}

/* Set the error text. It ends up in logs and in futures: one line, cut where it is too long. */
static void __attribute__((format(printf, 2, 3))) say(struct http_response *response, const char *format, ...)
{
	va_list args;
	char *p;

	va_start(args, format);
	vsnprintf(response->error, sizeof(response->error), format, args);
	va_end(args);
	for (p = response->error; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
}

/* "after 30.0 s", "after 50 ms". */
static void say_timeout(const struct http_transfer *transfer, uint64_t now_usec, struct http_response *response)
{
	uint64_t spent = now_usec - transfer->started_usec;
	const char *doing = transfer->attempts ? "waiting for" : "connecting to";

	response->timed_out = transfer->attempts > 0;
	if (spent < 1000000)
		say(response, "timed out after %u ms %s %s", (unsigned)(spent / 1000), doing, transfer->peer);
	else
		say(response, "timed out after %.1f s %s %s", (double)spent / 1e6, doing, transfer->peer);
}

static void say_refusal(const struct http_transfer *transfer, uint64_t now_usec, struct http_response *response)
{
	switch (transfer->refusal) {
	case REFUSED_BODY:
		say(response, "%s: response body over %zu bytes", transfer->peer, transfer->body_max);
		break;
	case REFUSED_HEADERS:
		say(response, "%s: response headers over %d lines or %d bytes", transfer->peer,
		    HTTP_HEADERS_MAX, HTTP_HEADER_BYTES_MAX);
		break;
	case REFUSED_WATCHDOG:
		say_timeout(transfer, now_usec, response);
		break;
	case REFUSED_RESET:
		say(response, "%s: interrupted, the HTTP transport had to be restarted", transfer->peer);
		break;
	default:
		say(response, "%s: no memory for the response", transfer->peer);
	}
}

/* libcurl's own words where they say more than the code's; never for codes whose text may quote a URL. */
static const char *libcurl_words(const struct http_transfer *transfer)
{
	switch (transfer->result) {
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		if (transfer->text[0])
			return transfer->text;
		break;
	default:
		break;
	}
	return curl_easy_strerror(transfer->result);
}

static void say_failure(const struct http_transfer *transfer, uint64_t now_usec, struct http_response *response)
{
	const char *peer = transfer->peer;
	const char *words = libcurl_words(transfer);
	long os_errno = 0;

	switch (transfer->result) {
	case CURLE_OPERATION_TIMEDOUT:
		say_timeout(transfer, now_usec, response);
		break;
	case CURLE_COULDNT_RESOLVE_HOST:
		say(response, "resolve %.*s: no address found", (int)(strrchr(peer, ':') - peer), peer);
		break;
	case CURLE_COULDNT_CONNECT:
		curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &os_errno);
		say(response, "connect to %s: %s", peer, os_errno ? strerror((int)os_errno) : "failed");
		break;
	case CURLE_GOT_NOTHING:
		say(response, "%s: connection closed without a response", peer);
		break;
	case CURLE_PARTIAL_FILE:
		say(response, "%s: response cut short: %s", peer, words);
		break;
	case CURLE_BAD_CONTENT_ENCODING:
		say(response, "%s: response body cannot be decompressed", peer);
		break;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		say(response, "%s: not an HTTP response", peer);
		break;
	default:
		say(response, "%s%s: %s", transfer->attempts ? "" : "connect to ", peer, words);
	}
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

void http_transfer_response(struct http_transfer *transfer, uint64_t now_usec, struct http_header *headers,
    struct http_response *ret)
{
	long status = 0;

	memset(ret, 0, sizeof(*ret));
	ret->sent = transfer->attempts > 0;
	ret->resends = transfer->attempts > 1 ? transfer->attempts - 1 : 0;
	ret->too_large = transfer->refusal == REFUSED_BODY;
	ret->headers = headers;
	if (transfer->refusal != REFUSED_NOTHING) {
		say_refusal(transfer, now_usec, ret);
	} else if (transfer->result != CURLE_OK) {
		say_failure(transfer, now_usec, ret);
	} else {
		curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
		ret->status = (int)status;
		ret->n_headers = list_headers(transfer->easy, headers);
		ret->body = transfer->body ? transfer->body : "";
		ret->body_len = transfer->body_len;
	}
}
