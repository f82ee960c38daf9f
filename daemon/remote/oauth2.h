/* oauth2.h - one request to an OAuth2 token endpoint: RFC 6749, with a refresh token or the client's own secret. */
#ifndef REMOTE_OAUTH2_H
#define REMOTE_OAUTH2_H

#include "daemon/remote/credentials.h"
#include "daemon/remote/token.h"

#include <stdint.h>

struct oauth2;

struct oauth2_input {
	const struct credential_source *source;
	const char *directory;         /* of the files that it names; NULL: none of ours */
	const char *refresh;           /* in place of the file's: one that could not be written there; or NULL */
	int64_t (*wall_ms)(void *self);
	void *clock_self;
};

/* token NULL: it failed, error says how (ERROR_PERMISSION_DENIED: the grant was refused), retry_after_usec when to come
 * back (0: not said). Otherwise the callee may empty *token, which is then its own; its refresh token is NULL unless it
 * is a new one. */
typedef void (*oauth2_cb)(void *arg, struct token *token, const struct error *error, uint64_t retry_after_usec);

/* Send it; input is borrowed for the call. Returns 0; what reading the files gives; -EINVAL, -ENOMEM. No message has
 * a secret or anything of the endpoint's answer but a code that is known. */
int oauth2_start(struct http *http, const struct oauth2_input *input, oauth2_cb done, void *arg, struct oauth2 **ret,
    struct error *error);

/* done will not be called. NULL is allowed; returns NULL. */
struct oauth2 *oauth2_abort(struct oauth2 *oauth2);

#endif
