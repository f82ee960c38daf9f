/* token.c - what a token endpoint answers, and what a helper prints. */
#include "config.h"

#include "daemon/remote/token.h"
#include "daemon/remote/credential.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A lifetime longer than this is as good as none. */
#define LIFETIME_MAX_SEC 3155760000.0

static int refuse(struct error *error, const char *why)
{
	return error_set(error, ERROR_FAILED, "%s", why);
}

void token_done(struct token *token)
{
	credential_free(token->value);
	credential_free(token->refresh);
	*token = (struct token){ .expires_at_ms = TOKEN_NO_EXPIRY };
}

/* Whether a text can stand in a header. */
static bool usable(const char *text, size_t len)
{
	size_t i;

	if (len == 0 || len > TOKEN_MAX)
		return false;
	for (i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return true;
}

/* Seconds, as a number or, as some have it, as a text of digits. */
static double lifetime(const json_t *json)
{
	if (json_is_number(json))
		return json_number_value(json);
	if (json_is_string(json) && json_string_length(json) > 0 &&
	    strspn(json_string_value(json), "0123456789") == json_string_length(json))
		return strtod(json_string_value(json), NULL);
	return -1;
}

int token_read_oauth2(const void *body, size_t len, int64_t now_ms, struct token *ret, struct error *error)
{
	json_t *json = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
	json_t *value = json_object_get(json, "access_token"), *refresh = json_object_get(json, "refresh_token");
	double seconds = lifetime(json_object_get(json, "expires_in"));
	struct token token = { .expires_at_ms = TOKEN_NO_EXPIRY };
	int r = 0;

	if (!json_is_object(json))
		r = refuse(error, "the answer is not a JSON object");
	else if (!json_is_string(value) || !usable(json_string_value(value), json_string_length(value)))
		r = refuse(error, "the answer has no usable access_token");
	else if (refresh && !json_is_null(refresh) &&
	    (!json_is_string(refresh) || !usable(json_string_value(refresh), json_string_length(refresh))))
		r = refuse(error, "the answer has an unusable refresh_token");
	if (r < 0)
		goto out;
	token.value = strdup(json_string_value(value));
	token.refresh = json_is_string(refresh) ? strdup(json_string_value(refresh)) : NULL;
	if (!token.value || (json_is_string(refresh) && !token.refresh)) {
		token_done(&token);
		r = error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a credential");
		goto out;
	}
	if (seconds >= 0 && seconds < LIFETIME_MAX_SEC)
		token.expires_at_ms = now_ms + (int64_t)(seconds * 1000);
	*ret = token;
out:
	json_decref(json);
	return r;
}

const char *token_refusal(const void *body, size_t len)
{
	/* RFC 6749, 8628 and OpenID Connect */
	static const char *const known[] = {
		"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
		"invalid_scope", "access_denied", "server_error", "temporarily_unavailable", "slow_down", "expired_token",
		"interaction_required", "login_required", "consent_required", "invalid_token", "insufficient_scope",
	};
	json_t *json = json_loadb(body, len, 0, NULL);
	const char *code = json_string_value(json_object_get(json, "error"));
	const char *found = NULL;
	size_t i;

	for (i = 0; code && i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(code, known[i]) == 0)
			found = known[i];
	json_decref(json);
	return found;
}

/* Exactly so many digits, and what stands after them. */
static bool take_number(const char **text, int digits, const char *after, int *ret)
{
	int value = 0;

	for (; digits > 0; digits--, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		value = value * 10 + (**text - '0');
	}
	*ret = value;
	if (!*after)
		return true;
	return **text && strchr(after, *(*text)++);
}

/* "Z", "+02:00": seconds east of Greenwich. */
static bool take_offset(const char **text, int *ret)
{
	int hours, minutes, sign = **text == '-' ? -1 : 1;

	if (**text == 'Z' || **text == 'z') {
		(*text)++;
		*ret = 0;
		return true;
	}
	if (*(*text)++ != (sign < 0 ? '-' : '+') || !take_number(text, 2, ":", &hours) ||
	    !take_number(text, 2, "", &minutes))
		return false;
	*ret = sign * (hours * 60 + minutes) * 60;
	return true;
}

/* RFC 3339: "2026-01-02T03:04:05Z", fractions and offsets allowed. */
static bool parse_time(const char *text, int64_t *ret_ms)
{
	struct tm tm = { 0 };
	int offset;

	if (!take_number(&text, 4, "-", &tm.tm_year) || !take_number(&text, 2, "-", &tm.tm_mon) ||
	    !take_number(&text, 2, "Tt", &tm.tm_mday) || !take_number(&text, 2, ":", &tm.tm_hour) ||
	    !take_number(&text, 2, ":", &tm.tm_min) || !take_number(&text, 2, "", &tm.tm_sec))
		return false;
	if (*text == '.')
		text += 1 + strspn(text + 1, "0123456789");
	if (!take_offset(&text, &offset) || *text || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
	    tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	*ret_ms = ((int64_t)timegm(&tm) - offset) * 1000;
	return true;
}

static int read_exec_credential(const char *text, size_t len, struct token *ret, struct error *error)
{
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	json_t *status = json_object_get(json, "status"), *value = json_object_get(status, "token");
	json_t *expires = json_object_get(status, "expirationTimestamp");
	struct token token = { .expires_at_ms = TOKEN_NO_EXPIRY };
	int r = 0;

	if (!json)
		r = refuse(error, "the output is neither one line of text nor JSON");
	else if (!json_is_string(value) || !usable(json_string_value(value), json_string_length(value)))
		r = refuse(error, "the output has no usable status.token");
	else if (expires && !json_is_null(expires) &&
	    (!json_is_string(expires) || !parse_time(json_string_value(expires), &token.expires_at_ms)))
		r = refuse(error, "the output's status.expirationTimestamp is not a time");
	else if (!(token.value = strdup(json_string_value(value))))
		r = error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a credential");
	if (r == 0)
		*ret = token;
	json_decref(json);
	return r;
}

int token_read_command(const char *text, size_t len, struct token *ret, struct error *error)
{
	size_t before = 0;
	char *value;

	while (before < len && strchr(" \t\r\n", text[before]))
		before++;
	while (len > before && strchr(" \t\r\n", text[len - 1]))
		len--;
	text += before;
	len -= before;
	if (len == 0)
		return refuse(error, "the output is empty");
	if (*text == '{')
		return read_exec_credential(text, len, ret, error);
	if (!usable(text, len))
		return refuse(error, "the output is neither one line of text nor JSON");
	value = strndup(text, len);
	if (!value)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a credential");
	*ret = (struct token){ .value = value, .expires_at_ms = TOKEN_NO_EXPIRY };
	return 0;
}
