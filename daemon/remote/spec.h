/* spec.h - a compiled spec, shared by all futures that have the same text. */
#ifndef REMOTE_SPEC_H
#define REMOTE_SPEC_H

#include "daemon/broker/remote.h"
#include "daemon/remote/request.h"

#include <jansson.h>

struct spec_cache;

struct spec {
	unsigned refs;
	struct spec_cache *cache;      /* NULL: in none */
	char *text;                    /* its key in the cache */
	json_t *root;                  /* the parsed text; everything below borrows from it */
	enum store_kind kind;
	const char *base;              /* template, or NULL */
	const char *credential;        /* name, or NULL */
	const json_t *headers;         /* of every request, or NULL */
	bool http2;                    /* over TLS */
	json_t *names;                 /* what base and headers name */
	json_t *settings;              /* polling, retry, ttl, ...: read for each future, they may depend on params */
	json_t *settings_names;        /* what they name */
	struct request requests[STEPS];
	bool release;                  /* of a promise: see struct plan */
	struct {                       /* of a timer or group: likewise */
		bool has_delay;
		uint64_t delay_usec;
		enum group_until until;
		struct id *of;
		size_t n_of;
	} local;
};

struct spec_cache *spec_cache_new(void);
/* All specs must have been given back. NULL is allowed; returns NULL. */
struct spec_cache *spec_cache_free(struct spec_cache *cache);

/* The compiled form of a JSON text: the one that is in use already, or a new one. What params a spec takes
 * plays no part here. *ret is a reference. ERROR_INVALID_SPEC with the key, the place and the nearest valid
 * key, or with line and column of a syntax error. */
int spec_get(struct spec_cache *cache, const char *text, struct spec **ret, struct error *error);
/* Compile a text only to hear what is wrong with it: all of that is gathered in problems, with line and column of what
 * is no JSON. *ret is what could be read of it, for further checks and not to be sent; NULL when nothing could.
 * 0 or -ENOMEM. */
int spec_examine(struct slice text, struct problems *problems, struct spec **ret);
/* NULL is allowed; returns NULL. */
struct spec *spec_unref(struct spec *spec);

/* Reads a key whose value is a setting into a struct spec: for tables of keys. */
int spec_read_setting(const json_t *json, void *field, const struct place *place, struct error *error);

/* The rules that judge a step's answer, of a list each of its items; or NULL. */
const struct rules *spec_rules(const struct spec *spec, enum step step);

/* Where a step's templates use a name, or NULL: its own and those of base and headers. */
const char *spec_uses(const struct spec *spec, enum step step, const char *name);

/*
 * Parse JSON text that must be an object, as specs, params and policies are. what opens the message:
 * "spec: line 3, column 7: ...". Refuses duplicate keys and more than REMOTE_JSON_DEPTH_MAX levels.
 */
int spec_parse_json(const char *what, struct slice text, json_t **ret, struct error *error);

/* The same for what the daemon itself stored of a future's values, which may be longer. */
int spec_parse_stored(const char *what, struct slice text, json_t **ret, struct error *error);

#endif
