/* build.c - fills a request's templates: the HTTP request that is sent. Pure. */
#include "daemon/remote/build.h"
#include "daemon/remote/base64.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_absolute(const char *url)
{
	return strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;
}

static bool has_control(const char *text, size_t len, bool space_too)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x20 && (c != '\t' || space_too)) || c == 0x7f || (c == ' ' && space_too))
			return true;
	}
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
	if (r == 0 && has_control(*ret, len, true) && (is_absolute(*ret) || **ret == '/')) {
		free(*ret);
		return error_set(error, ERROR_INVALID_SPEC, "the value of {%s} is not a URL", name);
	}
	return r;
}

int build_base(const struct spec *spec, const struct values *values, char **ret, struct error *error)
{
	char name[REMOTE_NAME_MAX + 1];
	int r;

	if (!spec->base) {
		*ret = NULL;
		return 0;
	}
	if (template_single(spec->base, name, NULL))
		r = single_value(name, values, ret, error);
	else
		r = template_fill(spec->base, TEMPLATE_URL, values, REMOTE_URL_MAX, ret, NULL, error);
	if (r < 0) {
		error_wrap(error, "base");
		return r;
	}
	if (is_absolute(*ret))
		return 0;
	r = error_set(error, ERROR_INVALID_SPEC, "base: \"%.200s\" is not an http or https URL", *ret);
	free(*ret);
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

/* The reference that is resolved against the base, without the query of `query`. */
static int fill_reference(const struct request *request, const struct values *values, char **ret,
    struct error *error)
{
	char name[REMOTE_NAME_MAX + 1], *reference;
	const char *why;
	bool plus;
	int r;

	if (template_single(request->url, name, &plus) && plus) {
		r = single_value(name, values, &reference, error);
		if (r < 0)
			return r;
		if (is_absolute(reference) || (reference[0] == '/' && reference[1] != '/')) {
			*ret = reference;
			return 0;
		}
		free(reference);
	}
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

/* Append "name=value" with a separator before it. */
static int append_pair(struct text *text, const char *separator, const char *name, const char *value,
    size_t value_len)
{
	char *escaped_name = http_escape(name, strlen(name), false);
	char *escaped = http_escape(value, value_len, false);
	int r = escaped_name && escaped ? text_append_str(text, separator) : -ENOMEM;

	if (r == 0)
		r = text_append_str(text, escaped_name);
	if (r == 0)
		r = text_append_str(text, "=");
	if (r == 0)
		r = text_append_str(text, escaped);
	free(escaped_name);
	free(escaped);
	return r;
}

/* Fill one scalar and append it. *separator is "&" afterwards. */
static int append_field(struct text *text, const char **separator, const char *name, const json_t *value,
    struct error *error)
{
	char *plain;
	size_t len;
	int r = template_value_text(name, value, &plain, &len, error);

	if (r < 0)
		return r;
	r = append_pair(text, *separator, name, plain, len);
	*separator = "&";
	free(plain);
	if (r == -EMSGSIZE)
		return error_set(error, ERROR_INVALID_SPEC, "it is longer than %zu bytes when filled in", text->max);
	return r < 0 ? place_no_memory(error) : 0;
}

/* Append the fields of a query or form; an array is a name that is repeated. */
static int append_fields(struct text *text, const char *separator, const json_t *fields,
    const struct values *values, struct error *error)
{
	json_t *filled, *value, *item;
	const char *name;
	size_t i;
	int r;

	r = template_fill_json(fields, values, &filled, error);
	if (r < 0)
		return r;
	json_object_foreach(filled, name, value) {
		if (!json_is_array(value))
			r = append_field(text, &separator, name, value, error);
		json_array_foreach(value, i, item)
			if (r == 0)
				r = append_field(text, &separator, name, item, error);
		if (r < 0)
			break;
	}
	json_decref(filled);
	return r;
}

static int resolve(const char *base, const char *reference, char **ret, struct error *error)
{
	struct error why;
	int r;

	if (!is_absolute(reference) && strncmp(reference + strcspn(reference, ":/?#"), "://", 3) == 0)
		return error_set(error, ERROR_INVALID_SPEC, "\"%.200s\" is not an http or https URL", reference);
	if (!is_absolute(reference) && !base)
		return error_set(error, ERROR_INVALID_SPEC, "\"%.200s\" is relative, and there is no base", reference);
	r = http_resolve(is_absolute(reference) ? NULL : base, reference, ret, &why);
	if (r == -ENOMEM)
		return place_no_memory(error);
	return r < 0 ? error_set(error, ERROR_INVALID_SPEC, "%s", why.message) : 0;
}

int build_url(const struct spec *spec, enum step step, const struct values *values, char **ret,
    struct error *error)
{
	const struct request *request = &spec->requests[step];
	char *base = NULL, *reference = NULL, *url = NULL;
	struct text text = { .max = REMOTE_URL_MAX };
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
		r = text_append_str(&text, url);
		if (r == 0)
			r = append_fields(&text, strchr(url, '?') ? "&" : "?", request->query, values, error);
		else
			r = error_set(error, ERROR_INVALID_SPEC, "it is too long");
		free(url);
		url = NULL;
		if (r == 0) {
			url = text_take(&text);
			r = url ? 0 : place_no_memory(error);
		}
	}
	free(base);
	free(reference);
	text_done(&text);
	if (r < 0) {
		free(url);
		error_wrap(error, "%s.%s", request_step_name(step), part);
		return r;
	}
	*ret = url;
	return 0;
}

static struct http_header *find_header(struct built_request *built, const char *name)
{
	for (size_t i = 0; i < built->n_headers; i++)
		if (strcasecmp(built->headers[i].name, name) == 0)
			return &built->headers[i];
	return NULL;
}

/* Set a header, in place of one of that name. Takes value, which may be NULL for "no memory". */
static int set_header(struct built_request *built, const char *name, char *value, struct error *error)
{
	struct http_header *header = find_header(built, name);

	if (!value)
		return place_no_memory(error);
	if (!header) {
		header = &built->headers[built->n_headers++];
		*header = (struct http_header){ .name = name };
	}
	free((char *)header->value);
	header->value = value;
	return 0;
}

/* Does a template name the credential? */
static bool has_credential(const char *template)
{
	return strstr(template, "{credential}") || strstr(template, "{+credential}");
}

/* where: "poll." or "", for the message. Values are never shown. */
static int fill_headers(struct built_request *built, const json_t *headers, const char *step,
    const struct values *values, bool foreign, struct error *error)
{
	const char *name;
	json_t *template;

	json_object_foreach((json_t *)headers, name, template) {
		char *value;
		size_t len;
		int r;

		if (foreign && has_credential(json_string_value(template)))
			continue;
		r = template_fill(json_string_value(template), TEMPLATE_PLAIN, values, REMOTE_HEADER_MAX, &value,
		    &len, error);

		if (r == 0 && has_control(value, len, false)) {
			free(value);
			r = error_set(error, ERROR_INVALID_SPEC, "its value has a control character");
		}
		if (r < 0) {
			error_wrap(error, "%s%sheaders[\"%s\"]", step, *step ? "." : "", name);
			return r;
		}
		r = set_header(built, name, value, error);
		if (r < 0)
			return r;
	}
	return 0;
}

static int fill_json(const struct request *request, const struct values *values, void **ret, size_t *ret_len,
    struct error *error)
{
	json_t *filled;
	char *text;
	int r = template_fill_json(request->body, values, &filled, error);

	if (r < 0)
		return r;
	text = json_dumps(filled, JSON_COMPACT | JSON_ENCODE_ANY);
	json_decref(filled);
	if (!text)
		return place_no_memory(error);
	*ret = text;
	*ret_len = strlen(text);
	return 0;
}

static int fill_form(const struct request *request, const struct values *values, void **ret, size_t *ret_len,
    struct error *error)
{
	struct text text = { .max = REMOTE_BODY_MAX };
	int r = append_fields(&text, "", request->body, values, error);
	size_t len = text.len;
	char *data;

	if (r < 0) {
		text_done(&text);
		return r;
	}
	data = text_take(&text);
	if (!data)
		return place_no_memory(error);
	*ret = data;
	*ret_len = len;
	return 0;
}

static int fill_text(const struct request *request, const struct values *values, void **ret, size_t *ret_len,
    struct error *error)
{
	char *text;
	int r = template_fill(json_string_value(request->body), TEMPLATE_PLAIN, values, REMOTE_BODY_MAX, &text, ret_len,
	    error);

	if (r == 0)
		*ret = text;
	return r;
}

static int fill_bytes(const struct request *request, const struct values *values, void **ret, size_t *ret_len,
    struct error *error)
{
	void *text = NULL;
	size_t len = 0;
	int r = fill_text(request, values, &text, &len, error);

	if (r < 0)
		return r;
	r = base64_decode(text, len, ret, ret_len);
	free(text);
	if (r == -EINVAL)
		return error_set(error, ERROR_INVALID_SPEC, "is not base64");
	return r < 0 ? place_no_memory(error) : 0;
}

/* The kinds of body: how each is filled, and what it is unless a header says otherwise. */
static const struct {
	const char *name;
	const char *type;
	int (*fill)(const struct request *request, const struct values *values, void **ret, size_t *ret_len,
	    struct error *error);
} BODIES[] = {
	[REQUEST_BODY_JSON] = { "json", "application/json", fill_json },
	[REQUEST_BODY_FORM] = { "form", "application/x-www-form-urlencoded", fill_form },
	[REQUEST_BODY_TEXT] = { "text", "text/plain; charset=utf-8", fill_text },
	[REQUEST_BODY_BYTES] = { "bytes", "application/octet-stream", fill_bytes },
};

static int build_body(const struct request *request, const struct values *values, const char *step,
    struct built_request *built, struct error *error)
{
	size_t len;
	int r;

	if (request->body_kind == REQUEST_BODY_NONE)
		return 0;
	r = BODIES[request->body_kind].fill(request, values, &built->body, &len, error);
	if (r == 0 && len > REMOTE_BODY_MAX)
		r = error_set(error, ERROR_INVALID_SPEC, "it is longer than %d bytes when filled in", REMOTE_BODY_MAX);
	if (r < 0) {
		error_wrap(error, "%s.%s", step, BODIES[request->body_kind].name);
		return r;
	}
	built->http.body = built->body;
	built->http.body_len = len;
	if (find_header(built, "Content-Type"))
		return 0;
	return set_header(built, "Content-Type", strdup(BODIES[request->body_kind].type), error);
}

static int build_headers(const struct build_input *input, struct built_request *built, struct error *error)
{
	const struct request *request = &input->spec->requests[input->step];
	size_t room = json_object_size(input->spec->headers) + json_object_size(request->headers) + 2;
	int r;

	built->headers = calloc(room, sizeof(*built->headers));
	if (!built->headers)
		return place_no_memory(error);
	r = fill_headers(built, input->spec->headers, "", &input->values, input->foreign, error);
	if (r == 0)
		r = fill_headers(built, request->headers, request_step_name(input->step), &input->values,
		    input->foreign, error);
	if (r == 0 && request->idempotency) {
		if (!input->idempotency)
			return error_set(error, ERROR_INVALID_SPEC, "submit.idempotency: there is no value for it");
		r = set_header(built, request->idempotency, strdup(input->idempotency), error);
	}
	return r;
}

/* A service that is asked over TLS cannot have its credential sent to a place without it. */
static int check_downgrade(const struct build_input *input, const struct built_request *built,
    struct error *error)
{
	char *base;
	bool tls;
	int r;

	if (input->foreign || !spec_uses(input->spec, input->step, "credential") || strncasecmp(built->url, "http:", 5) != 0 ||
	    !input->spec->base)
		return 0;
	r = build_base(input->spec, &input->values, &base, error);
	if (r < 0)
		return r;
	tls = strncasecmp(base, "https:", 6) == 0;
	free(base);
	if (!tls)
		return 0;
	return error_set(error, ERROR_INVALID_SPEC,
	    "%s.url: it would send the credential without TLS, which base has", request_step_name(input->step));
}

static int build_socket(const struct build_input *input, struct built_request *built, struct error *error)
{
	const struct request *request = &input->spec->requests[input->step];
	int r;

	if (!request->unix_socket)
		return 0;
	r = template_fill(request->unix_socket, TEMPLATE_PLAIN, &input->values, REMOTE_NAME_MAX * 4,
	    &built->unix_socket, NULL, error);
	if (r == 0 && built->unix_socket[0] != '/')
		r = error_set(error, ERROR_INVALID_SPEC, "must be an absolute path");
	if (r < 0)
		error_wrap(error, "%s.unix_socket", request_step_name(input->step));
	return r;
}

int build_request(const struct build_input *input, struct built_request *ret, struct error *error)
{
	const struct request *request = &input->spec->requests[input->step];
	struct built_request built = { 0 };
	uint64_t timeout = request->timeout_usec ? request->timeout_usec : input->timeout_usec;
	int r;

	if (input->url)
		r = (built.url = strdup(input->url)) ? 0 : place_no_memory(error);
	else
		r = build_url(input->spec, input->step, &input->values, &built.url, error);
	if (r == 0)
		r = check_downgrade(input, &built, error);
	if (r == 0)
		r = build_socket(input, &built, error);
	if (r == 0)
		r = build_headers(input, &built, error);
	if (r == 0)
		r = build_body(request, &input->values, request_step_name(input->step), &built, error);
	if (r < 0) {
		built_request_done(&built);
		return r;
	}
	if (timeout > input->timeout_max_usec)
		timeout = input->timeout_max_usec;
	built.http.method = request->method;
	built.http.url = built.url;
	built.http.unix_socket = built.unix_socket;
	built.http.headers = built.headers;
	built.http.n_headers = built.n_headers;
	built.http.timeout_usec = timeout < 1000 ? 1000 : timeout;
	built.http.safe_to_resend = input->safe_to_resend;
	*ret = built;
	return 0;
}

void built_request_done(struct built_request *built)
{
	for (size_t i = 0; i < built->n_headers; i++) {
		char *value = (char *)built->headers[i].value;

		/* A header may hold a credential. */
		if (value)
			explicit_bzero(value, strlen(value));
		free(value);
	}
	free(built->headers);
	free(built->url);
	free(built->unix_socket);
	free(built->body);
	*built = (struct built_request){ 0 };
}
