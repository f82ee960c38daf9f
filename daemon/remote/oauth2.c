/* oauth2.c - one request to an OAuth2 token endpoint: RFC 6749, with a refresh token or the client's own secret. */
#include "config.h"

#include "daemon/remote/oauth2.h"
#include "daemon/remote/credential.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_USEC 30000000

#define FIELDS_MAX 5

struct field {
	const char *name;
	const char *value;
};

struct oauth2 {
	struct http_transfer *transfer;
	char *origin;                  /* for messages */
	char *refresh;                 /* that was sent, or NULL */
	int64_t (*wall_ms)(void *self);
	void *clock_self;
	oauth2_cb done;
	void *arg;
};

/* The refresh token: our directory's file counts before the service manager's, because that is where a new one goes. */
static int read_refresh(const struct oauth2_input *input, char **ret, struct error *error)
{
	const char *name = input->source->refresh_token;
	int r = -ENOENT;

	if (input->refresh) {
		*ret = strdup(input->refresh);
		return *ret ? 0 : error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a credential");
	}
	if (input->directory)
		r = credential_read_own(name, input->directory, ret, error);
	return r == -ENOENT ? credential_read(name, input->directory, ret, error) : r;
}

/* "name=value&...", escaped; fields without a value are left out. NULL: no memory. The caller wipes and frees it. */
static char *encode(const struct field *fields, size_t count)
{
	char *escaped[FIELDS_MAX] = { NULL }, *form = NULL, *p;
	size_t i, len = 1;

	for (i = 0; i < count; i++) {
		if (!fields[i].value)
			continue;
		escaped[i] = http_escape(fields[i].value, strlen(fields[i].value), false);
		if (!escaped[i])
			goto out;
		len += strlen(fields[i].name) + strlen(escaped[i]) + 2;
	}
	form = p = malloc(len);
	for (i = 0; p && i < count; i++)
		if (escaped[i])
			p += sprintf(p, "%s%s=%s", p == form ? "" : "&", fields[i].name, escaped[i]);
out:
	for (i = 0; i < count; i++)
		credential_free(escaped[i]);
	return form;
}

static int make_form(const struct oauth2_input *input, const char *refresh, char **ret, struct error *error)
{
	const struct credential_source *source = input->source;
	char *secret = NULL, *form;
	int r = 0;

	if (source->client_secret)
		r = credential_read(source->client_secret, input->directory, &secret, error);
	if (r == 0) {
		struct field fields[FIELDS_MAX] = {
			{ "grant_type", refresh ? "refresh_token" : "client_credentials" },
			{ "refresh_token", refresh },
			{ "client_id", source->client_id },
			{ "client_secret", secret },
			{ "scope", source->scope },
		};

		form = encode(fields, FIELDS_MAX);
		if (form)
			*ret = form;
		else
			r = error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a credential");
	}
	credential_free(secret);
	return r;
}

static struct oauth2 *oauth2_free(struct oauth2 *oauth2)
{
	if (!oauth2)
		return NULL;
	free(oauth2->origin);
	credential_free(oauth2->refresh);
	free(oauth2);
	return NULL;
}

static void read_answer(const struct oauth2 *oauth2, const struct http_response *response, struct token *ret,
    struct error *error)
{
	const char *code;

	if (response->status == 0) {
		error_set(error, ERROR_FAILED, "%s", response->error);
		return;
	}
	if (response->status >= 200 && response->status <= 299) {
		if (token_read_oauth2(response->body, response->body_len, oauth2->wall_ms(oauth2->clock_self), ret, error) < 0)
			error_wrap(error, "%s", oauth2->origin);
		return;
	}
	/* only words that are known: nothing of a body gets into messages */
	code = token_refusal(response->body, response->body_len);
	if (code)
		error_set(error, strcmp(code, "invalid_grant") == 0 ? ERROR_PERMISSION_DENIED : ERROR_FAILED,
		    "%s answered HTTP %d (%s)", oauth2->origin, response->status, code);
	else
		error_set(error, ERROR_FAILED, "%s answered HTTP %d", oauth2->origin, response->status);
}

static void on_done(void *arg, const struct http_response *response)
{
	struct token token = { .expires_at_ms = TOKEN_NO_EXPIRY };
	struct error error = { 0 };
	struct oauth2 *oauth2 = arg;
	uint64_t retry_after = 0;

	read_answer(oauth2, response, &token, &error);
	if (token.refresh && oauth2->refresh && strcmp(token.refresh, oauth2->refresh) == 0)
		token.refresh = credential_free(token.refresh);
	http_retry_after(response, oauth2->wall_ms(oauth2->clock_self), &retry_after);
	oauth2->done(oauth2->arg, error.code ? NULL : &token, &error, retry_after);
	token_done(&token);
	oauth2_free(oauth2);
}

int oauth2_start(struct http *http, const struct oauth2_input *input, oauth2_cb done, void *arg, struct oauth2 **ret,
    struct error *error)
{
	static const struct http_header headers[] = {
		{ "Content-Type", "application/x-www-form-urlencoded" }, { "Accept", "application/json" },
	};
	struct http_request request = {
		.method = "POST", .url = input->source->token_url, .headers = headers, .n_headers = 2,
		.timeout_usec = TIMEOUT_USEC,
		/* some endpoints give a new refresh token each time, and take the second use of one for a theft */
		.safe_to_resend = !input->source->refresh_token,
	};
	struct oauth2 *oauth2 = calloc(1, sizeof(*oauth2));
	char *form = NULL;
	int r;

	if (!oauth2)
		return error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a credential");
	oauth2->wall_ms = input->wall_ms;
	oauth2->clock_self = input->clock_self;
	oauth2->done = done;
	oauth2->arg = arg;
	r = http_origin(request.url, &oauth2->origin, error);
	if (r == 0 && input->source->refresh_token)
		r = read_refresh(input, &oauth2->refresh, error);
	if (r == 0)
		r = make_form(input, oauth2->refresh, &form, error);
	if (r == 0) {
		request.body = form;
		request.body_len = strlen(form);
		r = http_start(http, &request, on_done, oauth2, &oauth2->transfer, error);
	}
	credential_free(form);
	if (r < 0) {
		oauth2_free(oauth2);
		return r;
	}
	*ret = oauth2;
	return 0;
}

struct oauth2 *oauth2_abort(struct oauth2 *oauth2)
{
	if (!oauth2)
		return NULL;
	http_abort(oauth2->transfer);
	return oauth2_free(oauth2);
}
