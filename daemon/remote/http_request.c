/* http_request.c - from a request to a libcurl handle: what is checked, and how each option is set. */
#include "config.h"

#include "daemon/remote/http_request.h"
#include "daemon/remote/http_url.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

/* For the whole of resolving, connecting and shaking hands; the transfer's own timeout may be shorter. */
#define CONNECT_TIMEOUT_MS 30000L

/* A connection is not used for new requests after this, so that changes in DNS are noticed. */
#define CONNECTION_LIFETIME_SEC 600

#define METHOD_MAX 32

/* The same for every transfer. There is no low-speed abort: a long poll is silent by design, the timeout of
 * the whole exchange bounds a service that trickles, and http.c itself sees when a stream falls silent. */
static const struct {
	CURLoption option;
	long value;
} fixed_numbers[] = {
	{ CURLOPT_NOSIGNAL, 1 },
	{ CURLOPT_FOLLOWLOCATION, 0 },
	{ CURLOPT_SSL_VERIFYPEER, 1 },
	{ CURLOPT_SSL_VERIFYHOST, 2 },
	{ CURLOPT_NETRC, CURL_NETRC_IGNORED },
	{ CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
	{ CURLOPT_HTTP09_ALLOWED, 0 },
	{ CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFETIME_SEC },
#if LIBCURL_VERSION_NUM >= 0x075700
	/* a file of certificates that was exchanged is noticed as soon */
	{ CURLOPT_CA_CACHE_TIMEOUT, CONNECTION_LIFETIME_SEC },
#endif
	{ CURLOPT_TCP_KEEPALIVE, 1 },
#if LIBCURL_VERSION_NUM >= 0x075700
	/* do not wait for getaddrinfo's thread when a transfer that still resolves is given up */
	{ CURLOPT_QUICK_EXIT, 1 },
#endif
};

static const struct {
	CURLoption option;
	const char *value;
} fixed_strings[] = {
	{ CURLOPT_PROTOCOLS_STR, "http,https" },
	{ CURLOPT_PROXY, "" },             /* not even from the environment */
	{ CURLOPT_ACCEPT_ENCODING, "" },   /* whatever this libcurl can decompress */
};

/* The framing of a message is libcurl's. */
static const char *const reserved_headers[] = { "Content-Length", "Transfer-Encoding", "Connection", "Expect" };

/* RFC 9110's token. */
static bool is_token(const char *text)
{
	return *text && !text[strspn(text, "!#$%&'*+-.^_`|~0123456789"
	    "abcdefghijklmnopqrstuvwxyz" "ABCDEFGHIJKLMNOPQRSTUVWXYZ")];
}

/* No line can be smuggled in. */
static bool is_header_value(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return false;
	return true;
}

static int header_check(const struct http_header *header, struct error *error)
{
	size_t i;

	if (!is_token(header->name))
		return error_set(error, ERROR_INVALID_ARGUMENT, "a header has an impossible name");
	if (!is_header_value(header->value))
		return error_set(error, ERROR_INVALID_ARGUMENT, "header %s: control characters in its value",
		    header->name);
	for (i = 0; i < sizeof(reserved_headers) / sizeof(reserved_headers[0]); i++)
		if (strcasecmp(header->name, reserved_headers[i]) == 0)
			return error_set(error, ERROR_INVALID_ARGUMENT, "header %s is not yours to set", header->name);
	return 0;
}

int http_request_check(const struct http_request *request, struct error *error)
{
	size_t i;
	int r;

	if (!is_token(request->method) || strlen(request->method) > METHOD_MAX)
		return error_set(error, ERROR_INVALID_ARGUMENT, "not a method");
	if (request->n_headers > HTTP_HEADERS_MAX)
		return error_set(error, ERROR_INVALID_ARGUMENT, "more than %d headers", HTTP_HEADERS_MAX);
	if (request->unix_socket && (!*request->unix_socket ||
	    strlen(request->unix_socket) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)))
		return error_set(error, ERROR_INVALID_ARGUMENT, "the path of a unix socket has 1 to %zu bytes",
		    sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	for (i = 0; i < request->n_headers; i++) {
		r = header_check(&request->headers[i], error);
		if (r < 0)
			return r;
	}
	return 0;
}

static int append(struct curl_slist **list, const char *line)
{
	struct curl_slist *more = curl_slist_append(*list, line);

	if (!more)
		return -ENOMEM;
	*list = more;
	return 0;
}

int http_request_headers(const struct http_request *request, struct curl_slist **ret)
{
	struct curl_slist *list = NULL;
	bool typed = false;
	char *line;
	size_t i;
	int r;

	/* libcurl would wait for "100 Continue" before a large body */
	r = append(&list, "Expect:");
	for (i = 0; r == 0 && i < request->n_headers; i++) {
		const struct http_header *header = &request->headers[i];

		typed = typed || strcasecmp(header->name, "Content-Type") == 0;
		/* "Name:" alone would tell libcurl to leave the header out */
		if (header->value[strspn(header->value, " \t")])
			r = asprintf(&line, "%s: %s", header->name, header->value) < 0 ? -ENOMEM : 0;
		else
			r = asprintf(&line, "%s;", header->name) < 0 ? -ENOMEM : 0;
		if (r < 0)
			break;
		r = append(&list, line);
		free(line);
	}
	/* libcurl would call every body a form */
	if (r == 0 && !typed)
		r = append(&list, "Content-Type:");
	if (r < 0) {
		curl_slist_free_all(list);
		return r;
	}
	*ret = list;
	return 0;
}

/* The method and the body. A method that usually has a body says Content-Length: 0 when it has none. */
static CURLcode set_method(CURL *easy, const struct http_request *request)
{
	const char *method = request->method;
	bool body = request->body || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	    strcmp(method, "PATCH") == 0;
	CURLcode rc = CURLE_OK;

	if (strcmp(method, "HEAD") == 0)
		return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	if (body)
		rc = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)(request->body ? request->body_len : 0));
	if (rc == CURLE_OK && body)
		rc = curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body ? request->body : "");
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	return rc;
}

void http_request_set_timeout(CURL *easy, uint64_t timeout_usec)
{
	uint64_t ms = timeout_usec / 1000;
	long total = ms < 1 ? 1 : ms > INT_MAX ? INT_MAX : (long)ms;

	if (timeout_usec == 0)
		total = 0;
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, total);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
	    total && total < CONNECT_TIMEOUT_MS ? total : CONNECT_TIMEOUT_MS);
}

/* Which certificates count. A file takes the place of all that libcurl would look at by itself. */
static CURLcode set_ca_file(CURL *easy, const char *ca_file)
{
	CURLcode rc = curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);

	return rc == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) : rc;
}

/* How it shares connections with others. */
static void set_sharing(CURL *easy, const struct http_request *request)
{
	bool multiplexes = http_request_multiplexes(request);

	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, multiplexes ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1);
	/* one connection carries them all; the watchdog is for transfers that wait for it in vain */
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, multiplexes && request->safe_to_resend ? 1L : 0L);
	/* libcurl itself sends a request again when a connection that was used before dies without a byte of
	 * answer. A request that must not arrive twice therefore never goes out on such a connection; in
	 * HTTP/2 nobody may join it there either, which is why it takes its connection along when it ends. */
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request->safe_to_resend ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, multiplexes && !request->safe_to_resend ? 1L : 0L);
}

bool http_request_multiplexes(const struct http_request *request)
{
	return request->http2 && !request->unix_socket && strncasecmp(request->url, "https:", 6) == 0;
}

int http_request_set(CURL *easy, const struct http_request *request, const struct http_config *config)
{
	CURLcode rc = CURLE_OK;
	size_t i;

	for (i = 0; i < sizeof(fixed_numbers) / sizeof(fixed_numbers[0]); i++)
		if (rc == CURLE_OK)
			rc = curl_easy_setopt(easy, fixed_numbers[i].option, fixed_numbers[i].value);
	for (i = 0; i < sizeof(fixed_strings) / sizeof(fixed_strings[0]); i++)
		if (rc == CURLE_OK)
			rc = curl_easy_setopt(easy, fixed_strings[i].option, fixed_strings[i].value);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_URL, request->url);
	if (rc == CURLE_OK && request->unix_socket)
		rc = curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
	if (rc == CURLE_OK && config->user_agent)
		rc = curl_easy_setopt(easy, CURLOPT_USERAGENT, config->user_agent);
	if (rc == CURLE_OK && config->ca_file)
		rc = set_ca_file(easy, config->ca_file);
	if (rc == CURLE_OK)
		rc = set_method(easy, request);
	if (rc != CURLE_OK)
		return rc == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL;
	set_sharing(easy, request);
	return 0;
}
