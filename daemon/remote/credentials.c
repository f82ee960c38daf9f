/* credentials.c - the values of credentials: those that are files. */
#include "daemon/remote/credentials.h"
#include "daemon/remote/credential.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct credentials {
	char *directory;
};

struct credentials *credentials_new(struct event_base *base, struct http *http, const struct credentials_config *config)
{
	struct credentials *credentials = calloc(1, sizeof(*credentials));

	if (credentials && credentials_configure(credentials, config) < 0)
		return credentials_free(credentials);
	return credentials;
}

struct credentials *credentials_free(struct credentials *credentials)
{
	if (!credentials)
		return NULL;
	free(credentials->directory);
	free(credentials);
	return NULL;
}

int credentials_configure(struct credentials *credentials, const struct credentials_config *config)
{
	char *directory = config->directory ? strdup(config->directory) : NULL;

	if (config->directory && !directory)
		return -ENOMEM;
	free(credentials->directory);
	credentials->directory = directory;
	return 0;
}

int credentials_get(struct credentials *credentials, const char *name, const char *rejected, credential_cb done,
    void *arg, char **ret_value, struct credential_wait **ret_wait, struct error *error)
{
	char *value;
	int r = credential_read(name, credentials->directory, &value, error);

	if (r < 0)
		return r;
	if (rejected && strcmp(value, rejected) == 0) {
		credential_free(value);
		error_set(error, ERROR_INVALID_SPEC, "credential %s: it was refused, and it has not changed", name);
		return -EKEYREJECTED;
	}
	*ret_value = value;
	return 1;
}

void credentials_cancel(struct credential_wait *wait)
{
}

bool credentials_allow(const struct credentials *credentials, const char *name, const char *origin, bool *ret_bound)
{
	*ret_bound = false;
	return true;
}
