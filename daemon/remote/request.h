/* request.h - one request of a spec: submit, poll or cancel. */
#ifndef REMOTE_REQUEST_H
#define REMOTE_REQUEST_H

#include "daemon/broker/remote.h"
#include "daemon/remote/capture.h"
#include "daemon/remote/place.h"
#include "daemon/remote/rules.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum request_body {
	REQUEST_BODY_NONE,
	REQUEST_BODY_JSON,
	REQUEST_BODY_FORM,
	REQUEST_BODY_TEXT,
	REQUEST_BODY_BYTES
};

struct list;
struct events;

/* Texts are templates unless said otherwise. All JSON is borrowed from the spec. */
struct request {
	bool given;
	const char *method;            /* no template */
	const char *url;
	const char *unix_socket;       /* NULL: none */
	const json_t *query;           /* object of scalars and arrays of scalars, or NULL */
	const json_t *headers;         /* object of strings, or NULL */
	enum request_body body_kind;
	const json_t *body;
	uint64_t timeout_usec;         /* 0: the daemon's default */
	unsigned redirects;            /* followed at most */
	bool long_poll;                /* of a poll: the service holds it */
	uint64_t every_usec;           /* of a keepalive: between two */
	unsigned ack_on;               /* of an ack: 1u << outcome for each end that it is sent after */
	struct list *list;             /* of a list: the rest of `polling.batch` */
	struct events *events;         /* of an event stream: the rest of `events` */
	const char *idempotency;       /* name of the header that carries the stored value, or NULL */
	bool rules_of_poll;            /* "rules": "poll" */
	struct rules *rules;           /* NULL: none of its own */
	struct captures *captures;     /* NULL: none */
	json_t *names;                 /* object: what its templates name -> where first */
	json_t *answer_names;          /* likewise, what those of its rules and captures name */
};

/* Compile into *ret, which is zeroed; done after a failure too. Borrows from json. */
int request_read(const json_t *json, enum step step, struct request *ret, const struct place *place,
    struct error *error);
void request_done(struct request *request);

/* Check an object of header names and templates, and add its names. */
int request_read_headers(const json_t *json, json_t *names, const struct place *place, struct error *error);

/* Where a step's request is in a spec: "submit", "poll", "polling.batch". */
const char *request_step_name(enum step step);

#endif
