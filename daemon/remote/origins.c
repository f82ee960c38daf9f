/* origins.c - the origins that a spec names itself: its credential goes there, and not where only an answer leads. */
#include "daemon/remote/origins.h"
#include "daemon/remote/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Every name of names that params do not have, with text as its value. -ENOMEM. */
static int stand_in(json_t *values, const json_t *names, const json_t *params, const char *text)
{
	const char *name;
	json_t *where;

	json_object_foreach((json_t *)names, name, where)
		if (!json_object_get(params, name) && json_object_set_new(values, name, json_string(text)) < 0)
			return -ENOMEM;
	return 0;
}

/* The origin when all that is not known yet is text. step STEPS: of base. *ret NULL: there is none. */
static int origin_with(const struct spec *spec, enum step step, const json_t *params, const char *text, char **ret)
{
	const json_t *own = step < STEPS ? spec->requests[step].names : NULL;
	json_t *unknown = json_object();
	const struct values values = { .captured = unknown, .params = params };
	char *url = NULL;
	int r;

	*ret = NULL;
	if (!unknown || stand_in(unknown, spec->names, params, text) < 0 || stand_in(unknown, own, params, text) < 0) {
		json_decref(unknown);
		return -ENOMEM;
	}
	if (step < STEPS)
		r = build_url(spec, step, &values, &url, NULL);
	else
		r = build_base(spec, &values, &url, NULL);
	json_decref(unknown);
	if (r == 0 && url)
		r = http_origin(url, ret, NULL);
	free(url);
	return r == -ENOMEM ? r : 0;
}

/* An origin in which something unknown has a part is another one when that is another text: "1" and "2" are good
 * for hosts and for ports. */
static int find(const struct spec *spec, enum step step, const json_t *params, char **ret)
{
	char *first, *second;
	int r = origin_with(spec, step, params, "1", &first);

	if (r < 0)
		return r;
	r = first ? origin_with(spec, step, params, "2", &second) : 0;
	if (r < 0 || !first) {
		free(first);
		if (r == 0)
			*ret = NULL;
		return r;
	}
	if (!second || strcmp(first, second) != 0) {
		free(first);
		first = NULL;
	}
	free(second);
	*ret = first;
	return 0;
}

int origins_base(const struct spec *spec, const json_t *params, char **ret)
{
	return find(spec, STEPS, params, ret);
}

/* Does the URL begin with a {+name} that only an answer can give? Then it may be any URL. */
static bool is_given(const struct request *request, const json_t *params)
{
	char name[TEMPLATE_NAME_MAX + 1];

	return template_prefix(request->url, name) > 0 && !json_object_get(params, name);
}

/* A path of the base's origin: what is filled in cannot make it name a host (build_url.c). Nearly all are like this. */
static bool is_below_base(const struct request *request)
{
	return request->url[0] == '/' && request->url[1] != '/';
}

int origins_step(const struct spec *spec, enum step step, const json_t *params, char **ret)
{
	const struct request *request = &spec->requests[step];

	if (!request->given || is_given(request, params)) {
		*ret = NULL;
		return 0;
	}
	return is_below_base(request) ? origins_base(spec, params, ret) : find(spec, step, params, ret);
}

bool origins_have(char *const *origins, const char *origin)
{
	for (; *origins; origins++)
		if (strcmp(*origins, origin) == 0)
			return true;
	return false;
}

/* Take origin, which may be NULL. */
static void add(char **origins, char *origin)
{
	if (!origin || origins_have(origins, origin)) {
		free(origin);
		return;
	}
	while (*origins)
		origins++;
	*origins = origin;
}

int origins_find(const struct spec *spec, const json_t *params, char ***ret)
{
	char **origins = calloc(STEPS + 2, sizeof(*origins)), *origin = NULL;
	int r = origins ? origins_base(spec, params, &origin) : -ENOMEM;

	if (r == 0)
		add(origins, origin);
	for (enum step step = STEP_SUBMIT; r == 0 && step < STEPS; step++) {
		if (!spec->requests[step].given || is_below_base(&spec->requests[step]))
			continue;
		r = origins_step(spec, step, params, &origin);
		if (r == 0)
			add(origins, origin);
	}
	if (r < 0) {
		origins_free(origins);
		return r;
	}
	*ret = origins;
	return 0;
}

char **origins_free(char **origins)
{
	for (size_t i = 0; origins && origins[i]; i++)
		free(origins[i]);
	free(origins);
	return NULL;
}
