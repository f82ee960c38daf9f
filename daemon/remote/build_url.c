/* build_url.c - where a request goes to: base, url and query, filled in. Pure. */
#include "config.h"

#include "daemon/remote/build.h"
#include "daemon/remote/fields.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_absolute(const char *url)
{
	return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

/* A space or control character: no URL has one. */
static bool has_space(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= 0x20 || text[i] == 0x7f)
			return true;
	return false;
}

/* The value of a template that is a single name, as it is. One that is to be a URL has no spaces. */
static int single_value(const char *name, const struct values *values, char **ret, struct error *error)
{
	const json_t *value = values_find(values, name);
	size_t len;
	int r;

	if (!value)
		return error_set(error, ERROR_INVALID_SPEC, "{%s} has no value", name);
	r = template_value_text(name, value, ret, &len, error);
	if (r == 0 && has_space(*ret, len) && (is_absolute(*ret) || **ret == '/')) {
		free(*ret);
		return error_set(error, ERROR_INVALID_SPEC, "the value of {%s} is not a URL", name);
	}
	return r;
}

int build_base(const struct spec *spec, const struct values *values, char **ret, struct error *error)
{
	char name[TEMPLATE_NAME_MAX + 1], *base;
	int r;

	if (!spec->base) {
		*ret = NULL;
		return 0;
	}
	if (template_single(spec->base, name, NULL))
		r = single_value(name, values, &base, error);
	else
		r = template_fill(spec->base, TEMPLATE_URL, values, REMOTE_URL_MAX, &base, NULL, error);
	if (r < 0) {
		error_wrap(error, "base");
		return r;
	}
	if (is_absolute(base)) {
		*ret = base;
		return 0;
	}
	r = error_set(error, ERROR_INVALID_SPEC, "base: \"%.200s\" is not an http or https URL", base);
	free(base);
	return r;
}

/* Does a path have a "." or ".." segment, or name a host? Only filled values are looked at like this. */
static const char *path_fault(const char *url)
{
	const char *path = url;

	if (is_absolute(url)) {
		path = strchr(strstr(url, "//") + 2, '/');
		if (!path)
			return NULL;
	} else if (url[0] == '/' && url[1] == '/') {
		return "it starts with \"//\", which would name another host";
	}
	while (*path && *path != '?' && *path != '#') {
		size_t len = strcspn(path, "/?#");

		if ((len == 1 && path[0] == '.') || (len == 2 && path[0] == '.' && path[1] == '.'))
			return "it has \".\" or \"..\" in its path";
		path += len;
		path += *path == '/';
	}
	return NULL;
}

/* The url begins with a {+name} whose value is a URL, or starts at the root: that value as it is, and the rest, which
 * goes on with its path or, from a ? or &, with its query. 1, or 0: it does not. */
static int fill_given(const struct request *request, const struct values *values, char **ret, struct error *error)
{
	char name[TEMPLATE_NAME_MAX + 1], *given, *rest = NULL, *whole = NULL;
	size_t len = template_prefix(request->url, name);
	int r;

	if (len == 0)
		return 0;
	r = single_value(name, values, &given, error);
	if (r < 0)
		return r;
	if (!is_absolute(given) && (given[0] != '/' || given[1] == '/')) {
		free(given);
		return 0;
	}
	r = template_fill(request->url + len, TEMPLATE_URL, values, REMOTE_URL_MAX, &rest, NULL, error);
	if (r == 0 && *rest != '/' && path_fault(rest))
		r = error_set(error, ERROR_INVALID_SPEC, "%s: \"%.200s\"", path_fault(rest), rest);
	else if (r == 0 && *rest == '/' && path_fault(rest + 1))
		r = error_set(error, ERROR_INVALID_SPEC, "%s: \"%.200s\"", path_fault(rest + 1), rest);
	if (r == 0) {
		size_t path = *rest == '?' || *rest == '&' ? strlen(given) : strcspn(given, "?#");

		if (asprintf(&whole, "%.*s%s%s", (int)path, given, rest, given + path) < 0)
			r = place_no_memory(error);
	}
	free(given);
	free(rest);
	if (r < 0)
		return r;
	*ret = whole;
	return 1;
}

/* The reference that is resolved against the base, without the query of `query`. */
static int fill_reference(const struct request *request, const struct values *values, char **ret,
    struct error *error)
{
	char *reference;
	const char *why;
	int r = fill_given(request, values, ret, error);

	if (r != 0)
		return r < 0 ? r : 0;
	r = template_fill(request->url, TEMPLATE_URL, values, REMOTE_URL_MAX, &reference, NULL, error);
	if (r < 0)
		return r;
	why = path_fault(reference);
	if (why) {
		r = error_set(error, ERROR_INVALID_SPEC, "%s: \"%.200s\"", why, reference);
		free(reference);
		return r;
	}
	*ret = reference;
	return 0;
}

/* A base is a directory: what is relative to it is below its whole path. */
static int below(const char *base, char **ret)
{
	size_t len = strcspn(base, "?#");
	bool closed = len > 0 && base[len - 1] == '/';

	return asprintf(ret, "%.*s%s", (int)len, base, closed ? "" : "/");
}

static int resolve(const char *base, const char *reference, char **ret, struct error *error)
{
	struct error why;
	char *directory = NULL;
	int r;

	if (!is_absolute(reference) && strncmp(reference + strcspn(reference, ":/?#"), "://", 3) == 0)
		return error_set(error, ERROR_INVALID_SPEC, "\"%.200s\" is not an http or https URL", reference);
	if (!is_absolute(reference) && !base)
		return error_set(error, ERROR_INVALID_SPEC, "\"%.200s\" is relative, and there is no base", reference);
	if (!is_absolute(reference) && below(base, &directory) < 0)
		return place_no_memory(error);
	r = http_resolve(directory, reference, ret, &why);
	free(directory);
	if (r == -ENOMEM)
		return place_no_memory(error);
	return r < 0 ? error_set(error, ERROR_INVALID_SPEC, "%s", why.message) : 0;
}

/* url, which is taken, with the fields of `query` behind it. */
static int append_query(char *url, const struct request *request, const struct values *values, bool first_page,
    char **ret, struct error *error)
{
	struct text text = { .max = REMOTE_URL_MAX };
	json_t *query = NULL;
	int r = text_append_str(&text, url);

	if (r == -EMSGSIZE)
		r = error_set(error, ERROR_INVALID_SPEC, "it is too long");
	else if (r < 0 || (first_page && fields_first_page(request->query, &query) < 0))
		r = place_no_memory(error);
	else
		r = fields_append(&text, strchr(url, '?') ? "&" : "?", query ? query : request->query, values, error);
	json_decref(query);
	free(url);
	url = r == 0 ? text_take(&text) : NULL;
	text_done(&text);
	if (r < 0)
		return r;
	if (!url)
		return place_no_memory(error);
	*ret = url;
	return 0;
}

bool build_is_first_page(enum step step, const struct values *values)
{
	return step == STEP_LIST && !json_object_get(values->builtin, "page");
}

int build_url(const struct spec *spec, enum step step, const struct values *values, char **ret,
    struct error *error)
{
	const struct request *request = &spec->requests[step];
	char *base = NULL, *reference = NULL, *url = NULL;
	const char *part = "url";
	int r;

	r = build_base(spec, values, &base, error);
	if (r < 0)
		return r;
	r = fill_reference(request, values, &reference, error);
	if (r == 0)
		r = resolve(base, reference, &url, error);
	if (r == 0 && request->query) {
		part = "query";
		r = append_query(url, request, values, build_is_first_page(step, values), &url, error);
	}
	free(base);
	free(reference);
	if (r < 0) {
		error_wrap(error, "%s.%s", request_step_name(step), part);
		return r;
	}
	*ret = url;
	return 0;
}

int build_given_url(const struct spec *spec, enum step step, const struct values *values, const char *given,
    char **ret, struct error *error)
{
	char *base = NULL;
	int r = 0;

	if (has_space(given, strlen(given)))
		r = error_set(error, ERROR_INVALID_SPEC, "%s.url: the service gave \"%.200s\", which is not a URL",
		    request_step_name(step), given);
	else if (!is_absolute(given))
		r = build_base(spec, values, &base, error);
	if (r < 0)
		return r;
	r = resolve(base, given, ret, error);
	free(base);
	if (r < 0)
		error_wrap(error, "%s.url", request_step_name(step));
	return r;
}
