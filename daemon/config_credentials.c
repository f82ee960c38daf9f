/* config_credentials.c - the [credential NAME] sections of the configuration file. */
#include "daemon/config_credentials.h"

#include "daemon/remote/credential.h"
#include "proto/error.h"

#include <config.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SECTION "credential"

/* inih cuts the names of sections there; a name that long may be part of one. */
#define SECTION_MAX 48

#define FILES (1u << CREDENTIAL_FILE)
#define OAUTH2 (1u << CREDENTIAL_OAUTH2)
#define COMMANDS (1u << CREDENTIAL_COMMAND)

static const char *const types[] = {
	[CREDENTIAL_FILE] = "file", [CREDENTIAL_OAUTH2] = "oauth2", [CREDENTIAL_COMMAND] = "command", NULL,
};

enum value_type { VALUE_TYPE, VALUE_URL, VALUE_FILE_NAME, VALUE_TEXT, VALUE_COMMAND, VALUE_ORIGINS };

static const struct key {
	const char *name;
	enum value_type type;
	unsigned with;                 /* the types of credentials that have it */
	size_t offset;                 /* of the text in struct credential_source */
	const char *help;
} keys[] = {
#define IN(member) offsetof(struct credential_source, member)
	{ "type", VALUE_TYPE, FILES | OAUTH2 | COMMANDS, 0, "file, oauth2 or command; always given" },
	{ "token_url", VALUE_URL, OAUTH2, IN(token_url), "where access tokens are asked for" },
	{ "refresh_token", VALUE_FILE_NAME, OAUTH2, IN(refresh_token), "the file of the refresh token, if one is used" },
	{ "client_id", VALUE_TEXT, OAUTH2, IN(client_id), "who asks" },
	{ "client_secret", VALUE_FILE_NAME, OAUTH2, IN(client_secret), "the file of the client's secret" },
	{ "scope", VALUE_TEXT, OAUTH2, IN(scope), "what is asked for" },
	{ "command", VALUE_COMMAND, COMMANDS, IN(command), "a program and its arguments, not for a shell" },
	{ "origins", VALUE_ORIGINS, FILES | OAUTH2 | COMMANDS, 0, "where it may be sent to; may be given more than once" },
#undef IN
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

/* Until it is given. */
#define TYPE_MISSING ((enum credential_type)-1)

static const char **text_in(struct credential_source *source, const struct key *key)
{
	return (const char **)(void *)((char *)source + key->offset);
}

__attribute__((format(printf, 2, 3)))
static int wrong(char problem[CONFIG_PROBLEM_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(problem, CONFIG_PROBLEM_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

/* --- life ------------------------------------------------------------------------------------------------- */

struct config_credentials *config_credentials_new(void)
{
	return calloc(1, sizeof(struct config_credentials));
}

static void source_free(struct credential_source *source)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (keys[i].type != VALUE_TYPE && keys[i].type != VALUE_ORIGINS)
			free((char *)*text_in(source, &keys[i]));
	for (size_t i = 0; source->origins && source->origins[i]; i++)
		free((char *)source->origins[i]);
	free((void *)source->origins);
	free((char *)source->name);
}

struct config_credentials *config_credentials_free(struct config_credentials *credentials)
{
	if (!credentials)
		return NULL;
	for (size_t i = 0; i < credentials->count; i++)
		source_free(&credentials->sources[i]);
	free(credentials);
	return NULL;
}

/* --- reading ---------------------------------------------------------------------------------------------- */

const char *config_credentials_section(const char *section)
{
	size_t len = strlen(SECTION);

	return strncmp(section, SECTION " ", len + 1) == 0 ? section + len + 1 + strspn(section + len + 1, " ") : NULL;
}

/* Whether there may be one more, of that name. */
static int check_name(const struct config_credentials *credentials, const char *name,
    char problem[CONFIG_PROBLEM_MAX])
{
	if (strlen(SECTION " ") + strlen(name) > SECTION_MAX)
		return wrong(problem, "[" SECTION " ...]: a name has at most %d bytes", SECTION_MAX - (int)strlen(SECTION " "));
	if (!credential_valid_name(name))
		return wrong(problem, "[" SECTION " %s]: a name has letters, digits, '.', '_' and '-', and no leading dot", name);
	if (credentials->count == CONFIG_CREDENTIALS_MAX)
		return wrong(problem, "[" SECTION " %s]: more than %d of them", name, CONFIG_CREDENTIALS_MAX);
	return 0;
}

/* The source of that name, made where it is missing. NULL: the problem is told. */
static struct credential_source *find(struct config_credentials *credentials, const char *name, unsigned line,
    char problem[CONFIG_PROBLEM_MAX])
{
	struct credential_source *source;

	for (size_t i = 0; i < credentials->count; i++)
		if (strcmp(credentials->sources[i].name, name) == 0)
			return &credentials->sources[i];
	if (check_name(credentials, name, problem) < 0)
		return NULL;
	source = &credentials->sources[credentials->count];
	source->name = strdup(name);
	if (!source->name) {
		wrong(problem, "out of memory");
		return NULL;
	}
	source->type = TYPE_MISSING;
	credentials->lines[credentials->count++] = line;
	return source;
}

static int take_type(struct credential_source *source, const char *value, char problem[CONFIG_PROBLEM_MAX])
{
	if (source->type != TYPE_MISSING)
		return wrong(problem, SECTION " %s: type: given a second time", source->name);
	for (unsigned i = 0; types[i]; i++) {
		if (strcmp(types[i], value) == 0) {
			source->type = (enum credential_type)i;
			return 0;
		}
	}
	return wrong(problem, SECTION " %s: type: \"%s\" is none of file, oauth2, command", source->name, value);
}

/* A scheme, a host, perhaps a port, and nothing that would be ignored. */
static int take_origin(struct credential_source *source, const char *value, char problem[CONFIG_PROBLEM_MAX])
{
	struct error error = { 0 };
	const char **origins;
	char *origin;
	size_t n = 0;

	if (!http_is_origin(value))
		return wrong(problem, SECTION " %s: origins: \"%s\" has a path", source->name, value);
	if (http_origin(value, &origin, &error) < 0)
		return wrong(problem, SECTION " %s: origins: \"%s\": %.200s", source->name, value, error.message);
	while (source->origins && source->origins[n])
		n++;
	if (n == CONFIG_ORIGINS_MAX) {
		free(origin);
		return wrong(problem, SECTION " %s: origins: more than %d of them", source->name, CONFIG_ORIGINS_MAX);
	}
	origins = realloc((void *)source->origins, (n + 2) * sizeof(*origins));
	if (!origins) {
		free(origin);
		return wrong(problem, "out of memory");
	}
	origins[n] = origin;
	origins[n + 1] = NULL;
	source->origins = origins;
	return 0;
}

static int take_origins(struct credential_source *source, const char *value, char problem[CONFIG_PROBLEM_MAX])
{
	char text[256], *rest = text, *word;
	size_t words = 0;
	int r = 0;

	if (strlen(value) >= sizeof(text))
		return wrong(problem, SECTION " %s: origins: longer than %zu bytes", source->name, sizeof(text) - 1);
	memcpy(text, value, strlen(value) + 1);
	while (r == 0 && (word = strsep(&rest, " \t"))) {
		words += *word != '\0';
		r = *word ? take_origin(source, word, problem) : 0;
	}
	return r == 0 && words == 0 ? wrong(problem, SECTION " %s: origins: none given", source->name) : r;
}

static int check_text(const struct credential_source *source, const struct key *key, const char *value,
    char problem[CONFIG_PROBLEM_MAX])
{
	struct error error = { 0 };
	char *origin;

	if (!*value)
		return wrong(problem, SECTION " %s: %s: nothing given", source->name, key->name);
	switch (key->type) {
	case VALUE_URL:
		if (http_origin(value, &origin, &error) < 0)
			return wrong(problem, SECTION " %s: %s: %.200s", source->name, key->name, error.message);
		free(origin);
		return 0;
	case VALUE_FILE_NAME:
		if (!credential_valid_name(value))
			return wrong(problem, SECTION " %s: %s: \"%s\" is not the name of a file among the credentials",
			    source->name, key->name, value);
		return 0;
	case VALUE_COMMAND:
		if (*value != '/')
			return wrong(problem, SECTION " %s: %s: not an absolute path", source->name, key->name);
		return 0;
	default:
		return 0;
	}
}

static int take_text(struct credential_source *source, const struct key *key, const char *value,
    char problem[CONFIG_PROBLEM_MAX])
{
	const char **text = text_in(source, key);
	int r;

	if (*text)
		return wrong(problem, SECTION " %s: %s: given a second time", source->name, key->name);
	r = check_text(source, key, value, problem);
	if (r < 0)
		return r;
	*text = strdup(value);
	return *text ? 0 : wrong(problem, "out of memory");
}

static int unknown_key(const char *name, const char *key, char problem[CONFIG_PROBLEM_MAX])
{
	const char *names[N_KEYS + 1], *nearest;

	for (size_t i = 0; i < N_KEYS; i++)
		names[i] = keys[i].name;
	names[N_KEYS] = NULL;
	nearest = error_nearest(key, strlen(key), names);
	if (nearest)
		return wrong(problem, SECTION " %s: %s: no such key (did you mean %s?)", name, key, nearest);
	return wrong(problem, SECTION " %s: %s: no such key", name, key);
}

int config_credentials_take(struct config_credentials *credentials, const char *name, unsigned line, const char *key,
    const char *value, char ret_problem[CONFIG_PROBLEM_MAX])
{
	struct credential_source *source = find(credentials, name, line, ret_problem);

	if (!source)
		return -EINVAL;
	for (size_t i = 0; i < N_KEYS; i++) {
		if (strcmp(keys[i].name, key) != 0)
			continue;
		if (keys[i].type == VALUE_TYPE)
			return take_type(source, value, ret_problem);
		if (keys[i].type == VALUE_ORIGINS)
			return take_origins(source, value, ret_problem);
		return take_text(source, &keys[i], value, ret_problem);
	}
	return unknown_key(name, key, ret_problem);
}

/* --- as a whole ------------------------------------------------------------------------------------------- */

int config_credentials_check(const struct config_credentials *credentials, size_t index, bool machine,
    char ret_problem[CONFIG_PROBLEM_MAX])
{
	struct credential_source source = credentials->sources[index];

	if (source.type == TYPE_MISSING)
		return wrong(ret_problem, SECTION " %s: no type", source.name);
	for (size_t i = 0; i < N_KEYS; i++) {
		bool text = keys[i].type != VALUE_TYPE && keys[i].type != VALUE_ORIGINS;

		if (text && *text_in(&source, &keys[i]) && !(keys[i].with & 1u << source.type))
			return wrong(ret_problem, SECTION " %s: %s is not for type = %s", source.name, keys[i].name,
			    types[source.type]);
	}
	if (source.type == CREDENTIAL_OAUTH2 && !source.token_url)
		return wrong(ret_problem, SECTION " %s: no token_url", source.name);
	if (source.type == CREDENTIAL_OAUTH2 && !source.refresh_token && !source.client_secret)
		return wrong(ret_problem, SECTION " %s: neither refresh_token nor client_secret", source.name);
	if (source.type == CREDENTIAL_COMMAND && machine)
		return wrong(ret_problem, SECTION " %s: the daemon of the machine runs no commands", source.name);
	if (source.type == CREDENTIAL_COMMAND && !source.command)
		return wrong(ret_problem, SECTION " %s: no command", source.name);
	return 0;
}

void config_credentials_describe(FILE *to)
{
	fputs("  [" SECTION " NAME]\n", to);
	for (size_t i = 0; i < N_KEYS; i++)
		fprintf(to, "  %-22s %s\n", keys[i].name, keys[i].help);
}
