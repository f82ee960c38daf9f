/* build.h - fills a request's templates: the HTTP request that is sent. Pure. */
#ifndef REMOTE_BUILD_H
#define REMOTE_BUILD_H

#include "daemon/remote/http.h"
#include "daemon/remote/spec.h"
#include "daemon/remote/template.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* http borrows from the rest. */
struct built_request {
	struct http_request http;
	char *url;
	char *unix_socket;
	void *body;
	struct http_header *headers;
	size_t n_headers;
};

struct build_input {
	const struct spec *spec;
	enum step step;
	struct values values;          /* for a list request builtin has page and ids too */
	const char *url;               /* the whole URL, as a service gave it, instead of url and query; or NULL */
	bool foreign;                  /* the credential must not go there: headers that use it are left out */
	const char *idempotency;       /* for the header of that purpose, or NULL */
	uint64_t timeout_usec;         /* when the spec has none */
	uint64_t timeout_max_usec;     /* at most, in any case */
	bool safe_to_resend;
};

/*
 * The base of a spec. A base that is one single template takes its value as it is, in any other one values are
 * percent-encoded. *ret NULL: it has none.
 */
int build_base(const struct spec *spec, const struct values *values, char **ret, struct error *error);

/*
 * The absolute URL of a step, its query included. Values are percent-encoded, with one exception: a `url` that is
 * one single {+name} whose value is an absolute URL or starts with "/" is that value, as a service gave it
 * (Operation-Location). Filled values can neither name another host ("//host") nor leave their path ("..").
 */
int build_url(const struct spec *spec, enum step step, const struct values *values, char **ret,
    struct error *error);

/* The same for a URL that a service gave (a redirect's, a next page's), which may be relative to the base. */
int build_given_url(const struct spec *spec, enum step step, const struct values *values, const char *given,
    char **ret, struct error *error);

/* Is it the request for a list's first page? Then there is no {page}, and members that name it are left out. */
bool build_is_first_page(enum step step, const struct values *values);

/* Everything of a request. ERROR_INVALID_SPEC "poll.url: {name} has no value"; also when it is foreign and its URL,
 * socket or body would carry the credential. Done after a failure is not needed. */
int build_request(const struct build_input *input, struct built_request *ret, struct error *error);
/* All of it that a service sees, as one text: two requests with equal texts are the same. *ret is the caller's to
 * free. 0 or -ENOMEM. */
int built_request_text(const struct built_request *built, char **ret);
void built_request_done(struct built_request *built);

#endif
