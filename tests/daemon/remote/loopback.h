/* loopback.h - a poller, and an HTTP service in the same event loop for it to talk to. */
#ifndef TESTS_LOOPBACK_H
#define TESTS_LOOPBACK_H

#include "daemon/remote/poller.h"

#include <check.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdbool.h>
#include <stddef.h>

#define LOOPBACK_BODY_MAX 1000000
#define LOOPBACK_STREAMS_MAX 3

extern struct event_base *base;
extern struct poller *poller;
extern struct remote remote;
extern struct id id;
extern int port;

/* What the service was asked: "GET /list?after=x", counted; header values and bodies of the last one. */
extern unsigned requests;
extern char lines[256][512];
extern char authorization[128], sent[1024];

/* Answers each request; set by the test. arg is NULL. */
extern void (*on_request)(struct evhttp_request *request);

void loopback_setup(void);
void loopback_teardown(void);

/* A reply with a JSON body. */
void reply(struct evhttp_request *request, int status, const char *body);
void reply_header(struct evhttp_request *request, const char *name, const char *value);

/* Compile a spec, with {base} the service; params is the inside of an object, or "". */
struct plan *make_plan(const char *spec, const char *params);
struct step_input input_of(enum step step);
void write_credential(const char *name, const char *value);

/* Run the loop until a condition holds; the test fails when that takes more than three seconds. */
#define run_until(condition) \
	do { \
		struct event *limit_ = loopback_limit(); \
		while (!(condition)) \
			event_base_loop(base, EVLOOP_ONCE); \
		event_free(limit_); \
	} while (0)
struct event *loopback_limit(void);
/* Let happen what can happen at once. */
void run_a_little(void);

#endif
