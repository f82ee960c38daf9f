/* config_credentials.h - the [credential NAME] sections of the configuration file. */
#ifndef DAEMON_CONFIG_CREDENTIALS_H
#define DAEMON_CONFIG_CREDENTIALS_H

#include "daemon/remote/credentials.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CONFIG_CREDENTIALS_MAX 64
#define CONFIG_ORIGINS_MAX 32              /* of one credential */
#define CONFIG_PROBLEM_MAX 400

struct config_credentials {
	struct credential_source sources[CONFIG_CREDENTIALS_MAX];   /* the texts are ours */
	unsigned lines[CONFIG_CREDENTIALS_MAX];    /* of the first key of each */
	size_t count;
};

/* NULL: no memory. */
struct config_credentials *config_credentials_new(void);
struct config_credentials *config_credentials_free(struct config_credentials *credentials);

/* "credential NAME" is the name of such a section: returns NAME, else NULL. */
const char *config_credentials_section(const char *section);

/* Take a key of the section of name. 0, or -EINVAL with what is wrong. */
int config_credentials_take(struct config_credentials *credentials, const char *name, unsigned line, const char *key,
    const char *value, char ret_problem[CONFIG_PROBLEM_MAX]);

/* Whether the section at index is whole. machine: of the daemon of the machine, which runs no commands. As above. */
int config_credentials_check(const struct config_credentials *credentials, size_t index, bool machine,
    char ret_problem[CONFIG_PROBLEM_MAX]);

/* The keys for people. */
void config_credentials_describe(FILE *to);

#endif
