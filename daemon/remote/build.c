/* build.c - fills a request's templates: the HTTP request that is sent. Pure. */
#include "daemon/remote/build.h"
#include "daemon/remote/base64.h"
#include "daemon/remote/events.h"
#include "daemon/remote/fields.h"
#include "daemon/remote/limits.h"
#include "daemon/remote/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What no header's value may have: it would end the header, or start another one. */
static bool has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
			return true;
	return false;
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

static int fill_header(struct built_request *built, const char *name, const json_t *template,
    const struct values *values, struct error *error)
{
	char *value;
	size_t len;
	int r = template_fill(json_string_value(template), TEMPLATE_PLAIN, values, REMOTE_HEADER_MAX, &value, &len,
	    error);

	if (r < 0)
		return r;
	if (has_control(value, len)) {
		free(value);
		return error_set(error, ERROR_INVALID_SPEC, "its value has a control character");
	}
	return set_header(built, name, value, error);
}

/* step: "poll" or "", for the message. Values are never shown. */
static int fill_headers(const struct build_input *input, struct built_request *built, const json_t *headers,
    const char *step, struct error *error)
{
	const char *name;
	json_t *template;

	json_object_foreach((json_t *)headers, name, template) {
		int r = input->foreign ? template_uses(template, "credential") : 0;

		if (r > 0)
			continue;
		r = r < 0 ? place_no_memory(error) : fill_header(built, name, template, &input->values, error);
		if (r < 0) {
			error_wrap(error, "%s%sheaders[\"%s\"]", step, *step ? "." : "", name);
			return r;
		}
	}
	return 0;
}

static int fill_json(const json_t *body, const struct values *values, void **ret, size_t *ret_len,
    struct error *error)
{
	json_t *filled;
	char *text;
	int r = template_fill_json(body, values, &filled, error);

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

static int fill_form(const json_t *body, const struct values *values, void **ret, size_t *ret_len,
    struct error *error)
{
	struct text text = { .max = REMOTE_BODY_MAX };
	int r = fields_append(&text, "", body, values, error);
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

static int fill_text(const json_t *body, const struct values *values, void **ret, size_t *ret_len,
    struct error *error)
{
	char *text;
	int r = template_fill(json_string_value(body), TEMPLATE_PLAIN, values, REMOTE_BODY_MAX, &text, ret_len,
	    error);

	if (r == 0)
		*ret = text;
	return r;
}

static int fill_bytes(const json_t *body, const struct values *values, void **ret, size_t *ret_len,
    struct error *error)
{
	void *text = NULL;
	size_t len = 0;
	int r = fill_text(body, values, &text, &len, error);

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
	int (*fill)(const json_t *body, const struct values *values, void **ret, size_t *ret_len, struct error *error);
} BODIES[] = {
	[REQUEST_BODY_JSON] = { "json", "application/json", fill_json },
	[REQUEST_BODY_FORM] = { "form", "application/x-www-form-urlencoded", fill_form },
	[REQUEST_BODY_TEXT] = { "text", "text/plain; charset=utf-8", fill_text },
	[REQUEST_BODY_BYTES] = { "bytes", "application/octet-stream", fill_bytes },
};

static int build_body(const struct build_input *input, struct built_request *built, struct error *error)
{
	const struct request *request = &input->spec->requests[input->step];
	json_t *body = NULL;
	size_t len;
	int r = 0;

	if (request->body_kind == REQUEST_BODY_NONE)
		return 0;
	if (build_is_first_page(input->step, &input->values) && fields_first_page(request->body, &body) < 0)
		return place_no_memory(error);
	r = BODIES[request->body_kind].fill(body ? body : request->body, &input->values, &built->body, &len, error);
	json_decref(body);
	if (r == 0 && len > REMOTE_BODY_MAX)
		r = error_set(error, ERROR_INVALID_SPEC, "it is longer than %d bytes when filled in", REMOTE_BODY_MAX);
	if (r < 0) {
		error_wrap(error, "%s.%s", request_step_name(input->step), BODIES[request->body_kind].name);
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
	size_t room = json_object_size(input->spec->headers) + json_object_size(request->headers) + 3;
	int r;

	built->headers = calloc(room, sizeof(*built->headers));
	if (!built->headers)
		return place_no_memory(error);
	r = fill_headers(input, built, input->spec->headers, "", error);
	/* What all requests accept is no stream. */
	if (r == 0 && request->events)
		r = set_header(built, "Accept", strdup("text/event-stream"), error);
	if (r == 0)
		r = fill_headers(input, built, request->headers, request_step_name(input->step), error);
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

	if (input->foreign || !spec_uses(input->spec, input->step, "credential") ||
	    strncasecmp(built->url, "http:", 5) != 0 || !input->spec->base)
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

/* A foreign place gets no credential, and from these parts of a request it cannot be left out. */
static int check_foreign(const struct build_input *input, struct error *error)
{
	const struct request *request = &input->spec->requests[input->step];
	const struct place base = { .key = "base" }, polling = { .key = "polling" };
	const struct place step = input->step == STEP_LIST ? (struct place){ .up = &polling, .key = "batch" }
	                                                   : (struct place){ .key = request_step_name(input->step) };
	const struct place url = { .up = &step, .key = "url" }, query = { .up = &step, .key = "query" };
	const struct place socket = { .up = &step, .key = "unix_socket" };
	const struct place body = { .up = &step, .key = BODIES[request->body_kind].name };
	json_t *names = json_object();
	const char *where;
	int r = names ? 0 : place_no_memory(error);

	if (r == 0 && !input->url && input->spec->base)
		r = template_names(input->spec->base, names, &base, error);
	if (r == 0 && !input->url)
		r = template_names(request->url, names, &url, error);
	if (r == 0 && !input->url)
		r = template_names_json(request->query, names, &query, error);
	if (r == 0 && request->unix_socket)
		r = template_names(request->unix_socket, names, &socket, error);
	if (r == 0)
		r = template_names_json(request->body, names, &body, error);
	where = json_string_value(json_object_get(names, "credential"));
	if (r == 0 && where)
		r = error_set(error, ERROR_INVALID_SPEC,
		    "%s: it would carry the credential to a place that only an answer named", where);
	json_decref(names);
	return r;
}

static int build_parts(const struct build_input *input, struct built_request *built, struct error *error)
{
	int r = input->foreign ? check_foreign(input, error) : 0;

	if (r == 0 && input->url)
		r = build_given_url(input->spec, input->step, &input->values, input->url, &built->url, error);
	else if (r == 0)
		r = build_url(input->spec, input->step, &input->values, &built->url, error);
	if (r == 0)
		r = check_downgrade(input, built, error);
	if (r == 0)
		r = build_socket(input, built, error);
	if (r == 0)
		r = build_headers(input, built, error);
	if (r == 0)
		r = build_body(input, built, error);
	return r;
}

/* What else the transport has to know. */
static void fill_http(const struct build_input *input, struct built_request *built)
{
	const struct request *request = &input->spec->requests[input->step];
	uint64_t timeout = request->timeout_usec ? request->timeout_usec : input->timeout_usec;

	if (timeout > input->timeout_max_usec)
		timeout = input->timeout_max_usec;
	built->http.method = request->method;
	built->http.url = built->url;
	built->http.unix_socket = built->unix_socket;
	built->http.headers = built->headers;
	built->http.n_headers = built->n_headers;
	built->http.timeout_usec = timeout < 1000 ? 1000 : timeout;
	built->http.idle_usec = request->events ? request->events->idle_usec : 0;
	built->http.safe_to_resend = input->safe_to_resend;
	built->http.http2 = input->spec->http2;
}

int build_request(const struct build_input *input, struct built_request *ret, struct error *error)
{
	struct built_request built = { 0 };
	int r = build_parts(input, &built, error);

	if (r < 0) {
		built_request_done(&built);
		return r;
	}
	fill_http(input, &built);
	*ret = built;
	return 0;
}

int built_request_text(const struct built_request *built, char **ret)
{
	struct text text = { .max = SIZE_MAX };
	char *body = built->body ? http_escape(built->body, built->http.body_len, false) : NULL;
	const char *const start[] = {
		built->http.method, " ", built->url, "\n", built->unix_socket ? built->unix_socket : "", "\n",
	};
	int r = built->body && !body ? -ENOMEM : 0;
	char *taken;

	for (size_t i = 0; r == 0 && i < sizeof(start) / sizeof(start[0]); i++)
		r = text_append_str(&text, start[i]);
	for (size_t i = 0; r == 0 && i < built->n_headers; i++) {
		const char *const header[] = { built->headers[i].name, ": ", built->headers[i].value, "\n" };

		for (size_t k = 0; r == 0 && k < 4; k++)
			r = text_append_str(&text, header[k]);
	}
	if (r == 0 && body)
		r = text_append_str(&text, body);
	free(body);
	taken = r == 0 ? text_take(&text) : NULL;
	text_done(&text);
	if (!taken)
		return -ENOMEM;
	*ret = taken;
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
