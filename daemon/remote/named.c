/* named.c - the origins that people named for a future that goes on: an answer cannot name one for its credential. */
#include "config.h"

#include "daemon/remote/named.h"
#include "daemon/remote/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int add(json_t *named, const char *origin)
{
	return json_object_set_new(named, origin, json_true()) < 0 ? -ENOMEM : 0;
}

/* The origin of a text that is a URL with all of its origin written out. */
static int add_text(json_t *named, const char *text)
{
	size_t scheme = strncasecmp(text, "http://", 7) == 0 ? 7 : strncasecmp(text, "https://", 8) == 0 ? 8 : 0;
	size_t len = scheme + strcspn(text + scheme, "/?#");
	char *url, *origin;
	int r;

	if (scheme == 0 || strcspn(text, "{}") < len)
		return 0;
	url = strndup(text, len);
	if (!url)
		return -ENOMEM;
	r = http_origin(url, &origin, NULL);
	free(url);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = add(named, origin);
	free(origin);
	return r;
}

static int add_all(json_t *named, const json_t *json)
{
	const char *key;
	json_t *value;
	size_t i;
	int r = 0;

	if (json_is_string(json))
		return add_text(named, json_string_value(json));
	json_array_foreach((json_t *)json, i, value)
		r = r < 0 ? r : add_all(named, value);
	json_object_foreach((json_t *)json, key, value)
		r = r < 0 ? r : add_all(named, value);
	return r;
}

int named_after(const struct remote_plan *from, const json_t *profile, json_t **ret)
{
	json_t *named = from->named ? json_copy(from->named) : json_object();
	int r = named ? 0 : -ENOMEM;

	if (r == 0 && !from->named) {
		r = add_all(named, from->spec->root);
		r = r < 0 ? r : add_all(named, from->params);
	}
	for (char **origin = from->origins; r == 0 && origin && *origin; origin++)
		r = add(named, *origin);
	r = r < 0 ? r : add_all(named, profile);
	if (r < 0)
		json_decref(named);
	else
		*ret = named;
	return r;
}

void named_only(const json_t *named, char **origins)
{
	char **to = origins;

	for (; *origins; origins++) {
		if (json_object_get(named, *origins))
			*to++ = *origins;
		else
			free(*origins);
	}
	*to = NULL;
}
