/* http_url.c - origins, relative references and percent-encoding, all by libcurl's own URL parser. */
#include "config.h"

#include "daemon/remote/http_url.h"
#include "daemon/remote/http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest URL that is looked at. */
#define URL_MAX 8192

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* The message never quotes the URL: a query may hold a secret. */
static int refuse(CURLUcode rc, struct error *error)
{
	if (rc == CURLUE_OUT_OF_MEMORY)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a URL");
	if (rc == CURLUE_USER_NOT_ALLOWED)
		return error_set(error, ERROR_INVALID_ARGUMENT, "a user or password in the URL; name a credential instead");
	return error_set(error, ERROR_INVALID_ARGUMENT, "not a usable URL: %s", curl_url_strerror(rc));
}

/* Set h to an absolute URL, or to a reference relative to what it holds. */
static int url_set(CURLU *h, const char *url, struct error *error)
{
	CURLUcode rc;

	if (strlen(url) > URL_MAX)
		return error_set(error, ERROR_INVALID_ARGUMENT, "the URL is longer than %d bytes", URL_MAX);
	rc = curl_url_set(h, CURLUPART_URL, url, CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
	return rc == CURLUE_OK ? 0 : refuse(rc, error);
}

/* http or https, and nothing that only other schemes have. */
static int url_vet(CURLU *h, struct error *error)
{
	char *scheme = NULL, *host = NULL;
	CURLUcode rc;
	int r = 0;

	rc = curl_url_get(h, CURLUPART_SCHEME, &scheme, 0);
	if (rc == CURLUE_OK && strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
		r = error_set(error, ERROR_INVALID_ARGUMENT, "the URL's scheme is neither http nor https");
		goto out;
	}
	if (rc == CURLUE_OK)
		rc = curl_url_get(h, CURLUPART_HOST, &host, 0);
	if (rc != CURLUE_OK)
		r = refuse(rc, error);
out:
	curl_free(scheme);
	curl_free(host);
	return r;
}

int http_url_parse(const char *url, CURLU **ret, struct error *error)
{
	CURLU *h = curl_url();
	int r;

	if (!h)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a URL");
	r = url_set(h, url, error);
	if (r == 0)
		r = url_vet(h, error);
	if (r < 0) {
		curl_url_cleanup(h);
		return r;
	}
	*ret = h;
	return 0;
}

char *http_url_peer(CURLU *url)
{
	char *host = NULL, *port = NULL, *peer = NULL;
	size_t i;

	if (curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	    asprintf(&peer, "%s:%s", host, port) < 0)
		peer = NULL;
	for (i = 0; peer && peer[i]; i++)
		peer[i] = lower(peer[i]);
	curl_free(host);
	curl_free(port);
	return peer;
}

int http_origin(const char *url, char **ret, struct error *error)
{
	char *scheme = NULL, *peer = NULL, *origin = NULL;
	CURLU *h;
	int r;

	r = http_url_parse(url, &h, error);
	if (r < 0)
		return r;
	peer = http_url_peer(h);
	if (!peer || curl_url_get(h, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    asprintf(&origin, "%s://%s", scheme, peer) < 0)
		r = error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a URL");
	else
		*ret = origin;
	free(peer);
	curl_free(scheme);
	curl_url_cleanup(h);
	return r;
}

bool http_is_origin(const char *url)
{
	const char *after = strstr(url, "://");

	if (!after)
		return true;
	after += 3 + strcspn(after + 3, "/?#");
	return !*after || strcmp(after, "/") == 0;
}

int http_resolve(const char *base, const char *reference, char **ret, struct error *error)
{
	char *text = NULL;
	CURLU *h = NULL;
	int r = 0;

	/* without a path or query it means the base, by RFC 3986; libcurl has other ideas */
	r = http_url_parse(base ? base : reference, &h, error);
	if (r == 0 && base && *reference && *reference != '#')
		r = url_set(h, reference, error);
	if (r == 0)
		r = url_vet(h, error);
	if (r < 0)
		goto out;
	if (curl_url_set(h, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
	    curl_url_get(h, CURLUPART_URL, &text, 0) != CURLUE_OK || !(*ret = strdup(text)))
		r = error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a URL");
out:
	curl_free(text);
	curl_url_cleanup(h);
	return r;
}

static bool unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    c == '-' || c == '.' || c == '_' || c == '~';
}

char *http_escape(const char *text, size_t len, bool keep_slashes)
{
	static const char hex[] = "0123456789ABCDEF";
	unsigned char c;
	char *out, *p;
	size_t i;

	if (len > SIZE_MAX / 3 - 1)
		return NULL;
	out = p = malloc(3 * len + 1);
	if (!out)
		return NULL;
	for (i = 0; i < len; i++) {
		c = text[i];
		if (unreserved(c) || (keep_slashes && c == '/')) {
			*p++ = c;
			continue;
		}
		*p++ = '%';
		*p++ = hex[c >> 4];
		*p++ = hex[c & 15];
	}
	*p = '\0';
	return out;
}
