/* http_retry.c - what a response asks for: the headers that say when to come back. */
#include "daemon/remote/http.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

/* Anything longer is as good as never; keeps the arithmetic inside 64 bits. */
#define DELAY_MAX_SEC 1000000000000.0

/* x-ratelimit-reset below this is a number of seconds, above it a moment: 30 years, or September 2001. */
#define EPOCH_MIN_SEC 1000000000.0

const char *http_header_find(const struct http_header *headers, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcasecmp(headers[i].name, name) == 0)
			return headers[i].value;
	return NULL;
}

/* Digits with at most one point and nothing else but blanks around: no sign, exponent, hex or locale. */
static bool parse_number(const char *text, double *ret)
{
	double value = 0, scale = 1;
	bool point = false;
	int digits = 0;

	text += strspn(text, " \t");
	for (;; text++) {
		if (*text == '.' && !point && digits) {
			point = true;
			continue;
		}
		if (*text < '0' || *text > '9')
			break;
		digits++;
		if (point)
			value += (*text - '0') * (scale /= 10);
		else if (value < DELAY_MAX_SEC * 1000)
			value = value * 10 + (*text - '0');
	}
	if (!digits || text[strspn(text, " \t")])
		return false;
	*ret = value;
	return true;
}

static uint64_t to_usec(double seconds)
{
	return (uint64_t)((seconds < DELAY_MAX_SEC ? seconds : DELAY_MAX_SEC) * 1e6 + 0.5);
}

/* Until a moment given in seconds since 1970; 0 when it has passed. */
static uint64_t until(double epoch_sec, int64_t now_ms)
{
	double delay = epoch_sec - (double)now_ms / 1000;

	return delay > 0 ? to_usec(delay) : 0;
}

/* Every form of HTTP date opens with a day's name and has a time of day; curl_getdate alone would take
 * "20" or "-5" for dates as well. */
static bool parse_date(const char *text, double *ret)
{
	time_t moment;

	text += strspn(text, " \t");
	if (!strchr("MTWFSmtwfs", *text) || !strchr(text, ':'))
		return false;
	moment = curl_getdate(text, NULL);
	if (moment < 0)
		return false;
	*ret = (double)moment;
	return true;
}

/* A limit that has not been used up is not what this response is about: some services send the reset
 * with every response, a plain 403 included. */
static const char *ratelimit_reset(const struct http_response *response)
{
	const char *left = http_header_find(response->headers, response->n_headers, "x-ratelimit-remaining");
	double value;

	if (response->status != 429 && response->status != 403)
		return NULL;
	if (left && parse_number(left, &value) && value > 0)
		return NULL;
	return http_header_find(response->headers, response->n_headers, "x-ratelimit-reset");
}

bool http_retry_after(const struct http_response *response, int64_t now_ms, uint64_t *ret_usec)
{
	const char *text;
	double value;

	text = http_header_find(response->headers, response->n_headers, "retry-after-ms");
	if (text && parse_number(text, &value)) {
		*ret_usec = to_usec(value / 1000);
		return true;
	}
	text = http_header_find(response->headers, response->n_headers, "retry-after");
	if (text && parse_number(text, &value)) {
		*ret_usec = to_usec(value);
		return true;
	}
	if (text && parse_date(text, &value)) {
		*ret_usec = until(value, now_ms);
		return true;
	}
	text = ratelimit_reset(response);
	if (text && parse_number(text, &value)) {
		*ret_usec = value < EPOCH_MIN_SEC ? to_usec(value) : until(value, now_ms);
		return true;
	}
	return false;
}
