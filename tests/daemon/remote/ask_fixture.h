/* ask_fixture.h - two services on loopback that answer by path, and credentials that a test decides about. */
#ifndef TESTS_ASK_FIXTURE_H
#define TESTS_ASK_FIXTURE_H

#include "daemon/remote/ask.h"

#include <check.h>

/* The two services. */
enum { HERE, THERE, SERVICES };

struct page {
	int service;
	const char *path;              /* with the query */
	int status;
	const char *location;          /* or NULL; a leading "@" is the origin of THERE, "!" that of HERE */
	const char *body;
	bool held;                     /* not answered until release() */
	const char *wants;             /* 401 unless X-Key has this; or NULL */
};

/* What came in, the last one of each service. */
struct seen {
	unsigned requests;
	char line[256], key[64], authorization[64], plain[64], type[64], body[256];
};

extern struct event_base *base;
extern struct http *http;
extern struct poller poller;
extern struct seen seen[SERVICES];
extern char origins[SERVICES][64];   /* "http://127.0.0.1:PORT" */

/* The last answer of each ask whose arg is a struct told. */
struct told {
	unsigned calls;
	bool none, shared, sent;
	int status;
	unsigned extra;
	char reason[256], body[256];
	int refresh;                   /* call ask_refresh() at a 401, and keep what it says here */
	bool refreshes;
	struct ask *ask;
	unsigned shown;
	char shown_url[256], shown_key[64];
	uint64_t shown_timeout;
	char data[256];
};

/* Pages until the next call; an answer of 404 for all others. */
void serve(const struct page *pages, size_t count);
#define AT(s, p, n) .service = (s), .path = (p), .status = (n)
#define SERVE(...) \
	serve((const struct page[]){ __VA_ARGS__ }, sizeof((const struct page[]){ __VA_ARGS__ }) / sizeof(struct page))
/* Answer all that is held. */
void release(void);
/* Run the loop until so many requests are held. */
void wait_held(unsigned count);

/* The credential: its value, and how it is given. */
extern struct wallet {
	const char *value;             /* NULL: cannot be had */
	const char *fresh;             /* after value was rejected; NULL: there is none */
	bool later;                    /* not at once, but by grant() */
	const char *bound;             /* origins that it is bound to, in one text; NULL: not bound */
	unsigned asked;
} wallet;
void grant(const char *value);

/* Headers with and without the credential, requests that do not carry it elsewhere. */
#define HEADERS \
	"\"base\": \"{here}\", \"credential\": \"pass\", \"headers\": {\"X-Key\": \"{credential}\", " \
	"\"Authorization\": \"Bearer {credential}\", \"X-Plain\": \"yes\"}"
#define POLL "\"poll\": {\"url\": \"/poll\"}"
#define SPEC "{" HEADERS ", " POLL ", \"submit\": {\"url\": \"/submit\", \"json\": {\"a\": 1}}}"

/* Compile a spec whose {here} and {there} are the services. plan_free() is the caller's. */
struct remote_plan *plan_of(const char *spec);
/* The same, and each of its requests follows so many redirects. */
struct remote_plan *plan_with(const char *spec, unsigned redirects);
struct ask_input ask_of(const struct remote_plan *plan, enum step step);
void begin(const struct ask_input *input, struct told *told);
void await(struct told *told);
/* Both. */
void perform(const struct ask_input *input, struct told *told);
void on_told(void *arg, const struct ask_answer *answer);

/* main of a test program. */
int ask_run(const char *name, const TTest *const *tests, size_t n_tests);

#endif
