/* http_words.c - how the end of an exchange reads that brought no response. */
#include "config.h"

#include "daemon/remote/http_transfer.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

	if (spent < 1000000)
		say(response, "timed out after %u ms %s %s", (unsigned)(spent / 1000), doing, transfer->peer);
	else
		say(response, "timed out after %.1f s %s %s", (double)spent / 1e6, doing, transfer->peer);
}

static void say_idle(const struct http_transfer *transfer, struct http_response *response)
{
	if (transfer->idle_usec < 1000000)
		say(response, "%s: not a byte for %u ms", transfer->peer, (unsigned)(transfer->idle_usec / 1000));
	else
		say(response, "%s: not a byte for %.1f s", transfer->peer, (double)transfer->idle_usec / 1e6);
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
	case REFUSED_IDLE:
		say_idle(transfer, response);
		break;
	case REFUSED_BY_READER:
		say(response, "%s: the stream was given up", transfer->peer);
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
	case CURLE_ABORTED_BY_CALLBACK: /* by http_transfer.c: it is not allowed any more */
	case CURLE_COULDNT_CONNECT:
		if (transfer->forbidden[0]) {
			say(response, "connect to %s: address %s is not allowed", peer, transfer->forbidden);
			break;
		}
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

void http_transfer_say(const struct http_transfer *transfer, uint64_t now_usec, struct http_response *response)
{
	if (transfer->refusal != REFUSED_NOTHING)
		say_refusal(transfer, now_usec, response);
	else
		say_failure(transfer, now_usec, response);
}

void http_name_address(const struct sockaddr *address, char *ret, size_t size)
{
	const void *bytes = address->sa_family == AF_INET6 ?
	    (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr :
	    (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;

	if ((address->sa_family != AF_INET && address->sa_family != AF_INET6) ||
	    !inet_ntop(address->sa_family, bytes, ret, (socklen_t)size))
		snprintf(ret, size, "(unknown)");
}
