/* http_fixture.h - a base, a transport and a scripted server; outcomes kept for the test to look at. */
#ifndef TESTS_HTTP_FIXTURE_H
#define TESTS_HTTP_FIXTURE_H

#include "daemon/remote/http.h"
#include "tests/daemon/remote/script_server.h"

#include <check.h>

#define BODY_MAX 100000

/* What a callback was told, copied. */
struct outcome {
	unsigned calls;
	int status;
	struct http_header headers[64];
	size_t n_headers;
	char *body;
	size_t body_len;
	bool sent, too_large, timed_out;
	unsigned resends;
	char error[256];
	struct http_transfer *transfer;
};

extern struct event_base *base;
extern struct http *http;
extern struct script_server *server;
extern char url[128];                /* the scripted server's, once fixture_serve was called */

void fixture_setup(void);
void fixture_teardown(void);

/* Start the scripted server. */
void fixture_serve(const struct script_step *steps, size_t n_steps);

/* A GET of url with five seconds, safe to send again. */
struct http_request fixture_request(const char *method);

/* The callback; arg is the struct outcome. */
void fixture_done(void *arg, const struct http_response *response);
/* Start a transfer whose callback is fixture_done. */
void fixture_start(const struct http_request *request, struct outcome *outcome);
/* Run the loop until the outcome is there. */
void fixture_wait(struct outcome *outcome);
/* Run the loop until *count has reached target. */
void fixture_wait_count(const unsigned *count, unsigned target);
/* Start, wait. */
void fixture_exchange(const struct http_request *request, struct outcome *outcome);
void outcome_clear(struct outcome *outcome);

/* The outcome's error is exactly this, %d being the server's port. */
#define ck_assert_error(outcome, ...) \
	do { \
		char expected_[256]; \
		snprintf(expected_, sizeof(expected_), __VA_ARGS__); \
		ck_assert_int_eq((outcome)->status, 0); \
		ck_assert_str_eq((outcome)->error, expected_); \
	} while (0)

/* main of a test program. */
int fixture_run(const char *name, const TTest *const *tests, size_t n_tests);

#endif
