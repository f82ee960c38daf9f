/* credentials_fixture.h - a token endpoint, a directory and a clock; what askers are told. */
#ifndef TESTS_CREDENTIALS_FIXTURE_H
#define TESTS_CREDENTIALS_FIXTURE_H

#include "daemon/remote/credentials.h"
#include "tests/daemon/remote/http_fixture.h"

#include <stdbool.h>
#include <stdint.h>

struct evhttp_request;

#define START_MS INT64_C(1700000000000)

/* What one asker was told. */
struct told {
	unsigned calls;
	char value[200];
	char message[600];
	struct credential_wait *wait;
	const char *again;             /* ask for this name once more, in the callback, the value being rejected */
	struct told *next;
	struct told *victim;           /* cancelled in the callback */
};

extern struct evhttp *endpoint;
extern char token_url[100], directory[128];
extern unsigned requests;             /* that the endpoint has seen */
extern char body[1000];               /* of the last one */
extern struct evhttp_request *held;   /* the last one, when it is the test that answers it */
extern bool hold;
extern int answer_status;
extern char answer[400];              /* #: the number of the request */
extern const char *retry_after;
extern int64_t clock_ms;
extern struct credentials *credentials;
extern struct credential_source source;
extern struct credentials_config config;

void send_answer(struct evhttp_request *request);

/* Write a file of the directory; one whose name begins with '#' can be run. */
void put(const char *name, const char *text);

/* Credentials with the one source; make_oauth2: one that is renewed with a refresh token. */
void make(void);
void make_oauth2(void);

/* What credentials_get() says at once; 0: it will tell. */
int ask(const char *name, const char *rejected, struct told *told);
/* Ask and wait. 1: a value. */
int get(const char *name, const char *rejected, struct told *told);

void expect(const char *name, const char *rejected, const char *value);
/* The message has these words, and no secret. */
void expect_failure(const char *name, const char *rejected, const char *words);
void expect_file(const char *name, const char *text);

/* main of a test program; loop may be NULL. */
int credentials_run(const char *name, const TTest *const *tests, size_t n_tests, const TTest *loop, int n_loop);

#endif
