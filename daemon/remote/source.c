/* source.c - where a credential comes from, as the configuration has it: copies, and the origins it is bound to. */
#include "config.h"

#include "daemon/remote/source.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The texts of a source. */
static const size_t texts[] = {
	offsetof(struct credential_source, name), offsetof(struct credential_source, token_url),
	offsetof(struct credential_source, refresh_token), offsetof(struct credential_source, client_id),
	offsetof(struct credential_source, client_secret), offsetof(struct credential_source, scope),
	offsetof(struct credential_source, command),
};
#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

static const char **text_of(const struct credential_source *source, size_t i)
{
	return (const char **)(void *)((char *)(void *)source + texts[i]);
}

static size_t count_of(const char *const *origins)
{
	size_t n = 0;

	while (origins && origins[n])
		n++;
	return n;
}

static int copy_origins(const char *const *from, const char *const **ret)
{
	size_t n = count_of(from), i;
	char **copy;

	if (!from)
		return 0;
	copy = calloc(n + 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*ret = (const char *const *)copy;
	for (i = 0; i < n; i++) {
		int r = http_origin(from[i], &copy[i], NULL);

		/* kept as it is, it is equal to no origin */
		if (r == -EINVAL)
			copy[i] = strdup(from[i]);
		if (!copy[i])
			return -ENOMEM;
	}
	return 0;
}

int source_copy(const struct credential_source *from, struct source *ret)
{
	struct source copy = { .is = { .type = from->type } };
	size_t i;

	for (i = 0; i < N_TEXTS; i++) {
		if (!*text_of(from, i))
			continue;
		*text_of(&copy.is, i) = strdup(*text_of(from, i));
		if (!*text_of(&copy.is, i))
			goto fail;
	}
	if (copy_origins(from->origins, &copy.is.origins) < 0)
		goto fail;
	*ret = copy;
	return 0;
fail:
	source_done(&copy);
	return -ENOMEM;
}

void source_done(struct source *source)
{
	size_t i;

	for (i = 0; i < N_TEXTS; i++)
		free((char *)*text_of(&source->is, i));
	for (i = 0; i < count_of(source->is.origins); i++)
		free((char *)source->is.origins[i]);
	free((void *)source->is.origins);
	memset(source, 0, sizeof(*source));
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool source_equal(const struct source *a, const struct source *b)
{
	size_t n = count_of(a->is.origins), i;

	if (a->is.type != b->is.type || !a->is.origins != !b->is.origins || n != count_of(b->is.origins))
		return false;
	for (i = 0; i < N_TEXTS; i++)
		if (!same(*text_of(&a->is, i), *text_of(&b->is, i)))
			return false;
	for (i = 0; i < n; i++)
		if (!same(a->is.origins[i], b->is.origins[i]))
			return false;
	return true;
}

bool source_names_origin(const struct source *source, const char *origin)
{
	size_t i;

	for (i = 0; i < count_of(source->is.origins); i++)
		if (strcmp(source->is.origins[i], origin) == 0)
			return true;
	return false;
}
