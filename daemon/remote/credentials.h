/* credentials.h - the values of credentials, wherever they come from: a file, an OAuth2 token endpoint, a command. */
#ifndef REMOTE_CREDENTIALS_H
#define REMOTE_CREDENTIALS_H

#include "daemon/remote/http.h"
#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

enum credential_type {
	CREDENTIAL_FILE,               /* credential.h: read afresh each time */
	CREDENTIAL_OAUTH2,             /* an access token, got with a refresh token or with the client's own secret */
	CREDENTIAL_COMMAND             /* what a helper prints: Kubernetes' ExecCredential, or one line */
};

/* One [credential NAME] of the configuration. Texts may be NULL. */
struct credential_source {
	const char *name;
	enum credential_type type;
	const char *token_url;         /* OAuth2: POST there */
	const char *refresh_token;     /* name of the file that holds it; rewritten when the server rotates it */
	const char *client_id;
	const char *client_secret;     /* name of the file that holds it */
	const char *scope;
	const char *command;           /* words separated by blanks, the first an absolute path; no shell */
	const char *const *origins;    /* "https://host[:port]", ends with NULL; NULL: not bound */
};

struct credentials_config {
	const char *directory;         /* of files; NULL: none */
	const struct credential_source *sources;
	size_t count;
	bool commands;                 /* helpers may be run: not in the machine's daemon */
	int64_t (*wall_ms)(void *self);
	void *clock_self;
};

struct credentials;
struct credential_wait;

/* base and http are borrowed and outlive it; everything of config is copied but clock_self. NULL: no memory. */
struct event_base;
struct credentials *credentials_new(struct event_base *base, struct http *http, const struct credentials_config *config);
/* Nobody may be waiting. NULL is allowed; returns NULL. */
struct credentials *credentials_free(struct credentials *credentials);
/* New sources from now on; tokens of sources that did not change are kept. 0, or -ENOMEM with the old ones in force. */
int credentials_configure(struct credentials *credentials, const struct credentials_config *config);

/* value NULL: it could not be had, error says why (never a secret). Both borrowed for the call. */
typedef void (*credential_cb)(void *arg, const char *value, const struct error *error);

/*
 * The value of a credential. A name without a [credential NAME] is a file.
 *   rejected   the value that a service has just refused, or NULL: that one is not given again while another can
 *              be had; a file's value is given again only if it has changed. However many ask, there is one
 *              request to the token endpoint, or one helper, at a time for a credential; after one that failed,
 *              the next is not made before a pause (1 s, doubled up to 60 s), and the failure is the answer meanwhile
 * Returns 1 with *ret_value, to be freed with credential_free(); 0: done will be called, *ret_wait is for
 * credentials_cancel(); or negative with error. -EKEYREJECTED: only the rejected value can be had.
 */
int credentials_get(struct credentials *credentials, const char *name, const char *rejected, credential_cb done,
    void *arg, char **ret_value, struct credential_wait **ret_wait, struct error *error);
void credentials_cancel(struct credential_wait *wait);

/* May a credential be sent to an origin ("https://host:port", as http_origin() has it)? *ret_bound: whether the
 * configuration binds it to origins; if it does not, the answer is true, and the spec's own origins decide. */
bool credentials_allow(const struct credentials *credentials, const char *name, const char *origin, bool *ret_bound);

#endif
