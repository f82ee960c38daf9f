/* batch_fixture.h - a batch over loopback: its members, what the service answers, and what is told. */
#ifndef TESTS_BATCH_FIXTURE_H
#define TESTS_BATCH_FIXTURE_H

#include "tests/daemon/remote/loopback.h"

#define MEMBERS_MAX 8

#define RULES \
	"[{\"when\": {\"body\": {\"/state\": \"done\"}}, \"then\": \"success\", \"result\": \"/out\"}," \
	" {\"when\": {\"body\": {\"/state\": \"bad\"}}, \"then\": \"failure\", \"error\": {\"message\": \"/why\"}}," \
	" {\"when\": {\"status\": 401}, \"then\": \"refresh_credential\"}," \
	" {\"when\": {\"status\": 418}, \"then\": \"retry\", \"delay\": 7}," \
	" {\"when\": {\"status\": 409}, \"then\": \"pending\"}," \
	" {\"when\": {\"status\": [404, 503]}, \"then\": \"lost\"}]"

/* A spec with these members of polling.batch besides `is`. */
#define SPEC(batch) \
	"{\"base\": \"{base}\", \"poll\": {\"url\": \"/jobs/{job}\", \"capture\": {\"rev\": {\"body\": \"/rev\"}}," \
	" \"rules\": " RULES "}, \"polling\": {\"batch\": {\"is\": \"{job}\", " batch "}}}"

/* Pages by token. */
#define PAGED \
	"\"url\": \"/list\", \"query\": {\"n\": 2, \"after\": \"{page}\"}, \"items\": \"/data\", \"id\": \"/id\", " \
	"\"next\": {\"page\": {\"body\": \"/last\"}}, \"more\": {\"/more\": true}"

/* What the service answers, one after another, the last one again and again. */
struct answer_of_service {
	int status;
	const char *body;
	const char *name, *value;      /* a header, or NULL */
};
extern struct answer_of_service answers[MEMBERS_MAX];
extern size_t n_answers;
void answer(int status, const char *body);
void respond(struct evhttp_request *request);

extern struct plan *plans[MEMBERS_MAX];
extern struct batch_member members[MEMBERS_MAX];
extern size_t count;
extern struct exchange *exchange;

/* What was told, by member, then of the request. */
struct told {
	unsigned calls;
	struct verdict verdict;
	char result[256], message[256], progress[128], captured[128], kind[32];
};
extern struct told told[MEMBERS_MAX + 1];
extern unsigned calls;
/* Called within each callback; or NULL. */
extern void (*on_told)(size_t member);

void batch_setup(void);
void batch_teardown(void);

/* One more member: job is JSON, or NULL where it is not known. */
void add(const char *spec, const char *job);
/* So many more, called 1, 2, 3, ... */
void add_numbers(const char *spec, size_t n);

int try_start(struct error *error);
/* Start, and wait for the end. */
void start(void);
void finish(void);
void run(void);

/* Each member was told once, with this outcome. */
void check_all(enum outcome outcome);

#endif
