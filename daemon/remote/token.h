/* token.h - what a token endpoint answers, and what a helper prints. Pure. */
#ifndef REMOTE_TOKEN_H
#define REMOTE_TOKEN_H

#include "proto/error.h"

#include <stddef.h>
#include <stdint.h>

#define TOKEN_MAX (64 * 1024)              /* bytes of a value, and of what a helper prints */
#define TOKEN_NO_EXPIRY INT64_MAX

/* Owned texts; token_done() wipes them. */
struct token {
	char *value;
	char *refresh;                 /* the new refresh token, or NULL */
	int64_t expires_at_ms;         /* wall clock; TOKEN_NO_EXPIRY: not said */
};

/* RFC 6749's answer to a good request: access_token, expires_in, refresh_token. now_ms: wall clock.
 * 0; ERROR_FAILED with the reason and nothing of the body; -ENOMEM. */
int token_read_oauth2(const void *body, size_t len, int64_t now_ms, struct token *ret, struct error *error);

/* The error code of a refusal ("invalid_grant") when it is one of those that are known, so that no
 * text of the service's gets into messages; else NULL. */
const char *token_refusal(const void *body, size_t len);

/* Kubernetes' ExecCredential ({"status": {"token": ..., "expirationTimestamp": ...}}), or one line of text, which
 * is the value. Errors as above. */
int token_read_command(const char *text, size_t len, struct token *ret, struct error *error);

void token_done(struct token *token);

#endif
