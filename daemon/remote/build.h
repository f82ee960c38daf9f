/* build.h - fills a request's templates: the HTTP request that is sent. Pure. */
#ifndef REMOTE_BUILD_H
#define REMOTE_BUILD_H

#include "daemon/remote/http.h"
#include "daemon/remote/spec.h"
#include "daemon/remote/template.h"

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
	struct values values;
	const char *idempotency;       /* for the header of that purpose, or NULL */
	uint64_t timeout_usec;         /* when the spec has none */
	uint64_t timeout_max_usec;     /* at most, in any case */
	bool safe_to_resend;
	const char *url;               /* the whole URL in place of the request's own; or NULL */
	bool foreign;                  /* headers that use {credential} are left out */
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

/* Everything of a request. ERROR_INVALID_SPEC "poll.url: {name} has no value"; done after a failure is not needed. */
int build_request(const struct build_input *input, struct built_request *ret, struct error *error);
void built_request_done(struct built_request *built);

#endif
